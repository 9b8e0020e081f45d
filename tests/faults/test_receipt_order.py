"""In whatever order and however often receipts come, what is stored of the attempts is the same.

The receipts go through the ledger: kept raw, put into the inbox, taken in batches and applied, as the worker does it.
"""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.product import CALLER, PRESCRIPTION, phone
from tests.faults.whole import without_worker

from esoz_notify.channels.dialogue import Receipt
from esoz_notify.core.cascade import Due, Event, Replied, Reported
from esoz_notify.core.channel import Channel, Providers, ProviderView
from esoz_notify.core.delivery import Delivery
from esoz_notify.core.history import replay
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery
from esoz_notify.core.status import PROOFS, Status
from esoz_notify.engine.applying import Reply, apply_events, know_message_ids
from esoz_notify.store import reading, receiving
from esoz_notify.wiring import Product

SAID = [
    (ReceiptState.ACCEPTED, None),
    (ReceiptState.SUBMITTED, None),
    (ReceiptState.EXPIRED, Reason.VALIDITY),
    (ReceiptState.UNDELIVERABLE, Reason.INVALID_NUMBER),
    (ReceiptState.UNDELIVERABLE, Reason.ABSENT),
    (ReceiptState.REJECTED, Reason.OPERATOR),
    (ReceiptState.DELIVERED, None),
    (ReceiptState.SEEN, None),
]
PROVIDERS: Providers = {
    Channel.VIBER: (ProviderView(name="infobip", recovery=Recovery.SAME_KEY),),
    Channel.SMS: (ProviderView(name="smsc-a", recovery=Recovery.WAIT_THEN_OTHER),),
}
NUMBERS = itertools.cycle(range(10_000))
"""A phone for each: what was learned of one person's Viber would decide the next notification's way."""


@dataclass(frozen=True)
class Said:
    """A receipt about one of the messages: Viber's, or part 0 or 1 of the SMS."""

    about: str
    state: ReceiptState
    reason: Reason | None


RECEIPTS = st.lists(
    st.builds(
        lambda about, said: Said(about, *said), st.sampled_from(["viber", "sms 0", "sms 1"]), st.sampled_from(SAID)
    ),
    min_size=1,
    max_size=6,
)


@given(receipts=RECEIPTS, data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_order_and_number_do_not_matter(
    receipts: list[Said], data: st.DataObject, ledger_dsn: str, tmp_path: Path
) -> None:
    """Two notifications hear the same receipts in two orders, one of them with repeats: their attempts end alike."""
    repeats = data.draw(st.lists(st.sampled_from(receipts), max_size=4))
    shuffled = data.draw(st.permutations(receipts + repeats))
    batches = data.draw(st.integers(1, 4))

    one, other = asyncio.run(_both(ledger_dsn, tmp_path, receipts, shuffled, batches))

    assert _known(one) == _known(other)
    for state in (one, other):
        proved = any(attempt.outcome in PROOFS for attempt in state.attempts)
        assert (state.status is Status.DELIVERED) == proved


async def _both(
    dsn: str, folder: Path, first: Sequence[Said], second: Sequence[Said], batch_max: int
) -> tuple[Delivery, Delivery]:
    async with without_worker(dsn, folder) as product:
        return await _heard(product, first, batch_max), await _heard(product, second, batch_max)


async def _heard(product: Product, receipts: Sequence[Said], batch_max: int) -> Delivery:
    """A notification of which Viber failed and an SMS of two parts is on its way, after these receipts."""
    asked = {"kind": "prescription_issued", "recipient": {"phone": phone(next(NUMBERS))}, "data": PRESCRIPTION}
    answer, _ = await product.service.accept(CALLER, asked, str(uuid4()))
    notification_id = UUID(answer["id"])
    ids = {"viber": f"{notification_id}.0", "sms 0": f"{notification_id.int}0", "sms 1": f"{notification_id.int}1"}
    await _move(product, notification_id, Due(), PROVIDERS)
    await _reply(product, Reply(notification_id, "infobip", Replied(0, Accepted((ids["viber"],)))))
    refused = Reported(0, 0, ReceiptState.UNDELIVERABLE, Reason.NOT_ON_CHANNEL)
    await _move(product, notification_id, refused, PROVIDERS)
    await _reply(product, Reply(notification_id, "smsc-a", Replied(1, Accepted((ids["sms 0"], ids["sms 1"])))))
    for one in receipts:
        receipt = Receipt(provider_message_id=ids[one.about], state=one.state, reason=one.reason)
        provider = "infobip" if one.about == "viber" else "smsc-a"
        await product.service._receiver.receive(provider, b"said", [receipt], ids_are_keys=provider == "infobip")
    await _apply_inbox(product, batch_max)
    async with product.ledger.transaction() as connection:
        orphans = await (await connection.execute("SELECT count(*) FROM receipt_inbox")).fetchone()
        assert orphans == (0,), "every receipt found its attempt"
        stored = await reading.one(connection, notification_id)
        facts = [fact for _, fact in await reading.history(connection, notification_id)]
    assert stored is not None
    accepted = Delivery(
        status=Status.ACCEPTED,
        steps=stored.state.steps,
        accepted_at=stored.state.accepted_at,
        valid_until=stored.state.valid_until,
        has_code=stored.state.has_code,
        is_code=stored.state.is_code,
    )
    assert replay(accepted, facts) == stored.state
    return stored.state


async def _move(product: Product, notification_id: UUID, event: Event, providers: Providers) -> None:
    async with product.ledger.transaction() as connection:
        assert not (await apply_events(connection, [(notification_id, event)], lambda: providers)).refused


async def _reply(product: Product, reply: Reply) -> None:
    async with product.ledger.transaction() as connection:
        await know_message_ids(connection, [reply])
        assert not (await apply_events(connection, [(reply.notification_id, reply.event)], dict)).refused


async def _apply_inbox(product: Product, batch_max: int) -> None:
    looked_at = 1
    while looked_at:
        async with product.ledger.transaction() as connection:
            taken, looked_at = await receiving.take(connection, batch_max)
            events: list[tuple[UUID, Event]] = [
                (one.notification_id, Reported(one.attempt_no, one.part, one.state, one.reason, one.detail))
                for one in taken
            ]
            assert not (await apply_events(connection, events, dict)).refused


def _known(state: Delivery) -> list[tuple[Any, ...]]:
    return [(one.provider, one.outcome, one.reason, one.parts, one.submitted_at is None) for one in state.attempts]
