"""Plays TurboSMS: takes messages for Viber and SMS, tells what became of them when asked, and calls a webhook.

Source: TurboSMS's pages "HTTP API" and "Webhooks" (2026). What it holds is forgotten with the process.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from esoz_notify.lab.callbacks import Callback, CallbackSender, first_tries, nothing
from esoz_notify.lab.carrying import Carried, Carrying, End
from esoz_notify.lab.doors import Door, json_response, throttled
from esoz_notify.lab.faults import Fault
from esoz_notify.lab.gate import ReceiptGate
from esoz_notify.lab.ground import Ground
from esoz_notify.lab.phones import e164
from esoz_notify.lab.settings import TURBOSMS
from esoz_notify.lab.timers import now

_KYIV = ZoneInfo("Europe/Kyiv")
_TTL_S = (60, 86_400)
_VIBER_TEXT_MAX = 1000
_RECIPIENTS_MAX = 5000
_SMS_LIFE_S = 86_400.0
_SAME_TEXT_S = 90.0

STATUSES: dict[str, tuple[str, str]] = {
    "": ("Sent", "ACCEPTD"),
    End.DELIVERED: ("Delivered", "DELIVRD"),
    End.READ: ("Read", "READ"),
    End.EXPIRED: ("Expired", "EXPIRED"),
    End.UNDELIVERED: ("Undelivered", "UNDELIV"),
    End.NOT_A_USER: ("Rejected", "REJECTD"),
    End.BLOCKED: ("Rejected", "REJECTD"),
    "failed": ("Failed", "UNDELIV"),
}
"""What the status call and what the webhook call the end of a message."""

_REFUSED: dict[str, int] = {"unauthorized": 301, "balance": 203, "sender": 400, "not_sent": 503}
_RECIPIENT_REFUSED: dict[str, int] = {"stoplist": 404, "template": 416, "content": 412, "invalid_number": 305}


class TurboSms:
    """One account. A ``sequence_id`` seen before is answered with what it came to, and nothing is sent."""

    def __init__(self, ground: Ground) -> None:
        self._settings = ground.settings
        self._faults = ground.faults
        self._carrying = Carrying(TURBOSMS, ground, self._told)
        self._messages: dict[str, Carried] = {}
        self._sequences: dict[str, list[dict[str, object]]] = {}
        self._said: dict[tuple[str, str], float] = {}
        self._webhook: str | None = None
        self._fresh: list[Callback] = []
        self.sender = CallbackSender(ground.settings, ground.timers, lambda bodies: msgspec.json.encode(bodies[0]))
        self.gate: ReceiptGate[Callback] = ReceiptGate(
            TURBOSMS, ground.faults, ground.timers, send=self._send, lost=lambda callback: callback.done()
        )
        self.door = Door(TURBOSMS, ground.faults, throttled)

    def routes(self) -> list[web.RouteDef]:
        """The provider's paths, and the panel where its customers say where their webhook is."""
        return [
            web.post("/message/send.json", self.door.wrap(self._post_message, submission=True)),
            web.post("/message/status.json", self.door.wrap(self._post_status)),
            web.put("/panel/turbosms", self._put_panel),
        ]

    async def _put_panel(self, request: web.Request) -> web.Response:
        self._webhook = msgspec.json.decode(await request.read(), type=dict[str, str | None])["webhook"]
        return web.Response(status=204)

    # Taking messages.

    async def _post_message(self, request: web.Request) -> web.Response:
        body, refused = await self._read(request)
        if refused is not None:
            return refused
        rule = self._faults.hit(TURBOSMS, Fault.REFUSE)
        reason = (rule.reason if rule else None) or ""
        if reason in _REFUSED:
            return _answer(_REFUSED[reason])
        if (code := _fault(body)) is not None:
            return _answer(code)
        sequence = body.get("sequence_id")
        if sequence in self._sequences:
            return _answer(507, self._sequences[sequence])
        early = self._faults.hit(TURBOSMS, Fault.RECEIPT_BEFORE_REPLY) is not None
        self._fresh.clear()
        results = [self._take(body, str(phone), reason, early=early) for phone in body["recipients"]]
        if early:
            await first_tries(self._fresh)
        if sequence is not None:
            self._sequences[sequence] = results
        taken = [one for one in results if one["message_id"]]
        if not taken and len(results) == 1:
            return _answer(int(str(results[0]["response_code"])), results)
        return _answer(800 if len(taken) == len(results) else 802, results)

    async def _read(self, request: web.Request) -> tuple[dict[str, Any], web.Response | None]:
        given = request.headers.get("Authorization", "")
        if not given:
            return {}, _answer(103)
        if given not in {f"Bearer {self._settings.turbosms_token}", f"Basic {self._settings.turbosms_token}"}:
            return {}, _answer(301)
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            return {}, _answer(502)
        return (body, None) if isinstance(body, dict) else ({}, _answer(300))

    def _take(self, body: Mapping[str, Any], phone: str, reason: str, *, early: bool) -> dict[str, object]:
        row: dict[str, object] = {"phone": phone, "message_id": None}
        msisdn = e164(phone)
        channel = "viber" if "viber" in body else "sms"
        part = body[channel]
        text = part.get("text", body.get("text"))
        if msisdn is None or reason in _RECIPIENT_REFUSED:
            code = _RECIPIENT_REFUSED.get(reason, 305)
            return row | {"response_code": code, "response_status": "REFUSED"}
        if now() - self._said.get((msisdn, text), 0.0) < _SAME_TEXT_S:
            return row | {"response_code": 427, "response_status": "NOT_ALLOWED_MESSAGE_DUPLICATE"}
        self._said[msisdn, text] = now()
        message = Carried(
            id=str(uuid4()),
            key=body.get("sequence_id"),
            msisdn=msisdn,
            channel=channel,
            text=text,
            valid_until=now() + part.get("ttl", _SMS_LIFE_S),
            doomed=reason or None,
        )
        self._messages[message.id] = message
        self._carrying.take(message, early=early)
        return row | {"message_id": message.id, "response_code": 0, "response_status": "OK"}

    # Telling what became of them.

    async def _post_status(self, request: web.Request) -> web.Response:
        body, refused = await self._read(request)
        if refused is not None:
            return refused
        return _answer(0, [self._row(str(message_id)) for message_id in body.get("messages", [])])

    def _row(self, message_id: str) -> dict[str, object]:
        message = self._messages.get(message_id)
        if message is None or self._faults.hit(TURBOSMS, Fault.NEVER_RECEIPT):
            return {"message_id": message_id, "response_code": 414, "response_status": "NOT_ALLOWED_MESSAGE_ID"}
        return {
            "message_id": message.id,
            "response_code": 0,
            "response_status": "OK",
            "recipient": message.msisdn.lstrip("+"),
            "status": STATUSES[message.end or ""][0],
            "type": message.channel,
            "updated": _kyiv_time(message.ended_at or now()),
        }

    def _told(self, message: Carried) -> None:
        if self._webhook is None:
            return
        event_id = str(uuid4())
        said = f"{self._settings.turbosms_signature_key}{event_id}"
        body: dict[str, object] = {
            "id": event_id,
            "signature": hashlib.sha1(said.encode()).hexdigest(),  # noqa: S324 - as the provider signs
            "type": "DLR_VIBER_API" if message.channel == "viber" else "DLR_SMS_API",
            "date": _kyiv_time(now()),
            "try": 1,
            "data": {
                "message_id": message.id,
                "status": STATUSES[message.end or ""][1],
                "dlr_date": _kyiv_time(message.ended_at),
            },
        }
        callback = Callback(url=self._webhook, kind="event", body=body, done=nothing, given_up=nothing)
        self._fresh.append(callback)
        self.gate.offer(callback)

    def _send(self, callback: Callback, _alone: bool) -> None:
        callback.alone = True  # one event in a request
        self.sender.send(callback)


