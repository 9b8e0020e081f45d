"""The audit in the ledger: its head, adding to it, and reading it.

What belongs here: the SQL of these tables. What does not: what a row holds and how it is hashed (``core.audit``).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from esoz_notify.core.anchors import Anchor
from esoz_notify.core.audit import GENESIS, Entry, Head
from esoz_notify.store.ledger import Connection

_LOCK_ID = 7_234_080


async def head(connection: Connection) -> tuple[Head, datetime]:
    """The last row and the ledger's time; nobody else adds a row until this transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_ID])
    # A statement of its own: it must see what was committed while the lock was waited for.
    cursor = await connection.execute(
        "SELECT a.seq, a.hash, ledger_now() FROM (SELECT 1) AS always"
        " LEFT JOIN LATERAL (SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1) AS a ON true"
    )
    row = await cursor.fetchone()
    assert row is not None
    return GENESIS if row[0] is None else Head(row[0], row[1]), row[2]


async def add(connection: Connection, row: Entry) -> None:
    """Write the row that follows the head. Raises RuntimeError when something in the database swallows it."""
    cursor = await connection.execute(
        "INSERT INTO audit (seq, at, actor, action, subject, why, details, prev, hash)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING seq",
        [row.seq, row.at, row.actor, row.action, row.subject, row.why, row.details, row.prev, row.hash],
    )
    if await cursor.fetchone() is None:
        raise RuntimeError("the ledger did not keep a row of the audit: some trigger or rule is in the way")


# --- reading ----------------------------------------------------------------------------------------------------------

# What somebody with full rights put there may be no value of ours; the walk must name it, not stumble over it.
_ENTRY = """
SELECT coalesce(seq, 0) AS seq, CASE WHEN at BETWEEN '0001-01-02' AND '9999-12-30' THEN at END AS at, actor, action,
       subject, why, details, prev, hash
FROM audit
"""
_FETCHED = 2000


async def freeze(connection: Connection) -> None:
    """From here on this transaction sees the ledger as it is at its first look; to be called first in it."""
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


async def count(connection: Connection) -> int:
    """How many rows there are."""
    row = await (await connection.execute("SELECT count(*) FROM audit")).fetchone()
    assert row is not None
    return int(row[0])


async def every(connection: Connection, after: int = 0) -> AsyncIterator[Entry]:
    """Every row after one, the first first, however many there are."""
    async with connection.cursor(name="audit_every", row_factory=class_row(Entry)) as cursor:
        cursor.itersize = _FETCHED
        # Without a condition from the first on: what somebody put before it, or without a number, is found too.
        await cursor.execute(f"{_ENTRY} {f'WHERE seq > {after:d}' if after else ''} ORDER BY seq")
        async for row in cursor:
            yield row


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows a list shows; None means any. ``until`` itself is left out."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def find(connection: Connection, wanted: Wanted, count_max: int) -> list[Entry]:
    """Rows, newest first."""
    cursor = connection.cursor(row_factory=class_row(Entry))
    await cursor.execute(
        f"{_ENTRY} WHERE (%(actor)s::text IS NULL OR actor = %(actor)s)"
        " AND (%(action)s::text IS NULL OR action = %(action)s)"
        " AND (%(subject)s::text IS NULL OR subject = %(subject)s)"
        " AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)"
        " AND (%(until)s::timestamptz IS NULL OR at < %(until)s)"
        " ORDER BY audit.seq DESC LIMIT %(count_max)s",
        {
            "actor": wanted.actor,
            "action": wanted.action,
            "subject": wanted.subject,
            "since": wanted.since,
            "until": wanted.until,
            "count_max": count_max,
        },
    )
    return await cursor.fetchall()


async def hash_at(connection: Connection, seq: int) -> bytes | None:
    """The hash of a row; None when there is no such row."""
    if seq == GENESIS.seq:
        return GENESIS.hash
    row = await (await connection.execute("SELECT hash FROM audit WHERE seq = %s", [seq])).fetchone()
    return row[0] if row else None


# --- anchors ----------------------------------------------------------------------------------------------------------

_ANCHOR = "SELECT no, seq, hash, at, key_id, signature FROM audit_anchor"


async def anchors(connection: Connection) -> list[Anchor]:
    """Every anchor, the first first."""
    cursor = await connection.execute(f"{_ANCHOR} WHERE at BETWEEN '0001-01-02' AND '9999-12-30' ORDER BY no")
    return [_anchor(row) for row in await cursor.fetchall()]


async def last_anchor(connection: Connection) -> Anchor | None:
    """The newest anchor."""
    row = await (await connection.execute(f"{_ANCHOR} ORDER BY no DESC LIMIT 1")).fetchone()
    return _anchor(row) if row else None


async def anchors_from(connection: Connection, seq: int, count_max: int) -> list[Anchor]:
    """The anchors that stand at a row or after it, by row; the newest ``count_max`` of them."""
    cursor = await connection.execute(
        f"{_ANCHOR} WHERE seq >= %s AND at BETWEEN '0001-01-02' AND '9999-12-30' ORDER BY no DESC LIMIT %s",
        [seq, count_max],
    )
    return sorted((_anchor(row) for row in await cursor.fetchall()), key=lambda one: one.head.seq)


async def newest(connection: Connection) -> int:
    """The number of the last row; 0 when there is none."""
    row = await (await connection.execute("SELECT seq FROM audit ORDER BY seq DESC LIMIT 1")).fetchone()
    return int(row[0]) if row else 0


def _anchor(row: tuple[Any, ...]) -> Anchor:
    return Anchor(no=row[0], head=Head(row[1], row[2]), at=row[3], key_id=row[4], signature=row[5])


async def add_anchor(connection: Connection, anchor: Anchor) -> None:
    """Write an anchor."""
    await connection.execute(
        "INSERT INTO audit_anchor (no, seq, hash, at, key_id, signature) VALUES (%s, %s, %s, %s, %s, %s)",
        [anchor.no, anchor.head.seq, anchor.head.hash, anchor.at, anchor.key_id, anchor.signature],
    )
