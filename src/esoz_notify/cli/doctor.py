"""The command ``doctor``: looks over the installation and says what to mend.

What belongs here: the table and the exit code. What does not: the checks (``checks``).
"""

import json
from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esoz_notify.cli.checks import Finding, State, examine
from esoz_notify.cli.needs import run
from esoz_notify.cli.options import DataFolderOption, JsonOption
from esoz_notify.settings import Settings

_MARKS = {State.OK: "[green]✓[/]", State.NOTE: "[yellow]![/]", State.BAD: "[bold red]✗[/]"}


def doctor(
    context: typer.Context,
    *,
    lab: Annotated[
        bool, typer.Option("--lab", help="As for up --lab: providers are played, none must be configured.")
    ] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the installation and say what to do; changes nothing.

    Exit code 1 when something must be mended.

    Example: esoz-notify doctor --lab --data ./demo-data
    """
    settings: Settings = context.obj
    if data is not None:
        settings = replace(settings, data=data)

    async def look() -> list[Finding]:
        return [finding async for finding in examine(settings, lab=lab)]

    findings = run(look())
    ok = all(finding.state is not State.BAD for finding in findings)
    if as_json:
        typer.echo(json.dumps({"ok": ok, "checks": [asdict(one) for one in findings]}, ensure_ascii=False))
    else:
        Console().print(_table(findings), highlight=False)
        typer.echo("nothing must be mended" if ok else "mend what is marked ✗")
    raise typer.Exit(0 if ok else 1)


def _table(findings: list[Finding]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "What", "Seen", "To do"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        table.add_row(_MARKS[finding.state], finding.name, escape(finding.said), escape(finding.fix))
    return table
