"""Callers of the API: which there are, what they may do, and what they show when they come.

What belongs here: making and changing callers, their secrets and their public keys. What does not: the tokens that they
get (``access``), what keys sign (``public_keys``), SQL (store).
"""

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from esoz_notify.core.audit import is_personal
from esoz_notify.core.errors import Conflict, InvalidInput, NotFound, Problem, Unavailable
from esoz_notify.engine import audit
from esoz_notify.engine.audit import Action, Deed
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.public_keys import PublicKey, WrongKey, read_key
from esoz_notify.store import credentials, registry
from esoz_notify.store.ledger import Connection

log = logging.getLogger(__name__)

READ_ALL = "notifications:read_all"
"""Lets a caller see the notifications of every other caller."""

READ_PATIENTS = "patients:read"
"""Lets a caller learn what is stored of a patient, and so why one cannot be reached."""

GOVUK, TURBOSMS = "govuk:write", "turbosms:write"
"""Each opens the calls of one dialect, sending and reading one's own, to a system that moves here from there."""

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
    GOVUK,
    TURBOSMS,
)
"""Every scope there is."""

SECRET_PREFIX = "esoz_sk_"  # noqa: S105 - not a secret: by it scanners of code and logs know one
DISABLED_KNOWN_AFTER_S = 5.0
"""How long other processes may go on taking the tokens of a caller that was disabled."""


KEEP_OLD_HOURS = 24
"""How long the older secret of a caller stays good after a rotation unless it is said otherwise."""

KEEP_OLD_HOURS_MAX = 24 * 30
KEYS_MAX = 8
"""Public keys that one caller may have at a time."""

UNKNOWN = "cli:unknown"
"""Who does something to a caller, when that is not told."""

CLIENT_ID_RULE = re.compile(r"[a-z0-9][a-z0-9._-]{2,62}", re.ASCII)

_NAME_LENGTH_MAX = 200
_SECRET_BYTES = 32
_DISABLED_REMEMBERED_S = 7200
"""Longer than any token lives."""

_FORGET_AFTER_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A caller, without its secrets. ``disabled_at`` None: it may come in.

    ``secrets_until``: the end of each secret that is good now, the newest first; None is until it is rotated.
    ``keys``: names of its public keys. ``bound``: its tokens are good only together with its certificate.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    disabled_at: datetime | None
    secrets_until: tuple[datetime | None, ...] = ()
    keys: tuple[str, ...] = ()
    bound: bool = False


