"""What a caller asks to have sent, checked: everything about it that needs no ledger.

What belongs here: the shape of a request as values, and the checks of its own fields. What does not: JSON and HTTP
(api), who is informed (``core.recipient``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from esoz_notify.core.channel import Step
from esoz_notify.core.crisis_proposal import VALUE_LENGTH_MAX
from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.core.kinds import KINDS, PUBLIC_KINDS, Kind, read_data
from esoz_notify.core.limits import REFERENCE_LENGTH_MAX, VALIDITY_MAX_S
from esoz_notify.core.phone import PHONE_RULE, Phone
from esoz_notify.render.summary import read_summary


class InlineRecipient(Struct, frozen=True, kw_only=True):
    """A person that the caller chose itself. ``tax_id`` makes Diia possible."""

    phone: Phone
    tax_id: str | None = None
    language: str = "uk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A checked request for one notification. ``data`` is normalised and without its secret, which is in ``code``.

    ``valid_until``: as the caller said; None leaves it to the kind. ``notifications_off``: the document's programme
    sends no messages, so the summary is printed with the code (ESOZ's ``request_notification_disabled``). ``region``,
    ``programme``: of the document, only to know whether a crisis covers it. ``steps``: of a probe, which goes by them
    and not by the policy; no caller can ask for it.
    """

    kind: Kind
    patient_id: UUID | None
    recipient: InlineRecipient | None
    inform_with: str | None
    data: Mapping[str, str] = field(repr=False)
    code: str | None = field(repr=False)
    summary: Mapping[str, str] = field(repr=False)
    reference: str | None
    valid_until: datetime | None
    traceparent: str | None = None
    notifications_off: bool = False
    region: str | None = None
    programme: str | None = None
    steps: tuple[Step, ...] = ()


def read_order(asked: Mapping[str, object], now: datetime, *, traceparent: str | None = None) -> Order:
    """Check a request's JSON object. Raises InvalidInput with every problem found."""
    problems = [
        Problem(f"/{name}", "unknown_field", f"not a field of a notification; known: {', '.join(FIELDS)}")
        for name in asked
        if name not in FIELDS
    ]
    kind = _read_kind(asked.get("kind"), problems)
    data: dict[str, str] = {}
    summary: dict[str, str] = {}
    if kind is not None:
        data = _collect(problems, lambda: read_data(kind, _object(asked.get("data"), "/data", problems)))
        given = asked.get("summary")
        if given is not None:
            summary = _collect(problems, lambda: read_summary(kind.name, _object(given, "/summary", problems)))
    patient_id = _read_patient_id(asked.get("patient_id"), problems)
    recipient = _read_recipient(asked.get("recipient"), problems)
    if (asked.get("patient_id") is None) == (asked.get("recipient") is None):
        problems.append(Problem("/patient_id", "one_of", "give exactly one of patient_id and recipient"))
    valid_until = _read_valid_until(asked.get("valid_until"), now, problems)
    reference = _read_text(asked.get("reference"), "/reference", REFERENCE_LENGTH_MAX, problems)
    inform_with = _read_inform_with(asked.get("inform_with"), problems)
    notifications_off = _read_flag(asked.get("notifications_off"), "/notifications_off", problems)
    region = _read_text(asked.get("region"), "/region", VALUE_LENGTH_MAX, problems)
    programme = _read_text(asked.get("programme"), "/programme", VALUE_LENGTH_MAX, problems)
    if problems or kind is None:
        raise InvalidInput(problems)
    code = data.pop(kind.secret_field, None) if kind.secret_field else None
    return Order(
        kind=kind,
        patient_id=patient_id,
        recipient=recipient,
        inform_with=inform_with,
        data=data,
        code=code,
        summary=summary,
        reference=reference,
        valid_until=valid_until,
        traceparent=traceparent,
        notifications_off=notifications_off,
        region=region,
        programme=programme,
    )


