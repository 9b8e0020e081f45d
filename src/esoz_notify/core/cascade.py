"""The cascade: what follows from what happened to one notification.

Two rules. Everything that decides about a delivery lives in this file. This file does not know which provider is
speaking: providers are opaque names with capabilities, replies and receipts are in our own vocabulary.

``decide(state, event, world)`` looks up ``TABLE[(status, type of event)]`` and returns facts; ``advance`` folds them.
What is not in the table is refused, and the state is untouched. An ``AttemptStarted`` or ``AttemptRepeated`` among the
facts is the command to submit; ``delivery.due_at`` of the new state is the command to wait.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct, field

from esoz_notify.core import limits
from esoz_notify.core.channel import GUARANTEED, Channel, Providers, Step
from esoz_notify.core.choosing import able, choose, of_step
from esoz_notify.core.delivery import (
    Attempt,
    AttemptAccepted,
    AttemptFailed,
    AttemptRepeated,
    AttemptStarted,
    AttemptUnknown,
    Because,
    Delivery,
    Ended,
    Erased,
    Fact,
    PaperAsked,
    PartReported,
    Resent,
    StepEnded,
    StepWaits,
    due_at,
    evolve,
    lease_ends_at,
)
from esoz_notify.core.errors import LimitReached, RefusedTransition
from esoz_notify.core.pauses import growing_pause_s, outage_pause_s, retry
from esoz_notify.core.receipts import REASONS, Fault, Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Result, TryLater, Unknown
from esoz_notify.core.status import LIVE, PROOFS, Outcome, Status


class Due(Struct, frozen=True):
    """The agenda says that it is time to look."""


class Replied(Struct, frozen=True):
    """The call of attempt ``no`` came to a result."""

    no: int
    result: Result


class Reported(Struct, frozen=True):
    """A receipt about part ``part`` of attempt ``no``."""

    no: int
    part: int
    state: ReceiptState
    reason: Reason | None = None
    detail: str = ""


class CancelAsked(Struct, frozen=True):
    """The caller withdraws the notification, or an operator does."""

    because: Because = Because.CALLER


class ResendAsked(Struct, frozen=True):
    """The caller wants it sent again, by the next way."""


class Printed(Struct, frozen=True):
    """The summary was fetched for print."""


Event = Due | Replied | Reported | CancelAsked | ResendAsked | Printed


class World(Struct, frozen=True):
    """What a decision may look at besides the delivery: the time, and the providers that may be used now.

    ``configured``: channels that have a provider at all, up or not. ``remembered``: channels on which this person was
    not to be reached lately, and why.
    """

    now: datetime
    providers: Providers
    configured: frozenset[Channel] = frozenset()
    remembered: Mapping[Channel, Reason] = field(default_factory=dict)


def decide(state: Delivery, event: Event, world: World) -> tuple[Fact, ...]:
    """What follows from ``event``: the facts to record, in order; empty when nothing changes.

    Raises RefusedTransition when the status does not allow what a caller asks, LimitReached for too many resends.
    """
    row = TABLE.get((state.status, type(event)))
    if isinstance(event, Replied | Reported) and event.no >= len(state.attempts):
        raise RefusedTransition(f"there is no attempt {event.no}", code="no_such_attempt")
    if row is None:
        raise RefusedTransition(
            f"a notification in status {state.status} does not take {_WORDS[type(event)]}", code="status_conflict"
        )
    return tuple(row.rule(state, event, world))


def advance(state: Delivery, event: Event, world: World) -> tuple[Delivery, tuple[Fact, ...]]:
    """``decide`` and fold: the new state and the facts that made it."""
    facts = decide(state, event, world)
    for fact in facts:
        state = evolve(state, fact)
    return state, facts


# --- rules: one per row of the table -------------------------------------------------------------------------------


def _on_due(state: Delivery, _: Event, world: World) -> Iterable[Fact]:
    if world.now >= state.valid_until:
        return [_over(state, world)]
    agenda = due_at(state)
    if agenda is None or world.now < agenda:
        return []  # claimed too early, or by two: the state says that there is nothing to do yet
    last, lost = state.current, _lost(state, world)
    if state.step_ends_at is not None and world.now >= state.step_ends_at:
        return [*lost, *_next_step(state, world, Because.WINDOW_ENDED, None)]
    if last is not None and last.outcome is Outcome.SUBMITTING:
        others = [fact for fact in lost if fact.no != last.no]
        if len(others) == len(lost):
            return others
        for fact in others:  # two that were lost at once are two unknowns, whichever is looked at first
            state = evolve(state, fact)
        return [*others, *_unknown(state, last, world, Reason.WORKER_LOST, "")]
    if state.status is Status.PRINT_REQUIRED:
        return lost
    waiting = last is not None and last.outcome is Outcome.SUBMITTED
    if waiting or (state.status is Status.IN_DELIVERY and (state.retry_at is None or world.now < state.retry_at)):
        return lost
    if last is not None:
        return [*lost, *_repeat(state, last, world)]
    return [*lost, *_start(state, state.step, world, _why_start(state))]


def _over(state: Delivery, world: World) -> Ended:
    """The validity ended; what was proved before a resend stays delivered, whatever became of the resend."""
    if any(attempt.outcome in PROOFS for attempt in state.attempts):
        return Ended(at=world.now, status=Status.DELIVERED, because=Because.PROOF)
    return Ended(at=world.now, status=Status.EXPIRED, because=Because.VALIDITY_ENDED, reason=Reason.VALIDITY)


def _why_start(state: Delivery) -> Because:
    if state.resend_is_waiting:
        return Because.RESEND
    return Because.RETRY if state.attempts else Because.FIRST_STEP


def _on_replied(state: Delivery, event: Event, world: World) -> Iterable[Fact]:
    assert isinstance(event, Replied)
    attempt = state.attempts[event.no]
    is_current = state.current is not None and state.current.no == attempt.no
    match event.result:
        case Accepted(message_ids=ids):
            if attempt.submitted_at is not None:
                return []  # recorded already, by a transaction whose own answer was lost
            return [AttemptAccepted(at=world.now, no=event.no, part_count=len(ids))]
        case Unknown(reason=reason, detail=detail):
            if is_current and attempt.outcome is Outcome.SUBMITTING:
                return _unknown(state, attempt, world, reason, detail)
            return []
        case said:  # Refused | TryLater
            failed = AttemptFailed(at=world.now, no=event.no, reason=said.reason, detail=said.detail)
            after = evolve(state, failed)
            if after == state:
                return []  # a receipt was faster and knows better, or the failure is recorded already
            pause_s = said.retry_after_s if isinstance(said, TryLater) else 0.0
            return [failed, *(_after_failure(after, said.reason, world, pause_s) if is_current else [])]


def _on_reported(state: Delivery, event: Event, world: World) -> Iterable[Fact]:
    assert isinstance(event, Reported)
    reported = PartReported(
        at=world.now, no=event.no, part=event.part, state=event.state, reason=event.reason, detail=event.detail
    )
    after = evolve(state, reported)
    before, attempt = state.attempts[event.no], after.attempts[event.no]
    if attempt.parts == before.parts:
        return []  # said before, or weaker than what is known
    newly_proved = attempt.outcome in PROOFS and before.outcome not in PROOFS  # "read" after "delivered" proves nothing
    if newly_proved and state.status not in {Status.DELIVERED, Status.CANCELLED, Status.PRINTED}:
        late = state.status is not Status.IN_DELIVERY or event.no != len(state.attempts) - 1
        because = Because.LATE_PROOF if late else Because.PROOF
        return [reported, Ended(at=world.now, status=Status.DELIVERED, because=because)]
    was_current = state.current is not None and state.current.no == event.no
    if was_current and attempt.outcome in {Outcome.FAILED, Outcome.EXPIRED}:
        return [reported, *_after_failure(after, attempt.reason or Reason.UNKNOWN, world)]
    return [reported]


def _on_cancel(_: Delivery, event: Event, world: World) -> Iterable[Fact]:
    assert isinstance(event, CancelAsked)
    return [Ended(at=world.now, status=Status.CANCELLED, because=event.because)]


def _on_resend(state: Delivery, _: Event, world: World) -> Iterable[Fact]:
    if world.now >= state.valid_until:
        raise RefusedTransition("its validity is over; send a new notification", code="validity_over")
    window = timedelta(seconds=limits.RESEND_WINDOW_S)
    recent = [at for at in state.resent_at if at > world.now - window]
    if len(recent) >= limits.RESEND_COUNT_MAX:
        raise LimitReached(
            f"at most {limits.RESEND_COUNT_MAX} resends in {limits.RESEND_WINDOW_S:.0f} s",
            next_at=recent[-limits.RESEND_COUNT_MAX] + window,
        )
    # Asked in the very moment in which an attempt began, it is for one more: times tell which came first.
    started_at = state.attempts[-1].started_at if state.attempts else state.accepted_at
    at = max(world.now, started_at + timedelta(microseconds=1))
    return [Resent(at=at, step=state.resend_step)]


def _on_printed(_: Delivery, __: Event, world: World) -> Iterable[Fact]:
    return [Ended(at=world.now, status=Status.PRINTED, because=Because.FETCHED_FOR_PRINT)]


def _on_closed_due(state: Delivery, _: Event, world: World) -> Iterable[Fact]:
    over = state.has_code and not state.erased and world.now >= state.valid_until
    return [*_lost(state, world), *([Erased(at=world.now)] if over else [])]


def _nothing(_: Delivery, __: Event, ___: World) -> Iterable[Fact]:
    return []


# --- choices ---------------------------------------------------------------------------------------------------------


def _lost(state: Delivery, world: World) -> list[AttemptUnknown]:
    """Attempts whose lease is over: their worker died, and their record must not say submitting for ever."""
    return [
        AttemptUnknown(at=world.now, no=attempt.no, reason=Reason.WORKER_LOST)
        for attempt in state.attempts
        if attempt.outcome is Outcome.SUBMITTING and world.now >= lease_ends_at(attempt)
    ]


def _start(state: Delivery, first: int, world: World, because: Because) -> list[Fact]:
    """Start an attempt at step ``first``, or at the first later one that a provider can serve in the life left."""
    facts: list[Fact] = []
    for index in range(first, len(state.steps)):
        step = state.steps[index]
        if step.channel is Channel.PRINT:
            return [*facts, PaperAsked(at=world.now, step=index, because=because)]
        same_step = index == state.step and state.step_ends_at is not None
        ends_at = state.step_ends_at if same_step else step.ends_at(world.now)
        lesson = None if step.channel in GUARANTEED or step.provider else world.remembered.get(step.channel)
        views = able(state, of_step(step, world.providers), world.now)
        if views and lesson is None:
            view = choose(state, index, views)
            started = AttemptStarted(
                at=world.now,
                no=len(state.attempts),
                step=index,
                channel=step.channel,
                provider=view.name,
                recovery=view.recovery,
                because=because,
                step_ends_at=ends_at,
            )
            return [*facts, started]
        lack = Because.REMEMBERED if lesson else _lack(step, world)
        if step.channel in GUARANTEED:
            return [*facts, retry(state, world.now, outage_pause_s(state, world.now), lack, None)]
        if lack is Because.PROVIDER_DOWN and ends_at is not None and not state.is_code:
            return [*facts, _wait(state, index, ends_at, world)]
        facts.append(StepEnded(at=world.now, step=index, channel=step.channel, because=lack, reason=lesson))
        because = lack
    raise AssertionError("a route ends in a guaranteed channel")


def _lack(step: Step, world: World) -> Because:
    """Why no provider of a step can take the message."""
    if of_step(step, world.providers):
        return Because.LIFE_TOO_SHORT
    return Because.PROVIDER_DOWN if step.channel in world.configured else Because.NO_PROVIDER


def _wait(state: Delivery, step: int, ends_at: datetime, world: World) -> StepWaits:
    """What is not a code waits for the providers of its step, for as long as the step would have waited for proof."""
    pause_s = max(limits.STEP_WAIT_FIRST_S, outage_pause_s(state, world.now))
    retry_at = min(world.now + timedelta(seconds=pause_s), ends_at, state.valid_until)
    channel = state.steps[step].channel
    return StepWaits(at=world.now, step=step, channel=channel, step_ends_at=ends_at, retry_at=retry_at)


def _next_step(state: Delivery, world: World, because: Because, reason: Reason | None) -> list[Fact]:
    ended = StepEnded(
        at=world.now, step=state.step, channel=state.steps[state.step].channel, because=because, reason=reason
    )
    return [ended, *_start(evolve(state, ended), state.step + 1, world, because)]


def _after_failure(state: Delivery, reason: Reason, world: World, pause_s: float = 0.0) -> list[Fact]:
    """What follows when the current attempt has just failed for ``reason``. ``state`` already knows of the failure."""
    fault = REASONS[reason].fault
    tried = {attempt.provider for attempt in state.attempts if attempt.step == state.step}
    views = able(state, of_step(state.steps[state.step], world.providers), world.now)
    untried = [view for view in views if view.name not in tried]
    if untried and fault in {Fault.PROVIDER, Fault.MESSAGE}:
        return _start(state, state.step, world, Because.OTHER_PROVIDER)
    if not state.on_guaranteed_step:
        ends_at = state.step_ends_at
        if pause_s and ends_at is not None and pause_s < (ends_at - world.now).total_seconds():
            return [retry(state, world.now, pause_s, Because.RETRY, reason)]
        return _next_step(state, world, Because.REFUSED, reason)
    if fault in {Fault.PERSON, Fault.MESSAGE}:
        return [Ended(at=world.now, status=Status.UNDELIVERED, because=Because.NO_WAY_LEFT, reason=reason)]
    return [retry(state, world.now, max(pause_s, growing_pause_s(state, fault)), Because.RETRY, reason)]


def _unknown(state: Delivery, attempt: Attempt, world: World, reason: Reason, detail: str) -> list[Fact]:
    """Record that the outcome is unknown and plan what the provider's capability allows.

    ==================  =====================================================================================
    recovery            rule
    ==================  =====================================================================================
    same_key            the same call again under the same key, with growing pauses, within the step's window
    wait_then_other     wait for a receipt; then one repeat, recorded as a decision, by another provider
    ==================  =====================================================================================
    """
    unknown = AttemptUnknown(at=world.now, no=attempt.no, reason=reason, detail=detail)
    if attempt.recovery is Recovery.SAME_KEY:
        if attempt.calls >= limits.CALLS_MAX:
            return [unknown, *([] if state.step_ends_at else _after_failure(evolve(state, unknown), reason, world))]
        pause_s = limits.REPEAT_AFTER_S * 2.0 ** (attempt.calls - 1)
        return [unknown, retry(state, world.now, pause_s, Because.REPEAT_SAME_KEY, reason)]
    asked_at = max((state.accepted_at, *state.resent_at))
    earlier = [one for one in state.attempts[: attempt.no] if one.step == attempt.step]
    if any(one.outcome is Outcome.UNKNOWN or (one.outcome in LIVE and one.started_at >= asked_at) for one in earlier):
        return [unknown]  # the one repeat is spent, or the first is known to be on its way: a third may not follow
    wait_s = limits.UNKNOWN_WAIT_CODE_S if state.is_code else limits.UNKNOWN_WAIT_S
    left_s = (state.valid_until - world.now).total_seconds()
    return [unknown, retry(state, world.now, min(wait_s, left_s / 2), Because.REPEAT_AFTER_UNKNOWN, reason)]


def _repeat(state: Delivery, last: Attempt, world: World) -> list[Fact]:
    """Do what was planned for the unknown attempt ``last``."""
    if last.recovery is Recovery.SAME_KEY:
        views = world.providers.get(last.channel, ())
        if last.channel in world.configured and state.step_ends_at and last.provider not in {one.name for one in views}:
            pause_s = outage_pause_s(state, world.now)  # nobody else knows the key: wait for the one who does
            return [retry(state, world.now, pause_s, Because.REPEAT_SAME_KEY, last.reason)]
        return [AttemptRepeated(at=world.now, no=last.no)]
    return _start(state, state.step, world, Because.REPEAT_AFTER_UNKNOWN)


# --- the table -----------------------------------------------------------------------------------------------------

Rule = Callable[[Delivery, Event, World], Iterable[Fact]]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the rule, and every status it may lead to: a test holds it to that, the diagram is drawn from it."""

    rule: Rule
    leads_to: frozenset[Status]


