"""Whether the loops that a worker lives by still move: what a process that answers may have lost all the same.

What belongs here: noting and judging. What does not: the loops (``ledgers.turning``), the answer (``metrics_door``).
"""

import time
from collections.abc import Callable

STILL_S = 120.0
"""Longer than anything a loop waits for: a ledger that is away is given up within seconds, a provider within ten."""


class Pulse:
    """When each loop last moved. ``now_s``: a clock that never goes back."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._moved_s: dict[str, float] = {}

    def beat(self, name: str) -> None:
        """The loop moves: a turn began, or a statement ended, well or not."""
        self._moved_s[name] = self._now_s()

    def forget(self, name: str) -> None:
        """The loop has ended, as it was told to."""
        self._moved_s.pop(name, None)

    def still(self) -> list[str]:
        """Loops that have not moved for STILL_S, by name. Nothing but a new process helps them."""
        now_s = self._now_s()
        return sorted(name for name, moved_s in self._moved_s.items() if now_s - moved_s > STILL_S)
