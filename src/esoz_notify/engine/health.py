"""The health of providers: this process's counts, shared with all others through the ledger about once a second.

What belongs here: counting calls, keeping the shared circuits near, letting probes through one by one. What does not:
the rules (``core.breaker``, ``core.receipt_flow``), the SQL (store). No call waits for the ledger or writes to it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from esoz_notify.core.breaker import (
    RULES,
    Breaker,
    BreakerState,
    Rules,
    Tally,
    Traffic,
    Verdict,
    judge,
    shown,
    traffic,
    verdict_of,
)
from esoz_notify.core.errors import Unavailable
from esoz_notify.core.kinds import Lane
from esoz_notify.core.receipt_flow import RECEIPT_RULES, ReceiptRules, has_stopped, is_slow
from esoz_notify.core.results import Accepted, Result
from esoz_notify.engine.ledgers import Ledger, Steady
from esoz_notify.engine.receiving import until
from esoz_notify.store import health as shared
from esoz_notify.store.health import ProviderChange, ProviderHealth, ReceiptCounts
from esoz_notify.store.ledger import Connection

log = logging.getLogger(__name__)

HEALTH_S = 1.0
"""How often the shared state is read, and this process's counts are added to it."""
SOONEST_S = 0.05
"""A circuit that opens here is told to the others at once, but not more often than this."""
RECEIPTS_JUDGED_S = 10.0
CODES_PROBE_AFTER_S = 5.0
"""Codes serve as probes only when nothing else has come along for so long."""

_NOTHING = Tally()


@dataclass(slots=True)
class _Watched:
    """One provider as this process sees it. ``breaker``: the shared one after this process's own counts.

    ``sharing``: counts on their way into the ledger; ``pending``: those since.
    """

    seen: ProviderHealth
    breaker: Breaker
    pending: Tally = _NOTHING
    sharing: Tally = _NOTHING
    next_probe_s: float = 0.0


