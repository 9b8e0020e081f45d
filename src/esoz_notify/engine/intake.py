"""Intake: who is informed, by which route, and the one durable write behind a 202.

What belongs here: gathering concurrent requests into one transaction and deciding each. What does not: the rules
(``core.recipient``, ``core.policy``), the shape of the answer (``views``).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import Struct

from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.crisis import Affected, Crisis, covering, why_on_paper
from esoz_notify.core.delivery import Delivery
from esoz_notify.core.errors import Conflict, InvalidInput, NotifyError, Problem, Unavailable
from esoz_notify.core.explain import Explanation
from esoz_notify.core.kinds import NUMBER_FIELD, Lane
from esoz_notify.core.paper import CodeGround
from esoz_notify.core.patient import MethodType, Patient, read_patient
from esoz_notify.core.phone import Phone
from esoz_notify.core.policy import Policy, route_for
from esoz_notify.core.recipient import Decision as RecipientDecision
from esoz_notify.core.recipient import (
    Inform,
    Print,
    Refusal,
    Relation,
    decide_recipient,
    people_needed,
    without_messages,
)
from esoz_notify.core.status import Status
from esoz_notify.core.windows import Window, windows
from esoz_notify.engine import fault_points
from esoz_notify.engine.admission import Admission, Candidate, Verifying
from esoz_notify.engine.batcher import Batcher
from esoz_notify.engine.clock import new_id
from esoz_notify.engine.crises import Crises
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.measuring import Measures
from esoz_notify.engine.overload import Overload
from esoz_notify.engine.policies import PolicyBook
from esoz_notify.engine.requests import Order
from esoz_notify.store import ledger as hot
from esoz_notify.store import reading, registry
from esoz_notify.store.ledger import Connection, NewNotification
from esoz_notify.store.reading import Stored
from esoz_notify.store.vault import Vault, field_aad

_BATCH_MAX = 200
_QUEUE_MAX = 5_000
_ANSWER_S = 10.0
"""A commit may wait for its second server as long as a failover takes; its caller is told to come again before."""


class CannotInform(NotifyError):
    """Nobody can be informed: the named reason, and whether paper is the way out."""

    code = "cannot_inform"

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.explanation.en, code=refusal.reason.value)
        self.refusal = refusal


class Decision(Struct, frozen=True, kw_only=True):
    """Who is informed and by which route, with every reason. ``crises``: that cover it, the one to be told first."""

    who: Inform | Print
    steps: tuple[Step, ...]
    skipped: tuple[tuple[Channel, Explanation], ...]
    policy: Policy
    crises: tuple[Crisis, ...] = ()


class Asked(Struct, frozen=True, kw_only=True):
    """One request to accept. ``key``: the caller's idempotency key; ``fingerprint``: of the request's meaning.

    ``verifying``: what its code confirms, when the code was made here.
    """

    client_id: str
    key: str
    fingerprint: bytes
    order: Order
    verifying: Verifying | None = None


class Taken(Struct, frozen=True):
    """What a request came to. ``replayed``: the key was used before for the same request."""

    stored: Stored
    replayed: bool


class Intake:
    """Accepts notifications. ``wake_worker`` is called after each commit for this process's own worker.

    ``overload``: says when to take only codes; None takes everything always. ``code_windows``: how often codes may be
    sent and guessed; None: as the table says. ``crises``: what is known of crisis switches; None: there are none.
    ``measures``: where what was accepted is counted; None: for nobody.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it works with
        self,
        ledger: Ledger,
        vault: Vault,
        policies: PolicyBook,
        configured: frozenset[Channel],
        wake_worker: Callable[[], None],
        overload: Overload | None = None,
        code_windows: tuple[Window, ...] | None = None,
        crises: Crises | None = None,
        measures: Measures | None = None,
    ) -> None:
        self._measures = measures or Measures()
        self._overload = overload
        self._crises = crises
        self._clock = ledger.clock
        self._vault = vault
        self._policies = policies
        self._configured = configured
        self._wake_worker = wake_worker
        self._steady = ledger.steady()
        self.admission = Admission(vault, code_windows or windows())
        self._batcher: Batcher[Asked, Taken] = Batcher(self._write, batch_max=_BATCH_MAX, queue_max=_QUEUE_MAX)
        self._in_flight: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Write what is asked until cancelled."""
        try:
            await self._batcher.run()
        finally:
            await self._steady.close()

    async def accept(self, asked: Asked) -> Taken:
        """Accept one notification durably; returns when it is on disk.

        Raises Conflict (key in flight, or used for another request), CannotInform, InvalidInput (patient), Unavailable
        (with the code ``overloaded`` when too much is waiting). Idempotent by the caller's key: after Unavailable it
        may have been written all the same, and the next call with the key finds it.
        """
        if self._overload is not None:
            self._overload.refuse(asked.order.kind.lane)
        flight = (asked.client_id, asked.key)
        if flight in self._in_flight:
            raise Conflict("a request with this Idempotency-Key is being worked on", code="idempotency_in_flight")
        self._in_flight.add(flight)
        try:
            answer = self._batcher.put(asked)
            # A timer and not a timeout scope, which costs twice as much for each request.
            giving_up = asyncio.get_running_loop().call_later(_ANSWER_S, _give_up, answer)
            try:
                return await answer
            finally:
                giving_up.cancel()
        finally:
            self._in_flight.discard(flight)

    async def decide(self, connection: Connection, order: Order, now: datetime) -> Decision:
        """Who would be informed and how, for one order; writes nothing. Raises CannotInform, InvalidInput."""
        people = await self._people(connection, [order])
        decided = self._decide(order, people, now)
        if isinstance(decided, NotifyError):
            raise decided
        return decided

    async def _write(self, batch: Sequence[Asked]) -> list[Taken | Exception]:
        # Codes are counted and kept beside their messages; without any, all is one statement, which commits by itself.
        run = self._steady.run if any(asked.verifying for asked in batch) else self._steady.run_loose
        began = self._clock.now()
        try:
            answers = await run(lambda connection: self._written(connection, batch))
        except Unavailable:
            # Perhaps only this connection broke, and perhaps after the commit: then its keys find what was written.
            answers = await run(lambda connection: self._written(connection, batch))
            answers = [_as_first_time(answer, began) for answer in answers]
        fault_points.hit("after_intake_commit")
        news = [
            (asked.order.kind.lane.value, taken.stored)
            for asked, taken in zip(batch, answers, strict=True)
            if isinstance(taken, Taken) and not taken.replayed
        ]
        self._measures.accepted(news, began, self._clock.now())
        return answers

    async def _written(self, connection: Connection, batch: Sequence[Asked]) -> list[Taken | Exception]:
        """Read what is needed, decide, and write what was accepted in one statement."""
        now = self._clock.now()
        people = await self._people(connection, [asked.order for asked in batch])
        decisions = [self._decide(asked.order, people, now) for asked in batch]
        codes = await self._admitted(connection, batch, decisions, now)
        rows = {
            position: self._row(codes[position][1] if position in codes else asked.order, asked, decision, now)
            for position, (asked, decision) in enumerate(zip(batch, decisions, strict=True))
            if not isinstance(decision, NotifyError)
        }
        written = await hot.intake(connection, list(rows.values())) if rows else set()
        made = [(rows[position].id, *code) for position, code in codes.items() if rows[position].id in written]
        if made:
            await self.admission.write(connection, made, now)
        answers: list[Taken | Exception] = []
        for position, (asked, decision) in enumerate(zip(batch, decisions, strict=True)):
            if isinstance(decision, NotifyError):
                answers.append(await self._earlier(connection, asked) or decision)
            elif rows[position].id in written:
                answers.append(Taken(_stored(rows[position]), replayed=False))
            else:
                answers.append(await self._earlier(connection, asked) or Conflict("the key is taken"))
        self._wake_worker()
        return answers

    async def _admitted(
        self,
        connection: Connection,
        batch: Sequence[Asked],
        decisions: list[Decision | NotifyError],
        now: datetime,
    ) -> dict[int, tuple[Candidate, Order]]:
        """The codes that may be sent, by position, with their final orders; ``decisions`` of the others become errors.

        A repeat is not asked again whether it may be sent: its key is known, and it gets the first answer.
        """
        candidates: dict[int, Candidate] = {}
        for position, (asked, decision) in enumerate(zip(batch, decisions, strict=True)):
            if asked.verifying is not None and await reading.by_key(connection, asked.client_id, asked.key) is None:
                decided = decision if isinstance(decision, NotifyError) else decision.who
                candidates[position] = Candidate(verifying=asked.verifying, order=asked.order, decided=decided)
        if not candidates:
            return {}
        admitted = {}
        answers = await self.admission.admit(connection, list(candidates.values()), now)
        for (position, candidate), answer in zip(candidates.items(), answers, strict=True):
            if isinstance(answer, NotifyError):
                decisions[position] = answer
            else:
                admitted[position] = (candidate, answer)
        return admitted

    async def _earlier(self, connection: Connection, asked: Asked) -> Taken | Conflict | None:
        """What this key made before, if anything: only repeats come here."""
        known = await reading.by_key(connection, asked.client_id, asked.key)
        if known is None:
            return None
        notification_id, fingerprint = known
        if fingerprint != asked.fingerprint:
            return Conflict("this Idempotency-Key was used for another request", code="idempotency_key_reused")
        stored = await reading.one(connection, notification_id)
        return Taken(stored, replayed=True) if stored else None

    async def _people(self, connection: Connection, orders: Sequence[Order]) -> dict[str, Patient]:
        """Patients of all orders and their third persons, in two queries at most."""
        wanted = {order.patient_id for order in orders if order.patient_id is not None}
        if not wanted:
            return {}
        people = await self._load(connection, wanted)
        third = {UUID(one) for patient in people.values() for one in people_needed(patient)} - wanted
        return people | await self._load(connection, third) if third else people

    async def _load(self, connection: Connection, ids: set[UUID]) -> dict[str, Patient]:
        sealed = await registry.get_patients(connection, sorted(ids))
        return {str(one): open_patient(self._vault, one, document) for one, document in sealed.items()}

    def _decide(self, order: Order, people: Mapping[str, Patient], now: datetime) -> Decision | NotifyError:
        policy = self._policies.in_force(now)
        who = self._who(order, people, now)
        if isinstance(who, NotifyError):
            return who
        if order.steps:
            return Decision(who=who, steps=order.steps, skipped=(), policy=policy)
        crises = self._covering(order, who, people, now)
        if isinstance(who, Print):
            return Decision(who=who, steps=(Step(Channel.PRINT),), skipped=(), policy=policy, crises=crises)
        route = route_for(policy, order.kind.column, has_tax_id=who.tax_id is not None, configured=self._configured)
        return Decision(who=who, steps=route.steps, skipped=route.skipped, policy=policy, crises=crises)

    def _covering(
        self, order: Order, who: Inform | Print, people: Mapping[str, Patient], now: datetime
    ) -> tuple[Crisis, ...]:
        """The crises that cover an order: known in memory, so that nothing is asked of the ledger for it."""
        known = self._crises.in_force(now) if self._crises is not None else ()
        if not known:
            return ()
        if isinstance(who, Print) and order.inform_with is not None:
            # Who chose paper in an outage gave up a phone: that one is affected.
            default = self._who(replace(order, inform_with=None), people, now)
            who = default if isinstance(default, Inform) else who
        phone = who.phone if isinstance(who, Inform) else None
        affected = Affected(kind=order.kind, phone=phone, region=order.region, programme=order.programme)
        return covering(known, affected, now)

    def _who(self, order: Order, people: Mapping[str, Patient], now: datetime) -> Inform | Print | NotifyError:
        decided: RecipientDecision
        if order.recipient is not None:
            decided = Inform(
                person_id="",
                relation=Relation.SELF,
                method=MethodType.OTP,
                method_id="",
                phone=order.recipient.phone,
                tax_id=order.recipient.tax_id,
                language=order.recipient.language,
                explanation=_CHOSEN_BY_CALLER,
                notes=(),
            )
        else:
            patient = people.get(str(order.patient_id))
            if patient is None:
                problem = Problem(
                    "/patient_id", "patient_unknown", "no such patient: store it by PUT /v1/patients/{id}"
                )
                return InvalidInput([problem])
            decided = decide_recipient(patient, people, inform_with=order.inform_with, now=now)
        if order.notifications_off:
            decided = without_messages(decided)
        return CannotInform(decided) if isinstance(decided, Refusal) else decided

    def _row(self, order: Order, asked: Asked, decision: Decision, now: datetime) -> NewNotification:
        who = decision.who
        notification_id = new_id(now)
        prints = isinstance(who, Print)
        phone: Phone | None = None if isinstance(who, Print) else who.phone
        tax_id = None if isinstance(who, Print) else who.tax_id
        language = "uk" if isinstance(who, Print) else who.language
        has_code = order.code is not None
        number = order.data.get(NUMBER_FIELD)
        row = str(notification_id)
        life_s = order.kind.paper_validity_s if prints else order.kind.validity_s
        delivery = Delivery(
            status=Status.PRINT_REQUIRED if prints else Status.ACCEPTED,
            steps=decision.steps,
            accepted_at=now,
            valid_until=order.valid_until or now + timedelta(seconds=life_s),
            has_code=has_code,
            is_code=order.kind.lane is Lane.CODES,
        )

        def seal(column: str, value: bytes) -> bytes:
            return self._vault.seal(value, aad=field_aad("content", column, row))

        return NewNotification(
            id=notification_id,
            client_id=asked.client_id,
            kind=order.kind.name,
            lane=order.kind.lane.value,
            reference=order.reference,
            patient_id=order.patient_id,
            language=language,
            policy=decision.policy.version,
            phone_index=self._vault.index(phone.e164, "phone") if phone else None,
            number_index=self._vault.index(number, "number") if number else None,
            recipient=recipient_record(decision),
            traceparent=order.traceparent,
            phone=seal("phone", phone.e164.encode()) if phone else None,
            tax_id=seal("tax_id", tax_id.encode()) if tax_id else None,
            data=seal("data", msgspec.json.encode(dict(order.data))),
            code=seal("code", order.code.encode()) if order.code is not None else None,
            summary=seal("summary", msgspec.json.encode(dict(order.summary))) if order.summary else None,
            idempotency_key=asked.key,
            fingerprint=asked.fingerprint,
            delivery=delivery,
            crises=tuple(crisis.id for crisis in decision.crises),
        )


def _give_up(answer: "asyncio.Future[Taken]") -> None:
    if not answer.done():
        answer.set_exception(Unavailable("the ledger takes too long to be sure of it; send it again under its key"))


def _as_first_time(answer: Taken | Exception, began: datetime) -> Taken | Exception:
    """What the first try of this very batch had written is no replay to its caller."""
    if isinstance(answer, Taken) and answer.replayed and answer.stored.created_at >= began:
        return Taken(answer.stored, replayed=False)
    return answer


_CHOSEN_BY_CALLER = Explanation(
    code="chosen_by_caller",
    en="The caller named the phone itself.",
    uk="Номер телефону вказала система, що надіслала запит.",
)


def recipient_record(decision: Decision) -> dict[str, object]:
    """Who is informed and why, as the ledger and the API show it: the phone masked, nothing else personal."""
    who, crisis = decision.who, decision.crises[0] if decision.crises else None
    ground = who.code_ground if isinstance(who, Print) else None
    notes = (*who.notes, why_on_paper(crisis)) if crisis else who.notes
    return {
        "method": who.method.value if who.method else None,
        "relation": who.relation.value,
        "phone": who.phone.masked if isinstance(who, Inform) else None,
        "method_id": who.method_id or None,
        "code_ground": ground or (CodeGround.CRISIS if crisis else None),
        "crisis": _told(crisis) if crisis else None,
        "why": _explained(who.explanation),
        "notes": [_explained(note) for note in notes],
        "skipped": [{"channel": channel.value, **_explained(why)} for channel, why in decision.skipped],
    }


def _told(crisis: Crisis) -> dict[str, str]:
    return {"id": str(crisis.id), "reason": crisis.proposal.reason, **_explained(why_on_paper(crisis))}


def _explained(explanation: Explanation) -> dict[str, str]:
    return {"code": explanation.code, "uk": explanation.uk, "en": explanation.en}


def _stored(row: NewNotification) -> Stored:
    return Stored(
        id=row.id,
        client_id=row.client_id,
        kind=row.kind,
        reference=row.reference,
        patient_id=row.patient_id,
        language=row.language,
        policy=row.policy,
        recipient=row.recipient,
        traceparent=row.traceparent,
        created_at=row.delivery.accepted_at,
        first_status=row.delivery.status.value,
        version=0,
        state=row.delivery,
    )


def fingerprint(vault: Vault, asked: object) -> bytes:
    """Of a request's meaning: the same for the same JSON whatever its spacing and order of members.

    Keyed, because a plain hash of a request with a four-digit code in it would give the code away.
    """
    return vault.index(_SORTED.encode(asked).decode(), "fingerprint")


_SORTED = msgspec.json.Encoder(order="sorted")


def open_patient(vault: Vault, patient_id: UUID, sealed: bytes) -> Patient:
    """A stored patient."""
    document = msgspec.json.decode(vault.open(sealed, aad=field_aad("patient", "document", str(patient_id))))
    return read_patient(str(patient_id), document).patient
