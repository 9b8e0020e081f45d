"""The ledger's hot statements: intake, claim, lock, agenda. Each takes a connection inside the caller's transaction.

What belongs here: SQL over many notifications at once; no statement runs once per notification. What does not:
decisions (core), transactions and retries (engine), what came of it (``saving``), reading for people (``reading``).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from msgspec import Struct

from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import Delivery, due_at
from esoz_notify.core.limits import WEBHOOK_KEPT_DAYS
from esoz_notify.core.receipts import Reason
from esoz_notify.store.arrays import packed
from esoz_notify.store.rows import (
    ATTEMPT_COLUMNS,
    DELIVERY_COLUMNS,
    AttemptRow,
    DeliveryRow,
    read_delivery,
    write_route,
)

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

NOW = "(SELECT ledger_now())"
"""The ledger's time, asked for once by a statement that uses it row by row: asking costs ten times a comparison."""

AGENDA = "esoz_notify_agenda"
"""The channel of the hint that something has become due; its payload is the lane."""

HEARS = f"(w.disabled_at IS NULL OR w.disabled_at > {NOW} - interval '{WEBHOOK_KEPT_DAYS} days')"
"""Whether what happens is written down for the webhook ``w``."""


class NewNotification(Struct, frozen=True, kw_only=True):
    """Everything that intake writes for one notification. Sealed fields are bytes; None where there is none.

    ``crises``: the crisis switches that cover it.
    """

    id: UUID
    client_id: str
    kind: str
    lane: str
    reference: str | None
    patient_id: UUID | None
    language: str
    policy: str
    phone_index: bytes | None
    number_index: bytes | None
    recipient: dict[str, object]
    traceparent: str | None
    phone: bytes | None
    tax_id: bytes | None
    data: bytes
    code: bytes | None
    summary: bytes | None
    idempotency_key: str
    fingerprint: bytes
    delivery: Delivery
    crises: tuple[UUID, ...] = ()


class Locked(Struct, frozen=True):
    """A delivery that this transaction holds the row lock of. ``version``: facts in its history so far.

    ``watched``: its caller's webhooks are told what becomes of it. ``handed_to``: the provider whose workers take it.
    ``remembered``: channels on which its phone was not reachable, and why; only what is claimed is asked so much.
    """

    id: UUID
    lane: str
    version: int
    state: Delivery
    watched: bool = False
    handed_to: str | None = None
    remembered: Mapping[Channel, Reason] = {}


_INTAKE = f"""
WITH given AS (
  SELECT * FROM unnest(
    %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::uuid[], %b::text[], %b::text[], %b::bytea[],
    %b::bytea[], %b::jsonb[], %b::text[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[], %b::text[],
    %b::bytea[], %b::text[], %b::text[], %b::boolean[], %b::boolean[], %b::timestamptz[], %b::timestamptz[],
    %b::timestamptz[])
  AS t(id, client_id, kind, lane, reference, patient_id, language, policy, phone_index, number_index, recipient,
       traceparent, phone, tax_id, data, code, summary, idempotency_key, fingerprint,
       status, route, has_code, is_code, accepted_at, valid_until, due_at)
), fresh AS (
  INSERT INTO idempotency (client_id, key, fingerprint, notification_id, created_at)
  SELECT client_id, idempotency_key, fingerprint, id, accepted_at FROM given
  ON CONFLICT (client_id, key) DO NOTHING
  RETURNING notification_id
), n AS (
  INSERT INTO notification (id, client_id, kind, reference, patient_id, language, policy, phone_index, number_index,
                            recipient, traceparent, created_at, first_status)
  SELECT id, client_id, kind, reference, patient_id, language, policy, phone_index, number_index, recipient,
         traceparent, accepted_at, status
  FROM given JOIN fresh ON fresh.notification_id = given.id
), c AS (
  INSERT INTO content (notification_id, phone, tax_id, data, code, summary)
  SELECT id, phone, tax_id, data, code, summary FROM given JOIN fresh ON fresh.notification_id = given.id
), d AS (
  INSERT INTO delivery (notification_id, lane, status, route, has_code, is_code, accepted_at, valid_until, due_at,
                        watched)
  SELECT id, lane, status, route, has_code, is_code, accepted_at, valid_until, due_at,
         EXISTS (SELECT FROM webhook w WHERE w.client_id = given.client_id AND {HEARS})
  FROM given JOIN fresh ON fresh.notification_id = given.id
), x AS (
  INSERT INTO crisis_notification (crisis_id, notification_id)
  SELECT crisis_id, id FROM unnest(%b::uuid[], %b::uuid[]) AS covered(id, crisis_id)
  JOIN fresh ON fresh.notification_id = covered.id
)
SELECT array_agg(notification_id), pg_notify('{AGENDA}', lane)
FROM fresh JOIN given ON fresh.notification_id = given.id GROUP BY lane
"""


