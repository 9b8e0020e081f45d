"""The command ``summaries``: many printed summaries as one file, for the days on which messages do not arrive.

What belongs here: options, the bar, the file. What does not: what summaries say (``engine.printing``) and drawing them
(``render``).
"""

import asyncio
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from esoz_notify.cli.ledger_work import on_ledger
from esoz_notify.cli.options import DataFolderOption, JsonOption, among
from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.limits import PRINT_RUN_MAX
from esoz_notify.engine import printing
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.render.print_run import stacked
from esoz_notify.render.summary import Form, Paper, Summary, Variant, pdf
from esoz_notify.store.vault import Keys, Vault

SLICE = 10
"""Summaries that are drawn at once: enough to be quick, few enough to keep the memory small."""

AT_ONCE = 2


def summaries(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The PDF to make; it must not exist.")],
    ids_file: Annotated[
        Path | None, typer.Option("--ids", metavar="FILE", help="Ids of notifications, one a line; - reads them here.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", autocompletion=among(KINDS), help="Of what waits for print, only this kind.")
    ] = None,
    client: Annotated[str | None, typer.Option("--client", metavar="ID", help="Only what this caller sent.")] = None,
    count: Annotated[
        int, typer.Option("--count", min=1, max=PRINT_RUN_MAX, help="At most so many, the oldest first.")
    ] = PRINT_RUN_MAX,
    paper: Annotated[Paper, typer.Option("--paper", help="Size of the sheets.")] = Paper.A4,
    variant: Annotated[Variant, typer.Option("--variant", help="Wording and size of letters.")] = Variant.STANDARD,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make one PDF of everything that waits for print.

    Or of the notifications that are named, a sheet each. They count as printed when the file is on disk. It holds codes
    and names: print it, then delete it.

    Example: esoz-notify summaries --kind prescription_issued --out summaries.pdf
    """
    _check(out, kind, chosen=ids_file is not None and (kind or client) is not None)
    named = None if ids_file is None else _read_ids(ids_file)
    console = Console(stderr=True)

    async def work(ledger: Ledger, keys: Keys) -> dict[str, Any]:
        started = time.monotonic()
        ids = named
        if ids is None:
            ids = await printing.waiting_for_print(ledger, client_id=client, kind=kind, count_max=count)
        if not ids:
            return {"file": None, "summaries": 0, "bytes": 0, "seconds": 0.0}
        with _bar(console, quiet=as_json) as bar:
            document = await _draw(ledger, Vault(keys), ids[:count], Form(paper, variant), bar)
        _write(out, document)
        await _remember(ledger, ids[:count])
        seconds = round(time.monotonic() - started, 1)
        return {"file": str(out), "summaries": len(ids[:count]), "bytes": len(document), "seconds": seconds}

    made = on_ledger(context, data, work)
    if as_json:
        typer.echo(json.dumps(made, ensure_ascii=False))
    elif made["file"] is None:
        typer.echo("nothing waits for print")
    else:
        typer.echo(f"{made['summaries']} summaries in {made['seconds']} s: {made['file']}")


def _check(out: Path, kind: str | None, *, chosen: bool) -> None:
    problems = []
    if out.exists():
        problems.append(Problem("/out", "exists", f"{out} exists already; name another file or delete it"))
    if kind is not None and kind not in KINDS:
        problems.append(Problem("/kind", "unknown_kind", f"--kind must be one of {', '.join(KINDS)}"))
    if chosen:
        problems.append(Problem("/ids", "one_of", "give --ids, or --kind and --client, not both"))
    if problems:
        raise InvalidInput(problems, detail="; ".join(one.detail for one in problems))


def _read_ids(file: Path) -> list[UUID]:
    """Ids of a file, once each, in its order. Raises InvalidInput naming the line, not what stands there."""
    try:
        lines = (typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text("utf-8")).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        rule = f"the file {file} cannot be read: {error}"
        raise InvalidInput([Problem("/ids", "unreadable", rule)], detail=rule) from None
    ids = []
    for number, line in enumerate(lines, start=1):
        try:
            ids += [UUID(line.strip())] if line.strip() else []
        except ValueError:
            rule = f"line {number} of {file} is not the id of a notification (a UUID)"
            raise InvalidInput([Problem("/ids", "format", rule)], detail=rule) from None
    if len(ids) > PRINT_RUN_MAX:
        rule = f"{file} names more than {PRINT_RUN_MAX} notifications; print them in several runs"
        raise InvalidInput([Problem("/ids", "too_many", rule)], detail=rule)
    return list(dict.fromkeys(ids))


def _bar(console: Console, *, quiet: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=console, disable=quiet)


async def _draw(ledger: Ledger, vault: Vault, ids: Sequence[UUID], form: Form, bar: Progress) -> bytes:
    """Draw slices in threads while the next are read, in order."""
    task = bar.add_task("довідки", total=len(ids))
    loop = asyncio.get_running_loop()
    drawing: list[asyncio.Future[bytes]] = []

    def draw(documents: Sequence[Summary]) -> bytes:
        drawn = pdf([[one] for one in documents], form)
        bar.advance(task, len(documents))
        return drawn

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for first in range(0, len(ids), SLICE):
            documents = await printing.read_for_print(ledger, vault, ids[first : first + SLICE])
            drawing.append(loop.run_in_executor(threads, draw, documents))
            if len(drawing) > AT_ONCE:
                await drawing[-AT_ONCE - 1]
        slices = [await one for one in drawing]
    return await asyncio.to_thread(stacked, slices)


async def _remember(ledger: Ledger, ids: Sequence[UUID]) -> None:
    for first in range(0, len(ids), SLICE * 10):
        await printing.remember_printed(ledger, ids[first : first + SLICE * 10])


def _write(out: Path, document: bytes) -> None:
    """A file that only its owner may read: it holds names and codes."""
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        rule = f"{out} cannot be written: {error.strerror or error}"
        raise InvalidInput([Problem("/out", "unwritable", rule)], detail=rule) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(document)
        file.flush()
        os.fsync(file.fileno())
