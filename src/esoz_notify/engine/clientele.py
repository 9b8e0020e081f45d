"""Callers as people look at them: by what they come in and for how long yet, their limits, and how much they send.

What belongs here: reading for the pages, a bounded number at a time, and counting each minute of callers once. What
does not: changing anything (``callers``, ``quotas``), pages (console).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from esoz_notify.core.errors import NotFound
from esoz_notify.engine.clock import first_id
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import caller_hours, credentials, quotas, registry
from esoz_notify.store.caller_hours import Hour
from esoz_notify.store.credentials import KeyRow, SecretRow
from esoz_notify.store.ledger import Connection
from esoz_notify.store.registry import ClientRow

__all__ = ["Care", "ClientCard", "Clientele", "Hour", "cares", "count_callers", "newest_minute"]

PAGE_MAX = 100
SECRET_OLD_AFTER = timedelta(days=180)
ENDS_SOON = timedelta(days=3)
CHART_DAYS = 14
HOURS_KEPT = timedelta(days=400)

COUNTED_AFTER = timedelta(minutes=15)
"""A minute of callers is counted when most of what was accepted in it has ended."""
CAUGHT_UP_MAX = 10
"""Minutes counted in one turn: after a pause of all workers several turns catch up, and none is long."""

_MINUTE = timedelta(minutes=1)


class Care(StrEnum):
    """What somebody should see to."""

    NO_WAY_IN = "no_way_in"
    """Neither a secret nor a key: it cannot come in."""
    ENDS_SOON = "ends_soon"
    """Of two secrets the older ends within ENDS_SOON: the system must use the newer one by then."""
    TWO = "two"
    """Two secrets are good."""
    OLD = "old"
    """The newest secret is older than SECRET_OLD_AFTER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCard:
    """A caller. ``secrets``: those that are good, the newest first. ``per_min`` None: the limit of the settings."""

    row: ClientRow
    secrets: Sequence[SecretRow]
    keys: Sequence[KeyRow]
    per_min: int | None
    cares: Sequence[Care]
    day: int


class Clientele:
    """Reads of callers. ``per_min``: requests in a minute of callers that have no number of their own."""

    def __init__(self, ledger: Ledger, per_min: int) -> None:
        self._ledger = ledger
        self.per_min = per_min

    async def page(self, after: str = "") -> tuple[list[ClientCard], str | None]:
        """Callers by id, PAGE_MAX at most, and after which one the next page begins."""
        async with self._ledger.transaction() as connection:
            rows = await registry.clients_after(connection, after, PAGE_MAX + 1)
            cards = await self._cards(connection, rows[:PAGE_MAX])
        return cards, cards[-1].row.id if len(rows) > PAGE_MAX else None

    async def one(self, client_id: str) -> ClientCard:
        """A caller. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            row = await registry.get_client(connection, client_id)
            if row is None:
                raise NotFound("there is no such client", code="client_unknown")
            return (await self._cards(connection, [row]))[0]

    async def hours(self, client_id: str) -> list[Hour]:
        """How much it sent in the CHART_DAYS and a day before now; hours without anything are missing."""
        since = self._ledger.clock.now() - timedelta(days=CHART_DAYS + 1)
        async with self._ledger.transaction() as connection:
            return await caller_hours.of_caller(connection, client_id, since)

    async def _cards(self, connection: Connection, rows: Sequence[ClientRow]) -> list[ClientCard]:
        now, ids = self._ledger.clock.now(), [row.id for row in rows]
        secrets = await credentials.secrets_of(connection, ids)
        keys = await credentials.keys_of(connection, ids)
        own = await quotas.of_callers(connection)
        day = await caller_hours.accepted(connection, ids, now - timedelta(days=1))
        cards = []
        for row in rows:
            good = [one for one in secrets if one.client_id == row.id]
            names = [one for one in keys if one.client_id == row.id]
            told = cares(good, has_keys=bool(names), disabled=row.disabled_at is not None, now=now)
            cards.append(
                ClientCard(
                    row=row, secrets=good, keys=names, per_min=own.get(row.id), cares=told, day=day.get(row.id, 0)
                )
            )
        return cards


def cares(secrets: Sequence[SecretRow], *, has_keys: bool, disabled: bool, now: datetime) -> list[Care]:
    """What somebody should see to; nothing of a caller that is disabled."""
    if disabled:
        return []
    if not secrets:
        return [] if has_keys else [Care.NO_WAY_IN]
    found = []
    if len(secrets) > 1:
        ends = [one.ends_at for one in secrets if one.ends_at is not None]
        found.append(Care.ENDS_SOON if any(one - now < ENDS_SOON for one in ends) else Care.TWO)
    if now - secrets[0].created_at > SECRET_OLD_AFTER:
        found.append(Care.OLD)
    return found


def newest_minute(now: datetime) -> datetime:
    """The last minute of callers that may be counted."""
    return (now - COUNTED_AFTER).replace(second=0, microsecond=0) - _MINUTE


async def count_callers(connection: Connection, newest: datetime) -> None:
    """Count the minutes of callers up to ``newest`` that are not counted yet, CAUGHT_UP_MAX at most, by one process.

    Each minute is counted once: how far it came is written in the same transaction. A new ledger's first is ``newest``.
    """
    is_mine, last = await caller_hours.mark(connection)
    if not is_mine:
        return
    minute = newest if last is None else last + _MINUTE
    beyond = min(newest, minute + (CAUGHT_UP_MAX - 1) * _MINUTE)
    while minute <= beyond:
        await caller_hours.count(connection, minute, first_id(minute), first_id(minute + _MINUTE))
        minute += _MINUTE
