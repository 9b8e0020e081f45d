"""What happened minute by minute, and what waits: figures for people, never asked for on the way of a message.

What belongs here: their SQL, each statement bounded whatever the ledger holds. What does not: what the figures mean
(``core.figures``), pages (console).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from esoz_notify.core.figures import Minute
from esoz_notify.store.ledger import Connection

COUNTED_MAX = 100_000
"""A backlog is counted so far and no further; beyond it the exact number helps nobody."""
_LOCK = 0x7A11

_OF_PEOPLE = "strpos(d.route, '@') = 0"
"""Routes that name their provider are those of probes, which tell nobody anything."""

# The way by which somebody was told is that of the last attempt that a phone confirmed.
_STORIES = """
SELECT d.lane,
       extract(epoch FROM d.ended_at - d.accepted_at) AS took_s,
       d.status,
       told.channel,
       cardinality(string_to_array(told.parts, ',')) AS parts
FROM delivery d
LEFT JOIN LATERAL (
  SELECT channel, parts FROM attempt a
  WHERE a.notification_id = d.notification_id AND a.outcome IN ('delivered', 'read')
  ORDER BY no DESC LIMIT 1
) told ON d.status = 'delivered'
"""
_FIGURES = """
count(*),
count(*) FILTER (WHERE lane = 'codes'),
count(*) FILTER (WHERE channel IS NOT NULL AND took_s <= 10),
count(*) FILTER (WHERE (channel IS NOT NULL AND took_s <= 60) OR status IN ('printed', 'print_required')),
count(*) FILTER (WHERE channel = 'diia' AND took_s <= 60),
count(*) FILTER (WHERE channel = 'viber' AND took_s <= 60),
count(*) FILTER (WHERE channel = 'sms' AND took_s <= 60),
count(*) FILTER (WHERE status IN ('printed', 'print_required')),
coalesce(sum(parts) FILTER (WHERE channel = 'sms' AND took_s <= 60), 0)
"""
_COLUMNS = "accepted, codes, told_10s, told_60s, diia, viber, sms, paper, sms_parts"
_COUNT = f"""
INSERT INTO minute_tally (minute, {_COLUMNS})
SELECT %s, {_FIGURES} FROM (
  {_STORIES} WHERE d.notification_id >= %s AND d.notification_id < %s AND {_OF_PEOPLE}
) stories
ON CONFLICT (minute) DO NOTHING
"""


async def is_alone(connection: Connection) -> bool:
    """Whether no other process is counting; holds for the transaction."""
    row = await (await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])).fetchone()
    return bool(row and row[0])


async def last(connection: Connection) -> datetime | None:
    """The last minute that was counted."""
    row = await (await connection.execute("SELECT max(minute) FROM minute_tally")).fetchone()
    return row[0] if row else None


async def count(connection: Connection, minute: datetime, first: UUID, beyond: UUID) -> None:
    """Count what was accepted under ids from ``first`` up to ``beyond``. Idempotent."""
    await connection.execute(_COUNT, [minute, first, beyond])


async def minutes(connection: Connection, since: datetime) -> list[Minute]:
    """Those counted since a moment, oldest first; a minute without anything is there with zeros."""
    cursor = await connection.execute(
        f"SELECT minute, {_COLUMNS} FROM minute_tally WHERE minute >= %s ORDER BY minute", [since]
    )
    return [Minute(*row) for row in await cursor.fetchall()]


async def lately(connection: Connection, began: datetime, first: UUID, beyond: UUID, count_max: int) -> Minute:
    """The same figures of the newest ``count_max`` of those accepted under ids from ``first`` up to ``beyond``."""
    between = f"WHERE d.notification_id >= %s AND d.notification_id < %s AND {_OF_PEOPLE}"
    newest = f"{_STORIES} {between} ORDER BY d.notification_id DESC LIMIT %s"
    cursor = await connection.execute(f"SELECT {_FIGURES} FROM ({newest}) stories", [first, beyond, count_max])
    row = await cursor.fetchone()
    assert row is not None
    return Minute(began, *row)


async def accepted(connection: Connection, first: UUID, count_max: int) -> int:
    """How many were accepted under ids from ``first``; counted up to ``count_max``."""
    cursor = await connection.execute(
        f"SELECT count(*) FROM (SELECT FROM delivery d WHERE notification_id >= %s AND {_OF_PEOPLE} LIMIT %s) lately",
        [first, count_max],
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What of a lane should have moved by now. ``count``: up to COUNTED_MAX. ``oldest_at``: when the oldest was due."""

    lane: str
    count: int
    oldest_at: datetime | None


_BACKLOG = """
SELECT (SELECT count(*) FROM (
          SELECT FROM delivery WHERE lane = %(lane)s AND due_at IS NOT NULL AND due_at <= ledger_now() LIMIT %(most)s
        ) due),
       (SELECT min(due_at) FROM delivery WHERE lane = %(lane)s AND due_at IS NOT NULL AND due_at <= ledger_now())
"""


async def backlog(connection: Connection, lanes: Sequence[str]) -> list[Backlog]:
    """What is due and not yet done, by lane."""
    found = []
    for lane in lanes:
        cursor = await connection.execute(_BACKLOG, {"lane": lane, "most": COUNTED_MAX})
        row: tuple[Any, ...] | None = await cursor.fetchone()
        assert row is not None
        found.append(Backlog(lane=lane, count=row[0], oldest_at=row[1]))
    return found


async def forget(connection: Connection, life: timedelta) -> int:
    """Janitor: minutes too long ago to be looked at."""
    cursor = await connection.execute("DELETE FROM minute_tally WHERE minute < ledger_now() - %s", [life])
    return cursor.rowcount
