"""Public keys as JSON Web Keys (RFC 7517): which are taken, and checking a signature by one of them.

What belongs here: kinds and sizes of keys, signatures. What does not: whose keys they are (``access``, ``issuers``),
what a signed token says.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ALGORITHMS = ("ES256", "PS256", "RS256", "EdDSA")
"""Those that are taken. Never "none", and never one whose key both sides know."""

RSA_BITS_MIN, RSA_BITS_MAX = 2048, 8192
"""Shorter ones can be broken; longer ones cost whoever checks them too much."""

_RSA_EXPONENTS = range(65537, 2**32)
_KID_LENGTH_MAX = 200
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KINDS: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("EC", "P-256"): ("ES256",),
    ("OKP", "Ed25519"): ("EdDSA",),
    ("RSA", None): ("PS256", "RS256"),
}
_READERS = {"EC": ECAlgorithm.from_jwk, "OKP": OKPAlgorithm.from_jwk, "RSA": RSAAlgorithm.from_jwk}
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}


class WrongKey(ValueError):
    """Not a public key that is taken here; says the rule and the fix."""


class WrongSignature(ValueError):
    """No key that may sign has signed this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key that may sign. ``jwk``: its public members and its kid alone."""

    kid: str
    algorithms: tuple[str, ...]
    jwk: Mapping[str, str]
    key: Any = field(repr=False)


def read_key(jwk: object) -> PublicKey:
    """Take a public key. Raises WrongKey."""
    if not isinstance(jwk, Mapping):
        raise WrongKey("must be a JSON Web Key, an object with kty")
    if _PRIVATE & set(jwk):
        raise WrongKey("is a private or a shared key: make a new pair, and give its public half only")
    kind = jwk.get("kty")
    algorithms = _KINDS.get((kind, jwk.get("crv") if kind != "RSA" else None)) if isinstance(kind, str) else None
    if algorithms is None:
        raise WrongKey("must be EC with P-256, OKP with Ed25519, or RSA")
    if "alg" in jwk:
        if jwk["alg"] not in algorithms:
            raise WrongKey(f"alg must be {' or '.join(algorithms)} for such a key, or be left out")
        algorithms = (str(jwk["alg"]),)
    if jwk.get("use", "sig") != "sig":
        raise WrongKey("use must be sig, or be left out")
    public: dict[str, Any] = {name: jwk.get(name) for name in _MEMBERS[str(kind)]}
    kid = jwk.get("kid", _thumbprint(public))
    if not isinstance(kid, str) or not 0 < len(kid) <= _KID_LENGTH_MAX or not kid.isprintable():
        raise WrongKey(f"kid must be 1 to {_KID_LENGTH_MAX} printable characters, or be left out")
    return PublicKey(kid=kid, algorithms=algorithms, jwk={**public, "kid": kid}, key=_key(public))


def check_signature(token: str, keys: Iterable[PublicKey]) -> dict[str, Any]:
    """The claims of a token that one of ``keys`` has signed; nothing they say is checked. Raises WrongSignature."""
    header = read_header(token)
    algorithm, kid = header.get("alg"), header.get("kid")
    for key in keys:
        if algorithm not in key.algorithms or (kid is not None and kid != key.kid):
            continue
        try:
            read = jwt.decode(token, key.key, algorithms=[str(algorithm)], options=_SIGNATURE_ONLY)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            continue
        return dict(read)
    raise WrongSignature("no key that may sign has signed this")


_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    **{f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")},
}
"""Claims are checked by whoever knows what they should be, and by the ledger's clock."""


def read_header(token: str) -> dict[str, Any]:
    """The header of a token, which anybody may have written. Raises WrongSignature when it is none."""
    try:
        return dict(jwt.get_unverified_header(token))
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise WrongSignature("this is no signed token") from None


def read_moment(value: object) -> datetime | None:
    """A NumericDate (RFC 7519 §2); None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def read_claims_unproved(token: str) -> dict[str, Any]:
    """What a token says, which anybody may have written: only to find out whose keys to ask. Empty when it is none."""
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return {}


def _key(public: Mapping[str, Any]) -> Any:
    try:
        key: Any = _READERS[public["kty"]](dict(public))
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        raise WrongKey("is no key: its members are missing or broken") from None
    if public["kty"] == "RSA":
        if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
            raise WrongKey(f"an RSA key must have {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")
        if key.public_numbers().e not in _RSA_EXPONENTS:
            raise WrongKey("the exponent of an RSA key must be 65537, as programs make it")
    return key


def _thumbprint(public: Mapping[str, Any]) -> str:
    """RFC 7638: the same for the same key, wherever it is reckoned."""
    text = json.dumps(public, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
