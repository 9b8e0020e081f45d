"""What every route may use, built once and handed to the application; and the small things all routes share.

What belongs here: the values behind the routes and reading and answering JSON. What does not: any one route.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from esoz_notify.api import reading
from esoz_notify.api.contract import Operation
from esoz_notify.api.metrics import ApiMetrics
from esoz_notify.api.peers import Peers
from esoz_notify.api.rates import Rates
from esoz_notify.core.callback_credentials import Credential
from esoz_notify.engine.access import Access, Claims
from esoz_notify.engine.callers import READ_ALL, READ_PATIENTS
from esoz_notify.engine.operations import Operations
from esoz_notify.engine.service import Caller, Service
from esoz_notify.render.texts import Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one part says of itself. ``vital``: without it requests should not be sent here. ``state``: one word."""

    ok: bool
    state: str
    vital: bool = True


KEEP_ALIVE_S = 15.0
"""Between signs of life on a silent stream: proxies close connections that are silent for longer, often 30 or 60 s."""

Readiness: TypeAlias = Callable[[], Mapping[str, Check]]
"""States of the parts besides the ledger (which is asked by itself), by name; must not block."""

Asking: TypeAlias = Request[Any, Claims, State]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The values behind the routes. ``stopping`` set: streams end. ``credentials`` by provider."""

    service: Service
    access: Access
    operations: Operations
    texts: Callable[[], Texts]
    peers: Peers
    rates: Rates
    metrics: ApiMetrics
    readiness: Readiness
    credentials: Mapping[str, tuple[Credential, ...]] = field(repr=False)
    stopping: asyncio.Event
    public_url: str | None
    keep_alive_s: float


def edge(request: Asking) -> Edge:
    """The values behind the routes."""
    found: Edge = request.app.state.edge
    return found


def operation_of(request: Asking) -> Operation | None:
    """The row of the contract that a request came to; None for a path or method that is in none."""
    return operation_in(request.scope)


def operation_in(scope: Mapping[str, object]) -> Operation | None:
    """The same of an ASGI scope."""
    handler = scope.get("route_handler")
    found: Operation | None = handler.opt.get("operation") if isinstance(handler, HTTPRouteHandler) else None
    return found


def caller(request: Asking) -> Caller:
    """Who asks, of a request that was let in."""
    claims = request.auth
    knows_patients = READ_PATIENTS in claims.scopes
    return Caller(claims.client_id, sees_all=READ_ALL in claims.scopes, knows_patients=knows_patients)


def check_body(request: Asking, *wanted: str) -> None:
    """Check that a body is of a type that a call reads, and not packed. Raises WrongType."""
    reading.check_type(request.headers.get("content-type"), *wanted)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise reading.WrongType("send the body as it is, without Content-Encoding")


async def read_object(request: Asking) -> dict[str, Any]:
    """The body as one JSON object. Raises WrongType, TooLarge, MalformedJson, InvalidInput."""
    check_body(request, reading.JSON_TYPE)
    return reading.json_object(await request.body())


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    """A JSON answer."""
    return Response(msgspec.json.encode(value), status_code=status, media_type=reading.JSON_TYPE, headers=headers)
