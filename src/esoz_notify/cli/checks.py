"""Checks of an installation: each looks at one thing and says what it saw and what to do about it.

What belongs here: looking, without changing anything. What does not: showing (``doctor``).
"""

import asyncio
import os
import shutil
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from esoz_notify import __version__
from esoz_notify.cli.needs import missing_extra
from esoz_notify.cli.policy import installed_policies
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError, NotifyError
from esoz_notify.core.paper import CodeFate
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.outgoing import tls_context
from esoz_notify.engine.processes import Living, living
from esoz_notify.installation import configured_providers, data_folder, read_keys, read_texts
from esoz_notify.render.summary import Summary, pdf
from esoz_notify.setting_values import is_loopback
from esoz_notify.settings import PREFIX, Settings
from esoz_notify.settings_file import DEFAULT_FILE
from esoz_notify.store import embedded, migrations, partitions, planner
from esoz_notify.store.vault import load_or_create_keys
from esoz_notify.wiring_providers import further

PYTHON_MIN = (3, 11)
FREE_BYTES_MIN = 256 * 2**20
FREE_BYTES_GOOD = 5 * 2**30
CLOCK_DISTANCE_S_MAX = 2.0
CONNECT_S = 3.0
POSTGRES_MIN = 15


class State(StrEnum):
    """What a check came to. Only ``bad`` must be mended before the service can do its work."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's table. ``said``: what was seen; ``fix``: what to do, empty when nothing."""

    name: str
    state: State
    said: str
    fix: str = ""


class Address(NamedTuple):
    """Where a provider is reached."""

    name: str
    host: str
    port: int
    tls: bool
    ca_file: Path | None = None


async def examine(settings: Settings, *, lab: bool) -> AsyncIterator[Finding]:
    """Every check in turn. ``lab``: providers will be played, so that none has to be configured."""
    yield check_python()
    if lab:
        yield check_lab()
    yield check_config(settings.config)
    folder = data_folder(settings)
    yield check_folder(folder)
    if settings.keys or settings.keys_command:
        yield check_keys_elsewhere(settings)
    else:
        yield check_keys(settings.keys_file or folder / "keys.json", ledger_exists=_has_ledger(settings, folder))
    async for finding in check_ledger(settings, folder):
        yield finding
    for finding in check_papers(settings, lab=lab):
        yield finding
    yield check_summary()
    if not lab:
        async for finding in check_providers(settings):
            yield finding
    yield await check_port(settings.host, settings.port)


