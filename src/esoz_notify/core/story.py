"""What happened to one notification, laid out in time: how long each step had, and which receipts came too late.

What belongs here: reading a history. What does not: making one (``cascade``), words and pictures (console).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import (
    AttemptStarted,
    Because,
    Delivery,
    Ended,
    Fact,
    PaperAsked,
    PartReported,
    Resent,
    StepEnded,
    StepWaits,
    evolve,
)
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.status import PROOFS, Status

_BY_PROOF = frozenset({Because.PROOF, Because.LATE_PROOF})
_OVER = frozenset({Because.NO_WAY_LEFT, Because.VALIDITY_ENDED, Because.CALLER, Because.OPERATOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One stay of a notification at a step of its route. ``attempts``: numbers of those that began in it.

    ``window_ends_at``: None when it has no window. ``left_at`` and ``why_left``: None while it goes on. A step that was
    passed over is left in the moment in which it begins.
    """

    step: int
    channel: Channel
    began_at: datetime
    window_ends_at: datetime | None = None
    left_at: datetime | None = None
    why_left: Because | None = None
    attempts: tuple[int, ...] = ()

    @property
    def ended_unproved_at(self) -> datetime | None:
        """When it was given up for another way, or the notification was over; None when it was not."""
        return None if self.why_left in _BY_PROOF else self.left_at


def stays(facts: Iterable[Fact]) -> tuple[Stay, ...]:
    """The stays that a history tells of, in order."""
    found: list[Stay] = []
    for fact in facts:
        here = found[-1] if found and found[-1].left_at is None else None
        match fact:
            case AttemptStarted() | StepWaits():
                stay = here or Stay(step=fact.step, channel=fact.channel, began_at=fact.at)
                begun = (fact.no,) if isinstance(fact, AttemptStarted) else ()
                stay = replace(stay, window_ends_at=fact.step_ends_at, attempts=(*stay.attempts, *begun))
                found[len(found) - (here is not None) :] = [stay]
            case PaperAsked():
                found.append(Stay(step=fact.step, channel=Channel.PRINT, began_at=fact.at))
            case StepEnded():
                stay = here or Stay(step=fact.step, channel=fact.channel, began_at=fact.at)
                found[len(found) - (here is not None) :] = [_left(stay, fact)]
            case Resent() | Ended() if here is not None:
                found[-1] = _left(here, fact)
    return tuple(found)


def _left(stay: Stay, fact: StepEnded | Resent | Ended) -> Stay:
    return replace(stay, left_at=fact.at, why_left=fact.because)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A receipt as it came, about one part of an attempt. ``id``: by which its raw form is found."""

    id: int
    at: datetime
    attempt_no: int
    part: int
    state: ReceiptState
    reason: Reason | None
    detail: str
    provider_message_id: str


class Late(StrEnum):
    """What a receipt came too late for."""

    WINDOW = "window"
    """The window of its step was over."""
    FALLBACK = "fallback"
    """Another way had been taken."""
    RESEND = "resend"
    """It had been asked for once more."""
    OVER = "over"
    """The notification was over: withdrawn, or its validity had ended, or no way was left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a provider said of an attempt. ``fact``: what was recorded of it; None when it changed nothing.

    ``received``: None when it is not known how it came: it came before such things were kept.
    """

    at: datetime
    attempt_no: int
    state: ReceiptState
    reason: Reason | None
    detail: str
    fact: PartReported | None
    received: Received | None
    late: Late | None = None


def heard(start: Delivery, facts: Sequence[Fact], received: Iterable[Received]) -> tuple[Heard, ...]:
    """Every receipt in order of arrival, each with what it changed and whether it was late.

    ``start``: the delivery at any moment, whose route and times are taken.
    """
    waiting = list(received)
    said = []
    for fact in facts:
        if isinstance(fact, PartReported):
            came = next((one for one in waiting if _is_about(one, fact)), None)
            if came is not None:
                waiting.remove(came)
            said.append(_heard(fact, came))
    said += [_heard(None, one) for one in waiting]
    where = {no: stay for stay in stays(facts) for no in stay.attempts}
    proved = _proved(start, facts)
    judged = [
        replace(one, late=_late(where[one.attempt_no], proved.get(one.attempt_no), one.at))
        if one.attempt_no in where
        else one
        for one in said
    ]
    return tuple(sorted(judged, key=lambda one: one.at))


def _is_about(one: Received, fact: PartReported) -> bool:
    known = (one.attempt_no, one.part, one.state, one.reason, one.detail)
    return known == (fact.no, fact.part, fact.state, fact.reason, fact.detail)


def _heard(fact: PartReported | None, came: Received | None) -> Heard:
    if came is not None:
        return Heard(
            at=came.at,
            attempt_no=came.attempt_no,
            state=came.state,
            reason=came.reason,
            detail=came.detail,
            fact=fact,
            received=came,
        )
    assert fact is not None
    return Heard(
        at=fact.at,
        attempt_no=fact.no,
        state=fact.state,
        reason=fact.reason,
        detail=fact.detail,
        fact=fact,
        received=None,
    )


def _proved(delivery: Delivery, facts: Iterable[Fact]) -> dict[int, datetime]:
    """When each attempt was first proved to have arrived."""
    state = Delivery(
        status=Status.ACCEPTED,
        steps=delivery.steps,
        accepted_at=delivery.accepted_at,
        valid_until=delivery.valid_until,
    )
    proved: dict[int, datetime] = {}
    for fact in facts:
        state = evolve(state, fact)
        if isinstance(fact, PartReported) and state.attempts[fact.no].outcome in PROOFS:
            proved.setdefault(fact.no, fact.at)
    return proved


def _late(stay: Stay, proved_at: datetime | None, at: datetime) -> Late | None:
    """Nothing is late after a proof that came in time: it is news of what had arrived."""
    left_at = stay.ended_unproved_at
    deadline = min((one for one in (stay.window_ends_at, left_at) if one is not None), default=None)
    if deadline is None or at <= deadline or (proved_at is not None and proved_at <= deadline):
        return None
    if left_at is None or at <= left_at:
        return Late.WINDOW
    if stay.why_left in _OVER:
        return Late.OVER
    return Late.RESEND if stay.why_left is Because.RESEND else Late.FALLBACK