FIELDS = (
    "kind", "patient_id", "recipient", "inform_with", "data", "summary", "reference", "valid_until",
    "notifications_off", "region", "programme",
)  # fmt: skip
_RECIPIENT_FIELDS = ("phone", "tax_id", "language")
_TAX_ID = re.compile(r"[0-9]{10}", re.ASCII)


def _collect(problems: list[Problem], read: object) -> dict[str, str]:
    try:
        assert callable(read)
        result: dict[str, str] = read()
    except InvalidInput as error:
        problems.extend(error.problems)
        return {}
    return result


def _object(value: object, pointer: str, problems: list[Problem]) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        problems.append(Problem(pointer, "type", "must be an object"))
        return {}
    return value


def _read_kind(value: object, problems: list[Problem]) -> Kind | None:
    kind = KINDS.get(value) if isinstance(value, str) else None
    if kind is None or kind.internal:
        code = "required" if value is None else "unknown_kind"
        problems.append(Problem("/kind", code, f"must be one of: {', '.join(PUBLIC_KINDS)}"))
        return None
    return kind


def _read_patient_id(value: object, problems: list[Problem]) -> UUID | None:
    if value is None:
        return None
    try:
        return UUID(value if isinstance(value, str) else "")
    except ValueError:
        problems.append(Problem("/patient_id", "format", "must be a UUID, as the patient was stored under"))
        return None


def _read_recipient(value: object, problems: list[Problem]) -> InlineRecipient | None:
    if value is None:
        return None
    given = _object(value, "/recipient", problems)
    problems.extend(
        Problem(f"/recipient/{name}", "unknown_field", f"known: {', '.join(_RECIPIENT_FIELDS)}")
        for name in given
        if name not in _RECIPIENT_FIELDS
    )
    phone, tax_id, language = given.get("phone"), given.get("tax_id"), given.get("language", "uk")
    if tax_id is not None and not (isinstance(tax_id, str) and _TAX_ID.fullmatch(tax_id)):
        problems.append(Problem("/recipient/tax_id", "format", "must be 10 digits"))
    if language not in ("uk", "en"):  # a tuple: a JSON value need not have a hash
        problems.append(Problem("/recipient/language", "enum", "must be uk or en"))
    if not isinstance(phone, str) or not PHONE_RULE.fullmatch(phone):
        problems.append(
            Problem("/recipient/phone", "format", "must match ^\\+380[0-9]{9}$: plus, country code, nine digits")
        )
        return None
    return InlineRecipient(
        phone=Phone(phone), tax_id=tax_id if isinstance(tax_id, str) else None, language=str(language)
    )


def _read_flag(value: object, pointer: str, problems: list[Problem]) -> bool:
    if value is not None and not isinstance(value, bool):
        problems.append(Problem(pointer, "type", "must be true or false"))
    return value is True


def _read_text(value: object, pointer: str, length_max: int, problems: list[Problem]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= length_max or not value.isprintable():
        problems.append(Problem(pointer, "format", f"must be 1 to {length_max} printable characters"))
        return None
    return value


def _read_inform_with(value: object, problems: list[Problem]) -> str | None:
    """A method id, or ESOZ's object form ``{"auth_method_id": …}`` of service requests and care plans."""
    if isinstance(value, Mapping):
        value = value.get("auth_method_id", "")
    return _read_text(value, "/inform_with", REFERENCE_LENGTH_MAX, problems)


def _read_valid_until(value: object, now: datetime, problems: list[Problem]) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        problems.append(Problem("/valid_until", "format", "must be an RFC 3339 time with its zone"))
        return None
    if moment <= now:
        problems.append(Problem("/valid_until", "past", "must be in the future: what is over is not sent"))
    elif moment > now + timedelta(seconds=VALIDITY_MAX_S):
        problems.append(Problem("/valid_until", "too_far", f"must be within {VALIDITY_MAX_S // 86_400} days"))
    return moment
