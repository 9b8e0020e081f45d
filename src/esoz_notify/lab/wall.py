"""The phone wall: one page of handsets, and the stream of events that keeps it live. Its looks are in wall.html."""

import asyncio
from heapq import nlargest
from pathlib import Path

import msgspec
from aiohttp import web

from esoz_notify.lab.memory import Memory, message_json
from esoz_notify.lab.phones import Phone

_PAGE = Path(__file__).with_name("wall.html")
_PHONES_MAX = 48
_MESSAGES_MAX = 20
_WAITING_MAX = 500
_GATHER_S = 0.1
_HEARTBEAT_S = 15.0
_ENCODE = msgspec.json.Encoder().encode


class Wall:
    """Tells each open page what is on the phones and what changes; a page that falls behind gets a fresh picture."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._closing = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        """The page and its stream."""
        return [web.get("/", self._page), web.get("/wall/events", self._events)]

    def close(self) -> None:
        """End every stream."""
        self._closing.set()

    async def _page(self, _request: web.Request) -> web.Response:
        policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
        return web.Response(
            body=_PAGE.read_bytes(),
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": policy + "; img-src data:", "Cache-Control": "no-store"},
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        waiting: list[dict[str, object]] = []
        changed = asyncio.Event()

        def watch(event: str, told: dict[str, object]) -> None:
            if len(waiting) <= _WAITING_MAX:
                waiting.append({"event": event, **told, **self._known(told)})
            changed.set()

        self._memory.watchers.append(watch)
        try:
            await response.write(_line("picture", self._picture()))
            await self._stream(response, waiting, changed)
        except ConnectionError:
            return response
        finally:
            self._memory.watchers.remove(watch)
        return response

    async def _stream(
        self, response: web.StreamResponse, waiting: list[dict[str, object]], changed: asyncio.Event
    ) -> None:
        while not self._closing.is_set():
            await self._wait(changed)
            changed.clear()
            told = waiting.copy()
            waiting.clear()
            if len(told) > _WAITING_MAX:
                await response.write(_line("picture", self._picture()))
            elif told:
                await response.write(_line("changes", told))
            else:
                await response.write(b": still here\n\n")
            await asyncio.sleep(_GATHER_S)

    async def _wait(self, changed: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(changed.wait()), asyncio.ensure_future(self._closing.wait())]
        try:
            await asyncio.wait(waits, timeout=_HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _known(self, told: dict[str, object]) -> dict[str, object]:
        phone = self._memory.phones.get(str(told.get("msisdn")))
        return {} if phone is None else {"phone": _face(phone)}

    def _picture(self) -> list[dict[str, object]]:
        """The phones that got something last, in the order in which they were made."""
        phones = self._memory.phones.values()
        latest = {phone.msisdn for phone in nlargest(_PHONES_MAX, phones, key=_last_at)}
        return [
            _face(phone) | {"messages": [message_json(m) for m in list(phone.messages)[-_MESSAGES_MAX:]]}
            for phone in phones
            if phone.msisdn in latest
        ]


def _last_at(phone: Phone) -> float:
    return phone.messages[-1].at if phone.messages else 0.0


def _face(phone: Phone) -> dict[str, object]:
    """What the outside of a handset shows."""
    return {
        "msisdn": phone.msisdn,
        "operator": phone.operator,
        "viber": phone.viber and not phone.viber_blocked,
        "diia": phone.diia,
        "sms": phone.sms,
        "viber_silent": phone.viber_silent,
        "sms_absent": phone.sms_absent,
    }


def _line(event: str, data: object) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + _ENCODE(data) + b"\n\n"
