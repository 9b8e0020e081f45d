"""The command ``esoz-notify``: its subcommands, and one way for every error to end.

What belongs here: registration and exit codes (0 done, 1 the work failed, 2 the call was wrong). What does not: the
commands themselves (the other files of this room).
"""

import logging
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text
from typer.core import TyperGroup
from typer.main import get_group

from esoz_notify import __version__
from esoz_notify.cli.log_lines import JsonLines
from esoz_notify.core.errors import ConfigError, InvalidInput, NotifyError
from esoz_notify.settings import Settings, read_settings
from esoz_notify.settings_file import DEFAULT_FILE

TRY = "To try it on one machine"
CALL = "For callers of a running service"
RUN = "To run it"
GOVERN = "Who may do what, and who did"
MEASURE = "To measure and to practise"


class Command(NamedTuple):
    """A command as help lists it, and where it is: a file of this room, and its name there."""

    panel: str
    file: str
    called: str
    what: str


COMMANDS: Mapping[str, Command] = {
    "up": Command(TRY, "serve", "up", "Run everything on this machine: API, worker and an embedded PostgreSQL."),
    "demo": Command(TRY, "demo", "demo", "Start everything in a throw-away folder and show how each patient is told."),
    "lab": Command(TRY, "lab", "lab", "Play the world outside: Viber, two operators' SMSCs, Diia, everybody's phones."),
    "send": Command(CALL, "ask", "send", "Have one person informed."),
    "watch": Command(CALL, "ask", "watch", "Show a notification's story as it happens, until it is over."),
    "route": Command(CALL, "ask", "route", "Say who would be informed, by which channels and why; sends nothing."),
    "bulk": Command(CALL, "bulk", "bulk", "Have many people informed, by a file: each row once, whatever stops it."),
    "api": Command(RUN, "serve", "api", "Run the API alone, on the ledger of the settings. Any number may run."),
    "worker": Command(RUN, "serve", "worker", "Run a worker alone: it sends and applies receipts. Any number may run."),
    "migrate": Command(RUN, "serve", "migrate", "Bring the ledger up to this program's version. May be run again."),
    "doctor": Command(RUN, "doctor", "doctor", "Check the installation and say what to do; changes nothing."),
    "summaries": Command(RUN, "summaries", "summaries", "Make one PDF of everything that waits for print."),
    "purge": Command(RUN, "purge", "purge", "Show what is over its time, or erase it."),
    "restored": Command(RUN, "restored", "restored", "After a restore from a backup, before any worker starts."),
    "clients": Command(GOVERN, "clients", "clients_app", "Callers of the API: their secrets, keys, limits."),
    "operators": Command(GOVERN, "operators", "operators_app", "People of the pages: doctors, operators, auditors."),
    "policy": Command(GOVERN, "policy", "policy_app", "Routing policies: which channels, in which order, how long."),
    "keys": Command(GOVERN, "keys", "keys_app", "Keys of data at rest: list, new, rotate, retire."),
    "audit": Command(GOVERN, "audit", "audit_app", "Who did what: verify, list, anchor, key."),
    "bench": Command(MEASURE, "bench", "bench", "Measure the product on this machine, over loopback only."),
    "drill": Command(MEASURE, "drill", "drill", "Break things on purpose and see that every alarm rings."),
}
"""Each command, in the order in which help tells them."""

EPILOG = (
    "Exit codes: 0 done, 1 the work failed, 2 the call was wrong. Each command has examples: esoz-notify COMMAND --help"
)


class _Loading(TyperGroup):
    """Commands of which only the one that is called, or completed, is loaded: loading all takes seconds."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put the command itself in place of its line of help."""
        if args[0] in COMMANDS:
            self.commands[args[0]] = loaded(args[0])
        return super().resolve_command(ctx, args)


def application() -> typer.Typer:
    """The command line."""
    app = typer.Typer(
        name="esoz-notify",
        cls=_Loading,
        help="Tells patients of Ukraine's electronic health system their codes and numbers: Diia, Viber, SMS, paper.",
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(start)
    for name, one in COMMANDS.items():
        app.command(name, help=one.what, rich_help_panel=one.panel)(_loaded_when_called)
    return app


def _loaded_when_called() -> None:
    """Stand for a command in lists."""


def loaded(name: str) -> Any:
    """A command, or a group of some, with all its options."""
    one = COMMANDS[name]
    found = getattr(import_module(f"esoz_notify.cli.{one.file}"), one.called)
    app = typer.Typer(add_completion=False)
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name)
    else:
        app.command(name)(found)
    return get_group(app).commands[name]


def start(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option("--config", help=f"File of settings (TOML); else ESOZ_NOTIFY_CONFIG or {DEFAULT_FILE}."),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Read the settings once, for every command."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.resilient_parsing or context.invoked_subcommand is None:
        return
    settings = read_settings(config=config)
    set_up_logging(settings)
    context.obj = settings


def set_up_logging(settings: Settings) -> None:
    """Log lines to stderr: of JSON if it is asked for, else coloured for a person at a terminal, plain otherwise."""
    console = Console(stderr=True)
    handler: logging.Handler
    if settings.log_format == "json":
        handler = logging.StreamHandler(sys.stderr)
        layout = "%(message)s"
    elif console.is_terminal:
        handler = RichHandler(console=console, show_path=False, rich_tracebacks=False)
        layout = "%(name)s: %(message)s"
    else:
        handler = logging.StreamHandler(sys.stderr)
        layout = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=settings.log_level, format=layout, handlers=[handler], force=True)
    if settings.log_format == "json":
        handler.setFormatter(JsonLines())
    # Names the ledger's host and other people's internals at INFO: not ours to show.
    for noisy in ("psycopg.pool", "aiohttp.access", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def main() -> None:
    """Run the command. Expected errors are one sentence and an exit code, never a traceback."""
    try:
        application()()
    except NotifyError as error:
        Console(stderr=True).print(Text.assemble(("esoz-notify: ", "bold red"), error.detail), soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigError | InvalidInput) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
