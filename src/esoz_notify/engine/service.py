"""What callers can ask for, as one object: every use case of the API is a method here.

What belongs here: putting the engine's parts together per use case, and what a caller may see. What does not: HTTP
(api).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from esoz_notify.channels.dialogue import Adapter
from esoz_notify.core.callback_credentials import Signed
from esoz_notify.core.cascade import CancelAsked, Event, ResendAsked
from esoz_notify.core.delivery import Because
from esoz_notify.core.errors import InvalidInput, NotFound, NotifyError, Unavailable
from esoz_notify.core.patient import read_patient, write_patient
from esoz_notify.core.status import Status, is_terminal
from esoz_notify.engine import printing, route_view, views
from esoz_notify.engine.applying import apply_events
from esoz_notify.engine.audit import Action, Deed, note
from esoz_notify.engine.esoz import Esoz
from esoz_notify.engine.intake import Asked, CannotInform, Intake, Taken, fingerprint, open_patient
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.receiving import Receiver
from esoz_notify.engine.requests import read_order
from esoz_notify.engine.verifications import Verifications
from esoz_notify.engine.views import Json
from esoz_notify.engine.webhooks import Webhooks
from esoz_notify.render.summary import Summary
from esoz_notify.store import reading, registry, verifications, wake
from esoz_notify.store.reading import Filter, Stored
from esoz_notify.store.vault import Vault, field_aad

READ_ONLY = "read_only"
"""Code of Unavailable when the ledger answers and takes nothing."""

_EVENTS_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``sees_all``: other callers' notifications too; ``knows_patients``: what is stored of them.

    ``person``: the login of whoever asks from a page, on behalf of the system ``client_id``.
    """

    client_id: str
    sees_all: bool = False
    knows_patients: bool = False
    person: str | None = None

    @property
    def actor(self) -> str:
        """As the audit names it."""
        return f"caller:{self.client_id}" if self.person is None else f"person:{self.person}"

    @property
    def on_behalf(self) -> Mapping[str, str]:
        """Of which system the person is, as a detail of a deed."""
        return {} if self.person is None else {"system": self.client_id}


