"""A line of the log as JSON: what it always says, what it may, and what it never does."""

import json
import logging
import sys

from esoz_notify.cli.log_lines import JsonLines


def record(text: str, *values: object, **extra: object) -> logging.LogRecord:
    """A record as a logger makes it."""
    return logging.getLogger("esoz_notify.x").makeRecord(
        "esoz_notify.x", logging.WARNING, "x.py", 1, text, values, sys.exc_info() if sys.exc_info()[0] else None,
        extra=extra or None,
    )  # fmt: skip


def test_a_line_says_what_and_of_what() -> None:
    """Time in UTC, level, the event without its values, the message with them, and the ids that are known."""
    line = json.loads(JsonLines().format(record("%s: %s", "smsc-a", "open", provider="smsc-a", password="x")))

    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "esoz_notify.x",
        "event": "%s: %s",
        "message": "smsc-a: open",
        "provider": "smsc-a",
    }


def test_the_words_of_a_fault_are_left_out() -> None:
    """Its type and where it came from are told; what it says may quote a phone."""
    try:
        raise ValueError("no such phone +380000000001")
    except ValueError:
        text = JsonLines().format(record("a turn failed"))

    assert json.loads(text)["error"] == "ValueError"
    assert json.loads(text)["where"][0].partition(":")[0].endswith("test_log_lines.py")
    assert "+380000000001" not in text
