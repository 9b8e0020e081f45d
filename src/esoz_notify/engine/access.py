"""Tokens: what callers get for what they show, and what a token allows.

What belongs here: making and checking tokens. What does not: HTTP and OAuth's own words (api), SQL (store), which
callers there are (``callers``), keys and what they sign (``public_keys``, ``assertions``, ``issuers``).
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from esoz_notify.core.errors import NotifyError
from esoz_notify.engine.api_keys import ApiKeys
from esoz_notify.engine.assertions import WrongAssertion, read_assertion
from esoz_notify.engine.callers import CLIENT_ID_RULE, Callers, hashed, in_order
from esoz_notify.engine.issuers import Issuers, NotVouched
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.public_keys import WrongSignature, read_claims_unproved, read_key
from esoz_notify.store import credentials, registry
from esoz_notify.store.vault import Keys

TOKEN_LIFE_S = 3600
VOUCHED_KNOWN_S = 300
"""How long another issuer's token is taken before its key and its caller are looked at again."""

_ISSUER = _AUDIENCE = "esoz-notify"
_ALGORITHM = "HS256"
_THUMBPRINT = "x5t#S256"
_TOKEN_LENGTH_MAX = 8192
_TOKENS_KNOWN_MAX = 4096
_NO_SECRET = hashlib.sha256(b"").digest()


class InvalidClient(NotifyError):
    """No such caller, a wrong secret, or a disabled caller; which of them is not told."""

    code = "invalid_client"


class CertificateNeeded(NotifyError):
    """The caller is bound to a certificate and showed none."""

    code = "invalid_request"


class InvalidScope(NotifyError):
    """A scope was asked for that does not exist or that this caller does not have."""

    code = "invalid_scope"


