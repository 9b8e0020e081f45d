"""The stream of one notification's facts as server-sent events (WHATWG HTML, Server-sent events).

What belongs here: framing, keep-alives and the end of streams. What does not: which facts there are (engine).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath
from litestar.response import Stream

from esoz_notify.api.contract import EVENTS_TYPE
from esoz_notify.api.edge import Asking, Edge, caller, edge
from esoz_notify.api.routing import answers
from esoz_notify.core.errors import NotifyError, Unavailable
from esoz_notify.engine.access import Claims

STREAMS_MAX = 200
"""Streams of one process: each looks into the ledger a few times a second."""

_EVENT_NUMBER_DIGITS_MAX = 9
_NOT_BUFFERED = {"x-accel-buffering": "no"}


@answers("stream_events")
async def stream_events(request: Asking, notification_id: FromPath[UUID]) -> Response[Any]:
    """Stream facts until nothing more will happen."""
    return await stream(request, notification_id)


async def stream(request: Asking, notification_id: UUID) -> Response[Any]:
    """The answer that streams them."""
    here, asker = edge(request), caller(request)
    if here.metrics.streams >= STREAMS_MAX:
        raise Unavailable("too many event streams are open; ask for the notification instead", code="overloaded")
    after = _last_seen(request.headers.get("last-event-id"))
    # Asked before the answer begins: afterwards nobody can be told that there is no such notification.
    view = await here.service.get(asker, notification_id)
    facts = here.service.events(asker, notification_id, after=after)
    return Stream(_frames(here, facts, view["status"], request.auth), media_type=EVENTS_TYPE, headers=_NOT_BUFFERED)


async def _frames(
    here: Edge, facts: AsyncIterator[dict[str, Any]], status: str, claims: Claims
) -> AsyncIterator[bytes]:
    """Frames until the end, until the server stops, or until the token is over: then the reader connects again."""
    here.metrics.streams += 1
    coming: asyncio.Task[Any] | None = None
    stopping = asyncio.create_task(here.stopping.wait())
    try:
        yield b": connected\n\n"
        while True:
            coming = coming or asyncio.ensure_future(anext(facts, None))
            await asyncio.wait({coming, stopping}, timeout=here.keep_alive_s, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                fact, coming = coming.result(), None
                if fact is None:
                    yield _frame("end", {"status": status})
                    return
                status = fact["status"]
                yield _frame(fact["fact"], fact, fact["seq"])
            elif here.stopping.is_set() or claims.expires_at <= here.access.now():
                return
            else:
                yield b": keep-alive\n\n"
    except NotifyError:
        # The ledger is away: the stream ends without its end, and the reader connects again.
        return
    finally:
        here.metrics.streams -= 1
        for task in (stopping, coming):
            if task is not None:
                task.cancel()


def _frame(name: str, data: object, number: int | None = None) -> bytes:
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {name}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


def _last_seen(header: str | None) -> int:
    """The number in Last-Event-ID; 0 for anything that is none of ours."""
    if header is None or not (header.isascii() and header.isdigit() and len(header) <= _EVENT_NUMBER_DIGITS_MAX):
        return 0
    return int(header)
