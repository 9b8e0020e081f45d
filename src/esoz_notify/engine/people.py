"""People who use the pages: their passwords, how they sign in, and whether a session is good.

What belongs here: making and checking passwords and sessions. What does not: cookies and pages (console), the SQL
(store), programs that call the API (``access``).
"""

import asyncio
import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from esoz_notify.core.errors import Conflict, InvalidInput, LimitReached, NotFound, NotifyError, Problem
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import people as table
from esoz_notify.store import registry
from esoz_notify.store.ledger import Connection
from esoz_notify.store.people import PersonRow
from esoz_notify.store.vault import Vault

SESSION_LIFE_S = 12 * 3600.0
"""A working day; then one signs in again."""

FREE_TRIES = 5
"""Wrong passwords in a row that cost no waiting."""
PAUSE_MAX_S = 60.0
"""The longest wait between tries: guessing is hopeless at this pace, and whoever knows the password is not shut out."""
TRIES_FORGOTTEN_AFTER_S = 15 * 60.0

PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 12, 200
LOGIN_RULE = re.compile(r"[a-z0-9][a-z0-9._@-]{2,62}", re.ASCII)

_NAME_LENGTH_MAX = 200
_TOKEN_BYTES = 32
_PASSWORD_BYTES = 15
_CHECKS_AT_ONCE = 2
"""Each takes 64 MiB and some 50 ms of a core: strangers must not be able to take more of them."""


class Role(StrEnum):
    """What a person may do; the value is the text in the ledger."""

    DOCTOR = "doctor"
    OPERATOR = "operator"
    AUDITOR = "auditor"


class WrongPassword(NotifyError):
    """No such person, a wrong password, or a disabled person; which of them is not told."""

    code = "wrong_password"


