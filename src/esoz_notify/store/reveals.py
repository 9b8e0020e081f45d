"""What is shown of a notification for a reason: its sealed fields, and who saw them when.

What belongs here: reading SQL. What does not: who may see (engine), noting that somebody did (the audit).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from esoz_notify.store.ledger import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedMessage:
    """Phone and data of a notification, sealed; None: there is none, or it has been erased."""

    phone: bytes | None = field(repr=False)
    data: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """That somebody saw it. ``action``: of the audit."""

    action: str
    name: str
    at: datetime
    why: str


async def sealed_message(connection: Connection, notification_id: UUID) -> SealedMessage | None:
    """What may be shown of a notification, sealed; None when all of it has been erased."""
    cursor = connection.cursor(row_factory=class_row(SealedMessage))
    await cursor.execute("SELECT phone, data FROM content WHERE notification_id = %s", [notification_id])
    return await cursor.fetchone()


async def seen(connection: Connection, notification_id: UUID, actions: Sequence[str]) -> list[Seen]:
    """Who saw what of a notification, oldest first."""
    cursor = connection.cursor(row_factory=class_row(Seen))
    await cursor.execute(
        "SELECT a.action, coalesce(p.name, a.actor) AS name, a.at, coalesce(a.why, '') AS why FROM audit a"
        " LEFT JOIN person p ON a.actor = 'person:' || p.login"
        " WHERE a.subject = %s AND a.action = ANY(%s) ORDER BY a.seq",
        [f"notification:{notification_id}", list(actions)],
    )
    return await cursor.fetchall()
