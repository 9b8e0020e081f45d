"""How fast a link may write parts: the contract's rate, and one learned from the SMSC's refusals.

What belongs here: this arithmetic. What does not: waiting and reading the clock (``engine``): every ``now`` is seconds
of one monotonic clock, handed in.
"""


class Pace:
    """How fast parts may be written: a limit by contract, and one learned from refusals (AIMD) that grows back.

    Kept across sessions of one link. Rates count parts per second.
    """

    CUT = 0.5
    CUT_GAP_S = 0.5
    """Refusals of one window come together and say one thing: they cut once."""
    RATE_MIN = 2.0
    GROWTH_PER_S = 0.1
    """Share of the rate before the cut that is given back each second, but at least GROWTH_MIN."""
    GROWTH_MIN = 2.0
    BURST_S = 0.1
    """So much of a second may be written at once; the rest is spread evenly."""

    def __init__(self, rate_max: float | None) -> None:
        self._rate_max = rate_max
        self._rate: float | None = None
        self._ceiling = 0.0
        self._changed_at = 0.0
        self._due_at = 0.0
        self._second_began_at = 0.0
        self._counts = (0, 0)

    def rate(self, now: float) -> float | None:
        """Parts per second that may be written at this moment; None: no limit."""
        if self._rate is None:
            return self._rate_max
        growth_per_s = max(self._ceiling * self.GROWTH_PER_S, self.GROWTH_MIN)
        grown = self._rate + growth_per_s * (now - self._changed_at)
        return min(grown, self._rate_max) if self._rate_max else grown

    def delay_s(self, now: float) -> float:
        """How long to wait before the next part; zero: none."""
        return max(0.0, self._due_at - self.BURST_S - now) if self.rate(now) else 0.0

    def sent(self, now: float) -> None:
        """Take note of a part written."""
        self._turn(now)
        self._counts = self._counts[0], self._counts[1] + 1
        rate = self.rate(now)
        if rate:
            self._due_at = max(self._due_at, now) + 1 / rate

    def throttled(self, now: float) -> None:
        """The SMSC says that it is too much: halve the rate, once for all the refusals of a moment."""
        if self._rate is not None and now < self._changed_at + self.CUT_GAP_S:
            return
        self._turn(now)
        before = self.rate(now) or float(max(self._counts))
        self._ceiling = before
        self._rate = max(before * self.CUT, self.RATE_MIN)
        self._changed_at = now

    def _turn(self, now: float) -> None:
        """Move the counter on: parts in the last whole second, and in this one."""
        if now < self._second_began_at + 1:
            return
        whole = self._counts[1] if now < self._second_began_at + 2 else 0
        self._counts = whole, 0
        self._second_began_at = now
