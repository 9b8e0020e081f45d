"""The command ``bench``: measures the product on this machine and shows the figures.

What belongs here: options, bars, the table, pictures. What does not: the measuring (``esoz_notify.bench``).
"""

import json
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from esoz_notify.bench.house import Site, Tell, a_site
from esoz_notify.bench.parts import PRODUCT, Options, Result
from esoz_notify.bench.pictures import draw
from esoz_notify.bench.processes import end_forgotten
from esoz_notify.bench.scenarios import QUICK, SCENARIOS, SLOW
from esoz_notify.cli.needs import demand_lab
from esoz_notify.cli.options import among
from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.installation import read_texts

SECONDS_MAX = 600.0
BULK_MAX = 100_000
ROWS_MAX = 20_000_000
WAITING_MAX = 5_000_000
LIVES_MAX = 20_000_000
RATE_MAX = 5_000.0
TABLE_WIDTH = 104


def bench(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SCENARIO]…",
            autocompletion=among(SCENARIOS),
            help=f"Any of {', '.join(SCENARIOS)}; all but {', '.join(SLOW)} when none is named.",
        ),
    ] = None,
    *,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, max=SECONDS_MAX, help="How long load is sent in each scenario.")
    ] = 6.0,
    rate: Annotated[float, typer.Option("--rate", min=1, max=RATE_MAX, help="Requests per second of steady.")] = 200.0,
    bulk: Annotated[
        int, typer.Option("--bulk", min=1, max=BULK_MAX, help="Documents that wait in codes-under-bulk.")
    ] = 20_000,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows",
            help="Ended notifications in the ledgers of growth (0,1000000), rising, with commas between; the last is"
            " for pages (200000).",
        ),
    ] = None,
    waiting: Annotated[
        int, typer.Option("--waiting", min=1, max=WAITING_MAX, help="Notifications that wait in waiting.")
    ] = 1_000_000,
    lives: Annotated[
        int, typer.Option("--lives", min=2, max=LIVES_MAX, help="Whole lives in the ledger that churn is.")
    ] = 1_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per scenario, a line each.")] = False,
    pictures: Annotated[Path | None, typer.Option("--pictures", help="Folder for charts (PNG).")] = None,
) -> None:
    """Measure the product on this machine, over loopback only.

    All of it and the lab run as processes, load comes by HTTP. Uses a throw-away folder and leaves nothing behind. Exit
    code 1 when anything was lost, doubled or refused.

    Example: esoz-notify bench lifecycle steady --seconds 10
    """
    demand_lab()
    names = known_scenarios(scenarios or list(QUICK))
    options = Options(
        seconds=seconds,
        rate_per_s=rate,
        bulk=bulk,
        rows=read_rows(rows) if rows is not None else (),
        waiting=waiting,
        lives=lives,
    )
    console = _console(as_json=as_json)
    results: list[Result] = []
    with (
        interruptible(),
        _bars(console, names) as bars,
        a_site(read_texts(context.obj).viber_templates(), bars) as site,
    ):
        for name in names:
            results.append(bars.run(name, site, options))
            if as_json:
                typer.echo(json.dumps(results[-1].as_json()))
    _show(console, results)
    if pictures is not None:
        for path in draw(results, pictures):
            console.print(f"drawn: {path}", highlight=False, soft_wrap=True)
    raise typer.Exit(0 if all(result.correct for result in results) else 1)


def known_scenarios(names: Sequence[str]) -> list[str]:
    """The names, once each. Raises InvalidInput naming all that do not exist."""
    unknown = sorted({name for name in names if name not in SCENARIOS})
    if unknown:
        rule = f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}"
        raise InvalidInput([Problem("/scenario", "unknown_scenario", rule)], detail=rule)
    return list(dict.fromkeys(names))


def read_rows(text: str) -> tuple[int, ...]:
    """Numbers of ``--rows``. Raises InvalidInput when they are not rising whole numbers within bounds."""
    words = [word.strip() for word in text.split(",")]
    rows = tuple(int(word) for word in words if word.isascii() and word.isdigit())
    if len(rows) != len(words) or list(rows) != sorted(set(rows)) or rows[-1] > ROWS_MAX:
        rule = f"--rows takes rising whole numbers up to {ROWS_MAX:,} with commas between, as 0,1000000"
        raise InvalidInput([Problem("/rows", "bad_rows", rule)], detail=rule)
    return rows


