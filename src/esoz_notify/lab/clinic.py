"""A played clinic: a few patients and a doctor who has them told, through the service's API as any medical system does.

What belongs here: who the patients are, what a doctor orders for them, what the printer gives out. What does not:
phones and providers, which know nothing of the clinic.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, cast
from uuid import UUID

from esoz_notify.client import NotifyClient, NotifyProblem, PublicKindName
from esoz_notify.core.errors import InvalidInput, NotFound, Problem, Unavailable
from esoz_notify.core.kinds import CODE_FIELD, KINDS, PUBLIC_KINDS, Kind
from esoz_notify.core.numbers import GROUPED, NumberFormat
from esoz_notify.core.paper import PAPER_DETAILS
from esoz_notify.lab.memory import Memory

PAPERS_MAX = 24
_ON_PAPER = "print_required"
_IDS = 0x0198C11C_0000_7000_8000_000000000000
"""Ids of the clinic's people begin so; those of their authentication methods have the next bit set."""
_METHOD = 1 << 40
_PURPOSE = "декларація"
_DAY = "2026-11-20"
_ON_EVERY_PAGE = {
    "doctor": "Прикладний І. І., сімейний лікар",
    "facility": "Амбулаторія № 0, м. Зразкове",
}
_DETAILS = {
    "medication": "Зразколік 10 мг, таблетки",
    "dosage": "По 1 таблетці двічі на день після їди, 30 днів",
    "service": "Консультація кардіолога",
    "device": "Тест-смужки для глюкометра",
    "title": "План лікування на три місяці",
    "conclusion": "Висновок про тимчасову непрацездатність",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One patient. ``record``: as ESOZ has it. ``relatives``: who must be known too. ``phones``: how theirs are.

    ``owner_uk``, ``owner_en``: whose those phones are, when they are not the patient's own.
    """

    key: str
    name_uk: str
    name_en: str
    note_uk: str
    note_en: str
    record: Mapping[str, Any]
    relatives: tuple[Mapping[str, Any], ...] = ()
    phones: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    owner_uk: str = ""
    owner_en: str = ""


def _id(number: int) -> str:
    return str(UUID(int=_IDS + number))


def _phone(number: int) -> str:
    return f"+38000000{number:04d}"


def _method(number: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": str(UUID(int=_IDS + _METHOD + number)), "type": kind, "is_active": True, **more}


def _person(number: int, birth_date: str, method: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": _id(number), "birth_date": birth_date, "authentication_methods": [method], **more}


def _own_phone(number: int) -> dict[str, Any]:
    return _method(number, "OTP", phone_number=_phone(number))


_MOTHER = _person(9005, "1991-04-12", _own_phone(9005))

PATIENTS: tuple[Patient, ...] = (
    Patient(
        key="olena",
        name_uk="Олена, 34",
        name_en="Olena, 34",
        note_uk="має Viber",
        note_en="has Viber",
        record=_person(9001, "1992-03-08", _own_phone(9001)),
        phones={_phone(9001): {"operator": "kyivstar"}},
    ),
    Patient(
        key="petro",
        name_uk="Дід Петро, 78",
        name_en="Grandpa Petro, 78",
        note_uk="кнопковий телефон",
        note_en="button phone",
        record=_person(9002, "1948-01-19", _own_phone(9002)),
        phones={_phone(9002): {"viber": False, "diia": False, "operator": "vodafone"}},
    ),
    Patient(
        key="ivan",
        name_uk="Іван, 41",
        name_en="Ivan, 41",
        note_uk="Viber є, та зараз без інтернету",
        note_en="has Viber but is offline now",
        record=_person(9003, "1985-07-02", _own_phone(9003)),
        phones={_phone(9003): {"viber_silent": True, "operator": "lifecell"}},
    ),
    Patient(
        key="maria",
        name_uk="Марійка, 7",
        name_en="Mariika, 7",
        note_uk="через телефон мами",
        note_en="through her mother's phone",
        record=_person(
            9004,
            "2019-05-30",
            _method(9004, "THIRD_PERSON", value=_id(9005), alias="мама"),
            confidant_person_relationships=[
                {"person_id": _id(9005), "is_active": True, "verification_status": "VERIFIED"}
            ],
        ),
        relatives=(_MOTHER,),
        phones={_phone(9005): {"operator": "kyivstar"}},
        owner_uk="мама Марійки",
        owner_en="Mariika's mother",
    ),
    Patient(
        key="hanna",
        name_uk="Баба Ганна, 83",
        name_en="Grandma Hanna, 83",
        note_uk="без телефону: папір",
        note_en="no phone: paper",
        record=_person(9006, "1943-11-25", _method(9006, "OFFLINE")),
    ),
)
_BY_KEY = {patient.key: patient for patient in PATIENTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """How the clinic's system reaches the service: what ``up --lab`` writes for developers."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)


class Clinic:
    """Gives out what the doctor orders. ``caller_file``: see ``Caller``; read at each order, as it may come later."""

    def __init__(self, memory: Memory, caller_file: Path | None, random: Random) -> None:
        self._memory = memory
        self._caller_file = caller_file
        self._random = random
        self._papers: OrderedDict[str, bytes] = OrderedDict()

    def describe(self) -> dict[str, Any]:
        """Who can be told what, for the page; ``open`` false: nobody has said how to reach the service."""
        return {
            "open": self._caller_file is not None,
            "patients": [
                {
                    "key": one.key,
                    "phones": list(one.phones),
                    "uk": {"name": one.name_uk, "note": one.note_uk, "owner": one.owner_uk or one.name_uk},
                    "en": {"name": one.name_en, "note": one.note_en, "owner": one.owner_en or one.name_en},
                }
                for one in PATIENTS
            ],
            "kinds": [{"name": name, "uk": KINDS[name].title_uk, "en": KINDS[name].title_en} for name in PUBLIC_KINDS],
            "papers": list(self._papers),
        }

    async def order(self, body: object) -> dict[str, Any]:
        """Have a patient told something; ``body`` has ``patient`` and ``kind``.

        Raises InvalidInput, Unavailable when the service cannot be reached or refuses.
        """
        patient, kind = _read_order(body)
        caller = self._caller()
        self._wake_phones(patient)
        try:
            async with NotifyClient(caller.base_url, caller.client_id, caller.client_secret) as client:
                for record in (patient.record, *patient.relatives):
                    await client.put_patient(record["id"], record)
                name = cast("PublicKindName", kind.name)
                made = await client.send(
                    name, self._data(kind), patient_id=patient.record["id"], summary=_details(patient, kind)
                )
                if made["status"] == _ON_PAPER:
                    self._give_out(made["id"], await client.summary(made["id"], "html"))
        except NotifyProblem as problem:
            raise Unavailable(f"the service says: {problem.code}, {problem.detail}") from problem
        return {"id": made["id"], "status": made["status"], "patient": patient.key, "kind": kind.name}

    def paper(self, notification_id: str) -> bytes:
        """A sheet that the printer has given out, as HTML. Raises NotFound."""
        try:
            return self._papers[notification_id]
        except KeyError:
            raise NotFound("the printer has no such sheet any more") from None

    def _give_out(self, notification_id: str, sheet: bytes) -> None:
        self._papers[notification_id] = sheet
        if len(self._papers) > PAPERS_MAX:
            self._papers.popitem(last=False)
        self._memory.tell("paper", {"id": notification_id})

    def _wake_phones(self, patient: Patient) -> None:
        """Make the patient's phones the first time; what somebody has set since stays."""
        for msisdn, fields in patient.phones.items():
            if msisdn not in self._memory.phones:
                self._memory.patch(msisdn, dict(fields))

    def _data(self, kind: Kind) -> dict[str, str]:
        return {one.name: self._value(one.name, one.format) for one in kind.fields}

    def _value(self, name: str, number_format: NumberFormat | None) -> str:
        if name == CODE_FIELD:
            return f"{self._random.randrange(10_000):04d}"
        if number_format is NumberFormat.DATE:
            return _DAY
        if number_format in GROUPED:
            symbols = GROUPED[number_format]
            return "".join(self._random.choices(symbols.alphabet, k=symbols.length))
        return _PURPOSE

    def _caller(self) -> Caller:
        if self._caller_file is None:
            raise Unavailable("the clinic does not know the service; start both by  esoz-notify up --lab")
        try:
            told = json.loads(self._caller_file.read_text(encoding="utf-8"))
            return Caller(base_url=told["base_url"], client_id=told["client_id"], client_secret=told["client_secret"])
        except (OSError, ValueError, KeyError, TypeError):
            raise Unavailable("the service is not up yet; try again in a moment") from None


def _details(patient: Patient, kind: Kind) -> dict[str, str]:
    """What the page must say of this kind besides its number, should it come to paper."""
    told = {name: _DETAILS[name] for name in PAPER_DETAILS[kind.name].must}
    return {"patient_name": patient.name_uk.partition(",")[0], **told, **_ON_EVERY_PAGE}


def _read_order(body: object) -> tuple[Patient, Kind]:
    asked = body if isinstance(body, dict) else {}
    problems = []
    if asked.get("patient") not in _BY_KEY:
        problems.append(Problem("/patient", "unknown_patient", f"needed is one of {', '.join(_BY_KEY)}"))
    if asked.get("kind") not in PUBLIC_KINDS:
        problems.append(Problem("/kind", "unknown_kind", f"needed is one of {', '.join(PUBLIC_KINDS)}"))
    problems += [
        Problem(f"/{name}", "unknown_field", "no such field; there are patient, kind")
        for name in asked
        if name not in {"patient", "kind"}
    ]
    if problems:
        raise InvalidInput(problems)
    return _BY_KEY[asked["patient"]], KINDS[asked["kind"]]
