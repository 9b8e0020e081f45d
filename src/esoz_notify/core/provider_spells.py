"""A provider's past as spells: how it stood from when to when, out of the changes that were noted.

What belongs here: folding changes into spells and durations. What does not: when a change happens (``breaker``), words
and shapes (console).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from esoz_notify.core.breaker import BreakerState

_FAMILIES = (
    ("closed", "open", "half_open"),
    ("held", "resumed"),
    ("slow", "slow_over"),
    ("receipts_stopped", "receipts_back"),
)
"""Changes that end each other."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One change and when it was."""

    at: datetime
    change: str


@dataclass(frozen=True, slots=True)
class Spell:
    """A while in which a provider stood one way. ``word``: as ``breaker.shown`` says it."""

    word: str
    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class _Stands:
    circuit: str = BreakerState.CLOSED.value
    held: bool = False
    slow: bool = False
    stopped: bool = False

    def after(self, change: str) -> "_Stands":
        match change:
            case "held" | "resumed":
                return replace(self, held=change == "held")
            case "slow" | "slow_over":
                return replace(self, slow=change == "slow")
            case "receipts_stopped" | "receipts_back":
                return replace(self, stopped=change == "receipts_stopped")
        return replace(self, circuit=change)

    @property
    def word(self) -> str:
        words = {
            "held": self.held,
            "open": self.circuit == BreakerState.OPEN,
            "half_open": self.circuit == BreakerState.HALF_OPEN,
            "receipts_stopped": self.stopped,
            "slow": self.slow,
        }
        return next((word for word, applies in words.items() if applies), "up")


def spells(changes: Sequence[Changed], since: datetime, until: datetime) -> tuple[Spell, ...]:
    """Spells between two moments, from changes in the order of time; before the first of all a provider was up."""
    stands = _Stands()
    found: list[Spell] = []
    began = since
    for one in changes:
        before, stands = stands, stands.after(one.change)
        at = min(max(one.at, since), until)
        if stands.word != before.word and at > began:
            found.append(Spell(before.word, began, at))
        if stands.word != before.word:
            began = at
    if until > began:
        found.append(Spell(stands.word, began, until))
    return tuple(found)


def lasted_s(changes: Sequence[Changed], place: int, until: datetime) -> float:
    """How long what a change brought lasted: to the next of its family, or to ``until``. ``changes``: oldest first."""
    one = changes[place]
    family = next(names for names in _FAMILIES if one.change in names)
    ends = (later.at for later in changes[place + 1 :] if later.change in family)
    return max(0.0, (next(ends, until) - one.at).total_seconds())
