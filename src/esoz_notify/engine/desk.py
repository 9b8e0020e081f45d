"""The doctor's desk: finding a notification of one's own system, printing it with a trail, sending it again.

What belongs here: use cases of people who stand before a patient. What does not: pages (console), what a summary says
(``service``, ``render``), the SQL (store).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from esoz_notify.core.errors import Conflict, InvalidInput, NotFound, NotifyError, Problem, RefusedTransition
from esoz_notify.core.explain import Explanation
from esoz_notify.core.kinds import NUMBER_FIELD
from esoz_notify.core.numbers import GROUPED, NumberProblem, parse
from esoz_notify.core.status import Status
from esoz_notify.engine.audit import Action, Deed, note
from esoz_notify.engine.crises import Crises
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.people import OF_THE_SERVICE, Person
from esoz_notify.engine.service import Caller, Service
from esoz_notify.render.summary import Summary
from esoz_notify.store import people as table
from esoz_notify.store import reading
from esoz_notify.store.ledger import Connection
from esoz_notify.store.people import Print
from esoz_notify.store.reading import Filter, Stored
from esoz_notify.store.vault import Vault, field_aad

FOUND_MAX = 20
WAITING_MAX = 20
WAITING_AGE_MAX_S = 7 * 86_400.0
SHEET_LIFE_S = 600.0
"""How long a sheet may be fetched after its print was noted: reloading it is not a print more."""
WANTED_LENGTH_MAX = 100
WHY_LENGTH_MAX = 200


class NotAllowed(NotifyError):
    """The person's role does not allow it."""

    code = "not_allowed"


