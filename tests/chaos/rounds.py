"""The rounds of the crash test: who is killed when, and what is started again.

What belongs here: the seeded choice of victims and the kills. What does not: processes (``processes``), judging
(``records``).
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from tests.chaos.processes import House, Process

from esoz_notify.engine.clock import LedgerClock

API, WORKER_1, WORKER_2, WORKERS = "api", "worker 1", "worker 2", "both workers"
POSTGRES, LAB = "postgresql", "lab"
API_AT_POINT, WORKER_AT_POINT = "api at a point", "worker at a point"
KINDS = (API, WORKER_1, WORKER_2, WORKERS, POSTGRES, LAB, API_AT_POINT, WORKER_AT_POINT)
WORKERS_DIE = frozenset({WORKER_1, WORKER_2, WORKERS, WORKER_AT_POINT})

POINTS: dict[str, tuple[str, int]] = {
    "after_intake_commit": (API_AT_POINT, 20),
    "after_claim_commit": (WORKER_AT_POINT, 8),
    "before_provider_call": (WORKER_AT_POINT, 12),
    "after_provider_reply": (WORKER_AT_POINT, 12),
    "before_reply_recorded": (WORKER_AT_POINT, 8),
    "after_reply_recorded": (WORKER_AT_POINT, 8),
    "after_receipt_stored": (API_AT_POINT, 12),
    "before_receipt_applied": (WORKER_AT_POINT, 8),
    "after_receipts_applied": (WORKER_AT_POINT, 8),
    "in_drain": (WORKER_AT_POINT, 1),
}
"""Each fault point: the process that is armed, and the highest number of hits it is let pass."""

BEFORE_S = (0.2, 0.9)
DOWN_S = (0.0, 0.4)
POINT_LIMIT_S = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What one round does. ``point`` and ``hits`` when the victim is armed; the times are those of this seed."""

    kind: str
    before_s: float
    down_s: float
    point: str = ""
    hits: int = 0

    @property
    def label(self) -> str:
        """For progress lines."""
        return f"{self.kind}: {self.point}:{self.hits}" if self.point else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """A kill that was done, in ledger time. ``reached``: an armed process came to its point."""

    choice: Choice
    began_at: datetime
    at: datetime
    reached: bool


@dataclass(slots=True)
class Past:
    """What has been done so far: ``kills`` in order, ``outages`` in which no worker or no ledger was there."""

    kills: list[Kill] = field(default_factory=list)
    outages: list[tuple[datetime, datetime]] = field(default_factory=list)


def plan(count: int, random: Random) -> list[Choice]:
    """Victims of all rounds. Every kind and every point comes once before any comes again."""
    choices: list[Choice] = []
    while len(choices) < count:
        bag = [*((kind, "") for kind in KINDS[:6]), *((kind, point) for point, (kind, _) in POINTS.items())]
        random.shuffle(bag)
        choices += [
            Choice(
                kind=kind,
                before_s=random.uniform(*BEFORE_S),
                down_s=random.uniform(*DOWN_S),
                point=point,
                hits=random.randint(1, POINTS[point][1]) if point else 0,
            )
            for kind, point in bag
        ]
    return choices[:count]


class Killer:
    """Does the rounds over a running house."""

    def __init__(self, house: House, clock: LedgerClock) -> None:
        self.past = Past()
        self._house = house
        self._clock = clock

    async def round(self, choice: Choice) -> Kill:
        """Wait, kill, start again, wait until ready."""
        began_at = self._clock.now()
        await asyncio.sleep(choice.before_s)
        done = await self._done(choice)
        kill = Kill(choice=choice, began_at=began_at, at=done or self._clock.now(), reached=done is not None)
        self.past.kills.append(kill)
        return kill

    async def _done(self, choice: Choice) -> datetime | None:
        """The kill in ledger time; None when an armed process did not come to its point."""
        if choice.kind == POSTGRES:
            return await self._postgres(choice)
        if choice.kind == API_AT_POINT:
            return await self._api_at_point(choice)
        if choice.kind == WORKER_AT_POINT:
            return await self._worker_at_point(choice)
        return await self._plain(choice, self._victims(choice.kind))

    def _victims(self, kind: str) -> Sequence[Process]:
        house = self._house
        return {
            API: (house.api,),
            WORKER_1: (house.worker_1,),
            WORKER_2: (house.worker_2,),
            WORKERS: (house.worker_1, house.worker_2),
            LAB: (house.lab,),
        }[kind]

    async def _plain(self, choice: Choice, victims: Sequence[Process]) -> datetime:
        if choice.kind != WORKERS:
            at = await self._kill(victims)
            await self._again(choice, victims)
            return at
        async with self._outage():
            at = await self._kill(victims)
            await self._again(choice, victims)
        return at

    async def _postgres(self, choice: Choice) -> datetime:
        async with self._outage():
            at = self._clock.now()
            await self._house.kill_postgres()
            await asyncio.sleep(choice.down_s)
            await self._house.start_postgres()
        return at

    async def _api_at_point(self, choice: Choice) -> datetime | None:
        """The API stops in good order and comes back armed; callers meet both."""
        api = self._house.api
        await api.stop()
        await api.start("--fault-point", f"{choice.point}:{choice.hits}")
        at = await self._death(api)
        await self._again(choice, [api])
        return at

    async def _worker_at_point(self, choice: Choice) -> datetime | None:
        """A third worker comes armed and takes its share until it dies; nobody replaces it."""
        extra = self._house.extra
        await extra.start("--fault-point", f"{choice.point}:{choice.hits}")
        if choice.point == "in_drain":
            await asyncio.sleep(choice.before_s)
            extra.send(signal.SIGTERM)
        return await self._death(extra)

    async def _death(self, process: Process) -> datetime | None:
        """When it died at its point; None if it never came there, and was killed without."""
        reached = await process.died(POINT_LIMIT_S)
        at = self._clock.now()
        await process.kill()
        return at if reached else None

    async def _kill(self, victims: Sequence[Process]) -> datetime:
        for victim in victims:
            victim.send(signal.SIGKILL)
        at = self._clock.now()
        await asyncio.gather(*(victim.kill() for victim in victims))
        return at

    async def _again(self, choice: Choice, victims: Sequence[Process]) -> None:
        await asyncio.sleep(choice.down_s)
        house = self._house
        await asyncio.gather(*(house.start_lab() if one is house.lab else one.start() for one in victims))

    @asynccontextmanager
    async def _outage(self) -> AsyncIterator[None]:
        began_at = self._clock.now()
        yield
        self.past.outages.append((began_at, self._clock.now()))