class Service:
    """The use cases."""

    def __init__(  # noqa: PLR0913 - the parts it puts together, each by name
        self,
        *,
        ledger: Ledger,
        vault: Vault,
        intake: Intake,
        receiver: Receiver,
        adapters: Sequence[Adapter],
        webhooks: Webhooks,
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._intake = intake
        self._receiver = receiver
        self._adapters = {adapter.name: adapter for adapter in adapters}
        self.verifications = Verifications(ledger, vault, intake)
        self.webhooks = webhooks
        self.esoz = Esoz(ledger, vault, intake, self.verifications)

    # --- notifications ------------------------------------------------------------------------------------------------

    async def accept(
        self, caller: Caller, asked: Mapping[str, object], key: str, *, traceparent: str | None = None
    ) -> tuple[Json, bool]:
        """Accept one notification; the answer, and whether it is a replay of an earlier one. Idempotent by ``key``.

        Raises InvalidInput, CannotInform, Conflict, Unavailable.
        """
        taken = await self._take(caller, asked, key, traceparent)
        return views.answer(taken.stored), taken.replayed

    async def _take(self, caller: Caller, asked: Mapping[str, object], key: str, traceparent: str | None) -> Taken:
        mark = fingerprint(self._vault, asked)
        try:
            order = read_order(asked, self._ledger.clock.now(), traceparent=traceparent)
        except InvalidInput:
            # What was right when it was first asked may be over by now: a repeat still gets the first answer.
            earlier = await self._earlier(caller, key, mark)
            if earlier is None:
                raise
            return earlier
        return await self._intake.accept(Asked(client_id=caller.client_id, key=key, fingerprint=mark, order=order))

    async def _earlier(self, caller: Caller, key: str, mark: bytes) -> Taken | None:
        async with self._ledger.transaction() as connection:
            known = await reading.by_key(connection, caller.client_id, key)
            if known is None or known[1] != mark:
                return None
            stored = await reading.one(connection, known[0])
        return Taken(stored, replayed=True) if stored else None

    async def accept_batch(
        self,
        caller: Caller,
        lines: Sequence[Mapping[str, object] | NotifyError],
        key: str,
        *,
        first: int = 0,
        traceparent: str | None = None,
    ) -> list[tuple[Json, bool] | NotifyError]:
        """Accept many, each on its own: one result per line, in order. Line ``n`` has the key ``{key}#{n}``.

        ``first``: the number of the first line given, so that a long batch can be handed over in slices of a few
        hundred and does not fill the intake's queue for everybody else.
        """
        taken = await asyncio.gather(
            *(self._one_line(caller, line, f"{key}#{number}", traceparent) for number, line in enumerate(lines, first))
        )
        return list(taken)

    async def _one_line(
        self, caller: Caller, line: Mapping[str, object] | NotifyError, key: str, traceparent: str | None
    ) -> tuple[Json, bool] | NotifyError:
        if isinstance(line, NotifyError):
            return line
        try:
            return await self.accept(caller, line, key, traceparent=traceparent)
        except NotifyError as error:
            return error

    async def get(self, caller: Caller, notification_id: UUID) -> Json:
        """One notification with its whole story. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            stored = _seen(caller, await reading.one(connection, notification_id))
            facts = await reading.history(connection, notification_id)
        return views.notification(stored, facts)

    async def several(self, caller: Caller, ids: Collection[UUID]) -> dict[UUID, Json]:
        """Those of some notifications that the caller may see, as they are now, without their stories."""
        async with self._ledger.transaction() as connection:
            found = await reading.some(connection, list(ids))
        return {one.id: views.notification(one) for one in found if _may_see(caller, one)}

    async def page(
        self, caller: Caller, wanted: Mapping[str, str | None], *, before: UUID | None, count_max: int
    ) -> tuple[list[Json], UUID | None]:
        """One page, newest first, and the cursor of the next.

        ``wanted``: reference, status, statuses (with commas), kind, phone, patient, crisis.
        """
        phone, patient, crisis = wanted.get("phone"), wanted.get("patient"), wanted.get("crisis")
        statuses = wanted.get("statuses")
        chosen = Filter(
            client_id=None if caller.sees_all else caller.client_id,
            reference=wanted.get("reference"),
            status=wanted.get("status"),
            statuses=statuses.split(",") if statuses is not None else None,
            kind=wanted.get("kind"),
            phone_index=self._vault.index(phone, "phone") if phone else None,
            patient_id=UUID(patient) if patient else None,
            crisis_id=UUID(crisis) if crisis else None,
            before=before,
        )
        async with self._ledger.transaction() as connection:
            found = await reading.page(connection, chosen, count_max + 1)
        more = len(found) > count_max
        shown = found[:count_max]
        return [views.notification(one) for one in shown], shown[-1].id if more else None

    async def events(self, caller: Caller, notification_id: UUID, *, after: int = 0) -> AsyncIterator[Json]:
        """Facts of a notification as they are recorded, each with the status it left, until the status is terminal.

        ``after``: the number of the last fact already seen, so that a reader that lost its connection goes on.
        """
        seen = after
        while True:
            async with self._ledger.transaction() as connection:
                stored = _seen(caller, await reading.one(connection, notification_id))
                facts = await reading.history(connection, notification_id, seen)
            for seq, fact in facts:
                seen = seq
                state = stored.state
                told = {"status": state.status.value, "delivered_by": views.delivered_by(state)}
                yield {**views.decision(seq, fact), **told}
            if is_terminal(stored.state.status):
                return
            await asyncio.sleep(_EVENTS_LOOK_S)

    async def cancel(self, caller: Caller, notification_id: UUID, why: str | None = None) -> Json:
        """Withdraw a notification; a second cancel answers the same. ``why``: the reason of a person of the service.

        Raises NotFound, RefusedTransition, and InvalidInput for a reason that may not be noted.
        """
        view = await self.get(caller, notification_id)
        if view["status"] == Status.CANCELLED.value:
            return view
        asked = CancelAsked() if caller.person is None else CancelAsked(Because.OPERATOR)
        return await self._change(caller, notification_id, asked, Action.CANCEL, why)

    async def resend(self, caller: Caller, notification_id: UUID) -> Json:
        """Send it again by the next way. Raises NotFound, RefusedTransition, LimitReached.

        The message of a verification is one more code for its person, so it is held to the limits of codes here too.
        """
        async with self._ledger.transaction() as connection:
            stored = _seen(caller, await reading.one(connection, notification_id))
            is_code = await verifications.one(connection, notification_id, stored.client_id) is not None
        if is_code:
            await self.verifications.resend(stored.client_id, notification_id, _deed(caller, Action.RESEND, stored))
            return await self.get(caller, notification_id)
        return await self._change(caller, notification_id, ResendAsked(), Action.RESEND)

    async def _change(
        self, caller: Caller, notification_id: UUID, event: Event, action: Action, why: str | None = None
    ) -> Json:
        async with self._ledger.transaction() as connection:
            stored = _seen(caller, await reading.one(connection, notification_id))
            applied = await apply_events(connection, [(notification_id, event)], dict)
            if applied.refused:
                raise applied.refused[0]
            await wake.agenda(connection)
            await note(connection, _deed(caller, action, stored, why))
        return await self.get(caller, notification_id)

    async def route(self, asked: Mapping[str, object]) -> Json:
        """Dry run: who would be informed, through which channels, why. Sends and writes nothing."""
        now = self._ledger.clock.now()
        order = read_order(asked, now)
        async with self._ledger.transaction() as connection:
            try:
                return route_view.route(await self._intake.decide(connection, order, now))
            except CannotInform as error:
                return {
                    "informed": False,
                    "status": "refused",
                    "reason": error.code,
                    "why": {
                        "code": error.code,
                        "uk": error.refusal.explanation.uk,
                        "en": error.refusal.explanation.en,
                    },
                    "print_offered": error.refusal.offers_print,
                    "route": [],
                }

    # --- the printed summary ------------------------------------------------------------------------------------------

    async def summaries(self, caller: Caller, ids: Sequence[UUID]) -> list[Summary]:
        """What the printed summaries of one patient say, in the order of ``ids``; repeatable.

        Fetching them for print makes ``print_required`` ``printed`` and stops no message. Raises NotFound, and
        InvalidInput when they are of several patients or callers.
        """
        async with self._ledger.transaction() as connection:
            found = {one.id: one for one in await reading.some(connection, ids)}
            stored = [_seen(caller, found.get(one)) for one in dict.fromkeys(ids)]
            printing.check_one_sheet(stored)
            opened = await printing.open_summaries(connection, self._vault, stored, self._ledger.clock.now())
            await printing.mark_printed(connection, stored)
        return opened

    # --- patients -----------------------------------------------------------------------------------------------------

    async def put_patient(self, caller: Caller, patient_id: UUID, document: Mapping[str, object]) -> tuple[Json, bool]:
        """Store the minimum of a patient; idempotent. The stored view, and whether it is new. Raises InvalidInput."""
        read = read_patient(str(patient_id), document)
        sealed = self._vault.seal(
            json.dumps(write_patient(read.patient), ensure_ascii=False).encode(),
            aad=field_aad("patient", "document", str(patient_id)),
        )
        async with self._ledger.transaction() as connection:
            created = await registry.put_patient(connection, patient_id, sealed, caller.client_id)
        return {**_patient_view(write_patient(read.patient), patient_id), "ignored": list(read.ignored)}, created

    async def get_patient(self, patient_id: UUID) -> Json:
        """A stored patient, phones and tax number masked. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            found = await registry.get_patients(connection, [patient_id])
        if patient_id not in found:
            raise NotFound("no such patient", code="patient_unknown")
        return _patient_view(write_patient(open_patient(self._vault, patient_id, found[patient_id])), patient_id)

    async def delete_patient(self, caller: Caller, patient_id: UUID) -> None:
        """Forget a patient. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            if not await registry.delete_patient(connection, patient_id):
                raise NotFound("no such patient", code="patient_unknown")
            deed = Deed(actor=caller.actor, action=Action.PATIENT_DELETED, subject=f"patient:{patient_id}")
            await note(connection, deed)

    # --- receipts and health ------------------------------------------------------------------------------------------

    async def receive(
        self, provider: str, headers: Mapping[str, str], body: bytes, *, once: Signed | None = None
    ) -> None:
        """Store a provider's callback that was authenticated already; returns when it is on disk. Raises NotFound.

        ``once``: by a signature, so that a repetition of it changes nothing.
        """
        adapter = self._adapters.get(provider)
        if adapter is None or adapter.read_callback is None:
            raise NotFound("no provider of that name calls back here")
        said = adapter.read_callback(headers, body)
        ids_are_keys = adapter.capabilities.message_id_is_key
        await self._receiver.receive(provider, body, said, ids_are_keys=ids_are_keys, once=once)

    def proves(self, provider: str) -> bool:
        """Whether its callbacks have a proof of the provider's own in them."""
        adapter = self._adapters.get(provider)
        return adapter is not None and adapter.prove is not None

    def proved(self, provider: str, headers: Mapping[str, str], body: bytes) -> Signed | None:
        """What the proof in a callback comes to; None when it is none."""
        prove = self._adapters[provider].prove
        return prove(headers, body, self._ledger.clock.now()) if prove is not None else None

    async def ready(self) -> None:
        """Ask the ledger whether it takes writing. Raises Unavailable, with code READ_ONLY when it may only be read."""
        async with self._ledger.transaction() as connection:
            self._ledger.clock.set(await reading.ledger_now(connection))
            if await reading.is_read_only(connection):
                raise Unavailable("the ledger is read-only now and takes nothing", code=READ_ONLY)


def _deed(caller: Caller, action: Action, stored: Stored, why: str | None = None) -> Deed:
    subject = f"notification:{stored.id}"
    return Deed(actor=caller.actor, action=action, subject=subject, why=why, details=caller.on_behalf)


def _seen(caller: Caller, stored: Stored | None) -> Stored:
    if stored is None or not _may_see(caller, stored):
        raise NotFound("no such notification", code="notification_unknown")
    return stored


def _may_see(caller: Caller, stored: Stored) -> bool:
    return caller.sees_all or stored.client_id == caller.client_id


def _patient_view(document: dict[str, Any], patient_id: UUID) -> Json:
    """A patient as callers are shown it: phones as ESOZ masks them, the tax number by its last two digits."""
    view = dict(document)
    view["id"] = str(patient_id)
    if view.get("tax_id"):
        view["tax_id"] = f"********{view['tax_id'][-2:]}"
    methods = [dict(method) for method in view.get("authentication_methods", [])]
    for method in methods:
        if method.get("phone_number"):
            method["phone_number"] = f"{method['phone_number'][:6]}*****{method['phone_number'][-2:]}"
    view["authentication_methods"] = methods
    return view
