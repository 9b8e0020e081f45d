"""More of steps whose providers are all down: what came before, what is remembered, and how the waiting ends."""

from collections.abc import Mapping

from tests.core.deliveries import ALL, DIIA, PUSH, SMS, TEXT_A, VIBER, Story, at, delivery, names

from esoz_notify.core.channel import Channel, Providers, Step
from esoz_notify.core.delivery import Because, StepEnded, StepWaits
from esoz_notify.core.history import replay
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Refused, Unknown
from esoz_notify.core.status import Status

NO_VIBER: Providers = {Channel.DIIA: (PUSH,), Channel.SMS: (TEXT_A,)}


def viber_is_down(
    *steps: Step,
    validity_s: float = 3600.0,
    configured: frozenset[Channel] = frozenset(ALL),
    remembered: Mapping[Channel, Reason] | None = None,
) -> Story:
    story = Story(delivery(*steps, validity_s=validity_s), NO_VIBER)
    story.configured = configured
    story.remembered = dict(remembered or {})
    return story


def test_a_wait_says_for_whom_and_for_how_long() -> None:
    """The fact holds the window and the next look, so that the history replays to the state."""
    story = viber_is_down(VIBER, SMS)
    assert story.due() == (StepWaits(at=at(0), step=0, channel=Channel.VIBER, step_ends_at=at(90), retry_at=at(5)),)
    while not story.state.attempts:
        story.due()
    assert sum(isinstance(fact, StepWaits) for fact in story.facts) < 12, "a long outage costs few looks"
    assert replay(story.start, story.facts) == story.state


def test_the_next_step_waits_too() -> None:
    """After Diia refused, a document waits for Viber with Viber's own window."""
    story = viber_is_down(DIIA, VIBER, SMS)
    story.due()
    assert names(story.reply(Refused(Reason.NOT_ON_CHANNEL), at_s=3)) == ["AttemptFailed", "StepEnded", "StepWaits"]
    assert (story.state.status, story.state.step, story.state.step_ends_at) == (Status.IN_DELIVERY, 1, at(93))
    assert story.due_s == 8


def test_waiting_never_outlives_the_validity() -> None:
    """A validity that ends within the window ends the waiting."""
    story = viber_is_down(VIBER, SMS, validity_s=3)
    story.due()
    assert story.due_s == 3
    assert names(story.due()) == ["Ended"]
    assert story.state.status is Status.EXPIRED


def test_a_channel_that_nobody_configured_is_not_waited_for() -> None:
    """Without any provider of its own a channel is skipped at once, for documents too."""
    story = viber_is_down(VIBER, SMS, configured=frozenset({Channel.SMS}))
    assert names(story.due()) == ["StepEnded", "AttemptStarted"]
    assert story.facts[0] == StepEnded(at=at(0), step=0, channel=Channel.VIBER, because=Because.NO_PROVIDER)


def test_memory_is_asked_before_waiting() -> None:
    """A phone without Viber does not wait for a Viber that is down."""
    story = viber_is_down(VIBER, SMS, remembered={Channel.VIBER: Reason.NOT_ON_CHANNEL})
    story.due()
    assert story.channels == [Channel.SMS]


def test_a_late_answer_while_waiting_is_taken() -> None:
    """An attempt that turns out to have been taken while its repeat waits is waited with."""
    story = viber_is_down(VIBER, SMS)
    story.providers = ALL
    story.due()
    story.reply(Unknown(Reason.NO_ANSWER), at_s=10)
    story.providers = NO_VIBER
    story.due()
    story.accept(at_s=12)
    assert story.due_s == 90
    assert story.due(20) == ()
