"""Around every request: one log line, the numbers, and the headers that every answer has.

What belongs here: what is true of all answers, those to unknown paths included. What does not: letting in (``gate``).
Paths, queries and bodies are never logged: they may hold personal data; the route of the contract is.
"""

import logging
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from esoz_notify.api import rates, reading
from esoz_notify.api.edge import operation_in
from esoz_notify.api.gate import ALLOWANCE
from esoz_notify.api.metrics import ApiMetrics
from esoz_notify.api.rates import Allowance
from esoz_notify.engine.access import Claims

log = logging.getLogger(__name__)

TRACEPARENT = "esoz_notify_traceparent"
NO_ROUTE = "none"
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
_GONE = 499
"""Counted when the caller went away before an answer began."""

_EVERY_ANSWER = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_TRACE_ID = slice(3, 35)

Header: TypeAlias = tuple[bytes, bytes]
AnyScope: TypeAlias = MutableMapping[str, Any]


class Recorder:
    """An ASGI application around another. ``monotonic``: seconds that only go forward.

    ``https``: it is reached by https, and browsers are told to try nothing else for a year (RFC 6797).
    """

    def __init__(
        self, app: ASGIApp, metrics: ApiMetrics, monotonic: Callable[[], float], *, https: bool = False
    ) -> None:
        self._app = app
        self._every_answer = (*_EVERY_ANSWER, _HSTS) if https else _EVERY_ANSWER
        self._metrics = metrics
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the application inside."""
        seen: AnyScope = scope  # type: ignore[assignment]  # a plain dict; its types name no members of ours
        started_s = self._monotonic()
        status = _GONE
        seen.setdefault("state", {})[TRACEPARENT] = _traceparent(seen)

        async def recorded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *self._added(seen, message["headers"])]
            await send(message)

        self._metrics.in_flight += 1
        try:
            await self._app(scope, receive, recorded)
        finally:
            self._metrics.in_flight -= 1
            self._record(seen, status, self._monotonic() - started_s)

    def _added(self, scope: AnyScope, headers: Iterable[Header]) -> list[Header]:
        given = {name.lower() for name, _ in headers}
        added = [header for header in self._every_answer if header[0] not in given]
        allowance: Allowance | None = scope["state"].get(ALLOWANCE)
        if allowance is not None:
            added += rates.headers(allowance)
        return added

    def _record(self, scope: AnyScope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = _route(scope)
        self._metrics.count(method, route, status, seconds)
        claims: Claims | None = scope.get("auth")
        trace: str | None = scope["state"][TRACEPARENT]
        if not log.isEnabledFor(logging.INFO):
            return
        client_id = claims.client_id if claims is not None else None
        trace_id = trace[_TRACE_ID] if trace else None
        ms = round(seconds * 1000, 1)
        log.info(
            "%s %s %d %.1f ms client=%s trace=%s", method, route, status, ms, client_id or "-", trace_id or "-",
            extra={
                "event": "request", "method": method, "route": route, "status": status, "ms": ms,
                "client_id": client_id, "trace_id": trace_id,
            },
        )  # fmt: skip


def _route(scope: AnyScope) -> str:
    """The path that the contract or a page declares, without what a request put into it; NO_ROUTE for any other."""
    operation = operation_in(scope)
    if operation is not None:
        return operation.path
    handler = scope.get("route_handler")
    if isinstance(handler, HTTPRouteHandler) and handler.opt.get("page"):
        return min(handler.paths)
    return NO_ROUTE


def _traceparent(scope: AnyScope) -> str | None:
    values = [value for name, value in scope["headers"] if name == b"traceparent"]
    return reading.traceparent(values[0].decode("latin-1")) if len(values) == 1 else None
