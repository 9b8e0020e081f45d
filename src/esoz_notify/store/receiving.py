"""Receipts in the ledger: kept raw, put into the inbox, taken out when their submission is known.

What belongs here: SQL over receipts, provider message ids and polls. What does not: what a receipt means (core).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.store.arrays import packed
from esoz_notify.store.ledger import NOW, Connection


class RawReceipt(Struct, frozen=True, kw_only=True):
    """One callback or PDU exactly as it came, sealed. ``problem``: why it cannot be read, if it cannot.

    ``polled``: we asked for it, so it does not show that the provider still reports by itself. ``mark``: what is kept
    once only until ``mark_until``, however often it comes.
    """

    id: UUID
    provider: str
    raw: bytes
    problem: str | None
    polled: bool = False
    mark: bytes | None = None
    mark_until: datetime | None = None


class InboxReceipt(Struct, frozen=True, kw_only=True):
    """What a receipt says. ``notification_id`` and ``attempt_no`` when the provider's id is our own key."""

    receipt_id: UUID
    provider: str
    provider_message_id: str
    notification_id: UUID | None
    attempt_no: int | None
    state: ReceiptState
    reason: Reason | None
    detail: str


class TakenReceipt(Struct, frozen=True, kw_only=True):
    """A receipt taken from the inbox together with the attempt it speaks of."""

    notification_id: UUID
    attempt_no: int
    part: int
    state: ReceiptState
    reason: Reason | None
    detail: str


INBOX = "esoz_notify_inbox"
"""The channel of the hint that receipts have come."""

_KEEP = f"""
WITH raw AS (
  INSERT INTO receipt (id, provider, received_at, raw, problem, polled)
  SELECT id, provider, {NOW}, raw, problem, polled
  FROM unnest(%b::uuid[], %b::text[], %b::bytea[], %b::text[], %b::boolean[]) AS t(id, provider, raw, problem, polled)
), said AS (
  INSERT INTO receipt_inbox (receipt_id, provider, provider_message_id, notification_id, attempt_no, state, reason,
                             detail, received_at)
  SELECT t.*, {NOW}
  FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::uuid[], %b::int[], %b::int[], %b::text[], %b::text[]) AS t
)
SELECT pg_notify('{INBOX}', '')
"""


_KEEP_ONCE = f"""
WITH given AS (
  SELECT * FROM unnest(%b::uuid[], %b::text[], %b::bytea[], %b::text[], %b::boolean[], %b::bytea[], %b::timestamptz[])
    AS t(id, provider, raw, problem, polled, mark, mark_until)
), first AS (
  INSERT INTO callback_seen (provider, mark, receipt_id, expires_at)
  SELECT provider, mark, id, mark_until FROM given WHERE mark IS NOT NULL ORDER BY provider, mark
  ON CONFLICT DO NOTHING RETURNING receipt_id
), taken AS (
  SELECT id FROM given WHERE mark IS NULL UNION ALL SELECT receipt_id FROM first
), raw AS (
  INSERT INTO receipt (id, provider, received_at, raw, problem, polled)
  SELECT id, provider, {NOW}, raw, problem, polled FROM given WHERE id IN (SELECT id FROM taken)
), said AS (
  INSERT INTO receipt_inbox (receipt_id, provider, provider_message_id, notification_id, attempt_no, state, reason,
                             detail, received_at)
  SELECT t.*, {NOW}
  FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::uuid[], %b::int[], %b::int[], %b::text[], %b::text[])
    AS t(receipt_id, provider, provider_message_id, notification_id, attempt_no, state, reason, detail)
  WHERE receipt_id IN (SELECT id FROM taken)
), over AS (
  DELETE FROM callback_seen WHERE (provider, mark) IN (
    SELECT provider, mark FROM callback_seen WHERE expires_at < ledger_now() LIMIT 1000 FOR UPDATE SKIP LOCKED)
)
SELECT pg_notify('{INBOX}', '')
"""


