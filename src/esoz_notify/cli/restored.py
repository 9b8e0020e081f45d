"""The command ``restored``: after a restore from a backup, before any worker starts.

What belongs here: options and showing. What does not: what is in doubt and why (``engine.restoring``).
"""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from esoz_notify.cli.acting import actor
from esoz_notify.cli.ledger_work import on_ledger
from esoz_notify.cli.options import DataFolderOption, JsonOption
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.restoring import Found, settle
from esoz_notify.store.vault import Keys


def restored(
    context: typer.Context,
    *,
    later: Annotated[
        str | None,
        typer.Option("--later", help="DSN of the ledger as it was in the end: what stood still there may go on."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this it is only shown.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """After a restore from a backup, before any worker starts.

    Withdraw what may have been sent meanwhile, so that it is not sent again.

    Example: esoz-notify restored --later "host=/run/later dbname=esoz_notify" --yes
    """
    console = Console(stderr=True)

    async def work(ledger: Ledger, _keys: Keys) -> Found:
        other = None if later is None else Ledger(later, LedgerClock(), pool_size=1)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"), TimeElapsedColumn())
        with Progress(*columns, console=console, disable=as_json) as bar:
            task = bar.add_task("notifications on their way", total=None)
            try:
                if other is not None:
                    await other.open()
                return await settle(
                    ledger, other, actor(), withdraw=yes, on_progress=lambda count: bar.update(task, completed=count)
                )
            finally:
                if other is not None:
                    await other.close()

    found = on_ledger(context, data, work)
    if as_json:
        doubtful = [{**asdict(one), "id": str(one.id)} for one in found.doubtful]
        typer.echo(json.dumps({"withdrawn": yes, "doubtful": doubtful, "untouched": found.untouched}))
        return
    for one in found.doubtful:
        typer.echo(f"{one.id}  {one.client_id}  {one.reference or ''}".rstrip())
    said = "withdrawn" if yes else "in doubt; with --yes they are withdrawn"
    typer.echo(f"{len(found.doubtful)} {said}, {found.untouched} stood still and go on", err=True)