class Health:
    """What is known of providers. ``reports`` False: a process that calls none only reads.

    ``awaited``: providers that send receipts of their own accord. ``when_spared`` is called with the name of a provider
    that may be given nothing any more.
    """

    def __init__(  # noqa: PLR0913 - what it watches and by which rules
        self,
        ledger: Ledger,
        providers: Collection[str],
        *,
        awaited: Collection[str] = (),
        reports: bool = True,
        rules: Rules = RULES,
        receipt_rules: ReceiptRules = RECEIPT_RULES,
        receipts_judged_s: float = RECEIPTS_JUDGED_S,
    ) -> None:
        self._ledger = ledger
        self._awaited = frozenset(awaited)
        self._reports = reports
        self._rules = rules
        self._receipt_rules = receipt_rules
        self._receipts_judged_s = receipts_judged_s
        now = ledger.clock.now()
        self._watched = {name: _fresh(name, now) for name in providers}
        self._news = asyncio.Event()
        self.when_spared: Callable[[str], None] = _nobody

    # --- what others ask ----------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The ledger's time, by which calls and circuits are compared."""
        return self._ledger.clock.now()

    def may_send(self, name: str) -> bool:
        """Whether what is queued for a provider may still be sent."""
        return self._traffic(name) is not Traffic.NOTHING

    def offered(self, name: str, lane: str, in_hand: int) -> bool:
        """Whether a provider may be given one more message. ``in_hand``: how many it has from this process."""
        match self._traffic(name):
            case Traffic.ALL:
                return True
            case Traffic.NOTHING:
                return False
        watched = self._watched[name]
        spare_codes = lane == Lane.CODES and (self.now() - watched.breaker.since).total_seconds() < CODES_PROBE_AFTER_S
        return not spare_codes and in_hand < self._rules.probes_at_once and time.monotonic() >= watched.next_probe_s

    def given(self, name: str) -> None:
        """A message is on its way to a provider: the next probe waits for its turn."""
        watched = self._watched.get(name)
        if watched is not None and watched.breaker.state is BreakerState.HALF_OPEN:
            watched.next_probe_s = time.monotonic() + 1 / self._rules.probes_per_s

    def state(self, name: str, *, is_up: bool) -> str:
        """One word for health pages."""
        watched = self._watched[name]
        seen = watched.seen
        return shown(watched.breaker, seen.hold, is_up=is_up, stopped=seen.receipts_stopped, slow=seen.slow)

    def circuit(self, name: str) -> BreakerState:
        """In which state its circuit is."""
        return self._watched[name].breaker.state

    def _traffic(self, name: str) -> Traffic:
        watched = self._watched[name]
        return traffic(watched.breaker, watched.seen.hold)

    # --- counting -----------------------------------------------------------------------------------------------------

    def note(self, name: str, results: Sequence[Result], began: datetime) -> Verdict:
        """Count one call, however many messages it carried; gives what it says of the provider.

        A call that began before the circuit came to its present state says nothing about it.
        """
        verdict = _of_call(results)
        watched = self._watched[name]
        if began >= watched.breaker.since:
            reason = next((one.reason for one in results if not isinstance(one, Accepted)), None)
            watched.pending = watched.pending.plus(verdict, reason if verdict is Verdict.FAILED else None)
            if verdict is Verdict.FAILED or watched.breaker.state is not BreakerState.CLOSED:
                self._rejudge(name, could_send=self.may_send(name))
        return verdict

    def _rejudge(self, name: str, *, could_send: bool) -> None:
        watched = self._watched[name]
        before = watched.breaker.state
        tally = _joined(watched.sharing, watched.pending)
        watched.breaker = _judge(watched.seen.breaker, tally, self.now(), self._rules)
        if watched.breaker.state is not before:
            self._news.set()
        if could_send and not self.may_send(name):
            self.when_spared(name)

    # --- sharing ------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Learn what the others know before anything is given to a provider that a person holds. Raises Unavailable."""
        async with self._ledger.transaction() as connection:
            seen, _ = await shared.read(connection, self._watched)
        for name, health in seen.items():
            self._watched[name].seen, self._watched[name].breaker = health, health.breaker

    async def run(self) -> None:
        """Share for ever, on a connection of its own; while the ledger is away this process goes by its own counts."""
        steady = self._ledger.steady()
        try:
            while True:
                try:
                    await self._turn(steady)
                except Unavailable as error:
                    log.warning("health of providers: %s", error)
                except Exception:
                    log.exception("health of providers: a turn failed; trying again")
                await asyncio.sleep(SOONEST_S)
                await until(self._news, HEALTH_S)
        finally:
            await steady.close()

    async def _turn(self, steady: Steady) -> None:
        for watched in self._watched.values():
            watched.sharing, watched.pending = watched.pending, _NOTHING
        try:
            seen, now = await steady.run_loose(self._read)
            if news := self._news_in(seen, now):
                seen |= await steady.run(partial(self._share, news))
        except Exception:
            for watched in self._watched.values():
                watched.pending, watched.sharing = _joined(watched.sharing, watched.pending), _NOTHING
            raise
        for name, watched in self._watched.items():
            could_send = self.may_send(name)
            watched.seen, watched.sharing = seen.get(name, watched.seen), _NOTHING
            self._rejudge(name, could_send=could_send)

    async def _read(self, connection: Connection) -> tuple[dict[str, ProviderHealth], datetime | None]:
        return await shared.read(connection, self._watched)

    def _news_in(self, seen: Mapping[str, ProviderHealth], now: datetime | None) -> list[str]:
        """Providers of which this process has something to write."""
        if not self._reports:
            return []
        return [name for name in self._watched if name not in seen or self._is_news(seen[name], now)]

    async def _share(self, news: Sequence[str], connection: Connection) -> dict[str, ProviderHealth]:
        """Lock and write those that have news."""
        locked, now = await shared.lock(connection, news)
        assert now is not None
        rows = [self._counted(health, now) for name, health in locked.items()]
        rows = await self._judge_receipts(connection, rows, now)
        changes = [change for row in rows for change in changes_of(locked[row.provider], row)]
        await shared.write(connection, rows, changes)
        for change in changes:
            level, ids = _LEVELS.get(change.change, logging.INFO), {"provider": change.provider}
            log.log(level, "%s: %s (%s)", change.provider, change.change, change.reason, extra=ids)
        return {row.provider: row for row in rows}

    def _is_news(self, health: ProviderHealth, now: datetime | None) -> bool:
        assert now is not None
        tally = self._watched[health.provider].sharing
        changes = self._counted(health, now).breaker.state is not health.breaker.state
        return changes or bool(tally.well or tally.failed) or self._receipts_due(health, now)

    def _receipts_due(self, health: ProviderHealth, now: datetime) -> bool:
        if health.provider not in self._awaited:
            return False
        return health.judged_at is None or (now - health.judged_at).total_seconds() >= self._receipts_judged_s

    def _counted(self, health: ProviderHealth, now: datetime) -> ProviderHealth:
        tally = self._watched[health.provider].sharing
        return replace(health, breaker=_judge(health.breaker, tally, now, self._rules))

    async def _judge_receipts(
        self, connection: Connection, rows: Sequence[ProviderHealth], now: datetime
    ) -> list[ProviderHealth]:
        due = {row.provider for row in rows if self._receipts_due(row, now)}
        counts = await shared.receipt_counts(connection, due, self._receipt_rules) if due else {}
        return [
            receipts_judged(row, counts[row.provider], now, self._receipt_rules) if row.provider in due else row
            for row in rows
        ]


