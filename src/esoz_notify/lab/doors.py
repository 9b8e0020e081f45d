"""The door before a provider's HTTP handlers: outages, cuts, silence, garbage, throttling and slowness are played here.

What a refusal or a receipt looks like belongs to the provider; this knows only HTTP.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from esoz_notify.lab.faults import Fault, Faults, Rule

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LOOK_EVERY_S = 0.1
_JUNK = b"\x00\xfe\x13 not of this protocol \xff\xff\r\n\r\n"
_ENCODE = msgspec.json.Encoder().encode


def json_response(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON as every HTTP provider of the lab answers."""
    return web.Response(body=_ENCODE(body), status=status, content_type="application/json", headers=headers)


def throttled(delay_s: float) -> web.Response:
    """429 with the header that says when to come again, and nothing else."""
    return web.Response(status=429, headers={"Retry-After": str(int(delay_s))})


class Door:
    """One HTTP provider's door. ``throttled(delay_s)`` makes its own 429."""

    def __init__(self, provider: str, faults: Faults, throttled: Callable[[float], web.Response]) -> None:
        self._provider = provider
        self._faults = faults
        self._throttled = throttled
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Let go of every caller who is kept waiting."""
        self._closing.set()

    def wrap(self, handler: Handler, *, submission: bool = False) -> Handler:
        """The handler behind the door; only a ``submission`` can be accepted and then left without an answer."""

        async def behind(request: web.Request) -> web.StreamResponse:
            if self._faults.quiet(self._provider):
                return await handler(request)
            played = await self._play(request)
            if played is not None:
                return played
            mute = submission and self._faults.hit(self._provider, Fault.TIMEOUT_AFTER_ACCEPT)
            response = await handler(request)
            return await self._hold(request) if mute else response

        return behind

    async def _play(self, request: web.Request) -> web.StreamResponse | None:
        """The answer of a fault, or None when the request may go on."""
        if self._faults.active(self._provider, Fault.OUTAGE) or self._hit(Fault.DISCONNECT):
            return _cut(request)
        if self._hit(Fault.SILENT):
            return await self._hold(request)
        if rule := self._hit(Fault.GARBAGE):
            await request.read()
            return _garbage(request, rule)
        if rule := self._hit(Fault.THROTTLE):
            await request.read()
            return self._throttled(rule.delay_s)
        if rule := self._hit(Fault.SLOW):
            await asyncio.sleep(rule.delay_s)
        return None

    def _hit(self, fault: Fault) -> Rule | None:
        return self._faults.hit(self._provider, fault)

    async def _hold(self, request: web.Request) -> web.StreamResponse:
        """No answer for as long as the caller stays on the line."""
        while request.transport is not None and not request.transport.is_closing():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _LOOK_EVERY_S)
                break
        return _cut(request)


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _garbage(request: web.Request, rule: Rule) -> web.StreamResponse:
    """By turns of the seed: bytes that are no HTTP at all, or a 200 whose body is a torn page instead of JSON."""
    if request.transport is not None and rule.random.random() < 0.5:  # noqa: PLR2004  a coin
        request.transport.write(_JUNK)
        request.transport.close()
        return web.Response(status=500)
    return web.Response(body=b"<html><body>Bad gate" + _JUNK, content_type="text/html")
