"""Signing in at an OpenID Connect provider: authorization code with PKCE, state and nonce.

What belongs here: the way there and back, checking what the provider says, and who of ours it is. What does not:
sessions themselves (``sessions``), cookies and pages (console).

PyJWT, which we have for callers' tokens, checks signatures and claims, and aiohttp fetches; a whole OAuth client would
bring an HTTP client and a JOSE of its own for three requests. What must be remembered on the way goes with the browser,
sealed: strangers who begin and never come back fill no table.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import jwt
from yarl import URL

from esoz_notify.core.errors import Conflict, NotifyError, Unavailable
from esoz_notify.core.networks import Network
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.outgoing import Bounds, chosen_by_settings, guarded_session
from esoz_notify.engine.people import demand
from esoz_notify.engine.sessions import NotSignedIn, Opened, Origin, Sessions
from esoz_notify.store import identities as table
from esoz_notify.store.ledger import Connection
from esoz_notify.store.vault import Vault, VaultError

WAY_LIFE_S = 600.0
"""So long one may take at the provider."""

_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Of public keys only: by none of them could somebody sign who knows what everybody may."""
_TIMEOUT_S = 10.0
_ANSWER_BYTES_MAX = 256 * 1024
_DISCOVERY_LIFE_S = 3600.0
_KEYS_PAUSE_S = 60.0
"""Unknown keys have the provider asked at most so often."""
_LEEWAY_S = 60.0
_AAD = b"the way of a sign-in elsewhere"
"""Of what is sealed in a cookie for minutes, and stored nowhere."""


class OidcRefused(NotifyError):
    """The provider, or what came back from it, names nobody of ours; why is not told to who asks."""

    code = "oidc_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What this service is at the provider. ``redirect_uri``: where the provider sends browsers back to.

    ``networks``: those inside that the provider's names may lead to.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and what it keeps on the way."""

    url: str
    kept: str = field(repr=False)


@dataclass(slots=True)
class _Known:
    """What was fetched from the provider, and when."""

    document: Mapping[str, Any]
    keys: Mapping[str, Any]
    at: datetime


