"""One TCP or TLS connection to an SMSC, driving one session.

What belongs here: moving octets and time between a socket and a session. What does not: when to connect and what the
events mean (``smpp_link``).
"""

import asyncio
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Generic, TypeVar, cast

from esoz_notify.channels.smpp import SmppAccount
from esoz_notify.channels.smpp_session import Event, Session, State

CLOSE_GRACE_S = 1.0
"""What was written last has so long to leave before the connection is cut."""

T = TypeVar("T")


class Connection(asyncio.Protocol, Generic[T]):
    """One TCP connection and its session: moves octets and time into it and hands its events on in their order.

    ``ended``: the session is over. ``gone``: the connection is.
    """

    def __init__(self, account: SmppAccount, on_event: Callable[["Connection[T]", Event[T]], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_event = on_event
        self._transport: asyncio.Transport | None = None
        self._flush_due = False
        self._timer: asyncio.TimerHandle | None = None
        self.session: Session[T] = Session(account, now=self._loop.time())
        self.ended = asyncio.Event()
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bind at once: an SMSC closes connections that do not."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is one by its methods only
        wire = transport.get_extra_info("socket")
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # writes of a turn are put together by us
        if self.session.state is State.OPEN:  # else it was given up while it was being connected
            self.session.bind()
        self.wake()

    def data_received(self, data: bytes) -> None:
        """Hand on what the octets mean."""
        self._hand_on(self.session.receive(data, self._loop.time()))

    def pause_writing(self) -> None:
        """Hear nothing more while the peer takes nothing: each thing heard may be one more to answer."""
        if self._transport:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Hear on."""
        if self._transport:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name and number are asyncio's
        """Report every submit without an answer."""
        self.gone.set()
        self.lose()

    def wake(self) -> None:
        """Write, once this turn of the loop is over, whatever the session has to say by then."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def lose(self) -> None:
        """End the session from our side or because the connection is gone. Idempotent."""
        self._hand_on(self.session.lose())

    async def close(self) -> None:
        """Close the connection, giving what was written a moment to leave. Idempotent."""
        if self._transport:
            self._flush()
            self._transport.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_GRACE_S):
                    await self.gone.wait()
            self._transport.abort()
        self.lose()

    def _hand_on(self, events: Iterable[Event[T]]) -> None:
        for event in events:
            self._on_event(self, event)
        self.wake()

    def _flush(self) -> None:
        self._flush_due = False
        octets = self.session.take_output()
        if octets and self._transport and not self.gone.is_set():
            self._transport.write(octets)
        if self.session.state is State.CLOSED:
            self.ended.set()
        self._arm()

    def _arm(self) -> None:
        due_at = self.session.next_tick_at
        if self._timer and (due_at is None or due_at < self._timer.when()):
            self._timer.cancel()
            self._timer = None
        if due_at is not None and self._timer is None:
            # A timer that is already set for an earlier moment stays: ticking early does nothing but set the next.
            self._timer = self._loop.call_at(due_at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._hand_on(self.session.tick(self._loop.time()))
