"""Each rule of the cascade in words, told as the story of one delivery."""

from dataclasses import replace
from itertools import product

import pytest
from msgspec import structs
from tests.core.deliveries import (
    ALL,
    CHAT,
    CHAT_2,
    DIIA,
    KEYED,
    PRINT,
    SMS,
    TEXT_A,
    TEXT_B,
    VIBER,
    Story,
    at,
    delivery,
    names,
    pause_s,
)

from esoz_notify.core import limits
from esoz_notify.core.cascade import (
    TABLE,
    CancelAsked,
    Due,
    Event,
    Printed,
    Replied,
    Reported,
    ResendAsked,
    World,
    decide,
)
from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.delivery import (
    AttemptFailed,
    AttemptRepeated,
    AttemptStarted,
    AttemptUnknown,
    Because,
    Ended,
    RetryPlanned,
    StepEnded,
)
from esoz_notify.core.errors import LimitReached, RefusedTransition
from esoz_notify.core.receipts import REASONS, Fault, Reason, ReceiptState
from esoz_notify.core.results import Accepted, Refused, TryLater, Unknown
from esoz_notify.core.status import Outcome, Status

DELIVERED, SEEN = ReceiptState.DELIVERED, ReceiptState.SEEN
UNDELIVERABLE, EXPIRED = ReceiptState.UNDELIVERABLE, ReceiptState.EXPIRED
PERSON = [reason for reason in Reason if REASONS[reason].fault is Fault.PERSON]


# --- the way down -----------------------------------------------------------------------------------------------------


def test_first_look_starts_the_first_step() -> None:
    """The first look gives the message to the preferred provider of the first step and opens its window."""
    story = Story(delivery(DIIA, VIBER, SMS))
    assert story.due_s == 0
    assert names(story.due()) == ["AttemptStarted"]
    assert (story.state.status, story.tried, story.state.step_ends_at) == (Status.IN_DELIVERY, ["push"], at(120))


@pytest.mark.parametrize("reason", PERSON)
def test_not_a_viber_user_gets_an_sms_in_the_same_breath(reason: Reason) -> None:
    """A receipt that this person cannot be reached by Viber starts the SMS at once, not when the window ends."""
    story = Story(delivery())
    story.due()
    story.accept()
    facts = story.receipt(UNDELIVERABLE, reason, at_s=1)
    assert names(facts) == ["PartReported", "StepEnded", "AttemptStarted"]
    assert story.channels == [Channel.VIBER, Channel.SMS]
    assert facts[1] == StepEnded(at=at(1), step=0, channel=Channel.VIBER, because=Because.REFUSED, reason=reason)


def test_refusal_in_the_reply_goes_on_at_once() -> None:
    """A reply that refuses the person is as good as a receipt: the SMS starts at once."""
    story = Story(delivery())
    story.due()
    facts = story.reply(Refused(Reason.NOT_ON_CHANNEL, "code 7"), at_s=0.2)
    assert names(facts) == ["AttemptFailed", "StepEnded", "AttemptStarted"]
    assert (story.state.attempts[0].outcome, story.state.attempts[0].detail) == (Outcome.FAILED, "code 7")


def test_end_of_the_window_starts_the_next_step() -> None:
    """Without proof by the end of the window the next step starts, and the silent attempt stays submitted."""
    story = Story(delivery())
    story.due()
    story.accept(at_s=0.3)
    assert story.due_s == 90
    facts = story.due()
    assert names(facts) == ["StepEnded", "AttemptStarted"]
    assert facts[0] == StepEnded(at=at(90), step=0, channel=Channel.VIBER, because=Because.WINDOW_ENDED)
    assert [one.outcome for one in story.state.attempts] == [Outcome.SUBMITTED, Outcome.SUBMITTING]
    assert story.state.step_ends_at is None


def test_a_look_before_its_time_changes_nothing() -> None:
    """A second worker that looks at the same delivery, or one that looks too early, finds nothing to do."""
    story = Story(delivery())
    story.due()
    assert story.due(0) == ()
    story.accept()
    assert story.due(50) == ()


def test_a_step_without_providers_is_skipped() -> None:
    """A channel none of whose providers is up is not waited for: the next step starts in the same look."""
    story = Story(delivery(DIIA, VIBER, SMS), {Channel.SMS: (TEXT_A,)})
    facts = story.due()
    assert names(facts) == ["StepEnded", "StepEnded", "AttemptStarted"]
    assert {fact.because for fact in facts if isinstance(fact, StepEnded)} == {Because.NO_PROVIDER}
    assert (story.channels, story.state.step) == ([Channel.SMS], 2)


def test_a_life_too_short_for_viber_goes_to_sms() -> None:
    """A provider that takes no validity as short as the life left is passed over."""
    story = Story(delivery(validity_s=14))
    facts = story.due()
    assert facts[0] == StepEnded(at=at(0), step=0, channel=Channel.VIBER, because=Because.LIFE_TOO_SHORT)
    assert story.channels == [Channel.SMS]


