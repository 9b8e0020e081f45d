"""Commands about callers of the API: they work on the ledger itself, so that the first caller can be made.

What belongs here: options and showing. What does not: what a caller is (``engine.access``).
"""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esoz_notify.cli.ledger_work import on_ledger
from esoz_notify.cli.options import DataFolderOption, JsonOption
from esoz_notify.engine.access import Access
from esoz_notify.engine.callers import SCOPES, Client

clients_app = typer.Typer(help="Callers of the API: list, create, rotate a secret, disable.", no_args_is_help=True)

Outcome = TypeVar("Outcome")
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the caller, such as mis-helsi.")]
ScopesOption = Annotated[
    list[str] | None, typer.Option("--scope", metavar="SCOPE", help=f"May be repeated; one of {', '.join(SCOPES)}.")
]


@clients_app.command("list")
def list_clients(context: typer.Context, *, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Show every caller, without secrets: only their hashes are kept.

    Example: esoz-notify clients list --data ./demo-data
    """
    found = _with_access(context, data, lambda access: access.callers.list())
    if as_json:
        typer.echo(json.dumps({"clients": [_document(client) for client in found]}, ensure_ascii=False))
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("Id", "Name", "Scopes", "Created", "Disabled"):
        table.add_column(heading, overflow="fold")
    for client in found:
        created = f"{client.created_at:%Y-%m-%d %H:%M}"
        disabled = f"[red]{client.disabled_at:%Y-%m-%d %H:%M}[/]" if client.disabled_at else ""
        scopes = "all" if set(client.scopes) == set(SCOPES) else "\n".join(client.scopes)
        table.add_row(client.id, escape(client.name), scopes, created, disabled)
    Console().print(table, highlight=False)


@clients_app.command()
def create(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    client_id: IdArgument,
    *,
    name: Annotated[str, typer.Option("--name", help="Whose system it is.")],
    scopes: ScopesOption = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a caller and show its secret, this once.

    Example: esoz-notify clients create mis-1 --name "Hospital 1" --scope notifications:write --scope notifications:read
    """
    secret = _with_access(context, data, lambda access: access.callers.create(client_id, name, scopes or ()))
    _tell_secret(client_id, secret, as_json=as_json)


@clients_app.command()
def rotate(
    context: typer.Context, client_id: IdArgument, *, data: DataFolderOption = None, as_json: JsonOption = False
) -> None:
    """Give a caller a new secret; the old one ends at once, and a disabled caller may come in again.

    Example: esoz-notify clients rotate mis-1
    """
    secret = _with_access(context, data, lambda access: access.callers.rotate(client_id))
    _tell_secret(client_id, secret, as_json=as_json)


@clients_app.command()
def disable(
    context: typer.Context, client_id: IdArgument, *, data: DataFolderOption = None, as_json: JsonOption = False
) -> None:
    """Take a caller's access away; what it sent before is still delivered.

    Example: esoz-notify clients disable mis-1
    """
    _with_access(context, data, lambda access: access.callers.disable(client_id))
    if as_json:
        typer.echo(json.dumps({"id": client_id, "disabled": True}))
    else:
        Console().print(f"{client_id} is disabled; running services know within seconds", highlight=False)


def _with_access(context: typer.Context, data: Any, work: Callable[[Access], Awaitable[Outcome]]) -> Outcome:
    """Do ``work`` on the callers of the ledger that the settings name."""
    return on_ledger(context, data, lambda ledger, keys: work(Access(ledger, keys)))


def _tell_secret(client_id: str, secret: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"client_id": client_id, "client_secret": secret}))
        return
    typer.echo(f"client_id      {client_id}\nclient_secret  {secret}")
    typer.echo("Keep the secret now: it is shown this once.", err=True)


def _document(client: Client) -> dict[str, Any]:
    return {
        "id": client.id,
        "name": client.name,
        "scopes": list(client.scopes),
        "created_at": client.created_at.isoformat(),
        "disabled_at": client.disabled_at.isoformat() if client.disabled_at else None,
    }
