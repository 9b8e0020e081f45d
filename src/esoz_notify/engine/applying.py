"""One way for every event to reach the ledger: lock, decide, save, in one transaction for a whole batch.

What belongs here: running core's decisions over locked rows. What does not: the decisions, the SQL, the sending.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from esoz_notify.core.attempt_keys import attempt_key
from esoz_notify.core.cascade import Due, Event, Replied, Reported, World, advance
from esoz_notify.core.channel import GUARANTEED, Channel
from esoz_notify.core.delivery import Attempt, AttemptStarted, Delivery, Fact
from esoz_notify.core.errors import NotFound, NotifyError
from esoz_notify.core.handing import left_to_others
from esoz_notify.core.kinds import Lane
from esoz_notify.core.pauses import waited_s
from esoz_notify.core.reach import lessons
from esoz_notify.core.receipts import NEGATIVE, Reason
from esoz_notify.core.results import Accepted
from esoz_notify.core.status import Outcome
from esoz_notify.engine import webhook_events
from esoz_notify.engine.sight import ProvidersNow, Sight, as_sight
from esoz_notify.store import ledger, reach, receiving, saving
from esoz_notify.store.ledger import Connection, Locked
from esoz_notify.store.receiving import Poll
from esoz_notify.store.saving import Change, Content, to_submit

POSTPONED_S = {Lane.CODES: 0.1, Lane.DOCUMENTS: 1.0}
"""What finds every provider of its channel busy is looked at again after so long."""
CODES_PATIENCE_S = 1.0


class Submission(Struct, frozen=True):
    """A call to make: the attempt, and what its message is made of."""

    id: UUID
    lane: str
    attempt_no: int
    state: Delivery
    content: Content


class Applied(Struct, frozen=True):
    """What a batch came to. ``refused``: errors by position of the event; ``changes`` in no particular order.

    ``postponed``: how many were put back because the providers they need have their hands full; ``handed``: how many
    claimed ones were left to other workers, which can use the provider that they are for.
    """

    changes: tuple[Change, ...]
    submissions: tuple[Submission, ...]
    refused: dict[int, NotifyError]
    postponed: int = 0
    handed: int = 0


async def apply_due(connection: Connection, lane: str, count_max: int, providers: Sight | ProvidersNow) -> Applied:
    """Claim what is due in a lane and do what follows. The row locks of the claim last as long as the transaction."""
    sight = as_sight(providers)
    locked, now = await ledger.claim(connection, lane, count_max, sight.away)
    if now is None:
        return Applied((), (), {})
    changes: list[Change] = []
    later: list[UUID] = []
    handed: dict[UUID, str] = {}
    for one in (_with_own_leases(one, sight, now) for one in locked):
        wide = sight if sight.wide is None or _is_handed_here(one, sight) else sight.wide
        world = World(now, wide.usable(lane), sight.configured, one.remembered)
        match _take_up(one, wide, sight.away, world):
            case Change() as change:
                changes.append(change)
            case str() as provider:
                handed[one.id] = provider
            case None:
                later.append(one.id)
    if later:
        await ledger.postpone(connection, later, POSTPONED_S[Lane(lane)])
    if handed:
        await ledger.hand_over(connection, handed)
    await saving.put_back(connection, [change for change in changes if not change.facts])
    applied = await _save(connection, changes, {})
    return replace(applied, postponed=len(later), handed=len(handed))


def _is_handed_here(one: Locked, sight: Sight) -> bool:
    """Whether it was left to the very workers of which this is one: it is not handed on then."""
    if one.handed_to is None:
        return False
    return any(one.handed_to == view.name for views in sight.usable(one.lane).values() for view in views)


def _take_up(one: Locked, sight: Sight, away: Collection[str], world: World) -> Change | str | None:
    """What follows for a claimed delivery: a change, or the provider that is ``away`` and is to be given it there.

    None: it waits, because the provider it would go to has its hands full. Another provider of the same channel is as
    good. The next channel is not, until busy has lasted too long: a moment for a code, the step's window for the rest,
    since busy for so long is as bad as silent.
    """
    state, facts = advance(one.state, Due(), world)
    started = _started(facts)
    if started is not None and not _is_free(sight, one.lane, started):
        state, facts = advance(one.state, Due(), replace(world, providers=sight.free(one.lane)))
        other = _started(facts)
        window_s = one.state.steps[started.step].window_s
        patience_s = CODES_PATIENCE_S if one.state.is_code and window_s is not None else window_s
        same_channel = other is not None and other.channel is started.channel
        if not same_channel and (patience_s is None or waited_s(one.state, world.now) < patience_s):
            return None
        started = other
    if started is not None and started.provider in away:
        return started.provider
    _tell(sight, one.lane, state, facts)
    return Change(one, state, facts)


def _with_own_leases(one: Locked, sight: Sight, now: datetime) -> Locked:
    """A claimed delivery with the leases of what this very worker has in hand renewed.

    After the ledger was away they are over, but their worker has not died: what it hears is yet to be recorded.
    """
    if not any(_is_held(one, attempt, sight) for attempt in one.state.attempts):
        return one
    attempts = tuple(
        replace(attempt, called_at=now) if _is_held(one, attempt, sight) else attempt for attempt in one.state.attempts
    )
    return replace(one, state=replace(one.state, attempts=attempts))


def _is_held(one: Locked, attempt: Attempt, sight: Sight) -> bool:
    return attempt.outcome is Outcome.SUBMITTING and sight.holds(one.id, attempt.no)


def _started(facts: Iterable[Fact]) -> AttemptStarted | None:
    return next((fact for fact in facts if isinstance(fact, AttemptStarted)), None)


def _is_free(sight: Sight, lane: str, started: AttemptStarted) -> bool:
    return started.provider in {view.name for view in sight.free(lane).get(started.channel, ())}


def _tell(sight: Sight, lane: str, state: Delivery, facts: Iterable[Fact]) -> None:
    for no in to_submit(facts):
        sight.took(state.attempts[no].provider, lane)


async def _remembered(connection: Connection, locked: Sequence[Locked]) -> dict[UUID, dict[Channel, Reason]]:
    """What is remembered of the phones of those that may come to a step that memory can spare them."""
    ids = [one.id for one in locked if _may_be_spared(one.state)]
    return await reach.known(connection, ids) if ids else {}


def _is_good_news(event: Event) -> bool:
    """Whether nothing new can be started by it: most events are, and need no look into the memory of phones."""
    match event:
        case Replied(result=result):
            return isinstance(result, Accepted)
        case Reported(state=state):
            return state not in NEGATIVE
    return False


def _may_be_spared(state: Delivery) -> bool:
    ahead = state.steps[state.step + (state.current is not None) :]
    return any(step.channel not in GUARANTEED for step in ahead)


_by_value = attrgetter("int")
"""Orders ids as comparing them would, and the ledger does, at a third of the cost."""


def _none_to_ask(_: Sequence[Change]) -> Sequence[tuple[Poll, float]]:
    return ()


async def apply_events(
    connection: Connection,
    events: Sequence[tuple[UUID, Event]],
    providers: Sight | ProvidersNow,
    to_ask: Callable[[Sequence[Change]], Sequence[tuple[Poll, float]]] = _none_to_ask,
) -> Applied:
    """Apply events to their notifications, several to one in the order given. Refusals concern one event only.

    ``to_ask``: which attempts a provider is to be asked about, and after how many seconds, by what became of them.
    """
    locked, now = await ledger.lock(connection, sorted({one for one, _ in events}, key=_by_value))
    sight = as_sight(providers)
    moving = {one for one, event in events if not _is_good_news(event)}
    known = await _remembered(connection, [one for one in locked if one.id in moving])
    held = {one.id: one for one in locked}
    states: dict[UUID, tuple[Delivery, tuple[Fact, ...]]] = {one.id: (one.state, ()) for one in locked}
    handed: dict[UUID, str] = {}
    wide = sight.wide or sight
    refused: dict[int, NotifyError] = {}
    for position, (notification_id, event) in enumerate(events):
        if now is None or notification_id not in held:
            refused[position] = NotFound("no such notification")
            continue
        state, facts = states[notification_id]
        lane = held[notification_id].lane
        world = World(now, wide.free(lane), sight.configured, known.get(notification_id, {}))
        try:
            after, new = advance(state, event, world)
            started = _started(new)
            if started is not None and started.provider in sight.away:
                after, new = left_to_others(state, new)
                handed[notification_id] = started.provider
        except NotifyError as error:
            refused[position] = error
        else:
            states[notification_id] = (after, facts + new)
            _tell(sight, lane, after, new)
    changes = [Change(held[one], state, facts) for one, (state, facts) in states.items()]
    applied = await _save(connection, changes, refused, to_ask(changes))
    if handed:
        await ledger.hand_over(connection, handed)
    return applied


async def _save(
    connection: Connection,
    changes: Sequence[Change],
    refused: dict[int, NotifyError],
    polls: Sequence[tuple[Poll, float]] = (),
) -> Applied:
    contents = await saving.save(connection, changes, polls)
    watched = [change for change in changes if change.locked.watched]
    if watched:
        await webhook_events.publish(connection, watched)
    submissions = tuple(
        Submission(change.locked.id, change.locked.lane, no, change.state, contents[change.locked.id])
        for change in changes
        for no in to_submit(change.facts)
    )
    learned = [
        (change.locked.id, lesson) for change in changes for lesson in lessons(change.locked.state, change.state)
    ]
    if learned:
        await reach.learn(connection, learned)
    return Applied(tuple(changes), submissions, refused)


class Reply(Struct, frozen=True):
    """What a provider's call for one attempt came to."""

    notification_id: UUID
    provider: str
    event: Replied


async def know_message_ids(connection: Connection, replies: Iterable[Reply]) -> bool:
    """Ids that providers gave are remembered in the transaction that records their acceptance.

    True when receipts of theirs had been set aside and can be taken now.
    """
    ids = [
        receiving.MessageId(reply.provider, message_id, reply.notification_id, reply.event.no, part)
        for reply in replies
        if isinstance(reply.event.result, Accepted)
        for part, message_id in enumerate(reply.event.result.message_ids)
        if message_id != attempt_key(reply.notification_id, reply.event.no)
    ]
    return bool(ids) and await receiving.know(connection, ids)