def test_a_second_viber_provider_is_tried_before_sms() -> None:
    """When the provider is at fault and not the person, another provider of the channel is tried in the same window."""
    story = Story(delivery(), ALL | {Channel.VIBER: (CHAT, CHAT_2)})
    story.due()
    facts = story.reply(Refused(Reason.BALANCE), at_s=2)
    assert isinstance(facts[1], AttemptStarted)
    assert (facts[1].because, facts[1].step_ends_at) == (Because.OTHER_PROVIDER, at(90))
    assert story.tried == ["chat", "chat-2"]


def test_another_provider_that_cannot_serve_is_no_other_provider() -> None:
    """A second provider that takes no life so short must not make us call the failed one again without a pause."""
    slow = replace(TEXT_B, validity_min_s=600.0)
    story = Story(delivery(SMS, validity_s=300), {Channel.SMS: (TEXT_A, slow)})
    story.due()
    facts = story.reply(TryLater(Reason.UNREACHABLE), at_s=1)
    assert facts[1] == RetryPlanned(at=at(1), retry_at=at(2), because=Because.RETRY, reason=Reason.UNREACHABLE)


def test_a_throttled_viber_is_tried_again_when_it_said_so() -> None:
    """A provider that names a pause inside the window is waited for; the window does not grow by it."""
    story = Story(delivery())
    story.due()
    facts = story.reply(TryLater(Reason.THROTTLED, 10.0), at_s=1)
    assert names(facts) == ["AttemptFailed", "RetryPlanned"]
    assert story.due_s == 11
    retried = story.due()
    assert isinstance(retried[0], AttemptStarted)
    assert (retried[0].because, retried[0].step_ends_at) == (Because.RETRY, at(90))
    assert story.channels == [Channel.VIBER, Channel.VIBER]


@pytest.mark.parametrize("named_s", [0.0, 89.0, 3600.0, 1e300])
def test_a_pause_past_the_window_is_not_waited_for(named_s: float) -> None:
    """A provider that names no pause, or one past the window, is left for the next step at once."""
    story = Story(delivery())
    story.due()
    assert names(story.reply(TryLater(Reason.THROTTLED, named_s), at_s=1)) == [
        "AttemptFailed",
        "StepEnded",
        "AttemptStarted",
    ]
    assert story.channels == [Channel.VIBER, Channel.SMS]


def _while_viber_is_down(*, is_code: bool = False) -> Story:
    story = Story(delivery(is_code=is_code), {Channel.SMS: (TEXT_A,)})
    story.configured = frozenset({Channel.VIBER, Channel.SMS})
    return story


def test_what_is_not_a_code_waits_for_a_provider_that_is_down() -> None:
    """A provider that is down may be up again before its window ends: it is looked at in growing pauses until then."""
    story = _while_viber_is_down()
    assert names(story.due()) == ["StepWaits"]
    assert (story.state.status, story.state.step_ends_at, story.due_s) == (Status.ACCEPTED, at(90), 5)
    pauses = [pause_s(story.due()) for _ in range(3)]
    assert pauses == sorted(pauses)
    story.providers = ALL
    started = story.due()[0]
    assert isinstance(started, AttemptStarted)
    assert (started.channel, started.because, started.step_ends_at) == (Channel.VIBER, Because.FIRST_STEP, at(90))


def test_waiting_for_a_provider_ends_with_the_window() -> None:
    """The wait is no longer than proof would have been waited for: then the SMS goes."""
    story = _while_viber_is_down()
    while not story.state.attempts:
        story.due()
    assert (story.channels, story.now) == ([Channel.SMS], at(90))
    assert StepEnded(at=at(90), step=0, channel=Channel.VIBER, because=Because.WINDOW_ENDED) in story.facts


def test_a_code_does_not_wait_for_a_provider_that_is_down() -> None:
    """Somebody sits before the doctor: the code goes by the next way at once."""
    story = _while_viber_is_down(is_code=True)
    facts = story.due()
    assert facts[0] == StepEnded(at=at(0), step=0, channel=Channel.VIBER, because=Because.PROVIDER_DOWN)
    assert story.channels == [Channel.SMS]


def test_a_channel_on_which_the_person_was_not_lately_is_skipped() -> None:
    """What is remembered of this phone spares a vain try; the guaranteed channel is tried whatever is remembered."""
    story = Story(delivery())
    story.remembered = {Channel.VIBER: Reason.NOT_ON_CHANNEL, Channel.SMS: Reason.NUMBER_INACTIVE}
    facts = story.due()
    assert facts[0] == StepEnded(
        at=at(0), step=0, channel=Channel.VIBER, because=Because.REMEMBERED, reason=Reason.NOT_ON_CHANNEL
    )
    assert story.channels == [Channel.SMS]


def test_a_repeat_under_the_same_key_waits_for_the_provider_that_knows_it() -> None:
    """While the provider is down the repeat is put off within the window; nobody else knows the key."""
    story = Story(delivery())
    story.configured = frozenset({Channel.VIBER, Channel.SMS})
    story.due()
    story.reply(Unknown(), at_s=1)
    story.providers = {Channel.SMS: (TEXT_A,)}
    assert names(story.due()) == ["RetryPlanned"]
    story.providers = ALL
    assert names(story.due()) == ["AttemptRepeated"]


