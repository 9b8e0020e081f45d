"""Commands about people who sign in to the pages: doctors, operators, auditors.

What belongs here: options, asking for passwords, showing. What does not: what a person is (``engine.people``).
"""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esoz_notify.cli.acting import actor
from esoz_notify.cli.ledger_work import on_ledger
from esoz_notify.cli.options import DataFolderOption, JsonOption, among
from esoz_notify.core.errors import ConfigError
from esoz_notify.engine.passwords import PASSWORD_LENGTH_MIN
from esoz_notify.engine.people import People, Person, Role
from esoz_notify.store.vault import Vault

if TYPE_CHECKING:
    from esoz_notify.engine.entrance import Entrance

operators_app = typer.Typer(
    help="People of the pages: doctors, operators, auditors.",
    no_args_is_help=True,
)

Outcome = TypeVar("Outcome")
LoginArgument = Annotated[str, typer.Argument(metavar="LOGIN", help="What the person signs in by, such as o.koval.")]
AskOption = Annotated[bool, typer.Option("--ask", help="Ask for the password instead of making and showing one.")]


@operators_app.command("list")
def list_people(context: typer.Context, *, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Show everybody who may sign in or could.

    Example: esoz-notify operators list --data ./demo-data
    """
    found = _with_people(context, data, lambda people: people.list())
    if as_json:
        typer.echo(json.dumps({"operators": [_document(person) for person in found]}, ensure_ascii=False))
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("Login", "Name", "Role", "System", "Created", "Disabled"):
        table.add_column(heading, overflow="fold")
    for one in found:
        disabled = f"[red]{one.disabled_at:%Y-%m-%d %H:%M}[/]" if one.disabled_at else ""
        created = f"{one.created_at:%Y-%m-%d %H:%M}"
        table.add_row(one.login, escape(one.name), one.role.value, one.client_id, created, disabled)
    Console().print(table, highlight=False)


@operators_app.command()
def add(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    login: LoginArgument,
    *,
    name: Annotated[str, typer.Option("--name", help="The person's name, as others know it.")],
    client_id: Annotated[str, typer.Option("--system", metavar="ID", help="Whose notifications: id of a caller.")],
    role: Annotated[
        str, typer.Option("--role", metavar="|".join(Role), autocompletion=among(Role), help="What the person may do.")
    ] = "doctor",
    ask: AskOption = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a person; the password is made and shown this once, or asked for.

    Example: esoz-notify operators add o.koval --name "Оксана Коваль" --system mis-1
    """
    given = _asked() if ask else None
    made = _with_people(context, data, lambda people: people.add(login, name, role, client_id, given, by=actor()))
    _tell(login, None if ask else made, as_json=as_json)


@operators_app.command()
def password(
    context: typer.Context,
    login: LoginArgument,
    *,
    ask: AskOption = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a person another password; sessions end, and a disabled person may sign in again.

    Example: esoz-notify operators password o.koval --ask
    """
    given = _asked() if ask else None
    made = _with_people(context, data, lambda people: people.set_password(login, given, by=actor()))
    _tell(login, None if ask else made, as_json=as_json)


@operators_app.command()
def role(
    context: typer.Context,
    login: LoginArgument,
    role: Annotated[str, typer.Argument(metavar="ROLE", autocompletion=among(Role), help=f"One of {', '.join(Role)}.")],
    *,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a person another role, which counts from the next page on; one operator must remain.

    Example: esoz-notify operators role o.koval auditor
    """
    _with_people(context, data, lambda people: people.change_role(login, role, by=actor()))
    if as_json:
        typer.echo(json.dumps({"login": login, "role": role}))
    else:
        Console().print(f"{login} is {role} now", highlight=False)


@operators_app.command()
def disable(
    context: typer.Context, login: LoginArgument, *, data: DataFolderOption = None, as_json: JsonOption = False
) -> None:
    """Take a person's access away; sessions end at once, and what the person printed stays in the trail.

    Example: esoz-notify operators disable o.koval
    """
    _with_people(context, data, lambda people: people.disable(login, by=actor()))
    if as_json:
        typer.echo(json.dumps({"login": login, "disabled": True}))
    else:
        Console().print(f"{login} is disabled and signed out", highlight=False)


@operators_app.command("require-second-factor")
def require_second_factor(
    context: typer.Context,
    login: LoginArgument,
    *,
    off: Annotated[bool, typer.Option("--off", help="Take the demand back; what the role demands stays.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Demand a second factor: the person enrols one at the next page, before anything else.

    Example: esoz-notify operators require-second-factor o.koval
    """
    who = actor()
    _at_entrance(context, data, lambda doors: doors.factors.require(login, required=not off, by=who))
    if as_json:
        typer.echo(json.dumps({"login": login, "second_factor_required": not off}))
    else:
        Console().print(f"{login} {'may' if off else 'must'} have a second factor", highlight=False)


@operators_app.command("reset-second-factor")
def reset_second_factor(
    context: typer.Context, login: LoginArgument, *, data: DataFolderOption = None, as_json: JsonOption = False
) -> None:
    """Forget the second factors of a person who lost them; sessions end. Be sure who asks you for it.

    Example: esoz-notify operators reset-second-factor o.koval
    """
    _at_entrance(context, data, lambda doors: doors.factors.reset(login, by=actor()))
    if as_json:
        typer.echo(json.dumps({"login": login, "second_factor": None}))
    else:
        Console().print(f"{login} has no second factor now and is signed out", highlight=False)


@operators_app.command()
def link(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    login: LoginArgument,
    *,
    email: Annotated[str | None, typer.Option("--email", help="The person's address at the provider.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="The person's `sub` at the provider.")] = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say who a person is at the OpenID Connect provider of the settings; of an address only a hash is kept.

    Example: esoz-notify operators link o.koval --email o.koval@hospital.example
    """

    async def linked(doors: "Entrance") -> None:
        if doors.oidc is None or not (email or subject):
            raise ConfigError("link needs ESOZ_NOTIFY_OIDC_ISSUER, and --email or --subject")
        await doors.oidc.link(login, email=email, subject=subject)

    _at_entrance(context, data, linked)
    if as_json:
        typer.echo(json.dumps({"login": login, "linked": True}))
    else:
        Console().print(f"{login} may sign in at the provider", highlight=False)


def _with_people(context: typer.Context, data: Any, work: Callable[[People], Awaitable[Outcome]]) -> Outcome:
    return _at_entrance(context, data, lambda doors: work(doors.people))


def _at_entrance(context: typer.Context, data: Any, work: "Callable[[Entrance], Awaitable[Outcome]]") -> Outcome:
    from esoz_notify.wiring_people import people_entrance

    return on_ledger(context, data, lambda ledger, keys: work(people_entrance(context.obj, ledger, Vault(keys))))


def _asked() -> str:
    """A password typed twice without being shown."""
    asked: str = typer.prompt(
        f"Password, {PASSWORD_LENGTH_MIN} characters or more",
        hide_input=True,
        confirmation_prompt="Once more",
        err=True,
    )
    return asked


def _tell(login: str, made: str | None, *, as_json: bool) -> None:
    """Show what was made; a password that was typed is not shown."""
    if as_json:
        typer.echo(json.dumps({"login": login, **({"password": made} if made else {})}))
        return
    typer.echo(f"login     {login}" + (f"\npassword  {made}" if made else ""))
    if made:
        typer.echo("Keep the password now: it is shown this once.", err=True)


def _document(person: Person) -> dict[str, Any]:
    return {
        "login": person.login,
        "name": person.name,
        "role": person.role.value,
        "system": person.client_id,
        "created_at": person.created_at.isoformat(),
        "disabled_at": person.disabled_at.isoformat() if person.disabled_at else None,
    }
