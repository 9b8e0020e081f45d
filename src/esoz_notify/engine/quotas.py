"""How much each subject may ask for: counted in memory while requests pass, settled with other processes beside them.

What belongs here: the buckets of this process, its share of what all processes have, and settling through the ledger.
What does not: who is counted and what an answer says of it (api), the SQL (store).
"""

import asyncio
import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec import Struct

from esoz_notify.core.errors import InvalidInput, NotFound, Problem, Unavailable
from esoz_notify.engine.audit import Action, Deed, note
from esoz_notify.engine.ledgers import Ledger, Steady
from esoz_notify.store import quotas as kept
from esoz_notify.store.ledger import Connection
from esoz_notify.store.quotas import Level, Taken

log = logging.getLogger(__name__)

SETTLE_S = 1.0
PROCESS_LIFE_S = 5.0
SEEN_S = 2.0
"""How often a process says that it lives: often enough for one time to fail."""
SUBJECTS_MAX = 50_000
"""Of so many this process knows what is left; beyond, the one that was seen first is forgotten."""
PER_MIN_MAX = 10_000_000
CALLER = "caller:"
_FORGET_S = 60.0
_SKEW = timedelta(seconds=3)
"""A settlement may be committed so much later than its time says."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most ``quota`` requests of one subject within ``window_s``, earned back evenly."""

    quota: int = 50_000
    window_s: int = 60

    @property
    def per_s(self) -> float:
        """How many are earned back in a second."""
        return self.quota / self.window_s


class Allowance(Struct, frozen=True):
    """What is left of ``limit``. ``full_in_s``: until all of it is back. ``wait_s``: 0 when this one is allowed."""

    left: int
    full_in_s: int
    wait_s: int
    limit: RateLimit


class _Bucket:
    """``left`` of what all processes have, as known at ``at_s``; ``share`` of it that is this process's to give.

    ``taken`` here and not settled; ``settling`` is on its way to the ledger.
    """

    __slots__ = ("at_s", "left", "limit", "settling", "share", "taken")

    def __init__(self, limit: RateLimit, left: float, share: float, at_s: float) -> None:
        self.limit = limit
        self.left = left
        self.share = share
        self.at_s = at_s
        self.taken = 0
        self.settling = 0


class Quotas:
    """The buckets of this process. Nothing here waits for anybody.

    ``own``: limits of subjects that have other ones than those given with a request. ``processes``: how many share.
    Shares never come to more than what is left, but that each process may give one more between two settlements when
    there is any left at all: a quota smaller than the number of processes can still be used.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._buckets: dict[str, _Bucket] = {}
        self.own: dict[str, RateLimit] = {}
        self.processes = 1

    def take(self, subject: str, limit: RateLimit) -> Allowance:
        """Take one from a subject's bucket if there is one."""
        limit = self.own.get(subject, limit)
        now_s = self._monotonic()
        bucket = self._buckets.get(subject)
        if bucket is None:
            bucket = self._add(subject, limit, limit.quota, now_s)
        bucket.limit = limit
        earned = (now_s - bucket.at_s) * limit.per_s
        bucket.left = min(bucket.left + earned, limit.quota)
        bucket.share = min(bucket.share + earned / self.processes, limit.quota / self.processes)
        bucket.at_s = now_s
        if bucket.share >= 1 or (bucket.left >= 1 and not bucket.taken and not bucket.settling):
            bucket.left -= 1
            bucket.share -= 1
            bucket.taken += 1
            wait_s = 0
        else:
            # Where others have some left that this process has not, the next settlement shares it out anew.
            wait_s = max(math.ceil(SETTLE_S), math.ceil((1 - bucket.left) / limit.per_s))
        left = max(0, int(bucket.left))
        return Allowance(left, math.ceil((limit.quota - bucket.left) / limit.per_s), wait_s, limit)

    def _add(self, subject: str, limit: RateLimit, left: float, now_s: float) -> _Bucket:
        if len(self._buckets) >= SUBJECTS_MAX:
            # Callers are as many as were let in; strangers, who may be any number, make room among themselves.
            oldest = next((one for one in self._buckets if not one.startswith(CALLER)), None)
            self._buckets.pop(oldest or next(iter(self._buckets)))
        bucket = self._buckets[subject] = _Bucket(limit, left, left / self.processes, now_s)
        return bucket

    # --- settling: called by SharedQuotas -----------------------------------------------------------------------------

    @property
    def has_taken(self) -> bool:
        """Whether there is anything that the ledger has not been told of."""
        return any(bucket.taken or bucket.settling for bucket in self._buckets.values())

    def begin(self) -> list[Taken]:
        """What was taken and is now on its way to the ledger."""
        found = []
        for subject, bucket in self._buckets.items():
            if bucket.taken:
                bucket.settling, bucket.taken = bucket.settling + bucket.taken, 0
            if bucket.settling:
                limit = bucket.limit
                found.append(Taken(subject=subject, count=bucket.settling, quota=limit.quota, window_s=limit.window_s))
        return found

    def settled(self, taken: Sequence[Taken], levels: Sequence[Level], processes: int) -> None:
        """The ledger has what ``begin`` gave, and this is what it says is left, whoever took it."""
        for one in taken:
            if one.subject in self._buckets:
                self._buckets[one.subject].settling = 0
        if processes != self.processes:
            for bucket in self._buckets.values():
                bucket.share = bucket.left / processes
            self.processes = processes
        now_s = self._monotonic()
        for level in levels:
            limit = RateLimit(quota=int(level.quota), window_s=int(level.window_s))
            bucket = self._buckets.get(level.subject) or self._add(level.subject, limit, limit.quota, now_s)
            bucket.left = level.remaining - bucket.taken
            bucket.share = level.remaining / self.processes - bucket.taken
            bucket.at_s = now_s

    def forget_full(self) -> None:
        """Forget subjects that have all of their quota again."""
        now_s = self._monotonic()
        for subject, one in list(self._buckets.items()):
            is_full = one.left + (now_s - one.at_s) * one.limit.per_s >= one.limit.quota
            if is_full and not one.taken and not one.settling:
                del self._buckets[subject]


