"""Which codes may be sent, decided and written in the transaction that accepts their messages.

What belongs here: running core's windows and order over a batch, and what is written beside a notification. What does
not: the rules (``core.verification``, ``core.windows``), the SQL (store), what callers ask (``verifications``).
"""

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from esoz_notify.core.cascade import CancelAsked
from esoz_notify.core.errors import Conflict, InvalidInput, LimitReached, NotifyError
from esoz_notify.core.explain import Explanation, explain
from esoz_notify.core.recipient import Inform, Print, Refusal, RefusalReason, Relation
from esoz_notify.core.verification import ADVICE, Issued, Party, Purpose, Subject, first_missing
from esoz_notify.core.windows import (
    UNREQUESTED_WINDOW_S,
    Act,
    Seen,
    Whose,
    Window,
    is_alarming,
    latest,
    next_at,
)
from esoz_notify.engine.applying import apply_events
from esoz_notify.engine.requests import Order
from esoz_notify.store import verifications as kept
from esoz_notify.store.ledger import Connection
from esoz_notify.store.vault import Vault
from esoz_notify.store.verifications import Alarm, Kept, WhoseKeys

log = logging.getLogger(__name__)


class CannotConfirm(NotifyError):
    """No code can reach this person. ``reason`` None: not to be told, so that nobody learns who is registered."""

    code = "cannot_confirm"

    def __init__(self, do: Explanation, reason: Explanation | None = None) -> None:
        super().__init__(do.en)
        self.do = do
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifying:
    """What a notification's code confirms. ``knows_patients``: the caller may be told why nobody can be reached."""

    purpose: Purpose
    subject: Subject
    doctor_id: str | None = field(repr=False)
    knows_patients: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A verification that waits to be admitted: who was decided on, or why nobody was."""

    verifying: Verifying
    order: Order
    decided: Inform | Print | NotifyError


class Admission:
    """Admits codes. ``windows``: how often they may be sent. ``alarms``: how many were raised by this process."""

    def __init__(self, vault: Vault, windows: tuple[Window, ...]) -> None:
        self._vault = vault
        self.windows = windows
        self.alarms = 0

    async def admit(
        self, connection: Connection, asked: Sequence[Candidate], now: datetime
    ) -> list[Order | NotifyError]:
        """Say of each whether it may be sent: its order with the message's words, or why not. Counts what was in vain.

        Whoever sends holds the one lock of senders from here to the end of the transaction.
        """
        await kept.one_sender(connection)
        before = {subject for one in asked if (subject := self._before(one)) is not None}
        confirmed = await kept.verified(connection, before, now) if before else set()
        keys = [self.keys(one) for one in asked]
        seen = await self._seen(connection, asked, keys, now)
        more: Counter[tuple[Window, bytes]] = Counter()
        answers: list[Order | NotifyError] = []
        in_vain: list[tuple[str, WhoseKeys]] = []
        for one, its in zip(asked, keys, strict=True):
            answer = _out_of_order(one, confirmed, self._before(one)) or _reachable(one, now)
            fails = isinstance(answer, CannotConfirm)
            places = self.places(Act.IN_VAIN if fails else Act.SEND, its)
            told = latest(next_at(window, seen[window, key], now, more[window, key]) for window, key in places)
            if told is not None and not isinstance(answer, Conflict):
                answer = LimitReached("codes are asked for too often", next_at=told)
            elif fails:
                in_vain.append((Act.IN_VAIN.value, its))
            if fails or isinstance(answer, Order):
                more.update(places)
            answers.append(answer)
        await kept.record(connection, in_vain, now)
        return answers

    async def write(
        self, connection: Connection, admitted: Sequence[tuple[UUID, Candidate, Order]], now: datetime
    ) -> None:
        """Keep the codes of notifications that were written, cancel those they take the place of, and count them."""
        rows = [self._row(notification_id, one, order, now) for notification_id, one, order in admitted]
        newest = {row.subject: row.id for row in rows}
        rows = [
            row if newest[row.subject] == row.id else replace(row, issued=replace(row.issued, superseded_at=now))
            for row in rows
        ]
        older = await kept.add(connection, rows, now)
        older += [row.id for row in rows if row.issued.superseded_at is not None]
        # What is already over refuses, and that is as good: nothing more of it will be sent.
        await apply_events(connection, [(one, CancelAsked()) for one in sorted(older)], dict)
        sent = [(Act.SEND.value, self.keys(one)) for _, one, _ in admitted]
        await kept.record(connection, sent, now)
        await self._alarm(connection, rows, now)

    def subject(self, subject: Subject) -> bytes:
        """The keyed index of what a code confirms."""
        return self._vault.index(subject.text, "verification")

    def caller_key(self, client_id: str) -> bytes:
        """The keyed index by which a caller's acts are counted."""
        return self._vault.index(client_id, "caller")

    def keys(self, one: Candidate) -> dict[Whose, bytes]:
        """By whom the acts of one verification are counted."""
        caller = one.verifying.subject.caller
        found = {Whose.CALLER: self.caller_key(caller)}
        if one.verifying.doctor_id is not None:
            found[Whose.DOCTOR] = self._vault.index(f"{caller}\n{one.verifying.doctor_id}", "doctor")
        if one.order.patient_id is not None:
            found[Whose.PATIENT] = self._vault.index(str(one.order.patient_id), "patient")
        if isinstance(one.decided, Inform):
            found[Whose.PHONE] = self._vault.index(one.decided.phone.e164, "phone")
        return found

    def places(self, act: Act, keys: WhoseKeys) -> list[tuple[Window, bytes]]:
        """The windows of an act, each with the key it is looked up by; those of nobody known are left out."""
        return [(one, keys[one.whose]) for one in self.windows if one.act is act and one.whose in keys]

    def _before(self, one: Candidate) -> bytes | None:
        """What must be confirmed before this may be asked for."""
        subject = one.verifying.subject
        before = one.verifying.purpose.before(subject.party)
        return None if before is None else self.subject(replace(subject, party=before))

    async def _seen(
        self, connection: Connection, asked: Sequence[Candidate], keys: Sequence[WhoseKeys], now: datetime
    ) -> dict[tuple[Window, bytes], Seen]:
        wanted = list(
            dict.fromkeys(
                place
                for one, its in zip(asked, keys, strict=True)
                for act in (Act.SEND, Act.IN_VAIN)
                for place in self.places(act, its)
            )
        )
        return dict(zip(wanted, await kept.seen(connection, wanted, now), strict=True))

    def _row(self, notification_id: UUID, one: Candidate, order: Order, now: datetime) -> Kept:
        assert order.code is not None, "a verification is made with its code"
        verifying = one.verifying
        return Kept(
            id=notification_id,
            client_id=verifying.subject.caller,
            purpose=verifying.subject.purpose,
            entity_id=verifying.subject.entity_id,
            party=verifying.subject.party,
            subject=self.subject(verifying.subject),
            keys=self.keys(one),
            code_hash=self._vault.code_hash(order.code, notification_id.bytes),
            issued=Issued(life_s=verifying.purpose.life_s, attempts_max=verifying.purpose.attempts_max, created_at=now),
        )

    async def _alarm(self, connection: Connection, rows: Sequence[Kept], now: datetime) -> None:
        last = {row.keys[Whose.PHONE]: row for row in rows if Whose.PHONE in row.keys}
        if not last:
            return
        since = now - timedelta(seconds=UNREQUESTED_WINDOW_S)
        counts = await kept.unrequested(connection, list(last), since)
        raised = [
            Alarm(at=now, client_id=row.client_id, verification_id=row.id, unrequested=counts[phone])
            for phone, row in last.items()
            if is_alarming(counts.get(phone, 0))
        ]
        await kept.raise_alarms(connection, raised)
        self.alarms += len(raised)
        for one in raised:
            log.warning(
                "alarm: one person got %d codes in a day that nobody used; the last is verification %s of client %s",
                one.unrequested,
                one.verification_id,
                one.client_id,
            )


