"""The command ``esoz-notify``: its subcommands, and one way for every error to end.

What belongs here: registration and exit codes (0 done, 1 the work failed, 2 the call was wrong). What does not: the
commands themselves (the other files of this room).
"""

import logging
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

from esoz_notify import __version__
from esoz_notify.cli import ask, serve
from esoz_notify.cli.audit import audit_app
from esoz_notify.cli.bench import bench
from esoz_notify.cli.clients import clients_app
from esoz_notify.cli.demo import demo
from esoz_notify.cli.doctor import doctor
from esoz_notify.cli.keys import keys_app
from esoz_notify.cli.lab import lab
from esoz_notify.cli.operators import operators_app
from esoz_notify.cli.policy import policy_app
from esoz_notify.cli.purge import purge
from esoz_notify.cli.summaries import summaries
from esoz_notify.core.errors import ConfigError, InvalidInput, NotifyError
from esoz_notify.settings import Settings, read_settings

app = typer.Typer(
    name="esoz-notify",
    help="Tells patients of Ukraine's electronic health system their codes and numbers: Diia, Viber, SMS, paper.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context, *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """Read the settings once, for every command."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.resilient_parsing or context.invoked_subcommand is None:
        return
    settings = read_settings()
    set_up_logging(settings)
    context.obj = settings


def set_up_logging(settings: Settings) -> None:
    """Log lines to stderr: coloured for a person at a terminal, plain otherwise."""
    console = Console(stderr=True)
    handler: logging.Handler
    if console.is_terminal:
        handler = RichHandler(console=console, show_path=False, rich_tracebacks=False)
        layout = "%(name)s: %(message)s"
    else:
        handler = logging.StreamHandler(sys.stderr)
        layout = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=settings.log_level, format=layout, handlers=[handler], force=True)
    # Names the ledger's host and other people's internals at INFO: not ours to show.
    for noisy in ("psycopg.pool", "aiohttp.access", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


app.command()(serve.up)
app.command()(demo)
app.command()(serve.api)
app.command()(serve.worker)
app.command()(lab)
app.command()(serve.migrate)
app.command()(ask.send)
app.command()(ask.watch)
app.command()(ask.route)
app.add_typer(policy_app, name="policy")
app.add_typer(clients_app, name="clients")
app.add_typer(operators_app, name="operators")
app.add_typer(keys_app, name="keys")
app.command()(purge)
app.add_typer(audit_app, name="audit")
app.command()(doctor)
app.command()(bench)
app.command()(summaries)


def main() -> None:
    """Run the command. Expected errors are one sentence and an exit code, never a traceback."""
    try:
        app()
    except NotifyError as error:
        Console(stderr=True).print(Text.assemble(("esoz-notify: ", "bold red"), error.detail), soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigError | InvalidInput) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
