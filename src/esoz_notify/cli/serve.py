"""Commands that run until they are stopped: up, api, worker; and migrate.

What belongs here: processes, signals, the ready line. What does not: what runs inside (``wiring``).
"""

import asyncio
import contextlib
import gc
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from esoz_notify.api.app import create_app
from esoz_notify.api.edge import Check
from esoz_notify.api.mounting import Mounted
from esoz_notify.api.peers import Peers, Proxy
from esoz_notify.api.rates import RateLimit, Strangers
from esoz_notify.api.server import Server
from esoz_notify.cli.acting import actor
from esoz_notify.cli.lab import CALLER_FILE, lab_process
from esoz_notify.console.app import PLACES, create_console
from esoz_notify.core.errors import ConfigError
from esoz_notify.engine import fault_points
from esoz_notify.engine.access import Access, InvalidClient
from esoz_notify.engine.callers import SCOPES
from esoz_notify.engine.listener_tls import Tls, TlsFiles
from esoz_notify.engine.listening import bound_to, listen
from esoz_notify.engine.people import People, Role
from esoz_notify.settings import Settings
from esoz_notify.store import embedded, migrations
from esoz_notify.wiring import Product, data_folder, own_url, running

DEV_CLIENT = "dev-client"
DEV_OPERATOR = "dev-operator"

DataOption = Annotated[Path | None, typer.Option("--data", help="Folder for the ledger and the keys.")]
PortOption = Annotated[int | None, typer.Option("--port", help="Port of the API; 0 takes a free one.")]
HostOption = Annotated[str | None, typer.Option("--host", help="Address of the API.")]
FaultPointOption = Annotated[str | None, typer.Option("--fault-point", hidden=True)]  # for tests, as NAME:N


def up(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    *,
    lab: Annotated[
        bool, typer.Option("--lab", help="Start the lab beside it, which plays providers and phones.")
    ] = False,
    data: DataOption = None,
    host: HostOption = None,
    port: PortOption = None,
    lab_port: Annotated[int, typer.Option("--lab-port", help="Port of the lab; 0 takes a free one.")] = 0,
    fault_point: FaultPointOption = None,
) -> None:
    """Run everything on this machine: API, worker and an embedded PostgreSQL.

    Example: esoz-notify up --lab --data ./demo-data --port 8080 --lab-port 8090
    """
    fault_points.arm(fault_point)
    settings = _with_options(context.obj, data, host, port)
    folder = data_folder(settings)
    with ledger_dsn(settings) as dsn, contextlib.ExitStack() as stack:
        listening = stack.enter_context(listen(settings.host, settings.port))
        settings = replace(settings, port=bound_to(listening)[1])
        if lab:
            settings, lab_urls = stack.enter_context(lab_process(settings, folder, lab_port))
        else:
            lab_urls = None
        migrations.migrate(dsn)
        run(_serve(settings, dsn, listening, lab_urls, api=True, worker=True))


def api(
    context: typer.Context,
    *,
    data: DataOption = None,
    host: HostOption = None,
    port: PortOption = None,
    fault_point: FaultPointOption = None,
) -> None:
    """Run the API alone, against the ledger of the settings. Any number may run."""
    fault_points.arm(fault_point)
    settings = _with_options(context.obj, data, host, port)
    with ledger_dsn(settings) as dsn, listen(settings.host, settings.port) as listening:
        settings = replace(settings, port=bound_to(listening)[1])
        _demand_migrated(dsn)
        run(_serve(settings, dsn, listening, None, api=True, worker=False))


def worker(context: typer.Context, *, data: DataOption = None, fault_point: FaultPointOption = None) -> None:
    """Run a worker alone: claims, sends, applies receipts. Any number may run."""
    fault_points.arm(fault_point)
    settings = _with_options(context.obj, data, None, None)
    with ledger_dsn(settings) as dsn:
        _demand_migrated(dsn)
        run(_serve(settings, dsn, None, None, api=False, worker=True))


def migrate(context: typer.Context, *, data: DataOption = None) -> None:
    """Bring the ledger up to this program's version. May be run again."""
    settings = _with_options(context.obj, data, None, None)
    with ledger_dsn(settings) as dsn:
        applied = migrations.migrate(dsn)
    typer.echo(f"applied: {', '.join(applied)}" if applied else "the ledger is up to date")


@contextmanager
def ledger_dsn(settings: Settings) -> Iterator[str]:
    """The DSN of the settings, or of an embedded PostgreSQL that runs as long as this."""
    if settings.dsn:
        yield settings.dsn
        return
    folder = data_folder(settings)
    server = embedded.start(folder, pg_bin=settings.pg_bin, log=lambda line: typer.echo(line, err=True))
    try:
        yield server.dsn
    finally:
        server.stop()


def run(work: Any) -> None:
    """Run a coroutine on uvloop until it ends."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


async def _serve(  # noqa: PLR0913 - the parts of one process
    settings: Settings, dsn: str, listening: Any, lab_urls: dict[str, Any] | None, *, api: bool, worker: bool
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings, dsn, api=api, worker=worker) as product, _answering(product, listening) as base_url:
        if lab_urls is not None:
            await write_dev_client(product.access, product.people, data_folder(settings), base_url, lab_urls["lab_url"])
        typer.echo(_ready_line(settings, base_url, lab_urls))
        _collect_seldom()
        await stop.wait()


def _collect_seldom() -> None:
    """Spare the collector what was loaded at the start, and have it look for cycles in the rest less often.

    A batch makes tens of thousands of small values that reference counts free; looking through them each time is a
    tenth of a worker's CPU at full load. Cycles, as tracebacks make them, are still found every few seconds then.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@asynccontextmanager