class Oidc:
    """The use cases, for one provider."""

    def __init__(self, ledger: Ledger, vault: Vault, sessions: Sessions, registration: Registration) -> None:
        self._ledger = ledger
        self._vault = vault
        self._sessions = sessions
        self._us = registration
        self._known: _Known | None = None

    async def begin(self) -> Begun:
        """Send a browser to the provider. Raises Unavailable when the provider does not answer."""
        known = await self._provider()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._us.client_id,
            "redirect_uri": self._us.redirect_uri,
            "scope": "openid email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        until = (self._ledger.clock.now() + timedelta(seconds=WAY_LIFE_S)).timestamp()
        way = {"state": state, "nonce": nonce, "verifier": verifier, "until": until}
        kept = base64.urlsafe_b64encode(self._vault.seal(json.dumps(way).encode(), aad=_AAD)).decode()
        endpoint = str(known.document["authorization_endpoint"])
        return Begun(f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}", kept)

    async def finish(self, kept: str, given: Mapping[str, str], origin: Origin) -> Opened:
        """Begin a session of who came back. ``given``: the query; ``kept``: what the browser kept on the way.

        Raises OidcRefused, Unavailable when the provider does not answer.
        """
        way = self._way(kept)
        if not hmac.compare_digest(way["state"].encode(), given.get("state", "").encode()):
            raise OidcRefused("it did not begin in this browser")
        if given.get("iss", self._us.issuer) != self._us.issuer or not given.get("code"):
            raise OidcRefused("the provider refused, or it was another provider")
        claims = await self._claims(given["code"], way)
        async with self._ledger.transaction() as connection:
            login = await self._login(connection, claims)
            if login is None:
                raise OidcRefused("nobody of ours is registered so")
            try:
                return await self._sessions.begin_for(connection, login, origin)
            except NotSignedIn:
                raise OidcRefused("the person may not come in") from None

    async def link(self, login: str, *, email: str | None, subject: str | None) -> None:
        """Register who a person is at the provider. Raises NotFound, Conflict."""
        async with self._ledger.transaction() as connection:
            await demand(connection, login)
            taken = Conflict("this is registered for another person, or the person has another", code="identity_taken")
            if email and not await table.set_email(connection, login, self._email_index(email)):
                raise taken
            if subject and not await table.add_identity(connection, self._us.issuer, subject, login):
                raise taken

    def _way(self, kept: str) -> dict[str, Any]:
        try:
            way: dict[str, Any] = json.loads(self._vault.open(base64.urlsafe_b64decode(kept.encode()), aad=_AAD))
        except (VaultError, ValueError, binascii.Error):
            raise OidcRefused("it did not begin in this browser") from None
        if way["until"] < self._ledger.clock.now().timestamp():
            raise OidcRefused("it took too long")
        return way

    async def _login(self, connection: Connection, claims: Mapping[str, Any]) -> str | None:
        """Who of ours it is: by the subject, or the first time by a verified address, which registers the subject."""
        subject = str(claims["sub"])
        login = await table.login_of(connection, self._us.issuer, subject)
        if login is not None or claims.get("email_verified") is not True or not claims.get("email"):
            return login
        login = await table.login_of_email(connection, self._email_index(str(claims["email"])), self._us.issuer)
        if login is not None:
            await table.add_identity(connection, self._us.issuer, subject, login)
        return login

    def _email_index(self, email: str) -> bytes:
        return self._vault.index(email.strip().casefold(), "email")

    # --- the provider -------------------------------------------------------------------------------------------------

    async def _claims(self, code: str, way: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the provider says of who came back, checked (OpenID Connect Core §3.1.3.7)."""
        known = await self._provider()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._us.redirect_uri,
            "code_verifier": way["verifier"],
            "client_id": self._us.client_id,
            "client_secret": self._us.client_secret,
        }
        answer = await self._fetch("POST", str(known.document["token_endpoint"]), form)
        token = answer.get("id_token") if answer is not None else None
        if not isinstance(token, str):
            raise OidcRefused("the provider did not take the code")
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                await self._key(str(jwt.get_unverified_header(token).get("kid", ""))),
                algorithms=_ALGORITHMS,
                audience=self._us.client_id,
                issuer=self._us.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError:
            raise OidcRefused("the provider's token is not good") from None
        nonce, party = str(claims.get("nonce", "")), claims.get("azp", self._us.client_id)
        if not hmac.compare_digest(nonce.encode(), way["nonce"].encode()) or party != self._us.client_id:
            raise OidcRefused("the provider's token is of another sign-in")
        return claims

    async def _key(self, key_id: str) -> Any:
        """The key that signed; asked for once more when it is not known, as keys are changed."""
        known = await self._provider()
        if key_id not in known.keys and self._age_s(known) > _KEYS_PAUSE_S:
            self._known = None
            known = await self._provider()
        if key_id not in known.keys:
            raise OidcRefused("the provider's token is signed by no key of the provider's")
        return known.keys[key_id]

    async def _provider(self) -> _Known:
        if self._known is None or self._age_s(self._known) > _DISCOVERY_LIFE_S:
            document = await self._fetch("GET", f"{self._us.issuer.rstrip('/')}/.well-known/openid-configuration")
            if document is None or document.get("issuer") != self._us.issuer:
                raise Unavailable("the OpenID Connect provider does not describe itself as the one that is set")
            self._demand_safe(document)
            found = await self._fetch("GET", str(document["jwks_uri"]))
            self._known = _Known(document, _keys(found or {}), self._ledger.clock.now())
        return self._known

    async def _fetch(self, method: str, url: str, form: Mapping[str, str] | None = None) -> Mapping[str, Any] | None:
        """A JSON object of the provider's; None when it answers anything else. Raises Unavailable.

        No redirect is followed: what is fetched is what the provider named.
        """
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        headers = {"accept": "application/json"}
        try:
            async with (
                guarded_session(self._bounds(url), timeout=timeout) as http,
                http.request(method, url, data=form, headers=headers, allow_redirects=False) as reply,
            ):
                body = await reply.content.read(_ANSWER_BYTES_MAX)
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise Unavailable("the OpenID Connect provider does not answer") from None
        try:
            answer = json.loads(body)
        except ValueError:
            return None
        return answer if reply.status == 200 and isinstance(answer, dict) else None  # noqa: PLR2004 - HTTP's OK

    def _bounds(self, url: str) -> Bounds:
        """Where a call may lead: inside only where the issuer itself may be, whatever its description names."""
        allowed = chosen_by_settings(self._us.issuer, self._us.networks)
        return replace(allowed, schemes=allowed.schemes | {"https"}, ports=frozenset({URL(url).port or 0}))

    def _age_s(self, known: _Known) -> float:
        return (self._ledger.clock.now() - known.at).total_seconds()

    def _demand_safe(self, document: Mapping[str, Any]) -> None:
        """Its addresses are https, as the issuer's own; by http only where that is too, on the machine itself."""
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            parts = urlsplit(str(document.get(name, "")))
            if not parts.hostname or parts.scheme not in {"https", urlsplit(self._us.issuer).scheme}:
                raise Unavailable(f"the OpenID Connect provider's {name} is not an https address")


def _keys(found: Mapping[str, Any]) -> dict[str, Any]:
    """Public keys by their ids; those of other kinds are left aside."""
    keys = {}
    for one in found.get("keys", []):
        try:
            key = jwt.PyJWK(one)
        except jwt.PyJWTError:
            continue  # of a kind we do not use
        if key.key_type in {"RSA", "EC", "OKP"} and one.get("use", "sig") == "sig":
            keys[str(one.get("kid", ""))] = key
    return keys
