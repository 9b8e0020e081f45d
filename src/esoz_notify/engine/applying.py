"""One way for every event to reach the ledger: lock, decide, save, in one transaction for a whole batch.

What belongs here: running core's decisions over locked rows. What does not: the decisions, the SQL, the sending.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from esoz_notify.core.cascade import Due, Event, Replied, World, advance
from esoz_notify.core.channel import Providers
from esoz_notify.core.delivery import AttemptRepeated, AttemptStarted, Delivery, Fact
from esoz_notify.core.errors import NotFound, NotifyError
from esoz_notify.core.results import Accepted
from esoz_notify.core.status import LIVE
from esoz_notify.store import ledger, receiving
from esoz_notify.store.ledger import Change, Connection, Content

_KEY = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9]{1,4})", re.ASCII)
ProvidersNow = Callable[[], Providers]


@dataclass(frozen=True, slots=True)
class Submission:
    """A call to make: the attempt, and what its message is made of."""

    id: UUID
    lane: str
    attempt_no: int
    state: Delivery
    content: Content


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch came to. ``refused``: errors by position of the event; ``changes`` in no particular order."""

    changes: tuple[Change, ...]
    submissions: tuple[Submission, ...]
    refused: dict[int, NotifyError]


async def apply_due(connection: Connection, lane: str, count_max: int, providers: ProvidersNow) -> Applied:
    """Claim what is due in a lane and do what follows. The row locks of the claim last as long as the transaction."""
    locked, now = await ledger.claim(connection, lane, count_max)
    if now is None:
        return Applied((), (), {})
    world = World(now, providers())
    changes = [Change(one, *advance(one.state, Due(), world)) for one in locked]
    return await _save(connection, changes, {})


async def apply_events(
    connection: Connection, events: Sequence[tuple[UUID, Event]], providers: ProvidersNow
) -> Applied:
    """Apply events to their notifications, several to one in the order given. Refusals concern one event only."""
    locked, now = await ledger.lock(connection, sorted({one for one, _ in events}))
    held = {one.id: one for one in locked}
    states: dict[UUID, tuple[Delivery, tuple[Fact, ...]]] = {one.id: (one.state, ()) for one in locked}
    refused: dict[int, NotifyError] = {}
    for position, (notification_id, event) in enumerate(events):
        if now is None or notification_id not in held:
            refused[position] = NotFound("no such notification")
            continue
        state, facts = states[notification_id]
        try:
            after, new = advance(state, event, World(now, providers()))
        except NotifyError as error:
            refused[position] = error
        else:
            states[notification_id] = (after, facts + new)
    changes = [Change(held[one], state, facts) for one, (state, facts) in states.items()]
    applied = await _save(connection, changes, refused)
    await _know_message_ids(connection, events, {one: state for one, (state, _) in states.items()})
    return applied


async def _save(connection: Connection, changes: Sequence[Change], refused: dict[int, NotifyError]) -> Applied:
    await ledger.save(connection, changes)
    calls = [(change, no) for change in changes for no in _to_submit(change.facts)]
    contents = await ledger.contents(connection, [change.locked.id for change, _ in calls]) if calls else {}
    submissions = tuple(
        Submission(change.locked.id, change.locked.lane, no, change.state, contents[change.locked.id])
        for change, no in calls
    )
    final = [
        (change.locked.id, after.no)
        for change in changes
        for before, after in zip(change.locked.state.attempts, change.state.attempts, strict=False)
        if before.outcome in LIVE and after.outcome not in LIVE
    ]
    if final:
        await receiving.unplan_polls(connection, final)
    return Applied(tuple(changes), submissions, refused)


def _to_submit(facts: Iterable[Fact]) -> list[int]:
    return [fact.no for fact in facts if isinstance(fact, AttemptStarted | AttemptRepeated)]


async def _know_message_ids(
    connection: Connection, events: Sequence[tuple[UUID, Event]], states: Mapping[UUID, Delivery]
) -> None:
    """Ids that providers gave are remembered in the transaction that records their acceptance."""
    ids = [
        receiving.MessageId(
            states[notification_id].attempts[event.no].provider, message_id, notification_id, event.no, part
        )
        for notification_id, event in events
        if isinstance(event, Replied) and isinstance(event.result, Accepted) and notification_id in states
        for part, message_id in enumerate(event.result.message_ids)
        if message_id != attempt_key(notification_id, event.no)
    ]
    if ids:
        await receiving.know(connection, ids)


def attempt_key(notification_id: UUID, no: int) -> str:
    """Our own reference of an attempt, the same whenever it is computed: the provider's idempotency key."""
    return f"{notification_id}.{no}"


def read_attempt_key(key: str) -> tuple[UUID, int] | None:
    """The attempt that a key names; None when it is not a key of ours."""
    match = _KEY.fullmatch(key)
    return (UUID(match[1]), int(match[2])) if match else None
