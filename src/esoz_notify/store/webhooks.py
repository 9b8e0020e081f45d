"""Webhooks of callers and their secrets.

What belongs here: SQL over webhooks themselves. What does not: events and their telling (``webhook_log``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from esoz_notify.store.ledger import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook without its secrets. ``shown``: its address without the query. ``events`` none: it is told all."""

    id: UUID
    client_id: str
    shown: str
    events: tuple[str, ...]
    created_at: datetime
    failing_since: datetime | None = None
    resumes_at: datetime | None = None
    disabled_at: datetime | None = None
    disabled_why: str | None = None


_COLUMNS = "id, client_id, shown, events, created_at, failing_since, resumes_at, disabled_at, disabled_why"


async def add(connection: Connection, webhook: Webhook, url: bytes) -> None:
    """Write a new webhook. ``url``: sealed."""
    await connection.execute(
        "INSERT INTO webhook (id, client_id, url, shown, events, created_at) VALUES (%s, %s, %s, %s, %s, %s)",
        [webhook.id, webhook.client_id, url, webhook.shown, list(webhook.events), webhook.created_at],
    )


async def of_client(connection: Connection, client_id: str, count_max: int) -> list[Webhook]:
    """A caller's webhooks, the oldest first."""
    cursor = await connection.execute(
        f"SELECT {_COLUMNS} FROM webhook WHERE client_id = %s ORDER BY id LIMIT %s", [client_id, count_max]
    )
    return [_webhook(row) for row in await cursor.fetchall()]


async def one(connection: Connection, client_id: str, webhook_id: UUID, *, for_change: bool = False) -> Webhook | None:
    """A webhook of a caller; None when there is no such. ``for_change``: nobody else changes it meanwhile."""
    lock = " FOR NO KEY UPDATE" if for_change else ""
    cursor = await connection.execute(
        f"SELECT {_COLUMNS} FROM webhook WHERE id = %s AND client_id = %s{lock}", [webhook_id, client_id]
    )
    row = await cursor.fetchone()
    return _webhook(row) if row else None


async def one_at_a_time(connection: Connection, client_id: str) -> None:
    """Until the transaction ends nobody else adds a webhook to this caller."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('webhooks ' || %s, 0))", [client_id])


async def change(connection: Connection, webhook: Webhook, url: bytes | None) -> None:
    """Write a webhook's new state. ``url``: sealed; None leaves it."""
    await connection.execute(
        "UPDATE webhook SET url = coalesce(%s, url), shown = %s, events = %s, failing_since = %s, resumes_at = %s,"
        " disabled_at = %s, disabled_why = %s WHERE id = %s",
        [
            url,
            webhook.shown,
            list(webhook.events),
            webhook.failing_since,
            webhook.resumes_at,
            webhook.disabled_at,
            webhook.disabled_why,
            webhook.id,
        ],
    )


async def remove(connection: Connection, webhook_id: UUID) -> None:
    """Forget a webhook and its secrets; its log goes with its time."""
    await connection.execute("DELETE FROM webhook WHERE id = %s", [webhook_id])


# --- secrets ----------------------------------------------------------------------------------------------------------


async def add_secret(
    connection: Connection, webhook_id: UUID, secret_id: UUID, sealed: bytes, *, keep_old_s: float
) -> None:
    """Add a secret; the newest before it ends after ``keep_old_s``, older ones and those that are over go."""
    await connection.execute("DELETE FROM webhook_secret WHERE webhook_id = %s AND ends_at IS NOT NULL", [webhook_id])
    await connection.execute(
        "UPDATE webhook_secret SET ends_at = ledger_now() + %s WHERE webhook_id = %s",
        [timedelta(seconds=keep_old_s), webhook_id],
    )
    await connection.execute(
        "INSERT INTO webhook_secret (id, webhook_id, secret, created_at) VALUES (%s, %s, %s, ledger_now())",
        [secret_id, webhook_id, sealed],
    )


async def secrets_until(connection: Connection, webhook_ids: Sequence[UUID]) -> dict[UUID, list[datetime | None]]:
    """The end of each secret that signs now, the newest first, by webhook; None is until it is rotated."""
    cursor = await connection.execute(
        "SELECT webhook_id, ends_at FROM webhook_secret WHERE webhook_id = ANY(%b::uuid[])"
        " AND (ends_at IS NULL OR ends_at > ledger_now()) ORDER BY created_at DESC, id DESC",
        [list(webhook_ids)],
    )
    found: dict[UUID, list[datetime | None]] = {}
    for webhook_id, ends_at in await cursor.fetchall():
        found.setdefault(webhook_id, []).append(ends_at)
    return found


# --- what its answers say of it ---------------------------------------------------------------------------------------

_SUCCEEDED = "UPDATE webhook SET failing_since = NULL WHERE id = ANY(%b::uuid[]) AND failing_since IS NOT NULL"
_FAILED = """
UPDATE webhook w SET failing_since = coalesce(w.failing_since, ledger_now()),
       resumes_at = greatest(w.resumes_at, ledger_now() + make_interval(secs => given.pause_s))
FROM (SELECT id, max(pause_s) AS pause_s FROM unnest(%b::uuid[], %b::float8[]) AS t(id, pause_s) GROUP BY id) AS given
WHERE w.id = given.id AND (w.failing_since IS NULL OR given.pause_s IS NOT NULL)
"""
_DISABLE = """
UPDATE webhook SET disabled_at = ledger_now(), disabled_why = given.why
FROM unnest(%b::uuid[], %b::text[]) AS given(id, why)
WHERE webhook.id = given.id AND disabled_at IS NULL RETURNING webhook.id, client_id, disabled_why
"""
_FAILING = """
SELECT id FROM webhook WHERE id = ANY(%b::uuid[]) AND failing_since < ledger_now() - %s AND disabled_at IS NULL
"""


async def lock(connection: Connection, webhook_ids: Collection[UUID]) -> None:
    """Until the transaction ends nobody else changes these; in the order of ids, so that two cannot deadlock."""
    await connection.execute(
        "SELECT FROM webhook WHERE id = ANY(%b::uuid[]) ORDER BY id FOR NO KEY UPDATE", [sorted(webhook_ids)]
    )


async def succeeded(connection: Connection, webhook_ids: Collection[UUID]) -> None:
    """Note that these took an event."""
    await connection.execute(_SUCCEEDED, [sorted(webhook_ids)])


async def failed(connection: Connection, pauses_s: Sequence[tuple[UUID, float | None]]) -> None:
    """Note that these did not take an event; with a pause in which they asked to be told nothing."""
    ids, pauses = [one for one, _ in pauses_s], [pause for _, pause in pauses_s]
    await connection.execute(_FAILED, [ids, pauses])


async def failing(connection: Connection, webhook_ids: Sequence[UUID], for_s: float) -> list[UUID]:
    """Those of them that have taken nothing for so long."""
    cursor = await connection.execute(_FAILING, [list(webhook_ids), timedelta(seconds=for_s)])
    return [row[0] for row in await cursor.fetchall()]


async def disable(connection: Connection, whys: dict[UUID, str]) -> list[tuple[UUID, str, str]]:
    """Disable webhooks; gives id, caller and reason of those that were enabled until now."""
    cursor = await connection.execute(_DISABLE, [list(whys), list(whys.values())])
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


def _webhook(row: tuple[Any, ...]) -> Webhook:
    names = _COLUMNS.split(", ")
    values = dict(zip(names, row, strict=True))
    return Webhook(**{**values, "events": tuple(values["events"])})
