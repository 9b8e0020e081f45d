"""One-time codes as callers use them: made and sent, checked, sent again, looked at.

What belongs here: the use cases, and making codes. What does not: HTTP (api), the rules (``core.verification``), what
is written when a code is sent (``admission``).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from esoz_notify.core.cascade import ResendAsked
from esoz_notify.core.errors import LimitReached, NotFound, NotifyError, RefusedTransition
from esoz_notify.core.verification import (
    JUDGED,
    PURPOSES,
    TOLD,
    Purpose,
    State,
    Subject,
    Verdict,
    advice,
    judge,
    state_of,
)
from esoz_notify.core.windows import Act, Whose, latest, next_at
from esoz_notify.engine import views
from esoz_notify.engine.admission import Verifying
from esoz_notify.engine.applying import apply_events
from esoz_notify.engine.audit import Deed, note
from esoz_notify.engine.intake import Asked, Intake, fingerprint
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.verification_request import VerificationRequest, read_verification
from esoz_notify.engine.views import Json, rfc3339
from esoz_notify.store import reading, wake
from esoz_notify.store import verifications as kept
from esoz_notify.store.ledger import Connection
from esoz_notify.store.reading import Stored
from esoz_notify.store.vault import Vault
from esoz_notify.store.verifications import Alarm, Kept, WhoseKeys

NOBODY = bytes(16)
"""Stands for a key that is not known, so that the ledger does the same work for a verification that does not exist."""

NO_HASH = bytes(32)
"""Compared with when there is no verification; no code has it."""


class CheckRefused(NotifyError):
    """A check that did not succeed. ``attempts_left``: of this verification."""

    code = "check_refused"

    def __init__(self, verdict: Verdict, attempts_left: int) -> None:
        super().__init__(TOLD[verdict].en, code=verdict.value)
        self.verdict = verdict
        self.attempts_left = attempts_left


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check came to. ``found`` None: there is no such verification."""

    verdict: Verdict
    found: Kept | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A verification just made, or the one that the same request made before."""

    stored: Stored
    found: Kept
    replayed: bool


class Verifications:
    """The use cases."""

    def __init__(self, ledger: Ledger, vault: Vault, intake: Intake) -> None:
        self._ledger = ledger
        self._vault = vault
        self._intake = intake

    @property
    def alarms_raised(self) -> int:
        """How many alarms this process raised."""
        return self._intake.admission.alarms

    async def create(
        self,
        client_id: str,
        asked: Mapping[str, object],
        key: str,
        *,
        knows_patients: bool,
        traceparent: str | None = None,
    ) -> tuple[Json, bool]:
        """Make a code and have it sent: the verification, and whether it is a replay. Idempotent by ``key``.

        ``knows_patients``: the caller may be told why a patient cannot be reached.
        Raises InvalidInput, CannotConfirm, Conflict, LimitReached, Unavailable.
        """
        request = read_verification(asked, self._ledger.clock.now(), traceparent=traceparent)
        mark = fingerprint(self._vault, {"verification": asked})
        started = await self.start(client_id, request, key, mark, knows_patients=knows_patients)
        return self._view(started.found, started.stored), started.replayed

    async def start(
        self, client_id: str, request: VerificationRequest, key: str, mark: bytes, *, knows_patients: bool = False
    ) -> Started:
        """The same for a checked request; ``mark``: the fingerprint of what was asked."""
        subject = Subject(
            caller=client_id, purpose=request.purpose.name, entity_id=request.entity_id, party=request.party
        )
        verifying = Verifying(
            purpose=request.purpose,
            subject=subject,
            doctor_id=request.doctor_id,
            knows_patients=knows_patients,
        )
        order = replace(request.order, code=new_code(request.purpose))
        taken = await self._intake.accept(
            Asked(client_id=client_id, key=f"verification/{key}", fingerprint=mark, order=order, verifying=verifying)
        )
        async with self._ledger.transaction() as connection:
            found = await kept.one(connection, taken.stored.id, client_id)
        if found is None:
            raise _unknown()  # a replay of one that is forgotten by now
        return Started(stored=taken.stored, found=found, replayed=taken.replayed)

    async def get(self, client_id: str, verification_id: UUID) -> Json:
        """One verification as it is now. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            found, stored = await self._look(connection, verification_id, client_id)
        if found is None or stored is None:
            raise _unknown()
        return self._view(found, stored)

    async def check(self, client_id: str, verification_id: UUID, code: str) -> Json:
        """Verify a code. Raises NotFound, CheckRefused for everything but success, LimitReached."""
        checked = await self.judge(client_id, verification_id, code)
        # Looked at in any case, so that the time taken does not tell the right code from others.
        async with self._ledger.transaction() as connection:
            found, stored = await self._look(connection, verification_id, client_id)
        if checked.found is None or found is None or stored is None:
            raise _unknown()
        if checked.verdict is not Verdict.RIGHT:
            raise CheckRefused(checked.verdict, checked.found.issued.attempts_left)
        return self._view(found, stored)

    async def judge(self, client_id: str, verification_id: UUID, code: str, *, proves_phone: bool = False) -> Checked:
        """Judge one check, and record it. ``proves_phone``: success is remembered of the phone. Raises LimitReached.

        Right, wrong, over and unknown cost the same: one locked look-up, one look at the windows, one comparison in
        constant time, one statement that writes one row.
        """
        async with self._ledger.transaction() as connection:
            found = await kept.lock(connection, verification_id, client_id)
            now = self._ledger.clock.now()
            keys = {**dict.fromkeys(Whose, NOBODY), **(found.keys if found else {})}
            keys[Whose.CALLER] = self._intake.admission.caller_key(client_id)
            await self._hold_to(connection, Act.WRONG, keys, now)
            expected = found.code_hash if found else NO_HASH
            matches = self._vault.code_matches(code, expected, verification_id.bytes)
            verdict = judge(found.issued if found else None, matches=matches, now=now)
            spent = int(verdict in JUDGED)
            counted = Act.WRONG.value if verdict in {Verdict.WRONG, Verdict.UNKNOWN} else kept.CHECKED
            await kept.conclude(
                connection,
                verification_id,
                attempts=spent,
                verified=verdict is Verdict.RIGHT,
                act=counted,
                keys={whose: key for whose, key in keys.items() if key != NOBODY},
                now=now,
            )
            if proves_phone and verdict is Verdict.RIGHT and found is not None and Whose.PHONE in found.keys:
                await kept.prove_phone(connection, found.keys[Whose.PHONE], now)
        if found is not None:
            issued = replace(found.issued, attempts=found.issued.attempts + spent)
            found = replace(found, issued=issued)
        return Checked(verdict=verdict, found=found, now=now)

    async def resend(self, client_id: str, verification_id: UUID, deed: Deed | None = None) -> Json:
        """Send the same code by the next channel. Raises NotFound, RefusedTransition, LimitReached.

        ``deed``: to be noted with it. What a system asks for in a patient's name, as it does all day, is in the
        history alone: the one row of the audit's writers is not for what is done by the thousand.
        """
        async with self._ledger.transaction() as connection:
            await kept.one_sender(connection)
            found = await kept.lock(connection, verification_id, client_id)
            if found is None:
                raise _unknown()
            now = self._ledger.clock.now()
            state = state_of(found.issued, now)
            if state is not State.PENDING:
                raise RefusedTransition(f"the verification is {state.value}: start a new one", code="verification_over")
            keys = {**found.keys, Whose.CALLER: self._intake.admission.caller_key(client_id)}
            await self._hold_to(connection, Act.SEND, keys, now)
            applied = await apply_events(connection, [(verification_id, ResendAsked())], dict)
            if applied.refused:
                raise applied.refused[0]
            await kept.record(connection, [(Act.SEND.value, keys)], now)
            await wake.agenda(connection)
            if deed is not None:
                await note(connection, deed)
        return await self.get(client_id, verification_id)

    async def alarms(self) -> list[Alarm]:
        """The last alarms of people who got many codes that nobody used, newest first."""
        async with self._ledger.transaction() as connection:
            return await kept.alarms(connection)

    async def _hold_to(self, connection: Connection, act: Act, keys: WhoseKeys, now: datetime) -> None:
        """Raise LimitReached when a window of an act is full."""
        places = self._intake.admission.places(act, keys)
        seen = await kept.seen(connection, places, now)
        told = latest(next_at(one, held, now) for (one, _), held in zip(places, seen, strict=True))
        if told is not None:
            what = "codes are sent too often" if act is Act.SEND else "codes are guessed too often"
            raise LimitReached(what, next_at=told)

    @staticmethod
    async def _look(connection: Connection, verification_id: UUID, client_id: str) -> tuple[Kept | None, Stored | None]:
        found = await kept.one(connection, verification_id, client_id)
        return found, await reading.one(connection, verification_id)

    def _view(self, found: Kept, stored: Stored) -> Json:
        return view(found, stored, self._ledger.clock.now())