# --- the guaranteed channel -------------------------------------------------------------------------------------------


def test_both_smscs_down_is_waited_out() -> None:
    """When both providers failed, the guaranteed channel pauses, a little longer each time, and rotates them."""
    story = Story(delivery(SMS))
    story.due()
    story.reply(TryLater(Reason.UNREACHABLE), at_s=1)
    assert story.tried == ["text-a", "text-b"]
    pauses = []
    for _ in range(8):
        pauses.append(pause_s(story.reply(TryLater(Reason.UNREACHABLE))))
        story.due()
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]
    assert story.tried == ["text-a", "text-b"] * 5


def test_pauses_of_a_code_stay_short() -> None:
    """A code dies soon: its pauses grow to 5 seconds only, and to 30 when the operator took and billed it."""
    story = Story(delivery(SMS, is_code=True, validity_s=300), {Channel.SMS: (TEXT_A,)})
    story.due()
    pauses = []
    for _ in range(5):
        pauses.append(pause_s(story.reply(TryLater(Reason.UNREACHABLE))))
        story.due()
    assert pauses == [1, 2, 4, 5, 5]
    story.accept()
    assert pause_s(story.receipt(UNDELIVERABLE, Reason.ABSENT)) == 30


def test_a_phone_out_of_reach_is_tried_again_later() -> None:
    """An absent phone is nobody's fault: another provider would not find it either, time may."""
    story = Story(delivery(SMS))
    story.due()
    story.accept()
    assert names(story.receipt(UNDELIVERABLE, Reason.ABSENT, at_s=5)) == ["PartReported", "RetryPlanned"]
    assert story.due_s == 25
    assert names(story.due()) == ["AttemptStarted"]
    assert story.state.status is Status.IN_DELIVERY


def test_a_pause_that_the_provider_names_is_kept_on_the_guaranteed_channel() -> None:
    """The pause is the longer of the provider's and ours, and never reaches past the validity."""
    story = Story(delivery(SMS, validity_s=1000), {Channel.SMS: (TEXT_A,)})
    story.due()
    story.reply(TryLater(Reason.THROTTLED, 30.0), at_s=1)
    assert story.due_s == 31
    story.due()
    story.reply(TryLater(Reason.THROTTLED, 1e300))
    assert story.due_s == 1000


@pytest.mark.parametrize("reason", [*PERSON, Reason.CONTENT])
def test_undelivered_only_when_the_guaranteed_channel_refused_for_good(reason: Reason) -> None:
    """A refusal that no other provider can better ends it as undelivered, and says why."""
    story = Story(delivery(SMS), {Channel.SMS: (TEXT_A,)})
    story.due()
    story.accept()
    story.receipt(UNDELIVERABLE, reason, at_s=9)
    assert (story.state.status, story.state.reason, story.state.ended_at) == (Status.UNDELIVERED, reason, at(9))
    assert story.due_s is None


def test_a_refused_text_is_shown_to_every_provider_once() -> None:
    """Another provider may judge a text differently, once; then it is undelivered."""
    story = Story(delivery(SMS))
    story.due()
    story.reply(Refused(Reason.CONTENT))
    assert story.tried == ["text-a", "text-b"]
    story.reply(Refused(Reason.CONTENT))
    assert story.state.status is Status.UNDELIVERED


def test_no_provider_at_all_from_the_start() -> None:
    """A notification that nobody can take yet stays accepted and is looked at in growing pauses, not in a loop."""
    story = Story(delivery(SMS), {})
    assert names(story.due()) == ["RetryPlanned"]
    assert (story.state.status, story.due_s) == (Status.ACCEPTED, 1)
    assert story.due(0.5) == ()
    pauses = [pause_s(story.due()) for _ in range(20)]
    assert pauses[:4] == [1, 1, 1.5, 2.25]
    assert pauses[-1] == 60
    story.providers = ALL
    assert names(story.due()) == ["AttemptStarted"]
    assert story.facts[-1] == AttemptStarted(
        at=story.now,
        no=0,
        step=0,
        channel=Channel.SMS,
        provider="text-a",
        recovery=TEXT_A.recovery,
        because=Because.FIRST_STEP,
        step_ends_at=None,
    )


def test_pauses_of_an_outage_stay_short_for_a_code() -> None:
    """While no provider is up, a code is looked at every 5 seconds at least."""
    story = Story(delivery(SMS, is_code=True, validity_s=300), {})
    assert max(pause_s(story.due()) for _ in range(30)) == 5


def test_a_route_that_promises_nothing_is_a_mistake_of_ours() -> None:
    """Policies are proved at load, so that a route without a guaranteed end never comes here."""
    story = Story(delivery(VIBER), {})
    with pytest.raises(AssertionError, match="guaranteed"):
        story.due()


# --- unknown ----------------------------------------------------------------------------------------------------------


