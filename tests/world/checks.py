"""What must hold in the played world, whatever happens: told of every step, each check raises Violation by name.

What belongs here: the promises. What does not: how the world moves. The checks see what was committed, what left a
worker, what a provider took and what a phone showed, and believe nobody's word for it.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from tests.world.stage import SECOND, Stage, Violation, to_us

from esoz_notify.channels.dialogue import OutboundMessage
from esoz_notify.core.attempt_keys import read_attempt_key
from esoz_notify.core.cascade import TABLE, Reported, World, advance
from esoz_notify.core.channel import GUARANTEED, Channel
from esoz_notify.core.delivery import (
    AttemptRepeated,
    AttemptStarted,
    AttemptUnknown,
    Because,
    Delivery,
    Ended,
    Fact,
    PartReported,
    evolve,
)
from esoz_notify.core.history import from_record, replay, to_record
from esoz_notify.core.limits import LEASE_S
from esoz_notify.core.receipts import PartState, Reason
from esoz_notify.core.results import Recovery
from esoz_notify.core.status import LIVE, PROOFS, Outcome, Status, is_terminal
from esoz_notify.store.receiving import TakenReceipt
from esoz_notify.store.saving import Content

MOVES = {(status, to) for (status, _), row in TABLE.items() for to in row.leads_to}
LOOK_SLACK_S = 1.0
"""A worker that is well looks at what is due within a quarter of a second; each of two looks may fall unluckily."""
TOLD_SLACK_S = 2.0
"""Waits of under a second are not taken off what a provider is told, in the outbox and once more in the link."""
IDLE_LOOKS_MAX = 24
"""So many looks in a row at one row may find nothing to do; more is a row that is always due."""


@dataclass(slots=True)
class Story:
    """What the checks know of one notification."""

    start: Delivery
    facts: list[Fact] = field(default_factory=list)
    taken: list[TakenReceipt] = field(default_factory=list)
    calls: Counter[int] = field(default_factory=Counter)
    accepted: Counter[tuple[int, int]] = field(default_factory=Counter)
    started_life_s: dict[int, float] = field(default_factory=dict)
    shown: dict[int, Channel] = field(default_factory=dict)
    idle_looks: int = 0


class Checks:
    """Every promise, held against one world."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.stories: dict[UUID, Story] = {}
        self.promised: list[UUID] = []
        self.states: dict[UUID, Delivery] = {}
        self.contents: dict[UUID, Content] = {}
        self.addressed: dict[UUID, tuple[int, str]] = {}
        self.is_held: Callable[[tuple[UUID, int]], bool] = lambda _: False
        self.troubled_us = 0
        self.is_working: Callable[[], bool] = lambda: True

    def trouble(self) -> None:
        """Something hindered every worker just now: deadlines count from here."""
        self.troubled_us = self.stage.timeline.now_us

    # --- the ledger ---------------------------------------------------------------------------------------------------

    def accepted(self, notification: UUID, start: Delivery) -> None:
        """A notification was written."""
        self.stage.count("notifications")
        if notification in self.stories:
            raise Violation("a request that is repeated makes no second notification", notification)
        self.stage.note(
            notification, "is accepted as", start.status, "until", f"{to_us(start.valid_until) / SECOND:.3f}"
        )
        self.stories[notification] = Story(start)
        self.states[notification] = start
        self._plan_deadline(notification, to_us(start.valid_until))

    def promised_to_caller(self, notification: UUID) -> None:
        """A caller was told that its notification is accepted."""
        if notification not in self.stories:
            raise Violation("what a caller was promised is in the ledger", notification)
        self.promised.append(notification)

    def committed(self, notification: UUID, before: Delivery, after: Delivery, facts: Sequence[Fact]) -> None:
        """A transaction changed a delivery."""
        story = self.stories[notification]
        story.idle_looks = 0
        state = self.states[notification]
        if before != state:
            raise Violation("a change is made of what is true, not of what once was", notification)
        for fact in facts:
            self.stage.note(notification, "recorded", fact)
            name, record = to_record(fact)
            recorded = from_record(name, fact.at, json.loads(json.dumps(record)))
            self._check_fact(notification, story, state, recorded)
            moved = evolve(state, recorded)
            if (state.status, moved.status) not in MOVES:
                raise Violation("statuses move along the table", notification, f"{state.status} to {moved.status}")
            state = moved
        if state != after:
            raise Violation("history replays to the state", notification, f"{state} is not {after}")
        story.facts += facts
        self.states[notification] = state
        self._check_state(notification, state)

    def _check_state(self, notification: UUID, state: Delivery) -> None:
        current = state.current
        if current is not None and (current.no != len(state.attempts) - 1 or current.outcome not in LIVE):
            raise Violation("at most one attempt is waited on, the last", notification)
        if (state.ended_at is not None) != is_terminal(state.status):
            raise Violation("ends are dated exactly when they are ends", notification)

    def _check_fact(self, notification: UUID, story: Story, state: Delivery, fact: Fact) -> None:
        now = self.stage.timeline.now
        match fact:
            case AttemptStarted():
                self._check_start(notification, story, state, fact)
            case AttemptRepeated(no=no):
                self.stage.count("repeats under the same key")
                if now >= state.valid_until:
                    raise Violation("nothing starts with its validity over", notification)
                current = state.current
                if current is None or current.no != no or current.outcome is not Outcome.UNKNOWN:
                    raise Violation("only the current attempt is repeated, and only when unknown", notification)
                if current.recovery is not Recovery.SAME_KEY or state.retry_at is None or now < state.retry_at:
                    raise Violation("a repeat has a key that makes it safe, and waits for its time", notification)
            case AttemptUnknown(no=no, reason=Reason.WORKER_LOST) if self.is_held((notification, no)):
                self.stage.count("called lost while their worker works on them")
            case Ended(status=status):
                self._check_end(notification, story, state, status)
            case _:
                pass

    def _check_start(self, notification: UUID, story: Story, state: Delivery, fact: AttemptStarted) -> None:
        self.stage.count("attempts")
        self.stage.count(f"started: {fact.because}")
        now = self.stage.timeline.now
        if now >= state.valid_until:
            raise Violation("nothing starts with its validity over", notification)
        if is_terminal(state.status) or state.status is Status.PRINT_REQUIRED:
            raise Violation("no step starts after a terminal status, except after a resend", notification)
        current = state.current
        if current is not None:
            decided = state.retry_at is not None and now >= state.retry_at
            repeatable = current.outcome is Outcome.UNKNOWN and current.recovery is Recovery.WAIT_THEN_OTHER
            if not (decided and repeatable):
                raise Violation("no attempt starts while another is waited on, or before its time", notification)
        if fact.because is Because.REPEAT_AFTER_UNKNOWN:
            self._check_repeat(notification, state, fact)
        story.started_life_s[fact.no] = (state.valid_until - now).total_seconds()

    def _check_repeat(self, notification: UUID, state: Delivery, fact: AttemptStarted) -> None:
        """One repeat for an unknown: of one step, since the caller last asked, two may be on their way, never three."""
        since = state.resent_at[-1] if state.resent_at else state.accepted_at
        ways = [one for one in state.attempts if one.step == fact.step and one.started_at >= since]
        if sum(one.outcome in LIVE | PROOFS for one in ways) > 1:
            raise Violation("an unknown is repeated once at most", notification)

    def _check_end(self, notification: UUID, story: Story, state: Delivery, status: Status) -> None:
        self.stage.count(f"ended: {status}")
        if status is Status.UNDELIVERED and not any(one.channel in GUARANTEED for one in state.attempts):
            raise Violation("the guaranteed channel is tried before undelivered", notification)
        if status is Status.EXPIRED and self.stage.timeline.now < state.valid_until:
            raise Violation("nothing expires before its time", notification)
        if status is Status.DELIVERED:
            proved = [one.no for one in state.attempts if one.outcome in PROOFS]
            if not any(no in story.shown for no in proved):
                raise Violation("delivered means that a phone shows it", notification)

    def looked_idly(self, notification: UUID) -> None:
        """A claim found nothing to do."""
        story = self.stories[notification]
        story.idle_looks += 1
        if story.idle_looks > IDLE_LOOKS_MAX:
            raise Violation("a row that asks for nothing is not due for ever", notification)

    def received(self, taken: TakenReceipt) -> None:
        """A receipt left the inbox to be applied."""
        self.stage.count("receipts applied")
        story = self.stories[taken.notification_id]
        story.taken.append(taken)
        state = self.states[taken.notification_id]
        if taken.attempt_no >= len(state.attempts):
            raise Violation("a receipt speaks of an attempt that was started", taken.notification_id)
        if state.attempts[taken.attempt_no].submitted_at is None:
            self.stage.count("receipts before the reply was recorded")
        if is_terminal(state.status):
            self.stage.count("receipts after the end")

    # --- the way out --------------------------------------------------------------------------------------------------

    def calling(self, message: OutboundMessage) -> None:
        """A worker begins a call for an attempt, in this very moment."""
        self.stage.count("calls")
        notification, no = _attempt_of(message.key)
        story, state = self.stories[notification], self.states[notification]
        self.stage.note(notification, "call of attempt", no, f"validity {message.validity_s:.3f} s")
        if no >= len(state.attempts):
            raise Violation("a call has a decision in the history", notification, f"attempt {no} is not there")
        attempt = state.attempts[no]
        story.calls[no] += 1
        if story.calls[no] > attempt.calls:
            raise Violation("each call is matched by one decision", notification, f"attempt {no}")
        if self.stage.timeline.now >= state.valid_until:
            raise Violation("nothing is submitted with its validity over", notification, f"attempt {no}")
        if attempt.outcome is Outcome.UNKNOWN:
            self.stage.count("calls made after the lease was taken")

    def taken(self, key: str, part: int, told_s: float, least_s: float, left_at: datetime) -> None:
        """A provider took a part, with a validity in seconds; ``least_s``: the shortest it takes."""
        self.stage.count("submissions taken")
        notification, no = _attempt_of(key)
        story, state = self.stories[notification], self.states[notification]
        self.stage.note(notification, "a provider took attempt", no, "part", part, f"for {told_s:.3f} s")
        story.accepted[no, part] += not self.stage.is_echo  # what the network doubled is no submission of ours
        attempt = state.attempts[no]
        keyed = attempt.recovery is Recovery.SAME_KEY
        if story.accepted[no, part] > (attempt.calls if keyed else 1):
            raise Violation("no second submission without a decision", notification, f"attempt {no} part {part}")
        life_s = (state.valid_until - left_at).total_seconds()
        if told_s > life_s + TOLD_SLACK_S and not (told_s <= least_s <= story.started_life_s[no]):
            raise Violation("a provider may not go on longer than the validity", notification, f"{told_s} > {life_s}")

    def life_s(self, key: str, at: datetime) -> float:
        """How much life the notification of an attempt has at a moment, in seconds."""
        return (self.states[_attempt_of(key)[0]].valid_until - at).total_seconds()

    def shown(self, key: str, channel: Channel, person: int, text: str, dead_at: datetime | None) -> None:
        """The phone of a person shows the whole message of an attempt.

        ``dead_at``: when what was told to the provider was over; None where providers cannot be told.
        """
        self.stage.count(f"shown: {channel}")
        notification, no = _attempt_of(key)
        story, state = self.stories[notification], self.states[notification]
        self.stage.note(notification, "a phone shows attempt", no, "by", channel)
        owner, words = self.addressed[notification]
        if person != owner or words not in text:
            raise Violation("a message is shown only on the phone it was for", notification)
        if no in story.shown and channel is not Channel.DIIA:
            raise Violation("an attempt is shown once", notification, f"attempt {no}")
        if story.shown and no not in story.shown:
            self.stage.count("persons told twice, knowingly")
        story.shown[no] = channel
        now = self.stage.timeline.now
        if dead_at is not None and now > dead_at:
            raise Violation("no provider delivers later than it was told", notification)
        if now > state.valid_until and channel is not Channel.DIIA:
            self.stage.count("shown in the provider's own last seconds")

    # --- the end ------------------------------------------------------------------------------------------------------

    def _plan_deadline(self, notification: UUID, at_us: int) -> None:
        self.stage.timeline.at(
            at_us + int((LEASE_S + LOOK_SLACK_S) * SECOND), lambda: self._check_deadline(notification)
        )

    def _check_deadline(self, notification: UUID) -> None:
        """It is one lease after the validity, or after the last hindrance since: it must be over."""
        state, now_us = self.states[notification], self.stage.timeline.now_us
        due_us = max(to_us(state.valid_until), now_us if not self.is_working() else self.troubled_us)
        if now_us < due_us + int((LEASE_S + LOOK_SLACK_S) * SECOND):
            self._plan_deadline(notification, due_us)
            return
        if not is_terminal(state.status):
            raise Violation("it ends by its validity plus one lease", notification, f"still {state.status}")
        if state.has_code and self.contents[notification].code is not None:
            raise Violation("a code is erased when the validity is over", notification)

    def at_end(self, received: Sequence[tuple[UUID, int, int, PartState]]) -> None:
        """The world is over and has had time to calm down. ``received``: every stored receipt that has its attempt."""
        for notification in self.promised:
            if notification not in self.states:
                raise Violation("an accepted notification is never lost", notification)
        for notification, story in self.stories.items():
            state = self.states[notification]
            if not is_terminal(state.status):
                raise Violation("everything ends", notification, f"still {state.status}")
            if any(one.outcome is Outcome.SUBMITTING for one in state.attempts):
                raise Violation("no record says submitting for ever", notification)
            if state.has_code and (self.contents[notification].code is not None or not state.erased):
                raise Violation("codes are erased after their validity", notification)
            if replay(story.start, story.facts) != state:
                raise Violation("the whole history replays to the state", notification)
            self._check_orders(notification, story, state)
        for notification, no, part, said in received:
            self._check_heard(notification, no, part, said)

    def _check_heard(self, notification: UUID, no: int, part: int, said: PartState) -> None:
        """A receipt that we acknowledged, and whose submission we know, is part of what we know of its attempt."""
        parts = self.states[notification].attempts[no].parts
        if part >= len(parts) or parts[part].merge(said) != parts[part]:
            raise Violation("no acknowledged receipt is lost", notification, f"attempt {no} part {part} {said}")

    def _check_orders(self, notification: UUID, story: Story, state: Delivery) -> None:
        """Any order of the receipts gives the attempts that are stored, and none of them is news any more."""
        if not story.taken:
            return
        dice = Random(self.stage.seed)  # noqa: S311 - its own, so that checking changes nothing of the world
        order = list(story.taken)
        silent = replay(story.start, [fact for fact in story.facts if not isinstance(fact, PartReported)])
        outcomes = []
        for _ in range(2):
            dice.shuffle(order)
            told = replay(silent, [_report(one, state) for one in order])
            outcomes.append([(one.outcome, one.reason) for one in told.attempts])
            if [one.parts for one in told.attempts] != [one.parts for one in state.attempts]:
                raise Violation("receipts in any order say the same of every part", notification)
        if outcomes[0] != outcomes[1]:
            raise Violation("receipts in any order give the same outcomes", notification)
        later = World(state.valid_until + timedelta(days=1), {})
        for one in order:
            _, facts = advance(state, Reported(one.attempt_no, one.part, one.state, one.reason, one.detail), later)
            if facts:
                raise Violation("a receipt that was applied is no news", notification)
        self.stage.count("receipts shuffled")


def _attempt_of(key: str) -> tuple[UUID, int]:
    attempt = read_attempt_key(key)
    assert attempt is not None
    return attempt


def _report(taken: TakenReceipt, state: Delivery) -> PartReported:
    return PartReported(
        at=state.valid_until, no=taken.attempt_no, part=taken.part, state=taken.state, reason=taken.reason
    )
