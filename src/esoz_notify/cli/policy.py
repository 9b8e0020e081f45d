"""Commands about routing policies: show those of this installation, prove a file before using it.

What belongs here: reading and showing. What does not: what a policy may say (``core.policy``), preparing and publishing
(console).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from esoz_notify.cli.ledger_work import ledger_dsn
from esoz_notify.cli.needs import run
from esoz_notify.cli.options import JsonOption
from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.errors import ConfigError, NotifyError
from esoz_notify.core.kinds import KINDS, PolicyColumn
from esoz_notify.core.policy import NoPolicyInForce, Policies, Policy, load_policies
from esoz_notify.core.policy_draft import published
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.installation import configured_providers, data_folder
from esoz_notify.render.decisions import channel_name
from esoz_notify.settings import Settings
from esoz_notify.store import policies as kept

policy_app = typer.Typer(help="Routing policies: which channels, in which order, how long.", no_args_is_help=True)

_FAULT = re.compile(r"(?P<source>.*?):(?P<line>[0-9]+): (?P<rule>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Source:
    """A policy file's text and what to call it."""

    name: str
    text: str


@policy_app.command()
def show(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """Show every dated policy of this installation, the one in force marked: of its file, and published in its ledger.

    Without a ledger that answers those of the file are shown, and that these are all that could be read.

    Example: esoz-notify policy show
    """
    settings: Settings = context.obj
    source, of_file = installed_policies(settings)
    ours, ledger = _of_ledger(settings)
    policies = of_file.joined(ours)
    in_force = _in_force(policies)
    if as_json:
        shown = [
            {**_document(policy, ends, in_force), "of": "ledger" if policy in ours else "file"}
            for policy, ends in _with_ends(policies)
        ]
        typer.echo(json.dumps({"source": source.name, "ledger": ledger, "policies": shown}, ensure_ascii=False))
        return
    console = Console()
    for policy, ends in _with_ends(policies):
        console.print(_card(policy, ends, in_force, "  [dim]published[/]" if policy in ours else ""))
    console.print(f"[dim]{escape(source.name)}; windows say how long proof is waited for before the next channel[/]")
    console.print(f"[dim]the ledger, where others are published: {ledger}[/]")


@policy_app.command()
def check(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A policy file (TOML).")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Prove a policy file: every broken rule with its line, the rule and the fix. Exit code 1 when there is one.

    Example: esoz-notify policy check ./policies.toml
    """
    settings: Settings = context.obj
    try:
        source = Source(str(file), _read(file))
        policies = load_policies(source.text, source=source.name, providers=_providers(settings))
    except ConfigError as error:
        _tell_faults(error.detail.splitlines(), as_json=as_json)
        raise typer.Exit(1) from None
    in_force = _in_force(policies)
    versions = [policy.version for policy in policies.all]
    if as_json:
        shown = {"file": str(file), "ok": True, "policies": versions, "in_force": in_force and in_force.version}
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    now = in_force.version if in_force else "none yet"
    Console().print(
        f"[green]✓[/] {escape(str(file))}: {len(versions)} policies ({', '.join(versions)}); in force now: {now}"
    )
    if Channel.SMS not in configured_providers(settings):
        Console().print("[dim]no provider of SMS is configured here; the file was judged as if there were one[/]")


def _providers(settings: Settings) -> Mapping[Channel, Sequence[str]]:
    """The configured ones; that this machine has none for SMS is not the file's fault."""
    return {Channel.SMS: ("any",)} | configured_providers(settings)


def installed_policies(settings: Settings) -> tuple[Source, Policies]:
    """The policies of this installation and where they are from. Raises ConfigError."""
    source = _of_installation(settings)
    return source, load_policies(source.text, source=source.name, providers=_providers(settings))


def _of_ledger(settings: Settings) -> tuple[tuple[Policy, ...], str]:
    """What is published in the ledger, and what to say of the ledger. One that was never made is not made for this."""
    if not settings.dsn and not (data_folder(settings) / "postgres").is_dir():
        return (), "there is none yet"
    try:
        with ledger_dsn(settings) as dsn:
            return run(_published(dsn)), "read"
    except (NotifyError, psycopg.Error):
        return (), "cannot be read now; esoz-notify doctor says why"


async def _published(dsn: str) -> tuple[Policy, ...]:
    ledger = Ledger(dsn, LedgerClock(), pool_size=1)
    try:
        await ledger.open()
        async with ledger.transaction() as connection:
            return published(await kept.published(connection))
    finally:
        await ledger.close()


def _of_installation(settings: Settings) -> Source:
    if settings.policies_file is not None:
        return Source(str(settings.policies_file), _read(settings.policies_file))
    return Source("built-in policies", (resources.files("esoz_notify") / "policies.toml").read_text(encoding="utf-8"))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}:1: cannot be read as UTF-8 text: {error}") from error


def _in_force(policies: Policies) -> Policy | None:
    try:
        return policies.in_force(datetime.now(UTC))
    except NoPolicyInForce:
        return None


def _with_ends(policies: Policies) -> list[tuple[Policy, date | None]]:
    """Each policy with the day on which the next one begins."""
    nexts = [later.from_date for _, later in pairwise(policies.all)]
    return list(zip(policies.all, [*nexts, None], strict=True))


def _document(policy: Policy, ends: date | None, in_force: Policy | None) -> dict[str, Any]:
    return {
        "version": policy.version,
        "from": policy.from_date.isoformat(),
        "until": ends.isoformat() if ends else None,
        "in_force": policy == in_force,
        "routes": {
            column.value: [{"channel": step.channel.value, "window_s": step.window_s} for step in policy.routes[column]]
            for column in PolicyColumn
        },
    }


def _card(policy: Policy, ends: date | None, in_force: Policy | None, note: str) -> Panel:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("For", "Route", "Kinds"):
        table.add_column(heading)
    for column in PolicyColumn:
        kinds = ", ".join(kind.name for kind in KINDS.values() if kind.column is column)
        table.add_row(column.value, _chain(policy.routes[column]), f"[dim]{kinds}[/]")
    period = f"from {policy.from_date}" + (f" until {ends}" if ends else "")
    mark = "  [bold green]✓ in force[/]" if policy == in_force else ""
    return Panel(table, title=f"[bold]{policy.version}[/]  {period}{mark}{note}", title_align="left")


def _chain(steps: Sequence[Step]) -> str:
    return " → ".join(
        channel_name(step.channel.value, "en") + (f" [dim]{step.window_s:g} s[/]" if step.window_s is not None else "")
        for step in steps
    )


def _tell_faults(faults: Sequence[str], *, as_json: bool) -> None:
    if not as_json:
        for fault in faults:
            Console(stderr=True).print(f"[red]✗[/] {escape(fault)}", highlight=False, soft_wrap=True)
        return
    found = [match.groupdict() for fault in faults if (match := _FAULT.fullmatch(fault))]
    problems = [{"line": int(fault["line"]), "detail": fault["rule"]} for fault in found]
    typer.echo(json.dumps({"ok": False, "problems": problems}, ensure_ascii=False))
