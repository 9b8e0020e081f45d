"""Plays GMS's Hyber: takes texts for Viber and SMS, brings reports of what became of them, and tells it when asked.

Source: GMS's "Hyber API, JSON v2" (read 2026). An ``extra_id`` is only repeated to its owner: two calls with one are
two messages, and asked by it, the later one is told. What it holds is forgotten with the process.
"""

import base64
from collections.abc import Mapping
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
from esoz_notify.lab.settings import HYBER
from esoz_notify.lab.timers import now

_TTL_S = {"viber": (40, 86_400), "sms": (300, 259_200)}
_TEXT_MAX = {"viber": 1_000, "sms": 765}
_ALPHA_NAME_MAX = 11
_EXTRA_ID_MAX = 64
_PLATFORM = "hyber"

_ENDS: dict[str, tuple[int, int, int]] = {
    End.DELIVERED: (2, 23, 23011),
    End.READ: (2, 23, 23033),  # the number of "seen" is in the table that is not public
    End.EXPIRED: (3, 35, 35015),
}
_FAILED = (3, 36, 36000)
"""Of an end that the document gives no numbers for: invented, but for the first of them."""


class Hyber:
    """One account, whatever number its address has."""

    def __init__(self, ground: Ground) -> None:
        self._settings = ground.settings
        self._faults = ground.faults
        self._carrying = Carrying(HYBER, ground, self._told)
        self._messages: dict[str, Carried] = {}
        self._by_extra_id: dict[str, Carried] = {}
        self._callback_urls: dict[str, str] = {}
        self._fresh: list[Callback] = []
        self.sender = CallbackSender(ground.settings, ground.timers, lambda bodies: msgspec.json.encode(bodies[0]))
        self.gate: ReceiptGate[Callback] = ReceiptGate(
            HYBER, ground.faults, ground.timers, send=self._send, lost=lambda callback: callback.done()
        )
        self.door = Door(HYBER, ground.faults, throttled)

    def routes(self) -> list[web.RouteDef]:
        """The provider's paths; the two hosts of them are one here."""
        reports = r"/{client_id:\d+}/api/dr"
        return [
            web.post(r"/{client_id:\d+}", self.door.wrap(self._post_message, submission=True)),
            web.get(f"{reports}/external/{{id}}/simple", self.door.wrap(self._get_by_extra_id)),
            web.get(f"{reports}/{{id}}/simple", self.door.wrap(self._get_report)),
        ]

    def _may(self, request: web.Request) -> bool:
        own = f"{self._settings.hyber_login}:{self._settings.hyber_password}"
        return request.headers.get("Authorization") == f"Basic {base64.b64encode(own.encode()).decode()}"

    async def _post_message(self, request: web.Request) -> web.Response:
        rule = self._faults.hit(HYBER, Fault.REFUSE)
        reason = (rule.reason if rule else None) or ""
        if reason == "unauthorized" or not self._may(request):
            return json_response({"error_code": 401, "error_text": "Some words"}, 401)
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            return json_response({"error_code": 400, "error_text": "Some words"}, 400)
        if _breaks_a_rule(body):
            return json_response({"error_code": 400, "error_text": "Some words"}, 400)
        (channel,) = body["channels"]
        answer = {"phone_number": str(body["phone_number"]), "extra_id": body.get("extra_id"), "job_id": str(uuid4())}
        if reason == "rejected":
            return json_response(answer | {"message_id": str(uuid4()), "processed": False, "accepted": False})
        message = Carried(
            id=str(uuid4()),
            key=body.get("extra_id"),
            msisdn=e164(str(body["phone_number"])) or "",
            channel=channel,
            text=body["channel_options"][channel]["text"],
            valid_until=now() + body["channel_options"][channel]["ttl"],
            doomed=reason or None,
        )
        self._messages[message.id] = message
        if message.key is not None:
            self._by_extra_id[message.key] = message
        if "callback_url" in body:
            self._callback_urls[message.id] = body["callback_url"]
        self._fresh.clear()
        early = self._faults.hit(HYBER, Fault.RECEIPT_BEFORE_REPLY) is not None
        self._carrying.take(message, early=early)
        if early:
            await first_tries(self._fresh)
        return json_response(answer | {"message_id": message.id, "processed": True, "accepted": True})

    async def _get_by_extra_id(self, request: web.Request) -> web.Response:
        return self._answer(request, self._by_extra_id.get(request.match_info["id"]))

    async def _get_report(self, request: web.Request) -> web.Response:
        return self._answer(request, self._messages.get(request.match_info["id"]))

    def _answer(self, request: web.Request, message: Carried | None) -> web.Response:
        if not self._may(request):
            return json_response({"error_code": 401, "error_text": "Some words"}, 401)
        if message is None or self._faults.hit(HYBER, Fault.NEVER_RECEIPT):
            return json_response({"error_code": 404, "error_text": "Some words"}, 404)
        if message.end is None:
            pending = {"extra_id": message.key, "message_id": message.id, "last_partner": _PLATFORM, "status": -1}
            return json_response({"phone_number": message.msisdn.lstrip("+"), **pending})
        return json_response({"phone_number": message.msisdn.lstrip("+"), **_report(message, "last_partner")})

    def _told(self, message: Carried) -> None:
        url = self._callback_urls.get(message.id)
        if url is None or message.end == End.READ:
            return  # that it was seen is told only to who asks
        body = {"number": int(message.msisdn.lstrip("+")), **_report(message, "sent_via")}
        callback = Callback(url=url, kind="report", body=body, done=nothing, given_up=nothing)
        self._fresh.append(callback)
        self.gate.offer(callback)

    def _send(self, callback: Callback, _alone: bool) -> None:
        callback.alone = True  # one report in a request, unless GMS was asked to gather them
        self.sender.send(callback)


def _report(message: Carried, by_channel: str) -> dict[str, object]:
    """What both ways of telling the end of a message say of it."""
    status, substatus, detailed = _ENDS.get(message.end or "", _FAILED)
    report: dict[str, object] = {
        "message_id": message.id,
        "extra_id": message.key,
        "time": int(message.ended_at * 1000),
        by_channel: _PLATFORM if message.end == "blocked_by_platform" else message.channel,
        "status": status,
        "substatus": substatus,
        "hyber_status": detailed,
    }
    if message.channel == "sms":
        report["total_sms_parts"] = report["delivered_sms_parts"] = 1
    return report


def _breaks_a_rule(body: Any) -> bool:
    """Whether a request lacks what it must have, or has what it may not; of a cascade too, which is not played here."""
    if not isinstance(body, dict) or not isinstance(body.get("channels"), list) or len(body["channels"]) != 1:
        return True
    channel, given = body["channels"][0], body.get("channel_options")
    options: Mapping[str, Any] = given.get(channel, {}) if isinstance(given, dict) else {}
    text, ttl, alpha_name = (options.get(name) for name in ("text", "ttl", "alpha_name"))
    if channel not in _TTL_S or not isinstance(text, str) or not isinstance(ttl, int):
        return True
    shortest, longest = _TTL_S[channel]
    named = isinstance(alpha_name, str) and 1 <= len(alpha_name) <= _ALPHA_NAME_MAX
    return not (
        isinstance(body.get("phone_number"), int)
        and e164(str(body["phone_number"])) is not None
        and 1 <= len(text) <= _TEXT_MAX[channel]
        and shortest <= ttl <= longest
        and (named or (channel == "viber" and alpha_name is None))
        and len(str(body.get("extra_id", ""))) <= _EXTRA_ID_MAX
    )
