"""Showing a whole phone or the text of a message to a person who has a reason: who may, and that it is noted.

What belongs here: the table of roles, opening, noting. What does not: that the person proved to be there (``factors``,
which pages ask before), pages (console).

The one-time code is never in the text that is shown: whoever needs it gets it on paper, which has a trail of its own.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import InvalidInput, NotFound, Problem
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.recipient import Relation
from esoz_notify.engine import audit
from esoz_notify.engine.audit import Action, Deed
from esoz_notify.engine.desk import NotAllowed
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.people import Person, Role
from esoz_notify.render.texts import HIDDEN, Texts
from esoz_notify.store import reading
from esoz_notify.store import reveals as table
from esoz_notify.store.ledger import Connection
from esoz_notify.store.reading import Stored
from esoz_notify.store.reveals import SealedMessage, Seen
from esoz_notify.store.vault import Vault, field_aad

WHY_LENGTH_MAX = 200


class What(StrEnum):
    """What may be shown."""

    PHONE = "phone"
    TEXT = "text"


MAY_REVEAL: Mapping[Role, frozenset[What]] = MappingProxyType(
    {
        Role.DOCTOR: frozenset({What.PHONE, What.TEXT}),
        Role.OPERATOR: frozenset({What.PHONE, What.TEXT}),
        Role.AUDITOR: frozenset(),
        Role.SUPPORT: frozenset({What.PHONE}),
    }
)
"""The whole rule of who may see what."""

ACTIONS: Mapping[What, Action] = MappingProxyType({What.PHONE: Action.REVEAL_PHONE, What.TEXT: Action.REVEAL_TEXT})


class Revealing:
    """The use cases. ``texts_at``: those that messages were made of at a moment."""

    def __init__(self, ledger: Ledger, vault: Vault, texts_at: Callable[[datetime], Texts]) -> None:
        self._ledger = ledger
        self._vault = vault
        self._texts_at = texts_at

    def allowed(self, person: Person, stored: Stored) -> tuple[What, ...]:
        """What of a notification a person could be shown."""
        there = [What.PHONE, What.TEXT] if stored.recipient["phone"] else []
        return tuple(what for what in there if what in MAY_REVEAL[person.role])

    async def seen(self, notification_id: UUID) -> list[Seen]:
        """Who saw what of it, oldest first."""
        async with self._ledger.transaction() as connection:
            return await table.seen(connection, notification_id, [one.value for one in ACTIONS.values()])

    async def check(self, person: Person, notification_id: UUID, what: str, why: str) -> None:
        """Whether it could be shown, before the person is asked to prove anything. Raises as ``reveal``."""
        async with self._ledger.transaction() as connection:
            await self._demand(connection, person, notification_id, what, why)

    async def reveal(self, person: Person, notification_id: UUID, what: str, why: str) -> tuple[What, str]:
        """Show it, and note that in the same transaction.

        Raises NotAllowed, NotFound (also when it has been erased), InvalidInput (no reason, or one that may not be
        noted).
        """
        async with self._ledger.transaction() as connection:
            stored = await self._demand(connection, person, notification_id, what, why)
            shown = self._open(What(what), stored, await table.sealed_message(connection, notification_id))
            subject, reason = f"notification:{notification_id}", " ".join(why.split())
            deed = Deed(actor=f"person:{person.login}", action=ACTIONS[What(what)], subject=subject, why=reason)
            await audit.note(connection, deed)
        return What(what), shown

    async def _demand(
        self, connection: Connection, person: Person, notification_id: UUID, what: str, why: str
    ) -> Stored:
        if what not in MAY_REVEAL[person.role]:
            raise NotAllowed("the role may not see it")
        stored = await reading.one(connection, notification_id)
        if stored is None or not person.sees(stored.client_id) or what not in self.allowed(person, stored):
            raise NotFound("no such notification", code="notification_unknown")
        if not 1 <= len(" ".join(why.split())) <= WHY_LENGTH_MAX:
            rule = f"must have 1 to {WHY_LENGTH_MAX} characters"
            raise InvalidInput([Problem("/reveal_why", "wrong_length", rule)])
        return stored

    def _open(self, what: What, stored: Stored, sealed: SealedMessage | None) -> str:
        wanted = None if sealed is None else {What.PHONE: sealed.phone, What.TEXT: sealed.data}[what]
        if wanted is None:
            raise NotFound("it has been erased", code="erased")
        column = {What.PHONE: "phone", What.TEXT: "data"}[what]
        opened = self._vault.open(wanted, aad=field_aad("content", column, stored.id)).decode()
        return opened if what is What.PHONE else self._text(stored, json.loads(opened))

    def _text(self, stored: Stored, data: dict[str, str]) -> str:
        """The text as an SMS says it; other channels say the same in their own form."""
        secret_field = KINDS[stored.kind].secret_field
        if secret_field is not None and stored.state.has_code:
            data[secret_field] = HIDDEN
        for_other = stored.recipient["relation"] == Relation.THIRD_PERSON.value
        attempts = stored.state.attempts
        texts = self._texts_at(attempts[-1].started_at if attempts else self._ledger.clock.now())
        return texts.message(stored.kind, Channel.SMS, stored.language, data, for_other=for_other).text
