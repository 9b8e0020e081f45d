"""The use cases that ESOZ's components call by the contract of its present OTP service, on top of the same engine.

What belongs here: codes bound to a phone or to some content instead of to an operation, and free texts. What does not:
that contract's envelope and words (api), everything that is the same for all codes (``verifications``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from esoz_notify.core.errors import InvalidInput, LimitReached, NotFound
from esoz_notify.core.fields import Fields, Findings
from esoz_notify.core.kinds import KINDS, PLAIN_TEXT, PLAIN_TEXT_LENGTH_MAX, Kind
from esoz_notify.core.phone import PHONE_RULE, Phone
from esoz_notify.core.verification import PURPOSES, Party, Purpose, Subject, Verdict
from esoz_notify.core.windows import Act, Whose, latest, next_at
from esoz_notify.engine.clock import new_id
from esoz_notify.engine.intake import Asked, Intake, Taken, fingerprint
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.requests import InlineRecipient, Order
from esoz_notify.engine.verification_request import VerificationRequest
from esoz_notify.engine.verifications import CheckRefused, Verifications
from esoz_notify.store import reading
from esoz_notify.store import verifications as kept
from esoz_notify.store.vault import Vault

CONTENT_HASH_LENGTH_MAX = 64
TYPE_LENGTH_MAX = 60
NO_TYPE = "undefined"

_PHONE_PURPOSE, _CONTENT_PURPOSE = PURPOSES["phone_number"], PURPOSES["action"]
_CODE_KIND = KINDS["confirmation_code"]
_PHONE_RULE_TEXT = 'string does not match pattern "^\\+380[0-9]{9}$"'


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneCode:
    """A code of a phone. ``is_active``: it can still be told."""

    id: UUID
    is_verified: bool
    expires_at: datetime

    @property
    def is_active(self) -> bool:
        """Whether the code can still be told."""
        return not self.is_verified


@dataclass(frozen=True, slots=True, kw_only=True)
class SentText:
    """A free text that will be sent."""

    id: UUID
    phone: Phone
    body: str = field(repr=False)
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A checked request of the call for patients' applications. ``code`` None: have one sent."""

    phone: Phone
    content_hash: str
    code: str | None = field(repr=False)


