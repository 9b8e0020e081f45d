"""A primary and its standby, for real: who may be written is found again, and what is on one server only is not a yes.

Without Patroni and without networks: those are ``make cluster``'s.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.engine.product import CALLER, PRESCRIPTION, phone
from tests.faults.conftest import SETTINGS, OwnServer
from tests.faults.whole import without_worker

from esoz_notify.core.errors import Unavailable
from esoz_notify.engine import intake
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import embedded, reading
from esoz_notify.store.embedded_host import choose_account, find_binaries, run_as, usable_binaries
from esoz_notify.store.ledger import Connection
from esoz_notify.wiring import Product

LIMIT_S = 60
COUNT = "SELECT count(*) FROM notification"
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
ABSENT_STANDBY = ("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
NO_STANDBY = ("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")


@pytest.fixture
def standby(own_server: OwnServer) -> Iterator[OwnServer]:
    """A standby that streams from ``own_server``."""
    home = Path(tempfile.mkdtemp(prefix="esoz-notify-faults-")).resolve()
    place = home / "postgres"
    place.mkdir()
    home.chmod(0o711)
    primary = own_server.running.folder
    account = choose_account(primary / "data")
    if account is not None:
        shutil.chown(place, account.uid, account.gid)
    programs = usable_binaries(find_binaries(None), account, primary, lambda _: None)
    sockets = conninfo_to_dict(own_server.dsn)["host"]
    copy = [
        programs.folder / "pg_basebackup",
        "-D",
        place / "data",
        "-R",
        "-c",
        "fast",
        "-h",
        sockets,
        "-U",
        "postgres",
    ]
    done = run_as(account, [str(word) for word in copy])
    assert done.returncode == 0, done.stdout
    server = OwnServer(home, embedded.start(home, settings=SETTINGS))
    try:
        yield server
    finally:
        server.running.stop()
        shutil.rmtree(home)


def of_both(*servers: OwnServer) -> str:
    """One DSN of several hosts, in this order."""
    given = [conninfo_to_dict(server.dsn) for server in servers]
    hosts, ports = (",".join(str(one[name]) for one in given) for name in ("host", "port"))
    return make_conninfo(own_dsn := servers[0].dsn, host=hosts, port=ports, dbname=conninfo_to_dict(own_dsn)["dbname"])


async def is_standby(connection: Connection) -> bool:
    """Whether this server only repeats what another does."""
    row = await (await connection.execute("SELECT pg_is_in_recovery()")).fetchone()
    assert row is not None
    return bool(row[0])


async def test_after_a_failover_everybody_finds_the_new_primary(own_server: OwnServer, standby: OwnServer) -> None:
    """The standby is first in the list and is passed by while it is one; promoted, it serves pool, loops and hints."""
    ledger = Ledger(of_both(standby, own_server), LedgerClock())
    await ledger.open()
    steady = ledger.steady()
    try:
        async with ledger.transaction() as connection:
            assert not await is_standby(connection)
        assert not await steady.run(is_standby)

        await asyncio.to_thread(own_server.kill)
        with pytest.raises(Unavailable):
            await steady.run(is_standby)
        await asyncio.to_thread(standby.tell, "SELECT pg_promote()")

        async with asyncio.timeout(LIMIT_S):
            while True:
                with suppress(Unavailable):
                    async with ledger.transaction() as connection:
                        assert not await is_standby(connection)
                        break
        assert not await steady.run(is_standby)
        async with ledger.listening() as connection:
            assert not await is_standby(connection)
    finally:
        await steady.close()
        await ledger.close()


async def write_what_may_only_be_read(ledger: Ledger) -> None:
    """Meet a server as it is after its demotion."""
    async with ledger.transaction() as connection:
        await connection.execute("SET TRANSACTION READ ONLY")
        await connection.execute("CREATE TABLE t ()")


async def test_the_pool_does_not_lend_the_way_to_a_server_that_may_only_be_read(own_server: OwnServer) -> None:
    """A primary that has become a standby answers reads for ever; the connection to it is not used again."""
    ledger = Ledger(own_server.dsn, LedgerClock(), pool_size=1)
    await ledger.open()
    try:
        async with ledger.transaction() as connection:
            before = connection.info.backend_pid
        with pytest.raises(Unavailable, match="read-only"):
            await write_what_may_only_be_read(ledger)
        async with ledger.transaction() as connection:
            assert connection.info.backend_pid != before
    finally:
        await ledger.close()


async def test_a_commit_whose_wait_was_cancelled_is_no_commit(own_server: OwnServer) -> None:
    """PostgreSQL answers COMMIT with a warning then, and the row is there: on one server, so nobody is told yes."""
    own_server.tell("CREATE TABLE t (no int)")
    ledger = Ledger(own_server.dsn, LedgerClock())
    await ledger.open()
    steady = ledger.steady()

    async def pooled() -> None:
        async with ledger.transaction() as connection:
            await connection.execute("INSERT INTO t VALUES (0)")

    async def insert(connection: Connection) -> None:
        await connection.execute("INSERT INTO t VALUES (1)")

    try:
        for write in (pooled, lambda: steady.run(insert), lambda: steady.run_loose(insert)):
            own_server.tell(*ABSENT_STANDBY)
            task = asyncio.ensure_future(write())
            await signalled(own_server, "pg_cancel_backend")
            with pytest.raises(Unavailable, match="second server"):
                await task
            own_server.tell(*NO_STANDBY)
            await write()  # the warning was of the commit before

        with psycopg.connect(own_server.dsn) as connection:
            assert connection.execute("SELECT count(*) FROM t").fetchone() == (6,)
    finally:
        await steady.close()
        await ledger.close()


async def signalled(server: OwnServer, function: str) -> None:
    """Wait until a commit waits for its standby, and end that wait."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        async with asyncio.timeout(LIMIT_S):
            while (row := connection.execute(WAITING).fetchone()) is None:
                await asyncio.sleep(0.02)
        connection.execute(f"SELECT {function}(%s)".encode(), row)


