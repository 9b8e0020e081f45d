"""HTTP on a socket with bounds: how much a head may hold, how long anything may take, how many may be connected.

What belongs here: bounds of what comes before a request is one, and of connections. What does not: bodies, whose size
each call of the contract bounds itself (``direct``), and what the requests mean.
"""

import json
import logging
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from esoz_notify.api.problems import PROBLEM_TYPE, TYPE_PREFIX

log = logging.getLogger(__name__)

HEAD_BYTES_MAX = 64 * 1024
"""A request line with its headers; the largest token and the longest query that are taken need a twentieth."""
HEADERS_MAX = 100
PIPELINED_MAX = 16
"""Requests that wait on one connection for the answer to an earlier one; no client of ours sends any so."""
HEAD_S = 15.0
"""From a connection, or the first byte of a request on an old one, to the end of its headers."""
BODY_S = 30.0
BODY_BYTES_PER_S = 8 * 1024
"""A body may take so long, and longer only when it comes as fast as the slowest line does."""
UNREAD_S = 60.0
"""An answer, or a part of a stream, may wait so long for a reader who takes nothing."""
LINGER_S = 2.0
LINGER_BYTES_MAX = 2 * 1024 * 1024
"""What still comes after an answer is read so far, so that the answer is not lost; then the connection is cut."""
CONNECTIONS_MAX = 8_000
"""At most half of the files that the process may open: the ledger needs some, and a full table of files stops all."""
EVICTED_SHARE = 16
"""A sixteenth of the connections is closed when there are too many: those that have waited longest for a request."""

_TITLES = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}


def files_max() -> int:
    """How many files, connections among them, this process may have open."""
    try:
        import resource
    except ImportError:  # no such bound where there is no such module
        return 2 * CONNECTIONS_MAX
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 2 * CONNECTIONS_MAX if allowed == resource.RLIM_INFINITY else allowed