def test_same_key_repeats_the_same_attempt_in_growing_pauses() -> None:
    """A provider that knows our key is called again under it: one attempt, several calls, never a second attempt."""
    story = Story(delivery())
    story.due()
    pauses = []
    for call in range(1, limits.CALLS_MAX):
        planned = story.reply(Unknown())[-1]
        assert isinstance(planned, RetryPlanned)
        assert planned.because is Because.REPEAT_SAME_KEY
        pauses.append((planned.retry_at - planned.at).total_seconds())
        assert story.due() == (AttemptRepeated(at=story.now, no=0),)
        assert (len(story.state.attempts), story.last.calls) == (1, call + 1)
    assert pauses == [0.5, 1, 2, 4, 8]
    assert names(story.reply(Unknown())) == ["AttemptUnknown"]
    assert story.due_s == 90, "after the last call the window goes on for a receipt"
    assert names(story.due()) == ["StepEnded", "AttemptStarted"]


def test_same_key_on_the_guaranteed_channel_goes_on() -> None:
    """Where no window ends, the calls go on in pauses that grow to their maximum, or another provider takes over."""
    story = Story(delivery(SMS), {Channel.SMS: (KEYED,)})
    story.due()
    pauses = []
    for _ in range(limits.CALLS_MAX + 3):
        pauses.append(pause_s(story.reply(Unknown())))
        story.due()
    assert pauses[5:] == [32, 60, 60, 60]
    assert len(story.state.attempts) == 1
    story.providers = {Channel.SMS: (KEYED, TEXT_A)}
    story.reply(Unknown())
    assert story.tried == ["keyed", "text-a"]


def test_unknown_sms_waits_for_a_receipt_and_is_repeated_once_by_another_provider() -> None:
    """An SMSC recognises no repeat: wait, then one repeat as a recorded decision; a second unknown is not repeated."""
    story = Story(delivery(SMS))
    story.due()
    story.reply(Unknown(), at_s=1)
    assert story.due_s == 31
    facts = story.due()
    assert isinstance(facts[0], AttemptStarted)
    assert facts[0].because is Because.REPEAT_AFTER_UNKNOWN
    assert story.tried == ["text-a", "text-b"]
    assert names(story.reply(Unknown())) == ["AttemptUnknown"]
    assert story.due_s == 3600
    story.due()
    assert (story.state.status, len(story.state.attempts)) == (Status.EXPIRED, 2)


def test_unknown_code_waits_less_and_never_past_half_of_its_life() -> None:
    """A code waits 4 seconds before the repeat; one that has 2 seconds left waits one."""
    story = Story(delivery(SMS, is_code=True, validity_s=300))
    story.due()
    story.reply(Unknown(), at_s=1)
    assert story.due_s == 5
    short = Story(delivery(SMS, is_code=True, validity_s=3))
    short.due()
    short.reply(Unknown(), at_s=1)
    assert short.due_s == 2


def test_the_repeat_waits_for_a_provider() -> None:
    """When nobody is up at the time of the repeat, it is planned anew; with one provider the same one repeats."""
    story = Story(delivery(SMS), {Channel.SMS: (TEXT_A,)})
    story.due()
    story.reply(Unknown(), at_s=1)
    story.providers = {}
    planned = story.due()[0]
    assert isinstance(planned, RetryPlanned)
    assert planned.because is Because.NO_PROVIDER
    story.providers = {Channel.SMS: (TEXT_A,)}
    story.due()
    assert story.tried == ["text-a", "text-a"]


def test_a_receipt_answers_an_unknown() -> None:
    """A receipt for an unknown attempt stops the repeat: submitted is waited for, delivered ends it."""
    story = Story(delivery(SMS))
    story.due()
    story.reply(Unknown(), at_s=1)
    story.receipt(ReceiptState.SUBMITTED, at_s=2)
    assert (story.last.outcome, story.due_s) == (Outcome.SUBMITTED, 3600)
    assert story.due(40) == ()
    story.receipt(DELIVERED, at_s=41)
    assert story.state.status is Status.DELIVERED


def test_a_late_reply_answers_an_unknown() -> None:
    """A reply that comes after all, from a worker thought dead, is believed: accepted stops the repeat."""
    story = Story(delivery(SMS))
    story.due()
    assert names(story.due(5)) == ["AttemptUnknown", "RetryPlanned"]
    story.accept(at_s=6)
    assert (story.last.outcome, story.state.retry_at, story.due_s) == (Outcome.SUBMITTED, None, 3600)


def test_a_repeat_under_the_same_key_is_not_doubled_by_a_late_unknown() -> None:
    """An unknown about an attempt that is not being submitted any more says nothing new."""
    story = Story(delivery())
    story.due()
    story.accept()
    assert story.reply(Unknown(), at_s=3) == ()


# --- lost workers -----------------------------------------------------------------------------------------------------


