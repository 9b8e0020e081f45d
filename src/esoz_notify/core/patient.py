"""The minimum of a patient that deciding needs, and how it is read from and written to JSON.

What belongs here: the values and their reading, in our own shape and in ESOZ's person shape. What does not: deciding
whom to inform (``recipient``) and keeping the values (``store``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID, uuid5

from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.fields import Fields, Findings
from esoz_notify.core.numbers import parse_date
from esoz_notify.core.phone import PHONE_RULE, Phone


class MethodType(StrEnum):
    """Types of authentication methods; the value is ESOZ's own word."""

    OTP = "OTP"
    OFFLINE = "OFFLINE"
    THIRD_PERSON = "THIRD_PERSON"
    NA = "NA"


class LegalCapacity(StrEnum):
    """Legal capacity, where a document or a court says so; otherwise age decides."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationMethod:
    """One way to reach a patient. Times are aware UTC; ``ended_at`` is the first instant it no longer serves."""

    id: str
    type: MethodType
    phone: Phone | None = field(default=None, repr=False)
    third_person_id: str | None = None
    alias: str | None = field(default=None, repr=False)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    is_active: bool = True
    inserted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidant:
    """A registered relation: this person may act for the patient while active, verified and before ``active_to``."""

    person_id: str
    is_active: bool = True
    is_verified: bool = True
    active_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What deciding needs to know of a person. ``confidants`` None: nobody told, which is not the same as none."""

    id: str
    birth_date: date = field(repr=False)
    legal_capacity: LegalCapacity | None = None
    methods: tuple[AuthenticationMethod, ...] = ()
    confidants: tuple[Confidant, ...] | None = None
    language: str = "uk"
    tax_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPatient:
    """A patient and the names of the fields that were given and not kept."""

    patient: Patient
    ignored: tuple[str, ...]


METHOD_COUNT_MAX = 50
CONFIDANT_COUNT_MAX = 50
ALIAS_LENGTH_MAX = 100
LANGUAGES = ("uk", "en")
PRINT_CHOICE = "print"
"""The word that ``inform_with`` takes instead of a method's id; no method may have it as its id."""

_UUID_RULE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_METHOD_ID_RULE = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_TAX_ID_RULE = re.compile(r"[0-9]{10}", re.ASCII)
_MIDNIGHT = re.compile(r"T00:00:00(\.0+)?Z$")
_METHOD_NAMESPACE = UUID("5b0c7a52-6a0c-5d0e-9f5e-0c7b1a4e2d10")
_APPROVED = frozenset({"VERIFIED", "APPROVED"})
_PHONE_FIX = "must be a Ukrainian number as +380 and nine digits"


def canonical_id(text: str) -> str:
    """Spell a UUID in lower case, so that two spellings of one id are equal; other ids stay as they are."""
    lower = text.lower()
    return lower if _UUID_RULE.fullmatch(lower) else text


def read_patient(patient_id: str, document: Mapping[str, object]) -> ReadPatient:
    """Read a patient from our minimal shape or from ESOZ's person shape (API 9.11, person and its relations) unchanged.

    Fields that deciding does not need are not kept; ``ignored`` names them. A method without an id gets a UUID made of
    the patient, the type and the position, so that sending the same document again changes nothing.

    Raises:
        InvalidInput: with every broken rule and its JSON pointer; never with a phone, a tax number or a name.

    """
    findings = Findings()
    fields = Fields(document, "", findings)
    person_id = canonical_id(patient_id)
    if not _UUID_RULE.fullmatch(person_id):
        findings.add("", "not_a_uuid", "the patient's id must be a UUID, as ESOZ gives it")
    own_id = _person_id(fields, "id")
    if own_id is not None and own_id != person_id:
        fields.problem(
            "id", "other_patient", "must be the id that the patient is kept under; check which record is meant"
        )
    birth_date = _birth_date(fields)
    patient = Patient(
        id=person_id,
        birth_date=birth_date or date.min,  # a missing birth date is a problem: this patient is never returned
        legal_capacity=_capacity(fields),
        methods=_methods(fields, person_id),
        confidants=_confidants(fields, person_id),
        language=_language(fields),
        tax_id=_tax_id(fields),
    )
    fields.ignore(*fields.left())
    if findings.problems:
        raise InvalidInput(findings.problems)
    return ReadPatient(patient=patient, ignored=tuple(sorted(findings.ignored)))


