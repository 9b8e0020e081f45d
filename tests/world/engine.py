"""What the product's engine does between a transaction and core, over the played ledger: lock, decide, save.

What belongs here: the same steps in the same order as the product's; a mutant changes one of them. What does not: core.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from msgspec import structs
from tests.world.ledger import Change, Row, Transaction

from esoz_notify.core.attempt_keys import attempt_key
from esoz_notify.core.cascade import Due, Event, Replied, World, advance
from esoz_notify.core.channel import Channel, Providers
from esoz_notify.core.delivery import AttemptRepeated, AttemptStarted, Delivery, Fact
from esoz_notify.core.errors import NotFound, NotifyError
from esoz_notify.core.reach import lessons
from esoz_notify.core.results import Accepted
from esoz_notify.core.status import LIVE, Outcome
from esoz_notify.engine.applying import Submission
from esoz_notify.store.receiving import MessageId
from esoz_notify.store.saving import Content

Contents = Callable[[UUID], Content]


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch came to."""

    changes: tuple[Change, ...]
    submissions: tuple[Submission, ...]
    refused: dict[int, NotifyError]


@dataclass(frozen=True, slots=True)
class Sight:
    """What a batch may know of the providers, and what this worker has in its own hands."""

    providers: Providers
    configured: frozenset[Channel] = frozenset()
    holds: Callable[[UUID, int], bool] = lambda _, __: False


class Engine:
    """Applies events to rows. ``advance`` is core's decision and its fold."""

    def __init__(self, contents: dict[UUID, Content]) -> None:
        self._contents = contents

    def advance(self, state: Delivery, event: Event, world: World) -> tuple[Delivery, tuple[Fact, ...]]:
        """Decide."""
        return advance(state, event, world)

    def apply_due(self, transaction: Transaction, lane: str, count_max: int, sight: Sight) -> Applied:
        """Claim what is due in a lane and do what follows."""
        changes = []
        for row in transaction.claim(lane, count_max):
            renewed = with_own_leases(row.state, sight, row.id, transaction.now)
            state, facts = self.advance(renewed, Due(), self._world(transaction, sight, row.id))
            changes.append(Change(row, state, facts, with_leases_of(row.state, renewed, state)))
        transaction.put_back([replace(one.row, state=one.state) for one in changes if not one.facts])
        return self._save(transaction, changes, {})

    def apply_events(self, transaction: Transaction, events: Sequence[tuple[UUID, Event]], sight: Sight) -> Applied:
        """Apply events, several to one notification in the order given; refusals concern one event only."""
        held = {row.id: row for row in transaction.lock(sorted({one for one, _ in events}))}
        states: dict[UUID, tuple[Delivery, tuple[Fact, ...]]] = {one: (row.state, ()) for one, row in held.items()}
        refused: dict[int, NotifyError] = {}
        for position, (notification, event) in enumerate(events):
            if notification not in held:
                refused[position] = NotFound("no such notification")
                continue
            state, facts = states[notification]
            try:
                after, new = self.advance(state, event, self._world(transaction, sight, notification))
            except NotifyError as error:
                refused[position] = error
            else:
                states[notification] = (after, facts + new)
        changes = [Change(held[one], state, facts, state) for one, (state, facts) in states.items()]
        applied = self._save(transaction, changes, refused)
        transaction.know(self._message_ids(events, {one: state for one, (state, _) in states.items()}))
        return applied

    def _world(self, transaction: Transaction, sight: Sight, notification: UUID) -> World:
        return World(transaction.now, sight.providers, sight.configured, transaction.remembered(notification))

    def _message_ids(self, events: Sequence[tuple[UUID, Event]], states: dict[UUID, Delivery]) -> list[MessageId]:
        return [
            MessageId(states[notification].attempts[event.no].provider, message_id, notification, event.no, part)
            for notification, event in events
            if isinstance(event, Replied) and isinstance(event.result, Accepted) and notification in states
            for part, message_id in enumerate(event.result.message_ids)
            if message_id != attempt_key(notification, event.no)
        ]

    def _save(self, transaction: Transaction, changes: Sequence[Change], refused: dict[int, NotifyError]) -> Applied:
        transaction.save(changes)
        submissions = tuple(
            Submission(change.row.id, change.row.lane, fact.no, change.state, self._contents[change.row.id])
            for change in changes
            for fact in change.facts
            if isinstance(fact, AttemptStarted | AttemptRepeated)
        )
        for change in changes:
            for lesson in lessons(change.row.state, change.state):
                transaction.learn(change.row.id, lesson)
        final = [place for change in changes for place in _final(change.row, change.state)]
        transaction.unplan_polls(final)
        return Applied(tuple(changes), submissions, refused)


def _final(row: Row, state: Delivery) -> list[tuple[UUID, int]]:
    """Attempts that have just become final."""
    return [
        (row.id, after.no)
        for before, after in zip(row.state.attempts, state.attempts, strict=False)
        if before.outcome in LIVE and after.outcome not in LIVE
    ]


def with_own_leases(state: Delivery, sight: Sight, notification: UUID, now: datetime) -> Delivery:
    """A claimed delivery with the leases renewed of what this very worker has in hand: it has not died."""
    attempts = tuple(
        structs.replace(attempt, called_at=now)
        if attempt.outcome is Outcome.SUBMITTING and sight.holds(notification, attempt.no)
        else attempt
        for attempt in state.attempts
    )
    return structs.replace(state, attempts=attempts) if attempts != state.attempts else state


def with_leases_of(before: Delivery, renewed: Delivery, after: Delivery) -> Delivery:
    """What is written of a claimed delivery: only attempts that the facts changed."""
    kept = tuple(
        before.attempts[one.no] if one.no < len(before.attempts) and one is renewed.attempts[one.no] else one
        for one in after.attempts
    )
    return structs.replace(after, attempts=kept)
