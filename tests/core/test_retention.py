"""How long data is kept, as an operator may set it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from esoz_notify.core.retention import CLASSES, DAYS_MAX, DEFAULT_DAYS, over_before, read_days


def test_what_is_not_named_keeps_its_default() -> None:
    """One class is set and the others stay; nothing set is the default, and the defaults themselves may be set."""
    assert read_days("") == DEFAULT_DAYS
    assert read_days("content=30  receipts=14") == {**DEFAULT_DAYS, "content": 30, "receipts": 14}
    assert read_days(" ".join(f"{one.name}={one.days}" for one in CLASSES)) == DEFAULT_DAYS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("texts=3", "texts is no class of data; write CLASS=DAYS, CLASS one of content, receipts"),
        ("content", "content must be 1 to 36500 days, as in content=90"),
        ("content=", "content must be 1"),
        ("content=0", "content must be 1"),
        ("content=٣", "content must be 1"),
        ("receipts=6", "receipts must be 7"),
        (f"history={DAYS_MAX + 1}", "history must be 7 to 36500 days"),
        ("notifications=89", "content must not be kept longer than notifications"),
        ("notifications=100", r"history must not be kept longer than notifications \(100 days\)"),
    ],
)
def test_what_is_wrong_is_told(text: str, said: str) -> None:
    """Unknown classes, ages out of range, and parts that would outlive their notification are refused by name."""
    with pytest.raises(ValueError, match=said):
        read_days(text)


def test_receipts_leave_by_weeks() -> None:
    """A receipt stays its days at least and a week more at most, to a Monday in UTC; others go by the moment."""
    by_name = {one.name: one for one in CLASSES}
    kyiv = timezone(timedelta(hours=2))
    monday = datetime(2026, 8, 31, tzinfo=UTC)
    for days_later in (0, 3, 6.99):
        now = (monday + timedelta(days=90 + days_later)).astimezone(kyiv)
        assert over_before(by_name["receipts"], 90, now) == monday
        assert over_before(by_name["content"], 90, now) == monday + timedelta(days=days_later)
    assert over_before(by_name["receipts"], 90, monday + timedelta(days=97)) == monday + timedelta(days=7)
    assert [one.name for one in CLASSES if one.by_week] == ["receipts"]
