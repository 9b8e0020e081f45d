"""One whole crash test: the house, the load, the rounds, the end, the judgement.

What belongs here: the order of things and their bounds in time. What does not: each of the things (the files beside).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
from tests.chaos.load import LIFE_S, Load, a_client
from tests.chaos.processes import CLIENT, House, a_house
from tests.chaos.records import Verdict, judge, ledger_now, read_ledger, still_open
from tests.chaos.report import Report, errors_logged
from tests.chaos.rounds import Choice, Killer, Past, plan

from esoz_notify.core.limits import RESCUE_CODE_MAX_S
from esoz_notify.engine.clock import LedgerClock

RATE = 50.0
WARM_UP_S = 1.0
ANSWERED_LIMIT_S = 60.0
ENDED_LIMIT_S = LIFE_S + 20.0
LOOK_S = 0.5
RESCUE_SLACK_S = 3.0
"""For the machine alone: the product's own sum is 9.5 s (lease 5, wait for a receipt 4, two looks of 0.25), and a
dozen processes on two cores wait for their turn.
"""
LAB_TIMEOUT_S = 60.0

Say = Callable[[str], None]


async def chaos(rounds: int, seed: int, *, say: Say, rate: float = RATE, keep: Path | None = None) -> Report:
    """Run it. ``seed``: of victims, their moments and the load. Nothing is left behind but the logs in ``keep``."""
    began_s = time.monotonic()
    choices = plan(rounds, dice(seed))
    async with a_house(keep=keep) as house:
        say(f"up after {time.monotonic() - began_s:.1f} s: API {house.base_url}, lab {house.lab_url}")
        clock = LedgerClock()
        clock.set(await ledger_now(house.dsn))
        killer = Killer(house, clock)
        timeout = aiohttp.ClientTimeout(total=LAB_TIMEOUT_S)
        async with (
            a_client(house.base_url, CLIENT, house.secret) as client,
            aiohttp.ClientSession(house.lab_url, timeout=timeout) as lab,
        ):
            load = Load([client], lab, clock, dice(seed), rate)
            try:
                broken = await _rounds(choices, killer, load, say)
                await load.finish(ANSWERED_LIMIT_S)
            finally:
                await load.give_up()
            say(f"everything asked is answered: {load.accepted} accepted; waiting for their ends")
            await wait_for_ends(house, say)
            submissions, shown = await submissions_of(lab), await shown_by(lab)
        verdict = judge(load.sent, await read_ledger(house.dsn), submissions, shown, killer.past)
        verdict.faults += broken
        _check_rescue(verdict)
        return Report(
            seed=seed,
            rounds=rounds,
            seconds=time.monotonic() - began_s,
            verdict=verdict,
            points=_points(killer.past),
            logged=errors_logged(house.folder),
        )


async def _rounds(choices: list[Choice], killer: Killer, load: Load, say: Say) -> list[str]:
    """Do the rounds under load. A process that does not come back ends them: what was done so far is judged."""
    sending = asyncio.create_task(load.run())
    try:
        await asyncio.sleep(WARM_UP_S)
        for position, choice in enumerate(choices, start=1):
            since_s = time.monotonic()
            kill = await killer.round(choice)
            missed = "" if kill.reached else ", did not come to its point"
            took_s = time.monotonic() - since_s
            say(f"round {position}/{len(choices)} {choice.label}{missed}; {took_s:.1f} s, {load.accepted} accepted")
            if sending.done():
                break
        await asyncio.sleep(WARM_UP_S)
    except RuntimeError as error:
        return [f"the rounds ended early: {error}"]
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
    return []


async def wait_for_ends(house: House, say: Say) -> None:
    """Wait until every notification has ended, within a limit."""
    deadline_s = time.monotonic() + ENDED_LIMIT_S
    said_s = time.monotonic()
    while time.monotonic() < deadline_s:
        waiting, submitting = await still_open(house.dsn)
        if not waiting and not submitting:
            return
        if time.monotonic() - said_s > 5 * LOOK_S:
            said_s = time.monotonic()
            say(f"{waiting} have not ended, {submitting} attempts are being submitted")
        await asyncio.sleep(LOOK_S)


async def submissions_of(lab: aiohttp.ClientSession) -> list[Mapping[str, Any]]:
    """What providers accepted, all of it."""
    async with lab.get("/submissions", params={"provider": "all"}) as reply:
        reply.raise_for_status()
        accepted: list[Mapping[str, Any]] = await reply.json()
    return accepted


async def shown_by(lab: aiohttp.ClientSession) -> dict[str, int]:
    """How many messages each phone shows."""
    async with lab.get("/phones") as reply:
        reply.raise_for_status()
        return {phone["msisdn"]: phone["messages"] for phone in await reply.json()}


def _check_rescue(verdict: Verdict) -> None:
    slowest_s = verdict.total.code_rescue_s
    if slowest_s > RESCUE_CODE_MAX_S + RESCUE_SLACK_S:
        limit = f"{RESCUE_CODE_MAX_S:.0f} s (and {RESCUE_SLACK_S:.0f} s for the machine)"
        verdict.faults.append(f"a code whose worker died moved only after {slowest_s:.1f} s; the limit is {limit}")


def _points(past: Past) -> dict[str, tuple[int, int]]:
    armed = Counter(kill.choice.point for kill in past.kills if kill.choice.point)
    reached = Counter(kill.choice.point for kill in past.kills if kill.choice.point and kill.reached)
    return {point: (count, reached[point]) for point, count in sorted(armed.items())}


def dice(seed: int) -> Random:
    """Chance that can be had again."""
    return Random(seed)  # noqa: S311 - to be thrown again, not to be secret
