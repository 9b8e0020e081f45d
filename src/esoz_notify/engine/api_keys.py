"""API keys: what systems show that speak another service's dialect, and so cannot fetch tokens.

What belongs here: making a caller's key, and letting in by it. What does not: the dialects (api), tokens (``access``).

A key is made from the newest secret of its caller and a key of ours that is in no database: nothing of it is kept, a
dump does not give it, and it ends with that secret. It opens the dialects' calls and no other.
"""

import asyncio
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from esoz_notify.core.errors import Conflict, NotFound
from esoz_notify.engine import audit
from esoz_notify.engine.audit import Action, Deed
from esoz_notify.engine.callers import DISABLED_KNOWN_AFTER_S, GOVUK, TURBOSMS
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.public_keys import read_claims_unproved
from esoz_notify.store import credentials, registry
from esoz_notify.store.credentials import SecretRow
from esoz_notify.store.registry import ClientRow

DIALECTS = frozenset({GOVUK, TURBOSMS})
"""The scopes that a key can give."""

KEY_PREFIX = "esoz_ak"
"""By it scanners of code and logs know a key."""

SIGNED_FOR_S = 30
"""How old a signed token may be, or how far ahead its signer's clock: as GOV.UK Notify has it."""

_ALGORITHM = "HS256"
_LENGTH_MAX = 2048
_SERVICES = UUID("6f0f9a52-6a5e-5c0b-9a53-0f7b3a0d5c11")
_INFO = b"esoz-notify api keys"
_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_WHOLE = re.compile(f"{KEY_PREFIX}-({_ID})-({_ID})", re.ASCII)
_SERVICE = re.compile(_ID, re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """A caller that may come in by a key. ``halves``: the secret halves that are good now, the newest first."""

    client_id: str
    scopes: frozenset[str]
    halves: tuple[str, ...] = field(repr=False)


class ApiKeys:
    """Callers by their keys. ``token_key``: by which tokens are signed; whoever has it comes in anyway."""

    def __init__(self, ledger: Ledger, token_key: bytes) -> None:
        self._ledger = ledger
        self._key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(token_key)
        self._callers: Mapping[str, Keyed] = {}
        self._read_at: datetime | None = None
        self._reading = asyncio.Lock()

    async def show(self, client_id: str, *, who: str) -> str:
        """Give a caller's key, made from its newest secret, and note that it was shown. ``who``: as the audit has it.

        Raises NotFound, and Conflict for a caller that no key can let in.
        """
        async with self._ledger.transaction() as connection:
            row = await registry.get_client(connection, client_id, for_change=True)
            if row is None:
                raise NotFound("there is no such client", code="client_unknown")
            keyed = self._keyed(row, await credentials.get_secrets(connection, client_id))
            if keyed is None:
                raise Conflict(
                    f"{client_id} cannot have an API key: it must be enabled, have a secret and one of the scopes"
                    f" {', '.join(sorted(DIALECTS))}, and not be bound to a certificate",
                    code="no_api_key",
                )
            await audit.note(connection, Deed(actor=who, action=Action.CLIENT_KEY_SHOWN, subject=f"client:{client_id}"))
        return f"{KEY_PREFIX}-{service_id(client_id)}-{keyed.halves[0]}"

    def speaks(self, shown: str) -> bool:
        """Whether what is shown is meant as a key, or as signed by one; whether it is good is another matter."""
        return service_of(shown) is not None

    async def admit(self, shown: str) -> Keyed | None:
        """Who shows a good key, or something that it signed within the last seconds; None: nobody.

        Which callers there are is known for DISABLED_KNOWN_AFTER_S, so guesses cost the ledger nothing. Raises
        Unavailable.
        """
        service = service_of(shown)
        await self._keep_up()
        keyed = self._callers.get(service or "")
        if keyed is None:
            return None
        whole = _WHOLE.fullmatch(shown)
        # Every half is compared, so that the time taken does not tell which one it was.
        fits = [hmac.compare_digest(whole[2], one) if whole else self._signed(shown, one) for one in keyed.halves]
        return keyed if any(fits) else None

    def _signed(self, token: str, half: str) -> bool:
        try:
            claims = jwt.decode(
                token,
                half,
                algorithms=[_ALGORITHM],
                options={"require": ["iss", "iat"], "verify_iat": False, "verify_aud": False},
            )
            signed_at = datetime.fromtimestamp(int(claims["iat"]), UTC)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            return False
        # By the ledger's clock, as everything here.
        return abs(self._ledger.clock.now() - signed_at) <= timedelta(seconds=SIGNED_FOR_S)

    async def _keep_up(self) -> None:
        async with self._reading:
            now = self._ledger.clock.now()
            if self._read_at is not None and now - self._read_at < timedelta(seconds=DISABLED_KNOWN_AFTER_S):
                return
            async with self._ledger.transaction() as connection:
                rows = await registry.list_clients(connection)
                secrets = await credentials.list_secrets(connection)
            mine: dict[str, list[SecretRow]] = {}
            for one in secrets:
                mine.setdefault(one.client_id, []).append(one)
            found = (self._keyed(row, mine.get(row.id, ())) for row in rows)
            self._callers = {service_id(one.client_id): one for one in found if one is not None}
            self._read_at = now

    def _keyed(self, row: ClientRow, secrets: "list[SecretRow] | tuple[()]") -> Keyed | None:
        scopes = DIALECTS & frozenset(row.scopes)
        # A token of a bound caller hangs on its certificate; a key could hang on none.
        if not scopes or not secrets or row.bound or row.disabled_at is not None:
            return None
        halves = tuple(self._half(row.id, one.hash) for one in secrets)
        return Keyed(client_id=row.id, scopes=scopes, halves=halves)

    def _half(self, client_id: str, secret_hash: bytes) -> str:
        made = hmac.digest(self._key, client_id.encode() + b"\n" + secret_hash, "sha256")
        return str(UUID(bytes=made[:16]))


def service_id(client_id: str) -> str:
    """The UUID by which a caller is named in its key."""
    return str(uuid5(_SERVICES, client_id))


def service_of(shown: str) -> str | None:
    """Whom something that was shown names: a whole key, or a token that says so itself, proved or not; None: nobody."""
    if len(shown) > _LENGTH_MAX:
        return None
    whole = _WHOLE.fullmatch(shown)
    said = whole[1] if whole else read_claims_unproved(shown).get("iss")
    return said if isinstance(said, str) and _SERVICE.fullmatch(said) else None