def _fault(body: Mapping[str, Any]) -> int | None:
    """The code of the first rule that a request breaks."""
    recipients = body.get("recipients")
    if not isinstance(recipients, list) or not recipients:
        return 202
    if len(recipients) > _RECIPIENTS_MAX:
        return 405
    parts = {name: body[name] for name in ("sms", "viber") if name in body}
    if len(parts) != 1:
        return 411  # a hybrid sending is not played here: this lab's account has it switched off
    (channel, part) = next(iter(parts.items()))
    return _part_fault(channel, part, body)


def _part_fault(channel: str, part: Mapping[str, Any], whole: Mapping[str, Any]) -> int | None:
    sender, text = (part.get(name, whole.get(name)) for name in ("sender", "text"))
    ttl = part.get("ttl", _TTL_S[1])
    if not sender or not isinstance(sender, str):
        return 200
    if not text or not isinstance(text, str):
        return 201
    if channel == "viber":
        if len(text) > _VIBER_TEXT_MAX:
            return 413
        if not isinstance(ttl, int):
            return 306
        if not _TTL_S[0] <= ttl <= _TTL_S[1]:
            return 409
    return None


def _answer(code: int, result: object = None) -> web.Response:
    """Whatever is said, it is said with HTTP's 200."""
    status = "OK" if code == 0 else "SEE_CODE"
    return json_response({"response_code": code, "response_status": status, "response_result": result})


def _kyiv_time(at: float) -> str:
    return datetime.fromtimestamp(at, _KYIV).strftime("%Y-%m-%d %H:%M:%S")
