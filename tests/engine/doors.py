"""An entrance over an empty ledger, for tests of what lets people in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from esoz_notify.engine.access import Access
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.entrance import Entrance, entrance
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.sessions import Origin, Session
from esoz_notify.store.vault import Keys, Vault

KEYS = Keys(data_keys={1: b"d" * 32}, current_id=1, index_key=b"i" * 32, code_key=b"c" * 32, token_key=b"t" * 32)
LOGIN, PASSWORD = "o.koval", "four words are good"
HERE = Origin(address="203.0.113.77", device="Firefox · Linux")


class StoppedClock(LedgerClock):
    """Stands where it was first set, so that a code is of the same half minute however long a test takes."""

    def set(self, ledger_now: datetime) -> None:
        if self._base is None:
            super().set(ledger_now)

    def now(self) -> datetime:
        assert self._base is not None
        return self._base


@dataclass(frozen=True, slots=True)
class Doors:
    """What a test opens and closes."""

    ledger: Ledger
    entrance: Entrance

    async def sign_in(self, origin: Origin = HERE) -> tuple[str, Session]:
        """Sign the doctor in; gives the token and the session."""
        opened = await self.entrance.sessions.sign_in(LOGIN, PASSWORD, origin)
        return opened.token, await self.entrance.sessions.session(opened.token)

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        """Look into the ledger, or change it behind everybody's back."""
        async with self.ledger.transaction() as connection:
            cursor = await connection.execute(query.encode())
            return [tuple(row) for row in await cursor.fetchall()] if cursor.description else []


@asynccontextmanager
async def some_doors(dsn: str, **options: Any) -> AsyncIterator[Doors]:
    """An entrance that knows one doctor of one caller. ``options``: those of ``entrance``."""
    ledger = Ledger(dsn, StoppedClock())
    await ledger.open()
    try:
        await Access(ledger, KEYS).callers.create("mis-1", "A hospital's system", ["notifications:read"])
        doors = Doors(ledger, entrance(ledger, Vault(KEYS), **options))
        await doors.entrance.people.add(LOGIN, "Оксана Коваль", "doctor", "mis-1", PASSWORD)
        yield doors
    finally:
        await ledger.close()