def new_code(purpose: Purpose) -> str:
    """A code of the purpose's length, each of the whole space equally likely."""
    return f"{secrets.randbelow(10**purpose.code_length):0{purpose.code_length}d}"


def view(found: Kept, stored: Stored, now: datetime) -> Json:
    """A verification as callers are shown it."""
    issued, state = found.issued, state_of(found.issued, now)
    following = PURPOSES[found.purpose].after(found.party)
    told = advice(state, stored.state.status)
    itself = f"/v1/verifications/{found.id}"
    return {
        "id": str(found.id),
        "purpose": found.purpose,
        "entity_id": found.entity_id,
        "confirms": found.party.value,
        "status": state.value,
        "attempts_left": issued.attempts_left,
        "created_at": rfc3339(issued.created_at),
        "expires_at": rfc3339(issued.expires_at),
        "verified_at": rfc3339(issued.verified_at) if issued.verified_at else None,
        "next": following.value if following is not None and state is State.VERIFIED else None,
        "recipient": views.recipient(stored.recipient),
        "delivery": {
            "status": stored.state.status.value,
            "route": [step.channel.value for step in stored.state.steps],
            "delivered_by": views.delivered_by(stored.state),
        },
        "advice": {"code": told.code, "uk": told.uk, "en": told.en} if told else None,
        "links": {
            "self": itself,
            "check": f"{itself}/check",
            "resend": f"{itself}/resend",
            "events": f"{itself}/events",
            "summary": f"/v1/notifications/{found.id}/summary",
        },
    }


def _unknown() -> NotFound:
    return NotFound(TOLD[Verdict.UNKNOWN].en, code=Verdict.UNKNOWN.value)