async def keep(connection: Connection, raw: Sequence[RawReceipt], said: Sequence[InboxReceipt]) -> None:
    """Store receipts exactly as they came and what they say, and tell workers: one statement, whole by itself.

    What has a mark that is known already, in this ledger or earlier in ``raw``, is left out with all it says.
    """
    marked = any(one.mark is not None for one in raw)
    raw_values = [
        (one.id, one.provider, one.raw, one.problem, one.polled, *((one.mark, one.mark_until) if marked else ()))
        for one in raw
    ]
    said_values = [
        (
            one.receipt_id,
            one.provider,
            one.provider_message_id,
            one.notification_id,
            one.attempt_no,
            one.state.value,
            one.reason,
            one.detail,
        )
        for one in said
    ]
    statement = _KEEP_ONCE if marked else _KEEP
    await connection.execute(statement, packed(statement, raw_values, said_values))


async def is_waited_on(connection: Connection) -> bool:
    """Whether the inbox has anything that may be taken now."""
    row = await (await connection.execute("SELECT EXISTS (SELECT FROM receipt_inbox WHERE NOT orphan)")).fetchone()
    return bool(row and row[0])


_ORPHAN_AFTER = timedelta(seconds=2)

_TAKE = f"""
WITH looked AS (
  SELECT id, receipt_id, provider, provider_message_id, notification_id, attempt_no, state, reason, detail, received_at
  FROM receipt_inbox WHERE NOT orphan ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
), known AS (
  SELECT looked.id, coalesce(a.notification_id, m.notification_id) AS notification_id,
         coalesce(a.no, m.attempt_no) AS attempt_no, coalesce(m.part, 0) AS part,
         looked.state, looked.reason, looked.detail, looked.receipt_id, looked.provider_message_id, looked.received_at
  FROM looked
  LEFT JOIN attempt a
    ON a.notification_id = looked.notification_id AND a.no = looked.attempt_no AND a.provider = looked.provider
  LEFT JOIN provider_message m
    ON looked.notification_id IS NULL AND m.provider = looked.provider
   AND m.provider_message_id = looked.provider_message_id
), lost AS (
  UPDATE receipt_inbox SET orphan = true
  WHERE id IN (SELECT id FROM known WHERE notification_id IS NULL) AND received_at < {NOW} - %s RETURNING id
), gone AS (
  DELETE FROM receipt_inbox WHERE id IN (SELECT id FROM known WHERE notification_id IS NOT NULL) RETURNING id
), told AS (
  INSERT INTO receipt_of (notification_id, id, attempt_no, part, receipt_id, provider_message_id, state, reason, detail,
                          received_at)
  SELECT notification_id, id, attempt_no, part, receipt_id, provider_message_id, state, reason, detail, received_at
  FROM known WHERE notification_id IS NOT NULL
)
SELECT notification_id, attempt_no, part, state, reason, detail FROM known ORDER BY id
"""


async def take(connection: Connection, count_max: int) -> tuple[list[TakenReceipt], int]:
    """Take receipts whose attempt is known out of the inbox; the rest stay, and become orphans after a while.

    Not at once: the reply that tells their attempt may be in a transaction that commits in this very moment, and would
    not see what this one sets aside.

    A provider speaks of its own attempts only: what it says of another's is an orphan too.

    Returns those taken, in order of arrival, and how many were looked at.
    """
    cursor = await connection.execute(_TAKE, [count_max, _ORPHAN_AFTER])
    rows = await cursor.fetchall()
    taken = [
        TakenReceipt(
            notification_id=row[0],
            attempt_no=row[1],
            part=row[2],
            state=ReceiptState(row[3]),
            reason=Reason(row[4]) if row[4] else None,
            detail=row[5],
        )
        for row in rows
        if row[0] is not None
    ]
    return taken, len(rows)


class MessageId(Struct, frozen=True):
    """The id that a provider gave to one part of an attempt."""

    provider: str
    provider_message_id: str
    notification_id: UUID
    attempt_no: int
    part: int


