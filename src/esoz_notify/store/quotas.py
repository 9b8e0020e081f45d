"""Quotas as processes share them: settling what was taken, and reading what is left.

What belongs here: the SQL of these small tables. What does not: counting (``engine.quotas``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from esoz_notify.store.ledger import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a process let through of a subject since it last settled."""

    subject: str
    count: int
    quota: float
    window_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What is left of a subject's quota now; below 0 when more was let through than there was."""

    subject: str
    remaining: float
    quota: float
    window_s: float


async def may_be_lost(connection: Connection) -> None:
    """Let this transaction's commit not wait for the disk: a crash of the server forgets a second's counts, no more."""
    await connection.execute("SET LOCAL synchronous_commit = off")


_SETTLE = """
INSERT INTO quota AS q (subject, remaining, quota, window_s, at)
SELECT subject, quota - count, quota, window_s, ledger_now()
FROM unnest(%b::text[], %b::double precision[], %b::double precision[], %b::double precision[])
  AS t(subject, count, quota, window_s)
ORDER BY subject
ON CONFLICT (subject) DO UPDATE SET
  remaining = greatest(-EXCLUDED.quota, least(EXCLUDED.quota,
      q.remaining + q.quota / q.window_s * greatest(0, extract(epoch FROM EXCLUDED.at - q.at)))
    - (EXCLUDED.quota - EXCLUDED.remaining)),
  quota = EXCLUDED.quota, window_s = EXCLUDED.window_s, at = greatest(q.at, EXCLUDED.at)
"""


async def settle(connection: Connection, taken: Sequence[Taken]) -> None:
    """Take away what was let through. In the order of subjects, so that two processes never wait for each other."""
    columns = ([one.subject for one in taken], [float(one.count) for one in taken])
    await connection.execute(_SETTLE, [*columns, [one.quota for one in taken], [one.window_s for one in taken]])


_LEVELS = """
SELECT subject, quota, window_s,
       least(quota, remaining + quota / window_s * greatest(0, extract(epoch FROM ledger_now() - at))) AS remaining
FROM quota WHERE at > %s ORDER BY at DESC LIMIT %s
"""


async def levels(connection: Connection, since: datetime, count_max: int) -> list[Level]:
    """The subjects that anybody settled since, the newest first."""
    cursor = connection.cursor(row_factory=class_row(Level))
    await cursor.execute(_LEVELS, [since, count_max])
    return await cursor.fetchall()


async def forget_full(connection: Connection) -> None:
    """Forget subjects that have all of their quota again."""
    await connection.execute(
        "DELETE FROM quota WHERE remaining + quota / window_s * extract(epoch FROM ledger_now() - at) >= quota"
    )


async def seen(connection: Connection, process: UUID) -> None:
    """Say that a process lives."""
    await connection.execute(
        "INSERT INTO quota_process (id, seen_at) VALUES (%s, ledger_now())"
        " ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at",
        [process],
    )


async def living(connection: Connection, life_s: float) -> int:
    """How many processes there are; those not seen for ``life_s`` are dead."""
    cursor = await connection.execute(
        "SELECT count(*) FROM quota_process WHERE seen_at > ledger_now() - make_interval(secs => %s)", [life_s]
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def leave(connection: Connection, process: UUID, life_s: float) -> None:
    """Say that a process is no more, and forget those that died long ago."""
    await connection.execute(
        "DELETE FROM quota_process WHERE id = %s OR seen_at < ledger_now() - make_interval(secs => %s)",
        [process, 100 * life_s],
    )


async def of_callers(connection: Connection) -> dict[str, int]:
    """Requests in a minute of the callers that have a number of their own."""
    cursor = await connection.execute("SELECT id, requests_per_min FROM client WHERE requests_per_min IS NOT NULL")
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def set_of_caller(connection: Connection, client_id: str, per_min: int | None) -> bool:
    """Give a caller a number of its own, or with None that of the settings; False when there is no such caller."""
    cursor = await connection.execute(
        "UPDATE client SET requests_per_min = %s WHERE id = %s RETURNING id", [per_min, client_id]
    )
    return await cursor.fetchone() is not None
