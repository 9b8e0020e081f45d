"""Changing data keys while everything runs: add a key, seal old values anew with it, retire the old one.

What belongs here: the steps, their order and pace. What does not: SQL (``store.data_keys``), who learns of a key and
when (``keyring``), showing progress (the command line).
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from esoz_notify.core.errors import Conflict, NotFound
from esoz_notify.engine import audit
from esoz_notify.engine.keyring import ANNOUNCED_S, Keyring
from esoz_notify.engine.ledgers import LOOK_S, Ledger
from esoz_notify.engine.processes import demand_one_version
from esoz_notify.store import data_keys
from esoz_notify.store.data_keys import SEALED, KeyRow, SealedTable
from esoz_notify.store.ledger import Connection
from esoz_notify.store.vault import KEY_BYTES, KEY_ID_MAX, wrap_data_key

BATCH_ROWS = 200
PAUSE_MIN_S = 0.02
"""After each batch as long as it took, and at least so long: sending has half of the ledger at the worst."""

RETIRE_AFTER_S = 600.0
"""A process that was about to write what it had sealed before the change has done it by then, or is dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """A data key. ``state``: current, announced, open (old values rest on it) or retired. ``values``: by table."""

    id: int
    state: str
    added_at: datetime | None
    values: Mapping[str, int]

    @property
    def in_use(self) -> int:
        """How many sealed values rest on it."""
        return sum(self.values.values())


async def states(ledger: Ledger, keyring: Keyring) -> list[KeyState]:
    """Every data key, of the document and of the ledger, with what rests on it. Reads all sealed tables once."""
    async with ledger.transaction() as connection:
        await keyring.look(connection)
        rows = {row.id: row for row in await data_keys.every(connection)}
        counted = {table.name: await data_keys.count_values(connection, table) for table in SEALED}
    # A value under a key that nobody has is shown too: its key must be found.
    ids = sorted({*keyring.document.data_keys, *rows, *(key_id for counts in counted.values() for key_id in counts)})
    return [
        KeyState(
            id=key_id,
            state=_state(keyring, rows.get(key_id), key_id),
            added_at=rows[key_id].added_at if key_id in rows else None,
            values={name: counts[key_id] for name, counts in counted.items() if key_id in counts},
        )
        for key_id in ids
    ]


def _state(keyring: Keyring, row: KeyRow | None, key_id: int) -> str:
    if row is not None and row.retired_at is not None:
        return "retired" if row.wrapped is not None or key_id in keyring.document.data_keys else "gone"
    if key_id == keyring.keys.current_id:
        return "current"
    if key_id not in keyring.keys.data_keys:
        return "missing"
    return "announced" if key_id > keyring.keys.current_id else "open"


async def begin(ledger: Ledger, keyring: Keyring, who: str) -> int | None:
    """Make a data key and announce it to every process; gives its id. It seals ``ANNOUNCED_S`` later.

    None: an earlier change to a key of the ledger is not finished, and is to be gone on with. Raises Conflict while
    programs of two versions run.
    """
    async with ledger.transaction() as connection:
        await demand_one_version(connection, "changing data keys")
        await data_keys.one_at_a_time(connection)
        await keyring.look(connection)
        rows = await data_keys.every(connection)
        announced = max((row.id for row in rows if row.current_from and not row.retired_at), default=0)
    if announced:
        await until_current(keyring, announced)
        if await unfinished(ledger, keyring):
            return None
    async with ledger.transaction() as connection:
        await data_keys.one_at_a_time(connection)
        taken = [*keyring.document.data_keys, *(row.id for row in await data_keys.every(connection))]
        key_id = max(taken, default=0) + 1
        if key_id > KEY_ID_MAX:
            raise Conflict(f"there are no ids left for data keys: {KEY_ID_MAX} were used", code="key_ids_used_up")
        wrapped = wrap_data_key(keyring.document, key_id, os.urandom(KEY_BYTES))
        await data_keys.add(connection, key_id, wrapped, ANNOUNCED_S)
        await _note(connection, who, audit.Action.KEY_ROTATED, key_id, {"step": "announced"})
    return key_id


async def until_current(keyring: Keyring, key_id: int) -> None:
    """Wait until the key seals here, and every process that is not stopped has had a look since."""
    while keyring.vault.current_id < key_id:
        await asyncio.sleep(LOOK_S / 4)
        await keyring.open()
    await asyncio.sleep(2 * LOOK_S)
    await keyring.open()


