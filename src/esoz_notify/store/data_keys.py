"""Data keys in the ledger, wrapped; which sealed values rest on which key, and sealing them anew.

What belongs here: the SQL, and the table of every sealed column. What does not: order and pace (``engine.rotation``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from esoz_notify.store.connecting import enduring
from esoz_notify.store.ledger import Connection
from esoz_notify.store.rows import transpose
from esoz_notify.store.vault import Vault, field_aad

_LOCK = 0x45534F5B  # any constant of ours: who changes keys takes turns


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A data key of the ledger. ``wrapped`` None: destroyed, or one of the keys document that was retired."""

    id: int
    wrapped: bytes | None
    added_at: datetime
    current_from: datetime | None
    retired_at: datetime | None


_COLUMNS = "id, wrapped, added_at, current_from, retired_at"


async def every(connection: Connection) -> list[KeyRow]:
    """All rows by id."""
    cursor = await connection.execute(f"SELECT {_COLUMNS} FROM data_key ORDER BY id")
    return [_row(row) for row in await cursor.fetchall()]


def find_now(dsn: str, key_id: int) -> KeyRow | None:
    """One row, on a connection of its own and at once: for a value whose key this process has not heard of yet."""
    with psycopg.connect(enduring(dsn), autocommit=True) as connection:
        row = connection.execute(f"SELECT {_COLUMNS} FROM data_key WHERE id = %s", [key_id]).fetchone()
    return _row(row) if row else None


def _row(row: Sequence[Any]) -> KeyRow:
    return KeyRow(id=row[0], wrapped=row[1], added_at=row[2], current_from=row[3], retired_at=row[4])


async def one_at_a_time(connection: Connection) -> None:
    """Until the transaction ends nobody else changes keys."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


async def add(connection: Connection, key_id: int, wrapped: bytes, after_s: float) -> datetime:
    """Add a key that is to seal after so many seconds; gives that moment."""
    cursor = await connection.execute(
        "INSERT INTO data_key (id, wrapped, current_from) VALUES (%s, %s, ledger_now() + make_interval(secs => %s))"
        " RETURNING current_from",
        [key_id, wrapped, after_s],
    )
    row = await cursor.fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


async def retire(connection: Connection, key_id: int) -> None:
    """Mark a key as done with; one of the keys document gets a row by it."""
    await connection.execute(
        "INSERT INTO data_key (id, retired_at) VALUES (%s, ledger_now())"
        " ON CONFLICT (id) DO UPDATE SET retired_at = coalesce(data_key.retired_at, ledger_now())",
        [key_id],
    )


async def destroy(connection: Connection, key_id: int) -> None:
    """Erase a retired key: what was sealed with it, in this ledger, can be opened no more by anybody."""
    await connection.execute("UPDATE data_key SET wrapped = NULL WHERE id = %s AND retired_at IS NOT NULL", [key_id])


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTable:
    """Where sealed values are. ``key``: the primary key's columns and types; ``aad``: of a column and that key."""

    name: str
    key: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    aad: Callable[[str, Sequence[Any]], bytes]


def _by_row(name: str, key: str, *columns: str, kind: str = "uuid") -> SealedTable:
    return SealedTable(
        name=name,
        key=((key, kind),),
        columns=columns,
        aad=lambda column, row: field_aad(name, column, str(row[0])),
    )


SEALED = (
    _by_row("content", "notification_id", "phone", "tax_id", "data", "code", "summary"),
    _by_row("receipt", "id", "raw"),
    _by_row("patient", "id", "document"),
    _by_row("webhook", "id", "url"),
    _by_row("webhook_secret", "id", "secret"),
    _by_row("bulk_piece", "id", "content"),
    _by_row("totp", "login", "secret", kind="text"),
    SealedTable(
        name="kept",
        key=(("provider", "text"), ("name", "text")),
        columns=("value",),
        aad=lambda _column, row: field_aad("kept", row[0], row[1]),
    ),
)
"""Every sealed column there is; a test holds the code to it."""


async def count_values(connection: Connection, table: SealedTable) -> dict[int, int]:
    """How many sealed values of a table rest on each data key. Reads the whole table."""
    arms = " UNION ALL ".join(
        f"SELECT substring({column} FROM 2 FOR 2) AS id FROM {table.name} WHERE {column} IS NOT NULL"
        for column in table.columns
    )
    cursor = await connection.execute(f"SELECT id, count(*) FROM ({arms}) AS header GROUP BY id")
    return {int.from_bytes(key_id, "big"): count for key_id, count in await cursor.fetchall()}


async def count_rows(connection: Connection, table: SealedTable, current_id: int) -> int:
    """How many rows have a value under another key than this."""
    cursor = await connection.execute(
        f"SELECT count(*) FROM {table.name} WHERE {_other(table)}", [current_id.to_bytes(2, "big")] * len(table.columns)
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


@dataclass(frozen=True, slots=True)
class Resealed:
    """What one batch came to. ``after``: the last key that was looked at, None at the end of the table."""

    rows: int
    after: tuple[Any, ...] | None


async def reseal(
    connection: Connection, table: SealedTable, vault: Vault, after: tuple[Any, ...] | None, count_max: int
) -> Resealed:
    """Seal the next rows anew that have a value under another key than the current one.

    Rows that somebody else holds are left out, and nobody is waited for; rows taken are locked until the transaction
    ends, so that what is erased meanwhile stays erased.
    """
    names = [name for name, _ in table.key]
    columns = ", ".join([*names, *table.columns])
    beyond = "" if after is None else f"({', '.join(names)}) > ({', '.join(['%s'] * len(names))}) AND "
    cursor = await connection.execute(
        f"SELECT {columns} FROM {table.name} WHERE {beyond}({_other(table)})"
        f" ORDER BY {', '.join(names)} LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
        [*(after or ()), *[vault.current_id.to_bytes(2, "big")] * len(table.columns), count_max],
    )
    rows = await cursor.fetchall()
    if not rows:
        return Resealed(0, None)
    width = len(names)
    made = [(*row[:width], *_resealed(table, vault, row[:width], row[width:])) for row in rows]
    arrays = ", ".join([f"%b::{kind}[]" for _, kind in table.key] + ["%b::bytea[]"] * len(table.columns))
    await connection.execute(
        f"UPDATE {table.name} AS old SET {', '.join(f'{column} = new.{column}' for column in table.columns)}"
        f" FROM unnest({arrays}) AS new({columns})"
        f" WHERE {' AND '.join(f'old.{name} = new.{name}' for name in names)}",
        transpose(made, width + len(table.columns)),
    )
    return Resealed(len(rows), tuple(rows[-1][:width]))


def _resealed(
    table: SealedTable, vault: Vault, key: Sequence[Any], values: Sequence[bytes | None]
) -> list[bytes | None]:
    given = zip(table.columns, values, strict=True)
    aads = ((table.aad(column, key), value) for column, value in given)
    return [None if value is None else vault.seal(vault.open(value, aad=aad), aad=aad) for aad, value in aads]


def _other(table: SealedTable) -> str:
    return " OR ".join(f"substring({column} FROM 2 FOR 2) <> %s" for column in table.columns)
