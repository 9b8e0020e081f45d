"""What is old enough to go, and how it goes: per class of data one question and one statement.

What belongs here: the SQL. What does not: how long each class is kept (``core.retention``), pace and order (engine).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from esoz_notify.store.ledger import Connection


@dataclass(frozen=True, slots=True)
class _Way:
    """``table`` with the time ``at`` by which its rows age; ``over``: a condition on those that may go, %(before)s.

    ``purge``: takes %(before)s and %(count)s; its rows are what went.
    """

    table: str
    at: str
    over: str
    purge: str


_NOTHING_DUE = "d.due_at IS NULL AND d.valid_until < %(before)s"
_FAMILY = "id < first_id_of(%(before)s)"


def _aged(table: str, at: str, more: str = "true") -> _Way:
    """Rows of a table that go by a time of their own."""
    over = f"{at} < %(before)s AND {more}"
    return _Way(
        table=f"{table} WHERE {more}",
        at=at,
        over=over,
        purge=f"DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} WHERE {over} LIMIT %(count)s) RETURNING 1",
    )


_WAYS = {
    "content": _Way(
        table="content c JOIN delivery d ON d.notification_id = c.notification_id",
        at="d.valid_until",
        over=f"c.notification_{_FAMILY} AND {_NOTHING_DUE}",
        purge=f"""
DELETE FROM content WHERE notification_id IN (
  SELECT c.notification_id FROM content c JOIN delivery d ON d.notification_id = c.notification_id
  WHERE c.notification_{_FAMILY} AND {_NOTHING_DUE}
  ORDER BY c.notification_id LIMIT %(count)s FOR UPDATE OF c SKIP LOCKED) RETURNING 1""",
    ),
    "receipts": _Way(
        table="receipt",
        at="received_at",
        over="id < first_id_of(%(before)s) AND received_at < %(before)s",
        purge="SELECT generate_series(1, purge_append_only('receipt', %(before)s, %(count)s))",
    ),
    "history": _Way(
        table="history h JOIN delivery d ON d.notification_id = h.notification_id",
        at="h.at",
        over=f"""
h.notification_{_FAMILY} AND {_NOTHING_DUE} AND NOT EXISTS (
  SELECT FROM history later WHERE later.notification_id = h.notification_id AND later.at >= %(before)s)""",
        purge="SELECT generate_series(1, purge_append_only('history', %(before)s, %(count)s))",
    ),
    "notifications": _Way(
        table="notification n JOIN delivery d ON d.notification_id = n.id",
        at="d.valid_until",
        over=f"""
n.{_FAMILY} AND {_NOTHING_DUE}
AND NOT EXISTS (SELECT FROM history h WHERE h.notification_id = n.id)
AND NOT EXISTS (SELECT FROM content c WHERE c.notification_id = n.id)""",
        purge=f"""
WITH old AS (
  SELECT n.id FROM notification n JOIN delivery d ON d.notification_id = n.id
  WHERE n.{_FAMILY} AND {_NOTHING_DUE}
    AND NOT EXISTS (SELECT FROM history h WHERE h.notification_id = n.id)
    AND NOT EXISTS (SELECT FROM content c WHERE c.notification_id = n.id)
  ORDER BY n.id LIMIT %(count)s FOR UPDATE OF d SKIP LOCKED
), a AS (DELETE FROM attempt USING old WHERE notification_id = old.id
), m AS (DELETE FROM provider_message USING old WHERE notification_id = old.id
), r AS (DELETE FROM receipt_of USING old WHERE notification_id = old.id
), p AS (DELETE FROM poll USING old WHERE notification_id = old.id
), x AS (DELETE FROM crisis_notification USING old WHERE notification_id = old.id
), d AS (DELETE FROM delivery USING old WHERE notification_id = old.id
) DELETE FROM notification USING old WHERE notification.id = old.id RETURNING 1""",
    ),
    "webhooks": _Way(
        table="webhook_event e",
        at="e.at",
        over=f"e.{_FAMILY}",
        purge=f"""
WITH old AS (SELECT e.id FROM webhook_event e WHERE e.{_FAMILY} ORDER BY e.id LIMIT %(count)s FOR UPDATE SKIP LOCKED
), d AS (DELETE FROM webhook_delivery USING old WHERE event_id = old.id
) DELETE FROM webhook_event USING old WHERE webhook_event.id = old.id RETURNING 1""",
    ),
    "idempotency": _aged("idempotency", "created_at"),
    "sessions": _aged("session", "ends_at"),
    "sign_in_tries": _aged("sign_in_try", "last_at"),
    "orphans": _aged("receipt_inbox", "received_at", "orphan"),
    "retired_keys": _Way(
        table="data_key WHERE retired_at IS NOT NULL AND wrapped IS NOT NULL",
        at="retired_at",
        over="retired_at < %(before)s",
        purge="""
UPDATE data_key SET wrapped = NULL WHERE id IN (
  SELECT id FROM data_key WHERE retired_at < %(before)s AND wrapped IS NOT NULL LIMIT %(count)s) RETURNING 1""",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How many rows of a class there are, how many of them are over their time, and the oldest."""

    there: int
    over: int
    oldest: datetime | None


async def standing(connection: Connection, name: str, before: datetime) -> Standing:
    """Count a class. Reads all of it."""
    way = _WAYS[name]
    cursor = await connection.execute(
        f"SELECT count(*), count(*) FILTER (WHERE {way.over}), min({way.at}) FROM {way.table}", {"before": before}
    )
    row = await cursor.fetchone()
    assert row is not None
    return Standing(there=row[0], over=row[1], oldest=row[2])


async def purge(connection: Connection, name: str, before: datetime, count_max: int) -> int:
    """Erase some of what is older than ``before``; gives how many rows went, 0 when there is no more."""
    cursor = await connection.execute(_WAYS[name].purge, {"before": before, "count": count_max})
    return len(await cursor.fetchall())


async def is_turn(connection: Connection, every_s: float) -> bool:
    """Whether the purge was not begun for so long; if so, whoever asked is the one to begin it now."""
    cursor = await connection.execute(
        "INSERT INTO purge_run (at) VALUES (ledger_now())"
        " ON CONFLICT (only_one) DO UPDATE SET at = excluded.at WHERE purge_run.at < excluded.at - %s RETURNING at",
        [timedelta(seconds=every_s)],
    )
    return await cursor.fetchone() is not None
