"""Events of webhooks and how telling them stands: publishing, claiming, settling, the log, replays.

What belongs here: SQL over events and their deliveries. What does not: webhooks themselves (``webhooks``), what follows
from an answer (core).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Json

from esoz_notify.store.ledger import HEARS, Connection
from esoz_notify.store.rows import transpose


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """Something that happened. ``notification_id`` None: a test. ``data``: nothing personal in clear."""

    id: UUID
    client_id: str
    name: str
    at: datetime
    notification_id: UUID | None
    traceparent: str | None
    data: Mapping[str, Any]


_GIVEN = """
given AS (
  SELECT * FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::timestamptz[], %b::uuid[], %b::text[], %b::json[])
  AS t(id, client_id, name, at, notification_id, traceparent, data)
)"""
_WRITE = """
INSERT INTO webhook_event (id, client_id, name, at, notification_id, traceparent, data)
SELECT id, client_id, name, at, notification_id, traceparent, data FROM given WHERE id IN (SELECT event_id FROM told)
"""

_PUBLISH = f"""
WITH {_GIVEN}, told AS (
  SELECT w.id AS webhook_id, given.id AS event_id, w.disabled_at IS NULL AS enabled
  FROM given JOIN webhook w ON w.client_id = given.client_id
    AND (w.events = '{{}}' OR given.name = ANY(w.events)) AND {HEARS}
), e AS ({_WRITE})
INSERT INTO webhook_delivery (webhook_id, event_id, state, due_at)
SELECT webhook_id, event_id, CASE WHEN enabled THEN 'waiting' ELSE 'disabled' END,
       CASE WHEN enabled THEN ledger_now() END
FROM told
"""

_PUBLISH_TO = f"""
WITH {_GIVEN}, told AS (SELECT %b::uuid AS webhook_id, given.id AS event_id FROM given), e AS ({_WRITE})
INSERT INTO webhook_delivery (webhook_id, event_id, state, due_at)
SELECT webhook_id, event_id, 'waiting', ledger_now() FROM told
"""


async def publish(connection: Connection, events: Sequence[NewEvent]) -> None:
    """Write events, each with whom it is to be told: those webhooks of its caller that want it. Others are dropped."""
    await connection.execute(_PUBLISH, _columns(events))


async def publish_to(connection: Connection, webhook_id: UUID, event: NewEvent) -> None:
    """Write an event that is to be told to one webhook, whatever it wants."""
    await connection.execute(_PUBLISH_TO, [*_columns([event]), webhook_id])


def _columns(events: Sequence[NewEvent]) -> list[list[Any]]:
    rows = [
        (
            event.id,
            event.client_id,
            event.name,
            event.at,
            event.notification_id,
            event.traceparent,
            Json(event.data, msgspec.json.encode),
        )
        for event in events
    ]
    return transpose(rows, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An event to tell a receiver now. ``tries``: those before. ``url`` and ``secrets`` (id and value) are sealed."""

    webhook_id: UUID
    event_id: UUID
    tries: int
    url: bytes
    secrets: tuple[tuple[UUID, bytes], ...]
    name: str
    at: datetime
    notification_id: UUID | None
    traceparent: str | None
    data: dict[str, Any]


_CLAIM = """
WITH hand AS (SELECT * FROM unnest(%(webhooks)b::uuid[], %(events)b::uuid[]) AS t(webhook_id, event_id)
), due AS (
  SELECT d.webhook_id, d.event_id, w.url
  FROM webhook w CROSS JOIN LATERAL (
    SELECT one.webhook_id, one.event_id FROM webhook_delivery one
    WHERE one.webhook_id = w.id AND one.due_at <= (SELECT ledger_now())
      AND NOT EXISTS (SELECT FROM hand WHERE hand.webhook_id = w.id AND hand.event_id = one.event_id)
    ORDER BY one.due_at
    LIMIT greatest(0, CASE WHEN w.failing_since IS NULL THEN %(calls_max)s ELSE 1 END
                      - (SELECT count(*) FROM hand WHERE hand.webhook_id = w.id))
    FOR NO KEY UPDATE SKIP LOCKED
  ) d
  WHERE w.disabled_at IS NULL AND (w.resumes_at IS NULL OR w.resumes_at <= (SELECT ledger_now()))
    AND NOT EXISTS (SELECT FROM client c WHERE c.id = w.client_id AND c.disabled_at IS NOT NULL)
)
UPDATE webhook_delivery d SET due_at = ledger_now() + %(lease)s
FROM due JOIN webhook_event e ON e.id = due.event_id
WHERE d.webhook_id = due.webhook_id AND d.event_id = due.event_id
RETURNING d.webhook_id, d.event_id, d.tries, due.url, e.name, e.at, e.notification_id, e.traceparent, e.data
"""

_SECRETS = """
SELECT webhook_id, id, secret FROM webhook_secret
WHERE webhook_id = ANY(%b::uuid[]) AND (ends_at IS NULL OR ends_at > ledger_now()) ORDER BY created_at DESC, id DESC
"""


