"""Plays the Viber aggregator (Infobip): takes messages, delivers them to phones, pushes and lends out reports.

Source: Infobip OpenAPI 3.210.0, paths under ``/viber``. Words and shapes are in viber_messages.py and viber_request.py.
"""

import asyncio
from dataclasses import asdict
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from esoz_notify.lab import viber_lookup
from esoz_notify.lab.callbacks import Callback, CallbackSender
from esoz_notify.lab.doors import Door, json_response
from esoz_notify.lab.faults import Fault
from esoz_notify.lab.gate import ReceiptGate
from esoz_notify.lab.ground import Ground
from esoz_notify.lab.journal import Record
from esoz_notify.lab.memory import Submission
from esoz_notify.lab.phones import MCC_MNC, Message, Phone, e164
from esoz_notify.lab.settings import VIBER
from esoz_notify.lab.timers import now, seeded
from esoz_notify.lab.viber_lookup import ENTRIES_MAX, parse_lookup
from esoz_notify.lab.viber_messages import (
    ACCEPTED,
    DUPLICATE,
    REFUSED_AT_ONCE,
    End,
    ViberMessage,
    log,
    problem,
    report,
    seen_report,
)
from esoz_notify.lab.viber_request import bulk_id, fill, shown_text, validity_s, violations
from esoz_notify.lab.viber_templates import ViberTemplates

_AT_ONCE_S = 0.01
_EARLY_WAIT_S = 3.0
_LIMIT_VIOLATION = {"property": "limit", "violation": f"must be between 1 and {ENTRIES_MAX}"}


