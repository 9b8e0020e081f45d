"""The command ``drill``: a fire drill of the alarms, on this machine.

What belongs here: options, the table. What does not: the drill (``esoz_notify.drill``).
"""

import json
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from esoz_notify.cli.bench import interruptible
from esoz_notify.cli.needs import demand_lab
from esoz_notify.cli.options import among
from esoz_notify.drill.alarms import ALARMS
from esoz_notify.drill.faults import FAULTS
from esoz_notify.drill.run import Report, a_drill, chosen, drilled
from esoz_notify.installation import read_texts

TABLE_WIDTH = 120


def drill(
    context: typer.Context,
    alarms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ALARM]…",
            autocompletion=among([one.name for one in ALARMS]),
            help="Alarms to ring; all when none is named.",
        ),
    ] = None,
    *,
    only_list: Annotated[bool, typer.Option("--list", help="List the alarms, ring none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Break things on purpose and see that every alarm rings.

    And that it stops when they are mended. Starts the product with the lab in a throw-away folder, and a Prometheus
    with the same rules as in production, whose times are cut to seconds. Loopback only. Exit code 1 when an alarm did
    not ring or did not stop.

    Example: esoz-notify drill ProcessGone ReceiptsStopped
    """
    demand_lab()
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console.width = TABLE_WIDTH
    wanted = chosen(alarms or [])
    if only_list:
        rows = [{"alarm": one.name, "cause": FAULTS[one.fault].what, "runbook": one.runbook} for one in ALARMS]
        typer.echo(json.dumps(rows)) if as_json else console.print(_list())
        return
    templates = read_texts(context.obj).viber_templates()
    with interruptible(), console.status("…") as status, a_drill(templates, status.update) as (house, watcher):
        report = drilled(house, watcher, wanted, status.update)
    console.print(_table(report))
    if as_json:
        rings = [ring.as_json() for ring in report.rings]
        typer.echo(json.dumps({"ok": report.ok, "alarms": rings, "beside": report.beside}, ensure_ascii=False))
    raise typer.Exit(0 if report.ok else 1)


def _list() -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("alarm", "wakes", "cause in the drill", "says"):
        table.add_column(heading)
    for one in ALARMS:
        table.add_row(one.name, one.severity.value, FAULTS[one.fault].what, f"{one.uk} / {one.en}")
    return table


def _table(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading, justify in (("alarm", "left"), ("cause", "left"), ("rang after", "right"), ("silent after", "right")):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    table.add_column("runbook")
    table.add_column("")
    for ring in report.rings:
        mark = Text("✓", "bold green") if ring.ok else Text("✗", "bold red")
        times = (_seconds(ring.fired_after_s), _seconds(ring.cleared_after_s))
        table.add_row(ring.alarm.name, FAULTS[ring.alarm.fault].what, *times, ring.alarm.runbook, mark)
    return table


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"
