"""One-time codes: what they confirm, how long they live, what a check comes to, and which confirmation comes first.

What belongs here: the table of purposes and the rules of one code, pure. What does not: making codes and comparing them
(engine, vault), how often codes may be sent and guessed (``windows``), and the texts of messages (``render``).
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from esoz_notify.core.explain import Explanation
from esoz_notify.core.kinds import CODE_LIFE_S, PURPOSE_LENGTH_MAX
from esoz_notify.core.numbers import CODE_LENGTH_MAX, CODE_LENGTH_MIN
from esoz_notify.core.status import Status

ATTEMPTS_MAX = 3
TYPING_S = 30
"""No message is handed over, or kept by an operator, so late that less than this of the code's life would be left."""

CONFIRMATION_LIFE_S = 86_400
"""How long a right code counts as the confirmation that another one waits for; after that its record is forgotten."""


class Party(StrEnum):
    """Whose confirmation a code is."""

    THIRD_PERSON = "third_person"
    PATIENT = "patient"


@dataclass(frozen=True, slots=True)
class Words:
    """What is confirmed, as the message says it."""

    uk: str
    en: str

    def of(self, language: str) -> str:
        """In this language, Ukrainian unless it is English."""
        return self.en if language == "en" else self.uk


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """One row of the table. ``words`` by whose confirmation it is, in the order in which they are asked for."""

    name: str
    words: Mapping[Party, Words]
    code_length: int = 4
    life_s: int = CODE_LIFE_S
    attempts_max: int = ATTEMPTS_MAX

    def __post_init__(self) -> None:
        """Hold the row to what messages, the ledger and people can bear."""
        assert CODE_LENGTH_MIN <= self.code_length <= CODE_LENGTH_MAX, self.name
        assert all(len(text) <= PURPOSE_LENGTH_MAX for words in self.words.values() for text in (words.uk, words.en)), (
            self.name
        )
        assert self.life_s > TYPING_S, self.name

    @property
    def sending_s(self) -> int:
        """For how long its message may be handed over and kept by operators."""
        return self.life_s - TYPING_S

    def before(self, party: Party) -> Party | None:
        """Whose confirmation must be there before this one's code is made; None: nobody's."""
        order = tuple(self.words)
        place = order.index(party)
        return order[place - 1] if place else None

    def after(self, party: Party) -> Party | None:
        """Whose confirmation comes next; None: this is the last."""
        order = tuple(self.words)
        place = order.index(party) + 1
        return order[place] if place < len(order) else None


def _row(name: str, uk: str, en: str, code_length: int = 4) -> Purpose:
    return Purpose(name=name, words={Party.PATIENT: Words(uk, en)}, code_length=code_length)


PURPOSES: dict[str, Purpose] = {
    row.name: row
    for row in (
        _row("action", "дія в системі eHealth", "action in eHealth"),
        _row("phone_number", "підтвердження телефону", "confirming the phone"),
        _row("person_registration", "реєстрація пацієнта", "patient registration"),
        _row("declaration", "декларація з лікарем", "declaration with a doctor"),
        _row("data_access", "доступ до медичних даних", "access to medical data"),
        _row("care_plan", "згода на план лікування", "consent to a care plan"),
        _row("record_merge", "об'єднання медичних карток", "merging medical records"),
        # Whoever takes one of these over receives every later code too, so they are harder to guess.
        _row("authentication_method", "зміна автентифікації", "change of authentication", 6),
        _row("confidant_relationship", "зв'язок із представником", "link to a representative", 6),
        Purpose(
            name="third_person_method",
            words={
                Party.THIRD_PERSON: Words("згода бути контактом", "consent to be a contact"),
                Party.PATIENT: Words("додавання контактної особи", "adding a contact person"),
            },
            code_length=6,
        ),
    )
}
"""A row's code has the whole space of its length. Four digits and three attempts: a guess comes right in 0.03 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a code confirms. A newer code for the same subject cancels the older; for any other it does not."""

    caller: str
    purpose: str
    entity_id: str
    party: Party

    @property
    def text(self) -> str:
        """One spelling of it, different for different subjects."""
        return json.dumps([self.caller, self.purpose, self.entity_id, self.party.value], ensure_ascii=False)


