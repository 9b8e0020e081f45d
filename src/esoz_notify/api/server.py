"""Serves an application on a socket within the running event loop, and stops it within a bound.

What belongs here: uvicorn's settings and its start and stop. What does not: signals (the command line), building the
application (``app``).
"""

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import uvicorn
from litestar import Litestar

from esoz_notify.api.edge import Edge
from esoz_notify.api.patience import PatientHttp, look_over
from esoz_notify.api.peers import PEER
from esoz_notify.engine.listener_tls import Tls
from esoz_notify.engine.listening import Listening, bound_to, listen

GRACE_S = 10
"""How long requests that have begun may take to end once the server stops."""

_KEEP_ALIVE_S = 75
"""Longer than the usual 60 s of proxies, so that it is they who close idle connections, not we in the same moment."""

bind = listen
"""Take a port before anything is built that needs to know it."""


class Server:
    """Serves while its context lasts. ``base_url``: where this machine reaches it. ``ended``: done when it has stopped.

    ``tls``: it speaks TLS; None is plain HTTP. Leaving the context takes no new connections, ends streams, and waits
    ``grace_s`` for the rest at most. Entering raises what the application's own start raised.
    """

    def __init__(self, app: Litestar, listening: Listening, *, tls: Tls | None = None, grace_s: int = GRACE_S) -> None:
        self.app = app
        self._edge: Edge = app.state.edge
        self._socket = listening
        self._tls = tls
        self._server = _Uvicorn(_config(app, grace_s, tls))
        host, self.port = bound_to(listening)
        self.base_url = f"{'http' if tls is None else 'https'}://{f'[{host}]' if ':' in host else host}:{self.port}"
        self.ended: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start, and wait until it answers."""
        self.ended = asyncio.create_task(self._server.serve([self._socket]), name=f"serving {self.base_url}")
        answers = asyncio.create_task(self._server.answers.wait())
        await asyncio.wait({answers, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        answers.cancel()
        if self.ended.done():
            self._socket.close()
            await self.ended
            raise RuntimeError("the application did not start; its log says why")
        if self._tls is not None:
            self._watching = asyncio.create_task(self._tls.watch(), name="renewed certificates")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop within the bound."""
        assert self.ended is not None
        if self._watching is not None:
            self._watching.cancel()
        self._edge.stopping.set()
        self._server.should_exit = True
        await self.ended


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers, and with a moment from which it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the command line."""
        yield

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Start, and say so. An application that does not start ends the task and not the process."""
        try:
            await super().startup(sockets)
        except SystemExit:
            self.should_exit = True
            return
        self.answers.set()

    async def on_tick(self, counter: int) -> bool:
        """Once a second, let time pass for the connections."""
        if counter % 10 == 0:
            look_over(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)


class _Telling(PatientHttp):
    """uvicorn's HTTP, which also tells the application whose certificate the connection has proved."""

    _peer: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn's own
        """Begin a connection."""
        super().connection_made(transport)
        made: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        certificate = made.getpeercert(binary_form=True) if made is not None else None
        self._peer = hashlib.sha256(certificate).hexdigest() if certificate else None

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        if self._peer is not None:
            scope: Any = self.scope
            scope["extensions"] = {"tls": {PEER: self._peer}}


def _config(app: Litestar, grace_s: int, tls: Tls | None) -> uvicorn.Config:
    # Whoever adds handlers to its log: its lines have whole paths, and paths of ESOZ's contract have phones in them.
    logging.getLogger("uvicorn.access").disabled = True
    return uvicorn.Config(
        app,
        loop="none",
        http=_Telling,
        ssl_context_factory=None if tls is None else lambda config, default: tls.context,  # noqa: ARG005 - uvicorn's
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=grace_s,
    )
