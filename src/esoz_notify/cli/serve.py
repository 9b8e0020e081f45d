"""Commands that run until they are stopped: up, api, worker; and migrate.

What belongs here: options, ports, the ledger. What does not: what runs inside (``serving``).
"""

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from esoz_notify.cli.lab import lab_process
from esoz_notify.cli.ledger_work import ledger_dsn
from esoz_notify.cli.needs import demand_lab, event_loop
from esoz_notify.cli.options import DataFolderOption
from esoz_notify.core.errors import ConfigError
from esoz_notify.engine import fault_points
from esoz_notify.engine.listening import bound_to, listen
from esoz_notify.installation import data_folder
from esoz_notify.settings import Settings
from esoz_notify.store import migrations

PortOption = Annotated[
    int | None, typer.Option("--port", help="Port of the API, else ESOZ_NOTIFY_PORT or 8080; 0: any.")
]
HostOption = Annotated[str | None, typer.Option("--host", help="Address of the API, else ESOZ_NOTIFY_HOST.")]
FaultPointOption = Annotated[str | None, typer.Option("--fault-point", hidden=True)]  # for tests, as NAME:N


def up(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    *,
    lab: Annotated[
        bool, typer.Option("--lab", help="Start the lab beside it, which plays providers and phones.")
    ] = False,
    data: DataFolderOption = None,
    host: HostOption = None,
    port: PortOption = None,
    lab_port: Annotated[int, typer.Option("--lab-port", help="Port of the lab; 0 takes a free one.")] = 0,
    fault_point: FaultPointOption = None,
) -> None:
    """Run everything on this machine: API, worker and an embedded PostgreSQL.

    Example: esoz-notify up --lab --data ./demo-data --port 8080 --lab-port 8090
    """
    fault_points.arm(fault_point)
    event_loop()
    if lab:
        demand_lab()
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
        _run(settings, dsn, listening, lab_urls, api=True, worker=True)


def api(
    context: typer.Context,
    *,
    data: DataFolderOption = None,
    host: HostOption = None,
    port: PortOption = None,
    fault_point: FaultPointOption = None,
) -> None:
    """Run the API alone, on the ledger of the settings. Any number may run.

    Example: esoz-notify api --host 0.0.0.0 --port 8080
    """
    fault_points.arm(fault_point)
    settings = _with_options(context.obj, data, host, port)
    with ledger_dsn(settings) as dsn, listen(settings.host, settings.port) as listening:
        settings = replace(settings, port=bound_to(listening)[1])
        _demand_migrated(dsn)
        _run(settings, dsn, listening, None, api=True, worker=False)


def worker(context: typer.Context, *, data: DataFolderOption = None, fault_point: FaultPointOption = None) -> None:
    """Run a worker alone: it sends and applies receipts. Any number may run.

    Example: esoz-notify worker
    """
    fault_points.arm(fault_point)
    settings = _with_options(context.obj, data, None, None)
    with ledger_dsn(settings) as dsn:
        _demand_migrated(dsn)
        _run(settings, dsn, None, None, api=False, worker=True)


def migrate(
    context: typer.Context,
    *,
    data: DataFolderOption = None,
    only: Annotated[
        migrations.Stage,
        typer.Option("--only", help="pre: before new processes start; post: after the last old one has stopped."),
    ] = migrations.Stage.ALL,
) -> None:
    """Bring the ledger up to this program's version. May be run again.

    Example: esoz-notify migrate --only pre
    """
    settings = _with_options(context.obj, data, None, None)
    with ledger_dsn(settings) as dsn:
        applied = migrations.migrate(dsn, only)
        left = migrations.pending(dsn)
    if left:
        typer.echo(f"left for later: {', '.join(left)}", err=True)
    typer.echo(f"applied: {', '.join(applied)}" if applied else "the ledger is up to date")


def _run(  # noqa: PLR0913 - the parts of one process
    settings: Settings, dsn: str, listening: Any, lab_urls: Any, *, api: bool, worker: bool
) -> None:
    """Serve on uvloop until a signal."""
    loop = event_loop()
    from esoz_notify.cli.serving import serve

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(serve(settings, settings.dsn or dsn, listening, lab_urls, api=api, worker=worker))


def _with_options(settings: Settings, data: Path | None, host: str | None, port: int | None) -> Settings:
    return replace(
        settings,
        data=data if data is not None else settings.data,
        host=host if host is not None else settings.host,
        port=port if port is not None else settings.port,
    )


def _demand_migrated(dsn: str) -> None:
    missing = migrations.pending(dsn, migrations.Stage.PRE)
    if missing:
        raise ConfigError(f"the ledger lacks {', '.join(missing)}: run  esoz-notify migrate  first")