async def intake(connection: Connection, rows: Sequence[NewNotification]) -> set[UUID]:
    """Write accepted notifications, and tell workers of their lanes, in one statement: whole without a transaction.

    Returns the ids written: those missing had their idempotency key taken already.
    """
    values = [
        (
            row.id,
            row.client_id,
            row.kind,
            row.lane,
            row.reference,
            row.patient_id,
            row.language,
            row.policy,
            row.phone_index,
            row.number_index,
            row.recipient,
            row.traceparent,
            row.phone,
            row.tax_id,
            row.data,
            row.code,
            row.summary,
            row.idempotency_key,
            row.fingerprint,
            row.delivery.status,
            write_route(row.delivery.steps),
            row.delivery.has_code,
            row.delivery.is_code,
            row.delivery.accepted_at,
            row.delivery.valid_until,
            due_at(row.delivery),
        )
        for row in rows
    ]
    covered = [(row.id, crisis_id) for row in rows for crisis_id in row.crises]
    cursor = await connection.execute(_INTAKE, packed(_INTAKE, values, covered))
    return {one for row in await cursor.fetchall() for one in row[0]}


def remembered_of(phone_index: str) -> str:
    """SQL: channels on which a phone is believed not to be reachable, each with its reason; NULL when there are none.

    By the phone alone: a join that is planned while nothing is remembered goes through all that there is, row by row.
    """
    return (
        f"(SELECT array_agg(ARRAY[r.channel, r.reason]) FILTER (WHERE r.until > {NOW})"
        f" FROM reach r WHERE r.phone_index = {phone_index})"
    )


def read_remembered(pairs: Sequence[Sequence[str]] | None) -> dict[Channel, Reason]:
    """What ``remembered_of`` selected."""
    return {Channel(channel): Reason(reason) for channel, reason in pairs or ()}


_PHONE = "(SELECT n.phone_index FROM notification n WHERE n.id = delivery.notification_id)"

