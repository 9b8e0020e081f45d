"""Commands that work on the ledger itself: connecting to the one that the settings name, with its keys.

What belongs here: finding, checking, opening and closing it. What does not: what the commands do there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import psycopg
import typer

from esoz_notify.cli.serve import ledger_dsn
from esoz_notify.core.errors import ConfigError, Unavailable
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.settings import Settings
from esoz_notify.store import migrations
from esoz_notify.store.vault import Keys, load_or_create_keys
from esoz_notify.wiring import data_folder

Outcome = TypeVar("Outcome")


def on_ledger(context: typer.Context, data: Path | None, work: Callable[[Ledger, Keys], Awaitable[Outcome]]) -> Outcome:
    """Do ``work`` on the ledger. Raises Unavailable when it does not answer, ConfigError when it is not migrated."""
    settings: Settings = context.obj
    if data is not None:
        settings = replace(settings, data=data)
    keys_file = settings.keys_file or data_folder(settings) / "keys.json"

    async def connected(dsn: str) -> Outcome:
        ledger = Ledger(dsn, LedgerClock(), pool_size=1)
        try:
            await ledger.open()
            return await work(ledger, load_or_create_keys(keys_file))
        finally:
            await ledger.close()

    with ledger_dsn(settings) as dsn:
        try:
            missing = migrations.pending(dsn)
        except psycopg.OperationalError as error:
            raise Unavailable(
                f"the ledger does not answer ({type(error).__name__}); esoz-notify doctor says why"
            ) from None
        if missing:
            raise ConfigError(f"the ledger lacks {', '.join(missing)}: run  esoz-notify migrate  first")
        return asyncio.run(connected(dsn))
