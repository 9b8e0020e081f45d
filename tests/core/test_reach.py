"""What a delivery teaches about a phone."""

import pytest
from tests.core.deliveries import DIIA, SMS, VIBER, Story, delivery

from esoz_notify.core import limits
from esoz_notify.core.channel import Channel
from esoz_notify.core.reach import Lesson, lessons
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Refused, TryLater

WEEK_S, QUARTER_S, DAY_S = 7 * 86_400, 90 * 86_400, 86_400


@pytest.mark.parametrize(
    ("reason", "life_s"),
    [(Reason.NOT_ON_CHANNEL, WEEK_S), (Reason.NO_DEVICE, WEEK_S), (Reason.BLOCKED_BY_USER, QUARTER_S)],
)
def test_a_refusal_of_viber_is_remembered(reason: Reason, life_s: float) -> None:
    """Without Viber or a device for a week, blocked for ninety days."""
    story = Story(delivery(VIBER, SMS))
    story.due()
    before = story.state
    story.reply(Refused(reason))
    assert lessons(before, story.state) == (Lesson(Channel.VIBER, reason, life_s),)


def test_an_inactive_number_is_remembered_for_a_day() -> None:
    """A receipt that says so teaches as a refusal does; the second time it is no news."""
    story = Story(delivery(SMS))
    story.due()
    story.accept()
    before = story.state
    story.receipt(ReceiptState.UNDELIVERABLE, Reason.NUMBER_INACTIVE)
    assert lessons(before, story.state) == (Lesson(Channel.SMS, Reason.NUMBER_INACTIVE, DAY_S),)
    assert lessons(story.state, story.state) == ()


@pytest.mark.parametrize("said", [ReceiptState.DELIVERED, ReceiptState.SEEN])
def test_a_proof_makes_it_forgotten(said: ReceiptState) -> None:
    """Who got the message is reachable on that channel."""
    story = Story(delivery(VIBER, SMS))
    story.due()
    before = story.state
    story.receipt(said)
    assert lessons(before, story.state) == (Lesson(Channel.VIBER, None),)


def test_other_failures_teach_nothing() -> None:
    """Faults of the provider, of the message and of the moment say nothing about the phone; nor does acceptance."""
    for result in (Refused(Reason.TEMPLATE), TryLater(Reason.PROVIDER_FAULT), Refused(Reason.NUMBER_INACTIVE)):
        story = Story(delivery(VIBER, SMS))
        story.due()
        before = story.state
        story.reply(result)
        assert lessons(before, story.state) == ()
    story = Story(delivery(SMS))
    story.due()
    before = story.state
    story.accept()
    assert lessons(before, story.state) == ()


def test_diia_is_not_known_by_phone() -> None:
    """Diia finds people by tax number: what it says is of a person, and a phone may be a family's."""
    story = Story(delivery(DIIA, VIBER, SMS))
    story.due()
    before = story.state
    story.reply(Refused(Reason.NOT_ON_CHANNEL))
    assert lessons(before, story.state) == ()


def test_lives_are_ordered() -> None:
    """A number comes back sooner than an application, and that sooner than a blocked sender."""
    assert limits.NUMBER_INACTIVE_LIFE_S < limits.NOT_ON_CHANNEL_LIFE_S < limits.BLOCKED_LIFE_S
