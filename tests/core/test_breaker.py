"""The circuit of a provider: what counts, when it opens, how it is tried again, and that it cannot flap."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esoz_notify.core.breaker import (
    RULES,
    VERDICTS,
    Breaker,
    BreakerState,
    Hold,
    Tally,
    Traffic,
    Verdict,
    Why,
    judge,
    shown,
    traffic,
    verdict_of,
)
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Accepted, Refused, Result, TryLater, Unknown

T0 = datetime(2026, 1, 10, 12, tzinfo=UTC)
CLOSED, OPEN, HALF_OPEN = BreakerState
NEW = Breaker(since=T0)
HOLD = Hold("olena", "their maintenance", T0)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def failures(count: int, reason: Reason = Reason.NO_ANSWER) -> Tally:
    return Tally(0, count, count, reason)


def opened(at_s: float = 0.0) -> Breaker:
    return judge(NEW, failures(RULES.failures_in_row), at(at_s))


def half_opened() -> Breaker:
    return judge(opened(), Tally(), at(RULES.cool_down_s))


# --- what counts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (Accepted(("1",)), Verdict.WELL),
        (Unknown(), Verdict.FAILED),
        (Unknown(Reason.NOT_ON_CHANNEL), Verdict.FAILED),
        (TryLater(Reason.PROVIDER_FAULT), Verdict.FAILED),
        (TryLater(Reason.UNREACHABLE), Verdict.FAILED),
        (TryLater(Reason.NO_ANSWER), Verdict.FAILED),
        (TryLater(Reason.THROTTLED, 3.0), Verdict.THROTTLED),
        (Refused(Reason.NOT_AUTHORISED), Verdict.FAILED),
        (Refused(Reason.BALANCE), Verdict.FAILED),
        (Refused(Reason.SENDER), Verdict.FAILED),
        (Refused(Reason.NOT_ON_CHANNEL), Verdict.WELL),
        (Refused(Reason.TEMPLATE), Verdict.WELL),
    ],
)
def test_what_a_result_says_of_the_provider(result: Result, verdict: Verdict) -> None:
    """The provider fails when it cannot be used or does not answer, not when the person or the message is at fault."""
    assert verdict_of(result) is verdict


def test_every_reason_has_a_verdict() -> None:
    """A reason without a row would stop the counting."""
    assert set(VERDICTS) == set(Reason)


def test_a_tally_counts_both_and_the_row() -> None:
    """Counts add up, a good call ends the row, a throttled one counts neither way."""
    tally = Tally()
    for verdict in (Verdict.FAILED, Verdict.WELL, Verdict.FAILED, Verdict.THROTTLED, Verdict.FAILED):
        tally = tally.plus(verdict, Reason.BALANCE if verdict is Verdict.FAILED else None)
    assert tally == Tally(1, 3, 2, Reason.BALANCE)


# --- opening ---------------------------------------------------------------------------------------------------------


def test_a_few_failures_in_a_row_open_when_there_is_little_traffic() -> None:
    """Five failures with nothing good between open it; four do not."""
    assert judge(NEW, failures(4), at(1)).state is CLOSED
    breaker = judge(judge(NEW, failures(4), at(1)), failures(1, Reason.UNREACHABLE), at(30))
    assert (breaker.state, breaker.why, breaker.reason) == (OPEN, Why.FAILURES_IN_ROW, Reason.UNREACHABLE)
    assert (breaker.since, breaker.settled, breaker.settled_at) == (at(30), OPEN, at(30))
    assert (breaker.cool_down_s, breaker.buckets, breaker.in_row) == (RULES.cool_down_s, (), 0)


def test_a_good_call_ends_the_row() -> None:
    """Failures before and after a good call are two rows."""
    breaker = judge(judge(NEW, failures(4), at(1)), Tally(1, 0), at(2))
    assert judge(breaker, failures(4), at(3)).state is CLOSED
    assert judge(judge(NEW, failures(4), at(1)), Tally(1, 4, 4), at(2)).state is CLOSED


def test_a_row_does_not_go_on_after_a_long_pause() -> None:
    """Yesterday's failures and today's are two rows."""
    assert judge(judge(NEW, failures(4), at(1)), failures(4), at(2 + RULES.row_gap_s)).state is CLOSED


def test_a_share_of_failures_opens_when_there_is_traffic() -> None:
    """Half of at least twenty calls in the window opens it; a short row among many good calls does not."""
    busy = judge(NEW, Tally(30, 5, 5, Reason.NO_ANSWER), at(1))
    assert busy.state is CLOSED
    breaker = judge(busy, Tally(1, 26, 5, Reason.NO_ANSWER), at(2))
    assert (breaker.state, breaker.why) == (OPEN, Why.FAILURE_SHARE)


def test_a_long_row_opens_however_good_the_time_before_was() -> None:
    """A provider that dies at full speed is left after twenty failures, not when half of the window is bad."""
    busy = judge(NEW, Tally(1000, 0), at(1))
    assert judge(busy, failures(19), at(2)).state is CLOSED
    assert judge(busy, failures(20), at(2)).why is Why.FAILURES_IN_ROW


def test_what_is_older_than_the_window_is_forgotten() -> None:
    """Counts of the same second are one bucket; those before the window are gone."""
    breaker = judge(judge(NEW, Tally(3, 1), at(1)), Tally(2, 0), at(1.5))
    assert [(bucket.well, bucket.failed) for bucket in breaker.buckets] == [(5, 1)]
    breaker = judge(breaker, Tally(1, 0), at(1 + RULES.window_s))
    assert [(bucket.well, bucket.failed) for bucket in breaker.buckets] == [(1, 0)]


def test_good_news_alone_opens_nothing() -> None:
    """Ten good calls after ten bad ones make enough to judge by share, and are no reason to open."""
    halved = judge(judge(NEW, Tally(0, 4, 4), at(1)), Tally(6, 6, 1), at(2))
    assert judge(halved, Tally(4, 0), at(3)).state is CLOSED


def test_without_news_a_closed_circuit_stays_as_it_is() -> None:
    """Time alone opens nothing."""
    breaker = judge(NEW, failures(4), at(1))
    assert judge(breaker, Tally(), at(2)) is breaker


# --- open, half-open, closed -----------------------------------------------------------------------------------------


def test_open_stays_open_for_its_cool_down() -> None:
    """Answers to calls from before neither close it nor prolong it; then it is probed."""
    assert judge(opened(), Tally(50, 50, 3), at(9.9)) == opened()
    breaker = half_opened()
    assert (breaker.state, breaker.since, breaker.why) == (HALF_OPEN, at(10), Why.COOLED_DOWN)
    assert breaker.reason is Reason.NO_ANSWER
    late = judge(opened(), Tally(), at(500))
    assert late.since == at(10), "the time of half-opening does not depend on who looks when"


def test_good_probes_in_a_row_close_it() -> None:
    """Three good probes close it; two do not."""
    breaker = judge(half_opened(), Tally(2, 0), at(11))
    assert (breaker.state, breaker.proofs) == (HALF_OPEN, 2)
    breaker = judge(breaker, Tally(1, 0), at(12))
    assert (breaker.state, breaker.why, breaker.settled, breaker.settled_at) == (
        CLOSED,
        Why.PROBES_PASSED,
        CLOSED,
        at(12),
    )


def test_a_failed_probe_opens_again_for_longer() -> None:
    """Each failed probe doubles the cool-down up to its maximum; that is no new opening."""
    breaker, lengths = opened(), []
    for _ in range(5):
        lengths.append(breaker.cool_down_s)
        breaker = judge(breaker, Tally(), breaker.since + timedelta(seconds=breaker.cool_down_s))
        breaker = judge(breaker, Tally(2, 1, 1, Reason.UNREACHABLE), breaker.since)
        assert (breaker.state, breaker.why, breaker.settled_at) == (OPEN, Why.PROBE_FAILED, at(0))
    assert lengths == [10, 20, 40, 60, 60]


def closed_again(at_s: float = 12.0) -> Breaker:
    return judge(half_opened(), Tally(3, 0), at(at_s))


def test_a_relapse_soon_after_closing_is_probed_not_opened() -> None:
    """What fails within a cool-down of closing goes back to probing; good probes end it without a new change."""
    breaker = judge(closed_again(), failures(5), at(13))
    assert (breaker.state, breaker.why, breaker.settled_at) == (HALF_OPEN, Why.RELAPSE, at(12))
    breaker = judge(breaker, Tally(3, 0), at(14))
    assert (breaker.state, breaker.settled, breaker.settled_at) == (CLOSED, CLOSED, at(12))


def test_a_relapse_that_goes_on_opens_after_the_cool_down() -> None:
    """Failed probes of a relapse go on until a cool-down has passed since closing; then it opens, for longer."""
    breaker = judge(closed_again(), failures(5), at(13))
    breaker = judge(breaker, failures(1), at(14))
    assert (breaker.state, breaker.why) == (HALF_OPEN, Why.RELAPSE)
    breaker = judge(breaker, failures(1), at(22))
    assert (breaker.state, breaker.settled_at, breaker.cool_down_s) == (OPEN, at(22), 20)


def test_who_was_calm_for_long_starts_with_the_short_cool_down() -> None:
    """Opening soon after a closing doubles the cool-down; after five calm minutes it begins anew."""
    assert judge(closed_again(), failures(5), at(100)).cool_down_s == 20
    assert judge(closed_again(), failures(5), at(12 + RULES.calm_s)).cool_down_s == 10


# --- people and pages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("breaker", "given"), [(NEW, Traffic.ALL), (opened(), Traffic.NOTHING), (half_opened(), Traffic.PROBES)]
)
def test_a_hold_always_wins(breaker: Breaker, given: Traffic) -> None:
    """The state decides what a provider may be given, unless a person holds it."""
    assert traffic(breaker, None) is given
    assert traffic(breaker, HOLD) is Traffic.NOTHING


@pytest.mark.parametrize(
    ("breaker", "hold", "flags", "word"),
    [
        (opened(), HOLD, (False, True, True), "held"),
        (opened(), None, (False, True, True), "open"),
        (half_opened(), None, (False, True, True), "half_open"),
        (NEW, None, (False, True, True), "down"),
        (NEW, None, (True, True, True), "receipts_stopped"),
        (NEW, None, (True, False, True), "slow"),
        (NEW, None, (True, False, False), "up"),
    ],
)
def test_the_weightiest_word_is_shown(
    breaker: Breaker, hold: Hold | None, flags: tuple[bool, bool, bool], word: str
) -> None:
    """One word says what matters most; slow receipts and silence show only while messages flow."""
    is_up, stopped, slow = flags
    assert shown(breaker, hold, is_up=is_up, stopped=stopped, slow=slow) == word


# --- an adversary ----------------------------------------------------------------------------------------------------

_tallies = st.one_of(
    st.builds(Tally, st.integers(0, 40), st.just(0)),
    st.integers(1, 40).map(failures),
    st.builds(lambda well, failed: Tally(well, failed, 0), st.integers(0, 40), st.integers(0, 40)),
)
_steps = st.lists(st.tuples(st.sampled_from([0.0, 0.01, 0.5, 1.0, 3.0, 9.99, 10.0, 20.0, 60.0, 400.0]), _tallies))


@settings(max_examples=300)
@given(trace=_steps)
def test_it_changes_at_most_once_per_cool_down_whatever_happens(
    trace: list[tuple[float, Tally]],
) -> None:
    """Under any trace, open and closed change at most once per cool-down, and nothing but failures opens."""
    breaker, now, changes = NEW, T0, []
    for pause_s, tally in trace:
        now += timedelta(seconds=pause_s)
        after = judge(breaker, tally, now)
        if after.settled is not breaker.settled:
            changes.append(now)
            assert after.settled_at == now
            assert after.state is after.settled
        if after.state is OPEN and breaker.state is not OPEN:
            assert tally.failed
            assert RULES.cool_down_s <= after.cool_down_s <= RULES.cool_down_max_s
        breaker = after
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(changes)]
    assert all(gap >= RULES.cool_down_s for gap in gaps)


@settings(max_examples=100)
@given(trace=_steps)
def test_a_healthy_provider_is_always_taken_back(trace: list[tuple[float, Tally]]) -> None:
    """Whatever happened before, good answers alone close the circuit within the longest cool-down and three probes."""
    breaker, now = NEW, T0
    for pause_s, tally in trace:
        now += timedelta(seconds=pause_s)
        breaker = judge(breaker, tally, now)
    now += timedelta(seconds=RULES.cool_down_max_s)
    breaker = judge(breaker, Tally(), now)
    assert judge(breaker, Tally(RULES.proofs, 0), now).state is CLOSED


def test_rules_fit_each_other() -> None:
    """A row that opens with little traffic is shorter than what makes traffic, and cool-downs grow."""
    assert RULES.failures_in_row < RULES.calls_min
    assert RULES.cool_down_s < RULES.cool_down_max_s < RULES.calm_s
    assert replace(RULES, proofs=1).proofs < RULES.proofs
