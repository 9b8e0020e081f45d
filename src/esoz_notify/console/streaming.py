"""A live part of a page as server-sent events: drawn again and again for as long as somebody looks.

What belongs here: framing, the pace, and the ends of streams. What does not: what is drawn (the page's own module).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from litestar.response import Stream

from esoz_notify.console.drawing import HEADERS
from esoz_notify.console.visit import Room, Visit, room
from esoz_notify.core.errors import Unavailable
from esoz_notify.engine.sessions import NotSignedIn

EVERY_S = 2.0
STREAMS_MAX = 50
"""Of one process. Whoever comes after them has the part fetched every few seconds instead, by the page's script."""

_LOOKS_PER_SESSION_CHECK = 5
_RETRY_MS = 2000


def stream(request: Visit, draw: Callable[[], Awaitable[bytes]]) -> Stream:
    """Answer with what ``draw`` gives, a frame each time that it has changed and a beat each time that it has not.

    Ends when the session does, when the ledger is away (the reader comes back by itself) and when the process stops.
    Raises Unavailable when too many look already.
    """
    here = room(request)
    if here.streams.count >= STREAMS_MAX:
        raise Unavailable("too many pages are live already", code="overloaded")
    headers = {**HEADERS, "x-accel-buffering": "no"}
    return Stream(_frames(here, request, draw), media_type="text/event-stream", headers=headers)


async def _frames(here: Room, request: Visit, draw: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    token = request.cookies.get(here.session_cookie)
    shown, looks = b"", 0
    here.streams.count += 1
    try:
        yield f"retry: {_RETRY_MS}\n\n".encode()
        while not here.streams.stopping.is_set():
            looks += 1
            if looks % _LOOKS_PER_SESSION_CHECK == 0:
                await here.entrance.sessions.session(token, acts=False)
            drawn = await draw()
            yield _frame("part", drawn) if drawn != shown else _frame("beat", b"")
            shown = drawn
            with suppress(TimeoutError):
                await asyncio.wait_for(here.streams.stopping.wait(), EVERY_S)
    except NotSignedIn:
        yield _frame("over", b"")
    except Unavailable:
        return
    finally:
        here.streams.count -= 1


def _frame(name: str, data: bytes) -> bytes:
    lines = b"".join(b"data: " + line + b"\n" for line in data.split(b"\n"))
    return f"event: {name}\n".encode() + lines + b"\n"
