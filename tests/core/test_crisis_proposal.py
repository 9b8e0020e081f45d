"""What may be proposed in a crisis: each broken rule at its field, times as they are shown."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.crisis import Crisis, Proposal, Scope, Signature, check_overlap
from esoz_notify.core.crisis_proposal import (
    CRISIS_AHEAD_MAX_S,
    CRISIS_LENGTH_MAX_S,
    REASON_LENGTH_MAX,
    VALUE_LENGTH_MAX,
    VALUES_MAX,
    read_proposal,
)
from esoz_notify.core.errors import InvalidInput

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
ASKED = {"scope": "operator", "values": ["+38000"], "ends_at": "2026-03-02T10:00:00Z", "reason": "nothing arrives"}


def test_a_proposal_is_read() -> None:
    """Spaces around words are dropped; without a start it is now; a day as the end is that whole day in Kyiv."""
    read = read_proposal({**ASKED, "reason": " nothing arrives "}, NOW)
    day = read_proposal({"scope": "region", "values": [" Київ "], "ends_at": "2026-03-02", "reason": "x"}, NOW)
    everything = read_proposal(
        {**ASKED, "scope": "everything", "values": None, "starts_at": "2026-03-01T12:00:00Z"}, NOW
    )

    assert read == Proposal(
        scope=Scope.OPERATOR,
        values=("+38000",),
        starts_at=NOW,
        ends_at=NOW + 24 * HOUR,
        reason="nothing arrives",
    )
    assert (day.values, day.ends_at) == (("Київ",), datetime(2026, 3, 2, 21, 59, 59, 999000, tzinfo=UTC))
    assert (everything.values, everything.starts_at) == ((), NOW + 2 * HOUR)


def at(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(
    ("broken", "problems"),
    [
        ({"scope": None}, [("/scope", "required")]),
        ({"scope": "city"}, [("/scope", "unknown_scope")]),
        ({"scope": 1}, [("/scope", "unknown_scope")]),
        ({"values": []}, [("/values", "required")]),
        ({"values": "+38000"}, [("/values", "wrong_type")]),
        ({"values": [f"+380{no}" for no in range(10, 11 + VALUES_MAX)]}, [("/values", "too_many")]),
        ({"values": ["+3800", "+380001", "38000", 7]}, [("/values/0", "format"), ("/values/1", "format"),
                                                        ("/values/2", "format"), ("/values/3", "wrong_type")]),
        ({"values": ["+38000", "+38000"]}, [("/values/1", "given_twice")]),
        ({"scope": "everything"}, [("/values", "not_here")]),
        ({"scope": "region", "values": ["Київ", "київ"]}, [("/values/1", "given_twice")]),
        ({"scope": "region", "values": [" ", "a\nb", "x" * (VALUE_LENGTH_MAX + 1)]},
         [("/values/0", "format"), ("/values/1", "format"), ("/values/2", "format")]),
        ({"starts_at": at(-1)}, [("/starts_at", "past")]),
        ({"starts_at": at(CRISIS_AHEAD_MAX_S + 1), "ends_at": at(CRISIS_AHEAD_MAX_S + 2)}, [("/starts_at", "too_far")]),
        ({"starts_at": "9999-12-31T23:59:59.9999Z", "ends_at": "9999-12-31T23:59:59.9999Z"},
         [("/starts_at", "too_far"), ("/ends_at", "before_start")]),
        ({"ends_at": "9999-12-31"}, [("/ends_at", "too_long")]),
        ({"starts_at": "tomorrow"}, [("/starts_at", "not_a_time")]),
        ({"ends_at": None}, [("/ends_at", "required")]),
        ({"ends_at": "soon"}, [("/ends_at", "not_a_time")]),
        ({"ends_at": at(0)}, [("/ends_at", "before_start")]),
        ({"ends_at": at(CRISIS_LENGTH_MAX_S + 1)}, [("/ends_at", "too_long")]),
        ({"reason": None}, [("/reason", "required")]),
        ({"reason": " "}, [("/reason", "empty")]),
        ({"reason": 7}, [("/reason", "wrong_type")]),
        ({"reason": "x" * (REASON_LENGTH_MAX + 1)}, [("/reason", "too_long")]),
        ({"who": "olena"}, [("/who", "unknown_field")]),
        ({"scope": None, "ends_at": None, "reason": None},
         [("/scope", "required"), ("/ends_at", "required"), ("/reason", "required")]),
    ],
)  # fmt: skip
def test_a_proposal_that_breaks_rules(broken: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    """Each broken rule is named at its field, all at once."""
    with pytest.raises(InvalidInput) as refused:
        read_proposal({**ASKED, **broken}, NOW)
    assert [(one.pointer, one.code) for one in refused.value.problems] == problems


def test_the_bounds_themselves_are_allowed() -> None:
    """As far ahead, as long and as many as the rules say."""
    starts_at, ends_at = at(CRISIS_AHEAD_MAX_S), at(CRISIS_AHEAD_MAX_S + CRISIS_LENGTH_MAX_S)
    values = [f"+380{no}" for no in range(10, 10 + VALUES_MAX)]
    read = read_proposal({**ASKED, "starts_at": starts_at, "ends_at": ends_at, "values": values}, NOW)

    assert (read.ends_at - read.starts_at).total_seconds() == CRISIS_LENGTH_MAX_S
    assert len(read.values) == VALUES_MAX


@given(st.integers(0, 10**6), st.integers(1000, int(CRISIS_LENGTH_MAX_S * 10**6) - 1000))
def test_the_next_one_follows_without_a_gap(start_us: int, length_us: int) -> None:
    """Times are kept to the millisecond, as they are shown: the next one may start where this one was told to end."""
    starts_at = NOW + timedelta(microseconds=start_us)
    ends_at = starts_at + timedelta(microseconds=length_us)
    asked = {**ASKED, "starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}
    first = read_proposal(asked, NOW)
    told = first.ends_at.isoformat(timespec="milliseconds")
    second = read_proposal({**ASKED, "starts_at": told, "ends_at": (first.ends_at + HOUR).isoformat()}, NOW)

    assert timedelta(0) <= ends_at - first.ends_at < timedelta(milliseconds=1)
    assert timedelta(0) <= starts_at - first.starts_at < timedelta(milliseconds=1)
    assert first.ends_at - first.starts_at <= timedelta(seconds=CRISIS_LENGTH_MAX_S)
    assert second.starts_at == first.ends_at
    check_overlap(second, [Crisis(id=UUID(int=1), proposal=first, proposed=Signature("olena", NOW))], NOW)
