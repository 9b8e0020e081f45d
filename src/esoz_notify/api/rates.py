"""How many requests a caller may make: one token bucket per caller in this process, and the headers that tell of it.

The headers are those of draft-ietf-httpapi-ratelimit-headers-10. What does not belong here: limits of the product
itself, such as resends (core).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most ``quota`` requests of one caller within ``window_s``, earned back evenly."""

    quota: int = 50_000
    window_s: int = 60


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a caller. ``full_in_s``: until all of it is back. ``wait_s``: 0 when this one is allowed."""

    left: int
    full_in_s: int
    wait_s: int


class Rates:
    """The buckets of this process; as many as there are callers."""

    def __init__(self, limit: RateLimit, monotonic: Callable[[], float]) -> None:
        self._limit = limit
        self._per_s = limit.quota / limit.window_s
        self._monotonic = monotonic
        self._buckets: dict[str, tuple[float, float]] = {}
        self.policy = f'"default";q={limit.quota};w={limit.window_s}'.encode()

    def take(self, client_id: str) -> Allowance:
        """Take one request from a caller's bucket if there is one."""
        now_s = self._monotonic()
        left, since_s = self._buckets.get(client_id, (float(self._limit.quota), now_s))
        left = min(left + (now_s - since_s) * self._per_s, float(self._limit.quota))
        wait_s = 0 if left >= 1 else max(1, math.ceil((1 - left) / self._per_s))
        left -= 0 if wait_s else 1
        self._buckets[client_id] = (left, now_s)
        return Allowance(int(left), math.ceil((self._limit.quota - left) / self._per_s), wait_s)