async def finish(ledger: Ledger, keyring: Keyring, who: str, rows: int) -> None:
    """Note that everything rests on the current key."""
    async with ledger.transaction() as connection:
        step = {"step": "sealed anew", "rows": str(rows)}
        await _note(connection, who, audit.Action.KEY_ROTATED, keyring.vault.current_id, step)


async def unfinished(ledger: Ledger, keyring: Keyring) -> dict[str, int]:
    """Rows with a value under another key than the current one, by table; those without any are left out."""
    found = {}
    for table in SEALED:
        async with ledger.transaction() as connection:
            found[table.name] = await data_keys.count_rows(connection, table, keyring.vault.current_id)
    return {name: count for name, count in found.items() if count}


async def reseal(ledger: Ledger, keyring: Keyring, on_rows: Callable[[str, int], None]) -> None:
    """Seal everything anew with the current key, table by table in small batches, until nothing is left.

    May be killed at any moment and begun again: what was done shows by its key id, and nothing else is remembered. Rows
    that somebody else held, or that a slow process sealed with the old key meanwhile, are taken by another pass.
    ``on_rows``: told of each batch.
    """
    while left := await unfinished(ledger, keyring):
        for table in SEALED:
            if table.name in left:
                await _pass(ledger, keyring, table, partial(on_rows, table.name))


async def _pass(ledger: Ledger, keyring: Keyring, table: SealedTable, on_rows: Callable[[int], None]) -> None:
    after: tuple[Any, ...] | None = None
    while True:
        started = time.monotonic()
        async with ledger.transaction() as connection:
            done = await data_keys.reseal(connection, table, keyring.vault, after, BATCH_ROWS)
        on_rows(done.rows)
        await asyncio.sleep(max(time.monotonic() - started, PAUSE_MIN_S))
        if done.after is None:
            return
        after = done.after


async def retire(ledger: Ledger, keyring: Keyring, key_id: int, who: str) -> bool:
    """Retire a data key on which nothing rests. True when it is one of the keys document, to be taken out there.

    Its wrapped form stays in the ledger for a month more, for the sake of a process that slept. Raises NotFound,
    Conflict when it still seals, did so a moment ago, a value rests on it, or programs of two versions run.
    """
    async with ledger.transaction() as connection:
        await demand_one_version(connection, "retiring a data key")
        await data_keys.one_at_a_time(connection)
        await keyring.look(connection)
        rows = {row.id: row for row in await data_keys.every(connection)}
        in_document = key_id in keyring.document.data_keys
        if not in_document and key_id not in rows:
            raise NotFound(f"there is no data key {key_id}; esoz-notify keys list shows them", code="key_unknown")
        await _demand_unused(connection, keyring, key_id, rows, ledger.clock.now())
        await data_keys.retire(connection, key_id)
        await _note(connection, who, audit.Action.KEY_RETIRED, key_id, {})
    return in_document


async def _note(
    connection: Connection, who: str, action: audit.Action, key_id: int, details: Mapping[str, str]
) -> None:
    deed = audit.Deed(actor=who, action=action, subject=f"data_key:{key_id}", details=details)
    await audit.note(connection, deed)


async def _demand_unused(
    connection: Connection, keyring: Keyring, key_id: int, rows: Mapping[int, KeyRow], now: datetime
) -> None:
    current_id = keyring.keys.current_id
    if key_id >= current_id:
        raise Conflict(
            f"data key {key_id} seals new values or is to; esoz-notify keys rotate makes another", code="key_current"
        )
    since = rows[current_id].current_from if current_id in rows else None
    if since is not None and now - since < timedelta(seconds=RETIRE_AFTER_S):
        raise Conflict(
            f"data key {current_id} has sealed for less than {RETIRE_AFTER_S / 60:g} minutes: a process may still be "
            f"writing what it sealed with data key {key_id}; try again later",
            code="key_fresh",
        )
    for table in SEALED:
        count = (await data_keys.count_values(connection, table)).get(key_id, 0)
        if count:
            raise Conflict(
                f"{count} values of {table.name} rest on data key {key_id}: run  esoz-notify keys rotate  to its end, "
                "then again",
                code="key_in_use",
            )