class Esoz:
    """The use cases."""

    def __init__(self, ledger: Ledger, vault: Vault, intake: Intake, verifications: Verifications) -> None:
        self._ledger = ledger
        self._vault = vault
        self._intake = intake
        self._verifications = verifications

    async def initialize(
        self, client_id: str, asked: Mapping[str, object], *, traceparent: str | None = None
    ) -> PhoneCode:
        """Have a code sent to a phone; an older one of the same phone is cancelled. Raises InvalidInput, LimitReached.

        It is on disk when this returns: a provider that fails now is tried again, or the next one is.
        """
        phone = _read_phone(asked)
        return await self._start(client_id, _PHONE_PURPOSE, phone, "", traceparent)

    async def complete(self, client_id: str, phone: Phone, asked: Mapping[str, object]) -> PhoneCode:
        """Check the code of a phone. Raises InvalidInput, NotFound, CheckRefused, LimitReached."""
        code = _read_code(asked, _PHONE_PURPOSE)
        return await self._check(client_id, _PHONE_PURPOSE, phone, "", code, proves_phone=True)

    async def is_verified(self, phone: Phone) -> bool:
        """Whether a code of this phone was ever told rightly."""
        async with self._ledger.transaction() as connection:
            return await kept.is_proved(connection, self._phone_index(phone))

    async def send_text(
        self, client_id: str, asked: Mapping[str, object], *, traceparent: str | None = None
    ) -> SentText:
        """Have a text sent that the caller made. Raises InvalidInput, LimitReached for the same text too often."""
        phone, body, of_type = _read_text(asked)
        taken = await self.send_plain(client_id, phone, body, traceparent=traceparent)
        return SentText(id=taken.stored.id, phone=phone, body=body, type=of_type)

    async def send_plain(
        self, client_id: str, phone: Phone, body: str, *, key: str | None = None, traceparent: str | None = None
    ) -> Taken:
        """Have a text of ``read_body`` sent. ``key``: of the caller's for this text; None: a repeat is sent again.

        Raises Conflict (the key is in flight, or was used for another text), LimitReached, Unavailable.
        """
        now = self._ledger.clock.now()
        if key is None or not await self._is_known(client_id, key):
            await self._count_text(phone, body, now)
        order = _order(KINDS[PLAIN_TEXT], phone, code=body, traceparent=traceparent)
        mark = self._mark({"phone": phone.e164, "body": body})
        return await self._intake.accept(
            Asked(client_id=client_id, key=key or f"text/{new_id(now)}", fingerprint=mark, order=order)
        )

    async def factor(
        self, client_id: str, asked: Mapping[str, object], *, traceparent: str | None = None
    ) -> tuple[Factor, bool]:
        """Have a code sent that confirms some content, or check it; the request, and whether it is verified.

        Raises InvalidInput, NotFound, CheckRefused, LimitReached.
        """
        factor = _read_factor(asked)
        if factor.code is None:
            await self._start(client_id, _CONTENT_PURPOSE, factor.phone, factor.content_hash, traceparent)
            return factor, False
        await self._check(client_id, _CONTENT_PURPOSE, factor.phone, factor.content_hash, factor.code)
        return factor, True

    async def _start(
        self, client_id: str, purpose: Purpose, phone: Phone, content: str, traceparent: str | None
    ) -> PhoneCode:
        request = VerificationRequest(
            purpose=purpose,
            party=Party.PATIENT,
            entity_id=self._entity(phone, content),
            doctor_id=None,
            order=_order(_CODE_KIND, phone, code=None, traceparent=traceparent),
        )
        key = str(new_id(self._ledger.clock.now()))
        started = await self._verifications.start(client_id, request, key, self._mark({"key": key}))
        issued = started.found.issued
        return PhoneCode(id=started.found.id, is_verified=False, expires_at=issued.expires_at)

    async def _check(  # noqa: PLR0913 - what a code is bound to
        self, client_id: str, purpose: Purpose, phone: Phone, content: str, code: str, *, proves_phone: bool = False
    ) -> PhoneCode:
        subject = Subject(
            caller=client_id, purpose=purpose.name, entity_id=self._entity(phone, content), party=Party.PATIENT
        )
        async with self._ledger.transaction() as connection:
            newest = await kept.latest(connection, self._intake.admission.subject(subject))
        # A phone without a code is looked up and judged like any other, under an id that nothing has.
        asked_for = newest or new_id(self._ledger.clock.now())
        checked = await self._verifications.judge(client_id, asked_for, code, proves_phone=proves_phone)
        found = checked.found
        if found is None or checked.verdict in {Verdict.USED, Verdict.SUPERSEDED}:
            raise NotFound("not found")
        if checked.verdict is not Verdict.RIGHT:
            raise CheckRefused(checked.verdict, found.issued.attempts_left)
        return PhoneCode(id=found.id, is_verified=True, expires_at=found.issued.expires_at)

    async def _is_known(self, client_id: str, key: str) -> bool:
        async with self._ledger.transaction() as connection:
            return await reading.by_key(connection, client_id, key) is not None

    async def _count_text(self, phone: Phone, body: str, now: datetime) -> None:
        keys = {Whose.PHONE: self._vault.index(f"{phone.e164}\n{body}", "text")}
        async with self._ledger.transaction() as connection:
            await kept.one_sender(connection)
            places = self._intake.admission.places(Act.TEXT, keys)
            seen = await kept.seen(connection, places, now)
            told = latest(next_at(one, held, now) for (one, _), held in zip(places, seen, strict=True))
            if told is not None:
                raise LimitReached("the same text is sent too often", next_at=told)
            await kept.record(connection, [(Act.TEXT.value, keys)], now)

    def _entity(self, phone: Phone, content: str) -> str:
        """What stands for a phone, and some content, where an entity's id would; no phone is kept in clear."""
        return f"{self._phone_index(phone).hex()}/{content}"

    def _phone_index(self, phone: Phone) -> bytes:
        return self._vault.index(phone.e164, "phone")

    def _mark(self, asked: object) -> bytes:
        return fingerprint(self._vault, asked)


