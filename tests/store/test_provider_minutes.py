"""Figures of providers' minutes, from attempts made by hand."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from esoz_notify.core.provider_flow import RECEIPT_BOUNDS_S
from esoz_notify.engine.clock import new_id
from esoz_notify.engine.provider_board import SETTLED_AFTER, count_providers
from esoz_notify.store import provider_minutes
from esoz_notify.store.ledger import Connection

MINUTE = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
STEP = timedelta(minutes=1)


@pytest.fixture
async def connection(ledger_dsn: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(ledger_dsn, autocommit=True) as one:
        yield one


async def attempted(
    connection: Connection,
    at: datetime,
    outcome: str,
    *,
    provider: str = "smsc-a",
    reason: str | None = None,
    taken_s: float | None = None,
    ended_s: float | None = None,
    parts: str = "",
) -> None:
    """An attempt that began at a moment, was taken and ended so many seconds later."""
    taken_at = None if taken_s is None else at + timedelta(seconds=taken_s)
    ended_at = None if ended_s is None else at + timedelta(seconds=ended_s)
    await connection.execute(
        "INSERT INTO attempt (notification_id, no, step, channel, provider, recovery, outcome, reason, calls, parts,"
        " started_at, called_at, submitted_at, ended_at)"
        " VALUES (%s, 0, 0, 'sms', %s, 'none', %s, %s, 1, %s, %s, %s, %s, %s)",
        [new_id(at), provider, outcome, reason, parts, at, at, taken_at, ended_at],
    )


async def test_a_minute_says_how_a_provider_did(connection: Connection) -> None:
    """Taken, refused for the person's sake, failed, told to come later, unanswered; of its provider and minute."""
    second = timedelta(seconds=1)
    await attempted(connection, MINUTE, "delivered", taken_s=0.5, ended_s=4.5, parts="80,80")
    await attempted(connection, MINUTE + second, "submitted", taken_s=1.5, parts="10")
    await attempted(connection, MINUTE + 2 * second, "failed", reason="invalid_number", ended_s=1)
    await attempted(connection, MINUTE + 3 * second, "failed", reason="unreachable", ended_s=1)
    await attempted(connection, MINUTE + 4 * second, "unknown", reason="no_answer")
    await attempted(connection, MINUTE + 5 * second, "failed", reason="throttled", ended_s=1)
    await attempted(connection, MINUTE + 6 * second, "unknown", reason="worker_lost")
    await attempted(connection, MINUTE + 59.999 * second, "submitting")
    await attempted(connection, MINUTE + STEP, "delivered", taken_s=1, ended_s=1.2)
    await attempted(connection, MINUTE, "failed", provider="infobip", reason="balance", ended_s=1)
    await provider_minutes.count(connection, MINUTE, MINUTE + STEP)
    await provider_minutes.count(connection, MINUTE, MINUTE + STEP)  # a second count changes nothing
    found = await provider_minutes.minutes(connection, ["smsc-a", "infobip", "nobody"], MINUTE)
    assert sorted(found) == ["infobip", "smsc-a"]
    (one,) = found["smsc-a"]
    assert (one.at, one.minutes, one.calls) == (MINUTE, 1, 8)
    assert (one.well, one.failed, one.throttled, one.taken, one.parts, one.busy_s) == (3, 2, 1, 2, 3, 2.0)
    assert [RECEIPT_BOUNDS_S[place] for place, count in enumerate(one.spread) if count] == [5]
    assert [(row.calls, row.failed) for row in found["infobip"]] == [(1, 1)]
    lately = await provider_minutes.lately(connection, MINUTE, MINUTE + STEP)
    assert lately["smsc-a"] == one


async def test_minutes_are_caught_up_with_and_settle(connection: Connection) -> None:
    """No gap after a pause, long pauses are cut, receipts that came meanwhile are counted, and one process counts."""
    await attempted(connection, MINUTE, "submitted", taken_s=1)
    await count_providers(connection, MINUTE)
    for no in range(1, 4):
        await attempted(connection, MINUTE + no * STEP, "submitted", taken_s=1)
    await count_providers(connection, MINUTE + 3 * STEP)
    assert [one.at for one in (await provider_minutes.minutes(connection, ["smsc-a"], MINUTE))["smsc-a"]] == [
        MINUTE + no * STEP for no in range(4)
    ]
    await connection.execute("UPDATE attempt SET outcome = 'delivered', ended_at = submitted_at + interval '90 s'")
    later = MINUTE + SETTLED_AFTER
    await attempted(connection, later, "submitted", taken_s=1)
    other = await psycopg.AsyncConnection.connect(connection.info.dsn, autocommit=True)
    async with other, other.transaction():
        assert await provider_minutes.is_alone(other)
        await count_providers(connection, later)
        assert await provider_minutes.last(connection) == MINUTE + 3 * STEP
    await count_providers(connection, later)
    counted = (await provider_minutes.minutes(connection, ["smsc-a"], MINUTE))["smsc-a"]
    assert [(one.at, sum(one.spread)) for one in counted] == [
        *[(MINUTE + no * STEP, int(no == 0)) for no in range(4)],
        (later, 0),
    ]
    await attempted(connection, later + 2 * STEP, "submitted", taken_s=1)
    await attempted(connection, later + timedelta(days=1), "submitted", taken_s=1)
    await count_providers(connection, later + timedelta(days=1))
    counted = (await provider_minutes.minutes(connection, ["smsc-a"], later + STEP))["smsc-a"]
    assert [one.at for one in counted] == [later + timedelta(days=1)]


async def test_old_minutes_are_forgotten(connection: Connection) -> None:
    """Beyond their life they go."""
    old = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=2)
    await attempted(connection, old, "submitted", taken_s=1)
    await provider_minutes.count(connection, old, old + STEP)
    assert await provider_minutes.forget(connection, timedelta(days=3)) == 0
    assert await provider_minutes.forget(connection, timedelta(days=1)) == 1
