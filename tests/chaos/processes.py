"""The processes of the crash test: how each is started, made ready, killed, and cleaned away.

What belongs here: processes and their settings. What does not: which is killed when (``rounds``), what is sent
(``load``).
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

import aiohttp

from esoz_notify.engine.access import Access
from esoz_notify.engine.callers import SCOPES
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.installation import read_keys
from esoz_notify.lab.settings import LabSettings, SmscSettings
from esoz_notify.render.texts import builtin_texts
from esoz_notify.settings import PREFIX, environment_for_child, read_settings

ROOT = Path(__file__).parents[2]
READY_LIMIT_S = 60.0
STOP_LIMIT_S = 25.0
CLIENT = "chaos"

SLOW = {"provider": "all", "fault": "slow", "share": 0.3, "delay_s": 0.6, "seed": 7}

POLICIES = """
[[policy]]
version = "chaos"
from = 2025-01-01
codes = [{ channel = "viber", window_s = 2 }, { channel = "sms" }]
documents = [{ channel = "diia", window_s = 4 }, { channel = "viber", window_s = 2 }, { channel = "sms" }]
rest = [{ channel = "viber", window_s = 2 }, { channel = "sms" }]
"""


class Guard:
    """A process that kills what is noted here when this one is gone, however it went."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.guard"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
        )

    def note(self, line: str) -> None:
        """``+PID``: it was started; ``-PID``: it has ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")

    def close(self) -> None:
        """Let it go; it kills what is still noted."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Process:
    """One process that prints a line ``ready …``; may be started again after its end. Its stderr goes to ``log``.

    ``before``: a command that becomes this one, as one that enters a namespace.
    """

    def __init__(  # noqa: PLR0917 - what a process is made of
        self,
        name: str,
        command: Sequence[str],
        settings: Mapping[str, str],
        log: Path,
        guard: Guard | None,
        before: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._guard = guard
        self.ready = ""
        self.source: Path | None = None
        """Where its program's code is, when it is not the one under test."""
        self._command = [*before, sys.executable, "-m", *command]
        self._settings = settings
        self._log = log
        self._running: asyncio.subprocess.Process | None = None

    async def start(self, *more: str) -> None:
        """Start it with ``more`` arguments, and wait until it is ready. Raises RuntimeError with the end of its log."""
        with self._log.open("ab") as log:
            self._running = await asyncio.create_subprocess_exec(
                *self._command,
                *more,
                cwd=ROOT,
                env=self.environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # a Ctrl-C at the terminal is ours to answer
            )
        self._note("+")
        assert self._running.stdout is not None
        line = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_LIMIT_S):
                line = await self._running.stdout.readline()
        if not line.startswith(b"ready"):
            end = " / ".join(self._log.read_text(errors="replace").splitlines()[-8:])
            raise RuntimeError(f"{self.name} did not become ready: {end}")
        self.ready = line.decode().removeprefix("ready ").strip()

    def environment(self) -> dict[str, str]:
        """What it is started with."""
        own = environment_for_child(**self._settings)
        if self.source is None:
            return own
        # What keeps a child from a settings file of this machine is a setting that older versions refuse.
        del own[f"{PREFIX}CONFIG"]
        return own | {"PYTHONPATH": str(self.source)}

    async def died(self, limit_s: float) -> bool:
        """Wait for its end at most so long; whether it has ended."""
        assert self._running is not None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._running.wait(), limit_s)
        return self._running.returncode is not None

    async def kill(self) -> None:
        """SIGKILL, whatever it does."""
        await self._end(signal.SIGKILL, STOP_LIMIT_S)

    async def stop(self) -> bool:
        """Ask it to stop; whether it did in time. It is killed otherwise."""
        return await self._end(signal.SIGTERM, STOP_LIMIT_S)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing when it has ended."""
        if self._running is not None:
            with suppress(ProcessLookupError):
                self._running.send_signal(number)

    async def _end(self, number: signal.Signals, limit_s: float) -> bool:
        if self._running is None:
            return True
        self.send(number)
        if self._running.stdin is not None:
            self._running.stdin.close()
        in_time = await self.died(limit_s)
        if not in_time:
            self.send(signal.SIGKILL)
            await self._running.wait()
        self._note("-")
        self._running = None
        return in_time

    def _note(self, what: str) -> None:
        if self._guard is not None and self._running is not None:
            self._guard.note(f"{what}{self._running.pid}")

    async def close(self) -> None:
        """Let it end by the end of its stdin, for those that listen to it; it is killed otherwise."""
        if self._running is not None and self._running.stdin is not None:
            self._running.stdin.close()
            await self.died(STOP_LIMIT_S)
        await self.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What the SMSCs of a house allow. ``options``: what the settings say of each, besides its name and window."""

    options: str = ""
    binds: int = 16


