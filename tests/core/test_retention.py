"""How long data is kept, as an operator may set it."""

import pytest

from esoz_notify.core.retention import CLASSES, DAYS_MAX, DEFAULT_DAYS, read_days


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