def check_python() -> Finding:
    """The interpreter and the system."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < PYTHON_MIN:
        least = ".".join(str(part) for part in PYTHON_MIN)
        return Finding("Python", State.BAD, f"{version} is too old", f"use Python {least} or newer")
    return Finding("Python", State.OK, f"{version} on {sys.platform}")


def check_lab() -> Finding:
    """What plays providers and phones is installed: it is an extra, which a service in earnest does without."""
    missing = missing_extra("lab")
    if missing:
        return Finding("lab", State.BAD, "what plays providers and phones is not installed", missing)
    return Finding("lab", State.OK, "installed")


def check_config(path: Path | None) -> Finding:
    """Which file the settings are of. It was read before anything else: one that is wrong stops every command."""
    if path is None:
        return Finding("settings", State.OK, f"from the environment alone; there is no {DEFAULT_FILE}")
    if path.stat().st_mode & 0o002:
        return Finding("settings", State.BAD, f"{path} may be written by everybody", f"chmod o-w {path}")
    return Finding("settings", State.OK, f"from {path}, under the environment")


def check_folder(folder: Path) -> Finding:
    """The data folder: ours, writable, not open to everybody, with room."""
    name = "data folder"
    existing = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    if not existing.is_dir():
        return Finding(name, State.BAD, f"{existing} is not a folder", f"name another in {PREFIX}DATA")
    if not os.access(existing, os.W_OK | os.X_OK):
        fix = f"give this user the right to write there, or name another in {PREFIX}DATA"
        return Finding(name, State.BAD, f"{existing} cannot be written", fix)
    free = shutil.disk_usage(existing).free
    room = f"{free / 2**30:.1f} GiB free"
    if free < FREE_BYTES_MIN:
        return Finding(name, State.BAD, f"{folder}: {room}", "make room: the ledger stops when the disk is full")
    if existing == folder and folder.stat().st_mode & 0o002:
        return Finding(name, State.BAD, f"{folder} may be written by everybody", f"chmod o-w {folder}")
    if existing != folder:
        return Finding(name, State.OK, f"{folder} will be made at the first start; {room}")
    low = free < FREE_BYTES_GOOD
    return Finding(name, State.NOTE if low else State.OK, f"{folder}: {room}", "little room for long" if low else "")


def check_keys(path: Path, *, ledger_exists: bool) -> Finding:
    """The keys file: whole, and closed to others. It is not made here."""
    if not path.exists():
        if ledger_exists:
            fix = "put it back from its backup: without it what is sealed in the ledger cannot be opened"
            return Finding("keys", State.BAD, f"{path} is missing, and there is a ledger", fix)
        return Finding("keys", State.OK, f"{path} will be made at the first start")
    try:
        keys = load_or_create_keys(path)
    except ConfigError as error:
        fix = f"chmod 600 {path}" if "chmod" in error.detail else "restore it from its backup"
        return Finding("keys", State.BAD, error.detail, fix)
    return Finding("keys", State.OK, f"{path}: data key {keys.current_id} seals; keep a backup of this file elsewhere")


def check_keys_elsewhere(settings: Settings) -> Finding:
    """Keys from the environment or from a command: whole."""
    source = "the environment" if settings.keys else "the keys command"
    try:
        keys = read_keys(settings)
    except ConfigError as error:
        return Finding("keys", State.BAD, error.detail, "esoz-notify keys new  prints a document in the right form")
    return Finding("keys", State.OK, f"from {source}; data key {keys.current_id} is the document's newest")


def _has_ledger(settings: Settings, folder: Path) -> bool:
    return not settings.dsn and (folder / "postgres").is_dir()


async def check_ledger(settings: Settings, folder: Path) -> AsyncIterator[Finding]:
    """PostgreSQL: its programs or its server, its version, migrations, and the distance of the clocks."""
    if settings.dsn:
        yield check_way_to_ledger(settings.dsn)
        async for finding in _check_server(settings.direct_dsn or settings.dsn):
            yield finding
        yield await asyncio.to_thread(check_pooler, settings.dsn, settings.direct_dsn)
        return
    try:
        programs = await asyncio.to_thread(embedded.find_binaries, settings.pg_bin)
    except ConfigError as error:
        yield Finding("PostgreSQL", State.BAD, error.detail, "install the package anew, or name a server by its DSN")
        return
    if not _has_ledger(settings, folder):
        yield Finding("PostgreSQL", State.OK, f"programs in {programs}; the ledger will be made at the first start")
        return
    try:
        server = await asyncio.to_thread(embedded.start, folder, pg_bin=settings.pg_bin)
    except NotifyError as error:
        yield Finding("PostgreSQL", State.BAD, error.detail, f"its log is in {folder / 'postgres' / 'log'}")
        return
    try:
        async for finding in _check_server(server.dsn):
            yield finding
    finally:
        await asyncio.to_thread(server.stop)


def check_way_to_ledger(dsn: str) -> Finding:
    """Whether what goes to an external PostgreSQL can be read or answered by somebody else on the way."""
    name = "way to PostgreSQL"
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        return Finding(
            name, State.BAD, _first_line(error), f"see libpq's rules of connection strings; mend {PREFIX}DSN"
        )
    if "service" in given:
        return Finding(name, State.NOTE, "said by a service file", "see that it says  sslmode=verify-full")
    hosts = str(given.get("hostaddr") or given.get("host") or "").split(",")
    if all(host.startswith(("/", "@")) or is_loopback(host) or not host for host in hosts):
        return Finding(name, State.OK, "this machine")
    mode = str(given.get("sslmode") or "prefer")
    if mode != "verify-full":
        fix = f"add  sslmode=verify-full sslrootcert=FILE  to {PREFIX}DSN: only so is the server known to be yours"
        return Finding(name, State.NOTE, f"sslmode={mode}", fix)
    return Finding(name, State.OK, "sslmode=verify-full")


async def _check_server(dsn: str) -> AsyncIterator[Finding]:
    try:
        version = await asyncio.to_thread(_version, dsn)
    except psycopg.Error as error:
        # Its own words may hold the DSN's parts, but never the password; one line of them is what an operator needs.
        yield Finding("PostgreSQL", State.BAD, _first_line(error), f"check {PREFIX}DSN, the network and the server")
        return
    if version < POSTGRES_MIN:
        yield Finding("PostgreSQL", State.BAD, f"version {version} is too old", f"use {POSTGRES_MIN} or newer")
        return
    yield Finding("PostgreSQL", State.OK, f"version {version} answers")
    try:
        missing = await asyncio.to_thread(migrations.pending, dsn)
        newer = await asyncio.to_thread(migrations.newer, dsn) if not missing else []
    except (NotifyError, psycopg.Error) as error:
        yield Finding("migrations", State.BAD, _first_line(error), "run the version that this ledger belongs to")
        return
    needed = [name for name in missing if migrations.Stage.PRE.has(name)]
    if needed:
        yield Finding("migrations", State.BAD, f"missing: {', '.join(needed)}", "run  esoz-notify migrate")
        return
    if missing:
        fix = "run  esoz-notify migrate --only post  when the last older process has stopped"
        yield Finding("migrations", State.NOTE, f"left for later: {', '.join(missing)}", fix)
    elif newer:
        said = f"the ledger is newer than this program ({__version__}): {', '.join(newer)}"
        yield Finding("migrations", State.NOTE, said, "it works beside newer ones; finish the upgrade or the way back")
    else:
        yield Finding("migrations", State.OK, "the ledger is up to date")
    yield await asyncio.to_thread(check_partitions, dsn)
    async for finding in _check_living(dsn):
        yield finding


def check_partitions(dsn: str) -> Finding:
    """Tables in parts have the next one ready, and no row that found none."""
    with _connected(dsn) as connection:
        found = partitions.standing(connection)
    name, fix = "partitions", "a worker makes them daily, esoz-notify purge --yes at once"
    late = [one.parent for one in found if not one.ready]
    if late:
        return Finding(name, State.NOTE, f"{', '.join(late)} has none for the next period", fix)
    stray = [f"{one.parent}_rest" for one in found if one.stray]
    if stray:
        return Finding(name, State.NOTE, f"rows in {', '.join(stray)}", "they go singly when their time is over")
    return Finding(name, State.OK, ", ".join(f"{one.count} of {one.parent}" for one in found))


def check_pooler(dsn: str, direct_dsn: str) -> Finding:
    """Whether there is a pooler on the way, the way past it, and plans behind it."""
    name = "pooler"
    try:
        with _connected(dsn) as connection:
            pooled, unfixed = planner.is_pooled(connection), planner.unfixed(connection)
        with _connected(direct_dsn or dsn) as connection:
            direct = not planner.is_pooled(connection)
    except psycopg.Error as error:
        return Finding(name, State.BAD, _first_line(error), f"check {PREFIX}DSN and {PREFIX}DIRECT_DSN")
    if not direct:
        said = f"{PREFIX}{'DIRECT_DSN' if direct_dsn else 'DSN'} leads through a pooler"
        return Finding(name, State.BAD, said, f"name the server itself in {PREFIX}DIRECT_DSN: hints need a session")
    if pooled and unfixed:
        fix = "run  esoz-notify migrate  as the role of the service, then RECONNECT in PgBouncer's console"
        return Finding(name, State.BAD, f"behind it {', '.join(unfixed)} is on", fix)
    return Finding(name, State.OK, "between; hints go past it" if pooled else "none between")


def _connected(dsn: str) -> psycopg.Connection:
    return psycopg.connect(dsn, connect_timeout=int(CONNECT_S) + 2, autocommit=True)


def _version(dsn: str) -> int:
    with _connected(dsn) as connection:
        return connection.info.server_version // 10_000


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


async def _check_living(dsn: str) -> AsyncIterator[Finding]:
    """The clocks, and who runs on this ledger."""
    clock = LedgerClock()
    ledger = Ledger(dsn, clock, pool_size=1)
    try:
        await ledger.open()
        yield _clock_finding(abs((clock.now() - datetime.now(UTC)).total_seconds()))
        yield _processes_finding(await living(ledger))
    except NotifyError as error:
        yield Finding("clock", State.BAD, error.detail, "the server answered and then did not: see its log")
    finally:
        await ledger.close()


def _clock_finding(distance_s: float) -> Finding:
    """The service goes by the ledger's clock, so a wrong one here only makes logs hard to read."""
    said = f"{distance_s:.1f} s from the ledger's"
    if distance_s > CLOCK_DISTANCE_S_MAX:
        return Finding("clock", State.NOTE, said, "set it by NTP: times in this machine's logs are wrong")
    return Finding("clock", State.OK, said)