def demand_of_the_service(person: Person) -> None:
    """Let in who runs the service. Raises NotAllowed."""
    if person.role not in OF_THE_SERVICE:
        raise NotAllowed("only people who run the service see what every system sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One notification as the desk shows it. ``number`` and ``patient`` opened; ``now``: the ledger's time."""

    stored: Stored
    number: str | None = field(repr=False)
    patient: str | None = field(repr=False)
    prints: tuple[Print, ...]
    now: datetime

    @property
    def was_printed(self) -> bool:
        """Whether paper exists already, from here or from the medical system."""
        return bool(self.prints) or self.stored.state.status is Status.PRINTED

    @property
    def may_print(self) -> bool:
        """Whether its paper would still be true: not of what was withdrawn."""
        return self.stored.state.status is not Status.CANCELLED


class Desk:
    """The use cases. Everything is of the person's own medical system; what is another's is not found."""

    def __init__(self, ledger: Ledger, vault: Vault, service: Service, crises: Crises) -> None:
        self._ledger = ledger
        self._vault = vault
        self._service = service
        self._crises = crises

    def banner(self) -> Explanation | None:
        """What everybody at a desk should be told now; asks nobody."""
        return self._crises.banner()

    async def find(self, person: Person, wanted: str) -> list[Card]:
        """Notifications by the number of the document, the patient's id, the notification's, or the caller's reference.

        Newest first, FOUND_MAX at most. Raises InvalidInput for an empty or an endless text.
        """
        wanted = wanted.strip()
        if not 1 <= len(wanted) <= WANTED_LENGTH_MAX:
            raise InvalidInput([Problem("/wanted", "wrong_length", f"must have 1 to {WANTED_LENGTH_MAX} characters")])
        async with self._ledger.transaction() as connection:
            found: list[Stored] = []
            for chosen in self._filters(person, wanted):
                found += await reading.page(connection, chosen, FOUND_MAX)
            if (one := spelled_uuid(wanted)) is not None:
                found += [it for it in await reading.some(connection, [one]) if it.client_id == person.client_id]
            newest = sorted({one.id: one for one in found}.values(), key=lambda one: one.id, reverse=True)
            return await self._cards(connection, newest[:FOUND_MAX])

    async def waiting(self, person: Person) -> list[Card]:
        """What reached nobody and waits for paper, newest first, WAITING_MAX at most."""
        async with self._ledger.transaction() as connection:
            ids = await table.for_paper(connection, person.client_id, WAITING_AGE_MAX_S, WAITING_MAX)
            return await self._cards(connection, await reading.some(connection, ids))

    async def open(self, person: Person, notification_id: UUID) -> Card:
        """One notification. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            return await self._card(connection, person, notification_id)

    async def print(self, person: Person, notification_id: UUID, why: str) -> int:
        """Note a print and give its number, by which the sheet is fetched. ``why``: needed when paper exists already.

        Raises NotFound, NotAllowed, RefusedTransition (withdrawn), InvalidInput (no reason), Conflict.
        """
        _demand_may_act(person)
        why = " ".join(why.split())
        async with self._ledger.transaction() as connection:
            card = await self._card(connection, person, notification_id)
            if not card.may_print:
                raise RefusedTransition("it was withdrawn; its paper would be wrong", code="withdrawn")
            if len(why) > WHY_LENGTH_MAX or (card.was_printed and not why):
                rule = f"a reprint needs a reason of 1 to {WHY_LENGTH_MAX} characters"
                raise InvalidInput([Problem("/why", "wrong_length", rule)])
            no = len(card.prints) + 1
            given = why or None
            if not await table.add_print(connection, notification_id, no, person.login, person.client_id, given):
                raise Conflict("somebody printed it in this very moment", code="printed_just_now")
            # The trail is what the page counts and shows of one notification; the audit proves that nobody mended it.
            caller = _caller(person)
            deed = Deed(
                actor=caller.actor,
                action=Action.REPRINT if card.was_printed else Action.PRINT,
                subject=f"notification:{notification_id}",
                why=given,
                details={"no": str(no), **caller.on_behalf},
            )
            await note(connection, deed)
        return no

    async def sheet(self, person: Person, notification_id: UUID, no: int) -> Summary:
        """What a sheet says whose print this person noted a short while ago. Raises NotFound."""
        card = await self.open(person, notification_id)
        noted = next((one for one in card.prints if one.no == no and one.login == person.login), None)
        if noted is None or card.now - noted.at > timedelta(seconds=SHEET_LIFE_S):
            raise NotFound("the sheet may be fetched no more; print again", code="sheet_over")
        return (await self._service.summaries(_caller(person), [notification_id]))[0]

    async def resend(self, person: Person, notification_id: UUID) -> None:
        """Send it again by the next way. Raises NotFound, NotAllowed, RefusedTransition, LimitReached."""
        _demand_may_act(person)
        await self._service.resend(_caller(person), notification_id)

    def _filters(self, person: Person, wanted: str) -> list[Filter]:
        chosen = [Filter(client_id=person.client_id, reference=wanted)]
        for number in sorted(spelled_numbers(wanted)):
            index = self._vault.index(number, "number")
            chosen.append(Filter(client_id=person.client_id, number_index=index))
        if (patient_id := spelled_uuid(wanted)) is not None:
            chosen.append(Filter(client_id=person.client_id, patient_id=patient_id))
        return chosen

    async def _card(self, connection: Connection, person: Person, notification_id: UUID) -> Card:
        stored = await reading.one(connection, notification_id)
        if stored is None or stored.client_id != person.client_id:
            raise NotFound("no such notification", code="notification_unknown")
        return (await self._cards(connection, [stored]))[0]

    async def _cards(self, connection: Connection, found: Sequence[Stored]) -> list[Card]:
        ids = [one.id for one in found]
        sealed = await table.sealed_data(connection, ids)
        prints = await table.prints(connection, ids)
        now = await reading.ledger_now(connection)
        cards = []
        for one in found:
            # Nothing once its time was over and it was erased.
            data, summary = sealed.get(one.id, (None, None))
            details = self._open(summary, "summary", one.id) if summary else {}
            cards.append(
                Card(
                    stored=one,
                    number=self._open(data, "data", one.id).get(NUMBER_FIELD) if data else None,
                    patient=details.get("patient_name"),
                    prints=tuple(prints.get(one.id, ())),
                    now=now,
                )
            )
        return cards

    def _open(self, sealed: bytes, column: str, row: UUID) -> Mapping[str, str]:
        opened: dict[str, str] = json.loads(self._vault.open(sealed, aad=field_aad("content", column, row)))
        return opened


def _caller(person: Person) -> Caller:
    return Caller(person.client_id, person=person.login)


def _demand_may_act(person: Person) -> None:
    if not person.may_act:
        raise NotAllowed("an auditor may look and do nothing")


def spelled_uuid(text: str) -> UUID | None:
    """The id that a text is, in any of its spellings; None when it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def spelled_numbers(text: str) -> set[str]:
    """The canonical spellings of a text that may be the number of a document."""
    numbers = set()
    for number_format in GROUPED:
        try:
            numbers.add(parse(number_format, text))
        except NumberProblem:
            continue  # no number of that format; another may fit
    return numbers
