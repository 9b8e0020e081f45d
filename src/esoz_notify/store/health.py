"""The health of providers as all workers share it, and the history of its changes.

What belongs here: its SQL. What does not: how counts and time change a circuit (``core.breaker``), who counts (engine).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from esoz_notify.core.breaker import Breaker, BreakerState, Bucket, Hold, Why
from esoz_notify.core.receipt_flow import ReceiptRules
from esoz_notify.core.receipts import Reason
from esoz_notify.store.ledger import NOW, Connection

SAMPLE_MAX = 5_000
"""Attempts looked at to judge receipts, so that a busy ledger is not read through for a share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHealth:
    """What all workers know of one provider. ``judged_at``: when its receipts were looked at last."""

    provider: str
    breaker: Breaker
    hold: Hold | None
    slow: bool
    receipts_stopped: bool
    judged_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderChange:
    """One line of a provider's history. ``by``: the person, if it was one. ``id`` and ``at`` are the ledger's."""

    provider: str
    change: str
    reason: str
    by: str | None = None
    at: datetime | None = None
    id: int = 0


_COLUMNS = (
    "provider, state, since, why, reason, settled, settled_at, cool_down_s, counts, in_row, failed_at, proofs,"
    " held_by, held_why, held_at, slow, receipts_stopped, judged_at"
)
_READ = f"SELECT {_COLUMNS}, ledger_now() FROM provider_health WHERE provider = ANY(%b::text[]) ORDER BY provider"
_CREATE = """
INSERT INTO provider_health (provider) SELECT unnest(%b::text[]) ORDER BY 1 ON CONFLICT (provider) DO NOTHING
"""


async def read(connection: Connection, providers: Collection[str]) -> tuple[dict[str, ProviderHealth], datetime | None]:
    """The health of providers by name, and the ledger's time; those never written are missing."""
    return _found(await (await connection.execute(_READ, [list(providers)])).fetchall())


async def lock(connection: Connection, providers: Collection[str]) -> tuple[dict[str, ProviderHealth], datetime | None]:
    """The same, created if need be and locked against other workers, in the order of names."""
    await connection.execute(_CREATE, [list(providers)])
    return _found(await (await connection.execute(f"{_READ} FOR UPDATE", [list(providers)])).fetchall())


def _found(rows: Sequence[tuple[Any, ...]]) -> tuple[dict[str, ProviderHealth], datetime | None]:
    return {row[0]: _health(row) for row in rows}, rows[0][-1] if rows else None


def _health(row: tuple[Any, ...]) -> ProviderHealth:
    return ProviderHealth(
        provider=row[0],
        breaker=Breaker(
            state=BreakerState(row[1]),
            since=row[2],
            why=Why(row[3]),
            reason=Reason(row[4]) if row[4] else None,
            settled=BreakerState(row[5]),
            settled_at=row[6],
            cool_down_s=row[7],
            buckets=tuple(Bucket(*one) for one in row[8]),
            in_row=row[9],
            failed_at=row[10],
            proofs=row[11],
        ),
        hold=Hold(row[12], row[13], row[14]) if row[12] is not None else None,
        slow=row[15],
        receipts_stopped=row[16],
        judged_at=row[17],
    )


_WRITE = """
UPDATE provider_health SET state = %s, since = %s, why = %s, reason = %s, settled = %s, settled_at = %s,
       cool_down_s = %s, counts = %s, in_row = %s, failed_at = %s, proofs = %s, held_by = %s, held_why = %s,
       held_at = %s, slow = %s, receipts_stopped = %s, judged_at = %s
WHERE provider = %s
"""
_NOTE = "INSERT INTO provider_change (provider, change, reason, by) VALUES (%s, %s, %s, %s)"