def test_an_attempt_of_a_dead_worker_becomes_unknown() -> None:
    """When the lease ends the attempt is unknown, and the rule for unknown goes on; before that nobody touches it."""
    story = Story(delivery())
    story.due()
    assert story.due_s == limits.LEASE_S
    facts = story.due()
    assert facts[0] == AttemptUnknown(at=at(5), no=0, reason=Reason.WORKER_LOST)
    assert story.due_s == 5.5
    assert names(story.due()) == ["AttemptRepeated"]
    assert story.due_s == 10.5, "the repeat has a lease of its own"


def test_a_code_of_a_dead_worker_moves_again_within_ten_seconds() -> None:
    """Lease and wait together are shorter than 10 seconds for a code."""
    story = Story(delivery(SMS, is_code=True, validity_s=300))
    story.due()
    story.due()
    story.due()
    assert story.tried == ["text-a", "text-b"]
    assert story.now < at(limits.RESCUE_CODE_MAX_S)


def test_the_record_of_a_superseded_attempt_does_not_say_submitting_for_ever() -> None:
    """An attempt whose worker died is found also when the cascade has gone on, and after the end."""
    window = Step(Channel.VIBER, 2.0)
    story = Story(delivery(window, SMS))
    story.due()
    story.due()
    assert (story.channels, story.now) == ([Channel.VIBER, Channel.SMS], at(2))
    story.accept()
    assert story.due_s == 5
    assert story.due() == (AttemptUnknown(at=at(5), no=0, reason=Reason.WORKER_LOST),)
    assert story.state.current == story.last

    closed = Story(delivery())
    closed.due()
    closed.cancel(at_s=1)
    assert closed.due_s == 5
    assert names(closed.due()) == ["AttemptUnknown"]
    assert closed.due_s is None


def test_a_superseded_lost_attempt_beside_one_in_its_lease() -> None:
    """Only the attempt whose lease is over is given up; the one in submission is left alone."""
    story = Story(delivery(Step(Channel.VIBER, 2.0), SMS))
    story.due()
    story.due()
    assert story.due(5) == (AttemptUnknown(at=at(5), no=0, reason=Reason.WORKER_LOST),)
    assert [one.outcome for one in story.state.attempts] == [Outcome.UNKNOWN, Outcome.SUBMITTING]


# --- proofs -----------------------------------------------------------------------------------------------------------


def test_proof_ends_it() -> None:
    """A receipt of delivery ends it; a later receipt of reading is still written to the attempt."""
    story = Story(delivery())
    story.due()
    story.accept()
    assert story.receipt(DELIVERED, at_s=3)[-1] == Ended(at=at(3), status=Status.DELIVERED, because=Because.PROOF)
    assert names(story.receipt(SEEN, at_s=9)) == ["PartReported"]
    assert (story.state.status, story.last.outcome, story.state.ended_at) == (Status.DELIVERED, Outcome.READ, at(3))


def test_a_late_viber_receipt_after_sms_ends_it() -> None:
    """A Viber message that arrives while the SMS is on its way is a delivery: no third message is sent."""
    story = Story(delivery())
    story.due()
    story.accept()
    story.due()
    story.accept(at_s=91)
    facts = story.receipt(DELIVERED, no=0, at_s=95)
    assert facts[-1] == Ended(at=at(95), status=Status.DELIVERED, because=Because.LATE_PROOF)
    assert names(story.receipt(UNDELIVERABLE, Reason.ABSENT, no=1, at_s=99)) == ["PartReported"]
    assert (story.state.status, story.due_s) == (Status.DELIVERED, None)


@pytest.mark.parametrize("status", [Status.UNDELIVERED, Status.EXPIRED])
def test_a_proof_corrects_a_sad_end(status: Status) -> None:
    """A delivery that is proved after undelivered or expired is a delivery."""
    story = Story(delivery(SMS, validity_s=50), {Channel.SMS: (TEXT_A,)})
    story.due()
    story.accept()
    if status is Status.UNDELIVERED:
        story.receipt(UNDELIVERABLE, Reason.NUMBER_INACTIVE, at_s=5)
    else:
        story.due()
    assert story.state.status is status
    story.receipt(DELIVERED, at_s=60)
    assert (story.state.status, story.state.reason) == (Status.DELIVERED, None)


def test_a_proof_does_not_undo_a_cancel() -> None:
    """What was cancelled stays cancelled; that it arrived is written to its attempt."""
    story = Story(delivery())
    story.due()
    story.accept()
    story.cancel(at_s=1)
    assert names(story.receipt(DELIVERED, at_s=2)) == ["PartReported"]
    assert (story.state.status, story.last.outcome) == (Status.CANCELLED, Outcome.DELIVERED)


def test_the_same_receipt_twice_is_one() -> None:
    """A doubled receipt, and one weaker than what is known, add nothing to the history."""
    story = Story(delivery())
    story.due()
    story.accept()
    story.receipt(DELIVERED, at_s=3)
    assert story.receipt(DELIVERED, at_s=4) == ()
    assert story.receipt(UNDELIVERABLE, Reason.ABSENT, at_s=5) == ()


