"""Listening sockets that can go away and come back on the same port, as an outage needs. Not who speaks there."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

_BACKLOG = 1024
_HOLD_TRIES = 100
_HOLD_GAP_S = 0.01
Serve = Callable[[socket.socket], Coroutine[Any, Any, asyncio.Server]]


def bound_socket(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet: it keeps the port, and callers are refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


class Listener:
    """One port: open, closed with its connections cut, open again. ``port`` is known from the start."""

    def __init__(
        self,
        host: str,
        port: int,
        serve: Serve,
        cut: Callable[[int], None],
    ) -> None:
        self._host = host
        self._serve = serve
        self._cut = cut
        self._waiting: socket.socket | None = bound_socket(host, port)
        self._server: asyncio.Server | None = None
        self._lock = asyncio.Lock()
        self.port: int = self._waiting.getsockname()[1]

    async def open(self) -> None:
        """Listen; nothing happens when it does already."""
        async with self._lock:
            if self._waiting is not None:
                sock, self._waiting = self._waiting, None
                self._server = await self._serve(sock)

    async def shut(self) -> None:
        """Refuse new callers and cut the present ones; the port stays taken."""
        async with self._lock:
            if self._server is not None:
                self._server.close()
                self._server = None
                self._cut(self.port)
                self._waiting = await self._hold_port()

    async def _hold_port(self) -> socket.socket:
        """The port again, as soon as the loop has let go of it (uvloop closes a server some turns later)."""
        for _ in range(_HOLD_TRIES):
            with contextlib.suppress(OSError):
                return bound_socket(self._host, self.port)
            await asyncio.sleep(_HOLD_GAP_S)
        return bound_socket(self._host, self.port)

    async def close(self) -> None:
        """Give the port back."""
        async with self._lock:
            if self._server is not None:
                self._server.close()
                self._server = None
            if self._waiting is not None:
                with contextlib.suppress(OSError):
                    self._waiting.close()
                self._waiting = None


def tcp_server(protocol: Callable[[], asyncio.BaseProtocol], ssl_context: ssl.SSLContext | None = None) -> Serve:
    """How a listener serves a protocol."""
    loop = asyncio.get_running_loop()

    async def serve(sock: socket.socket) -> asyncio.Server:
        return await loop.create_server(protocol, sock=sock, ssl=ssl_context, backlog=_BACKLOG)

    return serve


def cut_http(server: web.Server, port: int) -> None:
    """Break every HTTP connection that came in by this port."""
    for connection in list(server.connections):
        transport = connection.transport
        if transport is not None and transport.get_extra_info("sockname")[1] == port:
            transport.abort()
