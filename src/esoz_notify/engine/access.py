"""Callers of the API: their secrets, the tokens they get for them, and what a token allows.

What belongs here: making and checking secrets and tokens. What does not: HTTP and OAuth's own words (api), SQL (store).
"""

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import jwt

from esoz_notify.core.errors import Conflict, InvalidInput, NotFound, NotifyError, Problem, Unavailable
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import registry
from esoz_notify.store.vault import Keys

log = logging.getLogger(__name__)

READ_ALL = "notifications:read_all"
"""Lets a caller see the notifications of every other caller."""

READ_PATIENTS = "patients:read"
"""Lets a caller learn what is stored of a patient, and so why one cannot be reached."""

SCOPES = (
    "notifications:write",
    "notifications:read",
    READ_ALL,
    "summaries:print",
    "patients:write",
    READ_PATIENTS,
    "verifications:write",
    "webhooks:manage",
    "operations:read",
    "operations:write",
    "otp:write",
)
"""Every scope there is."""

SECRET_PREFIX = "esoz_sk_"  # noqa: S105 - not a secret: by it scanners of code and logs know one
TOKEN_LIFE_S = 3600
DISABLED_KNOWN_AFTER_S = 5.0
"""How long other processes may go on taking the tokens of a caller that was disabled."""

CLIENT_ID_RULE = re.compile(r"[a-z0-9][a-z0-9._-]{2,62}", re.ASCII)

_ISSUER = _AUDIENCE = "esoz-notify"
_ALGORITHM = "HS256"
_TOKEN_LENGTH_MAX = 4096
_TOKENS_KNOWN_MAX = 4096
_NAME_LENGTH_MAX = 200
_SECRET_BYTES = 32
_NO_CLIENT = hashlib.sha256(b"").digest()


class InvalidClient(NotifyError):
    """No such caller, a wrong secret, or a disabled caller; which of them is not told."""

    code = "invalid_client"


class InvalidScope(NotifyError):
    """A scope was asked for that does not exist or that this caller does not have."""

    code = "invalid_scope"


class InvalidToken(NotifyError):
    """Not a token of ours, or one that is over."""

    code = "invalid_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A caller, without its secret. ``disabled_at`` None: it may come in."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token just issued, and what it allows for how long."""

    access_token: str = field(repr=False)
    scopes: tuple[str, ...]
    expires_in_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified token says."""

    client_id: str
    scopes: frozenset[str]
    expires_at: datetime
    token_id: str


