"""Receipts in the inbox: taken when their attempt is known, kept when it is not, whoever commits first."""

from uuid import UUID

import psycopg

from esoz_notify.core.receipts import ReceiptState
from esoz_notify.store import receiving, stories
from esoz_notify.store.ledger import Connection
from esoz_notify.store.receiving import InboxReceipt, MessageId, RawReceipt

RECEIPT, NOTIFICATION = UUID(int=1), UUID(int=2)


async def _receipt_comes(connection: Connection) -> None:
    raw = RawReceipt(id=RECEIPT, provider="p", raw=b"x", problem=None)
    said = InboxReceipt(
        receipt_id=RECEIPT,
        provider="p",
        provider_message_id="m",
        notification_id=None,
        attempt_no=None,
        state=ReceiptState.DELIVERED,
        reason=None,
        detail="",
    )
    await receiving.keep(connection, [raw], [said])


async def test_a_reply_that_commits_while_the_inbox_is_looked_at_loses_no_time(ledger_dsn: str) -> None:
    """A receipt faster than its reply is not set aside in the moment in which the reply is being recorded."""
    async with (
        await psycopg.AsyncConnection.connect(ledger_dsn) as looking,
        await psycopg.AsyncConnection.connect(ledger_dsn) as recording,
    ):
        await _receipt_comes(looking)
        await looking.commit()
        await receiving.know(recording, [MessageId("p", "m", NOTIFICATION, 0, 0)])
        first, _ = await receiving.take(looking, 10)
        await recording.commit()
        await looking.commit()
        then, _ = await receiving.take(looking, 10)

    assert first == []
    assert [(one.notification_id, one.attempt_no) for one in then] == [(NOTIFICATION, 0)]


async def test_an_orphan_waits_and_is_found(ledger_dsn: str) -> None:
    """A receipt that nobody claims for a while is set aside, and comes back when its submission becomes known."""
    async with await psycopg.AsyncConnection.connect(ledger_dsn, autocommit=True) as connection:
        await _receipt_comes(connection)
        await connection.execute("UPDATE receipt_inbox SET received_at = received_at - interval '1 minute'")
        await receiving.take(connection, 10)
        aside, looked_at = await receiving.take(connection, 10)
        found = await receiving.know(connection, [MessageId("p", "m", NOTIFICATION, 0, 0)])
        then, _ = await receiving.take(connection, 10)

    assert (aside, looked_at, found) == ([], 0, True)
    assert [one.notification_id for one in then] == [NOTIFICATION]


async def test_what_was_taken_is_kept_with_its_attempt(ledger_dsn: str) -> None:
    """Every receipt of a notification can be told later, those that repeat others too, and found as it came."""
    async with await psycopg.AsyncConnection.connect(ledger_dsn, autocommit=True) as connection:
        await receiving.know(connection, [MessageId("p", "m", NOTIFICATION, 1, 2)])
        await _receipt_comes(connection)
        await receiving.take(connection, 10)
        told = await stories.received(connection, NOTIFICATION, 10)
        ids = await stories.message_ids(connection, NOTIFICATION, 10)
        raw = await stories.raw_receipt(connection, NOTIFICATION, told[0].id)
        others = await stories.raw_receipt(connection, UUID(int=9), told[0].id)

    assert [(one.attempt_no, one.part, one.state, one.provider_message_id) for one in told] == [
        (1, 2, ReceiptState.DELIVERED, "m")
    ]
    assert (ids, raw, others) == ({1: ["m"]}, ("m", RECEIPT, b"x"), None)
