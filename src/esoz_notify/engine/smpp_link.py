"""One living link to an SMSC: connects, binds, mends itself, takes receipts in and submits messages.

What belongs here: the life of a link and of a receipt. What does not: octets and time of one connection
(``smpp_connection``), the queue of submits (``smpp_sender``), what the SMSC's words mean (``channels.smpp``).
"""

import asyncio
import logging
import secrets
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from enum import StrEnum
from typing import Any, TypeAlias

from esoz_notify.channels.dialogue import OutboundMessage, Receipt, ReceiptProblem
from esoz_notify.channels.smpp import SmppAccount, is_misconfigured, read_refusal, status_text
from esoz_notify.channels.smpp_pdu import Status
from esoz_notify.channels.smpp_receipt import read_deliver
from esoz_notify.channels.smpp_session import (
    AccountRefused,
    Alive,
    BindRefused,
    Bound,
    Broken,
    Delivered,
    Event,
    LateAnswer,
    State,
    Strange,
    SubmitAnswered,
    Unbound,
)
from esoz_notify.core.results import Refused, Result
from esoz_notify.engine.connection_faults import fault_text
from esoz_notify.engine.rate_budget import RateBudget
from esoz_notify.engine.smpp_binds import Permit
from esoz_notify.engine.smpp_connection import CLOSE_GRACE_S, Connection
from esoz_notify.engine.smpp_sender import Part, Sender, SmscConnection

RECONNECT_MIN_S = 0.25
RECONNECT_MAX_S = 30.0
MISCONFIGURED_MIN_S = 30.0
MISCONFIGURED_MAX_S = 300.0
"""A wrong password is not asked again and again: some operators lock the account."""
STEADY_S = 10.0
"""A bind that held for so long was a good one: the next pause is short again."""
DRAIN_S = 5.0
RECEIPTS_AT_ONCE_MAX = 200
RECEIPTS_WAITING_MAX = 5_000
"""Beyond it the SMSC is told that our queue is full, and repeats the receipt later."""

_log = logging.getLogger(__name__)

OnReceipt: TypeAlias = Callable[[bytes, Receipt | ReceiptProblem], Awaitable[None]]
OnLate: TypeAlias = Callable[[str, Result], Awaitable[None]]


class LinkState(StrEnum):
    """What a health page shows of a link."""

    IDLE = "idle"
    RESERVE = "reserve"
    """Other workers hold all binds that the SMSC allows; this one takes over when one of them is given up."""
    CONNECTING = "connecting"
    UP = "up"
    WAITING = "waiting"
    """The last connection failed or ended; the next is tried soon."""
    MISCONFIGURED = "misconfigured"
    """The SMSC refuses this account or its settings: a person must look; it is tried again after longer pauses."""
    CLOSING = "closing"
    CLOSED = "closed"


