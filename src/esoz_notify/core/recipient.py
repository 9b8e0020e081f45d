"""Decides who is informed and how: a pure function of the patient, the third persons, the caller's choice and the time.

What belongs here: the rules on age, capacity, guardians and the default method (ESOZ wiki, "Determination of a default
authentication method", page 622133300). What does not: which channels reach a phone (``policy``) and reading records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from esoz_notify.core.explain import Explanation, explain
from esoz_notify.core.paper import CodeGround
from esoz_notify.core.patient import PRINT_CHOICE, AuthenticationMethod, MethodType, Patient, canonical_id
from esoz_notify.core.phone import Phone
from esoz_notify.core.standing import (
    NEEDS_GUARDIAN,
    OWN_TYPES,
    Lapse,
    Standing,
    first_added,
    is_current,
    lapse_of,
    own_usable,
    standing_of,
)


class Relation(StrEnum):
    """Who the informed person is to the patient."""

    SELF = "self"
    THIRD_PERSON = "third_person"


class RefusalReason(StrEnum):
    """Why nobody can be informed; the value is also the code of its explanation.

    The order has a meaning: of several failures the last one here is told as the reason, because that way got furthest
    and is the one worth repairing.
    """

    METHOD_NOT_FOUND = "method_not_found"
    METHOD_TYPE_NA = "method_type_na"
    METHOD_NOT_ALLOWED_UNDER_14 = "method_not_allowed_under_14"
    METHOD_NOT_ALLOWED_GUARDIAN_DECIDES = "method_not_allowed_guardian_decides"
    NO_AUTHENTICATION_METHOD = "no_authentication_method"
    GUARDIAN_MISSING = "guardian_missing"
    METHOD_INACTIVE = "method_inactive"
    METHOD_ENDED = "method_ended"
    METHOD_NOT_STARTED = "method_not_started"
    METHOD_WITHOUT_PHONE = "method_without_phone"
    THIRD_PERSON_LINK_INACTIVE = "third_person_link_inactive"
    THIRD_PERSON_LINK_EXPIRED = "third_person_link_expired"
    THIRD_PERSON_LINK_NOT_STARTED = "third_person_link_not_started"
    THIRD_PERSON_IS_PATIENT = "third_person_is_patient"
    THIRD_PERSON_NOT_GUARDIAN = "third_person_not_guardian"
    GUARDIAN_RELATION_ENDED = "guardian_relation_ended"
    GUARDIAN_NOT_CONFIRMED = "guardian_not_confirmed"
    THIRD_PERSON_UNKNOWN = "third_person_unknown"
    THIRD_PERSON_TOO_YOUNG = "third_person_too_young"
    THIRD_PERSON_NEEDS_GUARDIAN = "third_person_needs_guardian"
    THIRD_PERSON_WITHOUT_METHOD = "third_person_without_method"
    THIRD_PERSON_CHAINED = "third_person_chained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inform:
    """Send to this phone. ``method`` and ``method_id`` are the patient's; the rest is the informed person's."""

    person_id: str
    relation: Relation
    method: MethodType
    method_id: str
    phone: Phone = field(repr=False)
    tax_id: str | None = field(repr=False)
    language: str
    explanation: Explanation
    notes: tuple[Explanation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """Print the summary. ``code_ground``: why the code may stand on it (``paper``); None: it may not.

    ``method`` and ``method_id`` are None when print was chosen for a patient whom nothing else reaches.
    """

    person_id: str
    relation: Relation
    method: MethodType | None
    method_id: str | None
    code_ground: CodeGround | None
    explanation: Explanation
    notes: tuple[Explanation, ...] = ()

    @property
    def code_on_paper(self) -> bool:
        """Whether the code may stand on the summary while it is valid."""
        return self.code_ground is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Nobody can be informed. ``offers_print``: the summary may be printed; False: the call must be corrected first."""

    reason: RefusalReason
    explanation: Explanation
    offers_print: bool
    notes: tuple[Explanation, ...] = ()


