"""The crisis switch in the ledger: what was proposed, confirmed and withdrawn, and what was issued under it.

What belongs here: its SQL. What does not: when a switch is in force and who may confirm it (``core.crisis``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from esoz_notify.core.crisis import Crisis, Proposal, Scope, Signature
from esoz_notify.store.ledger import Connection

_LOCK_ID = 7_234_030
_READ = """
SELECT id, scope, covered, starts_at, ends_at, c.reason, c.proposed_by, proposed_at, confirmed_by, confirmed_at,
       withdrawn_by, withdrawn_at, w.reason
FROM crisis c LEFT JOIN crisis_confirmation y ON y.crisis_id = id LEFT JOIN crisis_withdrawal w ON w.crisis_id = id
"""


async def one_writer(connection: Connection) -> None:
    """Wait until no other transaction changes switches, so that two never overlap unseen."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_ID])


async def one(connection: Connection, crisis_id: UUID) -> Crisis | None:
    """A switch by id."""
    row = await (await connection.execute(f"{_READ} WHERE id = %s", [crisis_id])).fetchone()
    return _crisis(row) if row else None


async def not_past(connection: Connection, now: datetime) -> list[Crisis]:
    """Every switch whose end is still to come, confirmed or not, withdrawn ones too; the first proposed first."""
    cursor = await connection.execute(f"{_READ} WHERE ends_at > %s ORDER BY id", [now])
    return [_crisis(row) for row in await cursor.fetchall()]


async def past(connection: Connection, now: datetime, count_max: int) -> list[Crisis]:
    """The last switches whose end has come, the newest first."""
    cursor = await connection.execute(
        f"{_READ} WHERE ends_at <= %s ORDER BY ends_at DESC, id LIMIT %s", [now, count_max]
    )
    return [_crisis(row) for row in await cursor.fetchall()]


def _crisis(row: tuple[Any, ...]) -> Crisis:
    return Crisis(
        id=row[0],
        proposal=Proposal(scope=Scope(row[1]), values=tuple(row[2]), starts_at=row[3], ends_at=row[4], reason=row[5]),
        proposed=Signature(row[6], row[7]),
        confirmed=Signature(row[8], row[9]) if row[8] is not None else None,
        withdrawn=Signature(row[10], row[11]) if row[10] is not None else None,
        withdrawn_why=row[12],
    )


async def propose(connection: Connection, crisis: Crisis) -> None:
    """Record a proposal."""
    asked = crisis.proposal
    await connection.execute(
        "INSERT INTO crisis (id, scope, covered, starts_at, ends_at, reason, proposed_by, proposed_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [crisis.id, asked.scope.value, list(asked.values), asked.starts_at, asked.ends_at, asked.reason,
         crisis.proposed.by, crisis.proposed.at],
    )  # fmt: skip


async def confirm(connection: Connection, crisis: Crisis) -> None:
    """Record the confirmation of a switch."""
    assert crisis.confirmed is not None
    await connection.execute(
        "INSERT INTO crisis_confirmation (crisis_id, proposed_by, confirmed_by, confirmed_at) VALUES (%s, %s, %s, %s)",
        [crisis.id, crisis.proposed.by, crisis.confirmed.by, crisis.confirmed.at],
    )


async def withdraw(connection: Connection, crisis: Crisis) -> None:
    """Record the withdrawal of a switch."""
    assert crisis.withdrawn is not None
    await connection.execute(
        "INSERT INTO crisis_withdrawal (crisis_id, withdrawn_by, withdrawn_at, reason) VALUES (%s, %s, %s, %s)",
        [crisis.id, crisis.withdrawn.by, crisis.withdrawn.at, crisis.withdrawn_why],
    )


async def mark_printed(connection: Connection, ids: Sequence[UUID]) -> None:
    """The summaries of these notifications were fetched for print; the first time counts."""
    await connection.execute(
        "UPDATE crisis_notification SET printed_at = ledger_now()"
        " WHERE notification_id = ANY(%b::uuid[]) AND printed_at IS NULL",
        [list(ids)],
    )


@dataclass(frozen=True, slots=True)
class Issued:
    """How many notifications of a kind and status were issued under a switch, and how many of them were printed."""

    kind: str
    status: str
    count: int
    printed: int


_ISSUED = """
SELECT n.kind, d.status, count(*), count(x.printed_at)
FROM crisis_notification x JOIN notification n ON n.id = x.notification_id
JOIN delivery d ON d.notification_id = x.notification_id
WHERE x.crisis_id = %s GROUP BY n.kind, d.status ORDER BY n.kind, d.status
"""


async def issued(connection: Connection, crisis_id: UUID) -> list[Issued]:
    """What was issued under a switch, as it is now."""
    cursor = await connection.execute(_ISSUED, [crisis_id])
    return [Issued(*row) for row in await cursor.fetchall()]
