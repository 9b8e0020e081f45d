"""Figures of providers: shares, paces, receipts' times out of counts, and sums of whiles."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from esoz_notify.core.provider_flow import RECEIPT_BOUNDS_S, Flow, by_while, joined, no_flow

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
PLACES = len(RECEIPT_BOUNDS_S) + 1


def flow(minute: int = 0, *, spread: dict[int, int] | None = None, **figures: float) -> Flow:
    counts = tuple((spread or {}).get(place, 0) for place in range(PLACES))
    return replace(no_flow(AT + timedelta(minutes=minute), 1), spread=counts, **figures)  # type: ignore[arg-type]


def test_shares_and_paces() -> None:
    """Later counts neither way; a while of several minutes has the mean of them; nothing has no share."""
    seen = replace(flow(calls=130, well=90, failed=10, throttled=30, parts=240, busy_s=60.0), minutes=2)
    assert (seen.good, seen.calls_per_min, seen.parts_per_s, seen.in_hand) == (0.9, 65.0, 2.0, 0.5)
    assert flow().good is None


@pytest.mark.parametrize(
    ("spread", "rank", "seconds"),
    [
        ({}, 0.5, None),
        ({0: 10}, 0.5, 0.25),
        ({2: 10}, 0.5, 1.5),
        ({2: 10}, 1.0, 2.0),
        ({1: 50, 6: 50}, 0.5, 1.0),
        ({1: 90, 6: 10}, 0.95, 8.75),
        ({PLACES - 1: 1}, 0.95, 3600.0),
        ({1: 1, PLACES - 1: 1}, 1.0 + 1e-9, 3600.0),
    ],
)
def test_receipts_times_come_from_counts(spread: dict[int, int], rank: float, seconds: float | None) -> None:
    """Evenly between the bounds, never beyond the last bound, and nothing of no receipts."""
    found = flow(spread=spread).receipt_s(rank)
    assert found == seconds if seconds is None else found == pytest.approx(seconds)


def test_whiles_have_no_gaps() -> None:
    """Each minute is in the while it is of; what was before the first is in none; empty whiles are there."""
    minutes = [flow(-1, calls=99), flow(0, calls=1, well=1), flow(4, calls=2, failed=1), flow(10, calls=4)]
    first, second, third = by_while(minutes, AT, 3, 5)
    assert [(one.at, one.minutes, one.calls) for one in (first, second, third)] == [
        (AT, 5, 3),
        (AT + timedelta(minutes=5), 5, 0),
        (AT + timedelta(minutes=10), 5, 4),
    ]
    assert joined([first, third], AT, 15).calls == 7
    assert first.good == 0.5