def _out_of_order(one: Candidate, confirmed: Collection[bytes], before: bytes | None) -> NotifyError | None:
    verifying = one.verifying
    verified = {Party.THIRD_PERSON} if before in confirmed else set()
    missing = first_missing(verifying.purpose, verifying.subject.party, verified)
    if missing is None:
        return None
    return Conflict(f"the confirmation of {missing.value} comes first", code="confirmation_out_of_order")


def _reachable(one: Candidate, now: datetime) -> Order | NotifyError:
    """The order with the words of its message in the person's language, or why no code can reach the person."""
    decided, verifying = one.decided, one.verifying
    if isinstance(decided, NotifyError):
        return _cannot(one, decided)
    if verifying.subject.party is Party.THIRD_PERSON and decided.relation is not Relation.SELF:
        return _refused(verifying, ADVICE["no_way"], explain(RefusalReason.THIRD_PERSON_CHAINED))
    if isinstance(decided, Print) and not decided.code_on_paper:
        return _refused(verifying, ADVICE["code_not_on_paper"], decided.explanation)
    prints = isinstance(decided, Print)
    language = "uk" if isinstance(decided, Print) else decided.language
    words = verifying.purpose.words[verifying.subject.party].of(language)
    # An operator may keep a message until the last moment, and the code must then still live; paper is read at once.
    life_s = verifying.purpose.life_s if prints else verifying.purpose.sending_s
    return replace(one.order, data={"purpose": words}, valid_until=now + timedelta(seconds=life_s))


def _cannot(one: Candidate, error: NotifyError) -> NotifyError:
    """One answer for a patient whom nobody knows and one whom nothing reaches."""
    refusal: Refusal | None = getattr(error, "refusal", None)
    if refusal is not None:
        return _refused(one.verifying, ADVICE["no_way"], refusal.explanation)
    if isinstance(error, InvalidInput) and [problem.code for problem in error.problems] == ["patient_unknown"]:
        unknown = Explanation("patient_unknown", "No such patient is stored here.", "Такого пацієнта тут немає.")
        return _refused(one.verifying, ADVICE["no_way"], unknown)
    return error


def _refused(verifying: Verifying, do: Explanation, reason: Explanation) -> CannotConfirm:
    return CannotConfirm(do, reason if verifying.knows_patients else None)
