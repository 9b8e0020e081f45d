"""Assertions: tokens that a caller signs with its own key in place of showing a secret (RFC 7523, OpenID Connect §9).

What belongs here: what an assertion must say. What does not: keys (``public_keys``), callers, and that each is good
once (``access``).
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from esoz_notify.core.errors import NotifyError
from esoz_notify.engine.public_keys import PublicKey, WrongSignature, check_signature, read_moment

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE_S_MAX = 300
"""How far ahead an assertion may end: so long its number has to be remembered."""

_SKEW_S = 60
"""How far a caller's clock may be ahead when it says since when its assertion is good."""

_JTI_LENGTH_MAX = 256
LENGTH_MAX = 8192


class WrongAssertion(NotifyError):
    """Signed by the caller's own key, but it says what it must not; the caller is told which rule."""

    code = "invalid_client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What is remembered of one."""

    jti_hash: bytes
    ends_at: datetime


def read_assertion(
    token: str, client_id: str, keys: Iterable[PublicKey], audiences: Collection[str], now: datetime
) -> Assertion:
    """Check an assertion of ``client_id``. ``audiences``: what we are called.

    Raises WrongSignature when none of its keys signed it, WrongAssertion when it breaks a rule.
    """
    if len(token) > LENGTH_MAX:
        raise WrongSignature("the assertion is too long")
    claims = check_signature(token, keys)
    # Only who holds the key comes as far as this, and may know what is wrong with an assertion of its own.
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise WrongAssertion("the assertion's iss and sub must both be the client's id")
    if _sole(claims.get("aud")) not in audiences:
        raise WrongAssertion(f"the assertion's aud must be {' or '.join(sorted(audiences))}, and nothing else")
    ends_at = read_moment(claims.get("exp"))
    if ends_at is None or not now < ends_at <= now + timedelta(seconds=LIFE_S_MAX):
        raise WrongAssertion(f"the assertion's exp must be ahead, by {LIFE_S_MAX} s at most; look at your clock")
    for name in ("nbf", "iat"):
        begins_at = read_moment(claims.get(name))
        if name in claims and (begins_at is None or begins_at > now + timedelta(seconds=_SKEW_S)):
            raise WrongAssertion(f"the assertion's {name} must be in the past; look at your clock")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _JTI_LENGTH_MAX:
        raise WrongAssertion(f"the assertion needs a jti, a text of 1 to {_JTI_LENGTH_MAX} characters of its own")
    return Assertion(jti_hash=hashlib.sha256(jti.encode("utf-8", "surrogatepass")).digest(), ends_at=ends_at)


def _sole(audience: object) -> object:
    """The one audience. One that is meant for several could be shown to us by another of them."""
    if isinstance(audience, list):
        return audience[0] if len(audience) == 1 and isinstance(audience[0], str) else None
    return audience if isinstance(audience, str) else None
