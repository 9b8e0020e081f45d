"""Data whose time is over is erased, the rest stays, and append-only tables lose nothing otherwise."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.engine.product import CALLER, REFERRAL, a_house

from esoz_notify.core.errors import NotFound, Unavailable
from esoz_notify.core.retention import DEFAULT_DAYS
from esoz_notify.engine import retention
from esoz_notify.engine.clock import LedgerClock, new_id
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.retention import Retention
from esoz_notify.store import partitions
from esoz_notify.store import retention as table

WHO = "cli:test@here"


@asynccontextmanager
async def in_days(dsn: str, days: float) -> AsyncIterator[tuple[Ledger, Retention]]:
    """The ledger as it is found so many days later."""
    at = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    ledger = Ledger(make_conninfo(dsn, options=f"-c esoz_notify.now={at}"), LedgerClock())
    await ledger.open()
    try:
        yield ledger, Retention(ledger, DEFAULT_DAYS)
    finally:
        await ledger.close()


async def counts(ledger: Ledger, *tables: str) -> dict[str, int]:
    """How many rows there are."""
    found = {}
    async with ledger.transaction() as connection:
        for name in tables:
            row = await (await connection.execute(f"SELECT count(*) FROM {name}".encode())).fetchone()  # noqa: S608
            assert row is not None
            found[name] = row[0]
    return found


def gone(outcome: dict[str, int]) -> dict[str, int]:
    """Only what went."""
    return {name: count for name, count in outcome.items() if count}


async def test_a_notification_leaves_part_by_part(tmp_path: Path, ledger_dsn: str) -> None:
    """Content and receipts go first, decisions and the rest years later; what still waits for something stays whole."""
    family = (
        "content",
        "history",
        "notification",
        "delivery",
        "attempt",
        "provider_message",
        "receipt_of",
        "idempotency",
    )
    async with a_house(ledger_dsn, tmp_path) as house:
        await house.phone(2, viber=False)
        over = [await house.send(number, f"k-{number}", "referral_issued", data=REFERRAL) for number in (1, 2)]
        with_code = await house.send(3, "k-3")
        for one in (*over, with_code):
            await house.when(one, lambda view: view["terminal"])
        there = await counts(house.product.ledger, *family)
        assert (there["content"], there["idempotency"]) == (3, 3)

        async with in_days(ledger_dsn, 89) as (ledger, keeping):
            assert gone(await keeping.purge(WHO)) == {"idempotency": 3}
        async with in_days(ledger_dsn, 99) as (ledger, keeping):
            looked = {one.of.name: one.standing for one in await keeping.look()}
            assert (looked["content"].there, looked["content"].over) == (3, 2)
            went = await keeping.purge(WHO)
            assert (went["content"], went["receipts"]) == (2, looked["receipts"].there)
            assert gone(await keeping.purge(WHO)) == {}
            left = await counts(ledger, *family, "receipt")
            assert left == {**there, "content": 1, "idempotency": 0, "receipt": 0}
        with pytest.raises(NotFound, match="erased when its time was over"):
            await house.service.summaries(CALLER, [over[0]])
        assert (await house.service.get(CALLER, over[0]))["status"] == "delivered"

        async with in_days(ledger_dsn, 1100) as (ledger, keeping):
            looked = {one.of.name: one.standing for one in await keeping.look()}
            went = await keeping.purge(WHO)
            assert went["history"] == looked["history"].over > 0
            assert went["notifications"] == 2
            left = await counts(ledger, *family)
            assert {left[name] for name in ("content", "notification", "delivery")} == {1}
            assert left["receipt_of"] < there["receipt_of"]
            still = {one.of.name: one.standing for one in await keeping.look()}
            assert still["notifications"].over == 0
            async with ledger.transaction() as connection:
                noted = await connection.execute("SELECT DISTINCT actor, action, subject FROM audit ORDER BY subject")
                assert {(row[0], row[1]) for row in await noted.fetchall()} == {(WHO, "purge")}
        with pytest.raises(NotFound):
            await house.service.get(CALLER, over[0])
        assert (await house.service.get(CALLER, with_code))["decisions"]


async def put_receipts(ledger: Ledger, count: int) -> None:
    """Receipts that come now."""
    async with ledger.transaction() as connection:
        for _ in range(count):
            await connection.execute(
                "INSERT INTO receipt (id, provider, received_at, raw) VALUES (%s, 'p', ledger_now(), 'sealed')",
                [new_id(ledger.clock.now())],
            )


async def test_batches_that_meet_and_break_off(ledger_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two purges at once, one of which is broken off, erase each row once; a third finds nothing."""
    monkeypatch.setattr(retention, "BATCH_MAX", 7)
    async with in_days(ledger_dsn, -30) as (ledger, _):  # from before there were partitions: these go row by row
        await put_receipts(ledger, 60)
    async with in_days(ledger_dsn, 70) as (_, one), in_days(ledger_dsn, 70) as (_, other):
        batches: list[int] = []

        def break_off(_name: str, count: int) -> None:
            batches.append(count)
            if len(batches) == 3:
                raise RuntimeError("killed")

        results = await asyncio.gather(one.purge(WHO, break_off), other.purge(WHO), return_exceptions=True)
        assert isinstance(results[0], RuntimeError)
        assert isinstance(results[1], dict)
        assert sum(batches) + results[1]["receipts"] == 60
        assert (await one.purge(WHO))["receipts"] == 0


