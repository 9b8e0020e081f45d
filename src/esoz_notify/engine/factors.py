"""Second factors: enrolling an app or a passkey, recovery codes, and proving to be there.

What belongs here: when which factor is good, and that none is good twice. What does not: WebAuthn itself
(``passkeys``), beginning sessions (``sessions``), pages (console).
"""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import pyotp

from esoz_notify.core.errors import Conflict, NotFound, NotifyError
from esoz_notify.engine import pace
from esoz_notify.engine.audit import Action
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.passkeys import RP_NAME, Asked, Site
from esoz_notify.engine.people import People, demand, note
from esoz_notify.engine.sessions import Opened, Origin, Session, Sessions, Waits
from esoz_notify.store import factors as table
from esoz_notify.store import sessions as sessions_table
from esoz_notify.store.factors import PasskeyRow, TotpRow
from esoz_notify.store.ledger import Connection
from esoz_notify.store.vault import Vault, field_aad

FRESH_S = 300.0
"""So long a proof of being there is good for what asks one."""
RECOVERY_CODES = 10
PASSKEYS_MAX = 10

_STEP_S = 30
_DRIFT_STEPS = 1
"""A phone's clock may be so far off, either way."""
_CODE_DIGITS = 6
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letter that is taken for a digit."""
_RECOVERY_LENGTH = 10
_NAME_LENGTH_MAX = 60


class WrongFactor(NotifyError):
    """A wrong code, one that was taken already, or a passkey's signature that is not good."""

    code = "wrong_factor"


class ProofKind(StrEnum):
    """By what a person proves to be there."""

    APP = "app"
    RECOVERY = "recovery"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a form brought; empty texts were not given."""

    code: str = field(default="", repr=False)
    credential: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        """Whether anything was given."""
        return bool(self.code or self.credential or self.password)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a person has."""

    has_app: bool
    passkeys: tuple[PasskeyRow, ...]
    codes_left: int

    def __bool__(self) -> bool:
        """Whether there is a second factor."""
        return self.has_app or bool(self.passkeys)