class _Refused(Exception):
    """The head breaks a bound; ``detail`` says which."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class PatientHttp(HttpToolsProtocol):
    """One connection. ``waiting_since`` is None while nothing is owed by the other side."""

    connections_max = min(CONNECTIONS_MAX, files_max() // 2)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.waiting_since: float | None = None
        self.reading_body = False
        self.body_bytes = 0
        self.unread_since: float | None = None
        self.refused_at: float | None = None
        self._unread_bytes = 0
        self._fruitful = False
        self._head_broke: _Refused | None = None
        self._lingered_bytes = 0

    # --- what the socket does ---

    def connection_made(self, transport: Any) -> None:
        """Take a connection, and part with idle ones when there are too many."""
        if len(self.connections) >= self.connections_max and not _make_room(self.connections, self.loop.time()):
            transport.abort()
            self.transport = transport
            return
        super().connection_made(transport)
        self.waiting_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Hand octets to the parser, and end it when many of them bring nothing."""
        if self.refused_at is not None:
            self._lingered_bytes += len(data)
            if self._lingered_bytes > LINGER_BYTES_MAX:
                self.transport.abort()
            return
        self._fruitful = False
        self._unread_bytes += len(data)
        super().data_received(data)
        if self._fruitful:
            self._unread_bytes = 0
        elif self._unread_bytes > HEAD_BYTES_MAX:
            # A head, trailers or the extensions of a chunk without an end: the parser would gather them for ever.
            self._refuse(431, "headers_too_large", f"send {HEAD_BYTES_MAX} bytes of headers at most")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self.flow is not None:
            super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Note since when the other side takes nothing."""
        self.unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It takes again."""
        self.unread_since = None
        super().resume_writing()

    # --- what the parser finds ---

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.waiting_since = self.loop.time()
        self.reading_body = False

    def on_headers_complete(self) -> None:
        """A head is whole; only now does a request begin for the application."""
        self._fruitful = True
        headers = self.headers
        if len(headers) > HEADERS_MAX:
            raise self._broken(f"send {HEADERS_MAX} headers at most")
        # Most heads come in a piece that is smaller than what they may be.
        if self._unread_bytes > HEAD_BYTES_MAX:
            size = len(self.url) + sum(len(name) + len(value) for name, value in headers)
            if size > HEAD_BYTES_MAX:
                raise self._broken(f"send {HEAD_BYTES_MAX} bytes of headers at most")
        if len(self.pipeline) >= PIPELINED_MAX:
            raise self._broken(f"send {PIPELINED_MAX} requests at most before the first is answered")
        self.headers = []  # takes trailers, which must not become headers of a request that has begun
        self.reading_body, self.body_bytes, self._lingered_bytes = True, 0, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._fruitful = True
        self.body_bytes += len(body)
        if self.cycle.response_complete:
            self._lingered_bytes += len(body)
            if self._lingered_bytes > LINGER_BYTES_MAX:
                self._linger()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole; the next word is ours."""
        self._fruitful = True
        self.waiting_since, self.reading_body = None, False
        super().on_message_complete()

    # --- refusing ---

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - we say it ourselves
        """Answer what the parser does not take."""
        broke, self._head_broke = self._head_broke, None
        if broke is not None:
            self._refuse(431, "headers_too_large", broke.detail)
        else:
            self._refuse(400, "bad_request", "this is not HTTP/1.1 as RFC 9112 has it")

    def look(self, now_s: float) -> None:
        """Let time pass: end what took too long. ``now_s``: of the loop."""
        if self.refused_at is not None:
            if now_s - self.refused_at > LINGER_S:
                self.transport.abort()
        elif self.unread_since is not None and now_s - self.unread_since > UNREAD_S:
            self.transport.abort()
        elif self.waiting_since is not None and self.flow.read_paused:
            self.waiting_since = now_s  # it is we who do not listen
        elif self.waiting_since is not None:
            allowed_s = BODY_S + self.body_bytes / BODY_BYTES_PER_S if self.reading_body else HEAD_S
            if now_s - self.waiting_since > allowed_s:
                self._refuse(408, "too_slow", "the request did not come in time; send it again, faster")

    def is_idle(self) -> bool:
        """Whether no request of it is being answered."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn leaves it out of its types
        return (cycle is None or cycle.response_complete) and not self.pipeline

    def is_spared(self) -> bool:
        """Whether somebody waits for an answer on it, and has said all that is needed for one."""
        return not self.is_idle() and self.waiting_since is None

    def _broken(self, detail: str) -> _Refused:
        self._head_broke = _Refused(detail)
        return self._head_broke

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Say why, if nothing was said yet to a request that is before it, and end the connection."""
        if self.transport.is_closing() or self.refused_at is not None:
            return
        if self.pipeline:
            self.transport.abort()
            return
        idle = self.is_idle()
        if not idle:
            # Who waits for the rest of this body learns that there is none.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        answered = idle or self.cycle.response_started if self.reading_body else not idle
        if not answered:
            self.transport.write(_problem(status, code, detail))
        self._linger()

    def _linger(self) -> None:
        self._lingered_bytes = 0
        self.refused_at = self.loop.time()
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()


def look_over(connections: Iterable[Any], now_s: float) -> None:
    """Let time pass for every connection."""
    for connection in list(connections):
        connection.look(now_s)


def _make_room(connections: Iterable[Any], now_s: float) -> bool:
    """Close those that have owed us a request for longest, then idle ones. False when all wait for our answers."""
    found = sorted((one for one in connections if not one.is_spared()), key=lambda one: one.waiting_since or now_s)
    parted = found[: len(found) // EVICTED_SHARE + 1]
    for one in parted:
        one.transport.abort()
        one.connections.discard(one)
    if parted:
        log.warning("too many connections: %d that asked nothing were closed", len(parted))
    return bool(parted)


def _problem(status: int, code: str, detail: str) -> bytes:
    title = _TITLES[status]
    document = {"type": TYPE_PREFIX + code, "title": title, "status": status, "code": code, "detail": detail}
    body = json.dumps(document).encode("ascii")
    head = (
        f"HTTP/1.1 {status} {title}\r\ncontent-type: {PROBLEM_TYPE}\r\ncontent-length: {len(body)}\r\n"
        "x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
