"""How the ledger is, for whoever watches the service: a few bounded looks, never on the way of a message.

What belongs here: their SQL. What does not: what is shown of them (``engine.vitals``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from esoz_notify.store.ledger import NOW, Connection

DUE_MAX = 10_000
STUCK_MAX = 1_000
STUCK_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneVitals:
    """What waits in a lane. ``due`` up to DUE_MAX, ``stuck`` up to STUCK_MAX; ``due_age_s`` 0 when nothing is due."""

    lane: str
    due: int
    due_age_s: float
    stuck: int


# What is not over has its agenda at the end of its validity at the latest: whatever is later than that was forgotten.
_LANE = f"""
SELECT (SELECT count(*) FROM (
          SELECT FROM delivery WHERE lane = %(lane)s AND due_at <= ledger_now() LIMIT %(due_max)s) due),
       coalesce((SELECT extract(epoch FROM {NOW} - due_at)::float8 FROM delivery
                 WHERE lane = %(lane)s AND due_at <= ledger_now() ORDER BY due_at LIMIT 1), 0),
       (SELECT count(*) FROM (
          SELECT FROM delivery WHERE lane = %(lane)s AND due_at <= ledger_now() - %(after)s
          AND valid_until <= {NOW} - %(after)s AND ended_at IS NULL LIMIT %(stuck_max)s) stuck)
"""


async def lanes(connection: Connection, names: Sequence[str]) -> list[LaneVitals]:
    """What waits, by lane."""
    found = []
    for name in names:
        values = {"lane": name, "due_max": DUE_MAX, "stuck_max": STUCK_MAX, "after": STUCK_AFTER}
        row: tuple[Any, ...] | None = await (await connection.execute(_LANE, values)).fetchone()
        assert row is not None
        found.append(LaneVitals(lane=name, due=row[0], due_age_s=row[1], stuck=row[2]))
    return found


async def orphans(connection: Connection) -> int:
    """Receipts whose submission is not known; counted up to DUE_MAX."""
    statement = "SELECT count(*) FROM (SELECT FROM receipt_inbox WHERE orphan LIMIT %s) lost"
    row = await (await connection.execute(statement, [DUE_MAX])).fetchone()
    assert row is not None
    return int(row[0])


# By webhook, for the index begins with it: one entry of each that may be told now.
_WEBHOOKS = f"""
SELECT greatest(max(extract(epoch FROM {NOW} - first.due_at)::float8), 0)
FROM webhook w
CROSS JOIN LATERAL (
  SELECT due_at FROM webhook_delivery d WHERE d.webhook_id = w.id AND d.due_at IS NOT NULL ORDER BY due_at LIMIT 1
) first
WHERE w.disabled_at IS NULL AND (w.resumes_at IS NULL OR w.resumes_at <= {NOW})
"""


async def webhook_due_age_s(connection: Connection) -> float:
    """How long the longest waiting event has been due, of webhooks that may be told; 0 when none is."""
    row = await (await connection.execute(_WEBHOOKS)).fetchone()
    assert row is not None
    return float(row[0])
