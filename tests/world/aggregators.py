"""Played providers that speak HTTP: the Viber aggregator (Infobip) and Diia, by what their documents say on the wire.

What belongs here: what they take, refuse, recognise and report. What does not: the network between (``network``).
Written from Infobip OpenAPI 3.210.0 and from "Diia notifications API" of DDM platform 1.9.7, not from the product's
adapters.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.world.checks import Checks
from tests.world.people import Person
from tests.world.stage import SECOND, T0, Stage

from esoz_notify.channels.dialogue import HttpCall, HttpReply
from esoz_notify.core.channel import Channel

VIBER_LEAST_S = 30.0
CALLBACK_TRIES_MAX = 6
DIIA_LIFE_S = 86_400.0

ACCEPTED, DUPLICATE, TOO_MANY, NO_CREDITS = (1, 26), (5, 23), (5, 20), (5, 12)
DELIVERED, EXPIRED, UNDELIVERABLE = (3, 5), (4, 15), (2, 9)
NOT_A_USER, BLOCKED, FAULT_OF_OURS, TEMPORARY = 7002, 7003, 7081, 7082

Handle = Callable[[HttpCall, datetime], HttpReply | None]


def reply(status: int, body: object, headers: dict[str, str] | None = None) -> HttpReply:
    """An answer with JSON."""
    return HttpReply(status=status, headers=headers or {}, body=json.dumps(body).encode())


def failed(stage: Stage) -> tuple[bool, HttpReply] | None:
    """An answer that is no answer, if there is one now, and whether the call was taken all the same."""
    if stage.chance(stage.temper.throttle):
        stage.count("throttled calls")
        return False, reply(429, {}, {"retry-after": str(stage.pick((0, 1, 3, 60)))})
    if not stage.chance(stage.temper.http_error):
        return None
    stage.count("HTTP errors")
    status = stage.pick((400, 500, 502, 503, 504, 200))
    taken = status in {500, 502, 504, 200} and stage.chance(0.5)
    return taken, HttpReply(status=status, body=b"<html>oops</html>")


@dataclass(slots=True, eq=False)
class ViberMessage:
    """A message that was taken."""

    key: str
    person: Person
    text: str
    dead_us: int
    status: tuple[int, int] = ACCEPTED
    error: int = 0
    reports: bool = False
    is_over: bool = False


@dataclass(slots=True)
class Aggregator:
    """The Viber aggregator. ``callback``: gives a body to our callback endpoint; False when it was not taken."""

    stage: Stage
    checks: Checks
    people: dict[str, Person]
    callback: Callable[[bytes], bool]
    down_until_us: int = 0
    messages: dict[str, ViberMessage] = field(default_factory=dict)

    def handle(self, call: HttpCall, left_at: datetime) -> HttpReply | None:
        """Answer a call; None: it hangs."""
        problem = failed(self.stage)
        if call.method == "GET":
            return problem[1] if problem else self._logs(call)
        if problem and not problem[0]:
            return problem[1]
        body = json.loads(call.body)
        answers = [self._take(one, left_at) for one in body["messages"]]
        return problem[1] if problem else reply(200, {"bulkId": "bulk", "messages": answers})

    def _take(self, element: dict[str, Any], left_at: datetime) -> dict[str, object]:
        stage, destination = self.stage, element["destinations"][0]
        key = destination["messageId"]
        answer = {"messageId": key, "destination": destination["to"]}
        if key in self.messages:
            stage.count("repeats recognised by the aggregator")
            return answer | {"status": _status(DUPLICATE)}
        if stage.chance(stage.temper.refuse):
            stage.count("refused messages")
            return answer | {"status": _status(stage.pick((TOO_MANY, NO_CREDITS)))}
        told_s = float(element["options"]["validityPeriod"]["amount"])
        self.checks.taken(key, 0, told_s, VIBER_LEAST_S, left_at)
        message = ViberMessage(
            key=key,
            person=self.people[destination["to"]],
            text=" ".join(element["content"].get("parameters", {}).values()),
            dead_us=stage.timeline.now_us + int(told_s * SECOND),
            reports="webhooks" in element,
        )
        self.messages[key] = message
        stage.timeline.after(stage.between(0.0, 1.5), lambda: self._bring(message))
        return answer | {"status": _status(ACCEPTED)}

    def _bring(self, message: ViberMessage) -> None:
        """Bring a message to its phone now, when the phone is back, or never."""
        timeline, person = self.stage.timeline, message.person
        reached_us = person.reached_us(timeline.now_us)
        if message.is_over:
            return
        if not person.viber or person.viber_blocked:
            self._settle(message, UNDELIVERABLE, BLOCKED if person.viber else NOT_A_USER)
        elif min(reached_us, message.dead_us) > timeline.now_us:
            timeline.at(min(reached_us, message.dead_us), lambda: self._bring(message))
        elif timeline.now_us >= message.dead_us:
            self._settle(message, EXPIRED, 0)
        elif self.stage.chance(self.stage.temper.refuse * 0.3):
            self._settle(message, UNDELIVERABLE, self.stage.pick((FAULT_OF_OURS, TEMPORARY, 0)))
        else:
            dead_at = T0 + timedelta(microseconds=message.dead_us)
            self.checks.shown(message.key, Channel.VIBER, person.index, message.text, dead_at)
            self._settle(message, DELIVERED, 0)
            if person.reads:
                timeline.after(self.stage.between(0.2, 8.0), lambda: self._report(message, seen=True))

    def _settle(self, message: ViberMessage, status: tuple[int, int], error: int) -> None:
        message.status, message.error, message.is_over = status, error, True
        self._report(message, seen=False)

    def _report(self, message: ViberMessage, *, seen: bool) -> None:
        stage, temper = self.stage, self.stage.temper
        if not message.reports:
            return
        if stage.chance(temper.garbage_receipt):
            stage.count("receipts that cannot be read")
            stage.timeline.after(0.0, partial(self._push, b'{"results": [{"messageId": 7}]}', 1))
        if stage.chance(temper.lose_receipt):
            stage.count("receipts lost")
            return
        told = {"messageId": message.key, "seenAt": "2026-01-10T12:00:00Z"} if seen else _row(message)
        times = 1
        if stage.chance(temper.double_receipt):
            stage.count("receipts doubled")
            times = 3
        for _ in range(times):
            delay_s = 0.001
            if stage.chance(temper.delay_receipt):
                stage.count("receipts delayed")
                delay_s = stage.between(0.1, 40.0)
            stage.timeline.after(delay_s, partial(self._push, json.dumps({"results": [told]}).encode(), 1))

    def _push(self, body: bytes, tries: int) -> None:
        if not self.callback(body) and tries < CALLBACK_TRIES_MAX:
            self.stage.count("callbacks repeated")
            self.stage.timeline.after(2.0**tries * self.stage.between(0.5, 1.0), partial(self._push, body, tries + 1))

    def _logs(self, call: HttpCall) -> HttpReply:
        asked = parse_qs(urlsplit(call.path).query)["messageId"][0].split(",")
        rows = [_row(self.messages[key]) for key in asked if key in self.messages]
        return reply(200, {"results": rows})


def _status(of: tuple[int, int]) -> dict[str, int]:
    return {"groupId": of[0], "id": of[1]}


def _row(message: ViberMessage) -> dict[str, object]:
    return {
        "messageId": message.key,
        "to": message.person.phone.digits,
        "messageCount": 1,
        "status": _status(message.status),
        "error": {"id": message.error, "permanent": True},
    }


@dataclass(slots=True, eq=False)
class Push:
    """One notification of Diia: a newer one of the same resource takes its place. ``status``: the recipient's word."""

    key: str
    person: Person
    text: str
    status: str = "sent"