async def _answering(product: Product, listening: Any) -> AsyncIterator[str]:
    """The HTTP side of a product, when this process has one."""
    if listening is None:
        yield ""
        return
    settings = product.settings
    public_url = settings.public_url or None
    tls = listener_tls(settings)
    console = create_console(
        product.entrance,
        product.desk,
        product.operations.crises,
        product.overview,
        product.ledger,
        public_url=public_url or own_url(settings),
        proxies=settings.trusted_proxies,
    )
    app = create_app(
        product.service,
        product.access,
        product.operations,
        readiness=lambda: _checks(product),
        callback_credentials=product.callback_credentials,
        rate_limit=RateLimit(quota=settings.requests_per_min),
        quotas=product.quotas,
        strangers=Strangers(
            limit=RateLimit(quota=settings.strangers_per_min),
            index=product.address_index,
            proxies=settings.trusted_proxies,
        ),
        public_url=public_url,
        https=tls is not None,
        peers=Peers(asked=settings.tls_client_ca is not None, proxy=_proxy(settings)),
        mounted=Mounted(console, PLACES),
    )
    async with Server(app, listening, tls=tls) as server:
        yield server.base_url


def listener_tls(settings: Settings) -> Tls | None:
    """TLS of the API's listener; None is plain HTTP. Raises ConfigError when its files are not good."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return Tls(TlsFiles(certificate=settings.tls_certificate, key=settings.tls_key, client_ca=settings.tls_client_ca))


def _proxy(settings: Settings) -> Proxy | None:
    told = settings.tls_proxy
    return Proxy(header=told.header, networks=told.networks) if told is not None else None


def _checks(product: Product) -> dict[str, Check]:
    """Providers as this process sees them: one that is down does not keep requests away, they wait in the ledger."""
    return {
        name: Check(ok=state == "up", state=state, vital=False) for name, state in product.provider_states().items()
    }


def _ready_line(settings: Settings, base_url: str, lab_urls: dict[str, Any] | None) -> str:
    parts = [f"ready {base_url}" if base_url else "ready worker"]
    if lab_urls is not None:
        parts.append(f"lab {lab_urls['lab_url']}")
        parts.append(f"caller {data_folder(settings) / CALLER_FILE}")
    return "  ".join(parts)


async def write_dev_client(access: Access, people: People, folder: Path, base_url: str, lab_url: str) -> dict[str, Any]:
    """Give a developer a caller with every scope and a person for the pages; what an earlier start gave stays good.

    File mode 0600.
    """
    path = folder / CALLER_FILE
    known = _known(path)
    secret = await _dev_secret(access, _text(known, "client_secret"))
    operator = known.get("operator")
    password = await _dev_password(people, _text(operator, "password") if isinstance(operator, dict) else None)
    client = {
        "base_url": base_url,
        "lab_url": lab_url,
        "console_url": f"{base_url}/print",
        "token_url": f"{base_url}/oauth/token",
        "client_id": DEV_CLIENT,
        "client_secret": secret,
        "scopes": list(SCOPES),
        "operator": {"login": DEV_OPERATOR, "password": password},
    }
    _write_private(path, json.dumps(client, indent=2))
    return client


async def _dev_secret(access: Access, known: str | None) -> str:
    try:
        if known is not None:
            await access.issue(DEV_CLIENT, known)
            return known
    except InvalidClient:
        pass  # another ledger's secret, or an old one
    if any(client.id == DEV_CLIENT for client in await access.callers.list()):
        return await access.callers.rotate(DEV_CLIENT, keep_old_hours=0, who=actor())
    return await access.callers.create(DEV_CLIENT, "Developer of this machine", SCOPES, who=actor())


async def _dev_password(people: People, known: str | None) -> str:
    if known is not None and await people.has_password(DEV_OPERATOR, known):
        return known
    if any(person.login == DEV_OPERATOR for person in await people.list()):
        return await people.set_password(DEV_OPERATOR)
    return await people.add(DEV_OPERATOR, "Оператор цієї машини", Role.OPERATOR.value, DEV_CLIENT)


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step; nobody else may read it at any moment."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _known(path: Path) -> dict[str, Any]:
    """What an earlier start wrote; empty when it cannot be read."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _text(known: dict[str, Any], name: str) -> str | None:
    value = known.get(name)
    return value if isinstance(value, str) else None


def _with_options(settings: Settings, data: Path | None, host: str | None, port: int | None) -> Settings:
    return replace(
        settings,
        data=data if data is not None else settings.data,
        host=host if host is not None else settings.host,
        port=port if port is not None else settings.port,
    )


def _demand_migrated(dsn: str) -> None:
    missing = migrations.pending(dsn)
    if missing:
        raise ConfigError(f"the ledger lacks {', '.join(missing)}: run  esoz-notify migrate  first")