Decision = Inform | Print | Refusal


_METHOD_LAPSES = {
    Lapse.INACTIVE: RefusalReason.METHOD_INACTIVE,
    Lapse.ENDED: RefusalReason.METHOD_ENDED,
    Lapse.NOT_STARTED: RefusalReason.METHOD_NOT_STARTED,
}
_LINK_LAPSES = {
    Lapse.INACTIVE: RefusalReason.THIRD_PERSON_LINK_INACTIVE,
    Lapse.ENDED: RefusalReason.THIRD_PERSON_LINK_EXPIRED,
    Lapse.NOT_STARTED: RefusalReason.THIRD_PERSON_LINK_NOT_STARTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One question. ``methods``: the patient's, first-added first."""

    patient: Patient
    people: Mapping[str, Patient]
    now: datetime
    standing: Standing
    methods: tuple[AuthenticationMethod, ...]

    @property
    def needs_guardian(self) -> bool:
        return self.standing in NEEDS_GUARDIAN


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contact:
    """A usable way through a third person: the patient's link, the person, and the person's own method."""

    link: AuthenticationMethod
    person: Patient
    phone: Phone | None


def people_needed(patient: Patient) -> tuple[str, ...]:
    """Ids of the third persons whose records ``decide_recipient`` needs, first-added first, each once."""
    links = (method for method in first_added(patient.methods) if method.type is MethodType.THIRD_PERSON)
    ids = (link.third_person_id for link in links if link.is_active)
    return tuple(dict.fromkeys(person_id for person_id in ids if person_id is not None and person_id != patient.id))


def decide_recipient(
    patient: Patient, people: Mapping[str, Patient], *, inform_with: str | None, now: datetime
) -> Decision:
    """Decide who is informed about a patient's document, and how; total and deterministic.

    ``people``: records of third persons by id, at least those of ``people_needed`` that exist. ``inform_with``: None
    for the default method, the id of one of the patient's methods, or ``print``. ``now``: aware.
    """
    case = _Case(
        patient=patient,
        people=people,
        now=now,
        standing=standing_of(patient, now),
        methods=first_added(patient.methods),
    )
    if inform_with is None:
        return _by_default(case)
    if inform_with == PRINT_CHOICE:
        return _by_print(case)
    return _by_choice(case, inform_with)


def without_messages(decided: Decision) -> Decision:
    """The same person on paper with the code: the document's programme has notifications switched off."""
    if isinstance(decided, Refusal):
        return decided
    return Print(
        person_id=decided.person_id,
        relation=decided.relation,
        method=decided.method,
        method_id=decided.method_id,
        code_ground=CodeGround.PROGRAMME,
        explanation=explain("programme_without_messages"),
        notes=decided.notes,
    )


def _by_default(case: _Case) -> Decision:
    contacts, failures = _contacts(case)
    contact = next((way for way in contacts if way.phone), contacts[0] if contacts else None)
    if case.needs_guardian:
        return _through(case, contact, contacts) if contact else _refuse_default(case, failures)
    phones = own_usable(case.patient, case.now, MethodType.OTP)
    if phones:
        return _own(case, phones[0], "own_phone" if len(phones) == 1 else "own_phone_first_of_several")
    documents = own_usable(case.patient, case.now, MethodType.OFFLINE)
    if documents:
        hint = (explain("third_person_available_with_inform_with"),) if contact and contact.phone else ()
        return replace(_own(case, documents[0], "own_documents"), notes=hint)
    return _through(case, contact, contacts) if contact else _refuse_default(case, failures)


def _by_print(case: _Case) -> Print:
    default = _by_default(case)
    if isinstance(default, Print):
        return replace(default, explanation=explain("print_chosen_with_code"))
    if isinstance(default, Inform):
        return Print(
            person_id=default.person_id,
            relation=default.relation,
            method=default.method,
            method_id=default.method_id,
            code_ground=None,
            explanation=explain("print_chosen"),
            notes=default.notes,
        )
    return Print(
        person_id=case.patient.id,
        relation=Relation.SELF,
        method=None,
        method_id=None,
        code_ground=None,
        explanation=explain("print_chosen"),
        notes=(default.explanation, *default.notes),
    )


def _by_choice(case: _Case, method_id: str) -> Decision:
    spellings = {method_id, canonical_id(method_id)}
    method = next((method for method in case.methods if method.id in spellings), None)
    if method is None:
        return _refuse(RefusalReason.METHOD_NOT_FOUND, offers_print=False)
    if fault := _choice_fault(case, method):
        return _refuse(fault, offers_print=False)
    if method.type is not MethodType.THIRD_PERSON:
        return _own(case, method, "chosen_by_caller")
    way = _contact(case, method)
    if isinstance(way, RefusalReason):
        return _refuse(way, offers_print=True)
    return replace(_through(case, way, (way,)), explanation=explain("chosen_by_caller"))


def _choice_fault(case: _Case, method: AuthenticationMethod) -> RefusalReason | None:
    """Say why the caller may not choose this method; None if they may."""
    if method.type is MethodType.NA:
        return RefusalReason.METHOD_TYPE_NA
    if lapse := lapse_of(method, case.now):
        return _METHOD_LAPSES[lapse]
    if method.type is MethodType.THIRD_PERSON:
        return None
    if case.standing is Standing.UNDER_14:
        return RefusalReason.METHOD_NOT_ALLOWED_UNDER_14
    if case.needs_guardian:
        return RefusalReason.METHOD_NOT_ALLOWED_GUARDIAN_DECIDES
    if method.type is MethodType.OTP and method.phone is None:
        return RefusalReason.METHOD_WITHOUT_PHONE
    return None


def _own(case: _Case, method: AuthenticationMethod, code: str) -> Inform | Print:
    """Decide for the patient's own method: by phone if it has one, else by documents on paper."""
    patient = case.patient
    if method.phone and method.type is MethodType.OTP:
        return Inform(
            person_id=patient.id,
            relation=Relation.SELF,
            method=MethodType.OTP,
            method_id=method.id,
            phone=method.phone,
            tax_id=patient.tax_id,
            language=patient.language,
            explanation=explain(code),
        )
    return Print(
        person_id=patient.id,
        relation=Relation.SELF,
        method=MethodType.OFFLINE,
        method_id=method.id,
        code_ground=CodeGround.DOCUMENTS,
        explanation=explain(code),
    )


def _through(case: _Case, way: _Contact, ways: tuple[_Contact, ...]) -> Inform | Print:
    """Decide for a third person, a guardian if the patient needs one. ``ways``: all that could have served."""
    notes = _notes_on_link(case, ways)
    who = "guardian" if case.needs_guardian else "third_person"
    if way.phone:
        return Inform(
            person_id=way.person.id,
            relation=Relation.THIRD_PERSON,
            method=MethodType.THIRD_PERSON,
            method_id=way.link.id,
            phone=way.phone,
            tax_id=way.person.tax_id,
            language=way.person.language,
            explanation=explain(f"{who}_phone"),
            notes=notes,
        )
    return Print(
        person_id=way.person.id,
        relation=Relation.THIRD_PERSON,
        method=MethodType.THIRD_PERSON,
        method_id=way.link.id,
        code_ground=CodeGround.DOCUMENTS,
        explanation=explain(f"{who}_documents"),
        notes=notes,
    )


def _notes_on_link(case: _Case, ways: tuple[_Contact, ...]) -> tuple[Explanation, ...]:
    codes = _ignored_own(case)
    if case.standing is not Standing.CAPABLE and case.patient.confidants is None:
        codes += ("confidant_not_checked",)
    if case.needs_guardian and len({way.person.id for way in ways}) > 1:
        codes += ("one_of_several_guardians",)
    return tuple(explain(code) for code in codes)


def _ignored_own(case: _Case) -> tuple[str, ...]:
    if not case.needs_guardian or not any(own_usable(case.patient, case.now, own) for own in OWN_TYPES):
        return ()
    under_14 = case.standing is Standing.UNDER_14
    return ("own_method_ignored_under_14" if under_14 else "own_method_ignored_guardian_decides",)


def _refuse_default(case: _Case, link_failures: tuple[RefusalReason, ...]) -> Refusal:
    """Refuse with the failure that got furthest; the other failures are notes."""
    nothing = RefusalReason.GUARDIAN_MISSING if case.needs_guardian else RefusalReason.NO_AUTHENTICATION_METHOD
    own_failures = () if case.needs_guardian else _own_failures(case)
    order = list(RefusalReason)
    failures = sorted({*link_failures, *own_failures}, key=order.index) or [nothing]
    others = tuple(explain(reason) for reason in reversed(failures[:-1]))
    ignored = tuple(explain(code) for code in _ignored_own(case))
    return replace(_refuse(failures[-1], offers_print=True), notes=ignored + others)


def _refuse(reason: RefusalReason, *, offers_print: bool) -> Refusal:
    return Refusal(reason=reason, explanation=explain(reason), offers_print=offers_print)


def _own_failures(case: _Case) -> tuple[RefusalReason, ...]:
    """Say why each own method failed; asked only when none served, so one that has not lapsed lacks its phone."""
    lapses = (lapse_of(method, case.now) for method in case.methods if method.type in OWN_TYPES)
    return tuple(_METHOD_LAPSES[lapse] if lapse else RefusalReason.METHOD_WITHOUT_PHONE for lapse in lapses)


def _contacts(case: _Case) -> tuple[tuple[_Contact, ...], tuple[RefusalReason, ...]]:
    """All usable ways through third persons, first-added first, and why the others are not."""
    ways = [_contact(case, method) for method in case.methods if method.type is MethodType.THIRD_PERSON]
    usable = tuple(way for way in ways if isinstance(way, _Contact))
    return usable, tuple(way for way in ways if isinstance(way, RefusalReason))


def _contact(case: _Case, link: AuthenticationMethod) -> _Contact | RefusalReason:
    """Follow one link to a phone or to documents. Never further than one person: links of links are not followed."""
    if lapse := lapse_of(link, case.now):
        return _LINK_LAPSES[lapse]
    if link.third_person_id == case.patient.id:
        return RefusalReason.THIRD_PERSON_IS_PATIENT
    if fault := _relation_fault(case, link.third_person_id):
        return fault
    person = case.people.get(link.third_person_id or "")
    if person is None:
        return RefusalReason.THIRD_PERSON_UNKNOWN
    standing = standing_of(person, case.now)
    if standing is Standing.UNDER_14:
        return RefusalReason.THIRD_PERSON_TOO_YOUNG
    if standing in NEEDS_GUARDIAN:
        return RefusalReason.THIRD_PERSON_NEEDS_GUARDIAN
    if phones := own_usable(person, case.now, MethodType.OTP):
        return _Contact(link=link, person=person, phone=phones[0].phone)
    if own_usable(person, case.now, MethodType.OFFLINE):
        return _Contact(link=link, person=person, phone=None)
    if any(m.type is MethodType.THIRD_PERSON and not lapse_of(m, case.now) for m in person.methods):
        return RefusalReason.THIRD_PERSON_CHAINED
    return RefusalReason.THIRD_PERSON_WITHOUT_METHOD


def _relation_fault(case: _Case, person_id: str | None) -> RefusalReason | None:
    """Say why a person may not act for the patient; a capable patient's choice of a person needs no relation."""
    confidants = case.patient.confidants
    if case.standing is Standing.CAPABLE or confidants is None:
        return None
    relations = [relation for relation in confidants if relation.person_id == person_id]
    if not relations:
        return RefusalReason.THIRD_PERSON_NOT_GUARDIAN
    current = [relation for relation in relations if is_current(relation, case.now)]
    if not current:
        return RefusalReason.GUARDIAN_RELATION_ENDED
    return None if any(relation.is_verified for relation in current) else RefusalReason.GUARDIAN_NOT_CONFIRMED
