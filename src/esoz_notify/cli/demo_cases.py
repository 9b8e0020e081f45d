"""The demo's population: synthetic people in the published shape of ESOZ's records, and what must become of each.

What belongs here: cases as data. What does not: running them (``demo``). Numbers are of a range assigned to nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

WINDOW_S = 4
POLICIES = f"""
# The demo's own policies: the order of channels in force since 2025-09-10, with every window cut to {WINDOW_S} s,
# so that nobody has to wait two minutes for a Diia push that is never read.
[[policy]]
version = "demo"
from = 2025-09-10
codes = [{{ channel = "viber", window_s = {WINDOW_S} }}, {{ channel = "sms" }}]
documents = [
  {{ channel = "diia", window_s = {WINDOW_S} }}, {{ channel = "viber", window_s = {WINDOW_S} }}, {{ channel = "sms" }},
]
rest = [{{ channel = "viber", window_s = {WINDOW_S} }}, {{ channel = "sms" }}]
"""

PRESCRIPTION = {"request_number": "0000-243P-1X53-EH38", "verification_code": "4821"}
REFERRAL = {"request_number": "0123-4567-89AB-CEIK"}
SUMMARY = {
    "patient_name": "Зразкова О. П.",
    "medication": "Зразколік 10 мг, таблетки",
    "dosage": "По 1 таблетці двічі на день після їди, 30 днів",
    "doctor": "Прикладний І. І.",
    "facility": "Амбулаторія № 0, м. Зразкове",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of the demo.

    ``patient`` and ``others``: ESOZ person records to store. ``phones``: how handsets behave, by number. ``ask``: the
    notification. ``status`` and ``channels``: what is expected; a refusal's status is ``refused``. ``reached``: the
    number on which the message must be seen, None: nobody's. ``within_s``: a second channel must start so soon.
    """

    name: str
    title_uk: str
    title_en: str
    kind: str
    status: str
    channels: tuple[str, ...]
    data: Mapping[str, str] = field(default_factory=lambda: PRESCRIPTION)
    patient: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[Mapping[str, Any], ...] = ()
    phones: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inform_with: str | None = None
    validity_s: float | None = None
    reached: str | None = None
    also_on: tuple[str, ...] = ()
    within_s: float | None = None
    reason: str | None = None
    provider: str | None = None
    parts: int | None = None
    fault: Mapping[str, Any] | None = None
    prints: bool = False
    repeat: bool = False
    late: bool = False

    @property
    def expected(self) -> str:
        """In words, for the table and the JSON."""
        way = " → ".join(self.channels)
        return f"{self.status}: {way}" if way else f"{self.status}: {self.reason}"


def person_id(number: int) -> str:
    """Id of the demo's person of that number."""
    return str(UUID(int=(0x0198C0DE << 96) | (0x7000 << 64) | (0x8 << 60) | number))


def method_id(number: int) -> str:
    """Id of an authentication method."""
    return str(UUID(int=(0x0198C0DE << 96) | (0x7000 << 64) | (0x9 << 60) | number))


def phone(number: int) -> str:
    """A number that is assigned to nobody."""
    return f"+38000000{number:04d}"


def tax_id(number: int) -> str:
    """A synthetic tax number."""
    return f"{number:010d}"


def otp(number: int) -> dict[str, Any]:
    """An authentication method by the person's own phone, as ESOZ's API returns it."""
    return {"id": method_id(number), "type": "OTP", "phone_number": phone(number), "is_active": True}


def offline(number: int) -> dict[str, Any]:
    """By documents."""
    return {"id": method_id(number), "type": "OFFLINE", "is_active": True}


def through(number: int, other: int, *, alias: str, ended_at: str | None = None) -> dict[str, Any]:
    """Through another person."""
    return {
        "id": method_id(number),
        "type": "THIRD_PERSON",
        "value": person_id(other),
        "alias": alias,
        "ended_at": ended_at,
        "is_active": True,
    }


def confidant(other: int) -> dict[str, Any]:
    """An active, confirmed relation to a parent or guardian."""
    return {"person_id": person_id(other), "is_active": True, "verification_status": "VERIFIED", "active_to": None}


def person(number: int, *methods: Mapping[str, Any], age: int = 45, **more: Any) -> dict[str, Any]:
    """A person's record in the shape of ESOZ's API; names and the rest of it are not needed and not kept."""
    born = date(2026, 1, 1) - timedelta(days=365.25 * age)
    return {
        "id": person_id(number),
        "first_name": "Олена",
        "last_name": "Зразкова",
        "second_name": "Прикладівна",
        "birth_date": born.isoformat(),
        "gender": "FEMALE",
        "authentication_methods": list(methods),
        **more,
    }


def _case(name: str, uk: str, en: str, **more: Any) -> Case:
    given = {"kind": "prescription_issued", "status": "delivered", **more}
    return Case(name=name, title_uk=uk, title_en=en, **given)


