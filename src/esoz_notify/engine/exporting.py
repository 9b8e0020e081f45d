"""Taking a list of notifications away as a file: slowly, a few at a time, so that sending does not feel it.

What belongs here: the batches, their pace and bounds, and noting it in the audit. What does not: which rows a filter
means (``finding``), what a file looks like (console).
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from esoz_notify.core.errors import Conflict
from esoz_notify.engine.audit import Action, Deed, note
from esoz_notify.engine.desk import demand_of_the_service
from esoz_notify.engine.finding import LOOKED_MAX, Chosen
from esoz_notify.engine.ledgers import Ledger, Steady
from esoz_notify.engine.people import Person
from esoz_notify.store import finding
from esoz_notify.store.finding import Row
from esoz_notify.store.ledger import Connection

EXPORTED_MAX = 100_000
BATCH = 500
"""Rows read at once: some 10 ms of the ledger and of this process."""
PAUSE_S = 0.02
"""After each batch at least so long, and as long as the batch took: half of the time is everybody else's."""
LOOKS_MAX = 500
"""So often the ledger is asked for one file: enough for five million rows none of which is wanted."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows, newest first. ``cut``: the file ends here, though there may be more."""

    rows: tuple[Row, ...]
    cut: bool = False


class Exporter:
    """Exports lists. Each on a connection of its own, never in a transaction while its reader is waited for."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def export(self, person: Person, chosen: Chosen) -> AsyncGenerator[Batch, None]:
        """All that is chosen, EXPORTED_MAX at most. The first batch is empty: it comes as soon as the deed is noted.

        Raises NotAllowed, Conflict when this person has another export running, and Unavailable.
        """
        demand_of_the_service(person)
        steady = self._ledger.session()
        try:
            await _begin(steady, person, chosen)
            yield Batch(())
            async for batch in _batches(self._ledger, chosen):
                yield batch
        finally:
            await steady.close()


async def _begin(steady: Steady, person: Person, chosen: Chosen) -> None:
    deed = Deed(
        actor=f"person:{person.login}", action=Action.EXPORT, subject="ledger:notifications", details=chosen.given
    )

    async def noted(connection: Connection) -> None:
        if not await finding.is_only_export(connection, person.login):
            raise Conflict("another export of yours is running; wait until it is done", code="export_running")
        await note(connection, deed)

    await steady.run(noted)


async def _batches(ledger: Ledger, chosen: Chosen) -> AsyncGenerator[Batch, None]:
    wanted, left = chosen.wanted, EXPORTED_MAX
    for _ in range(LOOKS_MAX):
        size = min(BATCH, left)
        began_s = time.monotonic()
        async with ledger.reading() as connection:
            found, end = await finding.look(connection, wanted, size, LOOKED_MAX)
        took_s = time.monotonic() - began_s
        left -= len(found)
        if len(found) == size:
            end = found[-1].id
        yield Batch(tuple(found), cut=end is not None and not left)
        if end is None or not left:
            return
        wanted = replace(wanted, below=end)
        await asyncio.sleep(max(PAUSE_S, took_s))
    yield Batch((), cut=True)
