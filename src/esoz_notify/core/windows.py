"""How often codes may be sent, guessed and asked for in vain: sliding windows, as rows of a table.

What belongs here: the windows and the arithmetic of "when will it be allowed again". What does not: counting (store).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Act(StrEnum):
    """What is counted; the value is kept in the ledger."""

    SEND = "send"
    WRONG = "wrong"
    IN_VAIN = "in_vain"
    TEXT = "text"


class Whose(StrEnum):
    """By whom it is counted; the value is kept in the ledger."""

    PATIENT = "patient"
    PHONE = "phone"
    DOCTOR = "doctor"
    CALLER = "caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """At most ``count_max`` acts within any ``window_s`` seconds, for each patient, phone, doctor or caller."""

    act: Act
    whose: Whose
    count_max: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a window holds: acts in it, ``count_max`` at most, and when the oldest of these was; None when none."""

    count: int = 0
    oldest: datetime | None = None


def _window(act: Act, whose: Whose, count_max: int, window_s: int) -> Window:
    return Window(act=act, whose=whose, count_max=count_max, window_s=window_s)


_TEN_MIN, _HOUR, _DAY = 600, 3600, 86_400

CODES_PER_CALLER = 5_000
"""Codes that one caller may have sent in ten minutes unless the operator says otherwise."""

_CODES_PER_WRONG = 10
_CODES_PER_VAIN = 50


def windows(codes_per_caller: int = CODES_PER_CALLER) -> tuple[Window, ...]:
    """Every window. Of a caller's codes a tenth may be told wrongly, and one in fifty asked for in vain."""
    return (
        # A visit needs a few codes, each perhaps sent twice; a parent's phone serves several children.
        _window(Act.SEND, Whose.PATIENT, 6, _TEN_MIN),
        _window(Act.SEND, Whose.PATIENT, 20, _DAY),
        _window(Act.SEND, Whose.PHONE, 10, _TEN_MIN),
        _window(Act.SEND, Whose.PHONE, 40, _DAY),
        _window(Act.SEND, Whose.DOCTOR, 60, _TEN_MIN),
        _window(Act.SEND, Whose.CALLER, codes_per_caller, _TEN_MIN),
        # Three attempts at each of many codes is guessing all the same.
        _window(Act.WRONG, Whose.PATIENT, 9, _HOUR),
        _window(Act.WRONG, Whose.PHONE, 12, _HOUR),
        _window(Act.WRONG, Whose.DOCTOR, 30, _TEN_MIN),
        _window(Act.WRONG, Whose.CALLER, max(1, codes_per_caller // _CODES_PER_WRONG), _TEN_MIN),
        # Looking for patients by who can be sent a code.
        _window(Act.IN_VAIN, Whose.CALLER, max(1, codes_per_caller // _CODES_PER_VAIN), _TEN_MIN),
        # The same text to the same phone, by the contract that ESOZ calls today.
        _window(Act.TEXT, Whose.PHONE, 3, _TEN_MIN),
    )


REMEMBERED_S = max(window.window_s for window in windows())
"""How long an act must be remembered."""

UNREQUESTED_COUNT = 5
UNREQUESTED_WINDOW_S = _DAY
"""So many codes to one person within the window, none of which anybody checked rightly, are an alarm."""


def next_at(window: Window, seen: Seen, now: datetime, more: int = 0) -> datetime | None:
    """When one more act will be allowed; None: now. ``more``: acts of this very moment that are not yet recorded."""
    if seen.count + more < window.count_max:
        return None
    return (seen.oldest or now) + timedelta(seconds=window.window_s)


def latest(moments: Iterable[datetime | None]) -> datetime | None:
    """The last of the moments at which each of several windows allows it; None: all do now."""
    return max((moment for moment in moments if moment is not None), default=None)


def is_alarming(count: int) -> bool:
    """Whether this many unrequested codes should be told: at the threshold and at every further multiple of it."""
    return count > 0 and count % UNREQUESTED_COUNT == 0
