"""Routing policies in the ledger: what was prepared, published and taken back, and what a draft may be tried on.

What belongs here: their SQL, each statement bounded whatever the ledger holds. What does not: what a policy may say,
who may publish it, and what a trial makes of what it reads (``core``).
"""

from typing import Any, NamedTuple
from uuid import UUID

from esoz_notify.core.crisis import Signature
from esoz_notify.core.kinds import PolicyColumn
from esoz_notify.core.policy import Policy
from esoz_notify.core.policy_draft import Draft
from esoz_notify.store.ledger import Connection
from esoz_notify.store.rows import read_route, write_route

READ_MAX = 500
"""So many of the latest days are read; a policy a week makes these in ten years."""

_LOCK_ID = 7_234_135
_READ = """
SELECT id, version, p.from_date, codes, documents, rest, p.reason, p.proposed_by, proposed_at, published_by,
       published_at, withdrawn_by, withdrawn_at, w.reason
FROM policy_draft p LEFT JOIN policy_publication y ON y.draft_id = id LEFT JOIN policy_withdrawal w ON w.draft_id = id
"""


async def one_writer(connection: Connection) -> None:
    """Wait until no other transaction changes policies, so that two never begin on one day unseen."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_ID])


async def one(connection: Connection, draft_id: UUID) -> Draft | None:
    """A draft by id, whatever became of it."""
    row = await (await connection.execute(f"{_READ} WHERE id = %s", [draft_id])).fetchone()
    return _draft(row) if row else None


async def published(connection: Connection) -> list[Draft]:
    """Those that were published and not taken back, the latest day first; READ_MAX of them at most."""
    cursor = await connection.execute(
        f"{_READ} WHERE published_by IS NOT NULL AND withdrawn_by IS NULL ORDER BY p.from_date DESC, id DESC LIMIT %s",
        [READ_MAX],
    )
    return [_draft(row) for row in await cursor.fetchall()]


async def every(connection: Connection) -> list[Draft]:
    """All, whatever became of them, the latest day first; READ_MAX of them at most."""
    cursor = await connection.execute(f"{_READ} ORDER BY p.from_date DESC, id DESC LIMIT %s", [READ_MAX])
    return [_draft(row) for row in await cursor.fetchall()]


async def is_used(connection: Connection, version: str) -> bool:
    """Whether a draft has this version."""
    cursor = await connection.execute("SELECT FROM policy_draft WHERE version = %s", [version])
    return await cursor.fetchone() is not None


def _draft(row: tuple[Any, ...]) -> Draft:
    routes = dict(zip(PolicyColumn, map(read_route, row[3:6]), strict=True))
    return Draft(
        id=row[0],
        policy=Policy(version=row[1], from_date=row[2], routes=routes),
        reason=row[6],
        proposed=Signature(row[7], row[8]),
        published=Signature(row[9], row[10]) if row[9] is not None else None,
        withdrawn=Signature(row[11], row[12]) if row[11] is not None else None,
        withdrawn_why=row[13],
    )


async def propose(connection: Connection, draft: Draft) -> None:
    """Record a draft."""
    policy = draft.policy
    routes = [write_route(policy.routes[column]) for column in PolicyColumn]
    await connection.execute(
        "INSERT INTO policy_draft (id, version, from_date, codes, documents, rest, reason, proposed_by, proposed_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [draft.id, policy.version, policy.from_date, *routes, draft.reason, draft.proposed.by, draft.proposed.at],
    )


async def publish(connection: Connection, draft: Draft) -> None:
    """Record the publication of a draft."""
    assert draft.published is not None
    await connection.execute(
        "INSERT INTO policy_publication (draft_id, proposed_by, from_date, published_by, published_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        [draft.id, draft.proposed.by, draft.policy.from_date, draft.published.by, draft.published.at],
    )


async def withdraw(connection: Connection, draft: Draft) -> None:
    """Record that a draft was taken back."""
    assert draft.withdrawn is not None
    await connection.execute(
        "INSERT INTO policy_withdrawal (draft_id, from_date, withdrawn_by, withdrawn_at, reason)"
        " VALUES (%s, %s, %s, %s, %s)",
        [draft.id, draft.policy.from_date, draft.withdrawn.by, draft.withdrawn.at, draft.withdrawn_why],
    )


# --- what a draft is tried on -----------------------------------------------------------------------------------------


class TriedRow(NamedTuple):
    """One ended notification; seconds since it was accepted.

    ``without``: channels that could not have reached this person whatever the policy. ``attempts``: in order, each as
    channel, outcome, when it began, when it ended, and the parts that were handed over.
    """

    kind: str
    route: str
    status: str
    life_s: float
    ended_s: float
    without: list[str]
    attempts: list[tuple[str, str, float, float | None, int]]


_TRIED = """
SELECT n.kind, d.route, d.status,
       extract(epoch FROM d.valid_until - d.accepted_at)::float8,
       extract(epoch FROM d.ended_at - d.accepted_at)::float8,
       jsonb_path_query_array(n.recipient, '$.skipped[*] ? (@.code == "diia_without_tax_id").channel'),
       coalesce(a.attempts, '[]')
FROM (
  SELECT notification_id, route, status, accepted_at, ended_at, valid_until FROM delivery
  WHERE notification_id >= %s AND notification_id < %s
    AND status IN ('delivered', 'undelivered', 'expired', 'printed') AND route <> 'print' AND resent_at = '{}'
  ORDER BY notification_id DESC LIMIT %s
) d
JOIN notification n ON n.id = d.notification_id
CROSS JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_array(
           channel, outcome, extract(epoch FROM started_at - d.accepted_at),
           extract(epoch FROM ended_at - d.accepted_at),
           CASE WHEN submitted_at IS NULL THEN 0 ELSE greatest(1, cardinality(string_to_array(parts, ','))) END
         ) ORDER BY no) AS attempts
  FROM attempt WHERE notification_id = d.notification_id
) a
"""


async def tried(connection: Connection, first: UUID, beyond: UUID, count_max: int) -> list[TriedRow]:
    """Of a range of ids the newest ``count_max`` ended ones that went to a phone and were not sent again."""
    cursor = await connection.execute(_TRIED, [first, beyond, count_max])
    return [TriedRow(*row) for row in await cursor.fetchall()]
