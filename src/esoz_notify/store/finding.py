"""Notifications found for people who run the service: one line each, of every medical system.

What belongs here: its SQL. Each statement looks at so many rows and no more, whatever the ledger holds: ids are ordered
by time, so it looks at the newest (or the next) of a span of ids, and says where it stopped. What does not: what is
typed and chosen (``engine.finding``), whole notifications (``reading``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from esoz_notify.store.ledger import Connection

PAPER = frozenset({"print_required", "undelivered"})
"""Statuses that an index of their own finds: those who were reached by no phone."""

SAME_REFERENCE_MAX = 1_000
"""Of those to which one caller gave one reference so many are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which ones; empty or None means any.

    ``channel``: of the last attempt, or ``print`` for paper. ``longer_than``: they are or were under way for longer.
    ``above`` and ``below``: ids between which they are, these two not among them.
    """

    statuses: tuple[str, ...] = ()
    kind: str | None = None
    channel: str | None = None
    client_id: str | None = None
    lane: str | None = None
    longer_than: timedelta | None = None
    above: UUID | None = None
    below: UUID | None = None


class Row(NamedTuple):
    """One notification. ``phone`` is masked; ``channels``: of its attempts in order."""

    id: UUID
    client_id: str
    kind: str
    reference: str | None
    phone: str | None
    status: str
    accepted_at: datetime
    ended_at: datetime | None
    channels: list[str]


# OFFSET 0 keeps PostgreSQL from beginning anywhere but at the ground: where it expects that nothing fits, it would
# rather walk through a whole table than through so many rows of it.
_ROW = """
SELECT n.id, n.client_id, n.kind, n.reference, n.recipient ->> 'phone' AS phone, d.status, d.accepted_at, d.ended_at,
       ARRAY(SELECT a.channel FROM attempt a WHERE a.notification_id = ground.id ORDER BY a.no) AS channels
FROM ({ground}) ground
CROSS JOIN LATERAL (SELECT * FROM notification WHERE id = ground.id OFFSET 0) n
CROSS JOIN LATERAL (SELECT * FROM delivery WHERE notification_id = ground.id OFFSET 0) d
"""
_LAST_CHANNEL = "(SELECT a.channel FROM attempt a WHERE a.notification_id = ground.id ORDER BY a.no DESC LIMIT 1)"
_UNDER_WAY = "d.status NOT IN ('print_required', 'printed', 'cancelled')"


async def look(
    connection: Connection, wanted: Wanted, count_max: int, looked_max: int, *, upwards: bool = False
) -> tuple[list[Row], UUID | None]:
    """At most ``count_max`` of those wanted, newest first; with ``upwards`` the oldest first.

    Looks at ``looked_max`` rows; gives also the id at which it stopped looking for want of more of these, or None.
    """
    order = "ASC" if upwards else "DESC"
    ground = f"{_ground(wanted)} ORDER BY id {order}"
    values = {**_values(wanted), "count_max": count_max, "looked_max": looked_max, "passed": looked_max - 1}
    where = " AND ".join(_conditions(wanted)) or "true"
    cursor = await connection.execute(
        f"{_ROW.format(ground=f'{ground} LIMIT %(looked_max)s')} WHERE {where}"
        f" ORDER BY ground.id {order} LIMIT %(count_max)s",
        values,
    )
    found = [Row._make(row) for row in await cursor.fetchall()]
    if len(found) == count_max:
        return found, None
    last = await (await connection.execute(f"{ground} LIMIT 1 OFFSET %(passed)s", values)).fetchone()
    return found, last[0] if last else None


def _ground(wanted: Wanted) -> str:
    """What is looked at: by the index that leaves least to be looked at in vain."""
    if wanted.statuses and PAPER.issuperset(wanted.statuses):
        # In letters, not as values: only so does PostgreSQL know that the partial index has them all.
        ground = "SELECT notification_id AS id FROM delivery WHERE status IN ('print_required', 'undelivered')"
        column = "notification_id"
    else:
        owner = "client_id = %(client_id)s" if wanted.client_id else "true"
        ground, column = f"SELECT id FROM notification WHERE {owner}", "id"
    above = f" AND {column} > %(above)s" if wanted.above else ""
    below = f" AND {column} < %(below)s" if wanted.below else ""
    return ground + above + below


def _conditions(wanted: Wanted) -> list[str]:
    channel = "d.route = 'print'" if wanted.channel == "print" else f"{_LAST_CHANNEL} = %(channel)s"
    conditions: Mapping[str, object] = {
        "d.status = ANY(%(statuses)s)": wanted.statuses,
        "n.kind = %(kind)s": wanted.kind,
        channel: wanted.channel,
        "n.client_id = %(client_id)s": wanted.client_id,
        "d.lane = %(lane)s": wanted.lane,
        f"{_UNDER_WAY} AND coalesce(d.ended_at, ledger_now()) - d.accepted_at > %(longer_than)s": wanted.longer_than,
    }
    return [sql for sql, value in conditions.items() if value]


def _values(wanted: Wanted) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(wanted, name) for name in wanted.__slots__}
    return {**values, "statuses": list(wanted.statuses)}


# --- by what is known of it -------------------------------------------------------------------------------------------

_BY_CLUE: Mapping[str, str] = {
    "id": "SELECT id FROM notification WHERE id = %(clue)s",
    "patient": "SELECT id FROM notification WHERE patient_id = %(clue)s ORDER BY id DESC LIMIT %(count_max)s",
    "number": "SELECT id FROM notification WHERE number_index = %(clue)s ORDER BY id DESC LIMIT %(count_max)s",
    "phone": "SELECT id FROM notification WHERE phone_index = %(clue)s ORDER BY id DESC LIMIT %(count_max)s",
    # Its index begins with the caller, of whom there are few. In no order within one: the planner could otherwise walk
    # through all of a caller's in that order.
    "reference": "SELECT f.id FROM client c CROSS JOIN LATERAL (SELECT id FROM notification WHERE client_id = c.id"
    f" AND reference = %(clue)s LIMIT {SAME_REFERENCE_MAX}) f ORDER BY f.id DESC LIMIT %(count_max)s",
}


async def by_clue(connection: Connection, what: str, clue: str | UUID | bytes, count_max: int) -> list[Row]:
    """At most ``count_max`` found by one of the words above, newest first."""
    cursor = await connection.execute(
        f"{_ROW.format(ground=_BY_CLUE[what])} ORDER BY ground.id DESC LIMIT %(count_max)s",
        {"clue": clue, "count_max": count_max},
    )
    return [Row._make(row) for row in await cursor.fetchall()]


# --- one export of a person at a time ---------------------------------------------------------------------------------

_LOCK = 0xE0F0


async def is_only_export(connection: Connection, login: str) -> bool:
    """Whether this person has no other export running, on any process; holds until the connection ends."""
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [_LOCK, login])
    row = await cursor.fetchone()
    return bool(row and row[0])