class State(StrEnum):
    """What is true of a verification now."""

    PENDING = "pending"
    VERIFIED = "verified"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What is known of a code that was made. ``handed_over_at``: when its message was last given to a provider."""

    life_s: int
    attempts_max: int
    created_at: datetime
    attempts: int = 0
    handed_over_at: datetime | None = None
    verified_at: datetime | None = None
    superseded_at: datetime | None = None

    @property
    def expires_at(self) -> datetime:
        """The life begins anew with each message, which promises it whole: a fallback never delivers a dead code."""
        return max(self.created_at, self.handed_over_at or self.created_at) + timedelta(seconds=self.life_s)

    @property
    def attempts_left(self) -> int:
        """Checks that will still be judged."""
        return max(0, self.attempts_max - self.attempts)


def state_of(issued: Issued, now: datetime) -> State:
    """The one state; what was verified stays so."""
    if issued.verified_at is not None:
        return State.VERIFIED
    if issued.superseded_at is not None:
        return State.SUPERSEDED
    if not issued.attempts_left:
        return State.FAILED
    return State.EXPIRED if now >= issued.expires_at else State.PENDING


class Verdict(StrEnum):
    """What a check comes to; the value of each but the first is the code of the refusal."""

    RIGHT = "code_right"
    WRONG = "code_wrong"
    EXPIRED = "code_expired"
    TOO_MANY = "attempts_exhausted"
    SUPERSEDED = "code_superseded"
    USED = "code_used"
    UNKNOWN = "verification_unknown"


_OVER = {
    State.VERIFIED: Verdict.USED,
    State.SUPERSEDED: Verdict.SUPERSEDED,
    State.FAILED: Verdict.TOO_MANY,
    State.EXPIRED: Verdict.EXPIRED,
}
JUDGED = frozenset({Verdict.RIGHT, Verdict.WRONG})
"""The verdicts for which the code was looked at; each spends an attempt."""


def judge(issued: Issued | None, *, matches: bool, now: datetime) -> Verdict:
    """Judge one check. ``matches`` was found out in any case, and counts only while the verification is pending."""
    if issued is None:
        return Verdict.UNKNOWN
    state = state_of(issued, now)
    if state is not State.PENDING:
        return _OVER[state]
    return Verdict.RIGHT if matches else Verdict.WRONG


TOLD: Mapping[Verdict, Explanation] = {
    Verdict(row.code): row
    for row in (
        Explanation("code_wrong", "The code is wrong.", "Код неправильний."),
        Explanation(
            "code_expired",
            "The code is no longer valid: start a new verification.",
            "Строк дії коду минув: створіть нове підтвердження.",
        ),
        Explanation(
            "attempts_exhausted",
            "The code was entered wrongly too many times: start a new verification.",
            "Код забагато разів введено неправильно: створіть нове підтвердження.",
        ),
        Explanation(
            "code_superseded",
            "A newer code was sent for the same action: ask for the one that came last.",
            "Для цієї самої дії надіслано новіший код: запитайте той, що надійшов останнім.",
        ),
        Explanation(
            "code_used",
            "The code was right and is used up: this verification is complete.",
            "Код уже використано: підтвердження завершено.",
        ),
        Explanation(
            "verification_unknown",
            "There is no such verification.",
            "Такого підтвердження немає.",
        ),
    )
}
"""What a caller is told when a check does not succeed."""


def first_missing(purpose: Purpose, party: Party, verified: Collection[Party]) -> Party | None:
    """Whose confirmation is missing before this party's may be asked for; None when it is in order."""
    before = purpose.before(party)
    return before if before is not None and before not in verified else None


ADVICE: Mapping[str, Explanation] = {
    row.code: row
    for row in (
        Explanation(
            "print_summary",
            "Print the information summary: the code is on it.",
            "Роздрукуйте інформаційну довідку: код указано в ній.",
        ),
        Explanation(
            "not_delivered",
            "The code did not reach the phone. Check the number with the patient; use another authentication method "
            "(authorize_with) or have the number changed.",
            "Код не дійшов до телефону. Уточніть номер у пацієнта; оберіть інший метод автентифікації "
            "(authorize_with) або змініть номер.",
        ),
        Explanation(
            "start_again",
            "This code can no longer be used: start a new verification.",
            "Цей код більше не діє: створіть нове підтвердження.",
        ),
        Explanation(
            "no_way",
            "No code can reach this person. Check that the patient is registered here and has a current authentication "
            "method with a phone or documents; POST /v1/route tells the reason.",
            "Код не може дійти до цієї особи. Перевірте, чи зареєстровано пацієнта тут і чи є в нього чинний метод "
            "автентифікації з телефоном або документами; причину назве POST /v1/route.",
        ),
        Explanation(
            "code_not_on_paper",
            "The code is printed only for a person who is authenticated by documents; leave authorize_with out.",
            "Код друкують лише для особи, яка автентифікується за документами; не вказуйте authorize_with.",
        ),
    )
}
"""What to do, for the person in front of the screen."""


def advice(state: State, delivery: Status) -> Explanation | None:
    """What to do about a verification now; None: wait for the code, or nothing."""
    if state is State.VERIFIED:
        return None
    if state is not State.PENDING:
        return ADVICE["start_again"]
    if delivery is Status.PRINT_REQUIRED:
        return ADVICE["print_summary"]
    return ADVICE["not_delivered"] if delivery in {Status.UNDELIVERED, Status.EXPIRED} else None
