"""The fold: what each fact makes of the state, and when somebody must look again."""

from tests.core.deliveries import SMS, T0, TEXT_A, Story, at, delivery

from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import (
    AttemptAccepted,
    AttemptFailed,
    AttemptStarted,
    AttemptUnknown,
    Because,
    Delivery,
    Erased,
    PartReported,
    due_at,
    evolve,
    lease_ends_at,
)
from esoz_notify.core.limits import LEASE_S, RETRY_CODE_MAX_S, RETRY_MAX_S
from esoz_notify.core.receipts import PartState, Reason, ReceiptState
from esoz_notify.core.results import Recovery
from esoz_notify.core.status import Outcome, Status


def _started() -> Delivery:
    story = Story(delivery(SMS), {Channel.SMS: (TEXT_A,)})
    story.due()
    return story.state


def test_an_attempt_is_started_as_it_was_decided() -> None:
    """Everything that the fact says is in the attempt, and the delivery is on its way."""
    fact = AttemptStarted(
        at=at(3),
        no=0,
        step=1,
        channel=Channel.SMS,
        provider="text-a",
        recovery=Recovery.WAIT_THEN_OTHER,
        because=Because.NO_PROVIDER,
        step_ends_at=None,
    )
    state = evolve(delivery(), fact)
    attempt = state.attempts[0]
    assert (state.status, state.step, state.on_guaranteed_step) == (Status.IN_DELIVERY, 1, True)
    assert (attempt.no, attempt.step, attempt.channel, attempt.provider) == (0, 1, Channel.SMS, "text-a")
    assert (attempt.outcome, attempt.calls, attempt.started_at) == (Outcome.SUBMITTING, 1, at(3))
    assert lease_ends_at(attempt) == at(3 + LEASE_S)
    assert due_at(state) == at(3 + LEASE_S)


def test_acceptance_makes_the_parts() -> None:
    """Parts are as many as the provider says; what a faster receipt has said of one of them stays."""
    state = evolve(_started(), PartReported(at=at(1), no=0, part=1, state=ReceiptState.SUBMITTED))
    state = evolve(state, AttemptAccepted(at=at(2), no=0, part_count=3))
    accepted, submitted = PartState(ReceiptState.ACCEPTED), PartState(ReceiptState.SUBMITTED)
    assert state.attempts[0].parts == (accepted, submitted, accepted)
    assert (state.attempts[0].outcome, state.attempts[0].submitted_at) == (Outcome.SUBMITTED, at(2))


def test_a_proof_of_one_part_is_no_proof_of_those_nobody_knew_of() -> None:
    """When it turns out that there are more parts, the attempt is waited for again and has no end date."""
    state = evolve(_started(), PartReported(at=at(1), no=0, part=0, state=ReceiptState.DELIVERED))
    assert (state.attempts[0].outcome, state.attempts[0].ended_at) == (Outcome.DELIVERED, at(1))
    state = evolve(state, AttemptAccepted(at=at(2), no=0, part_count=2))
    assert (state.attempts[0].outcome, state.attempts[0].ended_at) == (Outcome.SUBMITTED, None)


def test_a_word_that_says_nothing_changes_no_outcome() -> None:
    """A receipt whose state is not known is kept with the part; the attempt goes on being submitted."""
    state = evolve(_started(), PartReported(at=at(1), no=0, part=0, state=ReceiptState.UNKNOWN, reason=Reason.UNKNOWN))
    assert state.attempts[0].outcome is Outcome.SUBMITTING
    assert state.attempts[0].parts == (PartState(ReceiptState.UNKNOWN, Reason.UNKNOWN),)


def test_a_refused_attempt_is_not_revived_by_an_intermediate_word() -> None:
    """Only a proof changes a failure: submitted and accepted do not."""
    state = evolve(_started(), AttemptFailed(at=at(1), no=0, reason=Reason.UNREACHABLE))
    state = evolve(state, PartReported(at=at(2), no=0, part=0, state=ReceiptState.SUBMITTED))
    assert (state.attempts[0].outcome, state.attempts[0].ended_at) == (Outcome.FAILED, at(1))
    state = evolve(state, AttemptAccepted(at=at(3), no=0, part_count=1))
    assert (state.attempts[0].outcome, state.attempts[0].reason) == (Outcome.FAILED, Reason.UNREACHABLE)
    state = evolve(state, PartReported(at=at(4), no=0, part=0, state=ReceiptState.DELIVERED))
    assert (state.attempts[0].outcome, state.attempts[0].reason) == (Outcome.DELIVERED, None)


