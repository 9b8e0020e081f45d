"""What a ledger that was restored from a backup has on its hands, and what a later one says of it.

What belongs here: its SQL. What does not: what is done about it (``engine.restoring``).
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from esoz_notify.store.ledger import Connection

_ON_THE_WAY = """
SELECT d.notification_id, d.version FROM delivery d
WHERE d.status IN ('accepted', 'in_delivery') AND d.valid_until > ledger_now() AND d.notification_id > %s
ORDER BY d.notification_id LIMIT %s
"""
_LATER = """
SELECT notification_id, count(*) FROM history WHERE notification_id = ANY(%s) GROUP BY notification_id
"""


async def on_the_way(connection: Connection, after: UUID, count_max: int) -> dict[UUID, int]:
    """Notifications that go on by themselves, with how many facts their histories have; in order, after one."""
    cursor = await connection.execute(_ON_THE_WAY, [after, count_max])
    return dict(await cursor.fetchall())


async def facts_of(connection: Connection, ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """How many facts the histories of these have here; one without any is left out."""
    return dict(await (await connection.execute(_LATER, [list(ids)])).fetchall())
