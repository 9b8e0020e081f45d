"""Counting what callers send: each minute once, whoever counts and however often; a pause is caught up with."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from esoz_notify.core.status import Status, is_terminal
from esoz_notify.engine.clientele import CAUGHT_UP_MAX, COUNTED_AFTER, Hour, count_callers, newest_minute
from esoz_notify.engine.clock import new_id
from esoz_notify.store import caller_hours
from esoz_notify.store.ledger import Connection

MINUTE = datetime(2026, 11, 26, 12, 58, tzinfo=UTC)
HOUR = MINUTE.replace(minute=0)
STEP = timedelta(minutes=1)


@pytest.fixture
async def connection(ledger_dsn: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(ledger_dsn, autocommit=True) as one:
        yield one


async def made(connection: Connection, client_id: str, at: datetime, status: str) -> None:
    """A notification accepted of a caller at a moment."""
    one = new_id(at)
    await connection.execute(
        "INSERT INTO notification (id, client_id, kind, language, policy, recipient, created_at, first_status)"
        " VALUES (%s, %s, 'prescription_issued', 'uk', 'test', '{}', %s, 'accepted')",
        [one, client_id, at],
    )
    await connection.execute(
        "INSERT INTO delivery (notification_id, lane, status, route, has_code, is_code, accepted_at, valid_until,"
        " ended_at, due_at) VALUES (%s, 'documents', %s, 'sms:', false, false, %s, %s, %s, %s)",
        [one, status, at, at + timedelta(days=1), *((at, None) if is_terminal(Status(status)) else (None, at))],
    )


async def hours(connection: Connection, client_id: str = "mis-1") -> list[Hour]:
    return await caller_hours.of_caller(connection, client_id, HOUR - timedelta(days=30))


async def test_each_status_has_its_column(connection: Connection) -> None:
    """What became of each, by caller and hour; what was accepted outside of the minute is not of it."""
    statuses = (
        "delivered",
        "printed",
        "print_required",
        "undelivered",
        "expired",
        "cancelled",
        "accepted",
        "in_delivery",
    )
    for number, status in enumerate(statuses):
        await made(connection, "mis-1", MINUTE + timedelta(seconds=number), status)
    await made(connection, "mis-2", MINUTE, "delivered")
    await made(connection, "mis-1", MINUTE - timedelta(milliseconds=1), "delivered")
    await made(connection, "mis-1", MINUTE + STEP, "delivered")
    async with connection.transaction():
        await count_callers(connection, MINUTE)
    told = Hour(hour=HOUR, accepted=8, delivered=1, paper=2, undelivered=2, withdrawn=1, under_way=2)
    assert await hours(connection) == [told]
    assert await caller_hours.accepted(connection, ["mis-1", "mis-2", "mis-3"], HOUR) == {"mis-1": 8, "mis-2": 1}


async def test_each_minute_once(connection: Connection, ledger_dsn: str) -> None:
    """Counted again it adds nothing; another process that counts meanwhile counts nothing; hours follow each other."""
    for number in range(4):
        await made(connection, "mis-1", MINUTE + number * STEP, "delivered")
    for minute in (MINUTE, MINUTE, MINUTE + STEP, MINUTE):
        async with connection.transaction():
            await count_callers(connection, minute)
    assert [(one.hour, one.accepted) for one in await hours(connection)] == [(HOUR, 2)]
    async with await psycopg.AsyncConnection.connect(ledger_dsn) as other, connection.transaction():
        await count_callers(connection, MINUTE + 2 * STEP)
        await asyncio.wait_for(count_callers(other, MINUTE + 3 * STEP), 30)
    assert [one.accepted for one in await hours(connection)] == [2, 1]
    async with connection.transaction():
        await count_callers(connection, MINUTE + 3 * STEP)
    assert [one.accepted for one in await hours(connection)] == [2, 2]


async def test_a_turn_that_fails_counts_nothing(connection: Connection) -> None:
    """What is counted and how far it came stand in one transaction."""
    await made(connection, "mis-1", MINUTE, "delivered")
    with contextlib.suppress(ZeroDivisionError):
        async with connection.transaction():
            await count_callers(connection, MINUTE)
            raise ZeroDivisionError
    assert await hours(connection) == []
    async with connection.transaction():
        await count_callers(connection, MINUTE)
    assert [one.accepted for one in await hours(connection)] == [1]


async def test_a_pause_is_caught_up_with(connection: Connection) -> None:
    """In turns of a bounded length, without losing a minute."""
    async with connection.transaction():
        await count_callers(connection, MINUTE)
    later = MINUTE + 2 * CAUGHT_UP_MAX * STEP
    for number in range(1, 2 * CAUGHT_UP_MAX + 1):
        await made(connection, "mis-1", MINUTE + number * STEP, "delivered")
    for sums in (CAUGHT_UP_MAX, 2 * CAUGHT_UP_MAX, 2 * CAUGHT_UP_MAX):
        async with connection.transaction():
            await count_callers(connection, later)
        assert sum(one.accepted for one in await hours(connection)) == sums


async def test_old_hours_are_forgotten(connection: Connection) -> None:
    """And only those."""
    for days in (1, 500):
        await connection.execute(
            "INSERT INTO caller_hour SELECT 'mis-1', ledger_now() - %s * interval '1 day', 1, 1, 0, 0, 0, 0", [days]
        )
    await caller_hours.forget(connection, timedelta(days=400))
    row = await (await connection.execute("SELECT count(*) FROM caller_hour")).fetchone()
    assert row == (1,)


def test_a_minute_waits_for_its_ends() -> None:
    """The newest minute that may be counted is over for as long as most need to end."""
    now = MINUTE + timedelta(seconds=30)
    assert newest_minute(now) == MINUTE - COUNTED_AFTER - STEP
    assert newest_minute(MINUTE) + STEP + COUNTED_AFTER <= MINUTE