class SmppLink:
    """A link to one account that mends itself. ``run`` keeps it alive; ``submit`` may be called by any task meanwhile.

    ``on_receipt`` gets the raw deliver_sm and what it means; only after it has returned is the receipt acknowledged,
    and when it raises the SMSC is asked to repeat it: it must be idempotent and may be called for many at once.
    ``on_late`` gets the key of a message whose result had been unknown (or whose caller had left) and its true result.
    ``permit``: it is bound only while that allows. ``budget``: what may be submitted; None: by the account's own rate.
    """

    def __init__(  # noqa: PLR0913 - what a link works with, each by name
        self,
        account: SmppAccount,
        *,
        on_receipt: OnReceipt,
        on_late: OnLate | None = None,
        ssl_context: ssl.SSLContext | None = None,
        permit: Permit | None = None,
        budget: RateBudget | None = None,
    ) -> None:
        self.state: str = LinkState.IDLE
        self.last_error = ""
        self._account = account
        self._on_receipt = on_receipt
        self._on_late = on_late
        self._ssl_context = ssl_context
        self._permit = permit
        self._sender = Sender(account, self._late, budget)
        self._connection: SmscConnection | None = None
        self._closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._receipt_gate = asyncio.Semaphore(RECEIPTS_AT_ONCE_MAX)
        self._failure_count = 0
        self._misconfigured = False

    @property
    def is_up(self) -> bool:
        """Whether a message may be submitted now."""
        return self._sender.session is not None

    async def submit(self, message: OutboundMessage) -> Result:
        """Submit all parts of a message and say what became of it; at once TryLater when the link is not up.

        Accepted names one id per part, in order. Not idempotent: SMPP knows no repeat of a submit, so a message whose
        result is Unknown must not be submitted here again.
        """
        return await self._sender.submit(message)

    # --- the life of the link ---

    async def run(self) -> None:
        """Connect, bind and keep the bind until ``close`` or cancellation; every failure leads to the next try."""
        try:
            while await self._is_permitted():
                self.state = LinkState.CONNECTING
                await self._one_bind()
                await self._pause()
        finally:
            self.state = LinkState.CLOSED
            await self._cancel_tasks()

    async def close(self, drain_s: float = DRAIN_S) -> None:
        """Take no more messages, wait up to ``drain_s`` for answers and receipts under way, unbind, and end ``run``."""
        self.state = LinkState.CLOSING
        self._closing.set()
        connection = self._connection
        await self._finish(drain_s)
        if connection:
            await self._unbind(connection)

    async def _finish(self, drain_s: float) -> None:
        self._sender.detach()
        under_way = [*self._tasks, *self._sender.under_way]
        if under_way:
            await asyncio.wait(under_way, timeout=drain_s)

    async def _unbind(self, connection: SmscConnection) -> None:
        connection.session.unbind(self._now())
        connection.wake()
        if connection.session.state is State.UNBINDING:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_GRACE_S):
                    await connection.ended.wait()
        connection.lose()

    async def _is_permitted(self) -> bool:
        """Wait until a bind is allowed; False: the link is being closed."""
        if self._permit is not None and not self._permit.is_valid and not self._closing.is_set():
            self.state = LinkState.RESERVE
            await _first(self._closing.wait(), self._permit.granted())
        return not self._closing.is_set()

    async def _one_bind(self) -> None:
        began_at = self._now()
        connection: SmscConnection = Connection(self._account, self._hear)
        self._connection = connection
        self._sender.attach(connection)
        if self._permit:
            self._permit.use(bound=False)
        try:
            await self._hold(connection)
        except (OSError, TimeoutError, UnicodeError) as error:  # the last: a host that is no name
            self._fail(f"no connection: {fault_text(error)}")
        finally:
            await connection.close()
            self._connection = None
            self._sender.detach()
            if self._permit:
                self._permit.leave()
        if self._now() > began_at + STEADY_S:
            self._failure_count = 0

    async def _hold(self, connection: SmscConnection) -> None:
        """Connect and stay bound until the session ends or the permit does."""
        if self._permit is None:
            await self._live(connection)
            return
        await _first(self._live(connection), self._permit.over())
        if self._permit.is_valid or connection.ended.is_set():
            return
        if self._permit.recalled:
            self.state = LinkState.CLOSING
            await self._finish(DRAIN_S)
        _log.info("smpp %s: the bind is left to other workers", self._account.name)
        connection.session.unbind(self._now())

    async def _live(self, connection: SmscConnection) -> None:
        await self._connect(connection)
        await connection.ended.wait()

    async def _connect(self, connection: SmscConnection) -> None:
        account = self._account
        async with asyncio.timeout(account.bind_timeout_s):
            await asyncio.get_running_loop().create_connection(
                lambda: connection, account.host, account.port, ssl=self._ssl_context
            )

    async def _pause(self) -> None:
        self.state = LinkState.CLOSING if self._closing.is_set() else LinkState.WAITING
        shortest_s, longest_s = RECONNECT_MIN_S, RECONNECT_MAX_S
        if self._misconfigured:
            self.state = LinkState.MISCONFIGURED
            shortest_s, longest_s = MISCONFIGURED_MIN_S, MISCONFIGURED_MAX_S
        self._failure_count += 1
        highest_s = min(longest_s, shortest_s * 2 ** min(self._failure_count, 16))
        pause_s = secrets.SystemRandom().uniform(shortest_s, highest_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._closing.wait()

    async def _cancel_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what the session says ---

    def _hear(self, connection: SmscConnection, event: Event[Part]) -> None:
        match event:
            case SubmitAnswered(part, result):
                self._sender.answered(part, result)
            case Delivered():
                self._take_in(connection, event)
            case LateAnswer(part, result):
                self._sender.learn(part, result)
            case Bound():
                self._up()
            case Alive():
                self._sender.pump()
            case BindRefused(status):
                self._misconfigured = is_misconfigured(status)
                self._fail(f"bind refused: {status_text(status)}")
            case AccountRefused(status):
                self._misconfigured = isinstance(read_refusal(status), Refused)
                self.state = LinkState.WAITING
                self._fail(f"submit refused: {status_text(status)}")
                connection.session.unbind(self._now())
                self._sender.refuse_waiting()
            case Broken(what):
                self._fail(what)
            case Unbound(by_peer=True):
                self._fail("the SMSC ended the bind")
            case Unbound():
                _log.info("smpp %s: unbound", self._account.name)
            case Strange(what):
                _log.warning("smpp %s: strange: %s", self._account.name, what)

    def _up(self) -> None:
        self.state = LinkState.UP
        self.last_error = ""
        self._misconfigured = False
        if self._permit:
            self._permit.use(bound=True)
        _log.info("smpp %s: bound", self._account.name)

    def _fail(self, what: str) -> None:
        self.last_error = what
        _log.warning("smpp %s: %s", self._account.name, what)

    def _take_in(self, connection: SmscConnection, delivered: Delivered) -> None:
        if len(self._tasks) >= RECEIPTS_WAITING_MAX:
            connection.session.acknowledge(delivered.sequence_number, Status.QUEUE_FULL)
            return
        self._start(self._keep_receipt(connection, delivered))

    async def _keep_receipt(self, connection: SmscConnection, delivered: Delivered) -> None:
        status = Status.OK
        async with self._receipt_gate:
            try:
                await self._on_receipt(delivered.frame, read_deliver(self._account, delivered.body))
            except Exception as error:
                # Its text may hold what the receipt holds, so only its kind is told.
                _log.error("smpp %s: a receipt was not kept: %s", self._account.name, type(error).__name__)
                status = Status.TEMPORARY_APPLICATION_ERROR
        connection.session.acknowledge(delivered.sequence_number, status)
        connection.wake()

    def _late(self, key: str, result: Result) -> None:
        if self._on_late:
            self._start(self._tell_late(self._on_late, key, result))

    async def _tell_late(self, on_late: OnLate, key: str, result: Result) -> None:
        try:
            await on_late(key, result)
        except Exception as error:
            _log.error("smpp %s: a late answer was not kept: %s", self._account.name, type(error).__name__)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


async def _first(*work: Coroutine[Any, Any, object]) -> None:
    """Do all until one is done, and give up the others. Raises what that one raises."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
