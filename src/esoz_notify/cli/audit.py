"""Commands of the audit: verify it, list deeds, sign its head now, show the public key.

What belongs here: options and showing. What does not: what is found (``core.anchors``) and how (``engine.anchors``).
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from esoz_notify.cli.ledger_work import on_ledger
from esoz_notify.cli.options import DataFolderOption, JsonOption, among
from esoz_notify.core.anchors import write_line
from esoz_notify.core.audit import Action, Entry, visible
from esoz_notify.core.errors import ConfigError, InvalidInput, Problem
from esoz_notify.core.kyiv import parse_moment
from esoz_notify.core.numbers import NumberProblem
from esoz_notify.engine import anchors as work
from esoz_notify.engine.anchors import Anchors, Verdict
from esoz_notify.installation import audit_files
from esoz_notify.settings import Settings
from esoz_notify.store.audit import Wanted
from esoz_notify.store.audit_key import key_id, load, read_public

audit_app = typer.Typer(help="Who did what: verify, list, anchor, key.", no_args_is_help=True)


@audit_app.command()
def verify(
    context: typer.Context,
    *,
    copies: Annotated[
        list[Path] | None,
        typer.Option("--anchors", help="A file of copies of anchors; may be repeated. Default: that of the settings."),
    ] = None,
    public_keys: Annotated[
        list[Path] | None,
        typer.Option("--public-key", help="A public key that anchors may be signed by too, as an earlier one (PEM)."),
    ] = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find any change, deletion, insertion or reordering, and name the first bad row. Exit code 1 when there is one.

    Example: esoz-notify audit verify --anchors /mnt/worm/audit-anchors.jsonl
    """
    key_file, own_copies = audit_files(_settings(context, data))
    trusted = {key_id(one): one for one in map(read_public, public_keys or [])}
    own = load(key_file)
    if own is not None:
        trusted[own.id] = own.public
    read = [one for file in copies or [own_copies] for one in work.read_copies(file)]
    with _bar(quiet=as_json) as bar:
        task = bar.add_task("rows", total=None)

        def show(done: int, rows: int) -> None:
            bar.update(task, completed=done, total=rows)

        verdict = on_ledger(context, data, lambda ledger, _: work.verify(ledger, trusted, read, show))
    _tell(verdict, as_json=as_json)


def _tell(verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        faults = [{"seq": one.seq, "what": one.what} for one in verdict.faults]
        document = {"ok": not faults, "rows": verdict.rows, "anchors": verdict.anchors, "faults": faults}
        typer.echo(json.dumps({**document, "cautions": list(verdict.cautions)}, ensure_ascii=False))
    else:
        console = Console()
        for one in verdict.faults:
            where = "" if one.seq is None else f"row {one.seq}: "
            console.print(f"[bold red]✗[/] {where}{escape(one.what)}", highlight=False, soft_wrap=True)
        for caution in verdict.cautions:
            console.print(f"[yellow]![/] {escape(caution)}", highlight=False, soft_wrap=True)
        end = "the audit was touched" if verdict.faults else "nothing was touched"
        console.print(f"{verdict.rows} rows, {verdict.anchors} anchors: {end}", highlight=False)
    raise typer.Exit(1 if verdict.faults else 0)


def _bar(*, quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True)


@audit_app.command("list")
def list_deeds(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    *,
    actor: Annotated[
        str | None, typer.Option("--actor", help="Who, as person:LOGIN, caller:ID, cli:USER@HOST.")
    ] = None,
    action: Annotated[
        str | None,
        typer.Option("--action", autocompletion=among(Action), help="What, such as reprint; a wrong one names all."),
    ] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="To which record, as notification:ID.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="From this time or day (2026-11-26) on.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before this time, or to the end of this day.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=work.LIST_MAX, help="At most so many.")] = 100,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show deeds, newest first.

    Example: esoz-notify audit list --actor person:o.koval --since 2026-11-01
    """
    if action is not None and action not in set(Action):
        rule = f"must be one of {', '.join(Action)}"
        raise InvalidInput([Problem("/action", "unknown", rule)], detail=f"--action {rule}")
    wanted = Wanted(
        actor=actor,
        action=action,
        subject=subject,
        since=_moment("since", since),
        until=_moment("until", until, day_end=True),
    )
    found = on_ledger(context, data, lambda ledger, _: work.listed(ledger, wanted, limit))
    if as_json:
        typer.echo(json.dumps({"deeds": [_document(one) for one in found]}, ensure_ascii=False))
    else:
        Console().print(_table(found), highlight=False)


def _moment(option: str, text: str | None, *, day_end: bool = False) -> datetime | None:
    try:
        return None if text is None else parse_moment(text, day_end=day_end)
    except NumberProblem as error:
        raise InvalidInput(
            [Problem(f"/{option}", error.code, error.detail)], detail=f"--{option} {error.detail}"
        ) from None


def _document(row: Entry) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "at": row.at.astimezone(UTC).isoformat() if row.at else None,
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "why": row.why,
        "details": json.loads(row.details),
        "hash": row.hash.hex(),
    }


def _table(rows: Sequence[Entry]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("No", "When (UTC)", "Who", "What", "Of", "Why", "More"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        at = f"{row.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if row.at else "?"
        more = " ".join(f"{name}={value}" for name, value in json.loads(row.details).items())
        words = (row.actor, row.action, row.subject, row.why or "", more)
        table.add_row(str(row.seq), at, *(escape(visible(word)) for word in words))
    return table


@audit_app.command()
def anchor(
    context: typer.Context,
    *,
    append: Annotated[
        Path | None, typer.Option("--append", help="Also append it to this file, as one on another machine.")
    ] = None,
    data: DataFolderOption = None,
) -> None:
    """Sign the head of the audit as it is now, and print the anchor: one line to keep or to print on paper.

    Example: esoz-notify audit anchor --append /mnt/worm/audit-anchors.jsonl
    """
    files = audit_files(_settings(context, data))
    made = on_ledger(context, data, lambda ledger, _: Anchors(ledger, *files).make())
    assert made is not None, "it was asked for now"
    line = write_line(made)
    typer.echo(line)
    if append is not None:
        try:
            with append.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            rule = f"{append} cannot be written ({error.strerror}); the anchor is in the ledger and printed above"
            raise InvalidInput([Problem("/append", "unwritable", rule)], detail=rule) from None


@audit_app.command()
def key(context: typer.Context, *, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Print the public key of anchors, for whoever verifies them on another machine.

    Example: esoz-notify audit key > audit-key.pub.pem
    """
    key_file, _ = audit_files(_settings(context, data))
    own = load(key_file)
    if own is None:
        raise ConfigError(
            f"there is no audit key {key_file}: it is made with the first anchor, esoz-notify audit anchor"
        )
    typer.echo(json.dumps({"id": own.id, "public_key": own.public_pem}) if as_json else own.public_pem, nl=as_json)


def _settings(context: typer.Context, data: Path | None) -> Settings:
    settings: Settings = context.obj
    return settings if data is None else replace(settings, data=data)