def test_a_receipt_faster_than_the_reply() -> None:
    """A receipt that overtakes the reply counts; the reply then only adds that it was accepted."""
    story = Story(delivery())
    story.due()
    story.receipt(DELIVERED, at_s=1)
    assert story.state.status is Status.DELIVERED
    assert names(story.accept(at_s=2)) == ["AttemptAccepted"]
    assert (story.last.outcome, story.last.submitted_at) == (Outcome.DELIVERED, at(2))


def test_a_refusal_slower_than_a_receipt_is_not_believed() -> None:
    """A repeat that is refused as a doubled one, while receipts say that the first call arrived, starts no SMS."""
    story = Story(delivery())
    story.due()
    story.reply(Unknown(), at_s=1)
    story.due()
    story.receipt(ReceiptState.SUBMITTED, at_s=2)
    assert story.reply(Refused(Reason.DUPLICATE), at_s=3) == ()
    assert (story.channels, story.last.outcome) == ([Channel.VIBER], Outcome.SUBMITTED)


def test_an_expired_receipt_of_viber_starts_the_sms() -> None:
    """A provider that gave up by its own validity is not waited for until the window ends."""
    story = Story(delivery())
    story.due()
    story.accept()
    story.receipt(EXPIRED, at_s=30)
    assert (story.state.attempts[0].outcome, story.state.attempts[0].reason) == (Outcome.EXPIRED, Reason.UNKNOWN)
    assert story.channels == [Channel.VIBER, Channel.SMS]


def test_all_parts_make_a_delivery_and_one_makes_a_failure() -> None:
    """A message in three parts is delivered when all are; one lost part is a lost message."""
    story = Story(delivery(SMS), {Channel.SMS: (TEXT_A,)})
    story.due()
    story.accept(3)
    for part in (2, 0):
        story.receipt(DELIVERED, part=part, at_s=5)
    assert story.state.status is Status.IN_DELIVERY
    story.receipt(DELIVERED, part=1, at_s=6)
    assert (story.state.status, story.last.outcome) == (Status.DELIVERED, Outcome.DELIVERED)

    lost = Story(delivery(SMS), {Channel.SMS: (TEXT_A,)})
    lost.due()
    lost.accept(2)
    lost.receipt(DELIVERED, part=0, at_s=5)
    lost.receipt(UNDELIVERABLE, Reason.NUMBER_INACTIVE, part=1, at_s=6)
    assert (lost.state.status, lost.last.outcome) == (Status.UNDELIVERED, Outcome.FAILED)


# --- replies recorded twice, or about what is over --------------------------------------------------------------------


def test_replies_recorded_twice_count_once() -> None:
    """A worker that does not know whether its reply was written writes it again: nothing is added."""
    story = Story(delivery())
    story.due()
    story.accept(at_s=1)
    assert story.accept(at_s=2) == ()

    refused = Story(delivery(SMS))
    refused.due()
    refused.reply(TryLater(Reason.UNREACHABLE), at_s=1)
    assert refused.reply(TryLater(Reason.UNREACHABLE), 0, at_s=2) == ()
    assert refused.tried == ["text-a", "text-b"]


def test_a_failure_of_a_superseded_attempt_starts_nothing() -> None:
    """What becomes of an attempt that the cascade has left is recorded, and that is all."""
    story = Story(delivery())
    story.due()
    story.accept()
    story.due()
    facts = story.receipt(UNDELIVERABLE, Reason.NOT_ON_CHANNEL, no=0, at_s=91)
    assert names(facts) == ["PartReported"]
    cancelled = Story(delivery())
    cancelled.due()
    cancelled.cancel(at_s=1)
    assert cancelled.reply(Refused(Reason.CONTENT), at_s=2) == (AttemptFailed(at=at(2), no=0, reason=Reason.CONTENT),)
    assert (cancelled.state.status, cancelled.last.outcome) == (Status.CANCELLED, Outcome.FAILED)


# --- time -------------------------------------------------------------------------------------------------------------


def test_nothing_is_sent_when_the_validity_is_over() -> None:
    """At valid_until it is expired; a refusal that comes at that very moment starts no other attempt."""
    story = Story(delivery(validity_s=30))
    story.due()
    story.accept()
    assert names(story.receipt(UNDELIVERABLE, Reason.NOT_ON_CHANNEL, at_s=30)) == [
        "PartReported",
        "StepEnded",
        "RetryPlanned",
    ]
    assert story.channels == [Channel.VIBER]
    assert story.due()[-1] == Ended(
        at=at(30), status=Status.EXPIRED, because=Because.VALIDITY_ENDED, reason=Reason.VALIDITY
    )


def test_what_nobody_looked_at_in_time_expires_unsent() -> None:
    """After a long outage of ours a dead code is expired, not sent."""
    story = Story(delivery(validity_s=300, is_code=True))
    assert names(story.due(400)) == ["Ended"]
    assert (story.state.status, story.state.attempts) == (Status.EXPIRED, ())


