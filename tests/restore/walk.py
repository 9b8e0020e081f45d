"""A backup walked through: real PostgreSQL with its WAL archived, load, a base backup, an accident, two restores.

What belongs here: the steps, each with what it leaves behind. What does not: what must hold afterwards
(``test_restore``).
"""

import asyncio
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiohttp
import psycopg
from tests.engine.product import CALLER, PRESCRIPTION, phone

from esoz_notify.cli.lab import lab_settings
from esoz_notify.engine.anchors import Anchors
from esoz_notify.installation import audit_files, read_texts
from esoz_notify.lab.settings import LabSettings
from esoz_notify.lab.world import Lab, run_lab
from esoz_notify.settings import Settings, read_settings
from esoz_notify.store import embedded
from esoz_notify.store.embedded_host import find_binaries
from esoz_notify.wiring import Product, running

POLICY = """
[[policy]]
version = "sms"
from = 2025-01-01
codes = [{ channel = "sms" }]
documents = [{ channel = "sms" }]
rest = [{ channel = "sms" }]
"""
ACCIDENT = "DROP TABLE delivery CASCADE"
WITHIN_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Site:
    """A service beside its played world. ``folder`` holds the ledger ``live``, its archive and its base backup."""

    folder: Path
    settings: Settings
    lab: Lab

    async def submissions(self) -> Counter[str]:
        """How often an operator took a message for each phone."""
        async with (
            aiohttp.ClientSession(str(self.lab.urls()["lab_url"])) as http,
            http.get("/submissions") as reply,
        ):
            return Counter(one["msisdn"] for one in await reply.json())

    async def anchor(self, product: Product) -> None:
        """Sign the audit's head, with a copy outside of the ledger."""
        assert await Anchors(product.ledger, *audit_files(self.settings)).make() is not None


@dataclass(kw_only=True)
class Past:
    """What was accepted when. ``sent``: before the target, and ended; ``waiting``: accepted before it, sent after."""

    sent: list[UUID] = field(default_factory=list)
    waiting: list[UUID] = field(default_factory=list)
    late: list[UUID] = field(default_factory=list)
    target: datetime | None = None

    @property
    def kept(self) -> list[UUID]:
        """What a restore to the target must have."""
        return [*self.sent, *self.waiting]


@asynccontextmanager
async def a_site(folder: Path) -> AsyncIterator[Site]:
    """A played world, and settings that lead to it by SMS alone: what knows no key is what could be doubled."""
    (folder / "policies.toml").write_text(POLICY, encoding="utf-8")
    settings = read_settings({"ESOZ_NOTIFY_DATA": str(folder)})
    templates = read_texts(settings).viber_templates()
    async with run_lab(LabSettings(templates=templates, latency_ms=(1, 5))) as lab:
        settings = lab_settings(settings, lab.urls(), templates)
        settings = replace(settings, policies_file=folder / "policies.toml", viber_url="", diia_url="")
        yield Site(folder=folder, settings=settings, lab=lab)


@contextmanager
def archiving(folder: Path) -> Iterator[embedded.RunningPostgres]:
    """The server, with every piece of its WAL copied to the archive."""
    archive = folder / "archive"
    archive.mkdir(exist_ok=True)
    archive.chmod(0o777)  # the server runs under an account of its own
    settings = {"archive_mode": "on", "archive_command": f"test ! -f {archive}/%f && cp %p {archive}/%f"}
    with embedded.start(folder / "live", settings=settings) as server:
        yield server


def back_up(server: embedded.RunningPostgres, folder: Path) -> None:
    """A base backup while the service runs, checked against its manifest."""
    programs, given = find_binaries(None), psycopg.conninfo.conninfo_to_dict(server.dsn)
    where = ["-h", str(given["host"]), "-p", str(given["port"]), "-U", str(given["user"])]
    base = folder / "base"
    commands: tuple[list[str | Path], ...] = (
        [programs / "pg_basebackup", *where, "-D", base, "-c", "fast", "-X", "none"],
        [programs / "pg_verifybackup", "-n", base],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN_S)
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def restored(folder: Path, name: str, target: datetime | None) -> Iterator[embedded.RunningPostgres]:
    """The base backup and the archive as a server of its own: to just before ``target``, or to the last of the WAL."""
    owner = (folder / "live" / "postgres" / "data").stat()
    data = folder / name / "postgres" / "data"
    shutil.copytree(folder / "base", data)
    (data / "recovery.signal").touch()
    for path in [data.parent, *data.parent.rglob("*")]:
        os.chown(path, owner.st_uid, owner.st_gid)
    settings = {"restore_command": f"cp {folder}/archive/%f %p", "archive_mode": "off"}
    if target is not None:
        settings |= {
            "recovery_target_time": target.isoformat(),
            "recovery_target_inclusive": "off",
            "recovery_target_action": "promote",
        }
    with embedded.start(folder / name, settings=settings) as server:
        yield server


@asynccontextmanager
async def serving(site: Site, dsn: str, *, worker: bool) -> AsyncIterator[Product]:
    """The product on a ledger."""
    async with running(site.settings, dsn, api=True, worker=worker) as product:
        async with asyncio.timeout(WITHIN_S):
            while not all(link.is_up for link in product.links):
                await asyncio.sleep(0.02)
        yield product


async def accept(product: Product, numbers: range) -> list[UUID]:
    """One notification for each phone."""
    asked = [
        {"kind": "prescription_issued", "recipient": {"phone": phone(one)}, "data": PRESCRIPTION} for one in numbers
    ]
    answers = await asyncio.gather(
        *(product.service.accept(CALLER, one, f"key-{number}") for number, one in zip(numbers, asked, strict=True))
    )
    return [UUID(answer["id"]) for answer, _ in answers]


async def ended(product: Product, ids: list[UUID]) -> Counter[str]:
    """Wait until all have come to their end; gives how many came to which."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            views = [await product.service.get(CALLER, one) for one in ids]
            if all(view["terminal"] for view in views):
                return Counter(str(view["status"]) for view in views)
            await asyncio.sleep(0.05)


async def live_through(site: Site, server: embedded.RunningPostgres, count: int) -> Past:
    """Load, a base backup, more load, the moment to come back to, more again, and the accident."""
    past = Past()
    async with serving(site, server.dsn, worker=True) as product:
        past.sent += await accept(product, range(count))
        await ended(product, past.sent)
        await site.anchor(product)
        await asyncio.to_thread(back_up, server, site.folder)
        past.sent += await accept(product, range(count, 2 * count))
        await ended(product, past.sent)
    async with serving(site, server.dsn, worker=False) as product:
        past.waiting += await accept(product, range(2 * count, 3 * count))
        async with product.ledger.transaction() as connection:
            row = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
        assert row is not None
        past.target = row[0]
    async with serving(site, server.dsn, worker=True) as product:
        past.late += await accept(product, range(3 * count, 4 * count))
        await ended(product, [*past.waiting, *past.late])
        await site.anchor(product)
    with psycopg.connect(server.dsn) as connection:
        connection.execute(ACCIDENT)
    return past
