"""Sliding windows against a plain model of them: a list of moments."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.windows import (
    REMEMBERED_S,
    UNREQUESTED_COUNT,
    Act,
    Seen,
    Whose,
    Window,
    is_alarming,
    latest,
    next_at,
    windows,
)

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


def seen(window: Window, moments: list[datetime], now: datetime) -> Seen:
    """What the ledger tells of a window: the newest acts in it, as many as it allows."""
    inside = sorted(moment for moment in moments if moment > now - timedelta(seconds=window.window_s))
    newest = inside[-window.count_max :]
    return Seen(len(newest), newest[0] if newest else None)


@given(st.integers(1, 5), st.integers(1, 60), st.lists(st.integers(0, 40), max_size=60))
def test_no_window_ever_holds_more_than_it_allows(count_max: int, window_s: int, pauses: list[int]) -> None:
    """Asking at any moments, only what is allowed is done: no stretch of the window's length holds more."""
    window = Window(act=Act.SEND, whose=Whose.PHONE, count_max=count_max, window_s=window_s)
    done: list[datetime] = []
    now = START
    for pause_s in pauses:
        now += timedelta(seconds=pause_s)
        told = next_at(window, seen(window, done, now), now)
        if told is None:
            done.append(now)
        else:
            assert now < told <= now + timedelta(seconds=window_s)
            assert next_at(window, seen(window, done, told), told) is None  # what was promised is kept
            just_before = told - timedelta(microseconds=1)
            assert next_at(window, seen(window, done, just_before), just_before) is not None  # and not too late
    for moment in done:
        assert sum(moment <= other < moment + timedelta(seconds=window_s) for other in done) <= count_max


@given(st.integers(1, 5), st.integers(0, 8), st.integers(0, 8))
def test_acts_of_this_moment_count(count_max: int, before: int, more: int) -> None:
    """What was allowed a moment ago and is not yet recorded counts like what is recorded."""
    window = Window(act=Act.SEND, whose=Whose.PHONE, count_max=count_max, window_s=60)
    held = seen(window, [START] * before, START)

    assert (next_at(window, held, START, more) is None) == (before + more < count_max)


def test_the_last_of_several_windows_decides() -> None:
    """It is allowed when every window allows it."""
    assert latest([]) is None
    assert latest([None, START, None, START + timedelta(seconds=1)]) == START + timedelta(seconds=1)


def test_the_table_limits_every_act() -> None:
    """Sends and wrong guesses are limited for patients, phones, doctors and callers; all is remembered long enough."""
    limited = {(window.act, window.whose) for window in windows()}

    assert limited >= {(act, whose) for act in (Act.SEND, Act.WRONG) for whose in Whose}
    assert max(window.window_s for window in windows()) == REMEMBERED_S


def test_a_callers_windows_follow_its_quota() -> None:
    """A caller that serves the whole country may have more wrong codes than one hospital, and none has no window."""
    for quota, wrong, in_vain in ((5_000, 500, 100), (100_000, 10_000, 2_000), (1, 1, 1)):
        found = {window.act: window.count_max for window in windows(quota) if window.whose is Whose.CALLER}
        assert found == {Act.SEND: quota, Act.WRONG: wrong, Act.IN_VAIN: in_vain}


def test_an_alarm_is_told_at_every_multiple() -> None:
    """Not for each further code, and not only once for ever."""
    told = [count for count in range(3 * UNREQUESTED_COUNT) if is_alarming(count)]

    assert told == [UNREQUESTED_COUNT, 2 * UNREQUESTED_COUNT]