def _row(rule: Rule, *leads_to: Status) -> Row:
    return Row(rule, frozenset(leads_to))


_S = Status
TABLE: dict[tuple[Status, type[Event]], Row] = {
    (_S.ACCEPTED, Due): _row(_on_due, _S.ACCEPTED, _S.IN_DELIVERY, _S.PRINT_REQUIRED, _S.EXPIRED),
    (_S.ACCEPTED, CancelAsked): _row(_on_cancel, _S.CANCELLED),
    (_S.IN_DELIVERY, Due): _row(_on_due, _S.IN_DELIVERY, _S.DELIVERED, _S.PRINT_REQUIRED, _S.EXPIRED),
    (_S.IN_DELIVERY, Replied): _row(_on_replied, _S.IN_DELIVERY, _S.PRINT_REQUIRED, _S.UNDELIVERED),
    (_S.IN_DELIVERY, Reported): _row(_on_reported, _S.IN_DELIVERY, _S.DELIVERED, _S.PRINT_REQUIRED, _S.UNDELIVERED),
    (_S.IN_DELIVERY, CancelAsked): _row(_on_cancel, _S.CANCELLED),
    (_S.IN_DELIVERY, ResendAsked): _row(_on_resend, _S.IN_DELIVERY),
    (_S.DELIVERED, Due): _row(_on_closed_due, _S.DELIVERED),
    (_S.DELIVERED, Replied): _row(_on_replied, _S.DELIVERED),
    (_S.DELIVERED, Reported): _row(_on_reported, _S.DELIVERED),
    (_S.DELIVERED, ResendAsked): _row(_on_resend, _S.IN_DELIVERY),
    (_S.UNDELIVERED, Due): _row(_on_closed_due, _S.UNDELIVERED),
    (_S.UNDELIVERED, Replied): _row(_on_replied, _S.UNDELIVERED),
    (_S.UNDELIVERED, Reported): _row(_on_reported, _S.UNDELIVERED, _S.DELIVERED),
    (_S.UNDELIVERED, ResendAsked): _row(_on_resend, _S.IN_DELIVERY),
    (_S.EXPIRED, Due): _row(_on_closed_due, _S.EXPIRED),
    (_S.EXPIRED, Replied): _row(_on_replied, _S.EXPIRED),
    (_S.EXPIRED, Reported): _row(_on_reported, _S.EXPIRED, _S.DELIVERED),
    (_S.CANCELLED, Due): _row(_on_closed_due, _S.CANCELLED),
    (_S.CANCELLED, Replied): _row(_on_replied, _S.CANCELLED),
    (_S.CANCELLED, Reported): _row(_on_reported, _S.CANCELLED),
    (_S.PRINT_REQUIRED, Due): _row(_on_due, _S.PRINT_REQUIRED, _S.DELIVERED, _S.EXPIRED),
    (_S.PRINT_REQUIRED, Replied): _row(_on_replied, _S.PRINT_REQUIRED),
    (_S.PRINT_REQUIRED, Reported): _row(_on_reported, _S.PRINT_REQUIRED, _S.DELIVERED),
    (_S.PRINT_REQUIRED, CancelAsked): _row(_on_cancel, _S.CANCELLED),
    (_S.PRINT_REQUIRED, Printed): _row(_on_printed, _S.PRINTED),
    (_S.PRINTED, Due): _row(_on_closed_due, _S.PRINTED),
    (_S.PRINTED, Replied): _row(_on_replied, _S.PRINTED),
    (_S.PRINTED, Reported): _row(_on_reported, _S.PRINTED),
    (_S.PRINTED, Printed): _row(_nothing, _S.PRINTED),
}

_WORDS: dict[type[Event], str] = {
    Due: "a look at its agenda",
    Replied: "a provider's reply",
    Reported: "a receipt",
    CancelAsked: "a cancel",
    ResendAsked: "a resend",
    Printed: "a print",
}
