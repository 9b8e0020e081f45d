"""One whole run: the room's hosts, the load, the events, the end, the judgement.

What belongs here: the order of things and their bounds in time. What does not: each of the things (the files beside).
"""

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import aiohttp
from tests.chaos.load import Load, a_client
from tests.chaos.processes import CLIENT
from tests.chaos.records import join, ledger_now, read_ledger, still_open
from tests.chaos.report import errors_logged
from tests.chaos.run import LAB_TIMEOUT_S, dice, shown_by, submissions_of
from tests.cluster import sandbox
from tests.cluster.callers import Either
from tests.cluster.events import Stage
from tests.cluster.house import House, Say, a_house
from tests.cluster.judging import Verdict, judge
from tests.cluster.report import Report

from esoz_notify.engine.clock import LedgerClock
from esoz_notify.store.connecting import enduring

LIFE_S = 180.0
"""Validity of what is sent: over the longest pause that a failing cluster may make, so that nothing dies of waiting."""
WARM_UP_S = 5.0
ANSWERED_LIMIT_S = 90.0
ENDED_LIMIT_S = LIFE_S + 30.0
LOOK_S = 1.0


async def run(events: Sequence[str], seed: int, *, rate: float, say: Say, keep: Path | None = None) -> Report:
    """Do it. ``seed``: of victims, moments and load. Nothing is left behind but the logs in ``keep``."""
    began_s = time.monotonic()
    folder = sandbox.make_folder()
    folder.chmod(0o711)  # PostgreSQL's account passes through it
    try:
        async with a_house(folder, say) as house:
            say(f"up after {time.monotonic() - began_s:.1f} s: {len(house.apis)} APIs, {len(house.workers)} workers")
            verdict, submissions = await _played(house, events, seed, rate, say)
            logged = errors_logged(folder, but=("lab", *(host.name for host in house.pg_hosts)))
        return Report(
            seed=seed,
            rate=rate,
            seconds=time.monotonic() - began_s,
            verdict=verdict,
            submissions=submissions,
            logged=logged,
        )
    finally:
        _clear_away(folder, keep)


async def _played(house: House, events: Sequence[str], seed: int, rate: float, say: Say) -> tuple[Verdict, int]:
    clock, dsn = LedgerClock(), enduring(house.dsn)
    clock.set(await ledger_now(dsn))
    stage = Stage(house=house, clock=clock, random=dice(seed), say=say)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(a_client(url, CLIENT, house.secret)) for url in house.base_urls]
        timeout = aiohttp.ClientTimeout(total=LAB_TIMEOUT_S)
        lab = await stack.enter_async_context(aiohttp.ClientSession(house.lab_url, timeout=timeout))
        load = Load([Either(clients)], lab, clock, dice(seed), rate, LIFE_S)
        try:
            broken = await _events(stage, events, load)
            await load.finish(ANSWERED_LIMIT_S)
        finally:
            await load.give_up()
        say(f"everything asked is answered: {load.accepted} accepted; waiting for their ends")
        await _wait_for_ends(dsn, say)
        submissions: list[Mapping[str, Any]] = await submissions_of(lab)
        entries = await read_ledger(dsn)
        joined, faults = join(load.sent, entries, submissions, await shown_by(lab))
    return judge(joined, [*faults, *broken], submissions, stage.past), len(submissions)


async def _events(stage: Stage, events: Sequence[str], load: Load) -> list[str]:
    """Do the events under load. One that does not become whole ends them: what was done so far is judged."""
    sending = asyncio.create_task(load.run())
    try:
        await asyncio.sleep(WARM_UP_S)
        for name in events:
            stage.say(f"{name}: {load.accepted} accepted so far")
            done = await stage.play(name)
            assert done.undone_at is not None
            assert done.whole_at is not None
            after_s = (done.whole_at - done.undone_at).total_seconds()
            stage.say(f"{name}: whole again {after_s:.1f} s after it was over; {await stage.house.told()}")
            if sending.done():
                break
        await asyncio.sleep(WARM_UP_S)
    except RuntimeError as error:
        return [f"the events ended early: {error}"]
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
    return []


async def _wait_for_ends(dsn: str, say: Say) -> None:
    deadline_s = time.monotonic() + ENDED_LIMIT_S
    said_s = time.monotonic()
    while time.monotonic() < deadline_s:
        waiting, submitting = await still_open(dsn)
        if not waiting and not submitting:
            return
        if time.monotonic() - said_s > 10 * LOOK_S:
            said_s = time.monotonic()
            say(f"{waiting} have not ended, {submitting} attempts are being submitted")
        await asyncio.sleep(LOOK_S)


def _clear_away(folder: Path, keep: Path | None) -> None:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        for log in folder.glob("*.log"):
            shutil.copy(log, keep)
    shutil.rmtree(folder, ignore_errors=True)