class InvalidToken(NotifyError):
    """Not a token of ours, or one that is over."""

    code = "invalid_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token just issued, and what it allows for how long."""

    access_token: str = field(repr=False)
    scopes: tuple[str, ...]
    expires_in_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified token says.

    ``certificate``: SHA-256 of the one it is bound to, as in ``x5t#S256``; None is none. ``look_again_at``: when it has
    to be read anew, of another issuer's token. ``issued_at``: of a token of ours.
    """

    client_id: str
    scopes: frozenset[str]
    expires_at: datetime
    token_id: str
    certificate: str | None = None
    look_again_at: datetime | None = None
    issued_at: datetime | None = None


class Access:
    """Gives callers tokens that every process with the same keys can verify by itself.

    ``issuers``: others whose tokens are taken too; None takes none but ours.
    """

    def __init__(self, ledger: Ledger, keys: Keys, issuers: Issuers | None = None) -> None:
        self._ledger = ledger
        self._key = keys.token_key
        self._issuers = issuers
        self._known: OrderedDict[str, Claims] = OrderedDict()
        self.callers = Callers(ledger)
        self.api_keys = ApiKeys(ledger, keys.token_key)

    def now(self) -> datetime:
        """The ledger's time, by which tokens live."""
        return self._ledger.clock.now()

    async def issue(
        self, client_id: str, secret: str, scope: str | None = None, certificate: str | None = None
    ) -> Token:
        """Give a token for a secret. ``scope``: those asked for, with spaces between; None means all the caller has.

        ``certificate``: SHA-256 of the one shown, as in ``x5t#S256``; of a bound caller the token hangs on it. Raises
        InvalidClient, InvalidScope, CertificateNeeded.
        """
        row, rows = None, []
        if CLIENT_ID_RULE.fullmatch(client_id):
            async with self._ledger.transaction() as connection:
                row = await registry.get_client(connection, client_id)
                rows = await credentials.get_secrets(connection, client_id)
        shown = hashed(secret)
        # Compared in any case, so that the time taken does not tell whether there is such a caller.
        is_right = [hmac.compare_digest(shown, one) for one in (*(one.hash for one in rows), _NO_SECRET)]
        if row is None or not any(is_right[:-1]) or row.disabled_at is not None:
            raise InvalidClient("the client is unknown or its secret is wrong")
        return self._issued(row, scope, certificate)

    async def issue_for_assertion(
        self,
        assertion: str,
        audiences: Collection[str],
        scope: str | None = None,
        certificate: str | None = None,
        *,
        client_id: str | None = None,
    ) -> Token:
        """Give a token for an assertion that a caller signed, as ``issue`` does for a secret.

        ``audiences``: our names. ``client_id``: who it is said to be of, when that was said beside it. Raises
        InvalidClient, WrongAssertion, InvalidScope, CertificateNeeded.
        """
        said = read_claims_unproved(assertion).get("sub") if len(assertion) <= _TOKEN_LENGTH_MAX else None
        if not isinstance(said, str) or not CLIENT_ID_RULE.fullmatch(said) or client_id not in {None, said}:
            raise _unproved()
        client_id = said
        async with self._ledger.transaction() as connection:
            row = await registry.get_client(connection, client_id)
            keys = [read_key(jwk) for jwk in await credentials.get_keys(connection, client_id)]
            if row is None or row.disabled_at is not None:
                raise _unproved()
            try:
                read = read_assertion(assertion, client_id, keys, audiences, self.now())
            except WrongSignature:
                raise _unproved() from None
            token = self._issued(row, scope, certificate)
            if not await credentials.show_assertion(connection, client_id, read.jti_hash, read.ends_at):
                raise WrongAssertion("the assertion was shown before; sign a new one, with a jti of its own")
        return token

    def _issued(self, row: registry.ClientRow, scope: str | None, certificate: str | None) -> Token:
        granted = _narrowed(row.scopes, scope)
        if row.bound and certificate is None:
            raise CertificateNeeded("this client's tokens are bound to its certificate: show it on the connection")
        issued_at = self.now()
        claims: dict[str, Any] = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": row.id,
            "scope": " ".join(granted),
            "iat": int(issued_at.timestamp()),
            "exp": int(issued_at.timestamp()) + TOKEN_LIFE_S,
            "jti": secrets.token_hex(16),
        }
        if row.bound:
            claims["cnf"] = {_THUMBPRINT: certificate}
        token = jwt.encode(claims, self._key, algorithm=_ALGORITHM)
        return Token(access_token=token, scopes=granted, expires_in_s=TOKEN_LIFE_S)

    async def admit(self, token: str) -> Claims:
        """Say what a token allows, of ours or of another issuer; one seen before costs no waiting.

        The certificate that it may hang on is for who sees the connection to check. Raises InvalidToken, and
        Unavailable when another issuer's keys or the ledger are needed and away.
        """
        known = self._known.get(token)
        if known is None or (known.look_again_at is not None and known.look_again_at <= self.now()):
            await self._look(token)
        return self.verify(token)

    async def admit_key(self, shown: str) -> Claims:
        """Say what an API key allows, or a token that it signed. Raises InvalidToken, Unavailable."""
        keyed = await self.api_keys.admit(shown)
        if keyed is None or self.callers.is_disabled(keyed.client_id):
            raise InvalidToken("the API key is not good, or the token was not signed by it just now")
        return Claims(client_id=keyed.client_id, scopes=keyed.scopes, expires_at=self.now(), token_id="")

    def verify(self, token: str) -> Claims:
        """As ``admit``, but of another issuer's tokens only of one seen before."""
        claims = self._known.get(token)
        if claims is None:
            claims = self._read(token)
            self._remember(token, claims)
        else:
            self._known.move_to_end(token)
        if claims.expires_at <= self.now():
            self._known.pop(token, None)
            raise InvalidToken("the token has expired; get a new one")
        ended = claims.issued_at is not None and self.callers.ended(claims.client_id, claims.issued_at)
        if ended or self.callers.is_disabled(claims.client_id):
            raise InvalidToken("the client has been disabled")
        return claims

    async def _look(self, token: str) -> None:
        """Get to know another issuer's token; do nothing about one that is not."""
        if self._issuers is None or len(token) > _TOKEN_LENGTH_MAX or not self._issuers.speaks(token):
            return
        self._known.pop(token, None)
        try:
            vouched = await self._issuers.read(token)
        except NotVouched as refused:
            raise InvalidToken(refused.detail) from None
        row = None
        if CLIENT_ID_RULE.fullmatch(vouched.client_id):
            async with self._ledger.transaction() as connection:
                row = await registry.get_client(connection, vouched.client_id)
        if row is None or row.disabled_at is not None:
            raise InvalidToken("the token names no caller that may come in here")
        if row.bound and vouched.certificate is None:
            raise InvalidToken("this caller's tokens must be bound to its certificate (cnf)")
        claims = Claims(
            client_id=row.id,
            scopes=vouched.scopes & frozenset(row.scopes),
            expires_at=vouched.expires_at,
            token_id=vouched.token_id,
            certificate=vouched.certificate,
            look_again_at=self.now() + timedelta(seconds=VOUCHED_KNOWN_S),
        )
        self._remember(token, claims)

    def _remember(self, token: str, claims: Claims) -> None:
        self._known[token] = claims
        if len(self._known) > _TOKENS_KNOWN_MAX:
            self._known.popitem(last=False)

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
            issued_at = datetime.fromtimestamp(int(claims["iat"]), UTC)
            bound_to = claims.get("cnf", {}).get(_THUMBPRINT)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, AttributeError):
            # What exactly is wrong would help nobody but a forger.
            raise InvalidToken("the token is not one of ours") from None
        return Claims(
            client_id=str(claims["sub"]),
            scopes=frozenset(str(claims["scope"]).split()),
            expires_at=expires_at,
            token_id=str(claims["jti"]),
            certificate=bound_to,
            issued_at=issued_at,
        )


def _narrowed(has: Collection[str], asked: str | None) -> tuple[str, ...]:
    if asked is None:
        return in_order(has)
    wanted = asked.split()
    if not wanted or not set(wanted) <= set(has):
        raise InvalidScope("a scope was asked for that this client does not have; leave scope out to get all it has")
    return in_order(wanted)


def _unproved() -> InvalidClient:
    return InvalidClient("the client is unknown or did not sign this assertion")
