"""Erasing data whose time is over: in small batches, class by class, noted in the audit.

What belongs here: order, pace, the daily turn. What does not: how long data is kept (core), the SQL (store).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from esoz_notify.core.errors import Unavailable
from esoz_notify.core.retention import CLASSES, DataClass, over_before
from esoz_notify.engine import audit
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import data_keys, partitions, reading
from esoz_notify.store import retention as table
from esoz_notify.store.ledger import Connection
from esoz_notify.store.retention import Standing

log = logging.getLogger(__name__)

BATCH_MAX = 500
PAUSE_MIN_S = 0.02
"""After each batch as long as it took, and at least so long: sending has half of the ledger at the worst."""

EVERY_S = 86_400.0
LOOK_S = 600.0
WORKER = "worker:purge"
"""Who does it daily, as the audit names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A class of data as it is now. ``days``: how long it is kept."""

    of: DataClass
    days: int
    standing: Standing


class Retention:
    """Looks at and erases what is over. ``days``: by name of the class, as ``core.retention.read_days`` gives them."""

    def __init__(self, ledger: Ledger, days: Mapping[str, int]) -> None:
        self._ledger = ledger
        self._days = days

    async def look(self) -> list[Kept]:
        """Every class: what is there, what is over its time, the oldest. Changes nothing; reads those tables."""
        found = []
        for one in CLASSES:
            async with self._ledger.transaction() as connection:
                standing = await table.standing(connection, one.name, await self._before(connection, one))
            found.append(Kept(of=one, days=self._days[one.name], standing=standing))
        return found

    async def purge(self, who: str, on_gone: Callable[[str, int], None] = lambda _name, _count: None) -> dict[str, int]:
        """Erase what is over its time; gives the rows that went, by class.

        May be killed at any moment and called again, and by several at once. ``on_gone``: told of each batch.
        Makes the parts of tables that are needed next, too.
        """
        async with self._ledger.transaction() as connection:
            made = await partitions.add(connection)
        if made:
            log.info("purge: made %s", ", ".join(made))
        return {one.name: await self._purge(one, who, on_gone) for one in CLASSES}

    async def run(self) -> None:
        """Once a day, in one of all workers, until cancelled."""
        while True:
            try:
                async with self._ledger.transaction() as connection:
                    is_turn = await table.is_turn(connection, EVERY_S)
                if is_turn:
                    gone = await self.purge(WORKER)
                    told = ", ".join(f"{name} {count}" for name, count in gone.items() if count)
                    log.info("purge: %s", told or "nothing was over its time")
            except Unavailable as error:
                log.warning("purge: %s", error)
            except Exception:
                log.exception("purge: failed; trying again")
            await asyncio.sleep(LOOK_S)

    async def _purge(self, one: DataClass, who: str, on_gone: Callable[[str, int], None]) -> int:
        async with self._ledger.transaction() as connection:
            before = await self._before(connection, one)
            if one.name == "retired_keys" and await _rest_on_retired(connection):
                log.error("purge: values rest on a retired data key; none is destroyed: esoz-notify keys list")
                return 0
        dropped = 0
        if one.name in partitions.OF_CLASS:
            try:
                dropped = await self._drop(one, before, who, on_gone)
            except Unavailable as error:
                log.warning("purge: %s stays until the next time: %s", one.name, error)
                return 0
        erased = await self._erase(one, before, on_gone)
        if erased:
            async with self._ledger.transaction() as connection:
                await audit.note(connection, _deed(one, who, before, erased))
        return dropped + erased

    async def _drop(self, one: DataClass, before: datetime, who: str, on_gone: Callable[[str, int], None]) -> int:
        """Whole parts of the class's table, as long as one is over; gives how many rows they had."""
        whole = 0
        while True:
            async with self._ledger.transaction() as connection:
                dropped = await partitions.drop(connection, one.name, before)
                if dropped is None:
                    return whole
                name, rows = dropped
                await audit.note(connection, _deed(one, who, before, rows, partition=name))
            whole += rows
            on_gone(one.name, rows)

    async def _erase(self, one: DataClass, before: datetime, on_gone: Callable[[str, int], None]) -> int:
        """Row by row, in batches; gives how many went."""
        whole = 0
        while True:
            started = time.monotonic()
            async with self._ledger.transaction() as connection:
                gone = await table.purge(connection, one.name, before, BATCH_MAX)
            if not gone:
                return whole
            whole += gone
            on_gone(one.name, gone)
            await asyncio.sleep(max(time.monotonic() - started, PAUSE_MIN_S))

    async def _before(self, connection: Connection, one: DataClass) -> datetime:
        return over_before(one, self._days[one.name], await reading.ledger_now(connection))


def _deed(one: DataClass, who: str, before: datetime, rows: int, **more: str) -> audit.Deed:
    details = {"rows": str(rows), "before": before.isoformat(timespec="seconds"), **more}
    return audit.Deed(actor=who, action=audit.Action.PURGE, subject=f"data_class:{one.name}", details=details)


async def _rest_on_retired(connection: Connection) -> bool:
    """Whether a value still needs a retired key, which a process that slept may have written; asked before it goes."""
    retired = {row.id for row in await data_keys.every(connection) if row.retired_at and row.wrapped}
    if not retired:
        return False
    return any([retired & set(await data_keys.count_values(connection, one)) for one in data_keys.SEALED])
