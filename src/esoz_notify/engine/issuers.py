"""Tokens of other issuers, such as a ministry's own sign-in service: whose keys they publish is whom they vouch for.

What belongs here: fetching and keeping their keys, and reading what their tokens say. What does not: which callers
exist here and what they may do (``access``).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import msgspec

from esoz_notify.core.errors import NotifyError, Unavailable
from esoz_notify.core.networks import Network
from esoz_notify.engine.outgoing import chosen_by_settings, guarded_session
from esoz_notify.engine.public_keys import (
    PublicKey,
    WrongKey,
    WrongSignature,
    check_signature,
    read_claims_unproved,
    read_header,
    read_key,
    read_moment,
)

log = logging.getLogger(__name__)

REFRESH_S = 600.0
"""How often keys are fetched anew, so that one that an issuer withdrew is good no more."""

APART_S = 30.0
"""Between two fetches because of keys that are not known: whoever makes up their names makes us fetch no oftener."""

AGAIN_S = 5.0
"""As APART_S, after a fetch that failed."""

KEYS_LIFE_S = 86_400.0
"""How long keys are used when an issuer can no longer be asked for them."""

_TIMEOUT = aiohttp.ClientTimeout(total=5)
_DOCUMENT_BYTES_MAX = 256 * 1024
_KEYS_MAX = 100
_SKEW_S = 60
_ID_LENGTH_MAX = 256
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})


class NotVouched(NotifyError):
    """No token that an issuer we trust made for us, or one that is over."""

    code = "invalid_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An issuer that is trusted. ``audience``: what its tokens call us.

    ``client_claim`` and ``scope_claim``: where its tokens say who calls and what for. ``clients`` and ``scopes`` tell
    its names for ours; ``clients`` empty: it may speak for every caller by our own id, else for those named alone.
    """

    issuer: str
    jwks_url: str
    audience: str
    client_claim: str = "client_id"
    scope_claim: str = "scope"
    clients: Mapping[str, str] = field(default_factory=dict)
    scopes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What an issuer vouches for. ``certificate``: the SHA-256 of the one that has to be shown with the token."""

    client_id: str
    scopes: frozenset[str]
    expires_at: datetime
    token_id: str
    certificate: str | None


class Issuers:
    """The issuers that are trusted, and their keys as far as they are known. ``now``: the ledger's time."""

    def __init__(
        self,
        issuers: Sequence[Issuer],
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        networks: Sequence[Network] = (),
    ) -> None:
        self._now = now
        self._networks = networks
        self._keys = {one.issuer: _Keys(one, monotonic) for one in issuers}
        self._http: dict[str, aiohttp.ClientSession] = {}

    async def run(self) -> None:
        """Keep the keys fresh, beside whatever is asked."""
        while self._keys:
            await asyncio.gather(*(keys.refresh(self._session(keys.issuer)) for keys in self._keys.values()))
            await asyncio.sleep(REFRESH_S)

    async def close(self) -> None:
        """End what is being fetched."""
        for keys in self._keys.values():
            keys.cancel()
        for http in self._http.values():
            await http.close()

    def speaks(self, token: str) -> bool:
        """Whether a token says that it comes from one of them, which anybody may have written."""
        return bool(self._keys) and self._named(token) is not None

    async def read(self, token: str) -> Vouched:
        """What a token vouches for. Raises NotVouched, and Unavailable when its issuer's keys cannot be had now."""
        keys = self._named(token)
        if keys is None:
            raise NotVouched("the token is of an issuer that is not trusted here")
        issuer = keys.issuer
        try:
            header = read_header(token)
            if str(header.get("typ", "jwt")).lower() not in _TYPES:
                raise NotVouched("the token is of another type than an access token")
            kid = header.get("kid")
            if not isinstance(kid, str):
                raise NotVouched("the token does not name the key that signed it (kid)")
            claims = check_signature(token, [await keys.find(kid, self._session(issuer))])
        except WrongSignature:
            raise NotVouched("the token is not signed by the key of its issuer") from None
        return self._vouched(issuer, claims)

    def _named(self, token: str) -> "_Keys | None":
        said = read_claims_unproved(token).get("iss")
        return self._keys.get(said) if isinstance(said, str) else None

    def _session(self, issuer: Issuer) -> aiohttp.ClientSession:
        """One each, since each may lead to its own address only."""
        if issuer.issuer not in self._http:
            self._http[issuer.issuer] = guarded_session(
                chosen_by_settings(issuer.jwks_url, self._networks), timeout=_TIMEOUT
            )
        return self._http[issuer.issuer]

    def _vouched(self, issuer: Issuer, claims: Mapping[str, Any]) -> Vouched:
        audience = claims.get("aud")
        if issuer.audience not in (audience if isinstance(audience, list) else [audience]):
            raise NotVouched("the token is meant for somebody else (aud)")
        expires_at, begins_at = read_moment(claims.get("exp")), read_moment(claims.get("nbf", 0))
        if expires_at is None or expires_at <= self._now():
            raise NotVouched("the token has expired; get a new one")
        if begins_at is None or begins_at > self._now() + timedelta(seconds=_SKEW_S):
            raise NotVouched("the token is not good yet (nbf)")
        theirs = claims.get(issuer.client_claim)
        if not isinstance(theirs, str) or (issuer.clients and theirs not in issuer.clients):
            raise NotVouched(f"the token names no caller that its issuer may speak for ({issuer.client_claim})")
        return Vouched(
            client_id=issuer.clients.get(theirs, theirs),
            scopes=frozenset(issuer.scopes.get(one, one) for one in _words(claims.get(issuer.scope_claim))),
            expires_at=expires_at,
            token_id=str(claims.get("jti", ""))[:_ID_LENGTH_MAX],
            certificate=_certificate(claims.get("cnf")),
        )


