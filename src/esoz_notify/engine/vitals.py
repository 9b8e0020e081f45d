"""Looks at the ledger every few seconds while somebody scrapes, and shows what waits; a scrape itself asks nobody.

What belongs here: what is looked at, and what of this process is shown at the moment of a scrape. What does not: the
SQL (store), numbers of messages (``measuring``).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from esoz_notify.core.breaker import BreakerState
from esoz_notify.core.errors import Unavailable
from esoz_notify.core.kinds import Lane
from esoz_notify.engine.health import Health
from esoz_notify.engine.ledgers import Ledger, Steady
from esoz_notify.engine.metric_table import STATES
from esoz_notify.engine.metrics import Metrics
from esoz_notify.engine.overload import Overload
from esoz_notify.engine.providers import Provider
from esoz_notify.engine.worker import Worker
from esoz_notify.store import vitals
from esoz_notify.store.ledger import Connection

log = logging.getLogger(__name__)

LOOK_S = 2.0
ANSWERS_WITHIN_S = 4.0
WATCHED_S = 60.0
"""So long after a scrape it goes on looking; a process that nobody scrapes asks the ledger nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What of a process is shown beside the ledger. ``bound``: its SMPP sessions; ``in_hand``: by provider and lane."""

    health: Health
    providers: Sequence[str]
    state: Callable[[str], str]
    bound: Callable[[], Mapping[str, bool]]
    in_hand: Callable[[], Mapping[tuple[str, str], int]]
    is_overloaded: Callable[[], bool]


def parts_of(
    health: Health, names: Sequence[str], providers: Sequence[Provider], worker: Worker | None, overload: Overload
) -> Parts:
    """What is shown of a process. ``providers`` and ``worker``: of one that works."""
    up = {provider.name: provider.is_up for provider in providers}
    bound = {provider.name: provider.is_up for provider in providers if provider.adapter is None}
    return Parts(
        health=health,
        providers=names,
        state=lambda name: health.state(name, is_up=up.get(name, lambda: True)()),
        bound=lambda: {name: is_up() for name, is_up in bound.items()},
        in_hand=lambda: worker.in_hand() if worker is not None else {},
        is_overloaded=lambda: overload.is_on,
    )


class Vitals:
    """Shows how the ledger and the parts of this process are."""

    def __init__(self, ledger: Ledger, metrics: Metrics, parts: Parts, *, look_s: float = LOOK_S) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._parts = parts
        self._look_s = look_s
        self._was_up = True
        self._watched = asyncio.Event()
        self._told_s = 0.0
        metrics.show("ledger_up", {(): 1})  # without it this process would not have started
        metrics.when_told(self._tell)

    async def run(self) -> None:
        """Look for ever, on a connection of its own, while somebody scrapes."""
        steady = self._ledger.steady()
        try:
            while True:
                if time.monotonic() - self._told_s > WATCHED_S:
                    self._watched.clear()
                    await steady.close()
                await self._watched.wait()
                try:
                    await self.look(steady)
                except Exception:
                    log.exception("vitals: a look failed; trying again")
                await asyncio.sleep(self._look_s)
        finally:
            await steady.close()

    async def look(self, steady: Steady) -> None:
        """Look once. While the ledger is away what waits is not known, and nothing is told of it."""
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await steady.run_loose(self._show_ledger)
        except (Unavailable, TimeoutError) as error:
            self._show_away()
            if self._was_up:
                log.warning("vitals: the ledger does not tell (%s)", type(error).__name__)
            self._was_up = False
            await steady.close()
        else:
            self._was_up = True
            self._metrics.show("ledger_up", {(): 1})

    async def _show_ledger(self, connection: Connection) -> None:
        lanes = await vitals.lanes(connection, [lane.value for lane in Lane])
        orphans = await vitals.orphans(connection)
        webhooks_s = await vitals.webhook_due_age_s(connection)
        self._metrics.show("due", {(one.lane,): one.due for one in lanes})
        self._metrics.show("due_age_seconds", {(one.lane,): one.due_age_s for one in lanes})
        self._metrics.show("stuck", {(one.lane,): one.stuck for one in lanes})
        self._metrics.show("receipts_orphaned", {(): orphans})
        self._metrics.show("webhook_due_age_seconds", {(): webhooks_s})

    def _show_away(self) -> None:
        self._metrics.show("ledger_up", {(): 0})
        for name in ("due", "due_age_seconds", "stuck"):
            self._metrics.show(name, {})

    def _tell(self, metrics: Metrics) -> None:
        self._told_s = time.monotonic()
        self._watched.set()
        self._show_parts(metrics)

    def _show_parts(self, metrics: Metrics) -> None:
        parts = self._parts
        states = {name: parts.state(name) for name in parts.providers}
        circuits = {name: parts.health.circuit(name).value for name in parts.providers}
        metrics.show("provider_state", {(name, word): word == states[name] for name in states for word in STATES})
        metrics.show(
            "provider_circuit",
            {(name, word.value): word.value == circuits[name] for name in circuits for word in BreakerState},
        )
        metrics.show("provider_bound", {(name,): is_bound for name, is_bound in parts.bound().items()})
        metrics.show("in_hand", {labels: many for labels, many in parts.in_hand().items()})  # noqa: C416 - wider types
        metrics.show("overloaded", {(): parts.is_overloaded()})
        pool = self._ledger.pool()
        metrics.show("ledger_pool_connections", {("idle",): pool.idle, ("used",): pool.used})
        metrics.show("ledger_pool_waiting", {(): pool.waiting})
        metrics.total("ledger_pool_waits", pool.waits)
        metrics.total("ledger_pool_wait_seconds", pool.wait_s)