def _processes_finding(found: Sequence[Living]) -> Finding:
    """Who runs, by role, host and version; programs of two versions are for the time of an upgrade only."""
    counts = Counter(f"{one.role} on {one.host} ({one.version}{'' if one.same else ', another'})" for one in found)
    said = ", ".join(f"{count} x {what}" for what, count in sorted(counts.items())) or "none runs on this ledger"
    if all(one.same for one in found):
        return Finding("processes", State.OK, said)
    return Finding("processes", State.NOTE, said, "finish the upgrade: docs/many-machines.md")


def check_papers(settings: Settings, *, lab: bool) -> Iterator[Finding]:
    """Policies and texts load, and every promise of theirs can be kept."""
    try:
        source, policies = installed_policies(settings)
    except ConfigError as error:
        yield Finding("policies", State.BAD, error.detail, "mend the file; esoz-notify policy check proves it")
    else:
        said = f"{source.name}: {len(policies.all)}, the last from {policies.all[-1].from_date}"
        yield Finding("policies", State.OK, said)
    try:
        texts = read_texts(settings)
    except ConfigError as error:
        yield Finding("texts", State.BAD, error.detail, "mend the file")
        return
    unnamed = [name for name in texts.viber_templates() if name not in settings.viber_templates]
    if settings.viber_url and unnamed and not lab:
        said = f"{len(unnamed)} templates have no id at the Viber provider, the first is {unnamed[0]}"
        yield Finding("texts", State.BAD, said, f"have them approved and write their ids into {PREFIX}VIBER_TEMPLATES")
        return
    yield Finding("texts", State.OK, f"{len(texts.templates)} templates")