_CLAIM = f"""
SELECT {DELIVERY_COLUMNS}, {remembered_of(_PHONE)}, {NOW} FROM delivery
WHERE lane = %s AND due_at <= ledger_now() AND (handed_to IS NULL OR handed_to <> ALL(%s))
ORDER BY due_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""

_LOCK = f"""
SELECT {DELIVERY_COLUMNS}, NULL, {NOW} FROM delivery
WHERE notification_id = ANY(%b::uuid[]) ORDER BY notification_id FOR NO KEY UPDATE
"""

_ATTEMPTS = f"SELECT {ATTEMPT_COLUMNS} FROM attempt WHERE notification_id = ANY(%b::uuid[]) ORDER BY no"


async def claim(
    connection: Connection, lane: str, count_max: int, away: Collection[str] = ()
) -> tuple[list[Locked], datetime | None]:
    """Lock up to ``count_max`` due deliveries of a lane that nobody else holds, the longest due first.

    What was handed to a provider that is ``away`` is left to those who can use it. Also returns the ledger's time, by
    which they are due; None when there is nothing.
    """
    cursor = await connection.execute(_CLAIM, [lane, list(away), count_max])
    return await _with_attempts(connection, await cursor.fetchall())


async def lock(connection: Connection, ids: Sequence[UUID]) -> tuple[list[Locked], datetime | None]:
    """Lock these deliveries, waiting for others; in the order of ids, so that two callers cannot deadlock."""
    cursor = await connection.execute(_LOCK, [list(ids)])
    return await _with_attempts(connection, await cursor.fetchall())


async def _with_attempts(
    connection: Connection, rows: Sequence[tuple[Any, ...]]
) -> tuple[list[Locked], datetime | None]:
    if not rows:
        return [], None
    deliveries = [DeliveryRow(*row[:-2]) for row in rows]
    # A delivery that has no history has no attempts either: most claims are first claims, and need no second look.
    ids = [row.notification_id for row in deliveries if row.version]
    attempts: dict[UUID, list[AttemptRow]] = {}
    if ids:
        cursor = await connection.execute(_ATTEMPTS, [ids])
        for row in await cursor.fetchall():
            attempt = AttemptRow(*row)
            attempts.setdefault(attempt.notification_id, []).append(attempt)
    locked = [
        Locked(
            row.notification_id,
            row.lane,
            row.version,
            read_delivery(row, attempts.get(row.notification_id, ())),
            row.watched,
            row.handed_to,
            read_remembered(remembered),
        )
        for row, (*_, remembered, _) in zip(deliveries, rows, strict=True)
    ]
    return locked, rows[0][-1]


_POSTPONE = f"""
UPDATE delivery SET due_at = least({NOW} + %s, greatest(valid_until, {NOW}))
WHERE notification_id = ANY(%b::uuid[])
"""


async def postpone(connection: Connection, ids: Sequence[UUID], pause_s: float) -> None:
    """Put claimed deliveries back untouched, to be claimed again after a pause: nobody has a hand free for them."""
    await connection.execute(_POSTPONE, [timedelta(seconds=pause_s), list(ids)])


_HAND_OVER = f"""
WITH given AS (
  SELECT * FROM unnest(%b::uuid[], %b::text[]) AS t(id, provider)
), d AS (
  UPDATE delivery SET handed_to = given.provider FROM given WHERE notification_id = given.id
  RETURNING lane, handed_to
)
SELECT pg_notify('{AGENDA}', lane || '@' || handed_to) FROM d GROUP BY lane, handed_to
"""


async def hand_over(connection: Connection, handed: Mapping[UUID, str]) -> None:
    """Leave locked deliveries to the workers of a provider each, and tell those; they stay due."""
    await connection.execute(_HAND_OVER, packed(_HAND_OVER, list(handed.items())))


_RENEW = f"""
UPDATE delivery SET due_at = least({NOW} + %s, step_ends_at, retry_at, valid_until)
WHERE notification_id IN (
  SELECT notification_id FROM delivery WHERE notification_id = ANY(%b::uuid[]) AND status = 'in_delivery'
  ORDER BY notification_id FOR NO KEY UPDATE SKIP LOCKED)
"""


async def renew(connection: Connection, ids: Sequence[UUID], lease_s: float) -> None:
    """Heartbeat: push the leases of what this worker is submitting; what somebody else holds is left alone.

    Nothing else on the agenda is pushed: a window ends in its time, however long the provider thinks.
    """
    await connection.execute(_RENEW, [timedelta(seconds=lease_s), sorted(ids)])


_NEXT_DUE = "SELECT due_at FROM delivery WHERE lane = %s AND due_at IS NOT NULL ORDER BY due_at LIMIT 1"


async def next_due(connection: Connection, lane: str) -> datetime | None:
    """The earliest agenda of a lane: how long its loop may sleep."""
    row = await (await connection.execute(_NEXT_DUE, [lane])).fetchone()
    return row[0] if row else None


_OLDEST_DUE = """
SELECT due_at < ledger_now() - %s FROM delivery WHERE lane = %s AND due_at IS NOT NULL ORDER BY due_at LIMIT 1
"""
_COUNT_DUE = """
SELECT count(*) FROM (SELECT FROM delivery WHERE lane = %s AND due_at <= ledger_now() LIMIT %s) AS due
"""


async def is_behind(connection: Connection, lane: str, age_s: float, backlog: int) -> bool:
    """Whether something of a lane has been due for longer than ``age_s`` and at least ``backlog`` are due.

    Looks at one index entry, and counts no further than ``backlog``.
    """
    row = await (await connection.execute(_OLDEST_DUE, [timedelta(seconds=age_s), lane])).fetchone()
    if row is None or not row[0]:
        return False
    count = await (await connection.execute(_COUNT_DUE, [lane, backlog])).fetchone()
    return count is not None and count[0] >= backlog
