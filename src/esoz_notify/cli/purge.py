"""The command ``purge``: what is over its time, and erasing it.

What belongs here: options, the bar, the table. What does not: what goes when (``core`` and ``engine.retention``).
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from esoz_notify.cli.acting import actor
from esoz_notify.cli.ledger_work import on_ledger
from esoz_notify.cli.options import DataFolderOption, JsonOption
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.retention import Kept, Retention
from esoz_notify.settings import Settings
from esoz_notify.store.vault import Keys


def purge(
    context: typer.Context,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this it is only shown what would go.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is over its time, or erase it.

    How many days each class of data is kept is in ESOZ_NOTIFY_KEEP_DAYS. A worker erases daily by itself.

    Example: esoz-notify purge --yes
    """
    settings: Settings = context.obj
    console = Console(stderr=True)

    async def work(ledger: Ledger, _keys: Keys) -> tuple[list[Kept], list[Kept] | None, dict[str, int]]:
        retention = Retention(ledger, settings.keep_days)
        before = await retention.look()
        if not yes:
            return before, None, {}
        with _bar(console, quiet=as_json) as bar:
            tasks = {
                one.of.name: bar.add_task(one.of.name, total=one.standing.over) for one in before if one.standing.over
            }

            def on_gone(name: str, count: int) -> None:
                if name not in tasks:
                    tasks[name] = bar.add_task(name, total=count)
                bar.advance(tasks[name], count)

            gone = await retention.purge(actor(), on_gone)
        return before, await retention.look(), gone

    before, after, gone = on_ledger(context, data, work)
    if as_json:
        typer.echo(json.dumps({"purged": yes, "classes": _documents(before, after, gone)}))
        return
    _show(before, after, gone)
    if not yes:
        typer.echo("nothing was erased; with --yes it is")


def _documents(before: Sequence[Kept], after: Sequence[Kept] | None, gone: dict[str, int]) -> list[dict[str, Any]]:
    left = after or before
    return [
        {
            "class": was.of.name,
            "days": was.days,
            "there": was.standing.there,
            "over": was.standing.over,
            "gone": gone.get(was.of.name, 0),
            "left": now.standing.there,
            "oldest_left": now.standing.oldest.isoformat() if now.standing.oldest else None,
        }
        for was, now in zip(before, left, strict=True)
    ]


def _show(before: Sequence[Kept], after: Sequence[Kept] | None, gone: dict[str, int]) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Class")
    for heading in ("Days", "There", "Gone" if after else "Would go"):
        table.add_column(heading, justify="right")
    table.add_column("Oldest left" if after else "Oldest")
    table.add_column("What", style="dim")
    for was, now in zip(before, after or before, strict=True):
        went = gone.get(was.of.name, 0) if after else was.standing.over
        oldest = f"{now.standing.oldest:%Y-%m-%d %H:%M}" if now.standing.oldest else ""
        shown = f"[yellow]{went:,}[/]" if went else "0"
        table.add_row(was.of.name, str(was.days), f"{was.standing.there:,}", shown, oldest, was.of.what)
    Console().print(table, highlight=False)


def _bar(console: Console, *, quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=quiet)
