"""``python -m tests.cluster``: failover, for real. Exit code 1 when anything was lost, doubled or stood still."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from random import SystemRandom
from typing import Annotated

import typer
from rich.console import Console
from tests.cluster import sandbox
from tests.cluster.events import EVENTS
from tests.cluster.report import Report
from tests.cluster.run import run

from esoz_notify.core.errors import NotifyError

RATE = 30.0
WIDTH = 132
"""Of the table where there is no terminal to ask."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _events(text: str) -> list[str]:
    names = [name for name in text.replace(",", " ").split() if name]
    strange = [name for name in names if name not in EVENTS]
    if strange or not names:
        raise typer.BadParameter(f"{', '.join(strange) or 'nothing'} is no event; there are: {', '.join(EVENTS)}")
    return names


@app.command()
def main(
    *,
    events: Annotated[str, typer.Option(help="Which, in order; all otherwise.")] = ",".join(EVENTS),
    seed: Annotated[int | None, typer.Option(help="Of victims, moments and load; a new one otherwise.")] = None,
    rate: Annotated[float, typer.Option(min=1.0, max=200.0, help="Requests a second.")] = RATE,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line at the end.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Folder to copy the logs of all hosts to.")] = None,
) -> None:
    """Build three PostgreSQL, two API and three worker hosts on this machine, hurt them under load, and judge."""
    chosen = _events(events)
    if not sandbox.is_inside():
        if reason := sandbox.lacking():
            typer.echo(f"cluster: left out: {reason}", err=True)
            return
        sandbox.clear_leftovers()
        sandbox.enter("tests.cluster", sys.argv[1:])
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=WIDTH)
    seed = SystemRandom().randrange(10**6) if seed is None else seed
    console.print(f"seed {seed}: the same again by  --events {','.join(chosen)} --seed {seed}", highlight=False)
    report = _done(chosen, seed, rate, keep.resolve() if keep else None, console)
    report.show(console)
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    raise typer.Exit(0 if report.ok else 1)


def _done(events: list[str], seed: int, rate: float, keep: Path | None, console: Console) -> Report:
    began_s = time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began_s:6.1f}  {line}", highlight=False, markup=False)

    async def work() -> Report:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await run(events, seed, rate=rate, say=say, keep=keep)

    try:
        return asyncio.run(work())
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; every process was ended")
        raise typer.Exit(130) from None
    except (RuntimeError, NotifyError) as error:
        console.print(f"the cluster could not be built: {error}", style="red", highlight=False, markup=False)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
