"""The memory of phones: on which channels they were not reachable, under their blind index only.

What belongs here: its SQL. What does not: what teaches something, and for how long (``core.reach``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from esoz_notify.core.channel import Channel
from esoz_notify.core.reach import Lesson
from esoz_notify.core.receipts import Reason
from esoz_notify.store.arrays import packed
from esoz_notify.store.ledger import Connection, read_remembered, remembered_of

# Taken in the order of keys, and forgetting waits for nobody: two transactions cannot lock each other out.
_REMEMBER = """
INSERT INTO reach (phone_index, channel, reason, noted_at, until)
SELECT DISTINCT ON (n.phone_index, t.channel) n.phone_index, t.channel, t.reason, ledger_now(), ledger_now() + t.life
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::interval[]) AS t(id, channel, reason, life)
JOIN notification n ON n.id = t.id WHERE n.phone_index IS NOT NULL
ORDER BY n.phone_index, t.channel, t.life DESC
ON CONFLICT (phone_index, channel) DO UPDATE SET reason = excluded.reason, noted_at = excluded.noted_at,
       until = excluded.until
"""

# As ``remembered_of``, by the phone alone: planned while nothing was remembered, an IN goes through all of it.
_FORGET = """
DELETE FROM reach WHERE ctid = ANY(ARRAY(
  SELECT r.place FROM unnest(%b::uuid[], %b::text[]) AS t(id, channel) JOIN notification n ON n.id = t.id
  CROSS JOIN LATERAL (
    SELECT reach.ctid AS place FROM reach WHERE reach.phone_index = n.phone_index AND reach.channel = t.channel
    FOR UPDATE SKIP LOCKED) AS r))
"""


async def learn(connection: Connection, lessons: Sequence[tuple[UUID, Lesson]]) -> None:
    """Remember and forget what deliveries taught about the phones of these notifications."""
    bad = [
        (one, lesson.channel.value, lesson.reason.value, timedelta(seconds=lesson.life_s))
        for one, lesson in lessons
        if lesson.reason is not None
    ]
    good = [(one, lesson.channel.value) for one, lesson in lessons if lesson.reason is None]
    if bad:
        await connection.execute(_REMEMBER, packed(_REMEMBER, bad))
    if good:
        await connection.execute(_FORGET, packed(_FORGET, good))


_KNOWN = f"SELECT n.id, {remembered_of('n.phone_index')} FROM notification n WHERE n.id = ANY(%b::uuid[])"


async def known(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, dict[Channel, Reason]]:
    """Channels on which the phones of these notifications were not reachable, and why; one query for a batch."""
    found = await (await connection.execute(_KNOWN, [list(ids)])).fetchall()
    return {one: read_remembered(pairs) for one, pairs in found if pairs}


@dataclass(frozen=True, slots=True)
class Remembered:
    """One thing remembered of a phone."""

    channel: Channel
    reason: Reason
    noted_at: datetime
    until: datetime


async def of_phone(connection: Connection, phone_index: bytes) -> list[Remembered]:
    """What is remembered of a phone, for people to see."""
    cursor = await connection.execute(
        "SELECT channel, reason, noted_at, until FROM reach WHERE phone_index = %s AND until > ledger_now()"
        " ORDER BY channel",
        [phone_index],
    )
    return [Remembered(Channel(row[0]), Reason(row[1]), row[2], row[3]) for row in await cursor.fetchall()]


async def forget_over(connection: Connection) -> int:
    """Janitor: what is believed no more."""
    return (await connection.execute("DELETE FROM reach WHERE until < ledger_now()")).rowcount
