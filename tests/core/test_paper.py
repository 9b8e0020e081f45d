"""What a printed summary must and may hold, and when a code may stand on paper."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.paper import (
    CODE_RULES,
    COMMON_DETAILS,
    DETAIL_LENGTH_MAX,
    DETAILS_LENGTH_MAX,
    PAPER_DETAILS,
    CodeCase,
    CodeFate,
    CodeGround,
    CodeRule,
    code_fate,
    read_details,
)

DRAWN = frozenset(
    "абвгґдеєжзиіїйклмнопрстуфхцчшщьюяАБВГҐДЕЄЖЗИІЇЙКЛМНОПРСТУФХЦЧШЩЬЮЯabcxyz0123456789 .,;:!?-–’«»()<>/&\"'é\u0301"
)


def is_drawn(letter: str) -> bool:
    return letter in DRAWN


def read(kind: str, **data: object) -> dict[str, str]:
    return read_details(kind, data, is_drawn=is_drawn)


def broken(kind: str, data: dict[str, object]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        read_details(kind, data, is_drawn=is_drawn)
    return [(problem.pointer, problem.code) for problem in caught.value.problems]


def whole(kind: str) -> dict[str, object]:
    """Everything that a page of a kind must have."""
    return dict.fromkeys(PAPER_DETAILS[kind].must, "щось")


# --- details ----------------------------------------------------------------------------------------------------------


def test_every_kind_has_its_row() -> None:
    """A kind without a row could not be printed; no row names a detail twice."""
    assert PAPER_DETAILS.keys() == KINDS.keys()
    for row in PAPER_DETAILS.values():
        assert len(row.names) == len(set(row.names))


@pytest.mark.parametrize(
    ("kind", "must"),
    [
        ("prescription_issued", {"medication", "dosage"}),
        ("referral_issued", {"service"}),
        ("device_request_issued", {"device"}),
        ("care_plan_created", {"title"}),
        ("conclusion_issued", {"conclusion"}),
    ],
)
def test_a_document_says_what_it_is_for(kind: str, must: set[str]) -> None:
    """The details of each type that a summary cannot do without; each one missing is told with its name."""
    assert set(PAPER_DETAILS[kind].must) == must
    assert set(read(kind, **whole(kind))) == must
    assert set(broken(kind, {"doctor": "Щербак О. М."})) == {(f"/summary/{name}", "missing") for name in must}


@pytest.mark.parametrize("kind", [kind for kind, row in PAPER_DETAILS.items() if not row.must])
def test_news_needs_no_details(kind: str) -> None:
    """A withdrawn document or a bare code is explained by its kind alone."""
    assert read(kind) == {}


@pytest.mark.parametrize("kind", PAPER_DETAILS)
def test_a_page_holds_only_what_its_kind_has(kind: str) -> None:
    """Paper cannot be called back: a detail of another type is refused with the list of known ones."""
    foreign = {name for row in PAPER_DETAILS.values() for name in row.names} - set(PAPER_DETAILS[kind].names)
    for name in foreign:
        with pytest.raises(InvalidInput) as caught:
            read_details(kind, {**whole(kind), name: "щось"}, is_drawn=is_drawn)
        (problem,) = caught.value.problems
        assert (problem.pointer, problem.code) == (f"/summary/{name}", "unknown_field")
        assert ", ".join(COMMON_DETAILS) in problem.detail


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("dosage", 5, "wrong_type"),
        ("dosage", ["по 1"], "wrong_type"),
        ("dosage", "  ", "empty"),
        ("dosage", "я" * (DETAIL_LENGTH_MAX + 1), "too_long"),
        ("dosage", "по 1\nвранці", "control_character"),
        ("dosage", "по\u202e1", "control_character"),
        ("dosage", "по\x001", "control_character"),
        ("dosage", "по\ud8001", "control_character"),
        ("dosage", "שלום", "unprintable"),
        ("dosage", "دواء", "unprintable"),
        ("dosage", "藥", "unprintable"),
        ("ended_at", "21.12.2026", "not_a_date"),
        ("ended_at", "2026-02-31", "not_a_date"),
        ("ended_at", "9999-12-31T23:59:59Z", "not_a_date"),
        ("ended_at", 20261221, "wrong_type"),
    ],
)
def test_a_bad_value_is_refused(name: str, value: object, code: str) -> None:
    """Each rule of a value, told with its field and nothing of the value."""
    assert broken("prescription_issued", {**whole("prescription_issued"), name: value}) == [(f"/summary/{name}", code)]


def test_the_place_of_a_letter_is_told_and_not_the_letter() -> None:
    """Enough to find it; a value is never repeated in an error."""
    with pytest.raises(InvalidInput, match="character 4 cannot be printed") as caught:
        read("referral_issued", service="ЕКГ藥")
    assert "藥" not in caught.value.detail


def test_null_is_absent() -> None:
    """As in ESOZ's own answers; a detail that must be there is then missing."""
    assert read("referral_issued", service="ЕКГ", notes=None) == {"service": "ЕКГ"}
    assert broken("referral_issued", {"service": None}) == [("/summary/service", "missing")]


def test_markup_is_text() -> None:
    """HTML in a field is no error: it is printed as it was written."""
    assert read("referral_issued", service="<b>ЕКГ</b>") == {"service": "<b>ЕКГ</b>"}


