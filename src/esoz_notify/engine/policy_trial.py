"""Trying a draft of a policy on what was decided in the last day.

What belongs here: reading a bounded sample, hour by hour, and handing it to the model. What does not: the model
(``core.policy_trial``), the SQL (store).
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from esoz_notify.core.channel import GUARANTEED, Channel
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.policy import Policy
from esoz_notify.core.policy_trial import Shown, Story, Trial, trials
from esoz_notify.core.status import PROOFS, Outcome, Status
from esoz_notify.engine.clock import first_id
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import policies as kept
from esoz_notify.store import reading
from esoz_notify.store.policies import TriedRow
from esoz_notify.store.rows import read_route

HOURS = 24
HOUR_MAX = 500
"""Of each hour so many are taken: 12,000 in all say enough of shares, and night counts beside day."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a trial gave: on how many notifications, up to which moment, and what for each column."""

    at: datetime
    count: int
    trials: tuple[Trial, ...]


class PolicyTrials:
    """Tries drafts, one at a time in a process. ``prices``: of a message by Diia and Viber, of a part by SMS."""

    def __init__(self, ledger: Ledger, configured: frozenset[Channel], prices: Mapping[Channel, Decimal]) -> None:
        self._ledger = ledger
        self._configured = configured
        self._prices = prices
        self._turn = asyncio.Lock()

    async def attempt(self, policy: Policy) -> Report:
        """Try a policy on what ended of the last HOURS; changes nothing. Raises Unavailable."""
        routes = {
            column: tuple(one for one in steps if one.channel in GUARANTEED or one.channel in self._configured)
            for column, steps in policy.routes.items()
        }
        async with self._turn:
            now, stories = await self._stories()
            # Some tenths of a second of arithmetic: not in the loop that takes requests.
            found = await asyncio.to_thread(trials, stories, routes, self._prices)
        return Report(at=now, count=len(stories), trials=found)

    async def _stories(self) -> tuple[datetime, list[Story]]:
        stories: list[Story] = []
        async with self._ledger.transaction() as connection:
            now = await reading.ledger_now(connection)
            for hour in range(HOURS):
                beyond = now - hour * _HOUR
                rows = await kept.tried(connection, first_id(beyond - _HOUR), first_id(beyond), HOUR_MAX)
                stories += [story(row) for row in rows if row.kind in KINDS]
        return now, stories


def story(row: TriedRow) -> Story:
    """What a row of the ledger shows."""
    shown = _shown(row)
    proofs = [(ended_s, Channel(channel)) for channel, outcome, _, ended_s, _ in row.attempts if outcome in PROOFS]
    told_s, told_by = min(((at, by) for at, by in proofs if at is not None), default=(None, None))
    if told_by is None and row.status == Status.PRINTED:
        told_s, told_by = row.ended_s, Channel.PRINT
    return Story(
        column=KINDS[row.kind].column,
        life_s=row.life_s,
        begun_s=row.attempts[0][2] if row.attempts else 0.0,
        told_s=told_s,
        told_by=told_by,
        shown=shown,
    )


def _shown(row: TriedRow) -> dict[Channel, Shown]:
    tried = {Channel(attempt[0]) for attempt in row.attempts}
    route = [step.channel for step in read_route(row.route)]
    last = max((place for place, channel in enumerate(route) if channel in tried), default=0)
    passed_over = [channel for channel in route[:last] if channel not in tried]
    found = {channel: Shown(refused_s=0.0) for channel in (*map(Channel, row.without), *passed_over)}
    for channel in sorted(tried):
        found[channel] = _of_channel(channel, [one for one in row.attempts if one[0] == channel])
    return found


def _of_channel(channel: Channel, attempts: Iterable[tuple[str, str, float, float | None, int]]) -> Shown:
    """Several attempts of one channel (other providers, repeats) as one."""
    rows = list(attempts)
    began_s = rows[0][2]
    proved = [ended_s for _, outcome, _, ended_s, _ in rows if outcome in PROOFS and ended_s is not None]
    refused = [ended_s for _, outcome, _, ended_s, _ in rows if outcome in {Outcome.FAILED, Outcome.EXPIRED}]
    refused_s = refused[-1] if len(refused) == len(rows) else None
    parts = sum(row[4] for row in rows) if channel is Channel.SMS else 0
    if proved:
        return Shown(proved_s=min(proved) - began_s, parts=parts)
    return Shown(refused_s=refused_s - began_s if refused_s is not None else None, parts=parts)
