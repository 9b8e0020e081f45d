"""What a probe's delivery says of its provider, and when a row of failures begins."""

from datetime import UTC, datetime, timedelta

import pytest

from esoz_notify.core.cascade import Due, Event, Replied, Reported, World, advance
from esoz_notify.core.channel import Channel, Providers, ProviderView, Step
from esoz_notify.core.delivery import Delivery
from esoz_notify.core.probe import Judged, failures_in_row, judge
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused
from esoz_notify.core.status import Status

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
VIEWS = tuple(ProviderView(name=name, recovery=Recovery.SAME_KEY) for name in ("smsc-a", "smsc-b"))
TAKEN, DELIVERED = Replied(0, Accepted(("id",))), Reported(0, 0, ReceiptState.DELIVERED)
REFUSED = Replied(0, Refused(Reason.PROVIDER_FAULT))
LIMIT_S = 60.0


def after(*events: tuple[float, Event], channel: Channel = Channel.SMS, name: str = "smsc-b") -> Delivery:
    """A probe's delivery after events at so many seconds."""
    steps = (Step(channel, None, name),) if channel is Channel.SMS else (Step(channel, 60, name), Step(Channel.PRINT))
    state = Delivery(status=Status.ACCEPTED, steps=steps, accepted_at=AT, valid_until=AT + timedelta(hours=1))
    for second, event in events:
        providers: Providers = {channel: VIEWS}
        state, _ = advance(state, event, World(AT + timedelta(seconds=second), providers, frozenset({channel})))
    return state


@pytest.mark.parametrize(
    ("events", "second", "judged"),
    [
        ([], 59, None),
        ([], 60, Judged(ok=False, reason="not_taken")),
        ([(0, Due())], 60, Judged(ok=False, reason="not_taken")),
        ([(0, Due()), (1, TAKEN)], 59, None),
        ([(0, Due()), (1, TAKEN)], 60, Judged(ok=False, handed_s=1.0, reason="no_receipt")),
        ([(0, Due()), (1, TAKEN), (4, DELIVERED)], 4, Judged(ok=True, handed_s=1.0, receipt_s=3.0)),
        ([(0, Due()), (2, DELIVERED), (3, TAKEN)], 4, Judged(ok=True, handed_s=2.0, receipt_s=0.0)),
        ([(0, Due()), (1, DELIVERED)], 1, Judged(ok=True, handed_s=1.0, receipt_s=0.0)),
        ([(0, Due()), (1, REFUSED)], 60, Judged(ok=False, reason="provider_fault")),
        (
            [(0, Due()), (1, TAKEN), (3, Reported(0, 0, ReceiptState.REJECTED, Reason.CONTENT))],
            3,
            Judged(ok=False, handed_s=1.0, reason="content"),
        ),
    ],
)
def test_a_probe_is_judged_when_it_arrived_or_cannot(
    events: list[tuple[float, Event]], second: float, judged: Judged | None
) -> None:
    """Proof is good at once; what is over, or past the limit, failed with the best reason there is."""
    assert judge(after(*events), AT + timedelta(seconds=second), LIMIT_S) == judged


def test_a_channel_that_proves_only_opening() -> None:
    """Taken and not called back is good there; refused is not."""
    now = AT + timedelta(seconds=60)
    taken = after((0, Due()), (1, TAKEN), channel=Channel.DIIA)
    assert judge(taken, now, LIMIT_S, proves=False) == Judged(ok=True, handed_s=1.0)
    absent = Reported(0, 0, ReceiptState.UNDELIVERABLE, Reason.NOT_ON_CHANNEL)
    refused = after((0, Due()), (1, TAKEN), (2, absent), channel=Channel.DIIA)
    assert judge(refused, now, LIMIT_S, proves=False) == Judged(ok=False, handed_s=1.0, reason="not_on_channel")


def test_a_step_that_names_its_provider_goes_by_no_other() -> None:
    """Not by the preferred one, not by another after a failure, and not at all while the named one is away."""
    assert [one.provider for one in after((0, Due())).attempts] == ["smsc-b"]
    refused = after((0, Due()), (1, REFUSED))
    assert [one.provider for one in refused.attempts] == ["smsc-b"]
    assert refused.retry_at is not None
    away = after((0, Due()), name="smsc-c")
    assert (away.attempts, away.status) == ((), Status.ACCEPTED)


def test_a_named_provider_is_tried_whatever_is_remembered() -> None:
    """Memory spares patients a detour; a probe is there to see whether it is still true."""
    state = after(channel=Channel.VIBER)
    remembered = {Channel.VIBER: Reason.NOT_ON_CHANNEL}
    after_due, _ = advance(state, Due(), World(AT, {Channel.VIBER: VIEWS}, frozenset({Channel.VIBER}), remembered))
    assert [one.provider for one in after_due.attempts] == ["smsc-b"]


@pytest.mark.parametrize(("results", "count"), [([], 0), ([True, False], 0), ([False, False, True], 2), ([False], 1)])
def test_failures_in_row_end_at_the_newest_good_one(results: list[bool], count: int) -> None:
    """The newest come first."""
    assert failures_in_row(results) == count