class NotSignedIn(NotifyError):
    """No session, or one that is over or revoked."""

    code = "not_signed_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person, without the password. ``client_id``: the medical system whose notifications the person may see."""

    login: str
    name: str
    role: Role
    client_id: str
    created_at: datetime
    disabled_at: datetime | None

    @property
    def may_act(self) -> bool:
        """Whether the person may print and resend; an auditor looks only."""
        return self.role is not Role.AUDITOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in. ``csrf``: what the forms of this session carry."""

    person: Person
    csrf: str = field(repr=False)


class People:
    """Keeps people and their sessions in the ledger.

    A session's token is 256 random bits of which the ledger has the SHA-256, as with secrets of callers (``access``).
    """

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self._hasher = PasswordHasher()  # Argon2id as RFC 9106 §4 recommends second: 64 MiB, 3 passes, 4 lanes
        self._checks = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._nobody: str | None = None

    # --- people -------------------------------------------------------------------------------------------------------

    async def add(self, login: str, name: str, role: str, client_id: str, password: str | None = None) -> str:
        """Make a person and return the password, a new one unless it is given. Raises InvalidInput, Conflict."""
        password = password if password is not None else new_password()
        _check_person(login, name, role, password)
        hashed = await self._hash(password)
        async with self._ledger.transaction() as connection:
            if await registry.get_client(connection, client_id) is None:
                rule = "no such caller; esoz-notify clients list shows them"
                raise InvalidInput([Problem("/client_id", "client_unknown", rule)])
            if not await table.add_person(connection, login, name.strip(), role, client_id, hashed):
                raise Conflict(f"{login} exists; choose another login, or set a new password", code="person_exists")
        return password

    async def list(self) -> tuple[Person, ...]:
        """Everybody, by login."""
        async with self._ledger.transaction() as connection:
            return tuple(_person(row) for row in await table.list_people(connection))

    async def set_password(self, login: str, password: str | None = None) -> str:
        """Give a person another password and return it; sessions end, and a disabled person may come in again.

        Raises NotFound, InvalidInput.
        """
        password = password if password is not None else new_password()
        _raise(_password_problems(password))
        hashed = await self._hash(password)
        async with self._ledger.transaction() as connection:
            await self._demand(connection, login)
            await table.set_password(connection, login, hashed)
            await table.enable(connection, login)
            await table.revoke_sessions(connection, login)
            await table.forget_tries(connection, self._login_index(login))
        return password

    async def disable(self, login: str) -> None:
        """Take a person's access away; sessions end at once. Idempotent. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            await self._demand(connection, login)
            await table.disable(connection, login)
            await table.revoke_sessions(connection, login)

    async def has_password(self, login: str, password: str) -> bool:
        """Whether an enabled person has this password; for the command line, which needs no slowing."""
        async with self._ledger.transaction() as connection:
            row = await table.get_person(connection, login)
        return await self._verify(row, password)

    # --- signing in ---------------------------------------------------------------------------------------------------

    async def sign_in(self, login: str, password: str) -> str:
        """Begin a session and return its token. Raises WrongPassword, LimitReached while tries are being slowed."""
        login = login.strip().lower()
        await self._count_try(login)
        row = None
        if LOGIN_RULE.fullmatch(login):
            async with self._ledger.transaction() as connection:
                row = await table.get_person(connection, login)
        if not await self._verify(row, password) or row is None:
            raise WrongPassword("the login or the password is wrong")
        fresher = await self._hash(password) if self._hasher.check_needs_rehash(row.password_hash) else None
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        async with self._ledger.transaction() as connection:
            if fresher is not None:
                await table.set_password(connection, login, fresher)
            await table.forget_tries(connection, self._login_index(login))
            await table.begin_session(connection, _hashed(token), login, SESSION_LIFE_S)
        return token

    async def session(self, token: str | None) -> Session:
        """Who is signed in by this token. Raises NotSignedIn."""
        row = None
        if token:
            async with self._ledger.transaction() as connection:
                row = await table.person_of_session(connection, _hashed(token))
        if row is None or not token:
            raise NotSignedIn("sign in first")
        return Session(person=_person(row), csrf=hmac.digest(token.encode(), b"forms", "sha256").hex())

    async def sign_out(self, token: str) -> None:
        """End a session. Idempotent."""
        async with self._ledger.transaction() as connection:
            await table.revoke_session(connection, _hashed(token))

    async def _count_try(self, login: str) -> None:
        """Count a try before its password is checked, so that many at once gain nothing over one by one."""
        index = self._login_index(login)
        async with self._ledger.transaction() as connection:
            tries, last_at, now = await table.lock_tries(connection, index)
            if now - last_at > timedelta(seconds=TRIES_FORGOTTEN_AFTER_S):
                tries, last_at = 0, now
            next_at = last_at + timedelta(seconds=pause_s(tries))
            if next_at > now:
                raise LimitReached("too many wrong passwords; wait a little and try again", next_at=next_at)
            await table.write_tries(connection, index, tries + 1)

    def _login_index(self, login: str) -> bytes:
        return self._vault.index(login, "login")

    async def _verify(self, row: PersonRow | None, password: str) -> bool:
        """Whether it is the password; takes as long when there is no such person."""
        if self._nobody is None:
            self._nobody = await self._hash(new_password())
        hashed = row.password_hash if row else self._nobody
        async with self._checks:
            is_right = await asyncio.to_thread(self._matches, hashed, password)
        return is_right and row is not None and row.disabled_at is None

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, _spelled(password)[:PASSWORD_LENGTH_MAX])
        except (VerificationError, InvalidHashError):
            return False

    async def _hash(self, password: str) -> str:
        async with self._checks:
            return await asyncio.to_thread(self._hasher.hash, _spelled(password))

    async def _demand(self, connection: Connection, login: str) -> None:
        if await table.get_person(connection, login) is None:
            raise NotFound("there is nobody of that login", code="person_unknown")


def pause_s(tries: int) -> float:
    """How long to wait after so many tries in a row without the right password: 1, 2, 4 … seconds."""
    return 0.0 if tries < FREE_TRIES else min(2.0 ** (tries - FREE_TRIES), PAUSE_MAX_S)


def new_password() -> str:
    """120 random bits in 20 letters and digits."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def _check_person(login: str, name: str, role: str, password: str) -> None:
    problems = []
    if not LOGIN_RULE.fullmatch(login):
        rule = "must be 3 to 63 of a-z 0-9 . _ @ - and begin with a letter or a digit"
        problems.append(Problem("/login", "format", rule))
    if not 0 < len(name.strip()) <= _NAME_LENGTH_MAX or not name.isprintable():
        problems.append(Problem("/name", "format", f"must be 1 to {_NAME_LENGTH_MAX} printable characters"))
    if role not in {one.value for one in Role}:
        problems.append(Problem("/role", "unknown_role", f"must be one of: {', '.join(Role)}"))
    _raise([*problems, *_password_problems(password)])


def _password_problems(password: str) -> list[Problem]:
    if PASSWORD_LENGTH_MIN <= len(_spelled(password)) <= PASSWORD_LENGTH_MAX:
        return []
    rule = f"must have {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters; four words are a good one"
    return [Problem("/password", "wrong_length", rule)]


def _raise(problems: Sequence[Problem]) -> None:
    if problems:
        raise InvalidInput(problems)


def _person(row: PersonRow) -> Person:
    return Person(
        login=row.login,
        name=row.name,
        role=Role(row.role),
        client_id=row.client_id,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )


def _spelled(password: str) -> str:
    """One spelling of what keyboards write in two (NIST SP 800-63B §3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
