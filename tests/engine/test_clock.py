"""Ids in order of time, and a clock that follows the ledger."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.engine.clock import LedgerClock, new_id

MOMENTS = st.integers(min_value=1_600_000_000_000, max_value=7_000_000_000_000).map(
    lambda milliseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
)


@given(MOMENTS)
def test_ids_are_version_7_and_hold_their_millisecond(moment: datetime) -> None:
    """RFC 9562: version 7, variant 10, the first 48 bits are the milliseconds of the time given."""
    made = new_id(moment)

    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@given(MOMENTS, st.integers(min_value=1, max_value=10_000))
def test_ids_sort_by_time(moment: datetime, later_ms: int) -> None:
    """A later millisecond gives a greater id, so lists by id are lists by time."""
    assert new_id(moment) < new_id(moment + timedelta(milliseconds=later_ms))


def test_ids_of_one_millisecond_differ() -> None:
    """The random part tells ids of the same moment apart."""
    moment = datetime(2026, 11, 23, tzinfo=UTC)

    assert len({new_id(moment) for _ in range(10_000)}) == 10_000


def test_the_clock_is_the_ledgers() -> None:
    """Time goes on from what the ledger said, whatever this machine's own clock shows; before that there is none."""
    clock = LedgerClock()
    with pytest.raises(RuntimeError):
        clock.now()
    told = datetime(2031, 1, 1, tzinfo=UTC)
    clock.set(told)

    assert timedelta(0) <= clock.now() - told < timedelta(seconds=5)
