"""Processes that run on the ledger, as they say of themselves.

What belongs here: the SQL of this small table. What does not: how often they say it (``engine.processes``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from esoz_notify.store.ledger import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRow:
    """One process. ``knows``: the migrations that its program came with."""

    id: UUID
    role: str
    host: str
    version: str
    knows: Sequence[str]
    started_at: datetime
    seen_at: datetime


_SEEN = """
INSERT INTO process (id, role, host, version, knows, started_at, seen_at)
VALUES (%s, %s, %s, %s, %s, ledger_now(), ledger_now())
ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at
"""


async def seen(  # noqa: PLR0913, PLR0917 - the columns of one row
    connection: Connection, process: UUID, role: str, host: str, version: str, knows: Sequence[str]
) -> None:
    """Say that a process lives."""
    await connection.execute(_SEEN, [process, role, host, version, list(knows)])


async def leave(connection: Connection, process: UUID, forget_s: float) -> None:
    """Say that a process is no more, and forget those that died long ago."""
    await connection.execute(
        "DELETE FROM process WHERE id = %s OR seen_at < ledger_now() - make_interval(secs => %s)", [process, forget_s]
    )


async def living(connection: Connection, life_s: float) -> list[ProcessRow]:
    """Those seen within ``life_s``, by host and role."""
    cursor = connection.cursor(row_factory=class_row(ProcessRow))
    await cursor.execute(
        "SELECT id, role, host, version, knows, started_at, seen_at FROM process"
        " WHERE seen_at > ledger_now() - make_interval(secs => %s) ORDER BY host, role, started_at",
        [life_s],
    )
    return await cursor.fetchall()


async def applied(connection: Connection) -> set[str]:
    """Names of the migrations that the ledger has."""
    cursor = await connection.execute("SELECT name FROM migration")
    return {row[0] for row in await cursor.fetchall()}
