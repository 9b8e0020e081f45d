"""What became of each caller's notifications, hour by hour.

What belongs here: this SQL, each statement bounded whatever the ledger holds. What does not: when it is counted
(engine), pages (console).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from esoz_notify.store.ledger import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """Those accepted of a caller in an hour, and what had become of them when they were counted."""

    hour: datetime
    accepted: int
    delivered: int
    paper: int
    undelivered: int
    withdrawn: int
    under_way: int


_PARTS = ("delivered", "paper", "undelivered", "withdrawn", "under_way")
_COLUMNS = ", ".join(("accepted", *_PARTS))
# Both tables by the same range of ids: whichever comes first in the plan, it is read by its key.
_COUNT = f"""
INSERT INTO caller_hour AS h (client_id, hour, {_COLUMNS})
SELECT n.client_id, %(hour)s, count(*),
       count(*) FILTER (WHERE d.status = 'delivered'),
       count(*) FILTER (WHERE d.status IN ('printed', 'print_required')),
       count(*) FILTER (WHERE d.status IN ('undelivered', 'expired')),
       count(*) FILTER (WHERE d.status = 'cancelled'),
       count(*) FILTER (WHERE d.status IN ('accepted', 'in_delivery'))
FROM notification n JOIN delivery d ON d.notification_id = n.id
WHERE n.id >= %(first)s AND n.id < %(beyond)s AND d.notification_id >= %(first)s AND d.notification_id < %(beyond)s
GROUP BY n.client_id ORDER BY n.client_id
ON CONFLICT (client_id, hour) DO UPDATE SET
  {", ".join(f"{name} = h.{name} + excluded.{name}" for name in ("accepted", *_PARTS))}
"""


async def mark(connection: Connection) -> tuple[bool, datetime | None]:
    """Whether this transaction is the one that counts, and the last minute that was counted."""
    cursor = await connection.execute("SELECT minute FROM caller_hour_mark FOR UPDATE SKIP LOCKED")
    row = await cursor.fetchone()
    return row is not None, row[0] if row else None


async def count(connection: Connection, minute: datetime, first: UUID, beyond: UUID) -> None:
    """Add what was accepted in a minute, under ids from ``first`` up to ``beyond``, and move the mark to it."""
    hour = minute.replace(minute=0, second=0, microsecond=0)
    await connection.execute(_COUNT, {"hour": hour, "first": first, "beyond": beyond})
    await connection.execute("UPDATE caller_hour_mark SET minute = %s", [minute])


async def of_caller(connection: Connection, client_id: str, since: datetime) -> list[Hour]:
    """The hours of a caller in which it sent anything, oldest first."""
    cursor = connection.cursor(row_factory=class_row(Hour))
    query = f"SELECT hour, {_COLUMNS} FROM caller_hour WHERE client_id = %s AND hour >= %s ORDER BY hour"
    await cursor.execute(query, [client_id, since])
    return await cursor.fetchall()


async def accepted(connection: Connection, ids: Sequence[str], since: datetime) -> dict[str, int]:
    """How many were accepted of each caller; those without any are missing."""
    cursor = await connection.execute(
        "SELECT client_id, sum(accepted)::bigint FROM caller_hour WHERE client_id = ANY(%s) AND hour >= %s GROUP BY 1",
        [list(ids), since],
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def forget(connection: Connection, life: timedelta) -> None:
    """Janitor: hours too long ago to be looked at."""
    await connection.execute("DELETE FROM caller_hour WHERE hour < ledger_now() - %s", [life])
