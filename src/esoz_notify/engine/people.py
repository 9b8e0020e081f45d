"""People who use the pages: who they are, what their role is, and their passwords.

What belongs here: making, disabling, another password. What does not: signing in and sessions (``sessions``), cookies
and pages (console), the SQL (store), programs that call the API (``access``).
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from esoz_notify.core.audit import is_personal
from esoz_notify.core.errors import Conflict, InvalidInput, NotFound, NotifyError, Problem
from esoz_notify.engine import audit, pace
from esoz_notify.engine.audit import Action, Deed
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.passwords import Passwords, new_password, password_problems
from esoz_notify.store import people as table
from esoz_notify.store import registry, sessions
from esoz_notify.store.ledger import Connection
from esoz_notify.store.people import PersonRow
from esoz_notify.store.vault import Vault

LOGIN_RULE = re.compile(r"[a-z0-9][a-z0-9._@-]{2,62}", re.ASCII)

SETUP = "cli:setup"
"""Who acts where nobody is named: a program that prepares a machine."""

_NAME_LENGTH_MAX = 200


class Role(StrEnum):
    """What a person may do; the value is the text in the ledger."""

    DOCTOR = "doctor"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SUPPORT = "support"


OF_THE_SERVICE = frozenset({Role.OPERATOR, Role.AUDITOR, Role.SUPPORT})
"""Roles of people who run the service: on its pages they see what every medical system sent, masked."""


class WrongPassword(NotifyError):
    """No such person, a wrong password, or a disabled person; which of them is not told."""

    code = "wrong_password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person, without the password. ``client_id``: the medical system at whose desk the person is."""

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

    def sees(self, client_id: str) -> bool:
        """Whether notifications of a medical system are the person's to see: one's own, or to run the service any."""
        return self.role in OF_THE_SERVICE or client_id == self.client_id