def write_patient(patient: Patient) -> dict[str, object]:
    """Give the minimal shape as plain JSON values; reading it gives an equal patient. Holds personal data in clear."""
    document: dict[str, object] = {
        "birth_date": patient.birth_date.isoformat(),
        "language": patient.language,
        "authentication_methods": [_written_method(method) for method in patient.methods],
    }
    if patient.legal_capacity is not None:
        document["legal_capacity"] = patient.legal_capacity.value
    if patient.confidants is not None:
        document["confidants"] = [_written_confidant(confidant) for confidant in patient.confidants]
    if patient.tax_id is not None:
        document["tax_id"] = patient.tax_id
    return document


def _written_method(method: AuthenticationMethod) -> dict[str, object]:
    row: dict[str, object | None] = {
        "id": method.id,
        "type": method.type.value,
        "phone_number": method.phone.e164 if method.phone else None,
        "value": method.third_person_id,
        "alias": method.alias,
        "started_at": _written_time(method.started_at),
        "ended_at": _written_time(method.ended_at),
        "is_active": method.is_active,
        "inserted_at": _written_time(method.inserted_at),
    }
    return {name: value for name, value in row.items() if value is not None}


def _written_confidant(confidant: Confidant) -> dict[str, object]:
    row: dict[str, object | None] = {
        "person_id": confidant.person_id,
        "is_active": confidant.is_active,
        "verification_status": "VERIFIED" if confidant.is_verified else "NOT_VERIFIED",
        "active_to": _written_time(confidant.active_to),
    }
    return {name: value for name, value in row.items() if value is not None}


def _written_time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None


def _birth_date(fields: Fields) -> date | None:
    name, text = fields.text("birth_date")
    if text is None:
        if fields.find(name)[1] is None:
            fields.problem(name, "missing", "is required: age decides who is informed; give it as YYYY-MM-DD")
        return None
    # Older ESOZ answers write the date with midnight after it.
    return fields.parsed(name, lambda: parse_date(_MIDNIGHT.sub("", text)))


def _capacity(fields: Fields) -> LegalCapacity | None:
    name, text = fields.text("legal_capacity", "capacity")
    if text is None:
        return None
    if text.lower() not in list(LegalCapacity):
        fields.problem(
            name, "unknown_value", f"must be one of {', '.join(LegalCapacity)}, or left out: then age decides"
        )
        return None
    return LegalCapacity(text.lower())


def _language(fields: Fields) -> str:
    name, text = fields.text("language")
    if text is not None and text not in LANGUAGES:
        fields.problem(name, "unknown_value", f"must be one of {', '.join(LANGUAGES)}")
    return text or LANGUAGES[0]


def _tax_id(fields: Fields) -> str | None:
    name, text = fields.text("tax_id", "rnokpp")
    if text is not None and not _TAX_ID_RULE.fullmatch(text):
        fields.problem(name, "not_a_tax_id", "must be 10 digits; leave it out for a person without a tax number")
    return text


def _person_id(fields: Fields, *names: str) -> str | None:
    name, text = fields.text(*names)
    if text is None:
        return None
    person_id = canonical_id(text)
    if not _UUID_RULE.fullmatch(person_id):
        fields.problem(name, "not_a_uuid", "must be a person's UUID, as ESOZ gives it")
    return person_id


def _methods(fields: Fields, person_id: str) -> tuple[AuthenticationMethod, ...]:
    name, items = fields.items("authentication_methods", count_max=METHOD_COUNT_MAX)
    methods: list[AuthenticationMethod] = []
    seen: set[str] = set()
    for position, item in enumerate(items or ()):
        row = fields.inner(item, f"{fields.at(name)}/{position}", f"{name}.")
        method = _method(row, person_id, position) if row else None
        if row and method:
            if method.id in seen:
                row.problem("id", "duplicate_id", "is the id of an earlier method; every method has its own")
            seen.add(method.id)
            methods.append(method)
    return tuple(methods)


def _method(row: Fields, person_id: str, position: int) -> AuthenticationMethod | None:
    """Read one method, telling every problem of it; None if its type is not known."""
    method_type = _method_type(row)
    alias_name, alias = row.text("alias")
    method_id = _method_id(row)
    started_at, ended_at = row.moment("started_at"), row.moment("ended_at", day_end=True)
    is_active, inserted_at = row.flag("is_active"), row.moment("inserted_at")
    phone = _phone(row, method_type)
    third_person_id = _third_person_id(row, method_type, person_id)
    alias = row.plain(alias_name, alias, ALIAS_LENGTH_MAX) if alias else None
    row.ignore(*row.left())
    if method_type is None:
        return None
    return AuthenticationMethod(
        id=method_id or str(uuid5(_METHOD_NAMESPACE, f"{person_id}/{method_type}/{position}")),
        type=method_type,
        phone=phone,
        third_person_id=third_person_id,
        alias=alias,
        started_at=started_at,
        ended_at=ended_at,
        is_active=is_active is not False,
        inserted_at=inserted_at,
    )