class Callers:
    """Keeps callers in the ledger, and notes what is done to them in the audit. ``who``: as the audit names actors.

    A secret is 256 random bits, so its plain SHA-256 is kept: slow and salted hashes protect guessable passwords, and
    a guess at 256 bits does not come true at any speed, while a slow hash would let anybody burn our CPU unasked.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._disabled: frozenset[str] = frozenset()
        self._tokens_since: dict[str, datetime] = {}

    async def run(self) -> None:
        """Keep knowing which callers were disabled, so that their tokens end at once and not within the hour."""
        while True:
            try:
                await self._keep_up()
            except Unavailable as error:
                log.warning("disabled callers cannot be read now: %s", error)
            await asyncio.sleep(DISABLED_KNOWN_AFTER_S)

    def is_disabled(self, client_id: str) -> bool:
        """Whether a caller was disabled lately, as far as this process knows; costs no asking."""
        return client_id in self._disabled

    def ended(self, client_id: str, issued_at: datetime) -> bool:
        """Whether a token of this caller ended by the caller's being disabled, though it may have come back since."""
        since = self._tokens_since.get(client_id)
        # Tokens tell the second of their making: one of the very same second is taken as made after.
        return since is not None and issued_at < since.replace(microsecond=0)

    async def create(self, client_id: str, name: str, scopes: Collection[str], *, who: str = UNKNOWN) -> str:
        """Make a caller and return its secret, which is shown this once. Raises InvalidInput, Conflict if it exists."""
        _check_client(client_id, name, scopes)
        secret = _new_secret()
        async with self._ledger.transaction() as connection:
            if await registry.get_client(connection, client_id) is not None:
                raise Conflict(
                    f"client {client_id} exists; rotate its secret or choose another id", code="client_exists"
                )
            await registry.add_client(connection, client_id, name, in_order(scopes))
            await credentials.add_secret(connection, client_id, hashed(secret), keep_old_s=0)
            await _note(connection, who, Action.CLIENT_CREATED, client_id, scopes=str(len(in_order(scopes))))
        return secret

    async def rotate(
        self, client_id: str, *, keep_old_hours: float = KEEP_OLD_HOURS, who: str = UNKNOWN, why: str | None = None
    ) -> str:
        """Give a caller a new secret and return it; the one before stays good for ``keep_old_hours``, older ones end.

        A disabled caller may come in again, by the new one alone. Raises InvalidInput, NotFound.
        """
        if not 0 <= keep_old_hours <= KEEP_OLD_HOURS_MAX:
            raise InvalidInput([Problem("/keep_old", "range", f"must be 0 to {KEEP_OLD_HOURS_MAX} hours")])
        secret = _new_secret()
        async with self._changing(client_id) as connection:
            await credentials.add_secret(connection, client_id, hashed(secret), keep_old_s=keep_old_hours * 3600)
            await registry.enable_client(connection, client_id)
            kept = {"old_kept_hours": f"{keep_old_hours:g}"}
            await _note(connection, who, Action.CLIENT_ROTATED, client_id, why, **kept)
        self._disabled -= {client_id}
        return secret

    async def end_old(self, client_id: str, *, who: str = UNKNOWN, why: str | None = None) -> None:
        """End every secret but the newest now, before its time. Raises NotFound, Conflict when there is none."""
        async with self._changing(client_id) as connection:
            if not await credentials.end_old_secrets(connection, client_id):
                raise Conflict(f"{client_id} has no older secret that is good", code="no_old_secret")
            await _note(connection, who, Action.CLIENT_ROTATED, client_id, why, old="ended")

    async def set_keys(
        self, client_id: str, key_set: object, *, end_secrets: bool = False, who: str = UNKNOWN
    ) -> tuple[str, ...]:
        """Give a caller the public keys of a JSON Web Key Set, in place of those it had; returns their names.

        ``end_secrets``: from now on it shows nothing else. A disabled caller may come in again. Raises InvalidInput,
        NotFound.
        """
        keys = _read_key_set(key_set)
        async with self._changing(client_id) as connection:
            await credentials.put_keys(connection, client_id, {key.kid: key.jwk for key in keys})
            if end_secrets:
                await credentials.end_secrets(connection, client_id)
            if keys:
                await registry.enable_client(connection, client_id)
            ended = "ended" if end_secrets else "kept"
            await _note(connection, who, Action.CLIENT_KEYS_CHANGED, client_id, keys=str(len(keys)), secrets=ended)
        if keys:
            self._disabled -= {client_id}
        return tuple(key.kid for key in keys)

    async def bind(self, client_id: str, *, bound: bool = True, who: str = UNKNOWN) -> None:
        """Have a caller's new tokens hang on the certificate it shows, or no longer. Idempotent. Raises NotFound."""
        async with self._changing(client_id) as connection:
            await registry.bind_client(connection, client_id, bound=bound)
            await _note(connection, who, Action.CLIENT_KEYS_CHANGED, client_id, bound="yes" if bound else "no")

    async def disable(self, client_id: str, *, who: str = UNKNOWN, why: str | None = None) -> None:
        """Take a caller's access away: no new token, and those it has end, with its secrets and keys.

        Idempotent. Raises NotFound.
        """
        async with self._changing(client_id) as connection:
            was_enabled = await registry.disable_client(connection, client_id)
            await credentials.end_secrets(connection, client_id)
            await credentials.put_keys(connection, client_id, {})
            if was_enabled:
                await _note(connection, who, Action.CLIENT_DISABLED, client_id, why)
        self._disabled |= {client_id}
        self._tokens_since[client_id] = self._ledger.clock.now()

    async def list(self) -> tuple[Client, ...]:
        """Every caller, by id."""
        async with self._ledger.transaction() as connection:
            rows = await registry.list_clients(connection)
            hashed = await credentials.list_secrets(connection)
            keys = await credentials.list_keys(connection)
        return tuple(
            replace(
                _client(row),
                secrets_until=tuple(one.ends_at for one in hashed if one.client_id == row.id),
                keys=tuple(kid for client_id, kid in keys if client_id == row.id),
            )
            for row in rows
        )

    @asynccontextmanager
    async def _changing(self, client_id: str) -> AsyncIterator[Connection]:
        """A transaction in which nobody else changes this caller. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            if await registry.get_client(connection, client_id, for_change=True) is None:
                raise _unknown(client_id)
            yield connection

    async def _keep_up(self) -> None:
        # Those disabled so long ago have no living token any more.
        since = self._ledger.clock.now() - timedelta(seconds=_DISABLED_REMEMBERED_S)
        async with self._ledger.transaction() as connection:
            rows = await registry.list_clients(connection)
            await credentials.forget_assertions(connection, _FORGET_AFTER_S)
        self._disabled = frozenset(row.id for row in rows if row.disabled_at is not None and row.disabled_at > since)
        self._tokens_since = {
            row.id: row.tokens_since for row in rows if row.tokens_since is not None and row.tokens_since > since
        }


async def _note(
    connection: Connection, who: str, action: Action, client_id: str, why: str | None = None, /, **details: str
) -> None:
    deed = Deed(actor=who, action=action, subject=f"client:{client_id}", why=why, details=details)
    await audit.note(connection, deed)


def hashed(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def in_order(scopes: Collection[str]) -> tuple[str, ...]:
    """Scopes in the order of their list."""
    return tuple(scope for scope in SCOPES if scope in scopes)


def _check_client(client_id: str, name: str, scopes: Collection[str]) -> None:
    problems = []
    if not CLIENT_ID_RULE.fullmatch(client_id):
        problems.append(Problem("/id", "format", "must be 3 to 63 of a-z 0-9 . _ - and begin with a letter or a digit"))
    elif is_personal(client_id):
        problems.append(Problem("/id", "personal", "must not look like a phone or a tax number: it gets into logs"))
    if not 0 < len(name) <= _NAME_LENGTH_MAX or not name.isprintable():
        problems.append(Problem("/name", "format", f"must be 1 to {_NAME_LENGTH_MAX} printable characters"))
    if not scopes:
        problems.append(Problem("/scopes", "required", f"give at least one of: {', '.join(SCOPES)}"))
    if set(scopes) - set(SCOPES):
        problems.append(Problem("/scopes", "unknown_scope", f"must be among: {', '.join(SCOPES)}"))
    if problems:
        raise InvalidInput(problems)


def _read_key_set(document: object) -> list[PublicKey]:
    """The keys of a set, each of which must be good. Raises InvalidInput."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        rule = f'must be a JSON Web Key Set, {{"keys": [...]}}, of {KEYS_MAX} keys at most'
        raise InvalidInput([Problem("/keys", "format", rule)])
    keys: list[PublicKey] = []
    problems = []
    for number, jwk in enumerate(listed):
        try:
            keys.append(read_key(jwk))
        except WrongKey as wrong:
            problems.append(Problem(f"/keys/{number}", "wrong_key", str(wrong)))
    if len({key.kid for key in keys}) < len(keys):
        problems.append(Problem("/keys", "given_twice", "each key needs a kid of its own"))
    if problems:
        raise InvalidInput(problems)
    return keys


def _client(row: registry.ClientRow) -> Client:
    return Client(
        id=row.id,
        name=row.name,
        scopes=row.scopes,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        bound=row.bound,
    )


def _new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def _unknown(client_id: str) -> NotFound:
    shown = client_id if CLIENT_ID_RULE.fullmatch(client_id) else "of that id"
    return NotFound(f"there is no client {shown}", code="client_unknown")
