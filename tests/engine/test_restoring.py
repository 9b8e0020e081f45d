"""After a restore: what moved on since is withdrawn, what stood still goes on, and a deed says so."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.engine.product import CALLER, PRESCRIPTION, phone
from tests.faults.whole import without_worker

from esoz_notify.core.cascade import CancelAsked
from esoz_notify.engine.applying import apply_events
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.restoring import settle
from esoz_notify.store import reading
from esoz_notify.store import restoring as table
from esoz_notify.store.embedded import RunningPostgres

WHO = "cli:root@db1"


@asynccontextmanager
async def a_ledger(dsn: str) -> AsyncIterator[Ledger]:
    """A connection to one, and no more."""
    ledger = Ledger(dsn, LedgerClock(), pool_size=1)
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()


@pytest.fixture
def later_dsn(pg_server: RunningPostgres) -> Iterator[str]:
    """Where the ledger as it was in the end will be; dropped afterwards."""
    name = f"later_{uuid4().hex}"
    yield make_conninfo(pg_server.dsn, dbname=name)
    with psycopg.connect(pg_server.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


async def waiting(dsn: str, folder: Path, count: int) -> list[UUID]:
    """Notifications that are accepted and have not been sent."""
    async with without_worker(dsn, folder) as product:
        asked = (
            {"kind": "prescription_issued", "recipient": {"phone": phone(one)}, "data": PRESCRIPTION}
            for one in range(count)
        )
        return [UUID((await product.service.accept(CALLER, one, str(uuid4())))[0]["id"]) for one in asked]


async def statuses(ledger: Ledger, ids: list[UUID]) -> list[str]:
    """In the order of the ids."""
    async with ledger.transaction() as connection:
        found = {one.id: one.state.status.value for one in await reading.some(connection, ids)}
    return [found[one] for one in ids]


async def test_what_moved_is_withdrawn(
    pg_server: RunningPostgres, ledger_dsn: str, later_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of five, two moved after the restored moment: these are withdrawn, in batches too; a second time finds none."""
    monkeypatch.setattr("esoz_notify.engine.restoring.BATCH_MAX", 2)
    ids = await waiting(ledger_dsn, tmp_path, 5)
    clone = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    names = (sql.Identifier(str(conninfo_to_dict(one)["dbname"])) for one in (later_dsn, ledger_dsn))
    with psycopg.connect(pg_server.dsn, autocommit=True) as connection:
        connection.execute(clone.format(*names))
    async with a_ledger(ledger_dsn) as ledger, a_ledger(later_dsn) as later:
        async with later.transaction() as moved:
            await apply_events(moved, [(one, CancelAsked()) for one in ids[1:3]], dict)

        shown = await settle(ledger, later, WHO, withdraw=False)
        assert ([one.id for one in shown.doubtful], shown.untouched) == (ids[1:3], 3)
        assert await statuses(ledger, ids) == ["accepted"] * 5
        assert await settle(ledger, later, WHO, withdraw=True) == shown
        assert await statuses(ledger, ids) == ["accepted", "cancelled", "cancelled", "accepted", "accepted"]
        again = await settle(ledger, later, WHO, withdraw=True)
        assert (again.doubtful, again.untouched) == ((), 3)

        async with ledger.transaction() as connection:
            deeds = await (await connection.execute("SELECT actor, details FROM audit ORDER BY seq")).fetchall()
        assert [actor for actor, _ in deeds] == [WHO, WHO]


async def test_without_a_later_ledger_all_is_in_doubt(ledger_dsn: str, tmp_path: Path) -> None:
    """Nobody can tell what stood still; what has ended, or is past its validity, is no matter of this."""
    ids = await waiting(ledger_dsn, tmp_path, 3)
    async with a_ledger(ledger_dsn) as ledger:
        async with ledger.transaction() as connection:
            await apply_events(connection, [(ids[0], CancelAsked())], dict)
            await connection.execute(
                "UPDATE delivery SET accepted_at = '2026-01-01', valid_until = '2026-01-02' WHERE notification_id = %s",
                [ids[1]],
            )
        found = await settle(ledger, None, WHO, withdraw=True)
        assert ([one.id for one in found.doubtful], found.untouched) == ([ids[2]], 0)


async def test_every_fact_counts(ledger_dsn: str, tmp_path: Path) -> None:
    """The ledger's own count of facts is that of its history, so the two can be compared across ledgers."""
    ids = await waiting(ledger_dsn, tmp_path, 2)
    async with a_ledger(ledger_dsn) as ledger, ledger.transaction() as connection:
        assert await table.on_the_way(connection, UUID(int=0), 10) == dict.fromkeys(sorted(ids), 0)
        assert await table.facts_of(connection, ids) == {}
        await apply_events(connection, [(ids[0], CancelAsked())], dict)
        assert await table.facts_of(connection, ids) == {ids[0]: 1}
