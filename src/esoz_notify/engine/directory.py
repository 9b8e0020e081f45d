"""People as those see them who run the service: who there is, by what they come in, where they are signed in.

What belongs here: reading for the pages, a bounded number at a time. What does not: changing anything (``people``,
``factors``, ``sessions``), pages (console).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from esoz_notify.core.errors import NotFound
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.sessions import SESSION_IDLE_S
from esoz_notify.store import factors, people, registry, sessions
from esoz_notify.store.people import KnownRow, Whom
from esoz_notify.store.sessions import SessionRow

__all__ = ["Card", "Directory", "KnownRow", "Page", "Whom"]

PAGE_MAX = 50
SYSTEMS_MAX = 500
"""So many systems are offered to choose from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some people, by login. ``after``: of whom the next page begins; None when there is none."""

    people: Sequence[KnownRow]
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One person. ``codes_left``: recovery codes that were not used."""

    known: KnownRow
    has_app: bool
    has_passkey: bool
    codes_left: int
    sessions: Sequence[SessionRow]


class Directory:
    """Reads of people."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def page(self, whom: Whom) -> Page:
        """Those who are asked for, PAGE_MAX at most."""
        async with self._ledger.transaction() as connection:
            found = await people.known(connection, whom, PAGE_MAX + 1)
        shown = found[:PAGE_MAX]
        return Page(people=shown, after=shown[-1].login if len(found) > PAGE_MAX else None)

    async def one(self, login: str) -> Card:
        """A person, and where the person is signed in. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            known = await people.known_one(connection, login)
            if known is None:
                raise NotFound("there is nobody of that login", code="person_unknown")
            has_app, has_passkey = await factors.kinds(connection, login)
            return Card(
                known=known,
                has_app=has_app,
                has_passkey=has_passkey,
                codes_left=await factors.count_codes(connection, login),
                sessions=await sessions.list_sessions(connection, login, SESSION_IDLE_S),
            )

    async def systems(self) -> list[tuple[str, str]]:
        """Id and name of the medical systems at whose desk a person may be, SYSTEMS_MAX at most."""
        async with self._ledger.transaction() as connection:
            return await registry.names(connection, SYSTEMS_MAX)