def check_summary() -> Finding:
    """A summary is really drawn: its program and its fonts are there."""
    sample = Summary(
        document_id="0198c0de-0000-7000-8000-000000000000",
        kind="prescription_issued",
        number="0000-243P-1X53-EH38",
        code=None,
        code_fate=CodeFate.BY_PHONE,
        valid_until=None,
        issued_at=datetime.now(UTC),
        details={},
    )
    try:
        drawn = pdf([[sample]])
    except Exception as error:
        return Finding("summary", State.BAD, f"no PDF: {type(error).__name__}: {_first_line(error)}", "install anew")
    return Finding("summary", State.OK, f"a PDF of {len(drawn) // 1024} KiB was drawn")


async def check_providers(settings: Settings) -> AsyncIterator[Finding]:
    """Each configured provider can be connected to; the guaranteed channel has one."""
    configured = configured_providers(settings)
    for channel, name in ((Channel.DIIA, "DIIA_URL"), (Channel.VIBER, "VIBER_URL"), (Channel.SMS, "SMSCS")):
        if channel not in configured:
            guaranteed = channel is Channel.SMS
            said = "not configured: nothing can be promised without it" if guaranteed else "not configured: left out"
            fix = f"set {PREFIX}{name}" if guaranteed else ""
            yield Finding(f"provider of {channel}", State.BAD if guaranteed else State.NOTE, said, fix)
    for one in settings.providers:
        try:
            further(one)
        except ConfigError as error:
            fix = f"mend the file of {PREFIX}PROVIDERS by docs/providers/README.md"
            yield Finding(f"description of {one.name}", State.BAD, error.detail, fix)
    found = await asyncio.gather(*(_check_address(address) for address in _addresses(settings)))
    for finding in found:
        yield finding
    way_back = urlsplit(settings.public_url)
    if settings.viber_url and way_back.scheme == "http" and not is_loopback(way_back.hostname or ""):
        fix = (
            f"put TLS before the API and say https:// in {PREFIX}PUBLIC_URL: who reads a credential can forge receipts"
        )
        yield Finding("callbacks", State.NOTE, "providers are told to call back in the clear", fix)