def test_days_are_days_in_kyiv() -> None:
    """A time of ESOZ becomes the day that it is in Kyiv; a day stays as it is."""
    read_back = read("conclusion_issued", conclusion="щось", started_at="2026-11-21T22:30:00Z", ended_at=" 2026-11-29 ")
    assert (read_back["started_at"], read_back["ended_at"]) == ("2026-11-22", "2026-11-29")


def test_nothing_ends_before_it_starts() -> None:
    """Two days that contradict each other are somebody's slip."""
    days: dict[str, object] = {"conclusion": "щось", "started_at": "2026-11-22", "ended_at": "2026-11-21"}
    assert broken("conclusion_issued", days) == [("/summary/ended_at", "before_start")]
    assert read("conclusion_issued", **{**days, "ended_at": "2026-11-22"})["ended_at"] == "2026-11-22"


def test_all_details_together_have_a_length() -> None:
    """One sheet that can be read: beyond, the whole is told too long; up to it, the longest values are fine."""
    names = ("medication", "dosage", "notes", "doctor", "facility", "facility_address")
    full: dict[str, object] = dict.fromkeys(names, "я" * DETAIL_LENGTH_MAX)
    assert sum(map(len, read("prescription_issued", **full).values())) == DETAILS_LENGTH_MAX
    assert broken("prescription_issued", {**full, "quantity": "1"}) == [("/summary", "too_long")]


def test_letters_are_composed_and_trimmed() -> None:
    """One spelling of each letter, without spaces around; a length is that of what is printed."""
    assert read("referral_issued", service=" e\u0301 ")["service"] == "é"
    assert read("referral_issued", service="e\u0301" * DETAIL_LENGTH_MAX)["service"] == "é" * DETAIL_LENGTH_MAX


def test_all_problems_are_told_at_once_and_names_that_may_be_personal_are_not() -> None:
    """Every broken rule in one answer, with the pointer that the caller's body has; a strange key is not repeated."""
    data = {"+380000000001": "x", "dosage": "я" * 401, "doctor": 7}
    with pytest.raises(InvalidInput) as caught:
        read_details("prescription_issued", data, is_drawn=is_drawn, pointer="/summary")
    assert {(problem.pointer, problem.code) for problem in caught.value.problems} == {
        ("/summary/medication", "missing"),
        ("/summary/dosage", "too_long"),
        ("/summary/doctor", "wrong_type"),
        ("/summary", "unknown_field"),
    }
    assert "+380" not in caught.value.detail


@given(
    st.dictionaries(
        st.sampled_from(["medication", "dosage", "doctor", "created_at", "x"]),
        st.text(alphabet=sorted(DRAWN), max_size=420)
        | st.dates().map(date.isoformat)
        | st.text(max_size=9)
        | st.none(),
    )
)
def test_what_is_read_is_read_again_unchanged(data: dict[str, object]) -> None:
    """Either everything is accepted, and then reading the result changes nothing, or every problem has a field."""
    pointers = None
    details: dict[str, str] = {}
    try:
        details = read_details("prescription_rejected", data, is_drawn=is_drawn)
    except InvalidInput as refusal:
        pointers = {problem.pointer for problem in refusal.problems}
    assert read_details("prescription_rejected", details, is_drawn=is_drawn) == details
    assert pointers is None or all(pointer.startswith("/summary") for pointer in pointers)


# --- the code on paper ------------------------------------------------------------------------------------------------

_D, _P, _C = ({ground} for ground in CodeGround)


def case(
    *, has_code: bool = True, is_cancelled: bool = False, is_over: bool = False, grounds: set[CodeGround] | None = None
) -> CodeCase:
    return CodeCase(
        has_code=has_code, is_cancelled=is_cancelled, is_over=is_over, grounds=frozenset(grounds or frozenset())
    )


ROWS = {
    "there is no code": (case(has_code=False, grounds=_D), CodeFate.NONE),
    "the notification was withdrawn": (case(is_cancelled=True, grounds=_D), CodeFate.WITHDRAWN),
    "the code is over": (case(is_over=True, grounds=_D), CodeFate.ERASED),
    "by documents": (case(grounds=_D), CodeFate.PRINTED),
    "programme without messages": (case(grounds=_P), CodeFate.PRINTED),
    "in a crisis": (case(grounds=_C), CodeFate.PRINTED),
    "everybody else gets it by phone": (case(), CodeFate.BY_PHONE),
}


@pytest.mark.parametrize("rule", CODE_RULES, ids=lambda rule: rule.name)
def test_each_rule_of_the_code_on_paper(rule: CodeRule) -> None:
    """A row of the table, and the case that only this row decides."""
    name = rule.name
    asked, fate = ROWS[name]
    assert next(one.name for one in CODE_RULES if one.applies(asked)) == name
    assert code_fate(asked) is fate


@given(
    st.builds(
        CodeCase,
        has_code=st.booleans(),
        is_cancelled=st.booleans(),
        is_over=st.booleans(),
        grounds=st.frozensets(st.sampled_from(CodeGround)),
    )
)
def test_a_code_is_printed_only_with_a_ground_and_while_it_lives(asked: CodeCase) -> None:
    """Whatever the combination: printed exactly when there is a living code and at least one ground."""
    living = asked.has_code and not asked.is_cancelled and not asked.is_over
    assert (code_fate(asked) is CodeFate.PRINTED) == (living and bool(asked.grounds))
