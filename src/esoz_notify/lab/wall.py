"""The phone wall: one page of handsets, a doctor's desk and a printer, and the stream of events that keeps it live.

What belongs here: serving the page, whose looks and behaviour are in ``wall_page``. What does not: the clinic's orders.
"""

import asyncio
from heapq import nlargest
from pathlib import Path

import msgspec
from aiohttp import web

from esoz_notify.lab.clinic import Clinic
from esoz_notify.lab.doors import json_response
from esoz_notify.lab.interface import explained, read_json
from esoz_notify.lab.memory import Memory, message_json
from esoz_notify.lab.phones import Phone

_FILES = {"wall.html": "text/html", "wall.css": "text/css", "wall.js": "text/javascript"}
_FOLDER = Path(__file__).with_name("wall_page")
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:"
)
_SHEET_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; font-src data:"
_PHONES_MAX = 48
_MESSAGES_MAX = 20
_WAITING_MAX = 500
_GATHER_S = 0.1
_HEARTBEAT_S = 15.0
_ENCODE = msgspec.json.Encoder().encode


class Wall:
    """Tells each open page what is on the phones and what changes; a page that falls behind gets a fresh picture."""

    def __init__(self, memory: Memory, clinic: Clinic) -> None:
        self._memory = memory
        self._clinic = clinic
        self._closing = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        """The page, its stream, and the clinic."""
        return [
            web.get("/", self._page),
            web.get("/wall/events", self._events),
            web.get("/wall/{name}", self._file),
            web.get("/clinic", explained(self._describe)),
            web.post("/clinic/orders", explained(self._order)),
            web.get("/clinic/papers/{id}", explained(self._paper)),
        ]

    def close(self) -> None:
        """End every stream."""
        self._closing.set()

    async def _page(self, _request: web.Request) -> web.Response:
        return _served("wall.html")

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _FILES:
            raise web.HTTPNotFound
        return _served(name)

    async def _describe(self, _request: web.Request) -> web.Response:
        return json_response(self._clinic.describe())

    async def _order(self, request: web.Request) -> web.Response:
        return json_response(await self._clinic.order(await read_json(request)), 201)

    async def _paper(self, request: web.Request) -> web.Response:
        sheet = self._clinic.paper(request.match_info["id"])
        return web.Response(
            body=sheet,
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": _SHEET_POLICY, "Cache-Control": "no-store"},
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


def _served(name: str) -> web.Response:
    return web.Response(
        body=(_FOLDER / name).read_bytes(),
        content_type=_FILES[name],
        charset="utf-8",
        headers={"Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "no-store"},
    )


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
