"""Quotas that processes share through a real ledger: together no more than one alone, whichever of them dies."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esoz_notify.core.errors import InvalidInput, NotFound, Unavailable
from esoz_notify.engine import quotas as subject
from esoz_notify.engine.access import Access
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.quotas import Quotas, RateLimit, SharedQuotas, limit_caller
from esoz_notify.store.quotas import Level
from esoz_notify.store.vault import Keys

KEYS = Keys(data_keys={1: b"d" * 32}, current_id=1, index_key=b"i" * 32, code_key=b"c" * 32, token_key=b"t" * 32)
LIMIT = RateLimit(quota=20, window_s=1_000_000)
"""So slow to come back that nothing does while a test runs."""


@asynccontextmanager
async def a_ledger(dsn: str) -> AsyncIterator[Ledger]:
    ledger = Ledger(dsn, LedgerClock())
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()


async def a_process(ledger: Ledger) -> tuple[Quotas, SharedQuotas]:
    """What a process of the API has, settled by hand; it dies when nobody settles it any more."""
    quotas = Quotas()
    shared = SharedQuotas(ledger, quotas)
    await shared.open()
    return quotas, shared


def taken(quotas: Quotas, tries: int, who: str = "caller:a") -> int:
    """How many of so many tries are let through."""
    return sum(quotas.take(who, LIMIT).wait_s == 0 for _ in range(tries))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
async def test_processes_share_one_quota(ledger_dsn: str, count: int) -> None:
    """At once together no more than the quota, and at most one more of each process but one; then nothing more."""
    async with a_ledger(ledger_dsn) as ledger:
        processes = [await a_process(ledger) for _ in range(count)]
        for _, shared in processes:
            await shared.open()
        through = 0
        for _ in range(6):
            through += sum(taken(quotas, 50) for quotas, _ in processes)
            assert through <= LIMIT.quota + count - 1
            for _, shared in (*processes, *processes):
                await shared.open()
        assert through >= LIMIT.quota
        assert sum(taken(quotas, 50) for quotas, _ in processes) == 0


async def test_one_process_alone_has_the_whole_quota(ledger_dsn: str) -> None:
    """Nothing is kept for processes that there are not, and what is left is told exactly."""
    async with a_ledger(ledger_dsn) as ledger:
        quotas, shared = await a_process(ledger)
        assert [quotas.take("caller:a", LIMIT).left for _ in range(3)] == [19, 18, 17]
        await shared.open()
        assert quotas.take("caller:a", LIMIT).left == 16
        assert (taken(quotas, 50), quotas.take("caller:a", LIMIT).wait_s) == (16, 50_000)


async def test_a_restart_gives_nothing_back(ledger_dsn: str) -> None:
    """A process that is killed and started again has what the ledger says; what it settled last is not forgotten."""
    async with a_ledger(ledger_dsn) as ledger:
        quotas, shared = await a_process(ledger)
        assert taken(quotas, 15) == 15
        await shared.open()
        reborn, _ = await a_process(ledger)  # the dead one still counts for some seconds: half of what is left
        assert taken(reborn, 50) in {2, 3}
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute("UPDATE quota_process SET seen_at = seen_at - interval '1 minute'")
    async with a_ledger(ledger_dsn) as ledger:
        assert taken((await a_process(ledger))[0], 50) == 5


async def test_a_process_that_stops_settles_first(ledger_dsn: str) -> None:
    """What was let through in the last second is not lost when a process is stopped, and it shares no more."""
    async with a_ledger(ledger_dsn) as ledger:
        quotas, shared = await a_process(ledger)
        task = asyncio.create_task(shared.run())
        await asyncio.sleep(0)
        assert taken(quotas, 8) == 8
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert taken((await a_process(ledger))[0], 50) == 12


async def test_with_the_ledger_away_counting_goes_on(ledger_dsn: str) -> None:
    """Requests are counted as ever, by this process's share; what was let through is settled when it is back."""
    async with a_ledger(ledger_dsn) as ledger:
        quotas, shared = await a_process(ledger)
        _, other = await a_process(ledger)
        await shared.open()
        away = Ledger("host=127.0.0.1 port=1", ledger.clock)
        failing = SharedQuotas(away, quotas)
        for expected in (6, 4, 0):
            assert taken(quotas, 6) == expected
            steady = away.steady()
            with pytest.raises(Unavailable):
                await failing.settle(steady)
        await shared.open()
        await other.open()
    with psycopg.connect(ledger_dsn) as connection:
        assert connection.execute("SELECT remaining::int FROM quota").fetchall() == [(10,)]