async def test_a_part_leaves_whole_when_all_of_it_is_over(ledger_dsn: str) -> None:
    """Parts are made ahead, even by two at once; a week of receipts is dropped, with its deed; what is young stays."""
    async with in_days(ledger_dsn, 21) as (ledger, keeping):
        await put_receipts(ledger, 8)
        await asyncio.gather(keeping.purge(WHO), keeping.purge(WHO))
    async with in_days(ledger_dsn, 21 + 89) as (ledger, keeping):
        assert gone(await keeping.purge(WHO)) == {}
        await put_receipts(ledger, 3)
    async with in_days(ledger_dsn, 21 + 98) as (ledger, keeping):
        batches: list[int] = []
        assert gone(await keeping.purge(WHO, lambda _name, count: batches.append(count)))["receipts"] == 8
        assert 8 in batches
        assert await counts(ledger, "receipt") == {"receipt": 3}
        async with ledger.transaction() as connection:
            row = await (await connection.execute(_OLDEST)).fetchone()
            assert row is not None
            assert row[0]
            row = await (
                await connection.execute("SELECT count(*) FROM audit WHERE details LIKE '%partition%'")
            ).fetchone()
            assert row is not None
            assert row[0] >= 1


_OLDEST = """
SELECT bool_and(ends > ledger_now() - interval '98 days') FROM ledger_partition
WHERE parent = 'receipt' AND begins IS NOT NULL
"""


async def test_a_part_stays_for_one_late_row_and_waits_for_nobody(ledger_dsn: str) -> None:
    """A month of history stays while one of it is open, and while somebody reads it; what goes with it is all of it."""
    month = timedelta(days=40)
    async with in_days(ledger_dsn, 0) as (ledger, keeping):
        await keeping.purge(WHO)
        ids = [new_id(ledger.clock.now()) for _ in range(2)]
        async with ledger.transaction() as connection:
            for one in ids:
                await connection.execute(_ENDED, [one])
                await connection.execute(_DECIDED, [one])
            await connection.execute(
                "UPDATE delivery SET valid_until = valid_until + %s WHERE notification_id = %s", [month, ids[0]]
            )
    async with in_days(ledger_dsn, 0) as (ledger, _), ledger.transaction() as connection:
        row = await (await connection.execute("SELECT tableoid::regclass::text FROM history LIMIT 1")).fetchone()
        assert row is not None
        part = row[0]
        assert part.startswith("history_2")
    async with in_days(ledger_dsn, 1095 + 35) as (ledger, _):
        async with ledger.transaction() as connection:
            while dropped := await partitions.drop(connection, "history", ledger.clock.now() - timedelta(days=1095)):
                assert dropped[1] == 0
        assert await counts(ledger, "history") == {"history": 2}
    async with in_days(ledger_dsn, 1095 + 80) as (ledger, keeping):
        async with in_days(ledger_dsn, 0) as (other, _), other.transaction() as reader:
            await reader.execute("SELECT FROM history")
            with pytest.raises(Unavailable):
                async with ledger.transaction() as connection:
                    await partitions.drop(connection, "history", ledger.clock.now() - timedelta(days=1095))
        assert gone(await keeping.purge(WHO))["history"] == 2
        async with ledger.transaction() as connection:
            left = await (await connection.execute("SELECT to_regclass(%s)", [part])).fetchone()
            assert left == (None,)


_ENDED = """
INSERT INTO delivery (notification_id, lane, status, route, has_code, is_code, accepted_at, valid_until, ended_at)
VALUES (%s, 'codes', 'delivered', 'sms', false, false, ledger_now(), ledger_now() + interval '1 day', ledger_now())
"""
_DECIDED = "INSERT INTO history (notification_id, seq, at, fact, record) VALUES (%s, 1, ledger_now(), 'Ended', '{}')"


