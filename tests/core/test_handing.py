"""What is written down when another worker is to start an attempt."""

from datetime import UTC, datetime, timedelta

from esoz_notify.core.cascade import Replied, World, advance
from esoz_notify.core.channel import Channel, ProviderView, Step
from esoz_notify.core.delivery import AttemptStarted, Because, Delivery, RetryPlanned, due_at
from esoz_notify.core.handing import left_to_others
from esoz_notify.core.history import replay
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Recovery, Refused
from esoz_notify.core.status import Outcome, Status

T0 = datetime(2026, 1, 10, 12, tzinfo=UTC)
VIBER = ProviderView(name="chat", recovery=Recovery.SAME_KEY)
SMS = ProviderView(name="text", recovery=Recovery.WAIT_THEN_OTHER)


def test_a_look_at_once_takes_the_place_of_the_start() -> None:
    """The failure and the end of the step stand, nothing is started, it is due now, and history replays to it."""
    fresh = Delivery(
        status=Status.ACCEPTED,
        steps=(Step(Channel.VIBER, 20.0), Step(Channel.SMS)),
        accepted_at=T0,
        valid_until=T0 + timedelta(hours=1),
        has_code=False,
        is_code=True,
    )
    started = AttemptStarted(
        at=T0, no=0, step=0, channel=Channel.VIBER, provider="chat", recovery=Recovery.SAME_KEY,
        because=Because.FIRST_STEP, step_ends_at=T0 + timedelta(seconds=20),
    )  # fmt: skip
    state = replay(fresh, [started])
    now = T0 + timedelta(seconds=1)
    world = World(now, {Channel.VIBER: (VIBER,), Channel.SMS: (SMS,)}, frozenset({Channel.VIBER, Channel.SMS}))
    _, facts = advance(state, Replied(0, Refused(Reason.NOT_ON_CHANNEL)), world)
    assert isinstance(facts[-1], AttemptStarted)

    after, kept = left_to_others(state, facts)

    assert kept[:-1] == facts[:-1]
    assert kept[-1] == RetryPlanned(at=now, retry_at=now, because=facts[-1].because)
    assert (after.step, due_at(after), [one.outcome for one in after.attempts]) == (1, now, [Outcome.FAILED])
    assert replay(state, kept) == after
