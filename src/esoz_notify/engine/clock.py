"""The only clock: the ledger's time, carried on by this machine's monotonic clock.

Every process measures its distance to the ledger's clock, so a host whose wall clock jumps or is wrong neither expires
nor revives anything.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class LedgerClock:
    """Time as the ledger tells it, in UTC. ``set`` whenever the ledger was asked; ``now`` costs no round trip."""

    def __init__(self) -> None:
        self._base: datetime | None = None
        self._base_monotonic_s = 0.0

    def set(self, ledger_now: datetime) -> None:
        """Take in what the ledger's clock has just said."""
        self._base, self._base_monotonic_s = ledger_now, time.monotonic()

    @property
    def age_s(self) -> float:
        """How long ago the ledger was asked."""
        return time.monotonic() - self._base_monotonic_s

    def now(self) -> datetime:
        """The ledger's present time; raises RuntimeError before the first ``set``."""
        if self._base is None:
            raise RuntimeError("the ledger has not been asked for its time yet")
        return self._base + timedelta(seconds=time.monotonic() - self._base_monotonic_s)


def new_id(now: datetime) -> UUID:
    """A UUIDv7 (RFC 9562 §5.7): ordered by the millisecond of ``now``, 74 bits of randomness."""
    random = int.from_bytes(os.urandom(10))
    high, low = random >> 68, random & ((1 << 62) - 1)
    return UUID(int=_time_bits(now) | (0x7 << 76) | (high << 64) | (0x2 << 62) | low)


def first_id(moment: datetime) -> UUID:
    """What no id made at or after a moment is below: where a range of ids by time begins."""
    return UUID(int=_time_bits(moment))


def _time_bits(moment: datetime) -> int:
    milliseconds = (moment - _EPOCH) // _MILLISECOND  # in whole numbers: a float rounds far years
    return milliseconds << 80