class SharedQuotas:
    """Settles ``quotas`` with other processes through the ledger, once a second.

    While the ledger is away each process goes on with its share, so that together they let through no more than before.
    """

    def __init__(self, ledger: Ledger, quotas: Quotas) -> None:
        self._ledger = ledger
        self._quotas = quotas
        self._process = UUID(bytes=os.urandom(16))
        self._since = _NEVER
        self._seen_at_s = 0.0
        self._forget_at_s = time.monotonic() + _FORGET_S

    async def open(self) -> None:
        """Learn what is left of every quota, before the first request. Raises Unavailable."""
        async with self._ledger.transaction() as connection:
            news = await self._work(connection)
        self._learn(news)

    async def run(self) -> None:
        """Settle until cancelled, and once more then."""
        steady = self._ledger.steady()
        try:
            while True:
                await asyncio.sleep(SETTLE_S)
                try:
                    await self.settle(steady)
                except Unavailable as error:
                    log.warning("quotas: %s", error)
                except Exception:
                    log.exception("quotas: not settled; settling again")
        finally:
            with contextlib.suppress(Unavailable, TimeoutError):
                await asyncio.wait_for(self._leave(steady), SETTLE_S)
            await steady.close()

    async def settle(self, steady: Steady) -> None:
        """Settle once. What ``begin`` gives is not let go before it is committed: a turn that fails loses nothing.

        With nothing to write it only looks, which is a process at rest and most of its seconds.
        """
        must_write = self._quotas.has_taken or time.monotonic() >= min(self._seen_at_s + SEEN_S, self._forget_at_s)
        self._learn(await (steady.run(self._work) if must_write else steady.run_loose(self._look)))

    async def _leave(self, steady: Steady) -> None:
        await self.settle(steady)
        await steady.run(lambda connection: kept.leave(connection, self._process, PROCESS_LIFE_S))

    async def _work(self, connection: Connection) -> "_News":
        await kept.may_be_lost(connection)
        taken = self._quotas.begin()
        if taken:
            await kept.settle(connection, taken)
        if time.monotonic() >= self._forget_at_s:
            await kept.forget_full(connection)
        await kept.seen(connection, self._process)
        self._seen_at_s = time.monotonic()
        return await self._look(connection, taken)

    async def _look(self, connection: Connection, taken: Sequence[Taken] = ()) -> "_News":
        return _News(
            taken=taken,
            processes=await kept.living(connection, PROCESS_LIFE_S),
            own=await kept.of_callers(connection),
            at=self._ledger.clock.now(),
            levels=await kept.levels(connection, self._since, SUBJECTS_MAX),
        )

    def _learn(self, news: "_News") -> None:
        self._since = news.at - _SKEW
        self._quotas.own = {f"{CALLER}{one}": RateLimit(quota=per_min) for one, per_min in news.own.items()}
        self._quotas.settled(news.taken, news.levels, news.processes)
        if time.monotonic() >= self._forget_at_s:
            self._forget_at_s = time.monotonic() + _FORGET_S
            self._quotas.forget_full()


@dataclass(frozen=True, slots=True, kw_only=True)
class _News:
    """What one settlement took to the ledger and brought back."""

    taken: Sequence[Taken]
    processes: int
    own: Mapping[str, int]
    at: datetime
    levels: Sequence[Level]


async def limit_caller(
    ledger: Ledger, client_id: str, per_min: int | None, *, actor: str, why: str | None = None
) -> None:
    """Give a caller its own number of requests in a minute, or with None that of the settings; known in a second.

    Raises InvalidInput, NotFound.
    """
    if per_min is not None and not 1 <= per_min <= PER_MIN_MAX:
        raise InvalidInput([Problem("/per_min", "out_of_range", f"must be 1 to {PER_MIN_MAX} requests in a minute")])
    async with ledger.transaction() as connection:
        if not await kept.set_of_caller(connection, client_id, per_min):
            raise NotFound("there is no such client", code="client_unknown")
        details = {"per_min": "default" if per_min is None else str(per_min)}
        subject = f"client:{client_id}"
        deed = Deed(actor=actor, action=Action.CLIENT_LIMITED, subject=subject, why=why, details=details)
        await note(connection, deed)