async def claim(
    connection: Connection, in_hand: Sequence[tuple[UUID, UUID]], calls_max: int, lease_s: float
) -> list[Claimed]:
    """Take what is due, of every webhook as many as it may be told at a time, whatever any other has waiting.

    ``in_hand``: webhook and event of the calls that this worker is making. One that is failing is told one at a time.
    """
    hand = transpose(list(in_hand), 2)
    cursor = await connection.execute(
        _CLAIM,
        {"webhooks": hand[0], "events": hand[1], "calls_max": calls_max, "lease": timedelta(seconds=lease_s)},
    )
    rows = await cursor.fetchall()
    if not rows:
        return []
    of_webhook: dict[UUID, list[tuple[UUID, bytes]]] = {}
    cursor = await connection.execute(_SECRETS, [list({row[0] for row in rows})])
    for webhook_id, secret_id, sealed in await cursor.fetchall():
        of_webhook.setdefault(webhook_id, []).append((secret_id, sealed))
    names = ("webhook_id", "event_id", "tries", "url", "name", "at", "notification_id", "traceparent", "data")
    return [
        Claimed(secrets=tuple(of_webhook.get(row[0], ())), **dict(zip(names, row, strict=True)))
        for row in sorted(rows, key=lambda row: row[1])
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What came of one try. ``wait_s``: before the next, None when there is none."""

    webhook_id: UUID
    event_id: UUID
    state: str
    wait_s: float | None
    tries: int
    status: int | None
    fault: str | None
    answered_ms: int


# A webhook that was disabled while it was being called stays so: only an answer that ends it changes its delivery.
_SETTLE = """
UPDATE webhook_delivery d SET
  state = CASE WHEN d.state = 'disabled' AND given.state = 'waiting' THEN d.state ELSE given.state END,
  due_at = CASE WHEN d.state <> 'disabled' THEN ledger_now() + make_interval(secs => given.wait_s) END,
  tries = given.tries, tried_at = ledger_now(), status = given.status, fault = given.fault,
  answered_ms = given.answered_ms
FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::float8[], %b::int[], %b::int[], %b::text[], %b::int[])
  AS given(webhook_id, event_id, state, wait_s, tries, status, fault, answered_ms)
WHERE d.webhook_id = given.webhook_id AND d.event_id = given.event_id
"""


async def settle(connection: Connection, settled: Sequence[Settled]) -> None:
    """Write down what came of calls."""
    rows = [
        (one.webhook_id, one.event_id, one.state, one.wait_s, one.tries, one.status, one.fault, one.answered_ms)
        for one in settled
    ]
    await connection.execute(_SETTLE, transpose(rows, 8))


async def give_up_waiting(connection: Connection, webhook_id: UUID) -> None:
    """What waits to be told to a webhook waits no more: it was disabled."""
    await connection.execute(
        "UPDATE webhook_delivery SET state = 'disabled', due_at = NULL WHERE webhook_id = %s AND due_at IS NOT NULL",
        [webhook_id],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """How the telling of one event stands."""

    event_id: UUID
    name: str
    at: datetime
    notification_id: UUID | None
    state: str
    due_at: datetime | None
    tries: int
    tried_at: datetime | None
    status: int | None
    fault: str | None
    answered_ms: int | None


_LOGGED = """
SELECT d.event_id, e.name, e.at, e.notification_id, d.state, d.due_at, d.tries, d.tried_at, d.status, d.fault,
       d.answered_ms
FROM webhook_delivery d JOIN webhook_event e ON e.id = d.event_id WHERE d.webhook_id = %s
"""


async def page(
    connection: Connection, webhook_id: UUID, state: str | None, before: UUID | None, count_max: int
) -> list[Logged]:
    """One page of a webhook's log, what happened last first. ``before``: the last event already shown."""
    conditions = {" AND d.state = %s": state, " AND d.event_id < %s": before}
    used = {sql: value for sql, value in conditions.items() if value is not None}
    cursor = await connection.execute(
        f"{_LOGGED}{''.join(used)} ORDER BY d.event_id DESC LIMIT %s", [webhook_id, *used.values(), count_max]
    )
    return [_logged(row) for row in await cursor.fetchall()]


async def one(connection: Connection, webhook_id: UUID, event_id: UUID) -> Logged | None:
    """How the telling of one event stands; None when there is no such."""
    cursor = await connection.execute(f"{_LOGGED} AND d.event_id = %s", [webhook_id, event_id])
    row = await cursor.fetchone()
    return _logged(row) if row else None


def _logged(row: tuple[Any, ...]) -> Logged:
    names = (
        "event_id", "name", "at", "notification_id", "state", "due_at", "tries", "tried_at", "status", "fault",
        "answered_ms",
    )  # fmt: skip
    return Logged(**dict(zip(names, row, strict=True)))


_REPLAY = """
UPDATE webhook_delivery SET state = 'waiting', due_at = ledger_now(), tries = 0
WHERE webhook_id = %(webhook)s AND event_id = ANY(%(events)b::uuid[])
"""
_RANGE = """
SELECT event_id FROM webhook_delivery
WHERE webhook_id = %(webhook)s AND state = ANY(%(states)s) AND event_id >= %(first)s AND event_id < %(end)s
ORDER BY event_id LIMIT %(count)s FOR NO KEY UPDATE
"""


async def replay(connection: Connection, webhook_id: UUID, event_ids: Sequence[UUID]) -> None:
    """Have events told again, from the first try on."""
    await connection.execute(_REPLAY, {"webhook": webhook_id, "events": list(event_ids)})


async def of_range(  # noqa: PLR0913, PLR0917 - the parts of the question
    connection: Connection, webhook_id: UUID, states: Sequence[str], first: UUID, end: UUID, count_max: int
) -> list[UUID]:
    """Events of a range of ids, the end not among them, whose telling stands so; the oldest first, locked."""
    cursor = await connection.execute(
        _RANGE, {"webhook": webhook_id, "states": list(states), "first": first, "end": end, "count": count_max}
    )
    return [row[0] for row in await cursor.fetchall()]