def _addresses(settings: Settings) -> list[Address]:
    urls = (
        ("of diia", settings.diia_url, settings.diia_ca_file),
        ("of viber", settings.viber_url, settings.viber_ca_file),
        *((one.name, one.url, one.ca_file) for one in settings.providers),
        *((f"{one.name} reports", one.report_url, one.ca_file) for one in settings.providers),
    )
    found = []
    for name, url, ca_file in urls:
        if url:
            parts = urlsplit(url)
            tls = parts.scheme == "https"
            found.append(Address(name, parts.hostname or "", parts.port or (443 if tls else 80), tls, ca_file))
    return found + [Address(smsc.name, smsc.host, smsc.port, smsc.tls, smsc.ca_file) for smsc in settings.smscs]


async def _check_address(address: Address) -> Finding:
    name, place = f"provider {address.name}", f"{address.host}:{address.port}"
    context = tls_context(address.ca_file) if address.tls else None
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    except TimeoutError:
        return Finding(
            name, State.BAD, f"{place}: no answer in {CONNECT_S:.0f} s", "check the address and the firewall"
        )
    except ssl.SSLCertVerificationError as error:
        fix = "have them mend it, or name the authority it is from (…_CA_FILE, ca_file= of an SMSC)"
        return Finding(name, State.BAD, f"{place}: its certificate is refused: {error.verify_message}", fix)
    except OSError as error:
        return Finding(name, State.BAD, f"{place}: {error.strerror or error}", "check the address and the network")
    writer.close()
    if not address.tls and not is_loopback(address.host):
        fix = "have TLS agreed with them; until then nothing but a VPN keeps passwords and texts from being read"
        return Finding(name, State.NOTE, f"{place} takes connections, in the clear", fix)
    return Finding(name, State.OK, f"{place} takes connections{' by TLS' if address.tls else ''}")


async def check_port(host: str, port: int) -> Finding:
    """The API's port is free, or somebody is there already."""
    if port == 0:
        return Finding("port", State.OK, "a free one is taken at each start")
    try:
        server = await asyncio.start_server(_hang_up, host, port)
    except OSError as error:
        said = f"{host}:{port}: {error.strerror or error}"
        fix = f"fine if this service runs there; otherwise stop the other, or set {PREFIX}PORT"
        return Finding("port", State.NOTE, said, fix)
    server.close()
    return Finding("port", State.OK, f"{host}:{port} is free")


def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
