"""After the ledger was restored from a backup: what may have been sent meanwhile is not sent again.

What belongs here: which notifications are in doubt, and withdrawing them. What does not: restoring (PostgreSQL does it,
docs/backup.md), the decision itself (``core.cascade``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from esoz_notify.core.cascade import CancelAsked
from esoz_notify.core.delivery import Because
from esoz_notify.engine import audit
from esoz_notify.engine.applying import apply_events
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import reading, restoring

BATCH_MAX = 500
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A notification that may have moved on after the moment to which its ledger was restored."""

    id: UUID
    client_id: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """``doubtful``: withdrawn, or to be; ``untouched``: how many are proved to have stood still, and go on."""

    doubtful: tuple[Doubtful, ...]
    untouched: int


async def settle(
    ledger: Ledger,
    later: Ledger | None,
    who: str,
    *,
    withdraw: bool,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> Found:
    """Find what is in doubt, and withdraw it when that is asked; its callers learn of it as of any other cancel.

    ``later``: the same ledger as it was in the end, by whatever way that is to be had; its histories tell what stood
    still. Without it all that was on its way is in doubt. Run it before any worker. May be run again.
    Raises Unavailable when either does not answer.
    """
    doubtful: list[Doubtful] = []
    untouched, after = 0, _FIRST
    while True:
        async with ledger.transaction() as connection:
            batch = await restoring.on_the_way(connection, after, BATCH_MAX)
            moved = await _moved(later, batch)
            stored = await reading.some(connection, moved)
            if withdraw:
                await apply_events(connection, [(one, CancelAsked(Because.OPERATOR)) for one in moved], dict)
        if not batch:
            break
        after = max(batch)
        doubtful += (Doubtful(one.id, one.client_id, one.reference) for one in stored)
        untouched += len(batch) - len(moved)
        on_progress(len(doubtful) + untouched)
    if withdraw:
        details = {"withdrawn": str(len(doubtful)), "untouched": str(untouched)}
        deed = audit.Deed(actor=who, action=audit.Action.LEDGER_RESTORED, subject="ledger:restored", details=details)
        async with ledger.transaction() as connection:
            await audit.note(connection, deed)
    return Found(tuple(doubtful), untouched)


async def _moved(later: Ledger | None, batch: Mapping[UUID, int]) -> list[UUID]:
    """Those of which something was recorded after the restored moment; all of them when nobody can tell."""
    if later is None:
        return list(batch)
    async with later.transaction() as connection:
        known = await restoring.facts_of(connection, list(batch))
    return [one for one, count in batch.items() if known.get(one, 0) != count]