def test_a_code_is_erased_when_its_validity_is_over() -> None:
    """Whatever became of it, the code is erased at valid_until, not before and once."""
    story = Story(delivery(validity_s=300, is_code=True))
    story.due()
    story.accept()
    story.receipt(DELIVERED, at_s=2)
    assert story.due_s == 300
    assert story.due(299) == ()
    assert names(story.due(300)) == ["Erased"]
    assert story.due(301) == ()
    assert story.state.erased
    assert story.due_s is None


# --- callers and doctors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("started", [False, True])
def test_cancel_starts_nothing_more(started: bool) -> None:
    """A cancel ends it at once, before the first attempt or after it; a second cancel is refused."""
    story = Story(delivery())
    if started:
        story.due()
        story.accept()
    story.cancel(at_s=1)
    assert (story.state.status, story.state.ended_at, story.due_s) == (Status.CANCELLED, at(1), None)
    with pytest.raises(RefusedTransition, match="status cancelled does not take a cancel"):
        story.cancel(at_s=2)


def test_a_cancel_says_whose_it_is() -> None:
    """The history tells an operator's cancel from the caller's."""
    for asked, because in ((CancelAsked(), Because.CALLER), (CancelAsked(Because.OPERATOR), Because.OPERATOR)):
        assert Story(delivery()).tell(asked) == (Ended(at=at(0), status=Status.CANCELLED, because=because),)


def test_resend_goes_by_the_next_way() -> None:
    """A resend goes by the channel after the one that did not help, with a new window, and the next look starts it."""
    story = Story(delivery(DIIA, VIBER, SMS))
    story.due()
    story.accept(at_s=1)
    assert names(story.resend(at_s=10)) == ["Resent"]
    assert (story.state.resend_is_waiting, story.state.current, story.due_s) == (True, None, 10)
    started = story.due()[0]
    assert isinstance(started, AttemptStarted)
    assert (started.because, started.channel, started.step_ends_at) == (Because.RESEND, Channel.VIBER, at(100))
    assert not story.state.resend_is_waiting


def test_resend_on_the_last_way_goes_by_the_other_provider() -> None:
    """There is no way after SMS: the resend is an SMS by the provider that did not send the first."""
    story = Story(delivery(SMS))
    story.due()
    story.accept()
    story.receipt(DELIVERED, at_s=2)
    story.resend(at_s=60)
    assert story.state.status is Status.IN_DELIVERY
    story.due()
    assert story.tried == ["text-a", "text-b"]


def test_resend_before_the_first_attempt_of_a_waiting_one() -> None:
    """A failure of the attempt before a resend starts nothing: the resend is what is waited for."""
    story = Story(delivery())
    story.due()
    story.resend(at_s=1)
    assert names(story.reply(Refused(Reason.NOT_ON_CHANNEL), at_s=2)) == ["AttemptFailed"]
    assert names(story.due()) == ["AttemptStarted"]
    assert story.channels == [Channel.VIBER, Channel.SMS]


def test_resend_keeps_the_acceptance_of_the_attempt_before() -> None:
    """The reply to the attempt before the resend is recorded and does not take the resend off the agenda."""
    story = Story(delivery())
    story.due()
    story.resend(at_s=1)
    story.accept(at_s=2)
    assert (story.last.outcome, story.state.resend_is_waiting, story.due_s) == (Outcome.SUBMITTED, True, 1)


def test_reading_the_first_message_does_not_end_the_resend() -> None:
    """That the message already delivered was read proves nothing about the one that the caller asked for."""
    story = Story(delivery(SMS))
    story.due()
    story.accept()
    story.receipt(DELIVERED, at_s=2)
    story.resend(at_s=60)
    assert names(story.receipt(SEEN, at_s=61)) == ["PartReported"]
    story.due()
    story.accept()
    story.receipt(DELIVERED, at_s=70)
    assert (story.state.status, len(story.state.attempts)) == (Status.DELIVERED, 2)


def test_resends_are_limited_and_the_next_time_is_told() -> None:
    """At most three resends in ten minutes; the error says when the next is allowed, and then it is."""
    story = Story(delivery(SMS))
    story.due()
    for second in (10, 20, 30):
        story.resend(at_s=second)
        story.due()
        story.accept()
    with pytest.raises(LimitReached) as refused:
        story.resend(at_s=40)
    assert refused.value.next_at == at(610)
    with pytest.raises(LimitReached):
        story.resend(at_s=609)
    story.resend(at_s=610)
    assert len(story.state.resent_at) == 4


def test_no_resend_after_the_validity() -> None:
    """A dead code is not sent again, although nobody has looked since it died."""
    story = Story(delivery(validity_s=60))
    story.due()
    story.accept()
    with pytest.raises(RefusedTransition) as refused:
        story.resend(at_s=60)
    assert refused.value.code == "validity_over"


def test_fetching_the_summary_makes_print_required_printed() -> None:
    """The first fetch ends it, further ones change nothing, and it is not expired any more."""
    story = Story(delivery(PRINT, status=Status.PRINT_REQUIRED))
    assert (story.due_s, story.due(1)) == (3600, ())
    assert names(story.fetch_for_print(at_s=2)) == ["Ended"]
    assert (story.state.status, story.due_s) == (Status.PRINTED, None)
    assert story.fetch_for_print(at_s=3) == ()
    assert story.due(4000) == ()


