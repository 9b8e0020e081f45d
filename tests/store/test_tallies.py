"""Figures of minutes and of the backlog, from notifications made by hand."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from esoz_notify.core.figures import Minute
from esoz_notify.engine.clock import first_id, new_id
from esoz_notify.engine.overview import count_minutes
from esoz_notify.store import tallies
from esoz_notify.store.ledger import Connection

MINUTE = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
STEP = timedelta(minutes=1)


@pytest.fixture
async def connection(ledger_dsn: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(ledger_dsn, autocommit=True) as one:
        yield one


async def made(
    connection: Connection,
    at: datetime,
    status: str,
    *told: tuple[str, str, str],
    took_s: float | None = None,
    lane: str = "documents",
) -> None:
    """A notification accepted at a moment, with attempts (channel, outcome, parts) and its end after ``took_s``."""
    one = new_id(at)
    ended_at = None if took_s is None else at + timedelta(seconds=took_s)
    due_at = at if ended_at is None else None
    await connection.execute(
        "INSERT INTO delivery (notification_id, lane, status, route, has_code, is_code, accepted_at, valid_until,"
        " ended_at, due_at) VALUES (%s, %s, %s, 'sms:', false, false, %s, %s, %s, %s)",
        [one, lane, status, at, at + timedelta(days=1), ended_at, due_at],
    )
    for no, (channel, outcome, parts) in enumerate(told):
        await connection.execute(
            "INSERT INTO attempt (notification_id, no, step, channel, provider, recovery, outcome, calls, parts,"
            " started_at, called_at, ended_at) VALUES (%s, %s, 0, %s, 'any', 'none', %s, 1, %s, %s, %s, %s)",
            [one, no, channel, outcome, parts, at, at, ended_at or at],
        )


async def a_mixed_minute(connection: Connection) -> None:
    """Told at once, told late, told by the second channel, on paper, and not told at all."""
    second = timedelta(seconds=1)
    await made(connection, MINUTE, "delivered", ("viber", "read", "3"), took_s=4, lane="codes")
    await made(
        connection, MINUTE + second, "delivered", ("viber", "failed", "9"), ("sms", "delivered", "3,3"), took_s=30
    )
    await made(connection, MINUTE + 2 * second, "delivered", ("sms", "delivered", "3"), took_s=300)
    await made(connection, MINUTE + 3 * second, "print_required")
    await made(connection, MINUTE + 59.999 * second, "undelivered", ("sms", "failed", "9"), took_s=5)


async def test_a_minute_is_counted_by_its_own(connection: Connection) -> None:
    """Only what was accepted in the minute counts, told by the channel whose proof came last, parts as billed."""
    await a_mixed_minute(connection)
    await made(connection, MINUTE - timedelta(milliseconds=1), "delivered", ("viber", "read", "3"), took_s=1)
    await made(connection, MINUTE + STEP, "delivered", ("viber", "read", "3"), took_s=1)
    await tallies.count(connection, MINUTE, first_id(MINUTE), first_id(MINUTE + STEP))
    await tallies.count(connection, MINUTE, first_id(MINUTE), first_id(MINUTE))  # a second count changes nothing
    assert await tallies.minutes(connection, MINUTE) == [
        Minute(MINUTE, accepted=5, codes=1, told_10s=1, told_60s=3, diia=0, viber=1, sms=1, paper=1, sms_parts=2)
    ]
    assert await tallies.minutes(connection, MINUTE + STEP) == []


async def test_lately_looks_at_the_newest_only(connection: Connection) -> None:
    """The newest so many, and none before the while began."""
    await a_mixed_minute(connection)
    first, beyond = first_id(MINUTE), first_id(MINUTE + STEP)
    assert (await tallies.lately(connection, MINUTE, first, beyond, 100)).accepted == 5
    assert (await tallies.lately(connection, MINUTE, first, beyond, 2)).accepted == 2
    later = first_id(MINUTE + timedelta(seconds=2))
    assert (await tallies.lately(connection, MINUTE, later, beyond, 100)).accepted == 3
    assert (await tallies.lately(connection, MINUTE, first, later, 100)).accepted == 2
    assert [await tallies.accepted(connection, later, most) for most in (100, 2)] == [3, 2]


async def test_missed_minutes_are_caught_up_with(connection: Connection) -> None:
    """The first count begins with the newest minute; later ones leave no gap; long pauses are cut; one at a time."""
    await count_minutes(connection, MINUTE)
    assert [one.at for one in await tallies.minutes(connection, MINUTE - STEP)] == [MINUTE]
    await count_minutes(connection, MINUTE + 3 * STEP)
    assert [one.at for one in await tallies.minutes(connection, MINUTE)] == [MINUTE + no * STEP for no in range(4)]
    later = MINUTE + timedelta(days=1)
    other = await psycopg.AsyncConnection.connect(connection.info.dsn, autocommit=True)
    async with other, other.transaction():
        assert await tallies.is_alone(other)
        await count_minutes(connection, later)
        assert await tallies.last(connection) == MINUTE + 3 * STEP
    await count_minutes(connection, later)
    counted = await tallies.minutes(connection, MINUTE + 4 * STEP)
    assert (len(counted), counted[-1].at) == (61, later)


async def test_backlog_is_what_should_have_moved(connection: Connection) -> None:
    """Due and not done, by lane, with the oldest; what is due later or over is not in it."""
    now = datetime.now(UTC)
    await made(connection, now - timedelta(seconds=90), "accepted", lane="codes")
    await made(connection, now - timedelta(seconds=30), "accepted", lane="codes")
    await made(connection, now + timedelta(hours=1), "accepted")
    await made(connection, now, "delivered", took_s=1)
    codes, documents = await tallies.backlog(connection, ["codes", "documents"])
    assert (codes.count, codes.oldest_at) == (2, now - timedelta(seconds=90))
    assert (documents.count, documents.oldest_at) == (0, None)


async def test_old_minutes_are_forgotten(connection: Connection) -> None:
    """Beyond their life they go."""
    old = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=2)
    await tallies.count(connection, old, first_id(old), first_id(old + STEP))
    assert await tallies.forget(connection, timedelta(days=3)) == 0
    assert await tallies.forget(connection, timedelta(days=1)) == 1
