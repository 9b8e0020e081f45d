"""The words of the pages: both languages say everything, and times are told as people tell them."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from esoz_notify.console import drawing, told, words
from esoz_notify.console.menu import MENU
from esoz_notify.console.words import LANGUAGES, REASONS, WORDS

NOW = datetime(2026, 11, 26, 19, 0, tzinfo=UTC)


def test_both_languages_say_everything() -> None:
    """The same keys, none empty, and in Ukrainian no word left in English."""
    assert set(WORDS) == set(LANGUAGES)
    assert list(WORDS["uk"]) == list(WORDS["en"])
    assert len(WORDS["uk"]) == sum(len(one["uk"]) for one in words._TABLES), "two pages give one key two meanings"
    assert all(told_in[key].strip() for told_in in WORDS.values() for key in told_in)
    assert [key for key, text in WORDS["uk"].items() if not re.search("[а-яіїєґ]", text)] == [
        "language",
        "product",
        "other",
        "other_code",
    ]
    assert set(REASONS) <= set(WORDS["uk"])


def test_no_word_is_unused() -> None:
    """A word that no page says is taken away; those for errors, reasons and looks by their codes."""
    templates = "".join(path.read_text("utf-8") for path in Path(drawing.__file__).parent.rglob("*.j2"))
    used = set(re.findall(r"w\.(\w+)", templates)) | {"resent", "language"} | set(REASONS) | {one.word for one in MENU}
    assert {key for key in WORDS["uk"] if not key.startswith(("problem_", "look_", "account_done_"))} - used == set()


@pytest.mark.parametrize(
    ("seconds", "uk", "en"),
    [
        (-5, "щойно", "just now"),
        (0.9, "щойно", "just now"),
        (3, "3 с тому", "3 s ago"),
        (59.9, "59 с тому", "59 s ago"),
        (60, "1 хв тому", "1 min ago"),
        (3599, "59 хв тому", "59 min ago"),
        (7200, "2 год тому", "2 h ago"),
        (86_400, "25.11.2026 о 21:00", "25.11.2026 at 21:00"),
    ],
)
def test_how_long_ago(seconds: float, uk: str, en: str) -> None:
    """One unit, rounded down; a clock that is behind says just now; from a day on, the time in Kyiv."""
    at = NOW - timedelta(seconds=seconds)
    assert (told.ago(at, NOW, "uk"), told.ago(at, NOW, "en")) == (uk, en)
