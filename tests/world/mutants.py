"""Engines with one rule broken each: the proof that the checks bite.

What belongs here: one small change per class, put over the played engine; the product itself is not touched. What does
not: finding them (``test_mutants``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from msgspec import structs
from tests.world.engine import Applied, Engine, Sight
from tests.world.ledger import Change, InboxRow, Row, Transaction
from tests.world.links import Link, Sending
from tests.world.process import Queued
from tests.world.simulation import Cast
from tests.world.worker import Worker

from esoz_notify.channels.dialogue import OutboundMessage
from esoz_notify.core.cascade import Due, Event, Reported, World, advance
from esoz_notify.core.delivery import (
    AttemptStarted,
    Because,
    Delivery,
    Ended,
    Fact,
    RetryPlanned,
    StepEnded,
    evolve,
)
from esoz_notify.core.errors import Unavailable
from esoz_notify.core.history import replay
from esoz_notify.core.kinds import Lane
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import PartState, Reason
from esoz_notify.core.status import Outcome, Status
from esoz_notify.engine.applying import Submission
from esoz_notify.engine.messages import Composer
from esoz_notify.store.receiving import TakenReceipt
from esoz_notify.store.saving import Content

Decided = tuple[Delivery, tuple[Fact, ...]]


def _folded(state: Delivery, facts: Iterable[Fact]) -> Decided:
    told = tuple(facts)
    for fact in told:
        state = evolve(state, fact)
    return state, told


# --- decisions --------------------------------------------------------------------------------------------------------


class RepeatsAtOnce(Engine):
    """An unknown SMS is submitted again at once, without waiting for its receipt."""

    def advance(self, state: Delivery, event: Event, world: World) -> Decided:
        after, facts = advance(state, event, world)
        last = facts[-1] if facts else None
        if not isinstance(last, RetryPlanned) or last.because is not Because.REPEAT_AFTER_UNKNOWN:
            return after, facts
        attempt = after.attempts[-1]
        again = AttemptStarted(
            at=world.now,
            no=attempt.no + 1,
            step=attempt.step,
            channel=attempt.channel,
            provider=attempt.provider,
            recovery=attempt.recovery,
            because=Because.REPEAT_AFTER_UNKNOWN,
            step_ends_at=after.step_ends_at,
        )
        return _folded(state, (*facts, again))


class StartsTheDead(Engine):
    """The validity is forgotten when somebody looks: a dead code is still sent."""

    def advance(self, state: Delivery, event: Event, world: World) -> Decided:
        if not isinstance(event, Due) or state.status is not Status.IN_DELIVERY:
            return advance(state, event, world)
        after, facts = advance(structs.replace(state, valid_until=state.valid_until + timedelta(hours=1)), event, world)
        return structs.replace(after, valid_until=state.valid_until), facts


class SkipsTheGuaranteed(Engine):
    """When the first channel failed, that is the end."""

    def advance(self, state: Delivery, event: Event, world: World) -> Decided:
        after, facts = advance(state, event, world)
        failed = next((at for at, fact in enumerate(facts) if isinstance(fact, StepEnded)), None)
        if failed is None:
            return after, facts
        ended = Ended(at=world.now, status=Status.UNDELIVERED, because=Because.NO_WAY_LEFT, reason=Reason.UNKNOWN)
        return _folded(state, (*facts[:failed], ended))


class BelievesTheLastReceipt(Engine):
    """A receipt takes the place of what was known of its part instead of being merged with it."""

    def advance(self, state: Delivery, event: Event, world: World) -> Decided:
        if isinstance(event, Reported) and event.part < len(state.attempts[event.no].parts):
            attempt = state.attempts[event.no]
            parts = tuple(PartState() if at == event.part else one for at, one in enumerate(attempt.parts))
            before = state.attempts[: event.no]
            state = structs.replace(
                state, attempts=(*before, structs.replace(attempt, parts=parts), *state.attempts[event.no + 1 :])
            )
        return advance(state, event, world)


# --- workers ----------------------------------------------------------------------------------------------------------


class CallsBeforeTheCommit(Worker):
    """What was claimed is sent while the transaction of the claim is still open."""

    def _claim_of(self, lane: Lane, transaction: Transaction) -> Applied:
        applied = super()._claim_of(lane, transaction)
        self.later(0.0, partial(self.dispatch, applied))
        return replace(applied, submissions=())


class SendsWhatDiedWaiting(Worker):
    """Nobody looks at the validity of what waited in an outbox."""

    def is_dead(self, queued: Queued, least_s: float) -> bool:
        return super().is_dead(queued, least_s) and queued.message.validity_s < 0


class TakesThenApplies(Worker):
    """Receipts leave the inbox in one transaction and are applied in another."""

    def _apply_receipts(self) -> None:
        taken: list[TakenReceipt] = []
        try:
            self.ledger.run(lambda transaction: taken.extend(transaction.take(500)))
            self.point("with receipts in hand")
            self.ledger.run(partial(self._apply, taken))
        except Unavailable:
            return

    def _apply(self, taken: list[TakenReceipt], transaction: Transaction) -> None:
        events: list[tuple[UUID, Event]] = [
            (one.notification_id, Reported(one.attempt_no, one.part, one.state, one.reason, one.detail))
            for one in taken
        ]
        self.engine.apply_events(transaction, events, Sight({}))


@dataclass(frozen=True, slots=True)
class _Swapping(Composer):
    """Gives each message the phone of the one before it."""

    phones: list[Phone | None] = field(default_factory=list)

    def compose(self, submission: Submission, now: datetime, validity_min_s: float) -> OutboundMessage:
        message = Composer.compose(self, submission, now, validity_min_s)
        self.phones.append(message.phone)
        return replace(message, phone=self.phones[-2] if len(self.phones) > 1 else message.phone)


class MixesPhonesUp(Worker):
    """A message goes to the phone of another one's person."""

    def start(self) -> None:
        self.composer = _Swapping(self.composer.vault, self.composer.texts_at)
        super().start()


