"""What one notification's story is told from besides its history: receipts as they came, and providers' ids.

What belongs here: reading SQL. What does not: history and attempts (``reading``), taking receipts in (``receiving``).
"""

from uuid import UUID

from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.story import Received
from esoz_notify.store.ledger import Connection

_RECEIVED = """
SELECT id, received_at, attempt_no, part, state, reason, detail, provider_message_id FROM receipt_of
WHERE notification_id = %s ORDER BY id LIMIT %s
"""


async def received(connection: Connection, notification_id: UUID, count_max: int) -> list[Received]:
    """The first receipts of a notification, in order of arrival."""
    cursor = await connection.execute(_RECEIVED, [notification_id, count_max])
    return [
        Received(
            id=row[0],
            at=row[1],
            attempt_no=row[2],
            part=row[3],
            state=ReceiptState(row[4]),
            reason=Reason(row[5]) if row[5] else None,
            detail=row[6],
            provider_message_id=row[7],
        )
        for row in await cursor.fetchall()
    ]


async def message_ids(connection: Connection, notification_id: UUID, count_max: int) -> dict[int, list[str]]:
    """The ids that providers gave to the parts of each attempt, by its number."""
    cursor = await connection.execute(
        "SELECT attempt_no, provider_message_id FROM provider_message WHERE notification_id = %s"
        " ORDER BY attempt_no, part LIMIT %s",
        [notification_id, count_max],
    )
    found: dict[int, list[str]] = {}
    for no, message_id in await cursor.fetchall():
        found.setdefault(no, []).append(message_id)
    return found


_RAW = """
SELECT o.provider_message_id, o.receipt_id, r.raw FROM receipt_of o LEFT JOIN receipt r ON r.id = o.receipt_id
WHERE o.notification_id = %s AND o.id = %s
"""


async def raw_receipt(connection: Connection, notification_id: UUID, no: int) -> tuple[str, UUID, bytes | None] | None:
    """The provider's id of the message, the id of the raw form and the form itself, sealed; it may be erased."""
    cursor = await connection.execute(_RAW, [notification_id, no])
    return await cursor.fetchone()
