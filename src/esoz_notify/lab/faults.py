"""Faults from a seed: which exist, for whom, for how long, and whether this very request is hit.

How a hit looks on the wire is each provider's matter.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.lab.settings import DIIA, HTTP_SMS, HYBER, SMSC_A, SMSC_B, TURBOSMS, VIBER, VONAGE
from esoz_notify.lab.timers import Timers, now, seeded


class Fault(StrEnum):
    """What can go wrong; docs/lab.md says what each does to which provider."""

    REFUSE = "refuse"
    THROTTLE = "throttle"
    SLOW = "slow"
    SILENT = "silent"
    TIMEOUT_AFTER_ACCEPT = "timeout_after_accept"
    GARBAGE = "garbage"
    NEVER_RECEIPT = "never_receipt"
    RECEIPT_BEFORE_REPLY = "receipt_before_reply"
    RECEIPT_TWICE = "receipt_twice"
    RECEIPTS_REORDERED = "receipts_reordered"
    RECEIPT_BURST = "receipt_burst"
    OUTAGE = "outage"
    DISCONNECT = "disconnect"


PUSHED_ONLY = frozenset(
    {Fault.RECEIPT_BEFORE_REPLY, Fault.RECEIPT_TWICE, Fault.RECEIPTS_REORDERED, Fault.RECEIPT_BURST}
)
"""Faults of receipts that a provider pushes; Diia is polled and has none of them."""

TARGETS: dict[str, tuple[str, ...]] = {
    VIBER: (VIBER,),
    SMSC_A: (SMSC_A,),
    SMSC_B: (SMSC_B,),
    "sms": (SMSC_A, SMSC_B),
    DIIA: (DIIA,),
    TURBOSMS: (TURBOSMS,),
    HTTP_SMS: (HTTP_SMS,),
    VONAGE: (VONAGE,),
    HYBER: (HYBER,),
    "all": (VIBER, SMSC_A, SMSC_B, DIIA, TURBOSMS, HTTP_SMS, VONAGE, HYBER),
}

_SMS_REASONS = (
    "invalid_number",
    "invalid_source",
    "queue_full",
    "submit_failed",
    "system_error",
    "bind",
    "undelivered",
    "rejected",
)
REASONS: dict[str, tuple[str, ...]] = {
    VIBER: (
        "not_a_user",
        "blocked",
        "no_device",
        "template",
        "template_arguments",
        "content",
        "spam",
        "provider",
        "invalid_number",
        "sender",
        "balance",
        "unauthorized",
    ),
    SMSC_A: _SMS_REASONS,
    SMSC_B: _SMS_REASONS,
    DIIA: (
        "validation",
        "not_found",
        "generation_error",
        "send_error",
        "template",
        "scope",
        "unauthorized",
        "unavailable",
    ),
    TURBOSMS: (
        "undelivered",
        "not_a_user",
        "failed",
        "stoplist",
        "template",
        "content",
        "invalid_number",
        "sender",
        "balance",
        "unauthorized",
        "not_sent",
    ),
    HTTP_SMS: ("undelivered", "rejected", "invalid_number", "stoplist", "balance", "unauthorized", "busy"),
    VONAGE: (
        "not_a_user",
        "blocked",
        "no_device",
        "undelivered",
        "content",
        "unreachable",
        "invalid_number",
        "sender",
        "template",
        "balance",
        "unauthorized",
        "not_submitted",
    ),
    HYBER: ("undelivered", "expired", "blocked_by_platform", "rejected", "unauthorized"),
}
"""Words for ``reason`` of a refusal; the first is what a refusal without a reason means."""

DELAY_S = {Fault.SLOW: 2.0, Fault.RECEIPT_BURST: 2.0, Fault.RECEIPTS_REORDERED: 0.3, Fault.THROTTLE: 1.0}


@dataclass(slots=True, kw_only=True, eq=False)
class Rule:
    """One fault at one provider. ``asked`` and ``hit`` count its decisions; ``ends_at`` is wall time, None for open."""

    provider: str
    fault: Fault
    share: float
    seed: int
    for_s: float | None
    delay_s: float
    given_delay: bool
    reason: str | None
    ends_at: float | None
    asked: int = 0
    hits: int = 0
    random: Random = field(repr=False)

    def decide(self) -> bool:
        """Whether this request is hit: the next number of the seed against the share."""
        self.asked += 1
        hit = self.random.random() < self.share
        self.hits += hit
        return hit


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultOrder:
    """A checked body of ``POST /faults``."""

    provider: str
    fault: Fault
    share: float = 1.0
    seed: int = 0
    for_s: float | None = None
    delay_s: float | None = None
    reason: str | None = None


class Faults:
    """The faults that hold now. ``on_begin`` and ``on_end`` hear of each rule, for what concerns no single request."""

    def __init__(self, timers: Timers, *, on_begin: Callable[[Rule], None], on_end: Callable[[Rule], None]) -> None:
        self._timers = timers
        self._on_begin = on_begin
        self._on_end = on_end
        self._rules: dict[str, dict[Fault, list[Rule]]] = {}

    def quiet(self, provider: str) -> bool:
        """Whether nothing is wrong with this provider: the common case, asked for every message."""
        return provider not in self._rules

    def hit(self, provider: str, fault: Fault) -> Rule | None:
        """The first rule of this fault that hits the present request; each one asked spends a number of its seed."""
        for rule in self._rules.get(provider, {}).get(fault, ()):
            if rule.decide():
                return rule
        return None

    def active(self, provider: str, fault: Fault) -> bool:
        """Whether such a fault holds at all; spends no number."""
        return fault in self._rules.get(provider, {})

    def order(self, order: FaultOrder) -> list[Rule]:
        """Let it hold from now on, as one rule for each provider that it can happen to."""
        rules = [_rule(order, provider) for provider in TARGETS[order.provider] if _applies(order.fault, provider)]
        for rule in rules:
            self._rules.setdefault(rule.provider, {}).setdefault(rule.fault, []).append(rule)
            if rule.for_s is not None:
                self._timers.later(rule.for_s, self._end, rule)
            self._on_begin(rule)
        return rules

    def clear(self, providers: Collection[str]) -> None:
        """Have these providers healthy again."""
        for rule in self.all():
            if rule.provider in providers:
                self._end(rule)

    def all(self) -> list[Rule]:
        """Every rule that holds."""
        return [rule for faults in self._rules.values() for rules in faults.values() for rule in rules]

    def _end(self, rule: Rule) -> None:
        rules = self._rules.get(rule.provider, {}).get(rule.fault, [])
        if rule not in rules:
            return
        rules.remove(rule)
        if not rules:
            del self._rules[rule.provider][rule.fault]
        if not self._rules[rule.provider]:
            del self._rules[rule.provider]
        self._on_end(rule)


def _applies(fault: Fault, provider: str) -> bool:
    return provider != DIIA or fault not in PUSHED_ONLY


def _rule(order: FaultOrder, provider: str) -> Rule:
    reason = (order.reason or REASONS[provider][0]) if order.fault is Fault.REFUSE else None
    return Rule(
        provider=provider,
        fault=order.fault,
        share=order.share,
        seed=order.seed,
        for_s=order.for_s,
        delay_s=DELAY_S.get(order.fault, 0.0) if order.delay_s is None else order.delay_s,
        given_delay=order.delay_s is not None,
        reason=reason,
        ends_at=None if order.for_s is None else now() + order.for_s,
        random=seeded(order.seed),
    )


def rule_json(rule: Rule) -> dict[str, object]:
    """A rule as ``GET /faults`` shows it."""
    left = None if rule.ends_at is None else round(max(rule.ends_at - now(), 0.0), 3)
    return {
        "provider": rule.provider,
        "fault": rule.fault.value,
        "share": rule.share,
        "seed": rule.seed,
        "for_s": rule.for_s,
        "left_s": left,
        "delay_s": rule.delay_s,
        "reason": rule.reason,
        "asked": rule.asked,
        "hits": rule.hits,
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_NUMBERS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "share": (lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1 is needed"),
    "seed": (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number is needed"),
    "for_s": (lambda value: value is None or (_is_number(value) and value > 0), "seconds above 0, or null, are needed"),
    "delay_s": (lambda value: value is None or (_is_number(value) and value >= 0), "seconds from 0 up are needed"),
}


def parse_order(body: object) -> FaultOrder:
    """A fault to let loose. Raises InvalidInput naming every wrong field and listing what exists."""
    if not isinstance(body, dict):
        raise InvalidInput(
            [Problem("", "type", 'a JSON object is needed, as {"provider": "viber", "fault": "silent"}')]
        )
    problems = [*_word_problems(body), *_number_problems(body)]
    if not problems:
        problems.extend(_meaning_problems(body))
    if problems:
        raise InvalidInput(problems)
    return FaultOrder(**(body | {"fault": Fault(body["fault"])}))


def _word_problems(body: Mapping[str, Any]) -> Iterable[Problem]:
    if body.get("provider") not in TARGETS:
        yield Problem("/provider", "unknown_provider", f"needed is one of {', '.join(TARGETS)}")
    if body.get("fault") not in set(Fault):
        yield Problem("/fault", "unknown_fault", f"needed is one of {', '.join(Fault)}")


def _number_problems(body: Mapping[str, Any]) -> Iterable[Problem]:
    for name, value in body.items():
        if name in _NUMBERS:
            allowed, rule = _NUMBERS[name]
            if not allowed(value):
                yield Problem(f"/{name}", "invalid", rule)
        elif name not in {"provider", "fault", "reason"}:
            fields = ", ".join(("provider", "fault", *_NUMBERS, "reason"))
            yield Problem(f"/{name}", "unknown_field", f"no such field; there are {fields}")


def _meaning_problems(body: Mapping[str, Any]) -> Iterable[Problem]:
    providers = TARGETS[body["provider"]]
    fault = Fault(body["fault"])
    if not any(_applies(fault, provider) for provider in providers):
        possible = ", ".join(f for f in Fault if _applies(f, DIIA))
        yield Problem("/fault", "not_applicable", f"diia is polled and pushes no receipts; it can have {possible}")
    reason = body.get("reason")
    if reason is None:
        return
    if fault is not Fault.REFUSE:
        yield Problem("/reason", "not_applicable", "only refuse takes a reason")
    for provider in providers:
        if reason not in REASONS[provider]:
            yield Problem("/reason", "unknown_reason", f"{provider} knows {', '.join(REASONS[provider])}")