class House:
    """Everything that may be killed. Made by ``a_house``."""

    def __init__(self, folder: Path, contract: Contract) -> None:
        self.folder = folder
        self._contract = contract
        self.port, self.port_2, self.lab_port, self._smsc_a, self._smsc_b = free_ports(5)
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.lab_url = f"http://127.0.0.1:{self.lab_port}"
        self.dsn = ""
        self.secret = ""
        self._cluster = folder
        self._guard = Guard()
        self._settings: dict[str, str] = {}  # known when PostgreSQL has said where it answers
        self.postgres = self._process("postgresql", "tests.chaos.holder", str(folder / "pg"))
        self.lab = self._process("lab", *self._lab_command())
        self.api = self._process("api", "esoz_notify.cli", "api")
        self.api_2 = self._process("api 2", "esoz_notify.cli", "api", "--port", str(self.port_2))
        self.worker_1 = self._process("worker 1", "esoz_notify.cli", "worker")
        self.worker_2 = self._process("worker 2", "esoz_notify.cli", "worker")
        self.extra = self._process("extra worker", "esoz_notify.cli", "worker")

    async def open(self) -> None:
        """Start everything."""
        await self.prepare()
        await asyncio.gather(*(one.start() for one in (self.api, self.worker_1, self.worker_2)))

    async def prepare(self, source: Path | None = None) -> None:
        """Start what is outside, with a ledger and a caller; ``source``: the code whose ledger it is, if not this."""
        await asyncio.gather(self._start_postgres(), self.start_lab())
        smscs = {"smsc-a": f"127.0.0.1:{self._smsc_a}", "smsc-b": f"127.0.0.1:{self._smsc_b}"}
        ours = product_settings(self.folder, self.dsn, self.lab_url, smscs, self._contract.options)
        self._settings.update(ours, port=str(self.port))
        for one in (self.api, self.api_2, self.worker_1, self.worker_2, self.extra):
            one.source = source
        await self.migrate()
        self.secret = await create_client(self._settings)

    async def migrate(self, *only: str) -> str:
        """Bring the ledger up to the first worker's code; gives what the command said. Raises RuntimeError."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "esoz_notify.cli", "migrate", *only],
            cwd=ROOT,
            env=self.worker_1.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"migrate failed: {done.stderr}")
        return done.stdout

    async def close(self) -> None:
        """End everything, whatever state it is in."""
        every = (self.api, self.api_2, self.worker_1, self.worker_2, self.extra, self.lab)
        await asyncio.gather(*(one.kill() for one in every))
        self._guard.close()
        await self.postgres.close()
        await self._kill_postmaster()
        if self.folder not in self._cluster.parents:
            shutil.rmtree(self._cluster, ignore_errors=True)

    async def start_lab(self) -> None:
        """Start the lab, with providers slow enough that a kill finds calls under way."""
        await self.lab.start()
        await slow_providers(self.lab_url)

    async def kill_postgres(self) -> None:
        """SIGKILL the postmaster, and the process that holds it."""
        await self._kill_postmaster()
        await self.postgres.kill()

    async def start_postgres(self) -> None:
        """Start it again on the same folder. Raises RuntimeError if it would answer elsewhere."""
        before = self.dsn
        await self._start_postgres()
        if self.dsn != before:
            raise RuntimeError("PostgreSQL came back under another address")

    async def _start_postgres(self) -> None:
        await self.postgres.start()
        said = json.loads(self.postgres.ready)
        self.dsn, self._cluster = said["dsn"], Path(said["folder"])

    async def _kill_postmaster(self) -> None:
        with suppress(FileNotFoundError, ValueError, IndexError, ProcessLookupError):
            pid = int((self._cluster / "data" / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, signal.SIGKILL)

    def _process(self, name: str, module: str, *arguments: str) -> Process:
        log = self.folder / f"{name.replace(' ', '-')}.log"
        ends_by_itself = name in {"postgresql", "lab"}  # when the pipe to its stdin breaks
        return Process(name, [module, *arguments], self._settings, log, None if ends_by_itself else self._guard)

    def _lab_command(self) -> list[str]:
        ports = ["--port", str(self.lab_port), "--smsc-a-port", str(self._smsc_a), "--smsc-b-port", str(self._smsc_b)]
        ports += ["--smsc-binds", str(self._contract.binds)]
        return ["esoz_notify.cli", "lab", *ports, "--journal", str(self.folder / "lab.ndjson"), "--stop-on-stdin-eof"]


def product_settings(
    folder: Path, dsn: str, lab_url: str, smscs: Mapping[str, str], options: str = ""
) -> dict[str, str]:
    """Settings of a process whose providers are the lab's. ``smscs``: host:port by name; ``options``: of all."""
    lab, smsc = LabSettings(), SmscSettings(name="any")
    policies, templates = folder / "policies.toml", folder / "templates.toml"
    policies.write_text(POLICIES, encoding="utf-8")
    names = builtin_texts().viber_templates()
    templates.write_text("".join(f'"{name}" = "{name}"\n' for name in names), encoding="utf-8")
    account = f"smpp://{smsc.system_id}:{smsc.password}@"
    return {
        "data": str(folder / "data"),
        "dsn": dsn,
        "policies_file": str(policies),
        "viber_url": lab_url,
        "viber_api_key": lab.viber_api_key,
        "viber_templates": str(templates),
        "viber_callback_credentials": lab.callback_credential,
        "diia_url": lab_url,
        "diia_partner_token": lab.diia_partner_token,
        "smscs": " ".join(
            f"{account}{place}?name={name}&window=50&plain=lab{options}" for name, place in smscs.items()
        ),
        "log_level": "WARNING",
    }


