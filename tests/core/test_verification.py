"""One code's rules: its life, what a check comes to, whose confirmation comes first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.numbers import NumberFormat, parse
from esoz_notify.core.status import Status
from esoz_notify.core.verification import (
    JUDGED,
    PURPOSES,
    TOLD,
    TYPING_S,
    Issued,
    Party,
    State,
    Subject,
    Verdict,
    Words,
    advice,
    first_missing,
    judge,
    state_of,
)

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
MOMENTS = st.integers(0, 2000).map(lambda s: START + timedelta(seconds=s))
ISSUED = st.builds(
    Issued,
    life_s=st.just(300),
    attempts_max=st.just(3),
    created_at=st.just(START),
    attempts=st.integers(0, 3),
    handed_over_at=st.none() | MOMENTS,
    verified_at=st.none() | MOMENTS,
    superseded_at=st.none() | MOMENTS,
)
FRESH = Issued(life_s=300, attempts_max=3, created_at=START)
SUBJECTS = st.builds(
    Subject,
    caller=st.sampled_from(["a", "b", 'a","b']),
    purpose=st.sampled_from(["action", "declaration"]),
    entity_id=st.text(max_size=4),
    party=st.sampled_from(Party),
)


def test_rows_are_what_people_and_the_ledger_can_bear() -> None:
    """Codes of 4 to 8 digits, a life of five minutes and three attempts unless a row says otherwise."""
    for name, row in PURPOSES.items():
        assert parse(NumberFormat.CODE, "0" * row.code_length)
        assert (row.name, row.attempts_max, row.life_s, row.sending_s) == (name, 3, 300, 300 - TYPING_S)


def test_only_a_contact_person_needs_two_confirmations_in_order() -> None:
    """The third person confirms first, then the patient; everywhere else the patient's is the only one."""
    row = PURPOSES["third_person_method"]

    assert (row.before(Party.THIRD_PERSON), row.after(Party.THIRD_PERSON)) == (None, Party.PATIENT)
    assert (row.before(Party.PATIENT), row.after(Party.PATIENT)) == (Party.THIRD_PERSON, None)
    assert first_missing(row, Party.THIRD_PERSON, set()) is None
    assert first_missing(row, Party.PATIENT, set()) is Party.THIRD_PERSON
    assert first_missing(row, Party.PATIENT, {Party.THIRD_PERSON}) is None
    assert [list(other.words) for other in PURPOSES.values() if other is not row] == [[Party.PATIENT]] * (
        len(PURPOSES) - 1
    )


def test_words_are_ukrainian_unless_english_is_asked_for() -> None:
    """An unknown language gets Ukrainian."""
    words = Words("дія", "action")

    assert [words.of(language) for language in ("uk", "en", "pl")] == ["дія", "action", "дія"]


@given(SUBJECTS, SUBJECTS)
def test_only_the_same_subject_is_cancelled(one: Subject, other: Subject) -> None:
    """Two codes have the same spelling of what they confirm exactly when caller, purpose, entity and party agree."""
    assert (one.text == other.text) == (one == other)


@given(issued=ISSUED, now=MOMENTS, matches=st.booleans())
def test_a_check_is_judged_only_while_it_is_pending(issued: Issued, now: datetime, *, matches: bool) -> None:
    """The code counts in one state only; in every other the answer is the same for a right and for a wrong code."""
    verdict = judge(issued, matches=matches, now=now)

    if state_of(issued, now) is State.PENDING:
        assert verdict is (Verdict.RIGHT if matches else Verdict.WRONG)
        assert now < issued.expires_at
        assert issued.attempts_left > 0
    else:
        assert verdict not in JUDGED
        assert verdict is judge(issued, matches=not matches, now=now)


@given(ISSUED, MOMENTS, MOMENTS)
def test_nothing_comes_back(issued: Issued, one: datetime, other: datetime) -> None:
    """Time, attempts, a newer code and success only ever end a verification."""
    earlier, later = sorted((one, other))
    ended = state_of(issued, earlier)

    if ended is not State.PENDING:
        assert state_of(issued, later) is ended
    assert state_of(replace(issued, attempts=3), later) is not State.PENDING
    assert state_of(replace(issued, superseded_at=earlier), later) in {State.VERIFIED, State.SUPERSEDED}
    assert state_of(replace(issued, verified_at=earlier), later) is State.VERIFIED


@given(st.integers(0, 300 - TYPING_S), st.integers(0, 300 - TYPING_S))
def test_no_message_brings_a_dead_code(handed_over_s: int, delivered_s: int) -> None:
    """Whenever within the sending time a message is handed over and arrives, there is time left to type its code."""
    first, last = sorted((handed_over_s, delivered_s))
    issued = replace(FRESH, handed_over_at=START + timedelta(seconds=first))

    assert state_of(issued, START + timedelta(seconds=last + TYPING_S - 1)) is State.PENDING
    assert issued.expires_at == START + timedelta(seconds=first + 300)


def test_every_refusal_is_told_in_both_languages() -> None:
    """Each verdict but success has a sentence; a verification that is unknown is one of them."""
    assert set(TOLD) == set(Verdict) - {Verdict.RIGHT}
    assert judge(None, matches=True, now=START) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("state", "delivery", "code"),
    [
        (State.VERIFIED, Status.UNDELIVERED, None),
        (State.EXPIRED, Status.DELIVERED, "start_again"),
        (State.FAILED, Status.DELIVERED, "start_again"),
        (State.SUPERSEDED, Status.CANCELLED, "start_again"),
        (State.PENDING, Status.PRINT_REQUIRED, "print_summary"),
        (State.PENDING, Status.UNDELIVERED, "not_delivered"),
        (State.PENDING, Status.EXPIRED, "not_delivered"),
        (State.PENDING, Status.IN_DELIVERY, None),
        (State.PENDING, Status.PRINTED, None),
    ],
)
def test_what_to_do_is_said(state: State, delivery: Status, code: str | None) -> None:
    """Whoever waits in vain is told what to do instead."""
    told = advice(state, delivery)

    assert (told.code if told else None) == code