CASES: tuple[Case, ...] = (
    _case(
        "adult_with_viber",
        "Дорослий з Viber",
        "Adult with Viber",
        patient=person(1, otp(1)),
        channels=("viber",),
        reached=phone(1),
    ),
    _case(
        "no_viber",
        "Немає Viber: одразу SMS",
        "No Viber: SMS at once",
        patient=person(2, otp(2)),
        phones={phone(2): {"viber": False}},
        channels=("viber", "sms"),
        reached=phone(2),
        within_s=WINDOW_S * 0.6,
    ),
    _case(
        "silent_viber",
        "Viber мовчить: SMS після вікна",
        "Silent Viber: SMS after the window",
        patient=person(3, otp(3)),
        phones={phone(3): {"viber_silent": True}},
        channels=("viber", "sms"),
        reached=phone(3),
    ),
    _case(
        "diia",
        "Push у Дії",
        "Diia push",
        patient=person(4, otp(4), tax_id=tax_id(4)),
        phones={phone(4): {"diia": True, "tax_id": tax_id(4)}},
        channels=("diia",),
        reached=phone(4),
    ),
    _case(
        "diia_not_found",
        "Немає в Дії: Viber",
        "Not in Diia: Viber",
        patient=person(5, otp(5), tax_id=tax_id(5)),
        channels=("diia", "viber"),
        reached=phone(5),
    ),
    _case(
        "diia_unread",
        "Push у Дії не прочитано: Viber",
        "Diia push not read: Viber",
        patient=person(6, otp(6), tax_id=tax_id(6)),
        phones={phone(6): {"diia": True, "tax_id": tax_id(6), "reads": False}},
        channels=("diia", "viber"),
        reached=phone(6),
    ),
    _case(
        "confirmation_code",
        "Код підтвердження",
        "Confirmation code",
        kind="confirmation_code",
        data={"verification_code": "730218", "purpose": "декларація"},
        patient=person(7, otp(7)),
        channels=("viber",),
        reached=phone(7),
    ),
    _case(
        "child_under_14",
        "Дитина до 14: телефон мами",
        "Child under 14: mother's phone",
        patient=person(8, through(8, 9, alias="мама"), age=7, confidant_person_relationships=[confidant(9)]),
        others=(person(9, otp(9), age=34),),
        channels=("viber",),
        reached=phone(9),
    ),
    _case(
        "incapacitated_adult",
        "Недієздатний: телефон опікуна",
        "Incapacitated adult: guardian's phone",
        patient=person(
            10,
            otp(10),
            through(11, 11, alias="опікун"),
            legal_capacity="none",
            confidant_person_relationships=[confidant(11)],
        ),
        others=(person(11, otp(11)),),
        channels=("viber",),
        reached=phone(11),
    ),
    _case(
        "by_documents",
        "За документами: друк",
        "By documents: print",
        patient=person(12, offline(12), age=81),
        status="printed",
        channels=("print",),
        prints=True,
    ),
    _case(
        "third_person_by_documents",
        "Через особу без телефону: друк",
        "Third person by documents: print",
        patient=person(13, through(13, 14, alias="бабуся"), age=5, confidant_person_relationships=[confidant(14)]),
        others=(person(14, offline(14), age=69),),
        status="printed",
        channels=("print",),
        prints=True,
    ),
    _case(
        "expired_third_person_link",
        "Зв'язок з особою минув",
        "Third-person link expired",
        patient=person(15, through(15, 16, alias="чоловік", ended_at="2025-01-31T00:00:00Z")),
        others=(person(16, otp(16)),),
        status="refused",
        channels=(),
        reason="third_person_link_expired",
    ),
    _case(
        "no_method",
        "Немає жодного способу",
        "No method at all",
        patient=person(17),
        status="refused",
        channels=(),
        reason="no_authentication_method",
    ),
    _case(
        "inform_with",
        "inform_with: телефон чоловіка",
        "inform_with: husband's phone",
        patient=person(18, offline(18), through(19, 19, alias="чоловік")),
        others=(person(19, otp(19)),),
        inform_with=method_id(19),
        channels=("viber",),
        reached=phone(19),
    ),
    _case(
        "late_viber_after_sms",
        "Запізнілий Viber після SMS",
        "Late Viber receipt after the SMS",
        patient=person(20, otp(20)),
        phones={phone(20): {"viber_latency_ms": [(WINDOW_S + 3) * 1000, (WINDOW_S + 3) * 1000]}},
        channels=("viber", "sms"),
        reached=phone(20),
        late=True,
    ),
    _case(
        "dead_code",
        "Код, що пережив свій строк",
        "Code past its validity",
        kind="confirmation_code",
        data={"verification_code": "5193"},
        patient=person(21, otp(21)),
        phones={phone(21): {"viber": False, "sms_absent": True}},
        validity_s=6,
        status="expired",
        channels=("sms",),
    ),
    _case(
        "two_part_sms",
        "SMS з двох частин",
        "Two-part SMS",
        kind="care_plan_created",
        data=REFERRAL,
        patient=person(22, otp(22)),
        phones={phone(22): {"viber": False}},
        channels=("viber", "sms"),
        reached=phone(22),
        parts=2,
    ),
    _case(
        "rejected_prescription",
        "Рецепт відкликано",
        "Rejected prescription",
        kind="prescription_rejected",
        data={"request_number": "0000-1234-AEHK-MPTX", "created_at": "2026-11-20"},
        patient=person(23, otp(23)),
        channels=("viber",),
        reached=phone(23),
    ),
    _case(
        "cancelled_referral",
        "Направлення відмінено",
        "Cancelled referral",
        kind="referral_cancelled",
        data=REFERRAL,
        patient=person(24, otp(24)),
        channels=("viber",),
        reached=phone(24),
    ),
    _case(
        "asked_twice",
        "Той самий запит двічі: одне повідомлення",
        "The same request twice: one message",
        kind="referral_issued",
        data={"request_number": "АВСЕ-0123-ІКМО-4567"},
        patient=person(25, otp(25)),
        channels=("viber",),
        reached=phone(25),
        repeat=True,
    ),
    _case(
        "first_smsc_down",
        "Перший оператор лежить: другий",
        "First SMSC down: second takes over",
        patient=person(26, otp(26)),
        phones={phone(26): {"viber": False}},
        channels=("viber", "sms"),
        reached=phone(26),
        provider="smsc-b",
        fault={"provider": "smsc-a", "fault": "outage", "for_s": 6},
    ),
)
