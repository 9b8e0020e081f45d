"""One-time codes in the ledger: windows counted, attempts bounded by the ledger itself, alarms kept for good."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from esoz_notify.core.verification import Issued, Party
from esoz_notify.core.windows import Act, Seen, Whose, Window
from esoz_notify.store import verifications
from esoz_notify.store.ledger import Connection
from esoz_notify.store.verifications import Alarm, Kept

NOW = datetime.now(UTC)
WINDOW = Window(act=Act.SEND, whose=Whose.PHONE, count_max=3, window_s=60)
ONE = Kept(
    id=uuid4(),
    client_id="mis-1",
    purpose="declaration",
    entity_id="e",
    party=Party.PATIENT,
    subject=b"s",
    keys={Whose.PHONE: b"phone"},
    code_hash=bytes(32),
    issued=Issued(life_s=300, attempts_max=3, created_at=NOW),
)


@pytest.fixture
async def connection(ledger_dsn: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(ledger_dsn, autocommit=True) as one:
        yield one


def ago(seconds: float) -> datetime:
    """A moment before now."""
    return NOW - timedelta(seconds=seconds)


async def test_a_window_holds_its_own_newest_acts(connection: Connection) -> None:
    """Acts of another kind, of somebody else, or too old are not in it; no more are told than it allows."""
    for seconds in (61, 50, 40, 30, 20):
        await verifications.record(connection, [("send", {Whose.PHONE: b"a"})], ago(seconds))
    await verifications.record(connection, [("wrong", {Whose.PHONE: b"a"}), ("send", {Whose.CALLER: b"b"})], ago(5))
    longer = replace(WINDOW, count_max=9, window_s=55)
    asked = [(WINDOW, b"a"), (longer, b"a"), (WINDOW, b"b"), (replace(WINDOW, act=Act.WRONG), b"a")]

    assert await verifications.seen(connection, asked, NOW) == [
        Seen(3, ago(40)),
        Seen(4, ago(50)),
        Seen(0, None),
        Seen(1, ago(5)),
    ]
    assert await verifications.seen(connection, [], NOW) == []


async def test_what_is_kept_is_read_back(connection: Connection) -> None:
    """A caller reads its own code back as it was kept; nobody else does; a newer one of the subject cancels it."""
    assert await verifications.add(connection, [ONE], NOW) == []
    newer = replace(ONE, id=uuid4(), issued=replace(ONE.issued, created_at=NOW + timedelta(seconds=1)))

    assert await verifications.one(connection, ONE.id, "mis-1") == ONE
    assert await verifications.one(connection, ONE.id, "mis-2") is None
    assert await verifications.add(connection, [newer], NOW) == [ONE.id]
    assert await verifications.latest(connection, b"s") == newer.id
    assert await verifications.unrequested(connection, [b"phone"], ago(60)) == {b"phone": 2}


async def test_the_ledger_itself_stops_the_fourth_attempt(connection: Connection) -> None:
    """Whatever the code above it does, no attempt beyond the last can be written."""
    await verifications.add(connection, [ONE], NOW)

    async def spend() -> None:
        await verifications.conclude(
            connection, ONE.id, attempts=1, verified=False, act="wrong", keys=ONE.keys, now=NOW
        )

    for _ in range(3):
        await spend()
    with pytest.raises(psycopg.errors.CheckViolation):
        await spend()


async def test_a_phone_is_proved_for_good(connection: Connection) -> None:
    """Proving it again changes nothing but the time."""
    assert not await verifications.is_proved(connection, b"phone")
    for seconds in (5, 0):
        await verifications.prove_phone(connection, b"phone", ago(seconds))

    assert await verifications.is_proved(connection, b"phone")


async def test_alarms_stay(connection: Connection) -> None:
    """Nobody takes an alarm back; the newest is shown first."""
    raised = [Alarm(at=ago(n), client_id="mis-1", verification_id=uuid4(), unrequested=5 * n) for n in (2, 1)]
    await verifications.raise_alarms(connection, raised)

    assert await verifications.alarms(connection) == raised[::-1]
    with pytest.raises(psycopg.errors.RestrictViolation):
        await connection.execute("DELETE FROM verification_alarm")
