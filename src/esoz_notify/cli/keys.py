"""Commands about the keys that personal data rests on: list, new, rotate, retire.

What belongs here: options, the bar, showing. What does not: what a rotation does (``engine.rotation``).
"""

import json
import time
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from esoz_notify.cli.acting import actor
from esoz_notify.cli.ledger_work import with_keyring
from esoz_notify.cli.options import DataFolderOption, JsonOption
from esoz_notify.engine import rotation
from esoz_notify.engine.keyring import Keyring
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store.data_keys import SEALED
from esoz_notify.store.vault import fresh_keys, keys_text

keys_app = typer.Typer(help="Keys of data at rest: list, new, rotate, retire.", no_args_is_help=True)

_COLOURS = {"current": "bold green", "announced": "green", "missing": "bold red", "retired": "dim", "gone": "dim"}


@keys_app.command("list")
def list_keys(context: typer.Context, *, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Show every data key, which one seals, and how many values of each table rest on it. Reads those tables once.

    Example: esoz-notify keys list --data ./demo-data
    """
    found = with_keyring(context, data, rotation.states)
    if as_json:
        shown = [
            {"id": one.id, "state": one.state, "added_at": _moment(one.added_at), "values": dict(one.values)}
            for one in found
        ]
        typer.echo(json.dumps({"keys": shown}))
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("Key", "State", "Added"):
        table.add_column(heading)
    for sealed in SEALED:
        table.add_column(sealed.name, justify="right")
    for one in found:
        counts = (f"{one.values[sealed.name]:,}" if sealed.name in one.values else "" for sealed in SEALED)
        added = f"{one.added_at:%Y-%m-%d %H:%M}" if one.added_at else "keys document"
        table.add_row(str(one.id), f"[{_COLOURS.get(one.state, 'default')}]{one.state}[/]", added, *counts)
    Console().print(table, highlight=False)


@keys_app.command()
def new() -> None:
    """Print a fresh keys document, to be sealed by a KMS or put into the environment. It is kept nowhere.

    Example: esoz-notify keys new | age -r age1... > keys.sealed
    """
    typer.echo(keys_text(fresh_keys()), nl=False)


@keys_app.command()
def rotate(context: typer.Context, *, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Add a data key, have all processes seal with it, and seal anew what is stored. Everything may go on running.

    May be killed and called again: it goes on where it was, and adds no further key before the last change is finished.

    Example: esoz-notify keys rotate
    """
    console = Console(stderr=True)

    async def work(ledger: Ledger, keyring: Keyring) -> dict[str, Any]:
        started = time.monotonic()
        key_id = await rotation.begin(ledger, keyring, actor())
        going_on = key_id is None
        if key_id is None:
            console.print(f"an earlier change to data key {keyring.vault.current_id} is not finished: going on with it")
        else:
            console.print(f"data key {key_id} is announced to every process; it seals in a few seconds")
            await rotation.until_current(keyring, key_id)
        left = await rotation.unfinished(ledger, keyring)
        with _bar(console, quiet=as_json) as bar:
            tasks = {name: bar.add_task(name, total=total) for name, total in left.items()}
            done = dict.fromkeys(left, 0)

            def on_rows(table: str, rows: int) -> None:
                done[table] = done.get(table, 0) + rows
                if table not in tasks:
                    tasks[table] = bar.add_task(table, total=rows)
                bar.update(tasks[table], completed=done[table], total=max(left.get(table, 0), done[table]))

            await rotation.reseal(ledger, keyring, on_rows)
        await rotation.finish(ledger, keyring, actor(), sum(done.values()))
        seconds = round(time.monotonic() - started, 1)
        return {"current": keyring.vault.current_id, "went_on": going_on, "rows": done, "seconds": seconds}

    made = with_keyring(context, data, work)
    if as_json:
        typer.echo(json.dumps(made))
        return
    rows = sum(made["rows"].values())
    typer.echo(f"data key {made['current']} seals everything: {rows} rows sealed anew in {made['seconds']} s")
    if made["went_on"]:
        typer.echo("that finished the earlier change; for a new key call it once more")


@keys_app.command()
def retire(
    context: typer.Context,
    key_id: Annotated[int, typer.Argument(metavar="KEY", help="Its number, as  keys list  shows it.")],
    *,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a data key out of use, when no value rests on it any more.

    Example: esoz-notify keys retire 1
    """
    in_document = with_keyring(context, data, lambda ledger, keyring: rotation.retire(ledger, keyring, key_id, actor()))
    if as_json:
        typer.echo(json.dumps({"id": key_id, "retired": True, "in_document": in_document}))
    elif in_document:
        typer.echo(f"data key {key_id} is retired; take it out of the keys document and start anew with that")
    else:
        typer.echo(f"data key {key_id} is retired; purge destroys it in a month")


def _bar(console: Console, *, quiet: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=console, disable=quiet)


def _moment(at: Any) -> str | None:
    return at.isoformat() if at is not None else None
