"""One notification for people who run the service: its whole story, what it cost, and what they may do to it.

What belongs here: gathering, and who may do what. What does not: what the story means (``core.story``), pages
(console), showing phones and texts (``revealing``).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from esoz_notify.core.attempt_keys import attempt_key
from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import Fact
from esoz_notify.core.errors import InvalidInput, NotFound, Problem
from esoz_notify.core.figures import cost
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.recipient import Relation
from esoz_notify.core.sms_text import count
from esoz_notify.core.story import Heard, Stay, heard, stays
from esoz_notify.engine import audit
from esoz_notify.engine.audit import Action, Deed
from esoz_notify.engine.desk import Card, NotAllowed, demand_of_the_service
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.people import Person, Role
from esoz_notify.engine.service import Caller, Service
from esoz_notify.render.raw_receipts import Shown, shown
from esoz_notify.render.texts import HIDDEN, Texts
from esoz_notify.store import people, reading, reveals
from esoz_notify.store import stories as table
from esoz_notify.store.ledger import Connection
from esoz_notify.store.reading import SealedContent, Stored
from esoz_notify.store.reveals import Seen
from esoz_notify.store.vault import Vault, field_aad

RECEIPTS_MAX = 200
"""Receipts that are told of one notification; a provider that repeats itself more often says nothing new."""
WHY_LENGTH_MAX = 200

MAY_RESEND = frozenset({Role.OPERATOR, Role.SUPPORT})
MAY_CANCEL = frozenset({Role.OPERATOR})
MAY_READ_RECEIPTS = frozenset({Role.OPERATOR})

LOOKED = (Action.REVEAL_PHONE, Action.REVEAL_TEXT, Action.REVEAL_RECEIPT, Action.PRINT, Action.REPRINT)
ACTED = (Action.RESEND, Action.CANCEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A message as a phone shows it in one channel, with every datum hidden."""

    channel: Channel
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """``attempts``: of each, by its number. ``all_by_sms``: had the same been sent by SMS alone."""

    attempts: tuple[Decimal, ...]
    all_by_sms: Decimal
    sms_parts: int

    @property
    def spent(self) -> Decimal:
        """Of all attempts."""
        return sum(self.attempts, Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything there is to tell. ``message_ids``: by number of the attempt. ``deeds``: of people, oldest first."""

    card: Card
    facts: tuple[Fact, ...]
    stays: tuple[Stay, ...]
    heard: tuple[Heard, ...]
    message_ids: Mapping[int, Sequence[str]]
    faces: tuple[Face, ...]
    cost: Cost
    deeds: tuple[Seen, ...]

    @property
    def stored(self) -> Stored:
        """The notification itself."""
        return self.card.stored

    @property
    def now(self) -> datetime:
        """When it was looked at."""
        return self.card.now


class Stories:
    """The use cases. ``prices``: of a message by Diia and Viber, of a part by SMS, in one currency."""

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        service: Service,
        texts_at: Callable[[datetime], Texts],
        prices: Mapping[Channel, Decimal],
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._service = service
        self._texts_at = texts_at
        self._prices = prices

    async def open(self, person: Person, notification_id: UUID) -> Story:
        """The whole story; a handful of bounded queries. Raises NotAllowed, NotFound."""
        demand_of_the_service(person)
        async with self._ledger.transaction() as connection:
            stored = await reading.one(connection, notification_id)
            if stored is None:
                raise NotFound("no such notification", code="notification_unknown")
            # What is recorded while this reads belongs to the next look: its attempts are not among those read here.
            facts = [fact for seq, fact in await reading.history(connection, notification_id) if seq <= stored.version]
            received = [
                one
                for one in await table.received(connection, notification_id, RECEIPTS_MAX)
                if one.attempt_no < len(stored.state.attempts)
            ]
            ids = await table.message_ids(connection, notification_id, RECEIPTS_MAX)
            sealed = await reading.sealed_contents(connection, [notification_id])
            prints = await people.prints(connection, [notification_id])
            deeds = await reveals.seen(connection, notification_id, [one.value for one in (*LOOKED, *ACTED)])
            now = await reading.ledger_now(connection)
        content = sealed.get(notification_id)
        data = self._data(stored, content)
        card = Card(stored=stored, number=None, patient=None, prints=tuple(prints.get(notification_id, ())), now=now)
        keys = {one.no: [attempt_key(stored.id, one.no)] for one in stored.state.attempts}
        return Story(
            card=card,
            facts=tuple(facts),
            stays=stays(facts),
            heard=heard(stored.state, facts, received),
            message_ids={**keys, **ids},
            faces=self._faces(stored, data),
            cost=self._cost(stored, data),
            deeds=tuple(deeds),
        )

    async def resend(self, person: Person, notification_id: UUID) -> None:
        """Send it again by the next way. Raises NotFound, NotAllowed, RefusedTransition, LimitReached."""
        if person.role not in MAY_RESEND:
            raise NotAllowed("the role may not send again")
        await self._service.resend(_caller(person), notification_id)

    async def cancel(self, person: Person, notification_id: UUID, why: str) -> None:
        """Withdraw it. Raises NotFound, NotAllowed, RefusedTransition, InvalidInput (no reason, or a personal one)."""
        if person.role not in MAY_CANCEL:
            raise NotAllowed("the role may not withdraw")
        await self._service.cancel(_caller(person), notification_id, _reason(why, "cancel_why"))

    async def check_receipt(self, person: Person, notification_id: UUID, no: int, why: str | None = None) -> None:
        """Whether a receipt could be shown, before a proof is asked for; without ``why`` before a reason is.

        Raises as ``reveal_receipt``.
        """
        async with self._ledger.transaction() as connection:
            await self._receipt(connection, person, notification_id, no)
        if why is not None:
            _reason(why, "reveal_why")

    async def reveal_receipt(self, person: Person, notification_id: UUID, no: int, why: str) -> Shown:
        """Show a receipt as it came, and note that in the same transaction.

        Of a call that speaks of several messages only what speaks of this; a one-time code in it is hidden. Raises
        NotAllowed, NotFound (also when it has been erased), InvalidInput (no reason, or one that may not be noted).
        """
        reason = _reason(why, "reveal_why")
        async with self._ledger.transaction() as connection:
            message_id, receipt_id, raw = await self._receipt(connection, person, notification_id, no)
            content = (await reading.sealed_contents(connection, [notification_id])).get(notification_id)
            opened = self._vault.open(raw, aad=field_aad("receipt", "raw", receipt_id))
            code = self._open(content.code, "code", notification_id) if content and content.code else None
            deed = Deed(
                actor=f"person:{person.login}",
                action=Action.REVEAL_RECEIPT,
                subject=f"notification:{notification_id}",
                why=reason,
                details={"receipt": str(receipt_id)},
            )
            await audit.note(connection, deed)
        return shown(opened, message_id, code)

    async def _receipt(
        self, connection: Connection, person: Person, notification_id: UUID, no: int
    ) -> tuple[str, UUID, bytes]:
        if person.role not in MAY_READ_RECEIPTS:
            raise NotAllowed("the role may not read receipts")
        found = await table.raw_receipt(connection, notification_id, no)
        if found is None:
            raise NotFound("no such receipt", code="receipt_unknown")
        message_id, receipt_id, raw = found
        if raw is None:
            raise NotFound("it has been erased", code="erased")
        return message_id, receipt_id, raw

    def _data(self, stored: Stored, content: SealedContent | None) -> dict[str, str]:
        """What the message was made of, as far as it is still there; an erased code by what stands for it."""
        data: dict[str, str] = {}
        if content is not None:
            data = json.loads(self._open(content.data, "data", stored.id))
        secret_field = KINDS[stored.kind].secret_field
        if secret_field is not None and stored.state.has_code:
            code = content.code if content else None
            data[secret_field] = HIDDEN if code is None else self._open(code, "code", stored.id)
        return data

    def _open(self, sealed: bytes, column: str, row: UUID) -> str:
        return self._vault.open(sealed, aad=field_aad("content", column, row)).decode()

    def _faces(self, stored: Stored, data: Mapping[str, str]) -> tuple[Face, ...]:
        """One for every channel that was tried, else for the first of the route; none on paper."""
        tried = [one.channel for one in stored.state.attempts] or [stored.state.steps[0].channel]
        channels = [one for one in dict.fromkeys(tried) if one is not Channel.PRINT]
        return tuple(self._face(stored, one, data) for one in channels)

    def _face(self, stored: Stored, channel: Channel, data: Mapping[str, str]) -> Face:
        missing = {one.name for one in KINDS[stored.kind].fields if not one.required and one.name not in data}
        texts = self._texts(stored, channel)
        title, text = texts.shape(stored.kind, channel, stored.language, missing, for_other=_is_for_other(stored))
        return Face(channel=channel, title=title, text=text)

    def _cost(self, stored: Stored, data: Mapping[str, str]) -> Cost:
        attempts, parts = stored.state.attempts, 0
        if stored.state.steps[0].channel is not Channel.PRINT:
            known = [len(one.parts) for one in attempts if one.channel is Channel.SMS and one.parts]
            parts = known[0] if known else self._sms_parts(stored, data)
        times = 1 + len(stored.state.resent_at)
        return Cost(
            attempts=tuple(cost(one, self._prices) for one in attempts),
            all_by_sms=times * parts * self._prices[Channel.SMS],
            sms_parts=parts,
        )

    def _sms_parts(self, stored: Stored, data: Mapping[str, str]) -> int:
        """As the text would be split; by its shape when the data have been erased."""
        if any(one.required and one.name not in data for one in KINDS[stored.kind].fields):
            return count(self._face(stored, Channel.SMS, data).text).segment_count
        texts = self._texts(stored, Channel.SMS)
        message = texts.message(stored.kind, Channel.SMS, stored.language, data, for_other=_is_for_other(stored))
        return count(message.text).segment_count

    def _texts(self, stored: Stored, channel: Channel) -> Texts:
        """Those in force when the channel was last tried; of one that was not, those in force now."""
        tried = [one.started_at for one in stored.state.attempts if one.channel is channel]
        return self._texts_at(tried[-1] if tried else self._ledger.clock.now())


def _is_for_other(stored: Stored) -> bool:
    return bool(stored.recipient["relation"] == Relation.THIRD_PERSON.value)


def _caller(person: Person) -> Caller:
    return Caller(person.client_id, sees_all=True, person=person.login)


def _reason(why: str, name: str) -> str:
    reason = " ".join(why.split())
    if not 1 <= len(reason) <= WHY_LENGTH_MAX:
        raise InvalidInput([Problem(f"/{name}", "wrong_length", f"must have 1 to {WHY_LENGTH_MAX} characters")])
    return reason
