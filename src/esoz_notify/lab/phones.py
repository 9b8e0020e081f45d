"""A phone and what may be said about it: the fields of ``PUT /phones/{msisdn}`` and their rules."""

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from esoz_notify.core.errors import InvalidInput, Problem

_MSISDN = re.compile(r"^\+?(380[0-9]{9})$", re.ASCII)
_TAX_ID = re.compile(r"^[0-9]{10}$", re.ASCII)
_OPERATOR = re.compile(r"^[a-z0-9][a-z0-9 _-]{0,31}$", re.ASCII)
TAX_KEY = "tax:"
"""Prefix of the handset of a person known by tax number only."""

MCC_MNC = {"vodafone": "25501", "kyivstar": "25503", "lifecell": "25506", "trimob": "25507"}
"""Ukraine's network codes, as delivery reports carry them."""


@dataclass(slots=True)
class Message:
    """What a phone shows. ``at`` and ``read_at`` are seconds since the epoch."""

    channel: str
    text: str
    at: float
    provider: str
    provider_message_id: str
    title: str | None = None
    read_at: float | None = None


@dataclass(slots=True, kw_only=True)
class Phone:
    """One handset; every field but the last three may be set from outside. ``waiting``: tries when it comes back."""

    msisdn: str
    viber: bool = True
    diia: bool = True
    sms: bool = True
    operator: str = "kyivstar"
    latency_ms: tuple[int, int] = (50, 300)
    reads: bool = True
    viber_blocked: bool = False
    viber_silent: bool = False
    viber_ignores_validity: bool = False
    viber_latency_ms: tuple[int, int] | None = None
    sms_absent: bool = False
    sms_latency_ms: tuple[int, int] | None = None
    tax_id: str | None = None
    declared: bool = False
    messages: deque[Message] = field(default_factory=deque)
    waiting: list[Callable[[], object]] = field(default_factory=list)

    def latency_s(self, random: Random, override: tuple[int, int] | None = None) -> float:
        """How long a message takes to this phone now."""
        low, high = override or self.latency_ms
        return (low if low == high else random.uniform(low, high)) / 1000


def parse_msisdn(text: str) -> str:
    """``+380XXXXXXXXX`` from the form with or without plus; a ``tax:`` handset's key passes. Raises InvalidInput."""
    if match := _MSISDN.fullmatch(text):
        return "+" + match[1]
    if text.startswith(TAX_KEY) and _TAX_ID.fullmatch(text.removeprefix(TAX_KEY)):
        return text
    raise InvalidInput([Problem("/msisdn", "phone_invalid", "380 and nine digits are needed, with or without +")])


def e164(digits: str) -> str | None:
    """``+380XXXXXXXXX`` from what a provider was given, or None when it is no number of this country."""
    match = _MSISDN.fullmatch(digits)
    return "+" + match[1] if match else None


def _boolean(value: object) -> str | None:
    return None if isinstance(value, bool) else "true or false is needed"


def _latency(value: object) -> str | None:
    rule = "two whole numbers of milliseconds are needed, the lesser first, each 0 to 86400000"
    match value:
        case [int(low), int(high)] if not isinstance(low, bool) and not isinstance(high, bool):
            return None if 0 <= low <= high <= 86_400_000 else rule  # noqa: PLR2004  one day
    return rule


def _latency_or_null(value: object) -> str | None:
    return None if value is None else _latency(value)


def _operator(value: object) -> str | None:
    rule = "a name of 1 to 32 small Latin letters, digits, spaces or hyphens is needed"
    return None if isinstance(value, str) and _OPERATOR.fullmatch(value) else rule


def _tax_id(value: object) -> str | None:
    if value is None or (isinstance(value, str) and _TAX_ID.fullmatch(value)):
        return None
    return "ten digits, or null, are needed"


FIELDS: dict[str, Callable[[object], str | None]] = {
    "viber": _boolean,
    "diia": _boolean,
    "sms": _boolean,
    "operator": _operator,
    "latency_ms": _latency,
    "reads": _boolean,
    "viber_blocked": _boolean,
    "viber_silent": _boolean,
    "viber_ignores_validity": _boolean,
    "viber_latency_ms": _latency_or_null,
    "sms_absent": _boolean,
    "sms_latency_ms": _latency_or_null,
    "tax_id": _tax_id,
}


def parse_patch(body: object) -> dict[str, Any]:
    """The given fields, checked. Raises InvalidInput with every field that breaks its rule or does not exist."""
    if not isinstance(body, dict):
        raise InvalidInput([Problem("", "type", "a JSON object of phone fields is needed")])
    problems = []
    patch: dict[str, Any] = {}
    for name, value in body.items():
        rule = FIELDS.get(name)
        if rule is None:
            detail = f"no such field; there are {', '.join(FIELDS)}"
            problems.append(Problem(f"/{name}", "unknown_field", detail))
        elif broken := rule(value):
            problems.append(Problem(f"/{name}", "invalid", broken))
        else:
            patch[name] = tuple(value) if isinstance(value, list) else value
    if problems:
        raise InvalidInput(problems)
    return patch


def apply_patch(phone: Phone, patch: Mapping[str, Any]) -> None:
    """Set the given fields; ``patch`` comes from ``parse_patch`` or from the journal."""
    for name, value in patch.items():
        setattr(phone, name, tuple(value) if isinstance(value, list) else value)
    phone.declared = True


def as_json(phone: Phone) -> dict[str, object]:
    """The phone as its API shows it."""
    return (
        {"msisdn": phone.msisdn} | {name: getattr(phone, name) for name in FIELDS} | {"messages": len(phone.messages)}
    )
