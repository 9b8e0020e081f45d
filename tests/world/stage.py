"""What every part of the played world shares: virtual time, chance from the seed, how bad things are, and a diary.

What belongs here: the clock, the dice, the temper of a world and the trail of what happened in it. What does not: who
plays (``worker``, ``callers``, the providers) and what must hold (``checks``).
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from math import ceil
from typing import TypeVar
from uuid import UUID

T0 = datetime(2026, 1, 10, 12, tzinfo=UTC)
SECOND = 1_000_000
STEPS_MAX = 200_000
"""No world takes so many steps: one that does is caught in a circle."""
_MICROSECOND = timedelta(microseconds=1)

Action = Callable[[], object]
T = TypeVar("T")


def to_us(moment: datetime) -> int:
    """Microseconds from the beginning of the world to a moment."""
    return (moment - T0) // _MICROSECOND


class Violation(AssertionError):
    """A rule was broken. ``notification``: whose trail tells how; None when it is nobody's in particular."""

    def __init__(self, rule: str, notification: UUID | None, detail: str = "") -> None:
        super().__init__(f"{rule}: {detail}" if detail else rule)
        self.rule = rule
        self.notification = notification


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """How likely each kind of trouble is, per occasion; a calm world has none."""

    crash: float = 0.0
    pause: float = 0.0
    ledger_outages: float = 0.0
    commit_lost: float = 0.0
    provider_outages: float = 0.0
    spares: float = 0.0
    refuse_connection: float = 0.0
    lose_request: float = 0.0
    lose_answer: float = 0.0
    slow_answer: float = 0.0
    double_request: float = 0.0
    http_error: float = 0.0
    refuse: float = 0.0
    throttle: float = 0.0
    cut: float = 0.0
    lose_receipt: float = 0.0
    double_receipt: float = 0.0
    delay_receipt: float = 0.0
    garbage_receipt: float = 0.0
    api_down: float = 0.0


_MOST = Temper(
    crash=0.08,
    pause=0.08,
    ledger_outages=1.0,
    commit_lost=0.08,
    provider_outages=1.0,
    spares=1.0,
    refuse_connection=0.3,
    lose_request=0.3,
    lose_answer=0.3,
    slow_answer=0.3,
    double_request=0.3,
    http_error=0.3,
    refuse=0.3,
    throttle=0.4,
    cut=0.2,
    lose_receipt=0.5,
    double_receipt=0.5,
    delay_receipt=0.5,
    garbage_receipt=0.2,
    api_down=0.3,
)


def draw_temper(dice: random.Random) -> Temper:
    """A temper in which each trouble is absent more often than not, so that each is also met alone."""
    share = dice.choice((0.1, 0.3, 0.6))
    return Temper(
        **{
            one.name: getattr(_MOST, one.name) * dice.random() if dice.random() < share else 0.0
            for one in fields(Temper)
        }
    )


class Timeline:
    """Virtual time in whole microseconds, and what happens when; of equal moments the first planned comes first."""

    def __init__(self) -> None:
        self.now_us = 0
        self._planned: list[tuple[int, int, Action]] = []
        self._count = 0
        self.done = 0

    @property
    def now(self) -> datetime:
        """The present as an aware moment."""
        return T0 + timedelta(microseconds=self.now_us)

    @property
    def now_s(self) -> float:
        """The present as seconds of a monotonic clock."""
        return self.now_us / SECOND

    def at(self, at_us: int, action: Action) -> None:
        """Plan an action; one that is planned for the past happens next."""
        self._count += 1
        heappush(self._planned, (max(at_us, self.now_us), self._count, action))

    def after(self, delay_s: float, action: Action) -> None:
        """Plan an action so many seconds from now."""
        self.at(self.now_us + ceil(delay_s * SECOND), action)

    def run(self, until_us: int) -> None:
        """Let everything happen that is planned up to a moment."""
        while self._planned and self._planned[0][0] <= until_us:
            self.now_us, _, action = heappop(self._planned)
            action()
            self.done += 1
            if self.done > STEPS_MAX:
                raise Violation("a world comes to its end", None, f"{STEPS_MAX} steps are not enough")
        self.now_us = until_us


@dataclass(slots=True)
class Stage:
    """Time, chance, temper, counters and the diary of one world.

    ``is_echo``: what a provider hears just now is a request that the network carried twice.
    """

    seed: int
    timeline: Timeline
    dice: random.Random
    temper: Temper
    tally: Counter[str] = field(default_factory=Counter)
    is_echo: bool = False
    diary: list[tuple[int, UUID | None, str, tuple[object, ...]]] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        """Whether something of this probability happens now."""
        return probability > 0.0 and self.dice.random() < probability

    def between(self, least: float, most: float) -> float:
        """Any number between two."""
        return least + (most - least) * self.dice.random()

    def pick(self, choices: Sequence[T]) -> T:
        """One of some."""
        return choices[int(self.dice.random() * len(choices))]

    def note(self, notification: UUID | None, what: str, *details: object) -> None:
        """Write into the diary what happened, to one notification or (None) to all."""
        self.diary.append((self.timeline.now_us, notification, what, details))

    def count(self, what: str) -> None:
        """One more of this."""
        self.tally[what] += 1

    def calm_down(self) -> None:
        """From now on nothing goes wrong any more."""
        self.temper = Temper()
        self.note(None, "the world calms down")

    def trail(self, notification: UUID | None) -> str:
        """The diary of one notification and of what befell all, one line each."""
        lines = []
        for at_us, whose, what, details in self.diary:
            if whose is None or notification is None or whose == notification:
                lines.append(f"{at_us / SECOND:12.6f}  {what} {' '.join(str(one) for one in details)}".rstrip())
        return "\n".join(lines)


def new_stage(seed: int) -> Stage:
    """The stage of a seed."""
    dice = random.Random(seed)  # noqa: S311 - a world that can be played again, not a secret
    return Stage(seed=seed, timeline=Timeline(), dice=dice, temper=draw_temper(dice))
