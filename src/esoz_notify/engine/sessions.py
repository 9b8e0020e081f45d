"""Sessions of people: beginning one by a password, whose it is, where they are, ending them.

What belongs here: tokens, life and idleness of sessions, browsers that are known. What does not: cookies (console),
passwords themselves (``passwords``), how often one may try (``pace``).
"""

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from esoz_notify.core.errors import NotFound, NotifyError
from esoz_notify.engine import pace
from esoz_notify.engine.audit import Action
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.people import LOGIN_RULE, People, Person, WrongPassword, demand, note, person_of, usable_hash
from esoz_notify.store import factors
from esoz_notify.store import people as people_table
from esoz_notify.store import sessions as table
from esoz_notify.store.ledger import Connection
from esoz_notify.store.people import PersonRow
from esoz_notify.store.sessions import SessionRow
from esoz_notify.store.vault import Vault

SESSION_LIFE_S = 12 * 3600.0
"""A working day; then one signs in again."""
SESSION_IDLE_S = 3600.0
"""So long a session lives that nobody uses. A page that looks again by itself is not somebody."""

HALF_LIFE_S = 600.0
"""So long somebody who knows the password may look for the phone with the second factor."""

_TOKEN_BYTES = 32
_DEVICE_BYTES = 16
_DEVICES_MAX = 5
"""So many people may share a browser and each be known in it."""
_NETWORK_BITS = {4: 24, 6: 48}
_ADDRESS_BITS = {4: 32, 6: 64}
"""Of IPv6 one subscriber has a whole /64."""


class Waits(StrEnum):
    """What a session waits for before it opens anything."""

    SECOND = "second"
    """The second factor that its person has."""
    ENROLMENT = "enrolment"
    """A second factor that its person must have and has not."""


