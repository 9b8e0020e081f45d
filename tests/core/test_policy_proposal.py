"""Reading a draft of a policy: every broken rule at once, at its field, in both languages."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.kinds import CODE_LIFE_S, DAY_S, PolicyColumn
from esoz_notify.core.policy import Policies, Policy
from esoz_notify.core.policy_proposal import (
    AHEAD_MAX_DAYS,
    BadDraft,
    Ground,
    Typed,
    promise_flaws,
    read_draft,
    read_why,
    shortest_validity_s,
)

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
SMS = (Step(Channel.SMS),)
OLD = Policy(version="old", from_date=date(2025, 1, 1), routes=dict.fromkeys(PolicyColumn, SMS))
LATER = Policy(version="later", from_date=date(2026, 4, 1), routes=OLD.routes)
GROUND = Ground(
    policies=Policies(all=(OLD, LATER)), versions={"used"}, configured={Channel.VIBER, Channel.SMS, Channel.DIIA}
)
GOOD = Typed(
    version=" 2026-03-09 ",
    from_date="2026-03-09",
    reason=" Дія відповідає швидше ",
    rows={
        PolicyColumn.CODES: [("viber", "20"), ("", ""), ("sms", "")],
        PolicyColumn.DOCUMENTS: [("diia", "120"), ("viber", "90"), ("sms", "600"), ("print", "")],
        PolicyColumn.REST: [("sms", "")],
    },
)


def codes(*rows: tuple[str, str]) -> Typed:
    return replace(GOOD, rows={**GOOD.rows, PolicyColumn.CODES: rows})


def flaws(typed: Typed, ground: Ground = GROUND) -> Sequence[tuple[str, str]]:
    with pytest.raises(BadDraft) as refused:
        read_draft(typed, ground, NOW)
    assert all(one.said.en.strip() and one.said.uk.strip() and "{" not in one.said.uk for one in refused.value.flaws)
    assert [one.pointer for one in refused.value.problems] == [f"/{one.place}" for one in refused.value.flaws]
    return [(one.place, one.said.code) for one in refused.value.flaws]


def test_a_good_draft_is_read() -> None:
    """Rows that are left empty do not count, spaces around do not either."""
    policy, reason = read_draft(GOOD, GROUND, NOW)
    assert (policy.version, policy.from_date, reason) == ("2026-03-09", date(2026, 3, 9), "Дія відповідає швидше")
    assert policy.routes[PolicyColumn.CODES] == (Step(Channel.VIBER, 20.0), Step(Channel.SMS))
    assert [step.window_s for step in policy.routes[PolicyColumn.DOCUMENTS]] == [120.0, 90.0, 600.0, None]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([], [("codes", "no_step")]),
        ([("", ""), ("", "")], [("codes", "no_step")]),
        ([("viber", "20")], [("codes/0", "window_after_last"), ("codes/0", "end_not_guaranteed")]),
        ([("viber", "")], [("codes/0", "end_not_guaranteed")]),
        ([("viber", ""), ("sms", "")], [("codes/0", "window_bounds")]),
        ([("viber", "0"), ("sms", "")], [("codes/0", "window_bounds")]),
        ([("viber", "86401"), ("sms", "")], [("codes/0", "window_bounds")]),
        ([("viber", "2.5"), ("sms", "")], [("codes/0", "window_bounds")]),
        ([("viber", "-5"), ("sms", "")], [("codes/0", "window_bounds")]),
        ([("viber", "5"), ("viber", "5"), ("sms", "")], [("codes/1", "channel_twice")]),
        ([("print", "5"), ("sms", "")], [("codes/0", "print_not_last")]),
        ([("", "5"), ("sms", "")], [("codes/0", "channel_unknown")]),
        ([("pigeon", "5"), ("sms", "")], [("codes/0", "channel_unknown")]),
        ([("viber", "151"), ("sms", "")], [("codes", "rest_too_short")]),
        ([("diia", "75"), ("viber", "76"), ("sms", "")], [("codes", "rest_too_short")]),
    ],
)
def test_routes_that_are_refused(rows: list[tuple[str, str]], found: list[tuple[str, str]]) -> None:
    """By the rules of a file, and the guaranteed channel must be left half of the shortest validity of the column."""
    assert flaws(codes(*rows)) == found


def test_the_numbers_are_said() -> None:
    """How much the windows take, of how much, and how much they may."""
    with pytest.raises(BadDraft) as refused:
        read_draft(codes(("viber", "151"), ("sms", "")), GROUND, NOW)
    said = refused.value.flaws[0].said
    assert all(number in said.uk and number in said.en for number in ("151", str(CODE_LIFE_S), "150"))
    read_draft(codes(("viber", "150"), ("sms", "")), GROUND, NOW)
    assert (shortest_validity_s(PolicyColumn.DOCUMENTS), shortest_validity_s(PolicyColumn.CODES)) == (DAY_S, 300)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"version": "другa"}, ("version", "version_format")),
        ({"version": "x" * 41}, ("version", "version_format")),
        ({"version": "used"}, ("version", "version_used")),
        ({"version": "old"}, ("version", "version_used")),
        ({"from_date": "tomorrow"}, ("from", "from_format")),
        ({"from_date": "2026-03-01"}, ("from", "from_early")),
        ({"from_date": "2026-04-01"}, ("from", "from_taken")),
        ({"from_date": (date(2026, 3, 3) + timedelta(days=AHEAD_MAX_DAYS)).isoformat()}, ("from", "from_far")),
        ({"reason": " "}, ("reason", "reason_length")),
        ({"reason": "x" * 201}, ("reason", "reason_length")),
        ({"reason": "one\ntwo"}, ("reason", "reason_length")),
        ({"reason": "ask 0501234567"}, ("reason", "reason_personal")),
        ({"rows": {}}, ("codes", "no_step")),
    ],
)
def test_the_rest_that_is_refused(change: dict[str, str], found: tuple[str, str]) -> None:
    """Names, days and reasons have their rules."""
    assert flaws(replace(GOOD, **change))[0] == found  # type: ignore[arg-type]


def test_everything_is_told_at_once() -> None:
    """Nobody mends one mistake only to be told of the next."""
    bad = Typed(version="", from_date="", reason="", rows={})
    assert [place for place, _ in flaws(bad)] == ["version", "from", "reason", "codes", "documents", "rest"]


def test_channels_that_nobody_serves() -> None:
    """A guaranteed one is refused, wherever it stands; others are left out of routes."""
    nobody = replace(GROUND, configured=())
    assert flaws(GOOD, nobody) == [
        ("codes/2", "no_provider"),
        ("documents/2", "no_provider"),
        ("rest/0", "no_provider"),
    ]
    policy, _ = read_draft(GOOD, GROUND, NOW)
    assert [one.place for one in promise_flaws(policy, ())] == ["codes/1", "documents/2", "rest/0"]
    assert promise_flaws(policy, {Channel.SMS}) == ()


def test_why_it_is_taken_back() -> None:
    """By the rules of every reason."""
    assert read_why(" not yet ") == "not yet"
    with pytest.raises(BadDraft) as refused:
        read_why("")
    assert refused.value.flaws[0].place == "why"
