"""Commands that run until they are stopped: up, api, worker, lab; and migrate.

What belongs here: processes, signals, the ready line. What does not: what runs inside (``wiring``).
"""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from esoz_notify.api.server import Server, bind
from esoz_notify.core.errors import ConfigError
from esoz_notify.engine.access import SCOPES, Access
from esoz_notify.settings import Settings, Smsc
from esoz_notify.store import embedded, migrations
from esoz_notify.wiring import Product, data_folder, read_texts, running

DEV_CLIENT = "dev-client"
_LAB_READY_S = 30.0

DataOption = Annotated[Path | None, typer.Option("--data", help="Folder for the ledger and the keys.")]
PortOption = Annotated[int | None, typer.Option("--port", help="Port of the API; 0 takes a free one.")]
HostOption = Annotated[str | None, typer.Option("--host", help="Address of the API.")]


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
) -> None:
    """Run everything on this machine: API, worker and an embedded PostgreSQL.

    Example: esoz-notify up --lab --data ./demo-data --port 8080 --lab-port 8090
    """
    settings = _with_options(context.obj, data, host, port)
    folder = data_folder(settings)
    with ledger_dsn(settings) as dsn, contextlib.ExitStack() as stack:
        listening = bind(settings.host, settings.port)
        stack.callback(listening.close)
        settings = replace(settings, port=listening.getsockname()[1])
        if lab:
            settings, lab_urls = stack.enter_context(lab_process(settings, folder, lab_port))
        else:
            lab_urls = None
        migrations.migrate(dsn)
        run(_serve(settings, dsn, listening, lab_urls, api=True, worker=True))


def api(context: typer.Context, *, data: DataOption = None, host: HostOption = None, port: PortOption = None) -> None:
    """Run the API alone, against the ledger of the settings. Any number may run."""
    settings = _with_options(context.obj, data, host, port)
    with ledger_dsn(settings) as dsn, contextlib.closing(bind(settings.host, settings.port)) as listening:
        settings = replace(settings, port=listening.getsockname()[1])
        _demand_migrated(dsn)
        run(_serve(settings, dsn, listening, None, api=True, worker=False))


def worker(context: typer.Context, *, data: DataOption = None) -> None:
    """Run a worker alone: claims, sends, applies receipts. Any number may run."""
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


def lab(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port of the phone wall; 0 takes a free one.")] = 8090,
    smsc_a_port: Annotated[int, typer.Option(help="SMPP port of the first SMSC.")] = 0,
    smsc_b_port: Annotated[int, typer.Option(help="SMPP port of the second SMSC.")] = 0,
    journal: Annotated[Path | None, typer.Option(help="File that remembers the world over restarts.")] = None,
    callback_credential: Annotated[
        str, typer.Option(help="user:password on calls to webhooks.")
    ] = "viber:lab-callback",
    stop_on_stdin_eof: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Play the world outside: Viber, two operators' SMSCs, Diia, and everybody's phones.

    Example: esoz-notify lab --port 8090
    """
    from esoz_notify.lab.process import main
    from esoz_notify.lab.settings import SMSC_A, SMSC_B, LabSettings, SmscSettings

    texts = read_texts(context.obj)
    main(
        LabSettings(
            host=host,
            port=port,
            smscs=(SmscSettings(name=SMSC_A, port=smsc_a_port), SmscSettings(name=SMSC_B, port=smsc_b_port)),
            templates=texts.viber_templates(),
            callback_credential=callback_credential,
            journal=journal,
            stop_on_stdin_eof=stop_on_stdin_eof,
        )
    )


@contextmanager
def lab_process(settings: Settings, folder: Path, port: int) -> Iterator[tuple[Settings, dict[str, Any]]]:
    """A lab as a child process that dies with us; the settings then point to it."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "esoz_notify.cli", "lab", "--port", str(port), "--stop-on-stdin-eof"]
    command += ["--host", "127.0.0.1", "--journal", str(folder / "lab.ndjson")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            urls = _await_lab(process)
            yield lab_settings(settings, urls, read_texts(settings).viber_templates()), urls
        finally:
            process.terminate()


def lab_settings(settings: Settings, urls: dict[str, Any], template_names: Any) -> Settings:
    """Settings whose providers are the lab's."""
    from esoz_notify.lab.settings import LabSettings, SmscSettings

    defaults, smsc = LabSettings(), SmscSettings(name="any")
    return replace(
        settings,
        viber_url=urls["viber_url"],
        viber_api_key=defaults.viber_api_key,
        viber_templates={name: name for name in template_names},
        viber_callback_credentials=(defaults.callback_credential,),
        diia_url=urls["diia_url"],
        diia_partner_token=defaults.diia_partner_token,
        smscs=tuple(
            Smsc(name=name, host=host, port=port, system_id=smsc.system_id, password=smsc.password, window_size=50)
            for name, (host, port) in urls["smsc"].items()
        ),
    )


def _await_lab(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("ready "):
        raise ConfigError("the lab did not start; run  esoz-notify lab  to see why (a port in use?)")
    urls: dict[str, Any] = json.loads(line.removeprefix("ready "))
    return urls


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
            await write_dev_client(product.access, data_folder(settings), base_url, lab_urls["lab_url"])
        typer.echo(_ready_line(settings, base_url, lab_urls))
        await stop.wait()


@asynccontextmanager
async def _answering(product: Product, listening: Any) -> AsyncIterator[str]:
    """The HTTP side of a product, when this process has one."""
    if listening is None:
        yield ""
        return
    async with Server(product, listening) as server:
        yield server.base_url


def _ready_line(settings: Settings, base_url: str, lab_urls: dict[str, Any] | None) -> str:
    parts = [f"ready {base_url}" if base_url else "ready worker"]
    if lab_urls is not None:
        parts.append(f"lab {lab_urls['lab_url']}")
        parts.append(f"caller {data_folder(settings) / 'dev-client.json'}")
    return "  ".join(parts)


async def write_dev_client(access: Access, folder: Path, base_url: str, lab_url: str) -> dict[str, Any]:
    """Give a developer a caller with every scope; the secret of an earlier start stays good. File mode 0600."""
    path = folder / "dev-client.json"
    secret = _known_secret(path)
    if secret is None or not await access.is_secret(DEV_CLIENT, secret):
        secret = await access.create_client(DEV_CLIENT, "Developer of this machine", SCOPES)
    client = {
        "base_url": base_url,
        "lab_url": lab_url,
        "console_url": None,
        "token_url": f"{base_url}/oauth/token",
        "client_id": DEV_CLIENT,
        "client_secret": secret,
        "scopes": list(SCOPES),
        "operator": None,
    }
    _write_private(path, json.dumps(client, indent=2))
    return client


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step; nobody else may read it at any moment."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _known_secret(path: Path) -> str | None:
    try:
        secret = json.loads(path.read_text(encoding="utf-8"))["client_secret"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return secret if isinstance(secret, str) else None


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
