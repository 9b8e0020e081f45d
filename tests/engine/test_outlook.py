"""Room per provider and lane: what waits for a busy provider, what goes elsewhere, and what is counted."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.engine.product import CALLER, REFERRAL, phone
from tests.engine.test_overload import CODE, without_worker

from esoz_notify.channels.dialogue import Capabilities, OutboundMessage
from esoz_notify.core.channel import Channel, Providers, ProviderView
from esoz_notify.core.kinds import Lane
from esoz_notify.core.results import Recovery, Result
from esoz_notify.engine.applying import apply_due
from esoz_notify.engine.health import Health
from esoz_notify.engine.outlook import IN_HAND_MAX, InHand, Outlook
from esoz_notify.engine.providers import Provider
from esoz_notify.engine.sight import Sight
from esoz_notify.wiring import Product

CHAT = ProviderView(name="chat", recovery=Recovery.SAME_KEY)
CHAT_2 = ProviderView(name="chat-2", recovery=Recovery.SAME_KEY)
TEXT = ProviderView(name="text", recovery=Recovery.WAIT_THEN_OTHER)
ALL = frozenset({Channel.VIBER, Channel.SMS})


@pytest.fixture
async def product(ledger_dsn: str, tmp_path: Path) -> AsyncIterator[Product]:
    async with without_worker(ledger_dsn, tmp_path) as one:
        yield one


async def accepted(product: Product, kind: str, *, waited_s: float = 0.0) -> UUID:
    """A notification with the route viber, sms; accepted so long ago."""
    data = CODE if kind == "confirmation_code" else REFERRAL
    answer, _ = await product.service.accept(
        CALLER, {"kind": kind, "recipient": {"phone": phone(1)}, "data": data}, str(uuid4())
    )
    async with product.ledger.transaction() as connection:
        await connection.execute(
            "UPDATE delivery SET route = 'viber:20,sms', accepted_at = accepted_at - %s, due_at = due_at - %s"
            " WHERE notification_id = %s",
            [timedelta(seconds=waited_s), timedelta(seconds=waited_s), answer["id"]],
        )
    return UUID(answer["id"])


def sight(usable: Providers, free: Providers, took: list[str]) -> Sight:
    return Sight(lambda _: usable, lambda _: free, lambda name, _: took.append(name), ALL)


async def claim(product: Product, kind: str, free: Providers, took: list[str]) -> tuple[int, list[str]]:
    """Claim one lane with Viber busy; gives how many were postponed, and the channels started."""
    usable: Providers = {Channel.VIBER: (CHAT,), Channel.SMS: (TEXT,)}
    if Channel.VIBER in free:
        usable = {**usable, Channel.VIBER: (CHAT, CHAT_2)}
    lane = Lane.CODES if kind == "confirmation_code" else Lane.DOCUMENTS
    async with product.ledger.transaction() as connection:
        applied = await apply_due(connection, lane.value, 10, sight(usable, free, took))
    started = [one.state.attempts[one.attempt_no].provider for one in applied.submissions]
    return applied.postponed, started


@pytest.mark.parametrize(
    ("kind", "waited_s", "free", "postponed", "started"),
    [
        ("referral_issued", 0.0, {Channel.SMS: (TEXT,)}, 1, []),
        ("referral_issued", 0.0, {Channel.VIBER: (CHAT_2,), Channel.SMS: (TEXT,)}, 0, ["chat-2"]),
        ("referral_issued", 21.0, {Channel.SMS: (TEXT,)}, 0, []),
        ("confirmation_code", 0.0, {Channel.SMS: (TEXT,)}, 1, []),
        ("confirmation_code", 1.5, {Channel.SMS: (TEXT,)}, 0, ["text"]),
        ("confirmation_code", 1.5, {}, 0, []),
    ],
    ids=["waits", "other provider", "window over", "code waits a moment", "code goes on", "nothing free"],
)
async def test_what_follows_when_the_provider_is_busy(  # noqa: PLR0917 - one row of the table
    product: Product, kind: str, waited_s: float, free: Providers, postponed: int, started: list[str]
) -> None:
    """Another provider of the channel is as good; another channel only after a moment for codes, a window else."""
    await accepted(product, kind, waited_s=waited_s)
    took: list[str] = []
    assert await claim(product, kind, free, took) == (postponed, started)
    assert took == started


async def test_what_was_postponed_is_untouched_and_comes_again(product: Product, ledger_dsn: str) -> None:
    """Waiting for room writes no history and no attempt, and the agenda is moved by a second at most."""
    one = await accepted(product, "referral_issued")
    assert await claim(product, "referral_issued", {}, []) == (1, [])
    with psycopg.connect(ledger_dsn) as connection:
        row = connection.execute(
            "SELECT version, status, due_at > now(), due_at <= now() + interval '1 second' FROM delivery"
            " WHERE notification_id = %s",
            [one],
        ).fetchone()
    assert row == (0, "accepted", True, True)


async def _never(_: Sequence[OutboundMessage]) -> Sequence[Result]:
    return []


def provider(name: str, channel: Channel) -> Provider:
    capabilities = Capabilities(channel=channel, recovery=Recovery.SAME_KEY)
    return Provider(name, capabilities, _never, lambda: True, 1)


async def test_each_provider_has_an_equal_share_of_each_lane(product: Product) -> None:
    """Who has its share in hand gets no more of that lane; the other lane and the other provider are not touched."""
    both = [provider("chat", Channel.VIBER), provider("text", Channel.SMS)]
    in_hand = InHand()
    outlook = Outlook(both, Health(product.ledger, ["chat", "text"]), in_hand)
    share = IN_HAND_MAX[Lane.DOCUMENTS] // 2
    for _ in range(share - 1):
        in_hand.take((uuid4(), 0), "chat", Lane.DOCUMENTS)
    look = outlook.look()
    assert set(look.free(Lane.DOCUMENTS)) == {Channel.VIBER, Channel.SMS}
    look.took("chat", Lane.DOCUMENTS)
    assert set(look.free(Lane.DOCUMENTS)) == {Channel.SMS}
    assert set(look.usable(Lane.DOCUMENTS)) == {Channel.VIBER, Channel.SMS}
    assert set(look.free(Lane.CODES)) == {Channel.VIBER, Channel.SMS}
    assert look.configured == {Channel.VIBER, Channel.SMS}


async def test_what_is_in_hand_is_counted() -> None:
    """An attempt taken twice is one; one dropped twice is none; the age is that of the last taking."""
    in_hand, attempt = InHand(), (uuid4(), 1)
    in_hand.take(attempt, "chat", Lane.CODES)
    in_hand.take(attempt, "chat", Lane.CODES)
    assert (len(in_hand), in_hand.of("chat", Lane.CODES), in_hand.in_lane(Lane.CODES)) == (1, 1, 1)
    await asyncio.sleep(0.01)
    assert in_hand.older_than(0.0) == {attempt[0]}
    assert in_hand.older_than(60.0) == set()
    in_hand.drop(attempt)
    in_hand.drop(attempt)
    assert (len(in_hand), in_hand.of("chat", Lane.CODES)) == (0, 0)