async def create_client(settings: Mapping[str, str]) -> str:
    """Make the caller in the migrated ledger of these settings; gives its secret."""
    read = read_settings({f"{PREFIX}{name.upper()}": value for name, value in settings.items()})
    ledger = Ledger(read.dsn, LedgerClock(), pool_size=1)
    await ledger.open()
    try:
        return await Access(ledger, read_keys(read)).callers.create(CLIENT, "Crash test", SCOPES)
    finally:
        await ledger.close()


async def slow_providers(lab_url: str) -> None:
    """Make the lab's providers slow enough that a kill finds calls under way."""
    async with aiohttp.ClientSession() as session, session.post(f"{lab_url}/faults", json=SLOW) as reply:
        reply.raise_for_status()


@asynccontextmanager
async def a_house(*, keep: Path | None = None) -> AsyncIterator[House]:
    """Everything running in a folder of its own; nothing is left afterwards, but the logs if ``keep`` is given."""
    async with an_empty_house(keep=keep) as house:
        await house.open()
        yield house


@asynccontextmanager
async def an_empty_house(contract: Contract = Contract(), *, keep: Path | None = None) -> AsyncIterator[House]:
    """The same with nothing started yet."""
    folder = Path(tempfile.mkdtemp(prefix="esoz-chaos-"))
    house = House(folder, contract)
    try:
        yield house
    finally:
        await house.close()
        _clear_away(folder, keep)


def _clear_away(folder: Path, keep: Path | None) -> None:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        for log in folder.glob("*.log"):
            shutil.copy(log, keep)
    shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Free ports below those that systems give to outgoing connections, so that nobody takes one between restarts."""
    found: list[int] = []
    for port in SystemRandom().sample(range(20_000, 32_000), 1000):
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports")