@dataclass(slots=True)
class Diia:
    """The state's application. ``at_status``: whether the result is at the path of its own gateway."""

    stage: Stage
    checks: Checks
    people: dict[str, Person]
    at_status: bool
    down_until_us: int = 0
    tokens: int = 0
    templates: int = 0
    distributions: dict[str, list[Push]] = field(default_factory=dict)
    shown: dict[str, Push] = field(default_factory=dict)

    def handle(self, call: HttpCall, left_at: datetime) -> HttpReply | None:
        """Answer a call; None: it hangs."""
        path = urlsplit(call.path).path
        problem = failed(self.stage)
        if problem and not (problem[0] and path.endswith("/push")):
            return problem[1]
        if path.endswith("/auth/partner"):
            self.tokens += 1
            return reply(200, {"token": f"token-{self.tokens}"})
        if call.headers.get("authorization") != f"Bearer token-{self.tokens}" or self._forgets():
            return reply(401, {})
        if path.endswith("/template"):
            self.templates += 1
            return reply(200, {"templateId": f"template-{self.templates}"})
        if path.endswith("/push"):
            answer = self._distribute(json.loads(call.body), left_at)
            return problem[1] if problem else answer
        return self._recipients(path)

    def _forgets(self) -> bool:
        """Whether the bearer's life ends just now."""
        ends = self.stage.chance(self.stage.temper.http_error * 0.3)
        self.tokens += ends
        return ends

    def _distribute(self, body: dict[str, Any], left_at: datetime) -> HttpReply:
        stage = self.stage
        if stage.chance(stage.temper.refuse):
            stage.count("refused messages")
            return reply(stage.pick((400, 422, 403)), {"name": "ValidationError"})
        distribution = f"distribution-{len(self.distributions) + 1}"
        pushes = []
        for recipient in body["recipients"]:
            key = recipient["resourceId"]
            life_s = self.checks.life_s(key, left_at)
            self.checks.taken(key, 0, life_s, 0.0, left_at)  # Diia cannot be told how long
            values = " ".join(one["value"] for one in recipient["parameters"])
            push = Push(key, self.people[recipient["rnokpp"]], values)
            pushes.append(push)
            stage.timeline.after(stage.between(0.0, 2.0), partial(self._bring, push, stage.timeline.now_us))
        self.distributions[distribution] = pushes
        return reply(200, {"distributionId": distribution})

    def _bring(self, push: Push, taken_us: int) -> None:
        timeline, stage = self.stage.timeline, self.stage
        if not push.person.diia:
            push.status = "not-found"
        elif stage.chance(stage.temper.refuse * 0.3):
            push.status = stage.pick(("send-error", "notification-generation-error", "error"))
        else:
            reached_us = push.person.reached_us(timeline.now_us)
            if reached_us < taken_us + int(DIIA_LIFE_S * SECOND):
                timeline.at(reached_us, lambda: self._show(push))

    def _show(self, push: Push) -> None:
        """A phone shows it; an earlier one of the same resource is removed first."""
        self.shown[push.key] = push
        self.checks.shown(push.key, Channel.DIIA, push.person.index, push.text, None)
        if push.person.reads:
            self.stage.timeline.after(self.stage.between(0.2, 8.0), lambda: self._read(push))

    def _read(self, push: Push) -> None:
        if self.shown[push.key] is push:
            push.status = "read"

    def _recipients(self, path: str) -> HttpReply:
        whole, _, last = path.rpartition("/")
        if (last == "status") != self.at_status:
            return reply(404, {})
        pushes = self.distributions[whole.rpartition("/")[2] if self.at_status else last]
        told = [
            {"id": push.key, "status": push.status, "devices": [{"status": "sent"}] if push.status == "read" else []}
            for push in pushes
        ]
        return reply(200, {"recipients": told})
