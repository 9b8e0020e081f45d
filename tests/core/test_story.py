"""What a history tells in time: stays at steps, and which receipts came too late for what."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.delivery import (
    AttemptAccepted,
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
)
from esoz_notify.core.receipts import ReceiptState
from esoz_notify.core.results import Recovery
from esoz_notify.core.status import Status
from esoz_notify.core.story import Heard, Late, Received, Stay, heard, stays

BEGAN = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
START = Delivery(
    status=Status.IN_DELIVERY,
    steps=(Step(Channel.VIBER, 20), Step(Channel.SMS)),
    accepted_at=BEGAN,
    valid_until=BEGAN + timedelta(hours=1),
)
DELIVERED, EXPIRED = ReceiptState.DELIVERED, ReceiptState.EXPIRED


def at(after_s: float) -> datetime:
    return BEGAN + timedelta(seconds=after_s)


def started(after_s: float, no: int, step: int = 0, because: Because = Because.FIRST_STEP) -> AttemptStarted:
    channel = START.steps[step].channel
    ends_at = START.steps[step].ends_at(at(after_s))
    return AttemptStarted(
        at=at(after_s),
        no=no,
        step=step,
        channel=channel,
        provider="p",
        recovery=Recovery.SAME_KEY,
        because=because,
        step_ends_at=ends_at,
    )


def taken(after_s: float, no: int) -> AttemptAccepted:
    return AttemptAccepted(at=at(after_s), no=no, part_count=1)


def reported(after_s: float, no: int, state: ReceiptState = DELIVERED) -> PartReported:
    return PartReported(at=at(after_s), no=no, part=0, state=state)


def left(after_s: float, because: Because = Because.WINDOW_ENDED, step: int = 0) -> StepEnded:
    return StepEnded(at=at(after_s), step=step, channel=START.steps[step].channel, because=because)


def ended(after_s: float, because: Because, status: Status = Status.DELIVERED) -> Ended:
    return Ended(at=at(after_s), status=status, because=because)


def came(after_s: float, no: int, state: ReceiptState = DELIVERED, number: int = 1) -> Received:
    return Received(
        id=number,
        at=at(after_s),
        attempt_no=no,
        part=0,
        state=state,
        reason=None,
        detail="",
        provider_message_id="m",
    )


FIRST = (started(0, 0), taken(1, 0))
FALLEN_BACK = (*FIRST, left(21), started(21, 1, 1, Because.WINDOW_ENDED), taken(22, 1))


def late(facts: tuple[Fact, ...], *received: Received) -> list[Late | None]:
    return [one.late for one in heard(START, facts, received)]


def test_stays_follow_the_route() -> None:
    """A stay lasts from its first attempt until it is left, and knows its attempts, its window and why it was left."""
    repeat = started(5, 1, because=Because.OTHER_PROVIDER)
    facts = (started(0, 0), replace(repeat, step_ends_at=at(20)), left(20), started(20, 2, 1), ended(25, Because.PROOF))
    viber, sms = stays(facts)
    assert viber == Stay(
        step=0,
        channel=Channel.VIBER,
        began_at=at(0),
        window_ends_at=at(20),
        left_at=at(20),
        why_left=Because.WINDOW_ENDED,
        attempts=(0, 1),
    )
    assert (sms.channel, sms.window_ends_at, sms.left_at, sms.attempts) == (Channel.SMS, None, at(25), (2,))
    assert (viber.ended_unproved_at, sms.ended_unproved_at) == (at(20), None)


def test_a_step_passed_over_is_left_at_once() -> None:
    """A step that no provider can serve begins and ends in one moment; what waits and paper are stays too."""
    waits = StepWaits(at=at(1), step=0, channel=Channel.VIBER, step_ends_at=at(21), retry_at=at(6))
    assert [(one.began_at, one.left_at) for one in stays([left(0, Because.REMEMBERED)])] == [(at(0), at(0))]
    assert [(one.window_ends_at, one.attempts) for one in stays([waits, started(6, 0)])] == [(at(26), (0,))]
    paper = stays([left(0), PaperAsked(at=at(0), step=1, because=Because.NO_PROVIDER)])
    assert [one.channel for one in paper] == [Channel.VIBER, Channel.PRINT]


def test_what_is_over_is_not_left_again() -> None:
    """A late proof that corrects a status, and a resend of what is over, end no stay a second time."""
    over = ended(30, Because.VALIDITY_ENDED, Status.EXPIRED)
    facts = (*FIRST, over, reported(40, 0), ended(40, Because.LATE_PROOF), Resent(at=at(50), step=1))
    assert [one.left_at for one in stays(facts)] == [at(30)]
    assert [one.why_left for one in stays((*FIRST, Resent(at=at(9), step=1)))] == [Because.RESEND]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((*FIRST, reported(5, 0), ended(5, Because.PROOF)), [None]),
        ((*FIRST, reported(20.5, 0), ended(20.5, Because.PROOF)), [Late.WINDOW]),
        ((*FALLEN_BACK, reported(30, 0), ended(30, Because.LATE_PROOF)), [Late.FALLBACK]),
        ((*FALLEN_BACK, reported(30, 1), ended(30, Because.PROOF)), [None]),
        ((*FIRST, Resent(at=at(9), step=1), reported(10, 0)), [Late.RESEND]),
        ((*FIRST, ended(9, Because.OPERATOR, Status.CANCELLED), reported(10, 0)), [Late.OVER]),
        ((*FIRST, reported(5, 0, EXPIRED), left(5, Because.REFUSED), reported(8, 0)), [None, Late.FALLBACK]),
        (
            (*FIRST, reported(5, 0), ended(5, Because.PROOF), reported(90, 0, ReceiptState.SEEN)),
            [None, None],
        ),
        (
            (*FALLEN_BACK, reported(30, 0), ended(30, Because.LATE_PROOF), reported(40, 0, ReceiptState.SEEN)),
            [Late.FALLBACK, Late.FALLBACK],
        ),
    ],
    ids=["in time", "window", "fallback", "guaranteed", "resend", "over", "changed its mind", "read", "read, late"],
)
def test_what_is_late(facts: tuple[Fact, ...], expected: list[Late | None]) -> None:
    """Late is what comes after the window, a fallback, a resend or the end, unless a proof had come in time."""
    assert late(facts) == expected


def test_receipts_are_told_as_they_came() -> None:
    """A receipt stands where it arrived, not where it was applied; what changed nothing is told too."""
    facts = (*FIRST, reported(25, 0), ended(25, Because.PROOF))
    first, again, unknown = heard(START, facts, [came(19, 0), came(30, 0, number=2), came(31, 7, number=3)])
    assert (first.at, first.fact, first.late) == (at(19), facts[2], None)
    assert (again.at, again.fact, again.late) == (at(30), None, Late.WINDOW)
    assert (unknown.attempt_no, unknown.late) == (7, None)
    (old,) = heard(START, facts, [])
    assert old == Heard(
        at=at(25),
        attempt_no=0,
        state=DELIVERED,
        reason=None,
        detail="",
        fact=reported(25, 0),
        received=None,
        late=Late.WINDOW,
    )
