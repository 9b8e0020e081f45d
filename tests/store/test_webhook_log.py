"""Events of webhooks in a real ledger: whom they are written for, who claims them, and when they go."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from esoz_notify.engine.clock import new_id
from esoz_notify.store import retention, webhook_log, webhooks
from esoz_notify.store.ledger import Connection
from esoz_notify.store.webhook_log import NewEvent, Settled
from esoz_notify.store.webhooks import Webhook

NOW = datetime.now(UTC)


@pytest.fixture
async def connection(ledger_dsn: str) -> AsyncIterator[Connection]:
    """A connection of its own."""
    async with await psycopg.AsyncConnection.connect(ledger_dsn, autocommit=True) as opened:
        yield opened


async def a_webhook(connection: Connection, *events: str, client_id: str = "mis-1") -> UUID:
    webhook = Webhook(id=new_id(NOW), client_id=client_id, shown="https://mis.example/", events=events, created_at=NOW)
    await webhooks.add(connection, webhook, b"sealed")
    return webhook.id


def an_event(client_id: str = "mis-1", name: str = "notification.expired", at: datetime = NOW) -> NewEvent:
    return NewEvent(
        id=new_id(at),
        client_id=client_id,
        name=name,
        at=at,
        notification_id=None,
        traceparent=None,
        data={"b": 1, "a": 2},
    )


async def count(connection: Connection, table: str) -> int:
    row = await (await connection.execute(f"SELECT count(*) FROM {table}".encode())).fetchone()  # noqa: S608
    assert row is not None
    return int(row[0])


async def test_an_event_is_written_for_those_who_want_it(connection: Connection) -> None:
    """Of its caller, with no filter or with its name in it; one that nobody wants is not written at all."""
    everything, chosen = await a_webhook(connection), await a_webhook(connection, "notification.expired")
    other, stranger = (
        await a_webhook(connection, "notification.printed"),
        await a_webhook(connection, client_id="mis-2"),
    )
    expired = an_event()
    await webhook_log.publish(connection, [expired, an_event("mis-3")])

    assert await count(connection, "webhook_event") == 1
    for webhook_id in (everything, chosen):
        (logged,) = await webhook_log.page(connection, webhook_id, None, None, 10)
        assert (logged.event_id, logged.state) == (expired.id, "waiting")
    for webhook_id in (other, stranger):
        assert await webhook_log.page(connection, webhook_id, None, None, 10) == []


async def test_a_claim_takes_from_each_what_it_may_be_told(connection: Connection, ledger_dsn: str) -> None:
    """So many of each, whatever another has waiting, one of each that fails; nobody else is given the same."""
    long, short, failing = [await a_webhook(connection, client_id=f"mis-{number}") for number in (1, 2, 3)]
    events = [an_event() for _ in range(20)] + [an_event("mis-2"), an_event("mis-3"), an_event("mis-3")]
    await webhook_log.publish(connection, events)
    await webhooks.failed(connection, [(failing, None)])
    async with connection.transaction():
        first = await webhook_log.claim(connection, [], 8, 30)
        async with await psycopg.AsyncConnection.connect(ledger_dsn, autocommit=True) as neighbour:
            meanwhile = await webhook_log.claim(neighbour, [], 8, 30)
    in_hand = [(one.webhook_id, one.event_id) for one in first]
    again = await webhook_log.claim(connection, in_hand[:3], 8, 30)

    def counted(claimed: list[webhook_log.Claimed]) -> list[int]:
        return [sum(one.webhook_id == webhook_id for one in claimed) for webhook_id in (long, short, failing)]

    assert (counted(first), counted(meanwhile)) == ([8, 1, 1], [8, 0, 1])
    assert not {one.event_id for one in first} & {one.event_id for one in meanwhile}
    assert counted(again)[0] == 4, "the rest of twenty"
    assert list(first[0].data) == ["b", "a"], "as it was written, to the byte"


async def test_what_is_disabled_stays_so_unless_it_was_taken(connection: Connection) -> None:
    """A call in hand when its webhook is disabled plans no other try; an answer that takes the event counts."""
    webhook_id = await a_webhook(connection)
    await webhook_log.publish(connection, [an_event(), an_event()])
    failed, taken = await webhook_log.claim(connection, [], 8, 30)
    assert await webhooks.disable(connection, {webhook_id: "gone"}) == [(webhook_id, "mis-1", "gone")]
    assert await webhooks.disable(connection, {webhook_id: "failing"}) == []
    await webhook_log.give_up_waiting(connection, webhook_id)

    def settled(one: webhook_log.Claimed, state: str, wait_s: float | None, status: int) -> Settled:
        return Settled(
            webhook_id=webhook_id, event_id=one.event_id, state=state, wait_s=wait_s, tries=1, status=status,
            fault=None, answered_ms=5,
        )  # fmt: skip

    await webhook_log.settle(connection, [settled(failed, "waiting", 5.0, 500), settled(taken, "delivered", None, 200)])
    log = {one.event_id: one for one in await webhook_log.page(connection, webhook_id, None, None, 10)}

    assert (log[failed.event_id].state, log[failed.event_id].due_at) == ("disabled", None)
    assert (log[taken.event_id].state, log[taken.event_id].status) == ("delivered", 200)


async def test_one_disabled_long_ago_is_written_nothing(connection: Connection) -> None:
    """For a week it is held back for a replay, then it is as if nobody listened."""
    webhook_id = await a_webhook(connection)
    await webhooks.disable(connection, {webhook_id: "caller"})
    await webhook_log.publish(connection, [an_event()])
    assert [one.state for one in await webhook_log.page(connection, webhook_id, None, None, 10)] == ["disabled"]
    await connection.execute("UPDATE webhook SET disabled_at = disabled_at - interval '8 days'")
    await webhook_log.publish(connection, [an_event()])

    assert await count(connection, "webhook_event") == 1


async def test_what_is_old_goes_with_all_of_its_log(connection: Connection) -> None:
    """By the time of the event; what is younger stays, and batches end."""
    webhook_id = await a_webhook(connection)
    old = [an_event(at=NOW - timedelta(days=31)) for _ in range(3)]
    await webhook_log.publish(connection, [*old, young := an_event()])
    before = NOW - timedelta(days=30)

    assert (await retention.standing(connection, "webhooks", before)).over == 3
    assert [await retention.purge(connection, "webhooks", before, 2) for _ in range(3)] == [2, 1, 0]
    assert await count(connection, "webhook_delivery") == 1
    assert [one.event_id for one in await webhook_log.page(connection, webhook_id, None, None, 10)] == [young.id]
