"""Commands that work on the ledger itself: connecting to the one that the settings name, with its keys.

What belongs here: finding, checking, opening and closing it. What does not: what the commands do there.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import psycopg
import typer

from esoz_notify.cli.needs import run
from esoz_notify.core.errors import ConfigError, Unavailable
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.keyring import Keyring
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.installation import data_folder, read_keys
from esoz_notify.settings import Settings
from esoz_notify.store import embedded, migrations
from esoz_notify.store.vault import Keys, Vault

Outcome = TypeVar("Outcome")


@contextmanager
def ledger_dsn(settings: Settings) -> Iterator[str]:
    """The DSN of the settings, the one past a pooler, or of an embedded PostgreSQL that runs as long as this."""
    if settings.dsn:
        yield settings.direct_dsn or settings.dsn
        return
    folder = data_folder(settings)
    server = embedded.start(folder, pg_bin=settings.pg_bin, log=lambda line: typer.echo(line, err=True))
    try:
        yield server.dsn
    finally:
        server.stop()


def on_ledger(context: typer.Context, data: Path | None, work: Callable[[Ledger, Keys], Awaitable[Outcome]]) -> Outcome:
    """Do ``work`` on the ledger, with all keys of this moment.

    Raises Unavailable when it does not answer, ConfigError when it is not migrated.
    """
    return with_keyring(context, data, lambda ledger, keyring: work(ledger, keyring.keys))


def with_keyring(
    context: typer.Context, data: Path | None, work: Callable[[Ledger, Keyring], Awaitable[Outcome]]
) -> Outcome:
    """As ``on_ledger``, for work that takes so long that keys may change meanwhile, or that changes them."""
    settings: Settings = context.obj
    if data is not None:
        settings = replace(settings, data=data)

    async def connected(dsn: str) -> Outcome:
        ledger = Ledger(dsn, LedgerClock(), pool_size=1)
        try:
            await ledger.open()
            document = read_keys(settings)
            keyring = Keyring(ledger, document, Vault(document))
            await keyring.open()
            return await work(ledger, keyring)
        finally:
            await ledger.close()

    with ledger_dsn(settings) as dsn:
        try:
            missing = migrations.pending(dsn, migrations.Stage.PRE)
        except psycopg.OperationalError as error:
            raise Unavailable(
                f"the ledger does not answer ({type(error).__name__}); esoz-notify doctor says why"
            ) from None
        if missing:
            raise ConfigError(f"the ledger lacks {', '.join(missing)}: run  esoz-notify migrate  first")
        return run(connected(dsn))