class TellsTheFirstValidity(Link):
    """A part that is submitted again tells the SMSC the validity of the first time."""

    def _send(self, sending: Sending, indexes: Iterable[int]) -> None:
        sending.since_s = self.stage.timeline.now_s
        super()._send(sending, indexes)


# --- statements -------------------------------------------------------------------------------------------------------


class ForgetsTheLease(Transaction):
    """What is being submitted is on nobody's agenda: if its worker dies, nobody looks again."""

    def _save(self, change: Change) -> None:
        super()._save(change)
        attempts = change.state.attempts
        if attempts and attempts[-1].outcome is Outcome.SUBMITTING:
            self._set_due(change.row.id, None)


class RenewsEverything(Transaction):
    """The heartbeat pushes the whole agenda of a row, the end of its validity too."""

    def renew(self, ids: Sequence[UUID], lease_s: float) -> None:
        for one in ids:
            if self._ledger.rows[one].state.status is Status.IN_DELIVERY:
                self._writes.append(partial(self._set_due, one, self.now + timedelta(seconds=lease_s)))


class WritesWhatItRemembers(Transaction):
    """Events are applied to a row as it was an event ago, not as it is."""

    def lock(self, ids: Iterable[UUID]) -> list[Row]:
        return [self._as_it_was(row) for row in super().lock(ids)]

    def _as_it_was(self, row: Row) -> Row:
        story = self._ledger.checks.stories[row.id]
        if not story.facts or isinstance(story.facts[-1], AttemptStarted):
            return row
        return replace(row, state=replay(story.start, story.facts[:-1]))


class LeavesIdleRowsDue(Transaction):
    """A row that was looked at for nothing keeps its date."""

    def put_back(self, unchanged: Sequence[Row]) -> None:
        super().put_back(unchanged[:0])


class DropsEarlyReceipts(Transaction):
    """A receipt that nobody knows the submission of yet is thrown away."""

    def _orphan(self, at: int, row: InboxRow) -> None:
        super()._orphan(at, row)
        self._ledger.inbox.pop(at, None)


class KeepsCodes(Transaction):
    """The record says erased, the code is still there."""

    def _save(self, change: Change) -> None:
        content = self._ledger.contents[change.row.id]
        super()._save(change)
        self._ledger.contents[change.row.id] = content


class ForgetsKeys(Transaction):
    """A repeated request is written once more."""

    def intake(self, key: str, row: Row, content: Content, phone: int) -> UUID:
        self._ledger.keys.pop(key, None)
        return super().intake(key, row, content, phone)


MUTANTS: dict[str, tuple[Cast, str]] = {
    "repeats an unknown SMS at once": (
        Cast(engine=RepeatsAtOnce),
        "no attempt starts while another is waited on, or before its time",
    ),
    "starts the dead": (Cast(engine=StartsTheDead), "nothing starts with its validity over"),
    "skips the guaranteed channel": (
        Cast(engine=SkipsTheGuaranteed),
        "the guaranteed channel is tried before undelivered",
    ),
    "believes the last receipt": (Cast(engine=BelievesTheLastReceipt), "history replays to the state"),
    "writes what it remembers": (
        Cast(transaction=WritesWhatItRemembers),
        "a change is made of what is true, not of what once was",
    ),
    "calls before the commit": (Cast(worker=CallsBeforeTheCommit), "a call has a decision in the history"),
    "sends what died waiting": (
        Cast(worker=SendsWhatDiedWaiting),
        "nothing is submitted with its validity over",
    ),
    "takes receipts, then applies them": (
        Cast(worker=TakesThenApplies),
        "receipts in any order say the same of every part",
    ),
    "mixes phones up": (Cast(worker=MixesPhonesUp), "a message is shown only on the phone it was for"),
    "tells the first validity": (
        Cast(link=TellsTheFirstValidity),
        "a provider may not go on longer than the validity",
    ),
    "forgets the lease": (Cast(transaction=ForgetsTheLease), "it ends by its validity plus one lease"),
    "renews everything": (Cast(transaction=RenewsEverything), "it ends by its validity plus one lease"),
    "leaves idle rows due": (Cast(transaction=LeavesIdleRowsDue), "a row that asks for nothing is not due for ever"),
    "drops early receipts": (Cast(transaction=DropsEarlyReceipts), "no acknowledged receipt is lost"),
    "keeps codes": (Cast(transaction=KeepsCodes), "a code is erased when the validity is over"),
    "forgets keys": (Cast(transaction=ForgetsKeys), "a request that is repeated makes no second notification"),
}
"""Name, who plays otherwise, and the rule that must find it."""
