"""Sessions of people: beginning one by a password, whose it is, where they are, ending them.

What belongs here: tokens, life and idleness of sessions, browsers that are known. What does not: cookies (console),
passwords themselves (``passwords``), how often one may try (``pace``).
"""

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from esoz_notify.core.errors import NotFound, NotifyError
from esoz_notify.engine import pace
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.people import LOGIN_RULE, People, Person, WrongPassword, person_of, usable_hash
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

_TOKEN_BYTES = 32
_DEVICE_BYTES = 16
_DEVICES_MAX = 5
"""So many people may share a browser and each be known in it."""
_NETWORK_BITS = {4: 24, 6: 48}
_ADDRESS_BITS = {4: 32, 6: 64}
"""Of IPv6 one subscriber has a whole /64."""


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
    """A session that has begun: its token, and what the browser should keep to be known next time."""

    token: str = field(repr=False)
    known: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in. ``csrf``: what the forms of this session carry."""

    id: UUID
    person: Person
    csrf: str = field(repr=False)
    fresh_at: datetime


class Sessions:
    """Keeps sessions in the ledger.

    A session's token is 256 random bits of which the ledger has the SHA-256, as with secrets of callers (``access``).
    """

    def __init__(self, ledger: Ledger, vault: Vault, people: People) -> None:
        self._ledger = ledger
        self._vault = vault
        self._people = people

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
        csrf = hmac.digest(token.encode(), b"forms", "sha256").hex()
        return Session(id=found.id, person=person_of(row), csrf=csrf, fresh_at=found.fresh_at)

    async def list(self, person: Person) -> list[SessionRow]:
        """Where a person is signed in, the last used first."""
        async with self._ledger.transaction() as connection:
            return await table.list_sessions(connection, person.login, SESSION_IDLE_S)

    async def end(self, person: Person, session_id: UUID) -> None:
        """End one session of a person. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            if not await table.revoke_session(connection, person.login, session_id):
                raise NotFound("no such session of yours", code="session_unknown")

    async def end_all(self, person: Person) -> None:
        """Sign a person out everywhere. Idempotent."""
        async with self._ledger.transaction() as connection:
            await table.revoke_sessions(connection, person.login)

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
            return await self._begin(connection, row.login, origin)

    async def _begin(self, connection: Connection, login: str, origin: Origin) -> Opened:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        where = {"device": origin.device, "network": origin.network}
        await table.begin_session(connection, hashed(token), login, life_s=SESSION_LIFE_S, **where)
        return Opened(token=token, known=self._with_known(origin.known, login))

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
