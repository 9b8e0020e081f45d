"""A house with two APIs under load through both, and the judgement of what became of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from tests.chaos.load import Load, a_client
from tests.chaos.processes import CLIENT, House, Process
from tests.chaos.records import judge, ledger_now, read_ledger
from tests.chaos.rounds import WORKER_1, Choice, Kill, Past
from tests.chaos.run import ANSWERED_LIMIT_S, LAB_TIMEOUT_S, dice, shown_by, submissions_of, wait_for_ends

from esoz_notify.engine.clock import LedgerClock

RATE = 15.0
PATIENCE_S = 60.0


@dataclass
class Stage:
    """A house under load."""

    house: House
    load: Load
    past: Past

    async def accepted(self, more: int) -> None:
        """Wait until so many more have been accepted."""
        goal = self.load.accepted + more
        async with asyncio.timeout(PATIENCE_S):
            while self.load.accepted < goal:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def under_load(house: House, processes: Sequence[Process]) -> AsyncIterator[Stage]:
    """Start the processes and send to both APIs for as long as the block lasts."""
    await asyncio.gather(*(one.start() for one in processes))
    clock = LedgerClock()
    clock.set(await ledger_now(house.dsn))
    async with AsyncExitStack() as stack:
        urls = [f"http://127.0.0.1:{port}" for port in (house.port, house.port_2)]
        clients = [await stack.enter_async_context(a_client(url, CLIENT, house.secret)) for url in urls]
        timeout = aiohttp.ClientTimeout(total=LAB_TIMEOUT_S)
        lab = await stack.enter_async_context(aiohttp.ClientSession(house.lab_url, timeout=timeout))
        load = Load(clients, lab, clock, dice(1), RATE)
        choice = Choice(kind=WORKER_1, before_s=0.0, down_s=0.0)
        past = Past(kills=[Kill(choice=choice, began_at=clock.now(), at=clock.now(), reached=True)])
        sending = asyncio.create_task(load.run())
        try:
            yield Stage(house, load, past)
            sending.cancel()
            await load.finish(ANSWERED_LIMIT_S)
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
            await load.give_up()


async def faults(stage: Stage) -> list[str]:
    """Wait for the ends, and everything that may not be: lost, doubled, without proof; empty when all is well."""
    house = stage.house
    await wait_for_ends(house, lambda _: None)
    async with aiohttp.ClientSession(house.lab_url) as lab:
        submissions, shown = await submissions_of(lab), await shown_by(lab)
    return judge(stage.load.sent, await read_ledger(house.dsn), submissions, shown, stage.past).faults


async def smscs(house: House) -> dict[str, Any]:
    """What each SMSC has counted."""
    async with aiohttp.ClientSession(house.lab_url) as lab, lab.get("/smscs") as reply:
        return {one["name"]: one for one in await reply.json()}
