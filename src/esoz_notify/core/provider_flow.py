"""How messages flow through a provider: what was called in a minute, how it went, and how soon receipts came.

What belongs here: the figures, their sums, and what is read from them. What does not: counting them (store), showing
them (console).
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

RECEIPT_BOUNDS_S = (0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600)
"""Receipts are counted by the time they took, between these bounds: counts of minutes add up, percentiles do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Figures of the attempts of one provider that began in a while. ``minutes``: how many minutes it was.

    ``well``: answers of a provider that works, refusals of a person or a message among them; ``failed``: its own
    failures; ``throttled``: it, or the contract's pace, said later. ``parts``: of the messages it took, as operators
    bill them. ``busy_s``: how long those were in hand, in all. ``spread``: how many receipts took how long, by
    RECEIPT_BOUNDS_S.
    """

    at: datetime
    minutes: int
    calls: int
    well: int
    failed: int
    throttled: int
    taken: int
    parts: int
    busy_s: float
    spread: tuple[int, ...]

    @property
    def good(self) -> float | None:
        """The share of good calls among those that say something of the provider, 0 to 1; None of none."""
        judged = self.well + self.failed
        return self.well / judged if judged else None

    @property
    def calls_per_min(self) -> float:
        """Calls in a minute, in the mean."""
        return self.calls / self.minutes

    @property
    def parts_per_s(self) -> float:
        """Parts that it took in a second, in the mean."""
        return self.parts / (60 * self.minutes)

    @property
    def in_hand(self) -> float:
        """Messages waiting for its answer at a time, in the mean."""
        return self.busy_s / (60 * self.minutes)

    def receipt_s(self, rank: float) -> float | None:
        """Within so many seconds that share of the receipts came, evenly between bounds; None without receipts."""
        wanted = rank * sum(self.spread)
        if not wanted:
            return None
        seen = 0
        for place, count in enumerate(self.spread):
            if count and seen + count >= wanted:
                low = RECEIPT_BOUNDS_S[place - 1] if place else 0.0
                high = RECEIPT_BOUNDS_S[min(place, len(RECEIPT_BOUNDS_S) - 1)]
                return low + (high - low) * (wanted - seen) / count
            seen += count
        return float(RECEIPT_BOUNDS_S[-1])  # rounding left a grain of the last receipt


def no_flow(at: datetime, minutes: int) -> Flow:
    """Nothing was called."""
    spread = (0,) * (len(RECEIPT_BOUNDS_S) + 1)
    return Flow(
        at=at, minutes=minutes, calls=0, well=0, failed=0, throttled=0, taken=0, parts=0, busy_s=0.0, spread=spread
    )


def joined(flows: Iterable[Flow], at: datetime, minutes: int) -> Flow:
    """The sum of several, as of a while that began ``at``."""
    rows = [no_flow(at, minutes), *flows]
    return Flow(
        at=at,
        minutes=minutes,
        calls=sum(one.calls for one in rows),
        well=sum(one.well for one in rows),
        failed=sum(one.failed for one in rows),
        throttled=sum(one.throttled for one in rows),
        taken=sum(one.taken for one in rows),
        parts=sum(one.parts for one in rows),
        busy_s=sum(one.busy_s for one in rows),
        spread=tuple(map(sum, zip(*(one.spread for one in rows), strict=True))),
    )


def by_while(flows: Sequence[Flow], first: datetime, count: int, minutes: int) -> tuple[Flow, ...]:
    """Sums of ``count`` whiles of so many minutes each, from ``first`` on, the oldest first, without gaps."""
    begins = [first + no * timedelta(minutes=minutes) for no in range(count)]
    groups: list[list[Flow]] = [[] for _ in begins]
    for one in flows:
        place = bisect_right(begins, one.at) - 1
        if place >= 0:
            groups[place].append(one)
    return tuple(joined(group, at, minutes) for at, group in zip(begins, groups, strict=True))
