"""The rate of a contract over workers that know of each other by the ledger alone."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from uuid import uuid4

from esoz_notify.core.rate_budget import GRANT_LIFE_S
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.rate_budget import RateBudget

PER_S = 40.0


class Submitter:
    """Submits whatever waits, as soon as it may, and notes when."""

    def __init__(self, budget: RateBudget, codes: int, rest: int) -> None:
        self.budget = budget
        self.waiting = {True: codes, False: rest}
        self.times: dict[bool, list[float]] = {True: [], False: []}
        budget.wants = lambda: (self.waiting[True], self.waiting[False])
        budget.more = self.pump

    def pump(self) -> None:
        """Submit codes, then the rest."""
        for is_code in (True, False):
            while self.waiting[is_code] and self.budget.take(code=is_code):
                self.times[is_code].append(time.monotonic())
                self.waiting[is_code] -= 1


@asynccontextmanager
async def submitters(dsn: str, waiting: list[tuple[int, int]]) -> AsyncIterator[list[Submitter]]:
    """One for each pair of codes and others, each with connections of its own."""
    async with AsyncExitStack() as stack:
        found, tasks = [], []
        for codes, rest in waiting:
            ledger = Ledger(dsn, LedgerClock(), pool_size=1)
            await ledger.open()
            stack.push_async_callback(ledger.close)
            budget = RateBudget(ledger, "smsc-a", uuid4(), PER_S)
            tasks.append(asyncio.create_task(budget.run()))
            found.append(Submitter(budget, codes, rest))
        try:
            yield found
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def test_a_slice_is_over_in_its_time(ledger_dsn: str) -> None:
    """A worker that was stopped with a slice in hand submits nothing of it afterwards: the book counts on that."""
    async with submitters(ledger_dsn, [(0, 4)]) as (one,):
        given = asyncio.Event()
        one.budget.more = given.set
        assert not one.budget.take(code=False)
        await asyncio.wait_for(given.wait(), 60)
        one.waiting[False] = 0
        await asyncio.sleep(GRANT_LIFE_S)
        assert not one.budget.take(code=False)


async def test_every_window_holds_what_is_agreed(ledger_dsn: str) -> None:
    """Three workers with much to send keep to one rate, exactly; one that dies is no loss; codes come first."""
    async with submitters(ledger_dsn, [(0, 60), (0, 60), (0, 60)]) as all_three:
        for one in all_three:
            one.pump()
        async with asyncio.timeout(60):
            while sum(len(one.times[False]) for one in all_three) < 60:
                await asyncio.sleep(0.01)
            all_three[0].waiting[False] = 0  # it has died: it neither uses what it has nor asks again
            codes_from_s = time.monotonic()
            all_three[1].waiting[True] = 10
            all_three[1].pump()
            while any(one.waiting[False] or one.waiting[True] for one in all_three[1:]):
                await asyncio.sleep(0.01)
    times = sorted(at_s for one in all_three for several in one.times.values() for at_s in several)
    most = max(index + 1 - bisect_left(times, at_s - 1.0) for index, at_s in enumerate(times))
    assert most <= PER_S
    codes = all_three[1].times[True]
    others = [at_s for one in all_three for at_s in one.times[False] if codes_from_s < at_s < codes[-1]]
    assert len(codes) == 10
    assert len(others) < PER_S, "ten codes do not wait for the eighty others"