def test_paper_that_nobody_fetched_expires() -> None:
    """At the end of the validity a summary that nobody fetched is expired."""
    story = Story(delivery(PRINT, status=Status.PRINT_REQUIRED))
    assert names(story.due()) == ["Ended"]
    assert (story.state.status, story.now) == (Status.EXPIRED, at(3600))


# --- the table --------------------------------------------------------------------------------------------------------

EVENTS: tuple[Event, ...] = (
    Due(),
    Replied(0, Accepted(("1",))),
    Reported(0, 0, DELIVERED),
    CancelAsked(),
    ResendAsked(),
    Printed(),
)


@pytest.mark.parametrize(
    ("status", "event"), [pair for pair in product(Status, EVENTS) if (pair[0], type(pair[1])) not in TABLE]
)
def test_what_is_not_in_the_table_is_refused(status: Status, event: Event) -> None:
    """A pair of status and event that is no row is refused by a sentence that names both."""
    story = Story(delivery())
    story.due()
    with pytest.raises(RefusedTransition, match=f"status {status} does not take a") as refused:
        decide(structs.replace(story.state, status=status), event, World(at(1), ALL))
    assert refused.value.code == "status_conflict"


def test_the_table_leads_somewhere_from_everywhere() -> None:
    """Every status has a row for a look at its agenda, and every row leads to at least one status."""
    assert {status for status, event in TABLE if event is Due} == set(Status)
    assert all(row.leads_to for row in TABLE.values())
    reached = set().union(*(row.leads_to for row in TABLE.values()))
    assert set(Status) - reached == set()


@pytest.mark.parametrize("event", [Replied(1, Unknown()), Reported(1, 0, DELIVERED)])
def test_an_attempt_that_never_was_is_refused(event: Replied | Reported) -> None:
    """A reply or receipt about an attempt that this delivery does not have is refused under its own code."""
    story = Story(delivery())
    story.due()
    with pytest.raises(RefusedTransition, match="no attempt 1") as refused:
        story.tell(event)
    assert refused.value.code == "no_such_attempt"


def test_a_route_may_end_on_paper() -> None:
    """Paper after Viber: when Viber refuses, the doctor is asked to print, and printing ends it."""
    story = Story(delivery(VIBER, PRINT))
    story.due()
    story.tell(Replied(0, Refused(Reason.NOT_ON_CHANNEL)))
    statuses = [story.state.status]
    story.due(120.0)
    story.tell(Printed())

    assert [*statuses, story.state.status] == [Status.PRINT_REQUIRED, Status.PRINTED]


def test_a_late_proof_spares_the_paper_until_it_is_printed() -> None:
    """While the print is only required a proof ends it; once printed, the proof is written to its attempt alone."""
    for printed_first, ends in ((False, Status.DELIVERED), (True, Status.PRINTED)):
        story = Story(delivery(VIBER, PRINT))
        story.due()
        story.tell(Replied(0, Accepted(("m",))))
        story.due(90.0)
        assert story.state.status is Status.PRINT_REQUIRED
        if printed_first:
            story.tell(Printed())
        story.tell(Reported(0, 0, ReceiptState.DELIVERED))

        assert (story.state.status, story.state.attempts[0].outcome) == (ends, Outcome.DELIVERED)


def test_a_resend_that_stays_silent_takes_no_proof_away() -> None:
    """Delivered, sent again, silent until the validity ended: it is still delivered."""
    story = Story(delivery(VIBER, SMS))
    story.due()
    story.tell(Reported(0, 0, ReceiptState.DELIVERED))
    story.tell(ResendAsked(), at_s=60.0)
    story.due()
    story.tell(Replied(1, Accepted(("m",))))
    story.due(3600.0)

    assert story.state.status is Status.DELIVERED


def test_a_worker_lost_before_the_paper_is_recorded_while_it_waits() -> None:
    """A Viber attempt left submitting when the route came to paper does not say submitting for ever."""
    story = Story(delivery(Step(Channel.VIBER, 2.0), PRINT))
    story.due()
    story.due(2.0)
    assert story.state.status is Status.PRINT_REQUIRED
    story.due()

    assert story.state.attempts[0].outcome is Outcome.UNKNOWN
    assert story.state.status is Status.PRINT_REQUIRED


def test_what_operators_bill_and_do_not_deliver_is_not_sent_every_minute() -> None:
    """An operator that takes a document and reports failures all day is asked dozens of times, not 1,440."""
    story = Story(delivery(SMS, validity_s=86_400.0))
    story.due()
    while story.state.status is Status.IN_DELIVERY:
        if story.last.outcome is Outcome.SUBMITTING:
            story.accept()
            story.receipt(UNDELIVERABLE, Reason.OPERATOR)
        story.due()

    assert story.state.status is Status.EXPIRED
    assert len(story.state.attempts) < 50
