"""The printed summary as a decision: what its details must and may be per kind, and when a code may stand on paper.

What belongs here: two tables and reading by them. What does not: the words and the drawing of the page (``render``).
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.fields import Fields, Findings
from esoz_notify.core.kyiv import kyiv_date, parse_moment
from esoz_notify.core.numbers import NumberProblem

DETAIL_LENGTH_MAX = 400
"""Of one detail: the longest name of a medicine with its strength, or an address, with room to spare."""

DETAILS_LENGTH_MAX = 2400
"""Of all details of one page together: more could only be printed in letters too small to read."""

DATE_DETAILS = frozenset({"created_at", "started_at", "ended_at", "dispense_valid_to", "valid_to"})
"""Details that are days: read as a date or an RFC 3339 time, kept as the day in Kyiv, printed in words."""


@dataclass(frozen=True, slots=True)
class PaperDetails:
    """One row of the table of details. ``must`` are there whenever a summary is given; ``may`` can be."""

    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Everything a page of this kind can hold."""
        return (*self.must, *self.may, *COMMON_DETAILS)


COMMON_DETAILS = (
    "patient_name", "patient_age", "created_at", "where_to_go", "what_to_bring", "notes", "doctor", "doctor_phone",
    "facility", "division", "facility_address", "facility_phone",
)  # fmt: skip
"""May be on a page of any kind."""

_TAKEN = ("quantity", "programme", "started_at", "ended_at", "dispense_valid_to")
_PLANNED = ("quantity", "programme", "started_at", "ended_at", "valid_to")

PAPER_DETAILS: Mapping[str, PaperDetails] = {
    "plain_text": PaperDetails(),
    "confirmation_code": PaperDetails(),
    "prescription_issued": PaperDetails(("medication", "dosage"), _TAKEN),
    "prescription_rejected": PaperDetails((), ("medication", "dosage", "quantity", "programme", "reason")),
    "prescription_blocked": PaperDetails((), ("medication", "dosage", "quantity", "programme", "reason")),
    "referral_issued": PaperDetails(("service",), _PLANNED),
    "referral_cancelled": PaperDetails((), ("service", "quantity", "programme", "reason")),
    "referral_recalled": PaperDetails((), ("service", "quantity", "programme", "reason")),
    "device_request_issued": PaperDetails(("device",), _TAKEN),
    "device_request_error": PaperDetails((), ("device", "quantity", "programme", "reason")),
    "care_plan_created": PaperDetails(("title",), ("service", *_PLANNED)),
    "conclusion_issued": PaperDetails(("conclusion",), ("started_at", "ended_at", "valid_to")),
    "conclusion_error": PaperDetails((), ("conclusion", "reason")),
}
"""By kind, after ESOZ's printed form of a prescription (wiki, page 17321066574) and the same for the others."""


def read_details(
    kind: str, data: Mapping[str, object], *, is_drawn: Callable[[str], bool], pointer: str = "/summary"
) -> dict[str, str]:
    """Read the details of one page: trimmed and composed texts, days as YYYY-MM-DD. Reading the result changes nothing.

    ``kind``: a name in PAPER_DETAILS. ``is_drawn``: whether the fonts of the page have a letter.

    Raises:
        InvalidInput: with every missing, unknown, mistyped, empty, over-long or unprintable detail at once; no value is
            ever repeated.

    """
    findings = Findings()
    fields = Fields(data, pointer, findings)
    row = PAPER_DETAILS[kind]
    values: dict[str, str] = {}
    for name in row.names:
        value = _read_detail(fields, name, is_drawn)
        if value is not None:
            values[name] = value
        elif name in row.must and fields.find(name)[1] is None:
            fields.problem(name, "missing", f"must be on a page of {kind}; give it, or leave the whole summary out")
    known = ", ".join(row.names)
    for name in fields.left():
        fields.problem(name, "unknown_field", f"is not on a page of {kind}, which may hold: {known}")
    _check_together(fields, values)
    if findings.problems:
        raise InvalidInput(findings.problems)
    return values