def receipts_judged(
    health: ProviderHealth, counts: ReceiptCounts, now: datetime, rules: ReceiptRules
) -> ProviderHealth:
    """A provider's health after a look at its receipts."""
    return replace(
        health,
        slow=is_slow(counts.judged, counts.late, was=health.slow, rules=rules),
        receipts_stopped=has_stopped(
            counts.waiting, any_receipt=counts.any_receipt, was=health.receipts_stopped, rules=rules
        ),
        judged_at=now,
    )


_LEVELS = {"open": logging.WARNING, "slow": logging.WARNING, "receipts_stopped": logging.ERROR}


_SLOW = {True: ("slow", "many receipts come late"), False: ("slow_over", "receipts come in time")}
_STOPPED = {True: ("receipts_stopped", "no receipt of any kind"), False: ("receipts_back", "a receipt has come")}


def changes_of(before: ProviderHealth, after: ProviderHealth) -> list[ProviderChange]:
    """What a history should say of the step from one to the other."""
    changes = []
    if after.breaker.state is not before.breaker.state:
        reason = after.breaker.why.value + (f": {after.breaker.reason}" if after.breaker.reason else "")
        changes.append(ProviderChange(provider=after.provider, change=after.breaker.state.value, reason=reason))
    for was, is_now, table in (
        (before.slow, after.slow, _SLOW),
        (before.receipts_stopped, after.receipts_stopped, _STOPPED),
    ):
        if is_now is not was:
            change, reason = table[is_now]
            changes.append(ProviderChange(provider=after.provider, change=change, reason=reason))
    return changes


def _fresh(name: str, now: datetime) -> _Watched:
    breaker = Breaker(since=now)
    seen = ProviderHealth(provider=name, breaker=breaker, hold=None, slow=False, receipts_stopped=False, judged_at=None)
    return _Watched(seen, breaker)


def _judge(breaker: Breaker, tally: Tally, now: datetime, rules: Rules) -> Breaker:
    """First what time does, then what was counted."""
    return judge(judge(breaker, _NOTHING, now, rules), tally, now, rules)


def _joined(earlier: Tally, later: Tally) -> Tally:
    return Tally(
        earlier.well + later.well,
        earlier.failed + later.failed,
        later.in_row if later.well else earlier.in_row + later.failed,
        later.reason or earlier.reason,
    )


def _of_call(results: Sequence[Result]) -> Verdict:
    """One good answer shows that the provider works; a batch that failed as a whole is one failure, not many."""
    verdicts = {verdict_of(result) for result in results}
    return next((one for one in (Verdict.WELL, Verdict.FAILED) if one in verdicts), Verdict.THROTTLED)


def _nobody(_: str) -> None:
    """Nobody has asked to be told."""
