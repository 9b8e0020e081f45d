"""What a caller asks to have confirmed, checked: everything about it that needs no ledger.

What belongs here: the fields of a request for a code. What does not: whether a code may be sent (``admission``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.core.fields import Fields, Findings
from esoz_notify.core.kinds import CODE_FIELD
from esoz_notify.core.verification import PURPOSES, Party, Purpose
from esoz_notify.engine.requests import Order, read_order

ENTITY_LENGTH_MAX = 100
DOCTOR_LENGTH_MAX = 100
CODE_TEXT_LENGTH_MAX = 32

FIELDS = (
    "purpose", "entity_id", "confirms", "patient_id", "third_person_id", "recipient", "authorize_with", "doctor_id",
)  # fmt: skip
_CODE_TO_COME = "0000"
_RENAMED = {"/inform_with": "/authorize_with"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationRequest:
    """A checked request. ``order``: its message, whose code is yet to be made."""

    purpose: Purpose
    party: Party
    entity_id: str
    doctor_id: str | None = field(repr=False)
    order: Order


def read_verification(
    asked: Mapping[str, object], now: datetime, *, traceparent: str | None = None
) -> VerificationRequest:
    """Check a request's JSON object. Raises InvalidInput with every problem found."""
    findings = Findings()
    fields = Fields(asked, "", findings)
    purpose = _purpose(fields)
    party = _party(fields, purpose)
    entity_id = _text(fields, "entity_id", ENTITY_LENGTH_MAX, required=True)
    doctor_id = _text(fields, "doctor_id", DOCTOR_LENGTH_MAX, required=False)
    order = _order(fields, party, now, traceparent)
    for name in fields.left():
        fields.problem(name, "unknown_field", f"is not a field of a verification, which has: {', '.join(FIELDS)}")
    if findings.problems or purpose is None or order is None or entity_id is None:
        raise InvalidInput(findings.problems)
    return VerificationRequest(purpose=purpose, party=party, entity_id=entity_id, doctor_id=doctor_id, order=order)


def read_code(asked: Mapping[str, object]) -> str:
    """The code of a check, spaces around it dropped. What is no code is judged like any wrong one.

    Raises InvalidInput.
    """
    findings = Findings()
    fields = Fields(asked, "", findings)
    code = _text(fields, "code", CODE_TEXT_LENGTH_MAX, required=True)
    for name in fields.left():
        fields.problem(name, "unknown_field", "is not a field of a check, which has: code")
    if findings.problems or code is None:
        raise InvalidInput(findings.problems)
    return code


def _purpose(fields: Fields) -> Purpose | None:
    name, given = fields.text("purpose")
    purpose = PURPOSES.get(given or "")
    if purpose is None and not fields.has_problem(name):
        fields.problem(name, "unknown_purpose" if given else "required", f"must be one of: {', '.join(PURPOSES)}")
    return purpose


def _party(fields: Fields, purpose: Purpose | None) -> Party:
    name, given = fields.text("confirms")
    if purpose is None:
        return Party.PATIENT
    allowed = [party.value for party in purpose.words]
    if given is None and len(allowed) == 1:
        return Party(allowed[0])
    if given not in allowed:
        fields.problem(name, "required" if given is None else "enum", f"must be one of: {', '.join(allowed)}")
        return Party.PATIENT
    return Party(given)


def _text(fields: Fields, name: str, length_max: int, *, required: bool) -> str | None:
    name, given = fields.text(name)
    if given is not None:
        return fields.plain(name, given, length_max)
    if required and not fields.has_problem(name):
        fields.problem(name, "required", f"give a text of 1 to {length_max} characters")
    return None


def _order(fields: Fields, party: Party, now: datetime, traceparent: str | None) -> Order | None:
    """The message's order: to the patient's method, a phone that the caller chose, or the third person."""
    given = {name: fields.find(name)[1] for name in ("patient_id", "third_person_id", "recipient", "authorize_with")}
    patient, third = given["patient_id"], given["third_person_id"]
    if party is Party.THIRD_PERSON and patient is not None and third is None:
        fields.problem("third_person_id", "required", "says whose consent is asked for: their own id")
    if party is Party.PATIENT and third is not None:
        fields.problem("third_person_id", "not_expected", "is given only where confirms is third_person")
    asked = {
        "kind": "confirmation_code",
        "data": {CODE_FIELD: _CODE_TO_COME},
        "patient_id": third if party is Party.THIRD_PERSON and third is not None else patient,
        "recipient": given["recipient"],
        "inform_with": given["authorize_with"],
    }
    try:
        return read_order(asked, now, traceparent=traceparent)
    except InvalidInput as error:
        fields.findings.problems.extend(
            Problem(_RENAMED.get(one.pointer, one.pointer), one.code, one.detail) for one in error.problems
        )
        return None
