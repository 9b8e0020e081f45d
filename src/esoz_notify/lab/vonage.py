"""Plays Vonage's Messages API: takes texts for Viber and SMS, and brings signed statuses of what became of them.

Source: Vonage's pages on the Messages API, version 1, its errors and its signed webhooks (2026). A ``client_ref`` is
only repeated to its owner: two calls with one are two messages. What it holds is forgotten with the process.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import jwt
import msgspec
from aiohttp import web

from esoz_notify.lab.callbacks import Callback, CallbackSender, first_tries, nothing
from esoz_notify.lab.carrying import Carried, Carrying, End
from esoz_notify.lab.doors import Door, json_response, throttled
from esoz_notify.lab.faults import Fault
from esoz_notify.lab.gate import ReceiptGate
from esoz_notify.lab.ground import Ground
from esoz_notify.lab.phones import e164
from esoz_notify.lab.settings import VONAGE
from esoz_notify.lab.timers import now

_CHANNELS = {"viber_service": "viber", "sms": "sms"}
_TTL_S = {"viber_service": (30, 259_200), "sms": (20, 604_800)}
_LIFE_S = {"viber_service": 1_209_600.0, "sms": 259_200.0}
_TEXT_MAX = 1_000
_REFERENCE_MAX = 100
_SENDER_MAX = {"viber_service": 50, "sms": 15}
_UNICODE_PART, _PART = 70, 160

_ENDS: dict[str, tuple[str, int | None]] = {
    End.DELIVERED: ("delivered", None),
    End.READ: ("read", None),
    End.EXPIRED: ("rejected", 1360),
    End.UNDELIVERED: ("rejected", 1190),
    End.NOT_A_USER: ("rejected", 1300),
    End.BLOCKED: ("rejected", 1240),
    "no_device": ("rejected", 1310),
    "content": ("rejected", 1210),
    "unreachable": ("undeliverable", None),
}
"""The status of an end and the number of the error beside it."""

_REFUSED: dict[str, tuple[int, str, tuple[str, ...]]] = {
    "unauthorized": (401, "unauthorized", ()),
    "balance": (402, "low-balance", ()),
    "invalid_number": (422, "1150", ("to",)),
    "sender": (422, "1120", ()),
    "template": (422, "1022", ()),
    "not_submitted": (422, "1100", ()),
}
"""Reasons of a refusal: HTTP status, the error, and the parameters that it names."""


class Vonage:
    """One account with one application, whose public key and status URL its owner gave to the dashboard."""

    def __init__(self, ground: Ground) -> None:
        self._settings = ground.settings
        self._faults = ground.faults
        self._carrying = Carrying(VONAGE, ground, self._told)
        self._asked: dict[str, Mapping[str, Any]] = {}
        self._webhook: str | None = None
        self._public_key: str | None = None
        self._fresh: list[Callback] = []
        self.sender = CallbackSender(
            ground.settings, ground.timers, lambda bodies: msgspec.json.encode(bodies[0]), self._sign
        )
        self.gate: ReceiptGate[Callback] = ReceiptGate(
            VONAGE, ground.faults, ground.timers, send=self._send, lost=lambda callback: callback.done()
        )
        self.door = Door(VONAGE, ground.faults, throttled)

    def routes(self) -> list[web.RouteDef]:
        """The provider's path, and its dashboard."""
        return [
            web.post("/v1/messages", self.door.wrap(self._post_message, submission=True)),
            web.put("/panel/vonage", self._put_panel),
        ]

    async def _put_panel(self, request: web.Request) -> web.Response:
        given = msgspec.json.decode(await request.read(), type=dict[str, str | None])
        self._webhook, self._public_key = given["webhook"], given.get("public_key")
        return web.Response(status=204)

    # Taking messages.

    async def _post_message(self, request: web.Request) -> web.Response:
        if not self._may(request.headers.get("Authorization", "")):
            return _problem(401, "unauthorized")
        rule = self._faults.hit(VONAGE, Fault.REFUSE)
        reason = (rule.reason if rule else None) or ""
        if reason in _REFUSED:
            return _problem(*_REFUSED[reason])
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            return _problem(422, "1150")
        if (fault := _fault(body)) is not None:
            return _problem(422, *fault)
        channel = body["channel"]
        life_s = body.get("ttl") or body.get("viber_service", {}).get("ttl") or _LIFE_S[channel]
        message = Carried(
            id=str(uuid4()),
            key=body.get("client_ref"),
            msisdn=e164(body["to"]) or "",
            channel=_CHANNELS[channel],
            text=body["text"],
            valid_until=now() + life_s,
            doomed=reason or None,
        )
        self._asked[message.id] = body
        self._fresh.clear()
        early = self._faults.hit(VONAGE, Fault.RECEIPT_BEFORE_REPLY) is not None
        self._tell(message, "submitted")
        self._carrying.take(message, early=early)
        if early:
            await first_tries(self._fresh)
        return json_response({"message_uuid": message.id}, 202)

    def _may(self, authorization: str) -> bool:
        scheme, _, shown = authorization.partition(" ")
        own = f"{self._settings.vonage_api_key}:{self._settings.vonage_api_secret}"
        if scheme == "Basic":
            return shown == base64.b64encode(own.encode()).decode()
        if scheme != "Bearer" or self._public_key is None:
            return False
        try:
            required = ["application_id", "iat", "exp", "jti"]
            jwt.decode(shown, self._public_key, algorithms=["RS256"], options={"require": required}, leeway=60)
        except jwt.PyJWTError:
            return False
        return True

    # Telling what became of them.

    def _told(self, message: Carried) -> None:
        said, error = _ENDS[message.end or ""]
        self._tell(message, said, error)

    def _tell(self, message: Carried, said: str, error: int | None = None) -> None:
        asked = self._asked[message.id]
        url = asked.get("webhook_url") or self._webhook
        if url is None:
            return
        body: dict[str, object] = {
            "message_uuid": message.id,
            "to": asked["to"],
            "from": asked["from"],
            "timestamp": datetime.fromtimestamp(now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "status": said,
            "channel": asked["channel"],
        }
        if message.key is not None:
            body["client_ref"] = message.key
        if error is not None:
            kind = f"https://developer.vonage.com/api-errors/messages#{error}"
            body["error"] = {"type": kind, "title": str(error), "detail": "Some words", "instance": str(uuid4())}
        if said == ("submitted" if message.channel == "sms" else "delivered"):
            body["usage"] = {"currency": "EUR", "price": "0.0333"}
        if message.channel == "sms":
            body["sms"] = {"count_total": str(_parts(message.text))}
        callback = Callback(url=url, kind="status", body=body, done=nothing, given_up=nothing)
        self._fresh.append(callback)
        self.gate.offer(callback)

    def _send(self, callback: Callback, _alone: bool) -> None:
        callback.alone = True  # one status in a request
        self.sender.send(callback)

    def _sign(self, body: bytes) -> Mapping[str, str]:
        claims = {
            "iat": int(now()),
            "jti": str(uuid4()),
            "iss": "Vonage",
            "payload_hash": hashlib.sha256(body).hexdigest(),
            "api_key": self._settings.vonage_api_key,
        }
        token = jwt.encode(claims, self._settings.vonage_signature_secret, algorithm="HS256")
        return {"Authorization": f"Bearer {token}"}


def _fault(body: Any) -> tuple[str, tuple[str, ...]] | None:
    """The error of the first rule that a request breaks, and the parameters that it names."""
    if not isinstance(body, dict) or body.get("channel") not in _CHANNELS or body.get("message_type") != "text":
        return "1150", ("channel",)
    if "failover" in body:
        return "1140", ()  # another channel after this one: this lab's account has it switched off
    channel, to = body["channel"], body.get("to")
    lives = {name: body[name] for name in ("ttl",) if name in body} | body.get("viber_service", {})
    shortest, longest = _TTL_S[channel]
    rules = {
        "to": isinstance(to, str) and to[:1] != "+" and e164(to) is not None,
        "from": isinstance(body.get("from"), str) and 1 <= len(body["from"]) <= _SENDER_MAX[channel],
        "text": isinstance(body.get("text"), str) and 1 <= len(body["text"]) <= _TEXT_MAX,
        "client_ref": len(str(body.get("client_ref", ""))) <= _REFERENCE_MAX,
        "category": lives.get("category", "transaction") in {"transaction", "promotion"},
        "type": lives.get("type", "string") in {"string", "template"},
    }
    if wrong := tuple(name for name, kept in rules.items() if not kept):
        return "1150", wrong
    ttl = lives.get("ttl", longest)
    return None if isinstance(ttl, int) and shortest <= ttl <= longest else ("1130", ("ttl",))


def _parts(text: str) -> int:
    longest = _PART if text.isascii() else _UNICODE_PART
    return -(-len(text) // longest)


def _problem(status: int, error: str, wrong: tuple[str, ...] = ()) -> web.Response:
    page = "api-errors/messages" if error.isdigit() else "api-errors"
    body: dict[str, object] = {
        "type": f"https://developer.vonage.com/{page}#{error}",
        "title": "Some words",
        "detail": "Some more words",
        "instance": str(uuid4()),
    }
    if wrong:
        body["invalid_parameters"] = [{"name": name, "reason": "Some words"} for name in wrong]
    return json_response(body, status)
