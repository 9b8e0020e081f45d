"""``python -m tests.chaos``: the crash test from the command line. Exit code 1 when anything was lost or doubled."""

import asyncio
import json
import signal
import time
from pathlib import Path
from random import SystemRandom
from typing import Annotated

import typer
from rich.console import Console
from tests.chaos.report import Report
from tests.chaos.run import RATE, chaos

WIDTH = 126
"""Of the table where there is no terminal to ask."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How many kills.")] = 20,
    seed: Annotated[int | None, typer.Option(help="Of victims, moments and load; a new one otherwise.")] = None,
    rate: Annotated[float, typer.Option(min=1.0, help="Requests a second.")] = RATE,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line at the end.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Folder to copy the logs of all processes to.")] = None,
) -> None:
    """Kill processes of a running service at random moments, then prove that nothing was lost and nothing doubled."""
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=WIDTH)
    seed = SystemRandom().randrange(10**6) if seed is None else seed
    console.print(f"seed {seed}: the same victims again by  --rounds {rounds} --seed {seed}", highlight=False)
    began_s = time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began_s:6.1f}  {line}", highlight=False, markup=False)

    async def work() -> Report:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await chaos(rounds, seed, say=say, rate=rate, keep=keep)

    try:
        report = asyncio.run(work())
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; every process was ended")
        raise typer.Exit(130) from None
    report.show(console)
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    raise typer.Exit(0 if report.ok else 1)


if __name__ == "__main__":
    app()