@dataclass(frozen=True, slots=True)
class Offer:
    """A new secret for an app: as text to type, and as the address that its QR code holds."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


class Factors:
    """The use cases of second factors. ``site``: None where there can be no passkeys."""

    def __init__(self, ledger: Ledger, vault: Vault, people: People, sessions: Sessions, site: Site | None) -> None:
        self._ledger = ledger
        self._vault = vault
        self._people = people
        self._sessions = sessions
        self.site = site

    async def standing(self, session: Session) -> Standing:
        """What the person has."""
        login = session.person.login
        async with self._ledger.transaction() as connection:
            has_app, _ = await table.kinds(connection, login)
            passkeys = tuple(await table.list_passkeys(connection, login))
            return Standing(has_app=has_app, passkeys=passkeys, codes_left=await table.count_codes(connection, login))

    def is_fresh(self, session: Session) -> bool:
        """Whether the person has proved to be there a short while ago."""
        return self._ledger.clock.now() - session.fresh_at <= timedelta(seconds=FRESH_S)

    # --- proving ------------------------------------------------------------------------------------------------------

    async def pass_second(self, session: Session, proof: Proof, origin: Origin) -> Opened:
        """Go on from a password to a whole session, under another token. Raises WrongFactor, LimitReached."""
        login = session.person.login
        kind = await self._check(session, proof, _who(login, self._sessions.mark_of(origin, login)))
        async with self._ledger.transaction() as connection:
            opened = await self._sessions.go_on(connection, session, origin)
            await _note(connection, session, Action.SIGN_IN, second=kind.value)
        return opened

    async def prove(self, session: Session, proof: Proof) -> None:
        """The person proves to be there: by a second factor, or by the password where there is none.

        Raises WrongFactor, InvalidInput (a wrong password), LimitReached.
        """
        async with self._ledger.transaction() as connection:
            has_factor = any(await table.kinds(connection, session.person.login))
        if has_factor:
            await self._check(session, proof, str(session.id))
        else:
            await self._people.check_password(session.person, proof.password, here=session.id)
        async with self._ledger.transaction() as connection:
            await table.freshen(connection, session.id, by_factor=has_factor)

    async def _check(self, session: Session, proof: Proof, who: str) -> ProofKind:
        """Which factor it was. Codes are counted by ``who``; signatures cannot be guessed and are not."""
        if not proof.credential:
            async with self._ledger.transaction() as connection:
                await pace.count(connection, self._vault, pace.FACTOR, who)
        async with self._ledger.transaction() as connection:
            kind = await self._take(connection, session, proof)
            if kind is None:
                await _note(connection, session, Action.SECOND_FACTOR_FAILED)
            elif kind is not ProofKind.PASSKEY:
                await pace.forget(connection, self._vault, pace.FACTOR, who)
        if kind is None:
            raise WrongFactor("the second factor is wrong or was used already")
        return kind

    async def _take(self, connection: Connection, session: Session, proof: Proof) -> ProofKind | None:
        login = session.person.login
        if proof.credential:
            return ProofKind.PASSKEY if await self._signed(connection, session, proof.credential) else None
        code = proof.code.upper().replace(" ", "").replace("-", "")
        if len(code) == _CODE_DIGITS:
            row = await table.get_totp(connection, login)
            step = self._step_of(login, row, code) if row is not None and row.confirmed_at is not None else None
            if step is None:
                return None
            await table.take_step(connection, login, step)
            return ProofKind.APP
        is_good = await table.take_code(connection, login, self._recovery_hash(login, code))
        return ProofKind.RECOVERY if is_good else None

    # --- the app ------------------------------------------------------------------------------------------------------

    async def offer_app(self, session: Session) -> Offer:
        """A secret for an app, the same until it is confirmed. Raises Conflict when there is an app already."""
        login = session.person.login
        async with self._ledger.transaction() as connection:
            sealed = self._vault.seal(pyotp.random_base32().encode(), aad=_aad(login))
            await table.add_totp(connection, login, sealed)
            row = await table.get_totp(connection, login)
            assert row is not None
            if row.confirmed_at is not None:
                raise Conflict("there is an app already; take it away first", code="factor_exists")
            secret = self._vault.open(row.secret, aad=_aad(login)).decode()
        return Offer(secret, pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=RP_NAME))

    async def confirm_app(self, session: Session, code: str) -> list[str]:
        """The app shows right codes, so it counts from now on; gives recovery codes when they are the first.

        Raises WrongFactor, LimitReached, NotFound (nothing was offered), Conflict.
        """
        login = session.person.login
        async with self._ledger.transaction() as connection:
            await pace.count(connection, self._vault, pace.FACTOR, str(session.id))
        async with self._ledger.transaction() as connection:
            row = await table.get_totp(connection, login)
            if row is None:
                raise NotFound("no app is being added", code="factor_unknown")
            if row.confirmed_at is not None:
                raise Conflict("there is an app already; take it away first", code="factor_exists")
            step = self._step_of(login, row, code.replace(" ", ""))
            if step is None:
                raise WrongFactor("the code is wrong; look whether the phone's clock is right")
            await table.take_step(connection, login, step)
            await pace.forget(connection, self._vault, pace.FACTOR, str(session.id))
            return await self._enrolled(connection, session, ProofKind.APP)

    async def remove_app(self, session: Session) -> None:
        """Forget the app. Idempotent."""
        login = session.person.login
        async with self._ledger.transaction() as connection:
            await table.delete_totp(connection, login)
            await self._removed(connection, session, ProofKind.APP)

    def _step_of(self, login: str, row: TotpRow, code: str) -> int | None:
        """Of which step it is the code, now or within the drift; None unless newer than the last one taken."""
        totp = pyotp.TOTP(self._vault.open(row.secret, aad=_aad(login)).decode())
        now = _step(self._ledger.clock.now())
        steps = range(max(row.last_step + 1, now - _DRIFT_STEPS), now + _DRIFT_STEPS + 1)
        given = code.encode("utf-8", "surrogatepass")
        return next((step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), given)), None)

    # --- passkeys -----------------------------------------------------------------------------------------------------

    async def ask_to_make(self, session: Session) -> Asked | None:
        """What a browser is asked to make a passkey by; None where there can be none."""
        if self.site is None:
            return None
        person = session.person
        async with self._ledger.transaction() as connection:
            known = await table.list_passkeys(connection, person.login)
            user_id = self._vault.index(person.login, "passkey user")
            asked = self.site.ask_to_make(user_id, person.login, person.name, known)
            await table.put_challenge(connection, session.id, asked.challenge)
        return asked

    async def add_passkey(self, session: Session, credential: str, name: str) -> list[str]:
        """Take a passkey that a browser made; gives recovery codes when they are the first. Raises WrongFactor."""
        async with self._ledger.transaction() as connection:
            challenge = await table.take_challenge(connection, session.id)
        made = self.site.made(credential, challenge) if self.site is not None and challenge is not None else None
        if made is None:
            raise WrongFactor("the passkey is not good; try again")
        login, shown = session.person.login, name[:_NAME_LENGTH_MAX]
        async with self._ledger.transaction() as connection:
            is_full = len(await table.list_passkeys(connection, login)) >= PASSKEYS_MAX
            row = (made.id, login, shown, made.public_key, made.sign_count)
            if is_full or not await table.add_passkey(connection, *row):
                raise WrongFactor("this passkey is known already, or there are too many")
            return await self._enrolled(connection, session, ProofKind.PASSKEY)

    async def remove_passkey(self, session: Session, key_id: bytes) -> None:
        """Forget a passkey. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            if not await table.delete_passkey(connection, session.person.login, key_id):
                raise NotFound("no such passkey of yours", code="factor_unknown")
            await self._removed(connection, session, ProofKind.PASSKEY)

    async def ask_to_sign(self, session: Session) -> Asked | None:
        """What a browser is asked to sign by a passkey; None when the person has none."""
        if self.site is None:
            return None
        async with self._ledger.transaction() as connection:
            known = await table.list_passkeys(connection, session.person.login)
            if not known:
                return None
            asked = self.site.ask_to_sign(known)
            await table.put_challenge(connection, session.id, asked.challenge)
        return asked

    async def _signed(self, connection: Connection, session: Session, credential: str) -> bool:
        known = await table.list_passkeys(connection, session.person.login)
        challenge = await table.take_challenge(connection, session.id)
        if self.site is None or challenge is None:
            return False
        used = self.site.signed(credential, challenge, known)
        if used is not None:
            await table.use_passkey(connection, used.id, used.sign_count)
        return used is not None

    # --- recovery codes, and what changes -----------------------------------------------------------------------------

    async def renew_codes(self, session: Session) -> list[str]:
        """New recovery codes; the old ones are good no more. Raises NotFound when there is nothing to recover."""
        async with self._ledger.transaction() as connection:
            if not any(await table.kinds(connection, session.person.login)):
                raise NotFound("there is no second factor", code="factor_unknown")
            codes = await self._new_codes(connection, session.person.login)
            await _note(connection, session, Action.SECOND_FACTOR_ENROLLED, kind=ProofKind.RECOVERY.value)
        return codes

    async def require(self, login: str, *, required: bool, by: str) -> None:
        """Whether a person must have a second factor, whatever the role. Idempotent. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            if (await demand(connection, login)).second_factor_required == required:
                return
            await table.require(connection, login, required=required)
            await note(connection, by, Action.SECOND_FACTOR_DEMANDED, login, demanded="yes" if required else "no")

    async def reset(self, login: str, *, by: str) -> None:
        """Take every second factor of a person away, who lost them; sessions end. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            await demand(connection, login)
            await table.forget_factors(connection, login)
            await sessions_table.revoke_sessions(connection, login)
            await pace.forget(connection, self._vault, pace.FACTOR, _who(login))
            await note(connection, by, Action.SECOND_FACTOR_REMOVED, login, kind="all")

    async def _enrolled(self, connection: Connection, session: Session, kind: ProofKind) -> list[str]:
        """The session has passed by its new factor; the first one comes with recovery codes."""
        login = session.person.login
        await table.freshen(connection, session.id, by_factor=True)
        codes = [] if await table.count_codes(connection, login) else await self._new_codes(connection, login)
        await _note(connection, session, Action.SECOND_FACTOR_ENROLLED, kind=kind.value)
        if session.waits is Waits.ENROLMENT:
            await _note(connection, session, Action.SIGN_IN, second=kind.value)
        return codes

    async def _removed(self, connection: Connection, session: Session, kind: ProofKind) -> None:
        """With the last factor its recovery codes go."""
        if not any(await table.kinds(connection, session.person.login)):
            await table.forget_factors(connection, session.person.login)
        await _note(connection, session, Action.SECOND_FACTOR_REMOVED, kind=kind.value)

    async def _new_codes(self, connection: Connection, login: str) -> list[str]:
        codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]
        await table.replace_codes(connection, login, [self._recovery_hash(login, code) for code in codes])
        return [f"{code[:5]}-{code[5:]}" for code in codes]

    def _recovery_hash(self, login: str, code: str) -> bytes:
        return self._vault.code_hash(code, b"recovery", login.encode())


async def _note(connection: Connection, session: Session, action: Action, **details: str) -> None:
    login = session.person.login
    await note(connection, f"person:{login}", action, login, **details)


def _who(login: str, mark: str | None = None) -> str:
    """By what codes of half sessions are counted: the person, or the person in a browser that is known."""
    return f"{login} {mark or ''}"


def _step(now: datetime) -> int:
    return int(now.timestamp()) // _STEP_S


def _aad(login: str) -> bytes:
    return field_aad("totp", "secret", login)
