"""What a batch came to, written in one statement; what is to be submitted then is read by the same.

What belongs here: states, attempts, history and polls of locked deliveries, and the content that a submission needs.
What does not: locking them and their agenda (``ledger``), deciding (core).
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from esoz_notify.core.delivery import AttemptRepeated, AttemptStarted, Delivery, Fact, due_at
from esoz_notify.core.history import to_record
from esoz_notify.core.status import LIVE
from esoz_notify.store.arrays import packed
from esoz_notify.store.ledger import NOW, Connection, Locked
from esoz_notify.store.receiving import Poll
from esoz_notify.store.rows import write_attempt


class Change(Struct, frozen=True):
    """What a transaction makes of a locked delivery."""

    locked: Locked
    state: Delivery
    facts: tuple[Fact, ...]


def to_submit(facts: Iterable[Fact]) -> list[int]:
    """Numbers of the attempts that these facts command to submit."""
    return [fact.no for fact in facts if isinstance(fact, AttemptStarted | AttemptRepeated)]


class Content(Struct, frozen=True):
    """What a submission needs of a notification besides its delivery; sealed fields as they are in the ledger."""

    id: UUID
    kind: str
    language: str
    relation: str
    phone: bytes | None
    tax_id: bytes | None
    data: bytes
    code: bytes | None
    traceparent: str | None


_SAVE = f"""
WITH given AS (
  SELECT * FROM unnest(%b::uuid[], %b::text[], %b::int[], %b::int[], %b::boolean[], %b::timestamptz[],
                       %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::text[])
  AS t(id, status, step, version, erased, step_ends_at, retry_at, ended_at, due_at, reason)
), d AS (
  UPDATE delivery SET status = given.status, step = given.step, version = given.version, erased = given.erased,
         step_ends_at = given.step_ends_at, retry_at = given.retry_at, ended_at = given.ended_at,
         due_at = given.due_at, reason = given.reason, handed_to = NULL
  FROM given WHERE notification_id = given.id
), a AS (
  INSERT INTO attempt (notification_id, no, step, channel, provider, recovery, outcome, reason, detail, calls, parts,
                       started_at, called_at, submitted_at, ended_at)
  SELECT * FROM unnest(%b::uuid[], %b::int[], %b::int[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
                       %b::text[], %b::int[], %b::text[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[],
                       %b::timestamptz[])
  ON CONFLICT (notification_id, no) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason,
         detail = excluded.detail, calls = excluded.calls, parts = excluded.parts, called_at = excluded.called_at,
         submitted_at = excluded.submitted_at, ended_at = excluded.ended_at
), p AS (
  DELETE FROM poll USING unnest(%b::uuid[], %b::int[]) AS over(id, no)
  WHERE poll.notification_id = over.id AND poll.attempt_no = over.no
), planned AS (
  INSERT INTO poll (notification_id, attempt_no, provider, provider_message_id, due_at)
  SELECT t.id, t.no, t.provider, t.message_id, {NOW} + t.pause
  FROM unnest(%b::uuid[], %b::int[], %b::text[], %b::text[], %b::interval[]) AS t(id, no, provider, message_id, pause)
  ON CONFLICT (notification_id, attempt_no) DO NOTHING
), h AS (
  INSERT INTO history (notification_id, seq, at, fact, record)
  SELECT * FROM unnest(%b::uuid[], %b::int[], %b::timestamptz[], %b::text[], %b::jsonb[])
)
SELECT n.id, n.kind, n.language, n.recipient ->> 'relation', c.phone, c.tax_id, c.data, c.code, n.traceparent
FROM notification n JOIN content c ON c.notification_id = n.id WHERE n.id = ANY(%b::uuid[])
"""

_PUT_BACK = """
UPDATE delivery SET due_at = given.due_at FROM unnest(%b::uuid[], %b::timestamptz[]) AS given(id, due_at)
WHERE notification_id = given.id
"""


async def put_back(connection: Connection, unchanged: Sequence[Change]) -> None:
    """Give claimed deliveries that there was nothing to do for their own agenda back, so that they stop being due."""
    if unchanged:
        await connection.execute(
            _PUT_BACK, packed(_PUT_BACK, [(one.locked.id, due_at(one.state)) for one in unchanged])
        )


_ERASE = "UPDATE content SET code = NULL WHERE notification_id = ANY(%b::uuid[])"

_RESENT = """
UPDATE delivery SET resent_at = resent_at || given.at
FROM unnest(%b::uuid[], %b::timestamptz[]) AS given(id, at) WHERE notification_id = given.id
"""


async def save(
    connection: Connection, changes: Sequence[Change], polls: Sequence[tuple[Poll, float]] = ()
) -> dict[UUID, Content]:
    """Write new states, attempts and history of locked deliveries in one round trip; gives what is to be submitted.

    ``polls``: attempts to ask about, each after its pause in seconds; what is over is polled no more.
    """
    changed = [change for change in changes if change.facts]
    if not changed and not polls:
        return {}
    deliveries = [_delivery_values(change) for change in changed]
    attempts = [
        write_attempt(change.locked.id, attempt)
        for change in changed
        for attempt in change.state.attempts
        if _attempt_changed(change.locked.state, attempt.no, attempt)
    ]
    history = [
        (change.locked.id, change.locked.version + index, fact.at, *to_record(fact))
        for change in changed
        for index, fact in enumerate(change.facts, start=1)
    ]
    over = [
        (change.locked.id, after.no)
        for change in changed
        for before, after in zip(change.locked.state.attempts, change.state.attempts, strict=False)
        if before.outcome in LIVE and after.outcome not in LIVE
    ]
    planned = [
        (one.notification_id, one.attempt_no, one.provider, one.provider_message_id, timedelta(seconds=pause_s))
        for one, pause_s in polls
    ]
    submitted = [change.locked.id for change in changed if to_submit(change.facts)]
    cursor = await connection.execute(_SAVE, packed(_SAVE, deliveries, attempts, over, planned, history, submitted))
    contents = {row[0]: Content(*row) for row in await cursor.fetchall()}
    resent = [(c.locked.id, c.state.resent_at[-1]) for c in changed if c.state.resent_at != c.locked.state.resent_at]
    if resent:
        await connection.execute(_RESENT, packed(_RESENT, resent))
    erased = [c.locked.id for c in changed if c.state.erased and not c.locked.state.erased]
    if erased:
        await connection.execute(_ERASE, packed(_ERASE, erased))
    return contents


def _delivery_values(change: Change) -> tuple[Any, ...]:
    state = change.state
    return (
        change.locked.id,
        state.status,
        state.step,
        change.locked.version + len(change.facts),
        state.erased,
        state.step_ends_at,
        state.retry_at,
        state.ended_at,
        due_at(state),
        state.reason,
    )


def _attempt_changed(before: Delivery, no: int, attempt: object) -> bool:
    return no >= len(before.attempts) or before.attempts[no] is not attempt
