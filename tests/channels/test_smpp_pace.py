"""Rules of the pace of a link."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.channels.smpp_pace import Pace


def send_for(pace: Pace, start: float, duration_s: float) -> list[float]:
    """Send whenever the pace allows for so long, stepping a made-up clock; gives the moments."""
    now, moments = start, []
    while now < start + duration_s:
        delay_s = pace.delay_s(now)
        if delay_s:
            now += delay_s
            continue
        pace.sent(now)
        moments.append(now)
        now += 0.001
    return moments


def test_without_a_limit_nothing_waits() -> None:
    """No contract rate and no refusal: the window alone limits."""
    pace = Pace(None)
    assert pace.rate(0.0) is None
    assert len(send_for(pace, 0.0, 1.0)) >= 1000


@given(st.floats(1, 200))
def test_the_contracts_rate_is_kept(rate: float) -> None:
    """Over any second at most the rate, and the tenth of a second that may go at once."""
    moments = send_for(Pace(rate), 100.0, 3.0)
    for start in moments:
        assert sum(start <= moment < start + 1 for moment in moments) <= rate * 1.1 + 2


def test_a_refusal_halves_what_was_sent() -> None:
    """The first refusal cuts to half of what went out in the last whole second."""
    pace = Pace(None)
    for second in (0.0, 1.0):
        for part in range(100):
            pace.sent(second + part / 100)
    pace.throttled(2.0)
    assert pace.rate(2.0) == pytest.approx(50.0)


def test_refusals_of_one_moment_cut_once() -> None:
    """A window full of refusals is one message from the SMSC; half a second later it is another."""
    pace = Pace(100.0)
    for moment in (10.0, 10.1, 10.49):
        pace.throttled(moment)
    assert pace.rate(10.0) == pytest.approx(50.0)
    pace.throttled(10.5)
    assert pace.rate(10.5) == pytest.approx((50 + 0.5 * 10) / 2)


def test_the_rate_grows_back_to_the_contract_and_not_over_it() -> None:
    """A tenth of the former rate returns each second, up to the contract's."""
    pace = Pace(100.0)
    pace.throttled(10.0)
    assert [round(rate) for rate in (pace.rate(now) or 0 for now in (11.0, 13.0, 15.0, 60.0))] == [60, 80, 100, 100]


def test_without_a_contract_it_grows_on() -> None:
    """With no known limit the link finds it by asking for more."""
    pace = Pace(None)
    pace.sent(0.0)
    pace.throttled(0.0)
    assert [pace.rate(now) for now in (0.0, 1.0, 10.0)] == [2.0, 4.0, 22.0]


def test_a_link_never_sleeps() -> None:
    """However often it is refused, parts go on at the least rate."""
    pace = Pace(100.0)
    for second in range(30):
        pace.throttled(float(second))
    assert (pace.rate(29.0) or 0) >= Pace.RATE_MIN
    pace.sent(29.0)
    assert pace.delay_s(29.0) <= 1 / Pace.RATE_MIN


def test_an_idle_second_is_not_counted() -> None:
    """What went out long ago says nothing of the rate now."""
    pace = Pace(None)
    for part in range(100):
        pace.sent(part / 100)
    pace.sent(50.0)
    pace.throttled(50.1)
    assert pace.rate(50.1) == Pace.RATE_MIN
