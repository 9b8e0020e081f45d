"""This process among all that run on the ledger: it says that it lives, and tells who else does.

What belongs here: saying so, and refusing what is not safe while programs of two versions run. What does not: the SQL
(store), which migrations may be applied (``store.migrations``).
"""

import asyncio
import contextlib
import math
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from esoz_notify import __version__
from esoz_notify.core.errors import Conflict, Unavailable
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import processes as table
from esoz_notify.store.ledger import Connection
from esoz_notify.store.migrations import PROCESS_LIFE_S, migration_files

SEEN_S = 5.0
_LEAVE_S = 1.0

assert SEEN_S * 3 < PROCESS_LIFE_S, "a process must have several chances to say that it lives"


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """A process that lives. ``same``: its program came with the very migrations that this one came with."""

    role: str
    host: str
    version: str
    started_at: datetime
    same: bool


class Presence:
    """Says every few seconds that this process lives. ``role``: api, worker, or api+worker."""

    def __init__(self, ledger: Ledger, process: UUID, role: str) -> None:
        self._ledger = ledger
        self.process = process
        self._next_s = time.monotonic() + SEEN_S
        self._say = partial(
            table.seen,
            process=process,
            role=role,
            host=socket.gethostname(),
            version=__version__,
            knows=sorted(migration_files()),
        )

    async def open(self) -> None:
        """Say it for the first time, before anything is done. Raises Unavailable."""
        async with self._ledger.transaction() as connection:
            await self._say(connection)

    async def look(self, connection: Connection) -> None:
        """Say it again when it is time."""
        if time.monotonic() >= self._next_s:
            await self._say(connection)
            self._next_s = time.monotonic() + SEEN_S

    async def close(self) -> None:
        """Take it back: this process is no more. A ledger that is away finds out by itself."""
        self._next_s = math.inf
        with contextlib.suppress(Unavailable, TimeoutError):
            await asyncio.wait_for(self._leave(), _LEAVE_S)

    async def _leave(self) -> None:
        async with self._ledger.transaction() as connection:
            await table.leave(connection, self.process, 100 * PROCESS_LIFE_S)


async def living(ledger: Ledger) -> list[Living]:
    """Every process that lives, by host and role."""
    own = set(migration_files())
    async with ledger.transaction() as connection:
        rows = await table.living(connection, PROCESS_LIFE_S)
    return [
        Living(
            role=row.role,
            host=row.host,
            version=row.version,
            started_at=row.started_at,
            same=set(row.knows) == own,
        )
        for row in rows
    ]


async def demand_one_version(connection: Connection, what: str) -> None:
    """Refuse ``what`` while programs of two versions work on this ledger. Raises Conflict naming the others.

    A program knows the sealed columns of its own version only, and what one seals the other must be able to read.
    """
    own = set(migration_files())
    others = [row for row in await table.living(connection, PROCESS_LIFE_S) if set(row.knows) != own]
    newer = await table.applied(connection) - own
    if others or newer:
        raise Conflict(f"{what} is not safe now: {_why(others, newer)}", code="versions_differ")


def _why(others: Collection[table.ProcessRow], newer: Collection[str]) -> str:
    if newer:
        return f"the ledger has {', '.join(sorted(newer))}, which this program does not know; use the newer program"
    named = ", ".join(f"{row.role} on {row.host} ({row.version})" for row in others)
    return f"processes of another version run: {named}; finish the upgrade first"
