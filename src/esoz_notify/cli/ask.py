"""Commands that ask a running service over HTTP, as any other caller would: send, watch, route.

What belongs here: options, calls and exit codes. What does not: pictures (``story``) and the API itself.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console, RenderableType
from rich.live import Live

from esoz_notify.cli import story
from esoz_notify.cli.options import (
    ClientFileOption,
    ClientIdOption,
    ClientSecretOption,
    Credentials,
    JsonOption,
    LanguageOption,
    UrlOption,
    among,
    check_language,
    find_credentials,
    read_pairs,
)
from esoz_notify.client import NotifyClient, NotifyProblem
from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.status import Status

Json = Mapping[str, Any]

WATCH_S = 600.0
_ARRIVED = frozenset({Status.DELIVERED, Status.PRINT_REQUIRED, Status.PRINTED})
CALL_WAS_WRONG = frozenset({400, 401, 403, 404, 413, 415, 422})
"""Statuses that say that the call itself must be changed."""

KindArgument = Annotated[
    str,
    typer.Argument(metavar="KIND", autocompletion=among(KINDS), help="As confirmation_code; docs/kinds.md has all."),
]
PatientOption = Annotated[str | None, typer.Option("--patient", metavar="ID", help="A patient that the service knows.")]
PhoneOption = Annotated[
    str | None, typer.Option("--phone", metavar="+380…", help="Or the phone to inform, as +380000000001.")
]
DataOption = Annotated[
    list[str] | None, typer.Option("--data", metavar="KEY=VALUE", help="A datum of the kind; may be repeated.")
]
InformOption = Annotated[str | None, typer.Option("--inform-with", help="Id of an authentication method, or print.")]
IdArgument = Annotated[UUID, typer.Argument(metavar="ID", help="Id of a notification.")]
WaitOption = Annotated[float, typer.Option("--for", metavar="SECONDS", min=0.1, help="How long to watch.")]


@dataclass(frozen=True, slots=True)
class Screen:
    """How an answer is shown."""

    language: str
    as_json: bool

    def show(self, document: Json, picture: Callable[[Json, str], RenderableType], *, error: bool = False) -> None:
        """Print the document itself, or its picture."""
        if self.as_json:
            typer.echo(json.dumps(document, ensure_ascii=False))
        else:
            Console(stderr=error).print(picture(document, self.language), highlight=False)


def send(  # noqa: PLR0913, PLR0917 - options of a command line
    kind: KindArgument,
    patient: PatientOption = None,
    phone: PhoneOption = None,
    data: DataOption = None,
    summary: Annotated[
        list[str] | None,
        typer.Option(
            "--summary", metavar="KEY=VALUE", help="A line of the printed summary, as medication=…; may be repeated."
        ),
    ] = None,
    inform_with: InformOption = None,
    reference: Annotated[str | None, typer.Option("--reference", help="Your own id of the notification.")] = None,
    valid_until: Annotated[
        str | None, typer.Option("--valid-until", help="Until when it is worth delivering, as 2026-11-23T10:00:00Z.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Idempotency-Key: sending again under it does not double.")
    ] = None,
    watching: Annotated[bool, typer.Option("--watch", help="Then watch it until it is over.")] = False,
    seconds: WaitOption = WATCH_S,
    language: LanguageOption = "uk",
    as_json: JsonOption = False,
    url: UrlOption = None,
    client_id: ClientIdOption = None,
    client_secret: ClientSecretOption = None,
    client: ClientFileOption = None,
) -> None:
    """Have one person informed.

    Exit code 1 when nobody can be informed, or with --watch when the message did not arrive.

    Example: esoz-notify send confirmation_code --phone +380000000001 --data verification_code=4821 --watch
    """
    asked = _asked(kind, patient, phone, data, inform_with)
    asked |= {
        "summary": read_pairs("summary", summary) if summary else None,
        "reference": reference,
        "valid_until": valid_until,
        "idempotency_key": key,
    }
    screen = Screen(check_language(language), as_json)

    async def work(service: NotifyClient) -> int:
        accepted = await service.send(**asked)
        if watching:
            return await _watch(service, accepted["id"], screen, seconds)
        screen.show(accepted, story.answer)
        return 0

    _run(find_credentials(url, client_id, client_secret, client), work, screen)


def watch(  # noqa: PLR0913, PLR0917 - options of a command line
    notification_id: IdArgument,
    seconds: WaitOption = WATCH_S,
    language: LanguageOption = "uk",
    as_json: JsonOption = False,
    url: UrlOption = None,
    client_id: ClientIdOption = None,
    client_secret: ClientSecretOption = None,
    client: ClientFileOption = None,
) -> None:
    """Show a notification's story as it happens, until it is over.

    That is when nothing more will happen by itself. Exit code 0 when it was delivered or is for print, 1 when it was
    not or is not over in time.

    Example: esoz-notify watch 0198c0de-0000-7000-8000-000000000001 --lang en
    """
    screen = Screen(check_language(language), as_json)

    async def work(service: NotifyClient) -> int:
        return await _watch(service, str(notification_id), screen, seconds)

    _run(find_credentials(url, client_id, client_secret, client), work, screen)


def route(  # noqa: PLR0913, PLR0917 - options of a command line
    kind: KindArgument,
    patient: PatientOption = None,
    phone: PhoneOption = None,
    data: DataOption = None,
    inform_with: InformOption = None,
    language: LanguageOption = "uk",
    as_json: JsonOption = False,
    url: UrlOption = None,
    client_id: ClientIdOption = None,
    client_secret: ClientSecretOption = None,
    client: ClientFileOption = None,
) -> None:
    """Say who would be informed, by which channels and why; sends nothing.

    Exit code 1 when nobody can be informed.

    Example: esoz-notify route referral_issued --phone +380000000001 --data request_number=0123-4567-89AB-CEIK
    """
    asked = _asked(kind, patient, phone, data, inform_with)
    screen = Screen(check_language(language), as_json)

    async def work(service: NotifyClient) -> int:
        decided = await service.route(**asked)
        screen.show(decided, story.route)
        return 0 if decided["route"] else 1

    _run(find_credentials(url, client_id, client_secret, client), work, screen)


def _asked(
    kind: str, patient: str | None, phone: str | None, data: list[str] | None, inform_with: str | None
) -> dict[str, Any]:
    if (patient is None) == (phone is None):
        rule = "give exactly one of --patient and --phone"
        raise InvalidInput([Problem("/patient_id", "one_of", rule)], detail=rule)
    return {
        "kind": kind,
        "data": read_pairs("data", data or []),
        "patient_id": patient,
        "recipient": {"phone": phone} if phone is not None else None,
        "inform_with": inform_with,
    }


def _run(credentials: Credentials, work: Callable[[NotifyClient], Awaitable[int]], screen: Screen) -> None:
    """Do ``work`` with the service and end with its exit code; a refusal is shown whole."""

    async def connected() -> int:
        async with NotifyClient(credentials.base_url, credentials.client_id, credentials.client_secret) as service:
            return await work(service)

    try:
        code = asyncio.run(connected())
    except NotifyProblem as problem:
        screen.show(problem.document, story.problem, error=True)
        code = 2 if problem.status in CALL_WAS_WRONG and "why" not in problem.document else 1
    raise typer.Exit(code)


async def _watch(service: NotifyClient, notification_id: str, screen: Screen, seconds: float) -> int:
    """Follow the facts; each one is a reason to ask for the whole story again."""
    view = await service.get(notification_id)
    console = Console()
    # A table that is drawn over itself is for eyes; into a file or a pipe only the end is written.
    moving = Console(quiet=screen.as_json or not console.is_terminal)
    live = Live(story.story(view, screen.language), console=moving, auto_refresh=False)
    with live, suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(service.events(notification_id)) as events:
            while not _is_over(view):
                event = await anext(events)
                view = await service.get(notification_id)
                live.update(story.story(view, screen.language), refresh=True)
                if event.name == "end":
                    break
    if screen.as_json:
        typer.echo(json.dumps(view, ensure_ascii=False))
    elif not console.is_terminal:
        console.print(story.story(view, screen.language))
    return 0 if view["status"] in _ARRIVED else 1


def _is_over(view: Mapping[str, Any]) -> bool:
    # What is for print waits for a doctor, possibly for a day: nothing to watch.
    return bool(view["terminal"]) or view["status"] == Status.PRINT_REQUIRED
