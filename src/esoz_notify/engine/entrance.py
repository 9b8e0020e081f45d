"""All by which people come in, put together once.

What belongs here: joining. What does not: any rule of theirs.
"""

from dataclasses import dataclass

from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.people import People
from esoz_notify.engine.sessions import Sessions
from esoz_notify.store.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What pages let people in by."""

    people: People
    sessions: Sessions


def entrance(ledger: Ledger, vault: Vault) -> Entrance:
    """Put it together over a ledger."""
    people = People(ledger, vault)
    return Entrance(people=people, sessions=Sessions(ledger, vault, people))
