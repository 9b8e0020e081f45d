"""What happens to the cluster under load, one thing after another, each until everything is whole again.

What belongs here: the events, and the note of when each was what. What does not: how a host is hurt (``servers``,
``network``), judging (``judging``).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from tests.cluster.house import House, Say
from tests.cluster.network import cut, heal
from tests.cluster.servers import PostgresHost

from esoz_notify.engine.clock import LedgerClock

SETTLE_S = (3.0, 5.0)
"""Between events, so that a pause belongs to one of them."""
CUT_S = 20.0
"""Longer than a worker takes to notice, and than its leases last."""
FULL_S = 20.0
NEW_LEADER_LIMIT_S = 90.0


@dataclass(slots=True, kw_only=True)
class Past:
    """One event that was done, in ledger time. ``led_at``: when another primary was there; None: the old one stayed.

    ``undone_at``: when what was broken had been mended by hand; ``whole_at``: when every host was well again.
    """

    name: str
    began_at: datetime
    led_at: datetime | None = None
    undone_at: datetime | None = None
    whole_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Stage:
    """What events work with. ``past``: what was done so far."""

    house: House
    clock: LedgerClock
    random: Random
    say: Say
    past: list[Past] = field(default_factory=list)

    async def play(self, name: str) -> Past:
        """Do one event and wait until everything is whole. Raises RuntimeError when it does not become so."""
        await asyncio.sleep(self.random.uniform(*SETTLE_S))
        times = 1 + sum(one.name.partition(" ")[0] == name for one in self.past)
        done = Past(name=name if times == 1 else f"{name} {times}", began_at=self.clock.now())
        self.past.append(done)
        await EVENTS[name](self, done)
        done.undone_at = self.clock.now()
        await self.house.until_whole()
        done.whole_at = self.clock.now()
        return done

    async def primary(self) -> PostgresHost:
        """The primary. Raises RuntimeError when there is none."""
        leader = await self.house.leader()
        if leader is None:
            raise RuntimeError(f"there is no primary to hurt: {await self.house.told()}")
        return leader

    async def until_led_by_another(self, than: PostgresHost, done: Past, limit_s: float) -> bool:
        """Wait for another primary and note the time; whether it came."""
        came = await self.house.until_led_by_another(than, limit_s)
        if came:
            done.led_at = self.clock.now()
            leader = await self.primary()
            self.say(f"{leader.host.name} leads {(done.led_at - done.began_at).total_seconds():.1f} s after")
        return came


async def kill_primary(stage: Stage, done: Past) -> None:
    """Kill -9 of PostgreSQL and Patroni of the primary's host; it comes back when another leads."""
    primary = await stage.primary()
    stage.say(f"killing PostgreSQL and Patroni on {primary.host.name}")
    primary.kill()
    if not await stage.until_led_by_another(primary, done, NEW_LEADER_LIMIT_S):
        raise RuntimeError(f"nobody took over: {await stage.house.told()}")
    primary.start()


async def cut_worker(stage: Stage, _: Past) -> None:
    """A worker reaches the providers, and no database; nobody tells it."""
    host = stage.random.choice(stage.house.worker_hosts)
    stage.say(f"cutting {host.name} off from the database for {CUT_S:.0f} s")
    cut(host, stage.house.pg_hosts)
    await asyncio.sleep(CUT_S)
    heal(host, stage.house.pg_hosts)


async def cut_primary(stage: Stage, done: Past) -> None:
    """The primary sees the API and the workers, and neither its standbys nor a majority of etcd."""
    primary = await stage.primary()
    others = [host for host in stage.house.pg_hosts if host is not primary.host]
    stage.say(f"cutting {primary.host.name} off from {', '.join(host.name for host in others)}")
    cut(primary.host, others)
    came = await stage.until_led_by_another(primary, done, NEW_LEADER_LIMIT_S)
    await asyncio.sleep(stage.random.uniform(*SETTLE_S))
    heal(primary.host, others)
    if not came:
        raise RuntimeError("nobody took over from a primary without its standbys")


async def restart_everything(stage: Stage, _: Past) -> None:
    """Each API, each worker, each database host: stopped in good order and started again, one after another."""
    house = stage.house
    for process in (*house.apis, *house.workers):
        stage.say(f"restarting {process.name}")
        await process.stop()
        await process.start()
    for server in house.servers:
        primary = await stage.primary()
        stage.say(f"restarting {server.host.name}{', the primary' if server is primary else ''}")
        await server.stop()
        if server is primary:
            await house.until_led_by_another(server, NEW_LEADER_LIMIT_S)
        server.start()
        await house.until_whole()


async def fill_disk(stage: Stage, done: Past) -> None:
    """No space is left on the primary's disk, data and WAL; it is made when another leads, or after a while."""
    primary = await stage.primary()
    stage.say(f"filling the disk of {primary.host.name}")
    ballast = await asyncio.to_thread(primary.fill)
    await stage.until_led_by_another(primary, done, FULL_S)
    stage.say(f"making space on {primary.host.name}")
    ballast.unlink()


EVENTS: dict[str, Callable[[Stage, Past], Awaitable[None]]] = {
    "kill-primary": kill_primary,
    "cut-worker": cut_worker,
    "cut-primary": cut_primary,
    "restart-all": restart_everything,
    "full-disk": fill_disk,
}