async def write(connection: Connection, rows: Sequence[ProviderHealth], changes: Sequence[ProviderChange]) -> None:
    """Write locked rows, and what changed in them into the history: a handful of statements, about once a second."""
    for row in rows:
        breaker, hold = row.breaker, row.hold
        await connection.execute(
            _WRITE,
            [
                breaker.state.value,
                breaker.since,
                breaker.why.value,
                breaker.reason.value if breaker.reason else None,
                breaker.settled.value,
                breaker.settled_at,
                breaker.cool_down_s,
                Jsonb([[one.at_s, one.well, one.failed] for one in breaker.buckets]),
                breaker.in_row,
                breaker.failed_at,
                breaker.proofs,
                hold.by if hold else None,
                hold.why if hold else None,
                hold.at if hold else None,
                row.slow,
                row.receipts_stopped,
                row.judged_at,
                row.provider,
            ],
        )
    for change in changes:
        await connection.execute(_NOTE, [change.provider, change.change, change.reason, change.by])


_CHANGES = "SELECT provider, id, at, change, reason, by FROM provider_change"


async def history(connection: Connection, provider: str, count_max: int) -> list[ProviderChange]:
    """The last changes of a provider, newest first."""
    cursor = await connection.execute(
        f"{_CHANGES} WHERE provider = %s ORDER BY id DESC LIMIT %s", [provider, count_max]
    )
    return [_change(row) for row in await cursor.fetchall()]


async def latest(connection: Connection, since: datetime, count_max: int) -> list[ProviderChange]:
    """The last changes of all providers since a moment, newest first."""
    cursor = await connection.execute(f"{_CHANGES} WHERE at >= %s ORDER BY id DESC LIMIT %s", [since, count_max])
    return [_change(row) for row in await cursor.fetchall()]


def _change(row: tuple[Any, ...]) -> ProviderChange:
    return ProviderChange(provider=row[0], id=row[1], at=row[2], change=row[3], reason=row[4], by=row[5])


@dataclass(frozen=True, slots=True)
class ReceiptCounts:
    """Of a provider's recent messages: those old enough to judge, and the late ones among them.

    ``waiting``: without a receipt after a longer time; ``any_receipt``: whether one came of itself within that time.
    """

    judged: int = 0
    late: int = 0
    waiting: int = 0
    any_receipt: bool = False


_COUNTS = f"""
WITH sample AS (
  SELECT provider, submitted_at, ended_at FROM attempt
  WHERE started_at > {NOW} - %(oldest)s AND started_at < {NOW} - %(late)s AND submitted_at IS NOT NULL
    AND submitted_at < {NOW} - %(late)s LIMIT %(sample_max)s
), timely AS (
  SELECT provider, count(*) AS judged,
         count(*) FILTER (WHERE ended_at IS NULL OR ended_at - submitted_at > %(late)s) AS late
  FROM sample GROUP BY provider
), silent AS (
  SELECT provider, count(*) AS waiting FROM (
    SELECT provider FROM attempt
    WHERE started_at > {NOW} - 2 * %(stopped)s AND started_at < {NOW} - %(stopped)s
      AND submitted_at IS NOT NULL AND outcome = 'submitted' LIMIT %(sample_max)s) AS old
  GROUP BY provider
)
SELECT name, coalesce(judged, 0), coalesce(late, 0), coalesce(waiting, 0),
       EXISTS (SELECT FROM receipt WHERE receipt.provider = name AND NOT polled
               AND received_at > {NOW} - %(stopped)s)
FROM unnest(%(names)b::text[]) AS name
LEFT JOIN timely ON timely.provider = name LEFT JOIN silent ON silent.provider = name
"""


async def receipt_counts(
    connection: Connection, providers: Collection[str], rules: ReceiptRules
) -> dict[str, ReceiptCounts]:
    """How receipts of providers have been coming lately. Messages too young to judge are left out."""
    values = {
        "late": timedelta(seconds=rules.late_s),
        "oldest": timedelta(seconds=rules.late_s + rules.sample_s),
        "stopped": timedelta(seconds=rules.stopped_after_s),
        "sample_max": SAMPLE_MAX,
        "names": list(providers),
    }
    cursor = await connection.execute(_COUNTS, values)
    return {row[0]: ReceiptCounts(*row[1:]) for row in await cursor.fetchall()}
