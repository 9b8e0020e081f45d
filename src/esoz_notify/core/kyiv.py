"""Time as Ukrainian law counts it: calendar days in Kyiv, ages, and reading times that callers write.

What belongs here: pure conversions. What does not: asking what time it is (``engine`` does) and validity windows.
"""

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from esoz_notify.core.numbers import NumberProblem, parse_date

KYIV = ZoneInfo("Europe/Kyiv")

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DATE_LENGTH = len("YYYY-MM-DD")


def kyiv_date(at: datetime) -> date:
    """Calendar day in Kyiv of an aware time."""
    return at.astimezone(KYIV).date()


def age_on(birth_date: date, day: date) -> int:
    """Full years on a day. Born on 29 February: a year older on 1 March of common years, never a day early."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def parse_moment(text: str, *, day_end: bool = False) -> datetime:
    """Read an RFC 3339 time with a zone, or a date alone, as an aware UTC time.

    A date alone is a day in Kyiv: its first instant, or with ``day_end`` its last, because a relation or a link that is
    "valid to" a day still serves on that day (``active_to`` of ESOZ's relations is a date).

    Raises:
        NumberProblem: any other text; times without a zone are refused because their instant is unknown.

    """
    try:
        if len(text) == _DATE_LENGTH:
            return datetime.combine(parse_date(text), time.max if day_end else time.min, KYIV).astimezone(UTC)
        if _RFC3339.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # a time that does not exist, or lies outside the calendar: told by the same rule below
    raise NumberProblem(
        "not_a_time", "must be an RFC 3339 time with a zone (2025-09-10T12:00:00Z) or a date YYYY-MM-DD"
    )
