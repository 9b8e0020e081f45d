"""Kyiv's calendar, ages, and times as callers write them."""

from datetime import UTC, date, datetime

import pytest

from esoz_notify.core.kyiv import age_on, kyiv_date, parse_moment
from esoz_notify.core.numbers import NumberProblem


def test_the_day_changes_at_midnight_in_kyiv() -> None:
    """A day begins at 21:00 UTC in summer and at 22:00 UTC in winter."""
    assert kyiv_date(datetime(2025, 7, 1, 20, 59, 59, tzinfo=UTC)) == date(2025, 7, 1)
    assert kyiv_date(datetime(2025, 7, 1, 21, tzinfo=UTC)) == date(2025, 7, 2)
    assert kyiv_date(datetime(2025, 1, 1, 21, 59, 59, tzinfo=UTC)) == date(2025, 1, 1)
    assert kyiv_date(datetime(2025, 1, 1, 22, tzinfo=UTC)) == date(2025, 1, 2)


@pytest.mark.parametrize(
    ("born", "day", "years"),
    [
        (date(2011, 9, 10), date(2025, 9, 9), 13),
        (date(2011, 9, 10), date(2025, 9, 10), 14),
        (date(2012, 2, 29), date(2026, 2, 28), 13),
        (date(2012, 2, 29), date(2026, 3, 1), 14),
        (date(2025, 9, 10), date(2025, 9, 9), -1),
    ],
)
def test_age_is_full_years(born: date, day: date, years: int) -> None:
    """A person is a year older on the birthday; born on 29 February, on 1 March of common years."""
    assert age_on(born, day) == years


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-09-10T12:00:00Z", datetime(2025, 9, 10, 12, tzinfo=UTC)),
        ("2025-09-10t12:00:00.5z", datetime(2025, 9, 10, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2025-09-10 12:00:00+03:00", datetime(2025, 9, 10, 9, tzinfo=UTC)),
        ("2025-09-10", datetime(2025, 9, 9, 21, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_utc(text: str, moment: datetime) -> None:
    """A time with a zone is that instant; a date alone is the first instant of that day in Kyiv."""
    assert parse_moment(text) == moment


def test_the_last_day_counts() -> None:
    """A date alone as an end is the last instant of that day in Kyiv, also for the last day of the calendar."""
    assert parse_moment("2025-09-10", day_end=True) == datetime(2025, 9, 10, 20, 59, 59, 999_999, tzinfo=UTC)
    assert parse_moment("9999-12-31", day_end=True).year == 9999


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2025-09-10T12:00:00",
        "2025-13-10T12:00:00Z",
        "2025-02-31",
        "0001-01-01",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_other_times_are_refused(text: str) -> None:
    """A time without a zone, one that does not exist and one outside the calendar are refused by one rule."""
    with pytest.raises(NumberProblem) as caught:
        parse_moment(text)

    assert caught.value.code == "not_a_time"
