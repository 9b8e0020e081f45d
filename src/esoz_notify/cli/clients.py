"""Commands about callers of the API: they work on the ledger itself, so that the first caller can be made.

What belongs here: options and showing. What does not: what a caller is (``engine.access``).
"""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esoz_notify.cli.acting import actor
from esoz_notify.cli.ledger_work import on_ledger
from esoz_notify.cli.options import DataFolderOption, JsonOption, among
from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.engine.api_keys import ApiKeys
from esoz_notify.engine.callers import KEEP_OLD_HOURS, SCOPES, Callers, Client
from esoz_notify.engine.quotas import limit_caller

clients_app = typer.Typer(
    help="Callers of the API: their secrets, keys, limits.",
    no_args_is_help=True,
)

Outcome = TypeVar("Outcome")
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the caller, such as mis-helsi.")]
ScopesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scope", metavar="SCOPE", autocompletion=among(SCOPES), help=f"May be repeated; one of {', '.join(SCOPES)}."
    ),
]


@clients_app.command("list")
def list_clients(context: typer.Context, *, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Show every caller, with the ends of its secrets: of the secrets themselves only hashes are kept.

    Example: esoz-notify clients list --data ./demo-data
    """
    found = _with_callers(context, data, lambda callers: callers.list())
    if as_json:
        typer.echo(json.dumps({"clients": [_document(client) for client in found]}, ensure_ascii=False))
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("Id", "Name", "Scopes", "Secrets good until", "Keys", "Created", "Disabled"):
        table.add_column(heading, overflow="fold")
    for client in found:
        created = f"{client.created_at:%Y-%m-%d %H:%M}"
        disabled = f"[red]{client.disabled_at:%Y-%m-%d %H:%M}[/]" if client.disabled_at else ""
        scopes = "all" if set(client.scopes) == set(SCOPES) else "\n".join(client.scopes)
        keys = [escape(kid) for kid in client.keys] + (["bound to its certificate"] if client.bound else [])
        until = "\n".join(f"{one:%Y-%m-%d %H:%M}" if one else "rotated" for one in client.secrets_until)
        table.add_row(client.id, escape(client.name), scopes, until, "\n".join(keys), created, disabled)
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
    secret = _with_callers(context, data, lambda callers: callers.create(client_id, name, scopes or (), who=actor()))
    _tell_secret(client_id, secret, as_json=as_json)


@clients_app.command()
def rotate(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    client_id: IdArgument,
    *,
    keep_old: Annotated[
        float, typer.Option("--keep-old", metavar="HOURS", help="How long the secret before stays good.")
    ] = KEEP_OLD_HOURS,
    now: Annotated[bool, typer.Option("--now", help="End every older secret at once: it may be known.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a caller a new secret beside the one it has, which ends later; a disabled caller may come in again.

    Two are good at a time, so that the caller can change over while it works. One that was disabled lost its old ones.

    Example: esoz-notify clients rotate mis-1 --keep-old 48
    """
    hours = 0.0 if now else keep_old
    secret = _with_callers(context, data, lambda callers: callers.rotate(client_id, keep_old_hours=hours, who=actor()))
    _tell_secret(client_id, secret, as_json=as_json)


@clients_app.command("end-old")
def end_old(
    context: typer.Context, client_id: IdArgument, *, data: DataFolderOption = None, as_json: JsonOption = False
) -> None:
    """End the older secret of a caller now: the newest alone stays good.

    Example: esoz-notify clients end-old mis-1
    """
    _with_callers(context, data, lambda callers: callers.end_old(client_id, who=actor()))
    if as_json:
        typer.echo(json.dumps({"id": client_id, "old_secret": "ended"}))
    else:
        Console().print(f"{client_id} has its newest secret alone", highlight=False)


@clients_app.command()
def keys(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    client_id: IdArgument,
    *,
    file: Annotated[Path, typer.Option("--file", metavar="JWKS", help="Its public keys, as a JSON Web Key Set.")],
    end_secrets: Annotated[
        bool, typer.Option("--end-secrets", help="End its secrets: from now on it comes by its keys alone.")
    ] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a caller the public keys of a file, in place of those it had: it signs assertions by any of them.

    To change over, give a file with the old and the new key, and later one with the new key alone.

    Example: esoz-notify clients keys mis-1 --file jwks.json --end-secrets
    """
    key_set, who = _read_json(file), actor()
    kids = _with_callers(
        context, data, lambda callers: callers.set_keys(client_id, key_set, end_secrets=end_secrets, who=who)
    )
    if as_json:
        typer.echo(json.dumps({"id": client_id, "keys": list(kids)}))
    else:
        Console().print(f"{client_id} has the keys: {escape(', '.join(kids)) or 'none'}", highlight=False)


@clients_app.command("api-key")
def api_key(
    context: typer.Context, client_id: IdArgument, *, data: DataFolderOption = None, as_json: JsonOption = False
) -> None:
    """Show the key by which a system comes in that speaks the API of GOV.UK Notify or of TurboSMS (docs/migrating.md).

    It is made from the newest secret and kept nowhere: it ends with that secret, and can be shown again until then.

    Example: esoz-notify clients api-key mis-1
    """
    who = actor()
    key = on_ledger(context, data, lambda ledger, keys: ApiKeys(ledger, keys.token_key).show(client_id, who=who))
    typer.echo(json.dumps({"client_id": client_id, "api_key": key}) if as_json else key)


@clients_app.command()
def limit(
    context: typer.Context,
    client_id: IdArgument,
    *,
    per_min: Annotated[
        int | None, typer.Option("--per-min", metavar="N", help="Requests in a minute; without it, those of settings.")
    ] = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a caller a quota of its own, or back that of the settings; every process knows it within a second.

    Example: esoz-notify clients limit mis-1 --per-min 6000
    """
    who = actor()
    on_ledger(
        context,
        data,
        lambda ledger, keys: limit_caller(ledger, client_id, per_min, actor=who),  # noqa: ARG005 - no key is needed
    )
    if as_json:
        typer.echo(json.dumps({"id": client_id, "per_min": per_min}))
    else:
        quota = "the quota of the settings" if per_min is None else f"{per_min} requests in a minute"
        Console().print(f"{client_id} has {quota}", highlight=False)


@clients_app.command()
def bind(
    context: typer.Context,
    client_id: IdArgument,
    *,
    off: Annotated[bool, typer.Option("--off", help="Bind its tokens no longer.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a caller's new tokens hang on the client certificate it shows: a stolen token is good for nobody else.

    Example: esoz-notify clients bind mis-1
    """
    _with_callers(context, data, lambda callers: callers.bind(client_id, bound=not off, who=actor()))
    if as_json:
        typer.echo(json.dumps({"id": client_id, "bound": not off}))
    else:
        said = "not bound to a certificate" if off else "bound to the certificate shown when getting them"
        Console().print(f"new tokens of {client_id} are {said}", highlight=False)


@clients_app.command()
def disable(
    context: typer.Context, client_id: IdArgument, *, data: DataFolderOption = None, as_json: JsonOption = False
) -> None:
    """Take a caller's access away, with its secrets and keys; what it sent before is still delivered.

    Example: esoz-notify clients disable mis-1
    """
    _with_callers(context, data, lambda callers: callers.disable(client_id, who=actor()))
    if as_json:
        typer.echo(json.dumps({"id": client_id, "disabled": True}))
    else:
        Console().print(f"{client_id} is disabled; running services know within seconds", highlight=False)


def _with_callers(context: typer.Context, data: Any, work: Callable[[Callers], Awaitable[Outcome]]) -> Outcome:
    """Do ``work`` on the callers of the ledger that the settings name."""
    return on_ledger(context, data, lambda ledger, keys: work(Callers(ledger)))  # noqa: ARG005 - no key is needed


def _read_json(path: Path) -> Any:
    """A file's JSON. Raises InvalidInput naming the file and what is wrong with it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        rule = f"{path} cannot be read: {error.strerror or error}"
    except (ValueError, RecursionError):
        rule = f"{path} is not JSON"
    raise InvalidInput([Problem("/file", "key_file", rule)], detail=rule)


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
        "secrets_good_until": [one.isoformat() if one else None for one in client.secrets_until],
        "keys": list(client.keys),
        "bound": client.bound,
    }
