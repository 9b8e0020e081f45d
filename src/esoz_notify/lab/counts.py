"""What an SMSC counts of one account, as operators do who hold it to a contract: binds at once, submits in a second."""

from collections import deque
from dataclasses import dataclass, field

WINDOWS_S = (1, 5)
"""Sliding windows in which the most submits are kept; the longer one forgives that some came together on their way."""


@dataclass(slots=True)
class Counts:
    """The most there ever was. ``submits_most``: of each window in ``WINDOWS_S``."""

    binds_most: int = 0
    binds_refused: int = 0
    submits: int = 0
    submits_most: dict[int, int] = field(default_factory=lambda: dict.fromkeys(WINDOWS_S, 0))
    _lately: dict[int, deque[float]] = field(default_factory=lambda: {window_s: deque() for window_s in WINDOWS_S})

    def binds(self, now: int) -> None:
        """So many are bound."""
        self.binds_most = max(self.binds_most, now)

    def bind_refused(self) -> None:
        """One more would have been too many."""
        self.binds_refused += 1

    def submit(self, at_s: float) -> None:
        """One submit_sm came, by a clock that nobody sets."""
        self.submits += 1
        for window_s, lately in self._lately.items():
            lately.append(at_s)
            while lately[0] <= at_s - window_s:
                lately.popleft()
            self.submits_most[window_s] = max(self.submits_most[window_s], len(lately))
