"""Options that several commands share, and how a caller of the API is found in them.

What belongs here: reading options. What does not: what the commands do.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from esoz_notify.core.errors import InvalidInput, Problem

DEV_CLIENT_FILE = Path("demo-data/dev-client.json")
"""Where ``up --lab --data ./demo-data`` leaves a caller."""


def among(values: Iterable[str]) -> Callable[[], list[str]]:
    """What a shell completes a value by, for an option or an argument."""
    found = list(values)
    return lambda: found


LANGUAGES = ("uk", "en")
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a picture.")]
LanguageOption = Annotated[
    str, typer.Option("--lang", metavar="uk|en", autocompletion=among(LANGUAGES), help="Language of what is shown.")
]
UrlOption = Annotated[str | None, typer.Option("--url", help="The service, such as http://127.0.0.1:8080.")]
ClientIdOption = Annotated[str | None, typer.Option("--client-id", help="Id of the caller that asks.")]
ClientSecretOption = Annotated[
    str | None, typer.Option("--client-secret", help="Its secret; other users may see it here: prefer --client.")
]
ClientFileOption = Annotated[
    Path | None,
    typer.Option("--client", help=f"JSON file with those three; {DEV_CLIENT_FILE} is found by itself."),
]
DataFolderOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder for the ledger and the keys; else ESOZ_NOTIFY_DATA or ~/.local/share/esoz-notify.",
    ),
]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Which service to ask, and as whom."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)


def find_credentials(
    url: str | None, client_id: str | None, client_secret: str | None, file: Path | None
) -> Credentials:
    """Options go over the file. Raises InvalidInput naming everything that is missing, and where to get it."""
    given: dict[str, str] = {}
    if file is not None or DEV_CLIENT_FILE.exists():
        given = _read_client_file(file or DEV_CLIENT_FILE)
    wanted = {"base_url": url, "client_id": client_id, "client_secret": client_secret}
    found = {name: value or given.get(name, "") for name, value in wanted.items()}
    names = {"base_url": "--url", "client_id": "--client-id", "client_secret": "--client-secret"}
    missing = [names[name] for name, value in found.items() if not value]
    if missing:
        raise InvalidInput(
            [Problem("/client", "required", "the service or the caller is not known")],
            detail=f"give {', '.join(missing)}, or --client FILE (esoz-notify up --lab --data ./demo-data makes one)",
        )
    return Credentials(found["base_url"], found["client_id"], found["client_secret"])


def _read_client_file(path: Path) -> dict[str, str]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        rule = f"the client file {path} cannot be read: {error.strerror or error}"
    except ValueError:
        rule = f"the client file {path} is not JSON"
    else:
        if isinstance(document, dict):
            return {name: value for name, value in document.items() if isinstance(value, str)}
        rule = f"the client file {path} is not a JSON object"
    raise InvalidInput([Problem("/client", "client_file", rule)], detail=rule)


def read_pairs(option: str, pairs: Sequence[str]) -> dict[str, str]:
    """``key=value`` words as an object. Raises InvalidInput naming the option, never the values."""
    values: dict[str, str] = {}
    problems = []
    for number, pair in enumerate(pairs, start=1):
        key, equals, value = pair.partition("=")
        if not equals or not key:
            problems.append(Problem(f"/{option}", "format", f"--{option} number {number} must be key=value"))
        elif key in values:
            problems.append(Problem(f"/{option}", "given_twice", f"--{option} {key} is given twice"))
        values[key] = value
    if problems:
        raise InvalidInput(problems, detail="; ".join(problem.detail for problem in problems))
    return values


def check_language(language: str) -> str:
    """Refuse what is neither of the two languages."""
    if language not in LANGUAGES:
        raise InvalidInput([Problem("/lang", "format", "must be uk or en")], detail="--lang must be uk or en")
    return language
