"""What is happening now, for people who run the service: figures, backlog, providers, and what needs a person.

What belongs here: gathering it in a few bounded queries, and counting each minute once. What does not: words and pages
(console), the SQL (store).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from esoz_notify.core.breaker import shown
from esoz_notify.core.channel import Channel
from esoz_notify.core.figures import Minute, Money, money, total
from esoz_notify.core.kinds import Lane
from esoz_notify.engine.clock import first_id
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.operations import Operations
from esoz_notify.engine.probing import ProbeStanding, Probing
from esoz_notify.engine.replicas import behind_s
from esoz_notify.store import health, tallies
from esoz_notify.store.health import ProviderChange, ProviderHealth
from esoz_notify.store.ledger import Connection
from esoz_notify.store.tallies import Backlog

LATELY_S = 300.0
SAMPLE_MAX = 20_000
"""Of what was accepted lately so many are looked at: enough for shares, and cheap at any rate."""
BACKLOG_MAX = tallies.COUNTED_MAX
CHART_MINUTES = 60
SHARED_S = 1.0
CHANGES_MAX = 8
CHANGES_SINCE = timedelta(hours=24)

COUNTED_AFTER = timedelta(minutes=1)
"""A minute is counted when the last of it has had a minute to be told."""
CAUGHT_UP_MAX = 60
"""Minutes counted in one turn after a pause of all workers."""
TALLIES_KEPT = timedelta(days=400)

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One provider. ``state``: one word, as health pages have it."""

    health: ProviderHealth
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything at one moment.

    ``accepted``: in the last minute. ``lately``: of the LATELY_S before it, whose messages have all had a minute to be
    told, or of the newest SAMPLE_MAX of them.
    ``chart``: one row per minute, oldest first, without gaps. ``money``: of the minutes of the chart.
    """

    at: datetime
    accepted: int
    lately: Minute
    chart: tuple[Minute, ...]
    hour: Minute
    money: Money
    backlog: tuple[Backlog, ...]
    tiles: tuple[Tile, ...]
    changes: tuple[ProviderChange, ...]
    probes: tuple[ProbeStanding, ...] = ()
    behind_s: float | None = None


class Overview:
    """Draws the picture. ``prices``: of a message by Diia and Viber, of a part by SMS. ``probing``: None, no probes."""

    def __init__(
        self, ledger: Ledger, operations: Operations, prices: Mapping[Channel, Decimal], probing: Probing | None = None
    ) -> None:
        self._ledger = ledger
        self._operations = operations
        self._prices = prices
        self._probing = probing
        self._last: Picture | None = None
        self._looking = asyncio.Lock()

    async def shared(self) -> Picture:
        """The picture, SHARED_S old at most: however many look, the ledger is asked once. Raises Unavailable."""
        async with self._looking:
            last = self._last
            if last is None or abs((self._ledger.clock.now() - last.at).total_seconds()) >= SHARED_S:
                last = self._last = await self.picture()
            return last

    async def picture(self) -> Picture:
        """Look now; a handful of bounded queries. Raises Unavailable."""
        now = self._ledger.clock.now()
        judged = now - COUNTED_AFTER
        began = judged - timedelta(seconds=LATELY_S)
        first_minute = _floor(now) - CHART_MINUTES * _MINUTE
        async with self._ledger.reading() as connection:
            accepted = await tallies.accepted(connection, first_id(judged), BACKLOG_MAX)
            lately = await tallies.lately(connection, began, first_id(began), first_id(judged), SAMPLE_MAX)
            counted = await tallies.minutes(connection, first_minute)
            backlog = await tallies.backlog(connection, [lane.value for lane in Lane])
            changes = await health.latest(connection, now - CHANGES_SINCE, CHANGES_MAX)
            behind = behind_s.get()
        known = await self._operations.providers_health()
        hour = total(counted, first_minute)
        return Picture(
            at=now,
            accepted=accepted,
            lately=lately,
            chart=_without_gaps(counted, first_minute, newest_minute(now) + _MINUTE),
            hour=hour,
            money=money(hour, self._prices),
            backlog=tuple(backlog),
            tiles=tuple(_tile(one) for one in known),
            changes=tuple(changes),
            probes=await self._probing.standings() if self._probing is not None else (),
            behind_s=behind,
        )


def newest_minute(now: datetime) -> datetime:
    """The last minute that may be counted: even the last of it has had its time to be told."""
    return _floor(now - COUNTED_AFTER) - _MINUTE


async def count_minutes(connection: Connection, newest: datetime) -> None:
    """Count every minute up to ``newest`` that is not counted yet, by one process at a time. Idempotent.

    After a pause of all workers CAUGHT_UP_MAX minutes are caught up with at most; a new ledger's first count is this.
    """
    if not await tallies.is_alone(connection):
        return
    last = await tallies.last(connection) or newest - _MINUTE
    minute = max(last + _MINUTE, newest - CAUGHT_UP_MAX * _MINUTE)
    while minute <= newest:
        await tallies.count(connection, minute, first_id(minute), first_id(minute + _MINUTE))
        minute += _MINUTE


def _without_gaps(counted: Sequence[Minute], first: datetime, beyond: datetime) -> tuple[Minute, ...]:
    known = {one.at: one for one in counted}
    count = max(0, (beyond - first) // _MINUTE)
    places = (first + number * _MINUTE for number in range(count))
    return tuple(known.get(place) or total((), place) for place in places)


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _tile(one: ProviderHealth) -> Tile:
    state = shown(one.breaker, one.hold, is_up=True, stopped=one.receipts_stopped, slow=one.slow)
    return Tile(health=one, state=state)