_KNOW = f"""
WITH given AS (
  SELECT * FROM unnest(%b::text[], %b::text[], %b::uuid[], %b::int[], %b::int[])
  AS t(provider, provider_message_id, notification_id, attempt_no, part)
), new AS (
  INSERT INTO provider_message (provider, provider_message_id, notification_id, attempt_no, part, at)
  SELECT given.*, {NOW} FROM given ON CONFLICT (provider, provider_message_id) DO NOTHING
)
UPDATE receipt_inbox SET orphan = false FROM given
WHERE orphan AND receipt_inbox.provider = given.provider
  AND receipt_inbox.provider_message_id = given.provider_message_id
RETURNING receipt_inbox.id
"""


async def know(connection: Connection, ids: Sequence[MessageId]) -> bool:
    """Remember provider message ids; receipts that came before are orphans no more. True when there were any."""
    values = [(one.provider, one.provider_message_id, one.notification_id, one.attempt_no, one.part) for one in ids]
    cursor = await connection.execute(_KNOW, packed(_KNOW, values))
    return bool(await cursor.fetchall())


_POLL_GRACE = timedelta(hours=1)  # a late proof still corrects the record for so long

_ADOPT = """
UPDATE receipt_inbox i SET orphan = false FROM provider_message m
WHERE i.orphan AND m.provider = i.provider AND m.provider_message_id = i.provider_message_id RETURNING i.id
"""

_POLLED_ENOUGH = """
DELETE FROM poll USING delivery d WHERE d.notification_id = poll.notification_id
  AND d.valid_until < ledger_now() - %s::interval
"""

_FORGET = "DELETE FROM receipt_inbox WHERE orphan AND received_at < ledger_now() - %s::interval RETURNING id"


async def adopt(connection: Connection, orphan_life: timedelta) -> tuple[bool, int]:
    """Janitor: orphans whose submission has become known; those too old leave the inbox (their raw form stays).

    Returns whether any were adopted, and how many were given up.
    """
    await connection.execute(_POLLED_ENOUGH, [_POLL_GRACE])
    adopted = await (await connection.execute(_ADOPT)).fetchall()
    given_up = await (await connection.execute(_FORGET, [orphan_life])).fetchall()
    return bool(adopted), len(given_up)


class Poll(Struct, frozen=True):
    """Ask ``provider`` what became of an attempt. ``tries``: how often it was asked."""

    notification_id: UUID
    attempt_no: int
    provider: str
    provider_message_id: str
    tries: int


_DUE_POLLS = """
UPDATE poll SET tries = tries + 1, due_at = ledger_now() + %s
WHERE (notification_id, attempt_no) IN (
  SELECT notification_id, attempt_no FROM poll WHERE provider = %s AND due_at <= ledger_now()
  ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING notification_id, attempt_no, provider, provider_message_id, tries
"""


async def due_polls(connection: Connection, provider: str, count_max: int, lease_s: float) -> list[Poll]:
    """Take due polls of a provider; they come due again after the lease, should this worker die."""
    cursor = await connection.execute(_DUE_POLLS, [timedelta(seconds=lease_s), provider, count_max])
    return [Poll(*row) for row in await cursor.fetchall()]


_REPLAN = """
UPDATE poll SET due_at = ledger_now() + t.pause
FROM unnest(%b::uuid[], %b::int[], %b::interval[]) AS t(id, no, pause)
WHERE poll.notification_id = t.id AND poll.attempt_no = t.no
"""

_UNPLAN = """
DELETE FROM poll USING unnest(%b::uuid[], %b::int[]) AS t(id, no)
WHERE poll.notification_id = t.id AND poll.attempt_no = t.no
"""


async def replan_polls(connection: Connection, again: Sequence[tuple[Poll, float]], over: Sequence[Poll]) -> None:
    """Ask again after the pause in seconds, or never again."""
    if again:
        values = [(one.notification_id, one.attempt_no, timedelta(seconds=pause_s)) for one, pause_s in again]
        await connection.execute(_REPLAN, packed(_REPLAN, values))
    if over:
        await connection.execute(_UNPLAN, packed(_UNPLAN, [(one.notification_id, one.attempt_no) for one in over]))


async def last_receipt_at(connection: Connection, provider: str) -> datetime | None:
    """When a provider's last receipt came: silence must be noticed."""
    cursor = await connection.execute("SELECT max(received_at) FROM receipt WHERE provider = %s", [provider])
    row = await cursor.fetchone()
    return row[0] if row else None