async def accept(product: Product, key: str) -> tuple[dict[str, object], bool]:
    """Have a notification accepted; the answer, and whether it is called a replay."""
    asked = {"kind": "prescription_issued", "recipient": {"phone": phone(1)}, "data": PRESCRIPTION}
    return await product.service.accept(CALLER, asked, key)


@asynccontextmanager
async def waiting_for_a_standby(server: OwnServer) -> AsyncIterator[None]:
    """Every commit waits meanwhile."""
    server.tell(*ABSENT_STANDBY)
    try:
        async with asyncio.timeout(LIMIT_S):
            yield
    finally:
        server.tell(*NO_STANDBY)


async def test_a_commit_whose_answer_was_lost_is_found_by_its_key(own_server: OwnServer, tmp_path: Path) -> None:
    """The connection breaks after the commit: the same call finds what it wrote, once, and calls it no replay."""
    async with without_worker(own_server.dsn, tmp_path) as product:
        async with waiting_for_a_standby(own_server):
            first = asyncio.create_task(accept(product, "key"))
            await signalled(own_server, "pg_terminate_backend")
        answer, replayed = await first
        again, replayed_again = await accept(product, "key")

        assert (replayed, replayed_again) == (False, True)
        assert again["id"] == answer["id"]
        with psycopg.connect(own_server.dsn) as connection:
            assert connection.execute(COUNT).fetchone() == (1,)


async def test_a_repeat_waits_for_the_second_server_too(
    own_server: OwnServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on one server only is told to nobody: not to the first call, whose time is up, and not to its repeat."""
    monkeypatch.setattr(intake, "_ANSWER_S", 0.5)
    async with without_worker(own_server.dsn, tmp_path) as product:
        async with waiting_for_a_standby(own_server):
            with pytest.raises(Unavailable, match="under its key"):
                await accept(product, "key")
            await signalled(own_server, "pg_cancel_backend")  # it is visible from here on
            with psycopg.connect(own_server.dsn) as connection:
                async with asyncio.timeout(LIMIT_S):
                    while connection.execute(COUNT).fetchone() != (1,):
                        await asyncio.sleep(0.02)
                        connection.rollback()
            with pytest.raises(Unavailable, match="under its key"):
                await accept(product, "key")
        monkeypatch.setattr(intake, "_ANSWER_S", float(LIMIT_S))
        _, replayed = await accept(product, "key")

        assert replayed
        async with product.ledger.transaction() as connection:
            assert await reading.by_key(connection, CALLER.client_id, "key") is not None
