"""Plays an SMS gateway of no particular maker, as many are sold: JSON over HTTP, reports by a call and on asking.

Its contract is in docs/providers/http-sms.md. What it holds is forgotten with the process.
"""

from typing import Any
from uuid import uuid4

import msgspec
from aiohttp import web

from esoz_notify.lab.callbacks import Callback, CallbackSender, first_tries, nothing
from esoz_notify.lab.carrying import Carried, Carrying, End
from esoz_notify.lab.doors import Door, json_response, throttled
from esoz_notify.lab.faults import Fault
from esoz_notify.lab.gate import ReceiptGate
from esoz_notify.lab.ground import Ground
from esoz_notify.lab.phones import e164
from esoz_notify.lab.settings import HTTP_SMS
from esoz_notify.lab.timers import now

_LIFE_S = 86_400.0
STATES: dict[str, str] = {
    "": "ENROUTE",
    End.DELIVERED: "DELIVRD",
    End.EXPIRED: "EXPIRED",
    End.UNDELIVERED: "UNDELIV",
    "rejected": "REJECTD",
}
_REFUSED: dict[str, int] = {"invalid_number": 400, "unauthorized": 401, "balance": 402, "stoplist": 422, "busy": 200}
"""Reasons of a refusal and their HTTP status; one of them comes with 200, as some gateways have it."""


class HttpSms:
    """One account. A ``reference`` seen before is answered with the id of its message, and nothing is sent."""

    def __init__(self, ground: Ground) -> None:
        self._settings = ground.settings
        self._faults = ground.faults
        self._carrying = Carrying(HTTP_SMS, ground, self._told)
        self._messages: dict[str, Carried] = {}
        self._references: dict[str, str] = {}
        self._report_url: str | None = None
        self._fresh: list[Callback] = []
        self.sender = CallbackSender(
            ground.settings, ground.timers, lambda bodies: msgspec.json.encode({"reports": bodies})
        )
        self.gate: ReceiptGate[Callback] = ReceiptGate(
            HTTP_SMS, ground.faults, ground.timers, send=self._send, lost=lambda callback: callback.done()
        )
        self.door = Door(HTTP_SMS, ground.faults, throttled)

    def routes(self) -> list[web.RouteDef]:
        """The gateway's paths, and the panel where its customers say where reports go."""
        return [
            web.post("/v1/sms", self.door.wrap(self._post_sms, submission=True)),
            web.get("/v1/sms/{id}", self.door.wrap(self._get_sms)),
            web.put("/panel/http-sms", self._put_panel),
        ]

    async def _put_panel(self, request: web.Request) -> web.Response:
        self._report_url = msgspec.json.decode(await request.read(), type=dict[str, str | None])["webhook"]
        return web.Response(status=204)

    def _may(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self._settings.http_sms_token}"

    async def _post_sms(self, request: web.Request) -> web.Response:
        rule = self._faults.hit(HTTP_SMS, Fault.REFUSE)
        reason = (rule.reason if rule else None) or ""
        if not self._may(request):
            reason = "unauthorized"
        if reason in _REFUSED:
            return _error(_REFUSED[reason], reason)
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            return _error(400, "not_json")
        if (wrong := _wrong(body)) is not None:
            return _error(400, wrong)
        reference = body.get("reference")
        if reference in self._references:
            return json_response(_taken(self._references[reference]) | {"error": {"code": "duplicate"}}, 409)
        message = Carried(
            id=str(uuid4()),
            key=reference,
            msisdn=e164(body["to"]) or "",
            channel="sms",
            text=body["text"],
            valid_until=now() + body.get("ttl", _LIFE_S),
            doomed=reason or None,
        )
        self._messages[message.id] = message
        if reference is not None:
            self._references[reference] = message.id
        self._fresh.clear()
        early = self._faults.hit(HTTP_SMS, Fault.RECEIPT_BEFORE_REPLY) is not None
        self._carrying.take(message, early=early)
        if early:
            await first_tries(self._fresh)
        return json_response(_taken(message.id), 202)

    async def _get_sms(self, request: web.Request) -> web.Response:
        message = self._messages.get(request.match_info["id"])
        if not self._may(request):
            return _error(401, "unauthorized")
        if message is None or self._faults.hit(HTTP_SMS, Fault.NEVER_RECEIPT):
            return _error(404, "unknown")
        return json_response({"id": message.id, "state": STATES[message.end or ""]})

    def _told(self, message: Carried) -> None:
        if self._report_url is None:
            return
        body: dict[str, object] = {"id": message.id, "state": STATES[message.end or ""]}
        callback = Callback(url=self._report_url, kind="report", body=body, done=nothing, given_up=nothing)
        self._fresh.append(callback)
        self.gate.offer(callback)

    def _send(self, callback: Callback, alone: bool) -> None:
        callback.alone = alone
        self.sender.send(callback)


def _wrong(body: Any) -> str | None:
    """The first field that breaks its rule."""
    if not isinstance(body, dict):
        return "not_an_object"
    rules = {
        "to": isinstance(body.get("to"), str) and e164(body["to"]) is not None,
        "from": isinstance(body.get("from"), str) and bool(body["from"]),
        "text": isinstance(body.get("text"), str) and bool(body["text"]),
        "ttl": isinstance(body.get("ttl", 60), int),
        "reference": isinstance(body.get("reference", ""), str),
    }
    return next((name for name, kept in rules.items() if not kept), None)


def _taken(message_id: str) -> dict[str, object]:
    return {"messages": [{"id": message_id, "state": "ACCEPTD"}]}


def _error(status: int, code: str) -> web.Response:
    return json_response({"error": {"code": code}}, status)
