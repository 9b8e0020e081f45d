"""Every host of the cluster with what runs on it: three PostgreSQL, two API, three workers, one lab.

What belongs here: building it, and whether it is whole. What does not: hurting it (``events``).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from tests.chaos.processes import Process, create_client, product_settings, slow_providers
from tests.cluster import network
from tests.cluster.network import NETWORK, Host
from tests.cluster.servers import ASK_LIMIT_S, PG_PORT, Member, PostgresHost

from esoz_notify.store.embedded_host import choose_account, find_binaries, usable_binaries
from esoz_notify.store.migrations import migrate

PORT, SMSC_A, SMSC_B = 8080, 2775, 2776
WHOLE_LIMIT_S = 120.0
LOOK_S = 0.25
LAB_COMMAND = ("esoz_notify.cli", "lab", "--port", str(PORT), "--smsc-a-port", str(SMSC_A), "--smsc-b-port")

Say = Callable[[str], None]


class House:
    """All hosts. Made by ``a_house``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_LIMIT_S))
        self.pg_hosts = [Host(f"pg{no}", f"{NETWORK}.{10 + no}") for no in (1, 2, 3)]
        self.api_hosts = [Host(f"api{no}", f"{NETWORK}.{20 + no}") for no in (1, 2)]
        self.worker_hosts = [Host(f"worker{no}", f"{NETWORK}.{30 + no}") for no in (1, 2, 3)]
        self.lab_host = Host("lab", f"{NETWORK}.41")
        self.base_urls = [f"http://{host.address}:{PORT}" for host in self.api_hosts]
        self.lab_url = f"http://{self.lab_host.address}:{PORT}"
        hosts = ",".join(f"{host.address}:{PG_PORT}" for host in self.pg_hosts)
        self.dsn = f"postgresql://postgres@{hosts}/postgres"  # the rest is what the product makes of several hosts
        self.secret = ""
        self.servers: list[PostgresHost] = []
        self.apis: list[Process] = []
        self.workers: list[Process] = []
        journal = str(folder / "lab.ndjson")
        command = [*LAB_COMMAND, str(SMSC_B), "--host", self.lab_host.address, "--journal", journal]
        self.lab = self._process(self.lab_host, command, {})

    async def open(self, say: Say) -> None:
        """Build the network and start everything, the database first."""
        network.build([*self.pg_hosts, *self.api_hosts, *self.worker_hosts, self.lab_host])
        account = choose_account(self.folder / "none")
        assert account is not None, "the room is entered by root only"
        programs = usable_binaries(find_binaries(None), account, self.folder, say)
        for host in self.pg_hosts:
            others = [one for one in self.pg_hosts if one is not host]
            self.servers.append(PostgresHost(host, others, self.folder, programs.folder, account.name))
        for server in self.servers:
            server.prepare()
            server.start()
        await asyncio.gather(self.lab.start(), self.until_replicated())
        await slow_providers(self.lab_url)
        say(f"PostgreSQL {programs.version}: {await self.told()}")
        smscs = {"smsc-a": f"{self.lab_host.address}:{SMSC_A}", "smsc-b": f"{self.lab_host.address}:{SMSC_B}"}
        settings = product_settings(self.folder, self.dsn, self.lab_url, smscs) | {"plain_providers": "yes"}
        await asyncio.to_thread(migrate, self.dsn)
        self.secret = await create_client(settings)
        for host, url in zip(self.api_hosts, self.base_urls, strict=True):
            own = {"host": host.address, "port": str(PORT), "public_url": url}
            self.apis.append(self._process(host, ["esoz_notify.cli", "api"], settings | own))
        for position, host in enumerate(self.worker_hosts):
            own = {"public_url": self.base_urls[position % len(self.base_urls)]}  # where its receipts come in
            self.workers.append(self._process(host, ["esoz_notify.cli", "worker"], settings | own))
        for processes in (self.apis, self.workers):
            await asyncio.gather(*(one.start() for one in processes))

    async def close(self) -> None:
        """Let go of connections and disks; the processes end with the room."""
        await self._http.close()
        for server in self.servers:
            server.close()

    async def members(self) -> list[Member]:
        """The PostgreSQL cluster as the first host that answers sees it, the leader asked first."""
        leader = await self.leader()
        for server in [one for one in (leader, *self.servers) if one is not None]:
            if found := await server.cluster(self._http):
                return found
        return []

    async def leader(self) -> PostgresHost | None:
        """The primary that holds the lock; None while there is none."""
        led = await asyncio.gather(*(server.leads(self._http) for server in self.servers))
        return next((server for server, leads in zip(self.servers, led, strict=True) if leads), None)

    async def told(self) -> str:
        """The cluster in a line."""
        return ", ".join(f"{one.name} {one.role} {one.state}" for one in await self.members()) or "nobody answers"

    async def until_led_by_another(self, than: PostgresHost, limit_s: float) -> bool:
        """Wait for another primary, so long at most; whether it came."""
        return await _until(lambda: self._is_led_by_another(than), limit_s)

    async def until_replicated(self) -> None:
        """Wait for a primary, two standbys, and one of them synchronous. Raises RuntimeError when it takes too long."""
        if not await _until(self._is_replicated, WHOLE_LIMIT_S):
            raise RuntimeError(f"the PostgreSQL cluster is not whole: {await self.told()}")

    async def until_whole(self) -> None:
        """As ``until_replicated``, and both APIs are ready."""
        await self.until_replicated()
        if not await _until(self._are_ready, WHOLE_LIMIT_S):
            raise RuntimeError("an API is not ready")

    async def _is_led_by_another(self, than: PostgresHost) -> bool:
        leader = await self.leader()
        return leader is not None and leader is not than

    async def _is_replicated(self) -> bool:
        members = await self.members()
        leader = next((member for member in members if member.role == "leader"), None)
        if leader is None:
            return False
        standbys = [member for member in members if member is not leader and member.follows(leader)]
        return len(standbys) == len(self.servers) - 1 and any(one.role == "sync_standby" for one in standbys)

    async def _are_ready(self) -> bool:
        return all(await asyncio.gather(*(self._is_ready(url) for url in self.base_urls)))

    async def _is_ready(self, url: str) -> bool:
        try:
            async with self._http.get(f"{url}/readyz") as reply:
                return reply.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _process(self, host: Host, command: list[str], settings: dict[str, str]) -> Process:
        return Process(host.name, command, settings, self.folder / f"{host.name}.log", None, host.inside([]))


async def _until(holds: Callable[[], Awaitable[bool]], limit_s: float) -> bool:
    deadline_s = time.monotonic() + limit_s
    while not await holds():
        if time.monotonic() > deadline_s:
            return False
        await asyncio.sleep(LOOK_S)
    return True


@asynccontextmanager
async def a_house(folder: Path, say: Say) -> AsyncIterator[House]:
    """Everything running; the room takes the rest down with it."""
    house = House(folder)
    try:
        await house.open(say)
        yield house
    finally:
        await house.close()