class Viber:
    """One aggregator account. Reports go to the message's webhook, or wait to be fetched once when it names none."""

    def __init__(self, ground: Ground) -> None:
        settings = ground.settings
        self._settings = settings
        self._memory = ground.memory
        self._faults = ground.faults
        self._journal = ground.journal
        self._timers = ground.timers
        self._random = seeded(settings.seed)
        self._messages: dict[str, ViberMessage] = {}
        self._ready: dict[str, dict[str, object]] = {}
        self._ids = 0
        self.sender = CallbackSender(settings, ground.timers)
        self.gate: ReceiptGate[Callback] = ReceiptGate(
            VIBER, ground.faults, ground.timers, send=self._send, lost=lambda callback: callback.done()
        )
        self.door = Door(VIBER, ground.faults, _throttled)
        self.templates = ViberTemplates(settings, ground.journal, self._refused_key)

    def routes(self) -> list[web.RouteDef]:
        """The aggregator's paths."""
        return [
            web.post("/viber/2/messages", self.door.wrap(self._post_messages, submission=True)),
            web.get("/viber/2/reports", self.door.wrap(self._get_reports)),
            web.get("/viber/2/logs", self.door.wrap(self._get_logs)),
            *self.templates.routes(self.door),
        ]

    # Taking messages.

    def _refused_key(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"App {self._settings.viber_api_key}":
            return None
        return _unauthorized()

    async def _post_messages(self, request: web.Request) -> web.Response:
        if refused := self._refused_key(request):
            return refused
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            return _bad_request([{"property": "", "violation": "must be JSON"}])
        if found := violations(body):
            return _bad_request(found)
        rule = self._faults.hit(VIBER, Fault.REFUSE)
        reason = rule.reason if rule else None
        if reason == "unauthorized":
            return _unauthorized()
        early = self._faults.hit(VIBER, Fault.RECEIPT_BEFORE_REPLY) is not None
        bulk = bulk_id(body) or self._new_id("bulk")
        answers = [
            await self._take(envelope, destination, bulk, reason, early=early)
            for envelope in body["messages"]
            for destination in envelope["destinations"]
        ]
        self._journal.flush()
        return json_response({"bulkId": bulk, "messages": answers})

    async def _take(
        self, envelope: dict[str, Any], destination: dict[str, Any], bulk: str, reason: str | None, *, early: bool
    ) -> dict[str, object]:
        given = destination.get("messageId")
        message_id = given or self._new_id("msg")
        answer = {"messageId": message_id, "status": ACCEPTED, "destination": destination["to"]}
        msisdn = e164(destination["to"])
        if message_id in self._messages:
            return answer | {"status": DUPLICATE}
        if reason in REFUSED_AT_ONCE:
            return answer | {"status": REFUSED_AT_ONCE[reason]}
        if msisdn is None:
            word = "route" if destination["to"].isdecimal() else "invalid_number"
            return answer | {"status": REFUSED_AT_ONCE[word]}
        message = self._message(envelope, destination, bulk, message_id, reason)
        self._messages[message_id] = message
        self._trim()
        self._journal.append("viber", asdict(message))
        self._memory.submitted(
            Submission(
                provider=VIBER,
                client_reference=given,
                provider_message_id=message_id,
                msisdn=msisdn,
                accepted_at=message.sent_at,
                text=message.text,
            )
        )
        if early:
            await self._settle_early(message)
        else:
            self._route(message)
        return answer

    def _message(
        self, envelope: dict[str, Any], destination: dict[str, Any], bulk: str, message_id: str, reason: str | None
    ) -> ViberMessage:
        options = envelope.get("options") or {}
        hooks = envelope.get("webhooks") or {}
        delivery = hooks.get("delivery") or {}
        text, doomed = self._render(envelope["content"])
        if reason is not None and reason in set(End):
            doomed = End(reason)
        sent_at = now()
        operator = self._memory.phone("+" + destination["to"].lstrip("+")).operator
        return ViberMessage(
            id=message_id,
            bulk_id=bulk,
            to=destination["to"],
            sender=envelope["sender"],
            content=envelope["content"],
            text=text,
            sent_at=sent_at,
            valid_until=sent_at + validity_s(options),
            mcc_mnc=MCC_MNC.get(operator, MCC_MNC["kyivstar"]),
            delivery_url=delivery.get("url") if delivery.get("notify", True) else None,
            seen_url=(hooks.get("seen") or {}).get("url"),
            callback_data=hooks.get("callbackData"),
            platform=options.get("platform"),
            campaign=options.get("campaignReferenceId"),
            doomed=doomed,
        )

    def _render(self, content: dict[str, Any]) -> tuple[str, End | None]:
        if content["type"] != "TEMPLATE":
            return shown_text(content), None
        body = self.templates.body(content["templateId"], content.get("language"))
        if body is None:
            return "", End.TEMPLATE
        text = fill(body, content.get("parameters") or {})
        return ("", End.TEMPLATE_ARGUMENTS) if text is None else (text, None)

    def _new_id(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}-{int(now() * 1000):x}-{self._ids:x}"

    def _trim(self) -> None:
        if self._settings.history_max is not None and len(self._messages) > self._settings.history_max:
            del self._messages[next(iter(self._messages))]

    # Bringing them to phones.

    def _route(self, message: ViberMessage) -> None:
        """Decide by the phone as it is now; a silent phone's messages come back here when it wakes."""
        if message.end is not None:
            return
        phone = self._phone(message)
        if message.doomed is not None:
            self._timers.later(_AT_ONCE_S, self._settle, message, message.doomed)
        elif not phone.viber:
            self._timers.later(_AT_ONCE_S, self._settle, message, End.NOT_A_USER)
        elif phone.viber_blocked:
            self._timers.later(_AT_ONCE_S, self._settle, message, End.BLOCKED)
        elif phone.viber_silent:
            phone.waiting.append(partial(self._route, message))
            self._timers.later(message.valid_until - now(), self._settle, message, End.EXPIRED)
        else:
            self._bring(message, phone)

    def _bring(self, message: ViberMessage, phone: Phone) -> None:
        latency_s = phone.latency_s(self._random, phone.viber_latency_ms)
        left_s = message.valid_until - now()
        if latency_s > left_s:
            self._timers.later(left_s, self._settle, message, End.EXPIRED)
        if latency_s <= left_s or phone.viber_ignores_validity:
            self._timers.later(latency_s, self._settle, message, End.DELIVERED)

    async def _settle_early(self, message: ViberMessage) -> None:
        """End it before the answer, and let the report have its first try before it too."""
        phone = self._phone(message)
        if message.doomed is None and phone.viber_silent:
            self._route(message)
            return
        reachable = End.DELIVERED if phone.viber else End.NOT_A_USER
        end = message.doomed or (End.BLOCKED if phone.viber and phone.viber_blocked else reachable)
        callback = self._settle(message, end)
        if callback is not None:
            try:
                await asyncio.wait_for(callback.tried.wait(), _EARLY_WAIT_S)
            except TimeoutError:
                return

    def _settle(self, message: ViberMessage, end: End) -> Callback | None:
        """The message ends, once; only a delivery may still follow an expiry (a phone that ignores validity)."""
        if message.end is not None and (message.end, end) != (End.EXPIRED, End.DELIVERED):
            return None
        message.end, message.done_at, message.reported = end, now(), False
        self._journal.append("viber_end", {"id": message.id, "end": end, "at": message.done_at})
        if end is End.DELIVERED:
            self._deliver(message)
        return self._report(message)

    def _deliver(self, message: ViberMessage) -> None:
        phone = self._phone(message)
        shown = Message("viber", message.text, now(), VIBER, message.id)
        self._memory.receive(phone, shown)
        if phone.reads:
            self._timers.later(phone.latency_s(self._random), self._read, message, shown)

    def _read(self, message: ViberMessage, shown: Message) -> None:
        at = now()
        self._memory.read("+" + message.to.lstrip("+"), shown, at)
        self._report_seen(message, at)

    def _phone(self, message: ViberMessage) -> Phone:
        return self._memory.phone("+" + message.to.lstrip("+"))

    # Reports.

    def _report(self, message: ViberMessage) -> Callback | None:
        body = report(message)
        if message.delivery_url is None:
            self._keep(message.id, body)
            return None
        callback = Callback(
            url=message.delivery_url,
            kind="delivery",
            body=body,
            done=partial(self._reported, message),
            given_up=partial(self._keep, message.id, body),
        )
        self.gate.offer(callback)
        return callback

    def _keep(self, message_id: str, body: dict[str, object]) -> None:
        """The report waits to be fetched, unless this very receipt is to be lost."""
        if self._faults.hit(VIBER, Fault.NEVER_RECEIPT):
            return
        self._ready[message_id] = body

    def _reported(self, message: ViberMessage) -> None:
        if not message.reported:
            message.reported = True
            self._journal.append("viber_reported", {"id": message.id})

    def _report_seen(self, message: ViberMessage, at: float) -> None:
        if message.seen_url is None:
            return
        done = partial(self._seen_reported, message)
        body = seen_report(message, at)
        self.gate.offer(Callback(url=message.seen_url, kind="seen", body=body, done=done, given_up=done))

    def _seen_reported(self, message: ViberMessage) -> None:
        if not message.seen_reported:
            message.seen_reported = True
            self._journal.append("viber_seen_reported", {"id": message.id})

    def _send(self, callback: Callback, alone: bool) -> None:
        callback.alone = alone
        self.sender.send(callback)

    async def _get_reports(self, request: web.Request) -> web.Response:
        """``GET /viber/2/reports``: each report once only."""
        if refused := self._refused_key(request):
            return refused
        lookup = parse_lookup(request.query)
        if lookup is None:
            return _bad_request([_LIMIT_VIOLATION])
        results = []
        for message_id in viber_lookup.reports(self._ready, lookup):
            results.append(self._ready.pop(message_id))
            if message := self._messages.get(message_id):
                self._reported(message)
        return json_response({"results": results})

    async def _get_logs(self, request: web.Request) -> web.Response:
        """``GET /viber/2/logs``: the latest first, as often as asked."""
        if refused := self._refused_key(request):
            return refused
        lookup = parse_lookup(request.query)
        if lookup is None:
            return _bad_request([_LIMIT_VIOLATION])
        results = [log(message) for message in viber_lookup.logs(self._messages, lookup, now())]
        return json_response({"results": results, "cursor": {"limit": lookup.limit, "nextCursor": None}})

    # After a restart.

    def restore(self, kind: str, record: Record) -> bool:
        """Take back one line of the journal; False when it is somebody else's kind."""
        message = self._messages.get(record.get("id", ""))
        if kind == "viber":
            doomed = record["doomed"] and End(record["doomed"])
            self._messages[record["id"]] = ViberMessage(**(record | {"doomed": doomed}))
            self._trim()
        elif kind == "viber_end":
            if message is not None:
                message.end, message.done_at, message.reported = End(record["end"]), record["at"], False
        elif kind == "viber_reported":
            if message is not None:
                message.reported = True
        elif kind == "viber_seen_reported":
            if message is not None:
                message.seen_reported = True
        else:
            return self.templates.restore(kind, record)
        return True

    def resume(self) -> None:
        """Take up what a killed lab left: messages on their way, reports not yet taken."""
        for message in self._messages.values():
            if message.end is None:
                self._route(message)
                continue
            if not message.reported:
                self._report(message)
            if message.end is End.DELIVERED and message.seen_url and not message.seen_reported:
                self._resume_reading(message)

    def _resume_reading(self, message: ViberMessage) -> None:
        phone = self._phone(message)
        shown = next((m for m in phone.messages if (m.provider, m.provider_message_id) == (VIBER, message.id)), None)
        if shown is not None and shown.read_at is not None:
            self._report_seen(message, shown.read_at)
        elif shown is not None and phone.reads:
            self._timers.later(phone.latency_s(self._random), self._read, message, shown)


def _bad_request(found: list[dict[str, str]]) -> web.Response:
    body = problem(
        "E400", "Request cannot be processed.", "Check the syntax, violations and adjust the request.", found
    )
    return json_response(body, 400)


def _unauthorized() -> web.Response:
    action = "Check the authentication header and provide valid credentials."
    return json_response(problem("E401", "The request lacks valid authentication credentials.", action), 401)


def _throttled(delay_s: float) -> web.Response:
    body = problem("E429", "Too many requests.", "Send fewer requests, and this one again later.")
    return json_response(body, 429, {"Retry-After": str(max(1, round(delay_s)))})
