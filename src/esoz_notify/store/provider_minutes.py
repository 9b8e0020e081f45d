"""What providers were called for, minute by minute: counted from the attempts, never on the way of a message.

What belongs here: its SQL, each statement bounded by times. What does not: what the figures mean
(``core.provider_flow``), when they are counted (engine).
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from esoz_notify.core.breaker import VERDICTS, Verdict
from esoz_notify.core.provider_flow import RECEIPT_BOUNDS_S, Flow
from esoz_notify.store.ledger import Connection

LATELY_MAX = 50_000
"""Attempts of the last moment that are looked at; who is called more often is at the limit of everything anyway."""
_LOCK = 0x7A12

_FAILED = sorted(reason.value for reason, verdict in VERDICTS.items() if verdict is Verdict.FAILED)
_LATER = sorted(reason.value for reason, verdict in VERDICTS.items() if verdict is Verdict.THROTTLED)
_BOUNDS = [float(bound) for bound in RECEIPT_BOUNDS_S]

# What a provider took says that it works whatever became of it; what is not answered yet says nothing.
_SEEN = """
SELECT started_at, provider, outcome, submitted_at,
       CASE WHEN submitted_at IS NOT NULL THEN 'well' WHEN reason = ANY(%(failed)s) THEN 'failed'
            WHEN reason = ANY(%(later)s) THEN 'throttled'
            WHEN outcome <> 'submitting' AND reason IS DISTINCT FROM 'worker_lost' THEN 'well' END AS verdict,
       cardinality(string_to_array(parts, ',')) AS parts,
       greatest(extract(epoch FROM submitted_at - called_at), 0) AS busy_s,
       width_bucket(extract(epoch FROM ended_at - submitted_at)::float8, %(bounds)s::float8[]) AS place
FROM attempt WHERE started_at >= %(since)s AND started_at < %(beyond)s
"""
_PLACES = ", ".join(f"count(*) FILTER (WHERE place = {place})" for place in range(len(_BOUNDS) + 1))
_FIGURES = f"""
count(*),
count(*) FILTER (WHERE verdict = 'well'),
count(*) FILTER (WHERE verdict = 'failed'),
count(*) FILTER (WHERE verdict = 'throttled'),
count(submitted_at),
coalesce(sum(parts) FILTER (WHERE submitted_at IS NOT NULL), 0),
coalesce(sum(busy_s), 0),
ARRAY[{_PLACES}]
"""
_COLUMNS = ("calls", "well", "failed", "throttled", "taken", "parts", "busy_s", "spread")
_COUNT = f"""
INSERT INTO provider_minute (minute, provider, {", ".join(_COLUMNS)})
SELECT date_trunc('minute', started_at), provider, {_FIGURES} FROM ({_SEEN}) seen GROUP BY 1, 2
ON CONFLICT (minute, provider) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)}
"""


async def is_alone(connection: Connection) -> bool:
    """Whether no other process is counting; holds for the transaction."""
    row = await (await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])).fetchone()
    return bool(row and row[0])


async def last(connection: Connection) -> datetime | None:
    """The last minute in which anything was counted."""
    row = await (await connection.execute("SELECT max(minute) FROM provider_minute")).fetchone()
    return row[0] if row else None


async def count(connection: Connection, since: datetime, beyond: datetime) -> None:
    """Count the attempts that began in whole minutes from ``since`` up to ``beyond``, or anew. Idempotent."""
    await connection.execute(_COUNT, _values(since, beyond))


async def minutes(connection: Connection, providers: Collection[str], since: datetime) -> dict[str, list[Flow]]:
    """Those counted since a moment, by provider, oldest first; a minute without a call is missing."""
    cursor = await connection.execute(
        f"SELECT provider, minute, {', '.join(_COLUMNS)} FROM provider_minute"
        " WHERE minute >= %s AND provider = ANY(%s::text[]) ORDER BY minute",
        [since, list(providers)],
    )
    found: dict[str, list[Flow]] = {}
    for provider, *row in await cursor.fetchall():
        found.setdefault(provider, []).append(_flow(row))
    return found


async def lately(connection: Connection, since: datetime, beyond: datetime) -> dict[str, Flow]:
    """The same figures of one minute that is not counted yet, by provider."""
    some = f"{_SEEN} LIMIT %(most)s"
    values = {**_values(since, beyond), "most": LATELY_MAX}
    cursor = await connection.execute(f"SELECT provider, {_FIGURES} FROM ({some}) seen GROUP BY provider", values)
    return {provider: _flow([since, *row]) for provider, *row in await cursor.fetchall()}


async def forget(connection: Connection, life: timedelta) -> int:
    """Janitor: minutes too long ago to be looked at."""
    cursor = await connection.execute("DELETE FROM provider_minute WHERE minute < ledger_now() - %s", [life])
    return cursor.rowcount


def _values(since: datetime, beyond: datetime) -> dict[str, Any]:
    return {"failed": _FAILED, "later": _LATER, "bounds": _BOUNDS, "since": since, "beyond": beyond}


def _flow(row: list[Any]) -> Flow:
    at, calls, well, failed, throttled, taken, parts, busy_s, spread = row
    return Flow(
        at=at,
        minutes=1,
        calls=calls,
        well=well,
        failed=failed,
        throttled=throttled,
        taken=taken,
        parts=parts,
        busy_s=float(busy_s),
        spread=tuple(spread),
    )