def _method_type(row: Fields) -> MethodType | None:
    name, text = row.text("type")
    if text is not None and text in list(MethodType):
        return MethodType(text)
    row.problem(name, "unknown_value", f"must be one of {', '.join(MethodType)}")
    return None


def _method_id(row: Fields) -> str | None:
    name, text = row.text("id")
    if text is not None and (text == PRINT_CHOICE or not _METHOD_ID_RULE.fullmatch(text)):
        row.problem(
            name, "not_an_id", f"must be the method's UUID, or 1-64 of A-Z a-z 0-9 . _ : - but not {PRINT_CHOICE}"
        )
    return None if text is None else canonical_id(text)


def _phone(row: Fields, method_type: MethodType | None) -> Phone | None:
    name, value = row.find("phone_number", "phone")
    if method_type is not MethodType.OTP:
        if value is not None:
            row.ignore(name)  # only a method by phone needs one; ESOZ shows the third person's, masked
        return None
    if value is None:
        row.problem(name, "missing", f"is required by a method of type OTP; {_PHONE_FIX}")
    elif not isinstance(value, str):
        row.problem(name, "wrong_type", f"must be a JSON string; {_PHONE_FIX}")
    elif "*" in value:
        row.problem(
            name, "phone_masked", "is masked, so nothing can be sent to it; send the whole number, +380 and nine digits"
        )
    elif not PHONE_RULE.fullmatch(value):
        row.problem(name, "not_a_phone", _PHONE_FIX)
    else:
        return Phone(value)
    return None


def _third_person_id(row: Fields, method_type: MethodType | None, person_id: str) -> str | None:
    name, value = row.find("value", "third_person_id")
    if method_type is not MethodType.THIRD_PERSON:
        if value is not None:
            row.ignore(name)
        return None
    if value is None:
        row.problem(name, "missing", "is required by a method of type THIRD_PERSON: the third person's UUID")
    third_person_id = _person_id(row, name)
    if third_person_id == person_id:
        row.problem(name, "self_as_third_person", "must be another person, not the patient")
    return third_person_id


def _confidants(fields: Fields, person_id: str) -> tuple[Confidant, ...] | None:
    name, items = fields.items("confidants", "confidant_person_relationships", count_max=CONFIDANT_COUNT_MAX)
    if items is None:
        return None
    rows = (fields.inner(item, f"{fields.at(name)}/{position}", f"{name}.") for position, item in enumerate(items))
    return tuple(_confidant(row, person_id) for row in rows if row)


def _confidant(row: Fields, person_id: str) -> Confidant:
    _, status = row.text("verification_status")
    is_verified = row.flag("is_verified", "is_approved")
    is_active = row.flag("is_active")
    confidant = Confidant(
        person_id=_confidant_id(row, person_id),
        is_active=is_active is not False,
        is_verified=(status is None or status.upper() in _APPROVED) and is_verified is not False,
        active_to=row.moment("active_to", day_end=True),
    )
    row.ignore(*row.left())
    return confidant


def _confidant_id(row: Fields, person_id: str) -> str:
    """Read whose relation it is. ESOZ's table names both sides: then ``person_id`` is the patient's own."""
    told = _person_id(row, "confidant_person_id") or _nested_confidant_id(row)
    other_side = _person_id(row, "person_id")
    confidant_id = told or other_side
    if confidant_id is None:
        row.problem("person_id", "missing", "is required: the confidant's UUID, as person_id or confidant_person_id")
    elif confidant_id == person_id:
        row.problem(
            "confidant_person_id" if told else "person_id",
            "self_as_confidant",
            "must be another person, not the patient",
        )
    elif told and other_side not in {None, person_id}:
        row.problem("person_id", "other_patient", "is beside confidant_person_id, so it must be the patient's own id")
    return confidant_id or ""


def _nested_confidant_id(row: Fields) -> str | None:
    name, value = row.find("confidant_person")
    person = None if value is None else row.inner(value, row.at(name), f"{row.path}{name}.")
    if person is None:
        return None
    confidant_id = _person_id(person, "person_id", "id")
    person.ignore(*person.left())
    return confidant_id