def _read_detail(fields: Fields, name: str, is_drawn: Callable[[str], bool]) -> str | None:
    _, given = fields.text(name)
    if given is None:
        return None
    text = unicodedata.normalize("NFC", given)
    if name in DATE_DETAILS:
        return _read_day(fields, name, text.strip(" "))
    value = fields.plain(name, text, DETAIL_LENGTH_MAX)
    strange = next((place for place, letter in enumerate(value or "", 1) if not is_drawn(letter)), None)
    if strange is None:
        return value
    fields.problem(
        name,
        "unprintable",
        f"its character {strange} cannot be printed; use Ukrainian or Latin letters, digits and usual signs"
        " (writing from right to left and pictures are not printed)",
    )
    return None


def _read_day(fields: Fields, name: str, text: str) -> str | None:
    try:
        return kyiv_date(parse_moment(text)).isoformat()
    except NumberProblem as problem:
        fields.problem(name, "not_a_date", f"is a day: {problem.detail}")
    except OverflowError:
        fields.problem(name, "not_a_date", "is a day outside the calendar; write it YYYY-MM-DD")
    return None


def _check_together(fields: Fields, values: Mapping[str, str]) -> None:
    started, ended = values.get("started_at"), values.get("ended_at")
    if started and ended and date.fromisoformat(ended) < date.fromisoformat(started):
        fields.problem("ended_at", "before_start", "must not be before started_at; check which day is wrong")
    if sum(map(len, values.values())) > DETAILS_LENGTH_MAX:
        fields.findings.add(
            fields.pointer,
            "too_long",
            f"all details together may have {DETAILS_LENGTH_MAX} characters at most, so that one sheet can be read;"
            " shorten the longest",
        )


# --- the code on paper ------------------------------------------------------------------------------------------------


class CodeGround(StrEnum):
    """Why paper may carry a code. The value is kept in the ledger."""

    DOCUMENTS = "documents"
    """The informed person is authenticated by documents and has no phone (ESOZ wiki, page 17430479225)."""
    PROGRAMME = "programme"
    """The document's programme has notifications switched off, so no message carries the code (the same page)."""
    CRISIS = "crisis"
    """Messages do not arrive and codes were put on paper for everybody, as in December 2023."""


class CodeFate(StrEnum):
    """What a page says of the code."""

    PRINTED = "printed"
    NONE = "none"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"
    BY_PHONE = "by_phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCase:
    """What the decision needs. ``is_over``: its validity has ended or it was erased already."""

    has_code: bool
    is_cancelled: bool = False
    is_over: bool = False
    grounds: frozenset[CodeGround] = frozenset()


@dataclass(frozen=True, slots=True)
class CodeRule:
    """One row of the table of codes on paper; the first row that applies decides."""

    name: str
    applies: Callable[[CodeCase], bool]
    fate: CodeFate


CODE_RULES = (
    CodeRule("there is no code", lambda case: not case.has_code, CodeFate.NONE),
    CodeRule("the notification was withdrawn", lambda case: case.is_cancelled, CodeFate.WITHDRAWN),
    CodeRule("the code is over", lambda case: case.is_over, CodeFate.ERASED),
    CodeRule("by documents", lambda case: CodeGround.DOCUMENTS in case.grounds, CodeFate.PRINTED),
    CodeRule("programme without messages", lambda case: CodeGround.PROGRAMME in case.grounds, CodeFate.PRINTED),
    CodeRule("in a crisis", lambda case: CodeGround.CRISIS in case.grounds, CodeFate.PRINTED),
    CodeRule("everybody else gets it by phone", lambda _: True, CodeFate.BY_PHONE),
)


def code_fate(case: CodeCase) -> CodeFate:
    """Say whether the code is printed, and if not, what the page says instead."""
    return next(rule.fate for rule in CODE_RULES if rule.applies(case))