class People:
    """Keeps people in the ledger."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self.passwords = Passwords()

    async def add(  # noqa: PLR0913 - what a person is
        self, login: str, name: str, role: str, client_id: str, password: str | None = None, *, by: str = SETUP
    ) -> str:
        """Make a person and return the password, a new one unless it is given. Raises InvalidInput, Conflict.

        ``by``: who does it, for the audit.
        """
        password = password if password is not None else new_password()
        _check_person(login, name, role, password)
        hashed = await self.passwords.hash(password)
        async with self._ledger.transaction() as connection:
            if await registry.get_client(connection, client_id) is None:
                rule = "no such caller; esoz-notify clients list shows them"
                raise InvalidInput([Problem("/client_id", "client_unknown", rule)])
            if not await table.add_person(connection, login, name.strip(), role, client_id, hashed):
                raise Conflict(f"{login} exists; choose another login, or set a new password", code="person_exists")
            await note(connection, by, Action.PERSON_ADDED, login, role=role, system=client_id)
        return password

    async def list(self) -> tuple[Person, ...]:
        """Everybody, by login."""
        async with self._ledger.transaction() as connection:
            return tuple(person_of(row) for row in await table.list_people(connection))

    async def set_password(self, login: str, password: str | None = None, *, by: str = SETUP) -> str:
        """Give a person another password and return it; sessions end, and a disabled person may come in again.

        Raises NotFound, InvalidInput.
        """
        password = password if password is not None else new_password()
        async with self._ledger.transaction() as connection:
            row = await demand(connection, login)
        _raise(password_problems(password, login=login, name=row.name))
        hashed = await self.passwords.hash(password)
        async with self._ledger.transaction() as connection:
            await table.set_password(connection, login, hashed)
            await table.enable(connection, login)
            await sessions.revoke_sessions(connection, login)
            await pace.forget(connection, self._vault, pace.LOGIN, login)
            enabled = {} if row.disabled_at is None else {"enabled": "yes"}
            await note(connection, by, Action.PASSWORD_CHANGED, login, **enabled)
        return password

    async def change_password(self, person: Person, old: str, new: str, *, here: UUID) -> None:
        """A person changes their own; every session but the one ``here`` ends.

        Raises InvalidInput (the old one is wrong, or the new one breaks a rule), LimitReached.
        """
        await self.check_password(person, old, here=here, pointer="/old_password")
        _raise(password_problems(new, login=person.login, name=person.name))
        hashed = await self.passwords.hash(new)
        async with self._ledger.transaction() as connection:
            await table.set_password(connection, person.login, hashed)
            await sessions.revoke_sessions(connection, person.login, but=here)
            await note(connection, f"person:{person.login}", Action.PASSWORD_CHANGED, person.login)

    async def check_password(self, person: Person, password: str, *, here: UUID, pointer: str = "/password") -> None:
        """Who sits before the session ``here`` must know the password; at a pace. Raises InvalidInput, LimitReached."""
        async with self._ledger.transaction() as connection:
            await pace.count(connection, self._vault, pace.FACTOR, str(here))
        if not await self.has_password(person.login, password):
            raise InvalidInput([Problem(pointer, "wrong", "is not your password")])
        async with self._ledger.transaction() as connection:
            await pace.forget(connection, self._vault, pace.FACTOR, str(here))

    async def change_role(self, login: str, role: str, *, by: str = SETUP) -> None:
        """Give a person another role, which counts from the next page on. Idempotent.

        Raises InvalidInput, NotFound, Conflict (it is one's own, or of the last operator).
        """
        _raise(_role_problems(role))
        async with self._changing(login, by) as (connection, row):
            if row.role == role:
                return
            await _demand_another_operator(connection, row)
            await table.set_role(connection, login, role)
            await note(connection, by, Action.PERSON_ROLE, login, before=row.role, role=role)

    async def disable(self, login: str, *, by: str = SETUP) -> None:
        """Take a person's access away; sessions end at once. Idempotent.

        Raises NotFound, Conflict (it is one's own, or of the last operator).
        """
        async with self._changing(login, by) as (connection, row):
            if row.disabled_at is not None:
                return
            await _demand_another_operator(connection, row)
            await table.disable(connection, login)
            await sessions.revoke_sessions(connection, login)
            await note(connection, by, Action.PERSON_DISABLED, login)

    @asynccontextmanager
    async def _changing(self, login: str, by: str) -> AsyncIterator[tuple[Connection, PersonRow]]:
        """A transaction in which nobody else changes who may do what. Raises NotFound, Conflict (one's own)."""
        if by == f"person:{login}":
            raise Conflict("nobody changes their own access; another operator may", code="not_yourself")
        async with self._ledger.transaction() as connection:
            await table.lock_access(connection)
            yield connection, await demand(connection, login)

    async def has_password(self, login: str, password: str) -> bool:
        """Whether an enabled person has this password; slows nobody."""
        async with self._ledger.transaction() as connection:
            row = await table.get_person(connection, login)
        return await self.passwords.matches(usable_hash(row), password)


async def note(connection: Connection, by: str, action: Action, login: str, **details: str) -> None:
    """Note what was done to a person; the last thing that its transaction does."""
    await audit.note(connection, Deed(actor=by, action=action, subject=f"person:{login}", details=details))


async def demand(connection: Connection, login: str) -> PersonRow:
    """A person by login. Raises NotFound."""
    row = await table.get_person(connection, login)
    if row is None:
        raise NotFound("there is nobody of that login", code="person_unknown")
    return row


async def _demand_another_operator(connection: Connection, row: PersonRow) -> None:
    """Somebody must be left who may change all this. Raises Conflict."""
    is_one = row.role == Role.OPERATOR.value and row.disabled_at is None
    if is_one and not await table.has_another(connection, row.login, row.role):
        raise Conflict(f"{row.login} is the last operator; make another one first", code="last_operator")


def usable_hash(row: PersonRow | None) -> str | None:
    """The hash that a password is held against; None when nobody may come in by it."""
    return None if row is None or row.disabled_at is not None else row.password_hash


def person_of(row: PersonRow) -> Person:
    """A person of a row."""
    return Person(
        login=row.login,
        name=row.name,
        role=Role(row.role),
        client_id=row.client_id,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )


def _check_person(login: str, name: str, role: str, password: str) -> None:
    problems = []
    if not LOGIN_RULE.fullmatch(login) or is_personal(login):
        rule = "must be 3 to 63 of a-z 0-9 . _ @ -, begin with a letter or a digit, and be no phone or tax number"
        problems.append(Problem("/login", "format", rule))
    if not 0 < len(name.strip()) <= _NAME_LENGTH_MAX or not name.isprintable():
        problems.append(Problem("/name", "format", f"must be 1 to {_NAME_LENGTH_MAX} printable characters"))
    _raise([*problems, *_role_problems(role), *password_problems(password, login=login, name=name)])


def _role_problems(role: str) -> list[Problem]:
    known = role in {one.value for one in Role}
    return [] if known else [Problem("/role", "unknown_role", f"must be one of: {', '.join(Role)}")]


def _raise(problems: Sequence[Problem]) -> None:
    if problems:
        raise InvalidInput(problems)
