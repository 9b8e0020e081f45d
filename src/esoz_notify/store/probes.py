"""Synthetic probes and what they came to.

What belongs here: their SQL. What does not: judging (``core.probe``), sending and following them (engine).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from esoz_notify.core.probe import Judged
from esoz_notify.store.ledger import Connection

LATEST_MAX = 20
"""Probes of one provider and lane that are looked at."""
OPEN_MAX = 200
_LOCK = 0x7A13


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One probe. ``notification_id`` None: not accepted yet; ``judged`` and ``ended_at`` None: under way."""

    id: UUID
    provider: str
    lane: str
    begun_at: datetime
    notification_id: UUID | None = None
    ended_at: datetime | None = None
    judged: Judged | None = None


_COLUMNS = "id, provider, lane, begun_at, notification_id, ended_at, ok, handed_s, receipt_s, reason"
_LATEST = f"""
SELECT p.* FROM unnest(%s::text[], %s::text[]) AS asked(provider, lane)
CROSS JOIN LATERAL (
  SELECT {_COLUMNS} FROM probe
  WHERE probe.provider = asked.provider AND probe.lane = asked.lane ORDER BY id DESC LIMIT {LATEST_MAX}
) p
"""


async def is_alone(connection: Connection) -> bool:
    """Whether no other process is about probes; holds for the transaction."""
    row = await (await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])).fetchone()
    return bool(row and row[0])


async def wait_alone(connection: Connection) -> None:
    """Wait until no other process is about probes; holds for the transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


async def begin(connection: Connection, probe: Probe) -> None:
    """Write down that a probe is to be sent."""
    await connection.execute(
        "INSERT INTO probe (id, provider, lane, begun_at) VALUES (%s, %s, %s, %s)",
        [probe.id, probe.provider, probe.lane, probe.begun_at],
    )


async def under_way(connection: Connection) -> list[Probe]:
    """Those without a result, oldest first."""
    cursor = await connection.execute(
        f"SELECT {_COLUMNS} FROM probe WHERE ended_at IS NULL ORDER BY id LIMIT {OPEN_MAX}"
    )
    return [_probe(row) for row in await cursor.fetchall()]


async def latest(connection: Connection, pairs: Sequence[tuple[str, str]]) -> list[Probe]:
    """The last LATEST_MAX of each pair of provider and lane, those of a pair newest first."""
    cursor = await connection.execute(_LATEST, [[one for one, _ in pairs], [lane for _, lane in pairs]])
    return [_probe(row) for row in await cursor.fetchall()]


async def sent(connection: Connection, probe_id: UUID, notification_id: UUID) -> None:
    """Its message was accepted. Idempotent."""
    await connection.execute("UPDATE probe SET notification_id = %s WHERE id = %s", [notification_id, probe_id])


async def end(connection: Connection, probe_id: UUID, judged: Judged, at: datetime) -> None:
    """What it came to; a second word about it changes nothing."""
    await connection.execute(
        "UPDATE probe SET ended_at = %s, ok = %s, handed_s = %s, receipt_s = %s, reason = %s"
        " WHERE id = %s AND ended_at IS NULL",
        [at, judged.ok, judged.handed_s, judged.receipt_s, judged.reason, probe_id],
    )


async def forget(connection: Connection, life: timedelta) -> int:
    """Janitor: probes too long ago to be looked at."""
    cursor = await connection.execute("DELETE FROM probe WHERE begun_at < ledger_now() - %s", [life])
    return cursor.rowcount


def _probe(row: tuple[Any, ...]) -> Probe:
    probe_id, provider, lane, begun_at, notification_id, ended_at, ok, handed_s, receipt_s, reason = row
    judged = None if ok is None else Judged(ok=ok, handed_s=handed_s, receipt_s=receipt_s, reason=reason)
    return Probe(
        id=probe_id,
        provider=provider,
        lane=lane,
        begun_at=begun_at,
        notification_id=notification_id,
        ended_at=ended_at,
        judged=judged,
    )
