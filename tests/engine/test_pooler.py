"""Behind a pooler that lends connections for one transaction, everything works and what needs a session has one."""

import asyncio
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from tests.engine.pooler import POOL_SIZE, pooled
from tests.engine.product import a_house

from esoz_notify.cli.checks import State, check_pooler
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import finding, wake
from esoz_notify.store.ledger import AGENDA
from esoz_notify.store.migrations import migrate

NOTIFICATIONS = 60


@pytest.fixture
def pooled_dsn(ledger_dsn: str) -> Iterator[str]:
    """The test's ledger behind a PgBouncer; in a folder whose name is short enough for a socket."""
    migrate(ledger_dsn)  # what is set for the role is set by database, and the test's own is a copy
    folder = Path(tempfile.mkdtemp(prefix="esoz-pool-"))
    try:
        with pooled(ledger_dsn, folder) as dsn:
            yield dsn
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def test_from_request_to_receipt(
    tmp_path: Path, ledger_dsn: str, pooled_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """More loops than connections: all that is accepted is told, receipts are applied, and nothing fails on the way."""
    caplog.set_level(logging.WARNING)
    async with a_house(
        pooled_dsn, tmp_path, window_s=60, change=lambda settings: replace(settings, direct_dsn=ledger_dsn)
    ) as house:
        for number in range(NOTIFICATIONS):
            await house.phone(number)
        ids = await asyncio.gather(*(house.send(number, f"k-{number}") for number in range(NOTIFICATIONS)))
        for one in ids:
            assert (await house.until(one, limit_s=60))["status"] == "delivered"
        with psycopg.connect(ledger_dsn, autocommit=True) as connection:
            async with asyncio.timeout(60):
                while _left(connection):
                    await asyncio.sleep(0.05)
            assert _backends(connection) <= POOL_SIZE + 2  # and those that listen, and this one
    faults = [record.getMessage() for record in caplog.records if record.name.startswith("esoz_notify")]
    assert faults == []


def _left(connection: psycopg.Connection[tuple[int]]) -> int:
    """What is not told yet, and receipts that are not applied."""
    row = connection.execute(
        "SELECT %s - (SELECT count(*) FROM delivery WHERE status = 'delivered') + (SELECT count(*) FROM receipt_inbox)",
        [NOTIFICATIONS],
    ).fetchone()
    assert row is not None
    return row[0]


def _backends(connection: psycopg.Connection[tuple[int]]) -> int:
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    ).fetchone()
    assert row is not None
    return row[0]


async def test_what_needs_a_session_has_one(ledger_dsn: str, pooled_dsn: str) -> None:
    """Hints are heard, a lock beyond a transaction is held and let go, by the way past the pooler."""
    ledger = Ledger(pooled_dsn, LedgerClock(), direct_dsn=ledger_dsn)
    await ledger.open()
    one, other, heard = ledger.session(), ledger.session(), asyncio.Event()
    try:
        assert await one.run(lambda connection: finding.is_only_export(connection, "somebody"))
        assert not await other.run(lambda connection: finding.is_only_export(connection, "somebody"))
        await one.close()
        async with asyncio.timeout(30):
            while not await other.run(lambda connection: finding.is_only_export(connection, "somebody")):
                await asyncio.sleep(0.05)
        ears = asyncio.create_task(_listen(ledger, heard))
        async with asyncio.timeout(30):
            while not heard.is_set():
                async with ledger.transaction() as connection:
                    await wake.agenda(connection)
                await asyncio.sleep(0.05)
        ears.cancel()
        await asyncio.wait([ears])
    finally:
        await other.close()
        await ledger.close()


async def _listen(ledger: Ledger, heard: asyncio.Event) -> None:
    async with ledger.listening() as connection:
        async for channel, _ in wake.hints(connection):
            assert channel == AGENDA
            heard.set()


async def test_plans_and_statements_are_the_servers(ledger_dsn: str, pooled_dsn: str) -> None:
    """A statement that is repeated on whatever connection is lent never fails, and is planned as everywhere."""
    ledger = Ledger(pooled_dsn, LedgerClock(), direct_dsn=ledger_dsn)
    await ledger.open()
    steady = [ledger.steady() for _ in range(2 * POOL_SIZE)]

    async def asked(connection: psycopg.AsyncConnection[tuple[str, datetime]]) -> str:
        cursor = await connection.execute(
            "SELECT current_setting('enable_seqscan'), %s::timestamptz", [datetime.now(UTC)]
        )
        row = await cursor.fetchone()
        assert row is not None
        return row[0]

    try:
        for _ in range(8):  # a driver prepares what it has seen five times
            assert set(await asyncio.gather(*(one.run_loose(asked) for one in steady))) == {"off"}
    finally:
        for one in steady:
            await one.close()
        await ledger.close()


def test_the_doctor_knows_a_pooler(ledger_dsn: str, pooled_dsn: str) -> None:
    """A pooler without a way past it, a way past it that is none, and plans that are not fixed are each named."""
    assert check_pooler(pooled_dsn, ledger_dsn).state is State.OK
    assert check_pooler(ledger_dsn, "").state is State.OK
    alone = check_pooler(pooled_dsn, "")
    assert (alone.state, "ESOZ_NOTIFY_DIRECT_DSN" in alone.fix) == (State.BAD, True)
    assert check_pooler(pooled_dsn, pooled_dsn).state is State.BAD
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {name} RESET ALL".encode())
    limit = time.monotonic() + 60
    while (found := check_pooler(pooled_dsn, ledger_dsn)).state is State.OK:  # until its connections are new ones
        assert time.monotonic() < limit
        time.sleep(0.2)
    assert (found.state, "migrate" in found.fix) == (State.BAD, True)