async def test_what_fails_to_commit_is_settled_later(ledger_dsn: str) -> None:
    """Counts leave the process only with the commit: a settlement that breaks at its last statement loses none."""
    async with a_ledger(ledger_dsn) as ledger:
        quotas, shared = await a_process(ledger)
        for tries in (7, 3):
            assert taken(quotas, tries) == tries
            with contextlib.suppress(ZeroDivisionError):
                async with ledger.transaction() as connection:
                    await shared._work(connection)
                    raise ZeroDivisionError
        await shared.open()
    with psycopg.connect(ledger_dsn) as connection:
        assert connection.execute("SELECT remaining::int FROM quota").fetchall() == [(10,)]


@settings(suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 5), st.booleans()), max_size=80))
def test_no_order_of_takes_and_settlements_lets_more_through(steps: list[tuple[int, float, bool]]) -> None:
    """Of three processes over any stretch: one full quota, what is earned back, and one more of each per settlement."""
    limit = RateLimit(quota=10, window_s=100)
    now_s, left, at_s, through, settlements = 0.0, 10.0, 0.0, 0, 1
    processes = [Quotas(lambda: now_s) for _ in range(3)]
    for one in processes:
        one.settled([], [], 3)
    for which, gap_s, settles in steps:
        now_s += gap_s
        if settles:
            settlements += 1
            for one in (*processes, *processes):
                given = one.begin()
                left = min(10.0, left + (now_s - at_s) * limit.per_s) - sum(each.count for each in given)
                at_s = now_s
                one.settled(given, [Level(subject="caller:a", remaining=left, quota=10, window_s=100)], 3)
        through += sum(processes[which].take("caller:a", limit).wait_s == 0 for _ in range(6))
    assert through <= 10 + now_s * limit.per_s + 3 * settlements


def test_strangers_make_room_among_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses come, memory is bounded, and no caller's count is forgotten for them."""
    monkeypatch.setattr(subject, "SUBJECTS_MAX", 10)
    quotas = Quotas()
    assert taken(quotas, 50) == LIMIT.quota
    for number in range(100):
        quotas.take(f"address:{number}", LIMIT)
    assert len(quotas._buckets) == 10
    assert taken(quotas, 1) == 0


def test_full_buckets_are_forgotten() -> None:
    """A subject that has all of its quota again takes no memory; one that is not settled yet does."""
    now_s = 0.0
    quotas = Quotas(lambda: now_s)
    quotas.take("address:1", RateLimit(quota=1, window_s=1))
    now_s = 10.0
    quotas.forget_full()
    assert len(quotas._buckets) == 1
    quotas.settled(quotas.begin(), [], 1)
    quotas.forget_full()
    assert len(quotas._buckets) == 0


async def test_a_callers_own_quota(ledger_dsn: str) -> None:
    """It is known to every process with its next settlement, can be taken back, and is in the audit."""
    async with a_ledger(ledger_dsn) as ledger:
        await Access(ledger, KEYS).callers.create("mis-1", "A hospital's system", ["notifications:read"])
        quotas, shared = await a_process(ledger)
        await limit_caller(ledger, "mis-1", 3, actor="cli:root@host")
        await shared.open()
        assert taken(quotas, 50, "caller:mis-1") == 3
        assert quotas.take("caller:mis-1", LIMIT).limit == RateLimit(quota=3)
        await limit_caller(ledger, "mis-1", None, actor="cli:root@host")
        await shared.open()
        assert quotas.take("caller:mis-1", LIMIT).limit == LIMIT
        with pytest.raises(InvalidInput):
            await limit_caller(ledger, "mis-1", 0, actor="cli:root@host")
        with pytest.raises(NotFound):
            await limit_caller(ledger, "mis-2", 1, actor="cli:root@host")
    with psycopg.connect(ledger_dsn) as connection:
        told = connection.execute(
            "SELECT actor, subject, details FROM audit WHERE action = 'client_limited'"
        ).fetchall()
    assert told == [
        ("cli:root@host", "client:mis-1", '{"per_min":"3"}'),
        ("cli:root@host", "client:mis-1", '{"per_min":"default"}'),
    ]


async def test_the_ledger_forgets_full_quotas(ledger_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table holds who has asked lately, and nobody else."""
    monkeypatch.setattr(subject, "_FORGET_S", -1.0)
    async with a_ledger(ledger_dsn) as ledger:
        quotas, shared = await a_process(ledger)
        quotas.take("address:1", RateLimit(quota=1_000_000, window_s=1))
        quotas.take("address:2", LIMIT)
        await shared.open()
        await shared.open()
    with psycopg.connect(ledger_dsn) as connection:
        assert connection.execute("SELECT subject FROM quota").fetchall() == [("address:2",)]
