"""A replica is read while it is hardly behind; else, and for what was just done, the primary is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.engine.standby import standby

from esoz_notify.engine import replicas
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.replicas import behind_s
from esoz_notify.store.embedded import RunningPostgres

LIMIT_S = 60.0


@asynccontextmanager
async def opened(dsn: str, replica_dsn: str) -> AsyncIterator[Ledger]:
    """A ledger with a replica."""
    ledger = Ledger(dsn, LedgerClock(), replica_dsn=replica_dsn)
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()


async def is_replicas(ledger: Ledger) -> bool:
    """Whether a look is the replica's; what is said of its age fits."""
    async with ledger.reading() as connection:
        row = await (await connection.execute("SELECT pg_is_in_recovery()")).fetchone()
    assert row is not None
    age_s = behind_s.get()
    assert (age_s is not None) == row[0]
    assert age_s is None or 0 <= age_s <= replicas.LAG_MAX_S
    return bool(row[0])


async def until(ledger: Ledger, wanted: bool) -> None:
    """Wait until looks are the replica's, or are not."""
    async with asyncio.timeout(LIMIT_S):
        while await is_replicas(ledger) != wanted:
            await asyncio.sleep(0.1)


async def seen(ledger: Ledger, crowd: str) -> bool:
    """Whether a look finds somebody."""
    async with ledger.reading() as connection:
        cursor = await connection.execute("SELECT FROM patient WHERE updated_by = %s", [crowd])
        return await cursor.fetchone() is not None


async def test_it_is_read_while_it_keeps_up(
    pg_server: RunningPostgres, ledger_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What falls behind is left for the primary and comes back; what is gone, or is no replica, is never asked."""
    monkeypatch.setattr(replicas, "LAG_MAX_S", 4.0)

    async def put(ledger: Ledger, who: str) -> None:
        async with ledger.transaction() as connection:
            await connection.execute(
                "INSERT INTO patient (id, document, updated_by) VALUES (gen_random_uuid(), 'sealed', %s)", [who]
            )

    with standby(pg_server, str(conninfo_to_dict(ledger_dsn)["dbname"])) as replica_dsn:
        async with opened(ledger_dsn, replica_dsn) as ledger:
            await until(ledger, True)
            with psycopg.connect(replica_dsn, autocommit=True) as replica:
                replica.execute("SELECT pg_wal_replay_pause()")
                await put(ledger, "paused")
                async with ledger.transaction() as connection:
                    cursor = await connection.execute("SELECT FROM patient WHERE updated_by = 'paused'")
                    assert await cursor.fetchone() is not None
                await until(ledger, False)
                assert await seen(ledger, "paused")
                replica.execute("SELECT pg_wal_replay_resume()")
            await until(ledger, True)
            assert await seen(ledger, "paused")
            async with ledger.reading() as connection:
                with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                    await connection.execute("DELETE FROM patient")
        async with opened(ledger_dsn, ledger_dsn) as ledger:
            assert not await is_replicas(ledger)
    async with opened(ledger_dsn, replica_dsn) as ledger:
        assert not await is_replicas(ledger)