def test_a_part_lost_and_found_is_waited_with() -> None:
    """A part reported lost and then delivered is delivered: the message waits for its other parts again."""
    state = evolve(_started(), AttemptAccepted(at=at(1), no=0, part_count=2))
    lost = PartReported(at=at(2), no=0, part=0, state=ReceiptState.UNDELIVERABLE, reason=Reason.ABSENT)
    found = PartReported(at=at(3), no=0, part=0, state=ReceiptState.DELIVERED)
    assert evolve(state, lost).attempts[0].outcome is Outcome.FAILED
    state = evolve(evolve(state, lost), found)
    assert (state.attempts[0].outcome, state.attempts[0].reason) == (Outcome.SUBMITTED, None)


def test_replies_do_not_overrule_receipts() -> None:
    """A failure or an unknown about an attempt that a receipt has judged changes nothing."""
    state = evolve(_started(), PartReported(at=at(1), no=0, part=0, state=ReceiptState.DELIVERED, detail="ok"))
    assert evolve(state, AttemptFailed(at=at(2), no=0, reason=Reason.BALANCE)) == state
    assert evolve(state, AttemptUnknown(at=at(2), no=0, reason=Reason.NO_ANSWER)) == state
    assert state.attempts[0].detail == "ok"


def test_an_unknown_may_become_a_failure() -> None:
    """A refusal that comes after the attempt was given up as unknown is believed; an unknown twice is one."""
    state = evolve(_started(), AttemptUnknown(at=at(5), no=0, reason=Reason.WORKER_LOST))
    assert (state.attempts[0].outcome, state.attempts[0].ended_at) == (Outcome.UNKNOWN, None)
    assert evolve(state, AttemptUnknown(at=at(6), no=0, reason=Reason.NO_ANSWER)) == state
    failed = evolve(state, AttemptFailed(at=at(6), no=0, reason=Reason.BALANCE)).attempts[0]
    assert (failed.outcome, failed.reason, failed.ended_at) == (Outcome.FAILED, Reason.BALANCE, at(6))


def test_the_worst_part_gives_the_reason() -> None:
    """Of several failed parts the strongest word counts, whichever came first; a failure without a reason says so."""
    state = evolve(_started(), AttemptAccepted(at=at(1), no=0, part_count=3))
    state = evolve(state, PartReported(at=at(2), no=0, part=0, state=ReceiptState.EXPIRED))
    assert (state.attempts[0].outcome, state.attempts[0].reason) == (Outcome.EXPIRED, Reason.UNKNOWN)
    rejected = PartReported(at=at(3), no=0, part=2, state=ReceiptState.REJECTED, reason=Reason.SENDER)
    state = evolve(state, rejected)
    assert (state.attempts[0].outcome, state.attempts[0].reason) == (Outcome.FAILED, Reason.SENDER)


def test_the_weakest_of_the_proofs_counts() -> None:
    """A message is read when all of its parts were seen."""
    state = evolve(_started(), AttemptAccepted(at=at(1), no=0, part_count=2))
    for part, word in enumerate((ReceiptState.SEEN, ReceiptState.DELIVERED)):
        state = evolve(state, PartReported(at=at(2), no=0, part=part, state=word))
    assert state.attempts[0].outcome is Outcome.DELIVERED
    state = evolve(state, PartReported(at=at(3), no=0, part=1, state=ReceiptState.SEEN))
    assert (state.attempts[0].outcome, state.attempts[0].ended_at) == (Outcome.READ, at(2))


def test_the_agenda_never_reaches_past_the_validity() -> None:
    """An open delivery is looked at by valid_until at the latest, however long its window or lease is."""
    story = Story(delivery(validity_s=40))
    story.due()
    story.accept()
    assert story.due_s == 40
    brief = Story(delivery(validity_s=3), {Channel.SMS: (TEXT_A,)})
    brief.due()
    assert brief.due_s == 3


def test_the_agenda_of_a_closed_one_is_the_erasure_of_its_code() -> None:
    """A closed delivery is on the agenda only for its code, until that is erased."""
    story = Story(delivery(SMS, is_code=True))
    story.cancel()
    assert story.due_s == 3600
    assert due_at(evolve(story.state, Erased(at=at(3600)))) is None
    without = Story(delivery(SMS))
    without.cancel()
    assert without.due_s is None


def test_pauses_are_short_for_codes() -> None:
    """The longest pause between tries belongs to the delivery, because a code dies soon."""
    assert (delivery(is_code=True).pause_max_s, delivery().pause_max_s) == (RETRY_CODE_MAX_S, RETRY_MAX_S)


def test_nothing_is_waited_for_before_the_first_attempt() -> None:
    """An accepted delivery has no current attempt and is due at once."""
    state = delivery()
    assert (state.current, state.resend_is_waiting, due_at(state)) == (None, False, T0)