async def _run_all(ledger: Ledger, statements: Sequence[str]) -> None:
    async with ledger.transaction() as connection:
        for one in statements:
            await connection.execute(one.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM {table}",
        "UPDATE {table} SET {column} = {column}",
        "TRUNCATE {table}",
        "SELECT purge_append_only('{table}', ledger_now() - interval '6 days', 10)",
        "SELECT purge_append_only('{table}', NULL, 10)",
        "SELECT purge_append_only('audit', ledger_now() - interval '30 days', 10)",
        "SELECT drop_partition('{table}', ledger_now() - interval '6 days')",
        "SELECT drop_partition('{table}', NULL)",
        "SELECT drop_partition('audit', ledger_now() - interval '30 days')",
        "TRUNCATE {part}",
        "DELETE FROM {part}",
        "SELECT set_config('esoz_notify.purging', '{table} ' || ledger_now(), true); DELETE FROM {table}",
        "SELECT set_config('esoz_notify.purging', 'other 2020-01-01', true); DELETE FROM {table}",
        "SELECT set_config('esoz_notify.purging', '{table} ' || (now() - '9 d'::interval), true); DELETE FROM {table}",
    ],
)
@pytest.mark.parametrize(("name", "column"), [("receipt", "raw"), ("history", "fact")])
async def test_what_is_young_leaves_by_no_way(ledger_dsn: str, statement: str, name: str, column: str) -> None:
    """Rows of append-only tables younger than a week are erased by nothing, not even by the purge's own way."""
    async with in_days(ledger_dsn, -5) as (ledger, _):
        await put_receipts(ledger, 1)
        async with ledger.transaction() as connection:
            await connection.execute(
                "INSERT INTO history (notification_id, seq, at, fact, record)"
                " VALUES (%s, 1, ledger_now(), 'accepted', '{}')",
                [new_id(ledger.clock.now())],
            )
            row = await (await connection.execute(f"SELECT tableoid::regclass::text FROM {name}".encode())).fetchone()  # noqa: S608
            assert row is not None
    async with in_days(ledger_dsn, 0) as (ledger, _):
        with pytest.raises(psycopg.errors.RestrictViolation):
            await _run_all(ledger, statement.format(table=name, part=row[0], column=column).split(";"))
        assert await counts(ledger, name) == {name: 1}


async def test_one_worker_takes_the_turn(ledger_dsn: str) -> None:
    """Of all workers one purges, once a day."""
    async with in_days(ledger_dsn, 0) as (ledger, _):
        turns: list[Any] = []
        for _ in range(3):
            async with ledger.transaction() as connection:
                turns.append(await table.is_turn(connection, retention.EVERY_S))
        assert turns == [True, False, False]
    async with in_days(ledger_dsn, 1.1) as (ledger, _), ledger.transaction() as connection:
        assert await table.is_turn(connection, retention.EVERY_S)


async def test_a_worker_purges_by_itself(tmp_path: Path, ledger_dsn: str) -> None:
    """A running product erases what is over without being asked."""
    async with in_days(ledger_dsn, -100) as (ledger, _):
        await put_receipts(ledger, 3)
    async with a_house(ledger_dsn, tmp_path) as house, asyncio.timeout(30):
        while (await counts(house.product.ledger, "receipt"))["receipt"]:
            await asyncio.sleep(0.05)


async def test_a_retired_key_is_destroyed_unless_a_value_rests_on_it(ledger_dsn: str) -> None:
    """A month after its retirement its wrapped form goes; not while a value, written by who slept, needs it."""
    async with in_days(ledger_dsn, -31) as (ledger, _), ledger.transaction() as connection:
        await connection.execute("INSERT INTO data_key (id, wrapped, retired_at) VALUES (2, 'x', ledger_now())")
        await connection.execute(
            "INSERT INTO kept (provider, name, value, expires_at) VALUES ('p', 'n', %s, ledger_now())",
            [b"\x01\x00\x02" + bytes(28)],
        )
    async with in_days(ledger_dsn, 0) as (ledger, keeping):
        assert (await keeping.purge(WHO))["retired_keys"] == 0
        async with ledger.transaction() as connection:
            await connection.execute("DELETE FROM kept")
        assert (await keeping.purge(WHO))["retired_keys"] == 1
        assert await counts(ledger, "data_key WHERE wrapped IS NULL") == {"data_key WHERE wrapped IS NULL": 1}
