"""The audit in the ledger: its head, adding to it, and reading it.

What belongs here: the SQL of these tables. What does not: what a row holds and how it is hashed (``core.audit``).
"""

from datetime import datetime

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
    """Write the row that follows the head."""
    await connection.execute(
        "INSERT INTO audit (seq, at, actor, action, subject, why, details, prev, hash)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [row.seq, row.at, row.actor, row.action, row.subject, row.why, row.details, row.prev, row.hash],
    )