class NotSignedIn(NotifyError):
    """No session, or one that is over or revoked."""

    code = "not_signed_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a visitor comes from. ``known``: what this browser keeps of who signed in in it (see ``Opened``)."""

    address: str = ""
    device: str = ""
    known: str = ""

    @property
    def network(self) -> str:
        """The address without its last part, for the list of sessions."""
        return _cut(self.address, _NETWORK_BITS)

    @property
    def subscriber(self) -> str:
        """What is counted as one address."""
        return _cut(self.address, _ADDRESS_BITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session that has begun: its token, and what the browser should keep to be known next time.

    ``known`` is empty while the session waits for a second factor: a password alone makes no browser known.
    """

    token: str = field(repr=False)
    known: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in. ``csrf``: what its forms carry. ``fresh_at``: when the person last proved to be there."""

    id: UUID
    person: Person
    csrf: str = field(repr=False)
    fresh_at: datetime
    waits: Waits | None = None


class Sessions:
    """Keeps sessions in the ledger.

    A session's token is 256 random bits of which the ledger has the SHA-256, as with secrets of callers (``access``).
    """

    def __init__(self, ledger: Ledger, vault: Vault, people: People, second_factor: Collection[str] = ()) -> None:
        """``second_factor``: the roles whose people must have one."""
        self._ledger = ledger
        self._vault = vault
        self._people = people
        self._second_factor = frozenset(second_factor)

    async def sign_in(self, login: str, password: str, origin: Origin) -> Opened:
        """Begin a session. Raises WrongPassword, LimitReached while tries are being slowed."""
        login = login.strip().lower()
        device = self._known_as(origin.known, login)
        await self._count(login, device, origin)
        row = None
        if LOGIN_RULE.fullmatch(login):
            async with self._ledger.transaction() as connection:
                row = await people_table.get_person(connection, login)
        if not await self._people.passwords.matches(usable_hash(row), password) or row is None:
            raise WrongPassword("the login or the password is wrong")
        return await self._open(row, password, device, origin)

    async def session(self, token: str | None, *, acts: bool = True) -> Session:
        """Who is signed in by this token. ``acts``: a person is there, not a page that looks by itself.

        Raises NotSignedIn.
        """
        async with self._ledger.transaction() as connection:
            found = await table.find_session(connection, hashed(token or ""), SESSION_IDLE_S)
            row = await people_table.get_person(connection, found.login) if found else None
            if found is None or row is None or row.disabled_at is not None or not token:
                raise NotSignedIn("sign in first")
            if acts:
                await table.touch_session(connection, found.id)
            waits = await self._waits(connection, row) if found.second_at is None else None
        csrf = hmac.digest(token.encode(), b"forms", "sha256").hex()
        return Session(id=found.id, person=person_of(row), csrf=csrf, fresh_at=found.fresh_at, waits=waits)

    async def list(self, person: Person) -> list[SessionRow]:
        """Where a person is signed in, the last used first."""
        async with self._ledger.transaction() as connection:
            return await table.list_sessions(connection, person.login, SESSION_IDLE_S)

    async def end(self, session: Session, session_id: UUID) -> None:
        """End one session of the person whose ``session`` asks for it. Raises NotFound."""
        login = session.person.login
        async with self._ledger.transaction() as connection:
            if not await table.revoke_session(connection, login, session_id):
                raise NotFound("no such session of yours", code="session_unknown")
            action = Action.SIGN_OUT if session_id == session.id else Action.SESSION_REVOKED
            await note(connection, f"person:{login}", action, login)

    async def end_all(self, session: Session) -> None:
        """Sign a person out everywhere. Idempotent."""
        login = session.person.login
        async with self._ledger.transaction() as connection:
            await table.revoke_sessions(connection, login)
            await note(connection, f"person:{login}", Action.SESSION_REVOKED, login, which="all")

    async def end_of(self, login: str, *, by: str) -> None:
        """Sign somebody else out everywhere. Idempotent. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            await demand(connection, login)
            await table.revoke_sessions(connection, login)
            await note(connection, by, Action.SESSION_REVOKED, login, which="all")

    def mark_of(self, origin: Origin, login: str) -> str | None:
        """The mark of the visitor's browser for this login; None when the person has not signed in in it."""
        return self._known_as(origin.known, login)

    async def go_on(self, connection: Connection, session: Session, origin: Origin) -> Opened:
        """A session that waited for its second factor is whole, under another token than the one that waited."""
        login = session.person.login
        opened = Opened(token=secrets.token_urlsafe(_TOKEN_BYTES), known=self._with_known(origin.known, login))
        await factors.pass_second(connection, session.id, hashed(opened.token), SESSION_LIFE_S)
        return opened

    async def _count(self, login: str, device: str | None, origin: Origin) -> None:
        """Count a try before its password is checked; a known browser by itself, so that no stranger slows it."""
        async with self._ledger.transaction() as connection:
            if device is not None:
                await pace.count(connection, self._vault, pace.DEVICE, device)
                return
            if origin.subscriber:
                await pace.count(connection, self._vault, pace.ADDRESS, origin.subscriber)
            await pace.count(connection, self._vault, pace.LOGIN, login)

    async def _open(self, row: PersonRow, password: str, device: str | None, origin: Origin) -> Opened:
        passwords = self._people.passwords
        fresher = await passwords.hash(password) if passwords.is_outdated(row.password_hash) else None
        async with self._ledger.transaction() as connection:
            if fresher is not None:
                await people_table.set_password(connection, row.login, fresher)
            if device is not None:
                await pace.forget(connection, self._vault, pace.DEVICE, device)
            else:
                await pace.give_back(connection, self._vault, pace.ADDRESS, origin.subscriber)
                await pace.forget(connection, self._vault, pace.LOGIN, row.login)
            return await self._begin(connection, row, origin, way="password")

    async def _begin(self, connection: Connection, row: PersonRow, origin: Origin, *, way: str) -> Opened:
        """Begin a session, which lives shortly while its second factor is waited for."""
        token, waits = secrets.token_urlsafe(_TOKEN_BYTES), await self._waits(connection, row)
        life_s = HALF_LIFE_S if waits is Waits.SECOND else SESSION_LIFE_S
        where = {"device": origin.device, "network": origin.network}
        await table.begin_session(connection, hashed(token), row.login, life_s=life_s, fresh=way == "password", **where)
        if waits is not None:
            return Opened(token=token, known="")
        await note(connection, f"person:{row.login}", Action.SIGN_IN, row.login, way=way)
        return Opened(token=token, known=self._with_known(origin.known, row.login))

    async def begin_for(self, connection: Connection, login: str, origin: Origin) -> Opened:
        """Begin a session of whom another provider vouches for. It is fresh to nothing here. Raises NotSignedIn."""
        row = await people_table.get_person(connection, login)
        if row is None or row.disabled_at is not None:
            raise NotSignedIn("the person may not come in")
        return await self._begin(connection, row, origin, way="oidc")

    async def _waits(self, connection: Connection, row: PersonRow) -> Waits | None:
        """What a session without a second factor waits for."""
        if any(await factors.kinds(connection, row.login)):
            return Waits.SECOND
        must = row.second_factor_required or row.role in self._second_factor
        return Waits.ENROLMENT if must else None

    def _known_as(self, known: str, login: str) -> str | None:
        """The mark of this browser for this login; None when the person has not signed in in it."""
        return next((mark for mark, seal in _marks(known) if self._is_seal(seal, mark, login)), None)

    def _with_known(self, known: str, login: str) -> str:
        """What the browser keeps now: a mark of its own for each login, sealed, the newest first."""
        others = [(mark, seal) for mark, seal in _marks(known) if not self._is_seal(seal, mark, login)]
        mark = self._known_as(known, login) or secrets.token_hex(_DEVICE_BYTES)
        kept = [(mark, self._seal(mark, login)), *others][:_DEVICES_MAX]
        return "~".join(f"{mark}.{seal}" for mark, seal in kept)

    def _seal(self, mark: str, login: str) -> str:
        return self._vault.index(f"{mark} {login}", "known browser").hex()

    def _is_seal(self, seal: str, mark: str, login: str) -> bool:
        return hmac.compare_digest(seal.encode(), self._seal(mark, login).encode())


def hashed(token: str) -> bytes:
    """What the ledger keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _marks(known: str) -> list[tuple[str, str]]:
    """The marks that a browser sent, and their seals; nothing of them is believed yet."""
    parts = [one.partition(".") for one in known.split("~")[:_DEVICES_MAX]]
    return [(mark, seal) for mark, dot, seal in parts if dot and mark.isalnum() and mark.isascii()]


def _cut(address: str, bits: dict[int, int]) -> str:
    try:
        whole = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(whole, ipaddress.IPv6Address) and whole.ipv4_mapped:
        whole = whole.ipv4_mapped
    return str(ipaddress.ip_network((whole, bits[whole.version]), strict=False))
