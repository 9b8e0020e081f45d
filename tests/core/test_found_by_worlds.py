"""What the played worlds and Hypothesis found in the cascade, each as the shortest story of it."""

from tests.core.deliveries import SMS, Story, delivery

from esoz_notify.core.cascade import Due
from esoz_notify.core.delivery import AttemptStarted, AttemptUnknown, Because, RetryPlanned
from esoz_notify.core.results import Unknown
from esoz_notify.core.status import Outcome


def _first_unknown_then_repeated() -> Story:
    """An SMS whose call came to nothing known was repeated once, and only then the first is known to be taken."""
    story = Story(delivery(SMS))
    story.due()
    story.reply(Unknown())
    story.due()
    story.accept(no=0)
    return story


def test_no_third_follows_when_the_first_is_known_to_be_on_its_way() -> None:
    """The late answer to an unknown says that it was taken: a repeat that is unknown too is not repeated again."""
    story = _first_unknown_then_repeated()
    facts = story.reply(Unknown(), no=1)
    assert [type(fact) for fact in facts] == [AttemptUnknown]
    assert [one.outcome for one in story.state.attempts] == [Outcome.SUBMITTED, Outcome.UNKNOWN]


def test_a_resend_in_the_moment_of_a_start_is_for_one_more() -> None:
    """Asked at the same microsecond as an attempt began, it is neither lost nor does it spend that attempt's repeat."""
    story = Story(delivery(SMS))
    story.due()
    story.resend()
    assert story.state.resend_is_waiting
    assert story.tell(Due()) == ()
    started = story.due()[-1]
    assert isinstance(started, AttemptStarted)
    assert (started.no, started.because) == (1, Because.RESEND)


def test_two_that_are_lost_at_once_are_two_unknowns() -> None:
    """A repeat is not planned for the second because the first was lost in the same look and not in an earlier one."""
    story = Story(delivery(SMS))
    story.due()
    story.resend(at_s=1.0)
    story.due()
    facts = story.tell(Due(), at_s=30.0)
    assert [type(fact) for fact in facts] == [AttemptUnknown, AttemptUnknown]


def test_what_the_caller_asks_for_once_more_has_a_repeat_of_its_own() -> None:
    """What was on its way before a resend does not spend the one repeat of what was sent for the resend."""
    story = _first_unknown_then_repeated()
    story.accept(no=1)
    story.resend(at_s=60.0)
    story.due()
    planned = story.reply(Unknown(), no=2)[-1]
    assert isinstance(planned, RetryPlanned)
    assert planned.because is Because.REPEAT_AFTER_UNKNOWN
    again = story.due()[-1]
    assert isinstance(again, AttemptStarted)
    assert again.because is Because.REPEAT_AFTER_UNKNOWN
