"""What a provider shows when it calls back, and whether that is what was agreed with it.

What belongs here: the kinds of credentials, their spelling in a setting, and the comparison, always of all of them and
in constant time. What does not: where they come in a request (api), and remembering what was seen (store).
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

REPLAY_WINDOW = timedelta(minutes=5)
"""How far the time of a signed call may be from ours, and for how long it is remembered as seen."""

SECRET_LENGTH_MIN = 16
"""Of tokens and keys of signatures: they are made by machines, and guessing must not be worth while."""

_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SIGNATURE = re.compile(r"sha256=([0-9a-fA-F]{64})", re.ASCII)


class Kind(StrEnum):
    """How a provider shows that it is itself; the value is the word before the colon in a setting."""

    BASIC = "basic"
    """user:password by HTTP Basic (RFC 7617)."""
    TOKEN = "token"  # noqa: S105 - the name of a kind
    """A secret as Authorization: Bearer (RFC 6750)."""
    SIGNATURE = "signature"
    """A key: X-Timestamp, Unix seconds, and X-Signature, sha256= and HMAC-SHA256 of timestamp, dot and raw body."""
    CERTIFICATE = "certificate"
    """SHA-256 of the certificate that its TLS client shows."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential that is good now."""

    kind: Kind
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one call shows; what is not there is empty."""

    authorization: str = field(default="", repr=False)
    timestamp: str = ""
    signature: str = field(default="", repr=False)
    certificate_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """A call whose signature fits. ``mark``: the same for every repetition of it, good for nothing else.

    ``until``: so long it could be repeated. ``fresh``: whether its time is near enough to ours to be taken.
    """

    mark: bytes
    until: datetime
    fresh: bool


def read_credential(text: str) -> Credential:
    """A credential as a setting spells it: ``kind:secret``; without a kind it is user:password for Basic.

    Raises ValueError naming the rule, never the text.
    """
    word, _, rest = text.partition(":")
    kind, secret = (Kind(word), rest) if word in set(Kind) else (Kind.BASIC, text)
    if kind is Kind.BASIC and ":" not in secret:
        raise ValueError("each must be user:password, token:…, signature:… or certificate:…")
    if kind in {Kind.TOKEN, Kind.SIGNATURE} and len(secret) < SECRET_LENGTH_MIN:
        raise ValueError(f"the secret of {kind}: must have {SECRET_LENGTH_MIN} characters or more")
    if kind is Kind.CERTIFICATE:
        secret = secret.replace(":", "").lower()
        if not _SHA256.fullmatch(secret):
            raise ValueError("certificate: must be followed by the SHA-256 of the certificate, 64 hex digits")
    return Credential(kind, secret.encode())


def fits(credentials: Sequence[Credential], shown: Shown) -> bool:
    """Whether a call shows one of those that need no look at its body."""
    scheme, _, given = shown.authorization.partition(" ")
    by_kind = {
        Kind.BASIC: _basic(given) if scheme.lower() == "basic" else b"",
        Kind.TOKEN: given.strip().encode() if scheme.lower() == "bearer" else b"",
        Kind.CERTIFICATE: shown.certificate_sha256.lower().encode(),
    }
    # No stopping at the first that fits: the time taken must not tell which one it was.
    return sum(hmac.compare_digest(by_kind[one.kind], one.secret) for one in credentials if one.kind in by_kind) > 0


def may_be_signed(credentials: Sequence[Credential], shown: Shown) -> bool:
    """Whether its body is worth reading: it shows a signature, and one was agreed."""
    agreed = any(one.kind is Kind.SIGNATURE for one in credentials)
    return (
        agreed and _SECONDS.fullmatch(shown.timestamp) is not None and _SIGNATURE.fullmatch(shown.signature) is not None
    )


def signed(credentials: Sequence[Credential], shown: Shown, body: bytes, now: datetime) -> Signed | None:
    """What a signature comes to, of a call that ``may_be_signed``; None when it is none of ours."""
    said = f"{shown.timestamp}.".encode() + body
    given = shown.signature.partition("=")[2].lower()
    wanted = [hmac.new(one.secret, said, hashlib.sha256) for one in credentials if one.kind is Kind.SIGNATURE]
    if not sum(hmac.compare_digest(one.hexdigest(), given) for one in wanted):
        return None
    at_s = int(shown.timestamp)
    fresh = abs(now.timestamp() - at_s) <= REPLAY_WINDOW.total_seconds()
    return Signed(hashlib.sha256(said).digest(), now + 2 * REPLAY_WINDOW, fresh)


def _basic(given: str) -> bytes:
    try:
        return base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
