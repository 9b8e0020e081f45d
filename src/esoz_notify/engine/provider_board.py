"""What operators look at of providers: their health over time, how much of each contract is used, what a hold would do.

What belongs here: gathering it in a few bounded queries, and counting the minutes. What does not: holding and resuming
(``operations``), words and shapes (console), the SQL (store).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from esoz_notify.core.breaker import BreakerState, shown
from esoz_notify.core.channel import GUARANTEED, Channel
from esoz_notify.core.errors import NotFound
from esoz_notify.core.provider_flow import Flow, by_while, joined, no_flow
from esoz_notify.core.provider_spells import Changed, Spell, lasted_s, spells
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.operations import Operations
from esoz_notify.engine.overview import newest_minute
from esoz_notify.store import health, provider_minutes
from esoz_notify.store.health import ProviderChange, ProviderHealth
from esoz_notify.store.ledger import Connection

CHANGES_MAX = 300
"""Changes of one provider that are looked at: a circuit that cannot make up its mind makes a few hundred a day."""
SETTLED_AFTER = timedelta(minutes=15)
"""A minute is counted once more when its receipts have had so long to come."""
CAUGHT_UP_MAX = 60
KEPT = timedelta(days=35)

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What is agreed with a provider. ``window_size``, ``rate_per_s``: of SMPP, for a process; None: no limit."""

    name: str
    channel: Channel
    window_size: int | None = None
    rate_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """How far back to look: ``count`` whiles of so many minutes."""

    count: int
    minutes: int

    @property
    def length(self) -> timedelta:
        """The whole of it."""
        return timedelta(minutes=self.count * self.minutes)


SPANS = {"3h": Span(36, 5), "24h": Span(48, 30)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One provider. ``state``: one word, as health pages have it. ``chart``: whiles of the span, oldest first.

    ``whole``: all of the span; ``now``: the last minute, not settled yet.
    """

    contract: Contract
    health: ProviderHealth
    state: str
    chart: tuple[Flow, ...]
    whole: Flow
    now: Flow

    @property
    def is_used(self) -> bool:
        """Whether it may be given new messages."""
        return self.health.hold is None and self.health.breaker.state is not BreakerState.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """All of them at one moment, those of a channel together and the preferred first."""

    at: datetime
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A change in a provider's history, and how long it lasted (so far)."""

    change: ProviderChange
    lasted_s: float
    goes_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One provider in full. ``others``: of its channel that take what it is not given. ``history``: newest first."""

    at: datetime
    standing: Standing
    others: tuple[str, ...]
    spells: tuple[Spell, ...]
    history: tuple[Noted, ...]

    @property
    def is_last(self) -> bool:
        """Whether without it nothing of its channel works."""
        return not self.others

    @property
    def is_last_guaranteed(self) -> bool:
        """Whether without it no message is sure to reach anybody."""
        return self.is_last and self.standing.contract.channel in GUARANTEED


class ProviderBoard:
    """Looks at providers. ``contracts``: of those that are configured, the preferred of a channel first."""

    def __init__(self, ledger: Ledger, operations: Operations, contracts: Sequence[Contract]) -> None:
        self._ledger = ledger
        self._operations = operations
        self._contracts = tuple(contracts)

    async def all(self, span: Span) -> Board:
        """Look at every provider. Raises Unavailable."""
        now = self._ledger.clock.now()
        return Board(at=now, standings=await self._standings(now, span))

    async def one(self, name: str, span: Span) -> Sheet:
        """Look at one provider and its history. Raises NotFound, Unavailable."""
        if all(contract.name != name for contract in self._contracts):
            raise NotFound("no provider of that name is configured", code="provider_unknown")
        now = self._ledger.clock.now()
        standings = await self._standings(now, span)
        async with self._ledger.transaction() as connection:
            changes = await health.history(connection, name, CHANGES_MAX)
        own = next(one for one in standings if one.contract.name == name)
        channel = own.contract.channel
        others = [one.contract.name for one in standings if one.contract.channel is channel and one is not own]
        usable = {one.contract.name for one in standings if one.is_used}
        known = [Changed(one.at or now, one.change) for one in reversed(changes)]
        return Sheet(
            at=now,
            standing=own,
            others=tuple(one for one in others if one in usable),
            spells=spells(known, now - span.length, now),
            history=_history(changes, known, now),
        )

    async def _standings(self, now: datetime, span: Span) -> tuple[Standing, ...]:
        names = [contract.name for contract in self._contracts]
        first = newest_minute(now) + _MINUTE - span.length
        known = {one.provider: one for one in await self._operations.providers_health()}
        async with self._ledger.transaction() as connection:
            counted = await provider_minutes.minutes(connection, names, first)
            lately = await provider_minutes.lately(connection, now - _MINUTE, now)
        return tuple(
            _standing(contract, known[contract.name], counted.get(contract.name, []), lately, first, span, now)
            for contract in self._contracts
        )


async def count_providers(connection: Connection, newest: datetime) -> None:
    """Count every minute up to ``newest`` that is not counted yet, and anew those that have settled since. Idempotent.

    One process at a time. After a pause of all workers CAUGHT_UP_MAX minutes are caught up with at most.
    """
    if not await provider_minutes.is_alone(connection):
        return
    last = await provider_minutes.last(connection) or newest - _MINUTE
    first, beyond = max(last + _MINUTE, newest - CAUGHT_UP_MAX * _MINUTE), newest + _MINUTE
    if first < beyond:
        await provider_minutes.count(connection, first, beyond)
        await provider_minutes.count(connection, first - SETTLED_AFTER, beyond - SETTLED_AFTER)


def _standing(  # noqa: PLR0913, PLR0917 - what was gathered of one
    contract: Contract,
    known: ProviderHealth,
    counted: Sequence[Flow],
    lately: dict[str, Flow],
    first: datetime,
    span: Span,
    now: datetime,
) -> Standing:
    chart = by_while(counted, first, span.count, span.minutes)
    state = shown(known.breaker, known.hold, is_up=True, stopped=known.receipts_stopped, slow=known.slow)
    return Standing(
        contract=contract,
        health=known,
        state=state,
        chart=chart,
        whole=joined(chart, first, span.count * span.minutes),
        now=lately.get(contract.name) or no_flow(now - _MINUTE, 1),
    )


def _history(changes: Sequence[ProviderChange], known: Sequence[Changed], now: datetime) -> tuple[Noted, ...]:
    """Changes newest first, with the same in the order of time beside them."""
    found = []
    for number, change in enumerate(changes):
        place = len(known) - 1 - number
        lasted = lasted_s(known, place, now)
        goes_on = lasted == (now - known[place].at).total_seconds()
        found.append(Noted(change=change, lasted_s=lasted, goes_on=goes_on))
    return tuple(found)