def _order(kind: Kind, phone: Phone, *, code: str | None, traceparent: str | None) -> Order:
    return Order(
        kind=kind,
        patient_id=None,
        recipient=InlineRecipient(phone=phone),
        inform_with=None,
        data={},
        code=code,
        summary={},
        reference=None,
        valid_until=None,
        traceparent=traceparent,
    )


# --- bodies: every problem at once, in the words of that contract ---------------------------------------------------


def _read_phone(asked: Mapping[str, object]) -> Phone:
    fields = Fields(asked, "", Findings())
    phone = _phone(fields, "phone_number")
    fields.find("provider")
    _finish(fields)
    assert phone is not None, "a phone that is missing is a problem"
    return phone


def _read_code(asked: Mapping[str, object], purpose: Purpose) -> str:
    fields = Fields(asked, "", Findings())
    code = _code(fields, purpose, required=True)
    _finish(fields)
    assert code is not None, "a code that is missing is a problem"
    return code


def _read_text(asked: Mapping[str, object]) -> tuple[Phone, str, str]:
    fields = Fields(asked, "", Findings())
    phone = _phone(fields, "phone_number")
    body = _plain(fields, "body", PLAIN_TEXT_LENGTH_MAX)
    _, given_type = fields.text("type")
    of_type = fields.plain("type", given_type, TYPE_LENGTH_MAX) if given_type is not None else NO_TYPE
    fields.find("provider")
    if body is None and not fields.has_problem("body"):
        _missing(fields, "body")
    _finish(fields)
    assert phone is not None
    assert body is not None
    return phone, body, of_type or NO_TYPE


def _read_factor(asked: Mapping[str, object]) -> Factor:
    fields = Fields(asked, "", Findings())
    phone = _phone(fields, "factor")
    _, of_type = fields.text("type")
    if of_type != "SMS" and not fields.has_problem("type"):
        fields.problem("type", "inclusion", "value is not allowed in enum: SMS")
    content = _plain(fields, "content_hash", CONTENT_HASH_LENGTH_MAX)
    code = _code(fields, _CONTENT_PURPOSE, required=False)
    _finish(fields)
    assert phone is not None
    return Factor(phone=phone, content_hash=content or "", code=code)


def _phone(fields: Fields, name: str) -> Phone | None:
    name, given = fields.text(name)
    if given is None:
        if not fields.has_problem(name):
            _missing(fields, name)
        return None
    if not PHONE_RULE.fullmatch(given):
        fields.problem(name, "format", _PHONE_RULE_TEXT)
        return None
    return Phone(given)


def _code(fields: Fields, purpose: Purpose, *, required: bool) -> str | None:
    """A code given as a number lost its leading zeros; they are put back."""
    name, given = fields.find("code")
    if given is None:
        if required:
            _missing(fields, name)
        return None
    if isinstance(given, str):
        return given.strip()
    if isinstance(given, int) and not isinstance(given, bool):
        return f"{given:0{purpose.code_length}d}"
    fields.problem(name, "cast", "type mismatch. Expected number or string")
    return None


def read_body(value: object) -> str:
    """A text that a caller made, checked and on one line. Raises InvalidInput."""
    fields = Fields({"body": value}, "", Findings())
    body = _plain(fields, "body", PLAIN_TEXT_LENGTH_MAX)
    if body is None and not fields.has_problem("body"):
        _missing(fields, "body")
    _finish(fields)
    assert body is not None, "a body that is missing is a problem"
    return body


def _plain(fields: Fields, name: str, length_max: int) -> str | None:
    """A text on one line: lines of the caller's become spaces."""
    name, given = fields.text(name)
    return None if given is None else fields.plain(name, " ".join(given.split()), length_max)


def _missing(fields: Fields, name: str) -> None:
    fields.problem(name, "required", f"required property {name} was not present")


def _finish(fields: Fields) -> None:
    for name in fields.left():
        fields.problem(name, "schema", "schema does not allow additional properties")
    if fields.findings.problems:
        raise InvalidInput(fields.findings.problems)
