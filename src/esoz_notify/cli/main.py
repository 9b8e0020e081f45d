"""The command ``esoz-notify``: its subcommands, and one way for every error to end.

What belongs here: registration and exit codes (0 done, 1 the work failed, 2 the call was wrong). What does not: the
commands themselves (the other files of this room).
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

from esoz_notify import __version__
from esoz_notify.cli.log_lines import JsonLines
from esoz_notify.core.errors import ConfigError, InvalidInput, NotifyError
from esoz_notify.settings import Settings, read_settings
from esoz_notify.settings_file import DEFAULT_FILE

COMMANDS: Mapping[str, tuple[str, str]] = {
    "up": ("serve", "up"),
    "demo": ("demo", "demo"),
    "api": ("serve", "api"),
    "worker": ("serve", "worker"),
    "lab": ("lab", "lab"),
    "migrate": ("serve", "migrate"),
    "send": ("ask", "send"),
    "watch": ("ask", "watch"),
    "route": ("ask", "route"),
    "bulk": ("bulk", "bulk"),
    "policy": ("policy", "policy_app"),
    "clients": ("clients", "clients_app"),
    "operators": ("operators", "operators_app"),
    "keys": ("keys", "keys_app"),
    "purge": ("purge", "purge"),
    "restored": ("restored", "restored"),
    "audit": ("audit", "audit_app"),
    "doctor": ("doctor", "doctor"),
    "bench": ("bench", "bench"),
    "drill": ("drill", "drill"),
    "summaries": ("summaries", "summaries"),
}
"""Each command, the file of this room that it is in, and its name there. In the order in which help tells them."""


def application(words: Sequence[str] = ()) -> typer.Typer:
    """The command line; of the command that ``words`` name alone if they name one, as loading all takes seconds."""
    app = typer.Typer(
        name="esoz-notify",
        help="Tells patients of Ukraine's electronic health system their codes and numbers: Diia, Viber, SMS, paper.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(start)
    named = _command_of(words)
    needed = tuple(name for name in COMMANDS if named in {None, name}) or tuple(COMMANDS)
    for name in () if "--version" in words else needed:
        file, called = COMMANDS[name]
        found = getattr(import_module(f"esoz_notify.cli.{file}"), called)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _command_of(words: Sequence[str]) -> str | None:
    """The first word that is neither an option nor the value of one."""
    options = [number for number, word in enumerate(words) if word == "--config"]
    return next(
        (word for number, word in enumerate(words) if not word.startswith("-") and number - 1 not in options), None
    )


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
        application(sys.argv[1:])()
    except NotifyError as error:
        Console(stderr=True).print(Text.assemble(("esoz-notify: ", "bold red"), error.detail), soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigError | InvalidInput) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