@contextmanager
def interruptible() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end us as Ctrl-C does: everything that was started is stopped, the folder removed."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except KeyboardInterrupt:
        end_forgotten()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _console(*, as_json: bool) -> Console:
    """Where people are shown things: beside the JSON if that is asked for; as wide as the table when nobody says."""
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console.width = TABLE_WIDTH
    return console


# --- showing ----------------------------------------------------------------------------------------------------------


class _Bars:
    """A bar per scenario, and what it is doing. Called as a ``Tell``."""

    def __init__(self, progress: Progress, names: Sequence[str]) -> None:
        self._progress = progress
        self._tasks = {name: progress.add_task(name, total=None, start=False, what="") for name in names}
        self._now = self._tasks[names[0]]

    def __call__(self, what: str, share: float | None) -> None:
        total = None if share is None else 1.0
        self._progress.update(self._now, what=what, total=total, completed=share or 0.0)

    def run(self, name: str, site: Site, options: Options) -> Result:
        """Run a scenario while its bar shows it."""
        self._now = self._tasks[name]
        self._progress.start_task(self._now)
        tell: Tell = self
        result = SCENARIOS[name](site, options, tell)
        self._progress.update(self._now, what=_rate(result), total=1.0, completed=1.0)
        self._progress.stop_task(self._now)
        return result


@contextmanager
def _bars(console: Console, names: Sequence[str]) -> Iterator[_Bars]:
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:18}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[what]}", style="dim"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bars(progress, names)


def _show(console: Console, results: Sequence[Result]) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("Scenario", no_wrap=True)
    for heading in ("Sent", "Per s", "Accept ms", "Hand-over ms", "CPU s", "MB", "Wrong"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        table.add_row(result.scenario, *_cells(result))
    console.print(table, highlight=False)
    for result in results:
        if "steps" in result.more:
            console.print(_sizes(result.more["steps"], result.more["plain"]), highlight=False)
        elif result.more:
            console.print(f"{result.scenario}: {_more(result.more)}", highlight=False, soft_wrap=True)
    console.print(
        "Per s: whole lives, or what was accepted (a). Times: median / 99th percentile. CPU s: of the product and "
        "PostgreSQL per 1,000. Wrong: lost, doubled or refused. All figures: --json.",
        style="dim",
        highlight=False,
    )
    if results:
        told = ", ".join(f"{name} {value}" for name, value in results[-1].machine.items() if name != "others_cpu_s")
        console.print(f"Machine: {told}", style="dim", highlight=False)


def _cells(result: Result) -> Iterator[str]:
    yield f"{result.notifications:,}"
    yield _rate(result)
    yield _spread(result.accept_ms)
    yield _spread(result.handover_ms)
    yield "" if result.cpu_s_per_1000 is None else f"{result.cpu_s_per_1000['total']:.2f}"
    yield f"{sum(result.rss_mb.get(name, 0.0) for name in PRODUCT):.0f}"
    wrong = result.lost + result.doubled + result.refused
    yield "[green]0[/]" if result.correct else f"[bold red]{wrong}[/]"


def _rate(result: Result) -> str:
    if result.lifecycles_per_s is not None:
        return f"{result.lifecycles_per_s:,.0f}"
    return "" if result.accepted_per_s is None else f"a {result.accepted_per_s:,.0f}"


def _spread(value: dict[str, float] | None) -> str:
    return "" if value is None else f"{value['p50']:,.1f} / {value['p99']:,.1f}"


def _sizes(steps: Sequence[dict[str, Any]], plain: Sequence[dict[str, Any]]) -> Table:
    """Tables by how big they were at the first look, in the middle and at the end, ours and PostgreSQL's way."""
    looks = (steps[0], steps[len(steps) // 2], steps[-1])
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", title="MB, and dead rows")
    table.add_column("Lives", no_wrap=True)
    for look in looks:
        table.add_column(f"{look['lives']:,}", justify="right", no_wrap=True)
    table.add_column(f"{plain[-1]['lives']:,}, defaults", justify="right", no_wrap=True)
    for name in sorted(steps[-1]["tables"]):
        table.add_row(name, *(_size(look["tables"].get(name)) for look in (*looks, plain[-1])))
    return table


def _size(size: dict[str, Any] | None) -> str:
    return "" if size is None else f"{size['mb']:,.0f}, {size['dead']:,}"


def _more(more: dict[str, Any]) -> str:
    text = json.dumps(more, ensure_ascii=False)
    return re.sub(r'["{}]', "", text).replace("_", " ")
