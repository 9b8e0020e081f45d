"""How often one may try: every try counts before it is judged, and too many cost a wait that grows and has an end.

What belongs here: the paces, and counting. What does not: what is tried (``sessions``, ``factors``), the SQL (store).

Whoever types a stranger's login slows that login, so a person is never counted by it alone: from a browser in which
the person has signed in before, that browser is counted instead, and nobody else can slow it.
"""

from dataclasses import dataclass
from datetime import timedelta

from esoz_notify.core.errors import LimitReached
from esoz_notify.store import sessions as table
from esoz_notify.store.ledger import Connection
from esoz_notify.store.vault import Vault

_QUARTER_S, _DAY_S = 15 * 60.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How many tries in a row cost nothing, the longest wait after more, and when tries are forgotten."""

    purpose: str
    free: int
    pause_max_s: float
    forgotten_after_s: float

    def pause_s(self, tries: int) -> float:
        """How long to wait after so many tries in a row: 1, 2, 4 … seconds."""
        return 0.0 if tries < self.free else min(2.0 ** min(tries - self.free, 32), self.pause_max_s)


LOGIN = Pace("login", 5, 60.0, _QUARTER_S)
"""Passwords of one login from browsers that are new to it: guessing is hopeless at this pace, and a wait has an end."""
DEVICE = Pace("device", 5, 60.0, _QUARTER_S)
"""Passwords from one browser that has signed in before."""
ADDRESS = Pace("address", 50, 60.0, _QUARTER_S)
"""Passwords of any login from one address: a hospital may be behind one, so many are free."""
FACTOR = Pace("factor", 5, 15 * 60.0, _DAY_S)
"""Codes of a second factor, and passwords asked again: only who knows the password, or sits there, gets so far."""


async def count(connection: Connection, vault: Vault, pace: Pace, what: str) -> None:
    """Count a try, so that many at once gain nothing over one by one. Raises LimitReached while one must wait."""
    key = vault.index(what, pace.purpose)
    tries, last_at, now = await table.lock_tries(connection, key)
    if now - last_at > timedelta(seconds=pace.forgotten_after_s):
        tries, last_at = 0, now
    next_at = last_at + timedelta(seconds=pace.pause_s(tries))
    if next_at > now:
        raise LimitReached("too many tries; wait a little and try again", next_at=next_at)
    await table.write_tries(connection, key, tries + 1)


async def forget(connection: Connection, vault: Vault, pace: Pace, what: str) -> None:
    """The right one came."""
    await table.forget_tries(connection, vault.index(what, pace.purpose))


async def give_back(connection: Connection, vault: Vault, pace: Pace, what: str) -> None:
    """The right one came by what others share: their tries stay counted."""
    await table.give_back_try(connection, vault.index(what, pace.purpose))
