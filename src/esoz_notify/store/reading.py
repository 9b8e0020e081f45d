"""Notifications read for people and callers: one with its whole story, lists by keyset.

What belongs here: reading SQL. What does not: the hot path (``ledger``) or what a caller may see (engine).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from esoz_notify.core.delivery import Delivery, Fact
from esoz_notify.core.history import from_record
from esoz_notify.store.ledger import Connection
from esoz_notify.store.rows import ATTEMPT_COLUMNS, DELIVERY_COLUMNS, AttemptRow, DeliveryRow, read_delivery


class Stored(Struct, frozen=True, kw_only=True):
    """A notification as the ledger holds it, without its sealed content."""

    id: UUID
    client_id: str
    kind: str
    reference: str | None
    patient_id: UUID | None
    language: str
    policy: str
    recipient: dict[str, Any]
    traceparent: str | None
    created_at: datetime
    first_status: str
    version: int
    state: Delivery


_NOTIFICATION = (
    "id, client_id, kind, reference, patient_id, language, policy, recipient, traceparent, created_at, first_status"
)
_WIDTH = len(_NOTIFICATION.split(","))
_ONE = f"""
SELECT {_NOTIFICATION}, {DELIVERY_COLUMNS} FROM notification n JOIN delivery d ON d.notification_id = n.id
"""


async def one(connection: Connection, notification_id: UUID) -> Stored | None:
    """A notification with its attempts."""
    found = await some(connection, [notification_id])
    return found[0] if found else None


async def some(connection: Connection, ids: Sequence[UUID]) -> list[Stored]:
    """Notifications with their attempts, newest first; unknown ids are missing."""
    cursor = await connection.execute(f"{_ONE} WHERE n.id = ANY(%b::uuid[]) ORDER BY n.id DESC", [list(ids)])
    return await _with_attempts(connection, await cursor.fetchall())


async def traceparents(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, str]:
    """What callers said of their traces, of those that said anything."""
    statement = "SELECT id, traceparent FROM notification WHERE id = ANY(%b::uuid[]) AND traceparent IS NOT NULL"
    return dict(await (await connection.execute(statement, [list(ids)])).fetchall())


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which notifications a list shows; None means any. ``before``: keyset cursor, the last id already shown."""

    client_id: str | None = None
    reference: str | None = None
    status: str | None = None
    statuses: Sequence[str] | None = None
    kind: str | None = None
    phone_index: bytes | None = None
    number_index: bytes | None = None
    patient_id: UUID | None = None
    crisis_id: UUID | None = None
    before: UUID | None = None


async def page(connection: Connection, wanted: Filter, count_max: int) -> list[Stored]:
    """One page of notifications, newest first (ids are ordered by time)."""
    conditions = {
        "n.client_id = %s": wanted.client_id,
        "n.reference = %s": wanted.reference,
        "d.status = %s": wanted.status,
        "d.status = ANY(%s)": None if wanted.statuses is None else list(wanted.statuses),
        "n.kind = %s": wanted.kind,
        "n.phone_index = %s": wanted.phone_index,
        "n.number_index = %s": wanted.number_index,
        "n.patient_id = %s": wanted.patient_id,
        "n.id IN (SELECT notification_id FROM crisis_notification WHERE crisis_id = %s)": wanted.crisis_id,
        "n.id < %s": wanted.before,
    }
    used = {sql: value for sql, value in conditions.items() if value is not None}
    where = " AND ".join(used) or "true"
    cursor = await connection.execute(f"{_ONE} WHERE {where} ORDER BY n.id DESC LIMIT %s", [*used.values(), count_max])
    return await _with_attempts(connection, await cursor.fetchall())


async def _with_attempts(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Stored]:
    ids = [row[0] for row in rows]
    cursor = await connection.execute(
        f"SELECT {ATTEMPT_COLUMNS} FROM attempt WHERE notification_id = ANY(%b::uuid[]) ORDER BY no", [ids]
    )
    attempts: dict[UUID, list[AttemptRow]] = {}
    for row in await cursor.fetchall():
        attempts.setdefault(row[0], []).append(AttemptRow(*row))
    return [_stored(row, attempts.get(row[0], [])) for row in rows]


def _stored(row: tuple[Any, ...], attempts: Sequence[AttemptRow]) -> Stored:
    delivery = DeliveryRow(*row[_WIDTH:])
    return Stored(
        id=row[0],
        client_id=row[1],
        kind=row[2],
        reference=row[3],
        patient_id=row[4],
        language=row[5],
        policy=row[6],
        recipient=row[7],
        traceparent=row[8],
        created_at=row[9],
        first_status=row[10],
        version=delivery.version,
        state=read_delivery(delivery, attempts),
    )


async def by_key(connection: Connection, client_id: str, key: str) -> tuple[UUID, bytes] | None:
    """The notification that an idempotency key already made, with the fingerprint of its request.

    Its row is locked, which is a write: the commit waits for a second server to have everything up to here. Else a
    repeat could be answered by what the first commit, whose wait was cut off, has left on one server alone.
    """
    cursor = await connection.execute(
        "SELECT notification_id, fingerprint FROM idempotency WHERE client_id = %s AND key = %s FOR KEY SHARE",
        [client_id, key],
    )
    row = await cursor.fetchone()
    return (row[0], bytes(row[1])) if row else None


async def history(connection: Connection, notification_id: UUID, after: int = 0) -> list[tuple[int, Fact]]:
    """Facts of a notification in order, with their number, from the one after ``after``."""
    cursor = await connection.execute(
        "SELECT seq, at, fact, record FROM history WHERE notification_id = %s AND seq > %s ORDER BY seq",
        [notification_id, after],
    )
    return [(seq, from_record(fact, at, record)) for seq, at, fact, record in await cursor.fetchall()]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedContent:
    """Sealed personal data of a notification for the printed summary."""

    data: bytes
    code: bytes | None
    summary: bytes | None


async def sealed_contents(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, SealedContent]:
    """What summaries are made of, sealed, by notification."""
    cursor = await connection.execute(
        "SELECT notification_id, data, code, summary FROM content WHERE notification_id = ANY(%b::uuid[])", [list(ids)]
    )
    rows = await cursor.fetchall()
    return {row[0]: SealedContent(data=row[1], code=row[2], summary=row[3]) for row in rows}


async def forget_keys(connection: Connection, life_s: float) -> int:
    """Janitor: idempotency keys older than their life."""
    cursor = await connection.execute(
        "DELETE FROM idempotency WHERE created_at < ledger_now() - make_interval(secs => %s)", [life_s]
    )
    return cursor.rowcount


async def is_read_only(connection: Connection) -> bool:
    """Whether the ledger refuses to be written now: so it was told, or it is a standby."""
    row = await (await connection.execute("SELECT current_setting('transaction_read_only')::boolean")).fetchone()
    assert row is not None
    return bool(row[0])


async def ledger_now(connection: Connection) -> datetime:
    """The ledger's time."""
    row = await (await connection.execute("SELECT ledger_now()")).fetchone()
    assert row is not None
    now: datetime = row[0]
    return now


async def log_position(connection: Connection) -> int:
    """How far the primary's write-ahead log has come, in bytes."""
    row = await (await connection.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")).fetchone()
    assert row is not None
    position: int = row[0]
    return position


async def replayed_position(connection: Connection) -> int | None:
    """How far of it a replica shows; None when this server is none (any more), and tells of another log."""
    cursor = await connection.execute(
        "SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint END"
    )
    row = await cursor.fetchone()
    return row[0] if row else None