class Access:
    """Keeps callers in the ledger and gives them tokens that every process with the same keys can verify by itself.

    A secret is 256 random bits, so its plain SHA-256 is kept: slow and salted hashes protect guessable passwords, and
    a guess at 256 bits does not come true at any speed, while a slow hash would let anybody burn our CPU unasked.
    """

    def __init__(self, ledger: Ledger, keys: Keys) -> None:
        self._ledger = ledger
        self._key = keys.token_key
        self._known: OrderedDict[str, Claims] = OrderedDict()
        self._disabled: frozenset[str] = frozenset()

    def now(self) -> datetime:
        """The ledger's time, by which tokens live."""
        return self._ledger.clock.now()

    async def run(self) -> None:
        """Keep knowing which callers were disabled, so that their tokens end at once and not within the hour."""
        while True:
            try:
                await self._learn_disabled()
            except Unavailable as error:
                log.warning("disabled callers cannot be read now: %s", error)
            await asyncio.sleep(DISABLED_KNOWN_AFTER_S)

    # --- callers ------------------------------------------------------------------------------------------------------

    async def create_client(self, client_id: str, name: str, scopes: Collection[str]) -> str:
        """Make a caller and return its secret, which is shown this once. Raises InvalidInput, Conflict if it exists."""
        _check_client(client_id, name, scopes)
        secret = _new_secret()
        async with self._ledger.transaction() as connection:
            if await registry.get_client(connection, client_id) is not None:
                raise Conflict(
                    f"client {client_id} exists; rotate its secret or choose another id", code="client_exists"
                )
            await registry.put_client(connection, client_id, name, _hashed(secret), _in_order(scopes))
        return secret

    async def rotate(self, client_id: str) -> str:
        """Give a caller a new secret and return it; the old one ends at once, and a disabled caller may come in again.

        Raises NotFound.
        """
        secret = _new_secret()
        async with self._ledger.transaction() as connection:
            row = await registry.get_client(connection, client_id)
            if row is None:
                raise _unknown(client_id)
            await registry.put_client(connection, client_id, row.name, _hashed(secret), row.scopes)
        self._disabled -= {client_id}
        return secret

    async def disable(self, client_id: str) -> None:
        """Take a caller's access away: no new token, and those it has end. Idempotent. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            if await registry.get_client(connection, client_id) is None:
                raise _unknown(client_id)
            await registry.disable_client(connection, client_id)
        self._disabled |= {client_id}

    async def list(self) -> tuple[Client, ...]:
        """Every caller, by id."""
        async with self._ledger.transaction() as connection:
            rows = await registry.list_clients(connection)
        return tuple(
            Client(id=row.id, name=row.name, scopes=row.scopes, created_at=row.created_at, disabled_at=row.disabled_at)
            for row in rows
        )

    # --- tokens -------------------------------------------------------------------------------------------------------

    async def issue(self, client_id: str, secret: str, scope: str | None = None) -> Token:
        """Give a token for a secret. ``scope``: those asked for, with spaces between; None means all the caller has.

        Raises InvalidClient, InvalidScope.
        """
        row = None
        if CLIENT_ID_RULE.fullmatch(client_id):
            async with self._ledger.transaction() as connection:
                row = await registry.get_client(connection, client_id)
        # Compared in any case, so that the time taken does not tell whether there is such a caller.
        is_right = hmac.compare_digest(_hashed(secret), row.secret_hash if row else _NO_CLIENT)
        if row is None or not is_right or row.disabled_at is not None:
            raise InvalidClient("the client is unknown or its secret is wrong")
        granted = _narrowed(row.scopes, scope)
        issued_at = self.now()
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": client_id,
            "scope": " ".join(granted),
            "iat": int(issued_at.timestamp()),
            "exp": int(issued_at.timestamp()) + TOKEN_LIFE_S,
            "jti": secrets.token_hex(16),
        }
        token = jwt.encode(claims, self._key, algorithm=_ALGORITHM)
        return Token(access_token=token, scopes=granted, expires_in_s=TOKEN_LIFE_S)

    def verify(self, token: str) -> Claims:
        """Say what a token allows. Raises InvalidToken for anything that is not a living token of ours."""
        claims = self._known.get(token)
        if claims is None:
            claims = self._read(token)
            self._known[token] = claims
            if len(self._known) > _TOKENS_KNOWN_MAX:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(token)
        if claims.expires_at <= self.now():
            self._known.pop(token, None)
            raise InvalidToken("the token has expired; get a new one")
        if claims.client_id in self._disabled:
            raise InvalidToken("the client has been disabled")
        return claims

    def _read(self, token: str) -> Claims:
        if len(token) > _TOKEN_LENGTH_MAX:
            raise InvalidToken("the token is not one of ours")
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                issuer=_ISSUER,
                # The end of life is checked by the ledger's clock on every use, not by this machine's on the first.
                options={"require": ["sub", "scope", "iat", "exp", "jti"], "verify_exp": False, "verify_iat": False},
            )
            expires_at = datetime.fromtimestamp(int(claims["exp"]), UTC)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            # What exactly is wrong would help nobody but a forger.
            raise InvalidToken("the token is not one of ours") from None
        return Claims(
            client_id=str(claims["sub"]),
            scopes=frozenset(str(claims["scope"]).split()),
            expires_at=expires_at,
            token_id=str(claims["jti"]),
        )

    async def _learn_disabled(self) -> None:
        # A token lives an hour, so that those disabled long before that have none any more.
        since = self.now() - timedelta(seconds=2 * TOKEN_LIFE_S)
        self._disabled = frozenset(
            client.id for client in await self.list() if client.disabled_at is not None and client.disabled_at > since
        )


def _check_client(client_id: str, name: str, scopes: Collection[str]) -> None:
    problems = []
    if not CLIENT_ID_RULE.fullmatch(client_id):
        problems.append(Problem("/id", "format", "must be 3 to 63 of a-z 0-9 . _ - and begin with a letter or a digit"))
    if not 0 < len(name) <= _NAME_LENGTH_MAX or not name.isprintable():
        problems.append(Problem("/name", "format", f"must be 1 to {_NAME_LENGTH_MAX} printable characters"))
    if not scopes:
        problems.append(Problem("/scopes", "required", f"give at least one of: {', '.join(SCOPES)}"))
    if set(scopes) - set(SCOPES):
        problems.append(Problem("/scopes", "unknown_scope", f"must be among: {', '.join(SCOPES)}"))
    if problems:
        raise InvalidInput(problems)


def _narrowed(has: Collection[str], asked: str | None) -> tuple[str, ...]:
    if asked is None:
        return _in_order(has)
    wanted = asked.split()
    if not wanted or not set(wanted) <= set(has):
        raise InvalidScope("a scope was asked for that this client does not have; leave scope out to get all it has")
    return _in_order(wanted)


def _in_order(scopes: Collection[str]) -> tuple[str, ...]:
    return tuple(scope for scope in SCOPES if scope in scopes)


def _new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _unknown(client_id: str) -> NotFound:
    shown = client_id if CLIENT_ID_RULE.fullmatch(client_id) else "of that id"
    return NotFound(f"there is no client {shown}", code="client_unknown")
