"""Several workers over one ledger and one lab whose SMSCs allow their account only so much; each can be cut off."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.engine.product import CALLER, phone

from esoz_notify.cli.lab import lab_settings
from esoz_notify.installation import read_texts
from esoz_notify.lab.settings import SMSC_A, SMSC_B, LabSettings, SmscSettings
from esoz_notify.lab.smsc import Smsc
from esoz_notify.lab.world import Lab, run_lab
from esoz_notify.settings import Settings, read_settings
from esoz_notify.wiring import Product, running

PATIENCE_S = 60.0
"""A test that waits longer for something has failed."""

POLICIES = """
[[policy]]
version = "crew"
from = 2025-01-01
codes = [{ channel = "sms" }]
documents = [{ channel = "viber", window_s = 20 }, { channel = "sms" }]
rest = [{ channel = "sms" }]
"""


class Relay:
    """A way to PostgreSQL that can be cut so that nobody is told: nothing comes through and nothing is refused."""

    def __init__(self, dsn: str) -> None:
        self._to = conninfo_to_dict(dsn)
        self._dsn = dsn
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Relay for as long as the block lasts; gives the DSN of this way."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield make_conninfo(self._dsn, host="127.0.0.1", port=port)
        finally:
            self.mend()
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Let nothing through."""
        self._open.clear()

    def mend(self) -> None:
        """Let everything through again."""
        self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = str(self._to["host"]), str(self._to.get("port", 5432))
        if host.startswith("/"):
            there, back = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            there, back = await asyncio.open_connection(host, port)
        self._writers |= {writer, back}
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                await self._open.wait()
                sink.write(data)
                await sink.drain()
        sink.close()


@dataclass
class Hand:
    """One worker. ``stop`` lets it end in good order."""

    product: Product
    relay: Relay
    stop: Callable[[], Awaitable[None]]

    @property
    def binds(self) -> list[str]:
        """Providers that it is bound to."""
        smscs = self.product.settings.smscs
        return [smsc.name for smsc, link in zip(smscs, self.product.links, strict=True) if link.is_up]


@dataclass
class Crew:
    """The workers of a test and the world that they work in."""

    dsn: str
    settings: Settings
    lab: Lab
    stack: AsyncExitStack

    async def hire(self) -> Hand:
        """One more worker, with a way of its own to the ledger."""
        own = await self.stack.enter_async_context(AsyncExitStack())
        relay = Relay(self.dsn)
        dsn = await own.enter_async_context(relay.listening())
        product = await own.enter_async_context(running(self.settings, dsn, api=True, worker=True))
        return Hand(product, relay, own.aclose)

    def smsc(self, name: str) -> Smsc:
        """One SMSC of the lab."""
        return self.lab.smscs[name]

    async def send(self, by: Hand, number: int, kind: str, data: dict[str, Any]) -> UUID:
        """Have a notification accepted by one process."""
        asked = {"kind": kind, "recipient": {"phone": phone(number)}, "data": data}
        answer, _ = await by.product.service.accept(CALLER, asked, f"crew-{number}")
        return UUID(answer["id"])


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def a_crew(dsn: str, folder: Path, *, binds: dict[str, int], rate: float | None = None) -> AsyncIterator[Crew]:
    """A crew without workers yet. ``binds``: what each SMSC of the lab allows, and what the settings say of it."""
    (folder / "policies.toml").write_text(POLICIES, encoding="utf-8")
    settings = read_settings({"ESOZ_NOTIFY_DATA": str(folder)})
    texts = read_texts(settings)
    smscs = tuple(SmscSettings(name=name, bind_limit=binds[name]) for name in (SMSC_A, SMSC_B) if name in binds)
    played = LabSettings(templates=texts.viber_templates(), latency_ms=(5, 20), smscs=smscs)
    async with run_lab(played) as lab, AsyncExitStack() as stack:
        settings = lab_settings(settings, lab.urls(), texts.viber_templates())
        held = tuple(replace(one, binds_max=binds[one.name], submit_rate_per_s=rate) for one in settings.smscs)
        settings = replace(settings, policies_file=folder / "policies.toml", smscs=held)
        yield Crew(dsn, settings, lab, stack)
