"""The tables that grow by time in parts: made ahead, taken out whole when all of one is over.

What belongs here: calls of the ledger's functions that do it, and how the parts stand. What does not: when (engine).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from esoz_notify.store.ledger import Connection

OF_CLASS = {"history": "history", "receipts": "receipt"}
"""By class of data the table that is in parts."""

AHEAD = {"history": 3, "receipt": 5}
"""So many parts are made beyond the present one: months of history, weeks of receipts."""


async def add(connection: Connection) -> list[str]:
    """Make the parts that are missing; gives their names. Several may do it at once."""
    made = []
    for parent, ahead in AHEAD.items():
        cursor = await connection.execute("SELECT add_partitions(%s, %s)", [parent, ahead])
        made += [row[0] for row in await cursor.fetchall()]
    return made


async def drop(connection: Connection, name: str, before: datetime) -> tuple[str, int] | None:
    """Drop the oldest part of a class of which all is over; gives it and its rows, None when there is no such part.

    Its lock is waited for a second at most: raises psycopg.errors.LockNotAvailable.
    """
    cursor = await connection.execute("SELECT name, row_count FROM drop_partition(%s, %s)", [OF_CLASS[name], before])
    row = await cursor.fetchone()
    return (row[0], row[1]) if row else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """How a table's parts stand. ``ready``: there is one for this period and the next.

    ``stray``: rows are in the part that takes what has no other.
    """

    parent: str
    count: int
    ready: bool
    stray: bool


_STANDING = """
SELECT count(*),
       bool_or(ledger_now() >= coalesce(begins, '-infinity') AND ledger_now() < ends)
         AND bool_or(next >= coalesce(begins, '-infinity') AND next < ends),
       EXISTS (SELECT FROM {0}_rest)
FROM ledger_partition, partition_begin('{0}', ledger_now(), 1) AS next WHERE parent = '{0}'
"""


def standing(connection: psycopg.Connection[Any]) -> list[Parts]:
    """All tables that are in parts."""
    found = []
    for parent in AHEAD:
        row = connection.execute(_STANDING.format(parent).encode()).fetchone()
        assert row is not None
        found.append(Parts(parent=parent, count=row[0], ready=bool(row[1]), stray=row[2]))
    return found
