"""The queue of a provider: what is sent, what is given back, and how much at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from esoz_notify.channels.dialogue import Capabilities, OutboundMessage
from esoz_notify.core.channel import Channel
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Accepted, Recovery, Result, TryLater, Unknown
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.health import Health
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.providers import Outbox, Provider

OK = Accepted(("1",))


def message(key: str, validity_s: float = 60.0) -> OutboundMessage:
    return OutboundMessage(
        key=key,
        phone=Phone("+380000000001"),
        tax_id=None,
        kind="referral_issued",
        template="t",
        parameters={},
        text="t",
        language="uk",
        validity_s=validity_s,
    )


class Chat:
    """A provider that answers what it is told to, and only when it is let."""

    def __init__(self, health: Health, *, at_once: int = 2, batch_max: int = 1) -> None:
        self.sent: list[str] = []
        self.validities: list[float] = []
        self.answer: Result = OK
        self.let = asyncio.Event()
        self.answers: dict[str, Result] = {}
        self.under_way = 0
        capabilities = Capabilities(
            channel=Channel.VIBER, recovery=Recovery.SAME_KEY, validity_min_s=15.0, batch_max=batch_max
        )
        provider = Provider("chat", capabilities, self._send, lambda: True, at_once)
        self.outbox = Outbox(provider, health, lambda one, result: self.answers.update({one.key: result}))

    async def _send(self, batch: Sequence[OutboundMessage]) -> Sequence[Result]:
        self.sent += [one.key for one in batch]
        self.validities += [one.validity_s for one in batch]
        self.under_way += 1
        await self.let.wait()
        self.under_way -= 1
        return [self.answer] * len(batch)

    async def all_answered(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.answers) < count:
                await asyncio.sleep(0.01)


@pytest.fixture
async def health(ledger_dsn: str) -> AsyncIterator[Health]:
    ledger = Ledger(ledger_dsn, LedgerClock())
    await ledger.open()
    yield Health(ledger, ["chat"])
    await ledger.close()


async def test_so_many_at_once_and_the_rest_in_order(health: Health) -> None:
    """No more calls at once than agreed; the rest waits for its turn."""
    chat = Chat(health)
    for number in range(5):
        chat.outbox.put(message(str(number)), life_s=60)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (chat.sent, chat.outbox.size) == (["0", "1"], 3)
    chat.let.set()
    await chat.all_answered(5)
    assert chat.sent == ["0", "1", "2", "3", "4"]
    assert set(chat.answers.values()) == {OK}


async def test_what_waits_is_given_back_when_the_circuit_opens(health: Health) -> None:
    """Unsent messages may go elsewhere at once; one that was called before stays unknown."""
    chat = Chat(health, at_once=1)
    health.when_spared = lambda _: chat.outbox.give_back()
    chat.outbox.put(message("under way"), life_s=60)
    chat.outbox.put(message("waiting"), life_s=60)
    chat.outbox.put(message("repeated"), life_s=60, repeat=True)
    await asyncio.sleep(0)
    for _ in range(5):
        health.note("chat", [Unknown()], health.now())
    assert chat.answers == {
        "waiting": TryLater(Reason.UNREACHABLE, 0.0, "not sent: the provider is spared"),
        "repeated": Unknown(Reason.UNREACHABLE, "not sent: the provider is spared"),
    }
    chat.outbox.put(message("late"), life_s=60)
    await chat.all_answered(3)
    assert chat.sent in (["under way"], [])
    chat.let.set()


async def test_nothing_without_life_left_is_sent(health: Health) -> None:
    """What the provider would not take any more, or would deliver dead, is not sent."""
    chat = Chat(health)
    chat.let.set()
    chat.outbox.put(message("dead"), life_s=10)
    chat.outbox.put(message("alive"), life_s=16)
    await chat.all_answered(2)
    assert chat.sent == ["alive"]
    assert chat.answers["dead"] == TryLater(Reason.VALIDITY, 0.0, "not sent: no life left")


async def test_the_validity_told_is_what_is_left_of_it(health: Health) -> None:
    """Time spent waiting is taken off, but never below what the provider accepts."""
    chat = Chat(health, at_once=1)
    chat.outbox.put(message("first", 90.0), life_s=300)
    chat.outbox.put(message("second", 90.0), life_s=300)
    chat.outbox.put(message("third", 15.5), life_s=300)
    await asyncio.sleep(1.1)
    chat.let.set()
    await chat.all_answered(3)
    first, second, third = chat.validities
    assert first == 90.0
    assert 80.0 < second < 89.0
    assert third == 15.0


async def test_a_provider_that_asks_for_less_gets_less(health: Health) -> None:
    """A window of throttled answers halves the calls at once, once; good answers bring them back one by one."""
    chat = Chat(health, at_once=8)
    chat.let.set()
    chat.answer = TryLater(Reason.THROTTLED, 1.0)
    for number in range(8):
        chat.outbox.put(message(f"throttled {number}"), life_s=60)
    await chat.all_answered(8)
    chat.let.clear()
    for number in range(20):
        chat.outbox.put(message(f"waiting {number}"), life_s=60)
    await asyncio.sleep(0.05)
    assert chat.under_way == 4
    chat.answer = OK
    chat.let.set()
    await chat.all_answered(28)
    chat.let.clear()
    for number in range(20):
        chat.outbox.put(message(f"again {number}"), life_s=60)
    await asyncio.sleep(0.05)
    assert chat.under_way == 8
    chat.let.set()
    await chat.all_answered(48)