class _Keys:
    """The keys of one issuer. Looking up one that is known never waits."""

    def __init__(self, issuer: Issuer, monotonic: Callable[[], float]) -> None:
        self.issuer = issuer
        self._monotonic = monotonic
        self._keys: dict[str, PublicKey] = {}
        self._dead_at_s = self._due_at_s = monotonic()
        self._failed = True
        self._reading: asyncio.Task[None] | None = None

    async def find(self, kid: str, http: aiohttp.ClientSession) -> PublicKey:
        """The key of this name. Raises NotVouched when the issuer has none, Unavailable when it cannot be asked."""
        key = self._known(kid)
        if key is None:
            await self.refresh(http)
            key = self._known(kid)
        if key is not None:
            return key
        if self._failed:
            raise Unavailable("the keys of the token's issuer cannot be fetched now; try again", code="issuer_away")
        raise NotVouched("the token is signed by a key that its issuer does not publish")

    async def refresh(self, http: aiohttp.ClientSession) -> None:
        """Fetch the keys, unless that was just done. All who want it at a time wait for the same fetch."""
        if self._reading is None:
            if self._monotonic() < self._due_at_s:
                return
            self._reading = asyncio.create_task(self._read(http))
        # One who goes away meanwhile takes it from nobody else.
        await asyncio.shield(self._reading)

    def cancel(self) -> None:
        """End a fetch."""
        if self._reading is not None:
            self._reading.cancel()

    def _known(self, kid: str) -> PublicKey | None:
        return self._keys.get(kid) if self._monotonic() < self._dead_at_s else None

    async def _read(self, http: aiohttp.ClientSession) -> None:
        try:
            self._keys = _read_keys(await _fetch(http, self.issuer.jwks_url))
            self._failed = False
            self._dead_at_s = self._monotonic() + KEYS_LIFE_S
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
            self._failed = True
            log.warning("keys of the issuer %s cannot be fetched: %s", self.issuer.issuer, type(error).__name__)
        finally:
            self._due_at_s = self._monotonic() + (AGAIN_S if self._failed else APART_S)
            self._reading = None


async def _fetch(http: aiohttp.ClientSession, url: str) -> bytes:
    """A document of bounded size. No redirect is followed: where keys come from is what the setting says."""
    async with http.get(url, allow_redirects=False) as response:
        if response.status != 200:  # noqa: PLR2004 - HTTP's own number
            raise ValueError(f"answers {response.status}")
        read = bytearray()
        async for chunk in response.content.iter_chunked(16 * 1024):
            read += chunk
            if len(read) > _DOCUMENT_BYTES_MAX:
                raise ValueError("is too large")
    return bytes(read)


class _Set(msgspec.Struct):
    keys: list[Any]


def _read_keys(document: bytes) -> dict[str, PublicKey]:
    """The keys of a set that can sign; others, as for encryption, are nothing to us."""
    found = {}
    for jwk in msgspec.json.decode(document, type=_Set).keys[:_KEYS_MAX]:
        try:
            key = read_key(jwk)
        except WrongKey:
            continue
        found[key.kid] = key
    return found


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _certificate(confirmation: object) -> str | None:
    """What a token hangs on (RFC 7800). Raises NotVouched for anything that cannot be checked here."""
    if confirmation is None:
        return None
    if isinstance(confirmation, dict) and set(confirmation) == {"x5t#S256"} and confirmation["x5t#S256"]:
        return str(confirmation["x5t#S256"])
    raise NotVouched("the token hangs on a key of another kind than a certificate (cnf)")
