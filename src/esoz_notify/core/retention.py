"""How long data is kept: one row per class of it.

What belongs here: the classes, their ages, reading what an operator sets. What does not: erasing (engine).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DAYS_MAX = 36_500


@dataclass(frozen=True, slots=True)
class DataClass:
    """A class of data. ``days``: how long it is kept unless set; ``days_min``: the shortest that may be set.

    ``since``: from when on its age counts. ``by_week``: it leaves by whole weeks, so up to a week later.
    """

    name: str
    days: int
    days_min: int
    since: str
    what: str
    by_week: bool = False


CLASSES = (
    DataClass(
        "content", 90, 1, "the end of its validity", "phones, tax numbers, numbers of documents, summaries, sealed"
    ),
    DataClass("receipts", 90, 7, "arrival", "receipts exactly as they came, sealed", by_week=True),
    DataClass("history", 1095, 7, "the last decision", "decisions with their reasons"),
    DataClass(
        "notifications", 1095, 7, "the end of its validity", "what was accepted, its status, attempts, phone masked"
    ),
    DataClass("webhooks", 30, 11, "the event", "what webhooks were told, and how the telling stood"),
    DataClass("idempotency", 1, 1, "acceptance", "keys of requests, by which repeats are known"),
    DataClass("sessions", 30, 1, "its end", "who was signed in"),
    DataClass("sign_in_tries", 1, 1, "the last try", "wrong passwords, by a keyed index of the login"),
    DataClass("orphans", 3, 1, "arrival", "what receipts say for which no submission is known"),
    DataClass("retired_keys", 30, 30, "retirement", "data keys that were retired, wrapped"),
)
"""In the order in which they are purged: what others hang on goes last."""

DEFAULT_DAYS: Mapping[str, int] = {one.name: one.days for one in CLASSES}


def over_before(one: DataClass, days: int, now: datetime) -> datetime:
    """What is older than this is over its time; for what leaves by weeks, where its week (UTC) begins."""
    before = now - timedelta(days=days)
    if not one.by_week:
        return before
    day = before.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def read_days(text: str) -> dict[str, int]:
    """Read ``content=30 receipts=60``; classes that are not named keep their default. Raises ValueError."""
    days = dict(DEFAULT_DAYS)
    least = {one.name: one.days_min for one in CLASSES}
    for word in text.split():
        name, _, value = word.partition("=")
        if name not in days:
            raise ValueError(f"{name} is no class of data; write CLASS=DAYS, CLASS one of {', '.join(days)}")
        if not (value.isascii() and value.isdigit()) or not least[name] <= int(value) <= DAYS_MAX:
            raise ValueError(f"{name} must be {least[name]} to {DAYS_MAX} days, as in {name}={DEFAULT_DAYS[name]}")
        days[name] = int(value)
    for part in ("content", "history"):
        if days[part] > days["notifications"]:
            raise ValueError(f"{part} must not be kept longer than notifications ({days['notifications']} days)")
    return days
