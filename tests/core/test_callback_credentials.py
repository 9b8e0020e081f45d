"""What a provider shows is compared with all that was agreed, and a signature binds body and time."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from esoz_notify.core.callback_credentials import (
    REPLAY_WINDOW,
    Credential,
    Kind,
    Shown,
    fits,
    may_be_signed,
    read_credential,
    signed,
)

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
TOKEN, KEY, NEXT_KEY = "token-of-a-provider", "key-of-a-provider", "next-key-of-a-provider"
SHA256 = "ab" * 32
ALL = [
    read_credential(one)
    for one in ("user:password", f"token:{TOKEN}", f"signature:{KEY}", f"signature:{NEXT_KEY}", f"certificate:{SHA256}")
]


def basic(text: bytes) -> str:
    """A header of HTTP Basic."""
    return f"Basic {base64.b64encode(text).decode()}"


def sign(body: bytes, key: str = KEY, at: datetime = NOW) -> Shown:
    """What a provider shows that signs."""
    timestamp = str(int(at.timestamp()))
    mac = hmac.new(key.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return Shown(timestamp=timestamp, signature=f"sha256={mac}")


@pytest.mark.parametrize(
    ("text", "kind", "secret"),
    [
        ("user:pass:word", Kind.BASIC, b"user:pass:word"),
        ("basic:token:password", Kind.BASIC, b"token:password"),
        (f"token:{TOKEN}", Kind.TOKEN, TOKEN.encode()),
        (f"signature:{KEY}", Kind.SIGNATURE, KEY.encode()),
        (f"certificate:{':'.join(['AB'] * 32)}", Kind.CERTIFICATE, SHA256.encode()),
    ],
)
def test_a_credential_is_one_word(text: str, kind: Kind, secret: bytes) -> None:
    """The kind and then the secret; user:password by itself is Basic; a repr shows no secret."""
    read = read_credential(text)

    assert read == Credential(kind, secret)
    assert "secret" not in repr(read)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hush", "each must be user:password"),
        ("basic:hush", "each must be user:password"),
        ("token:tooshort", "token: must have 16 characters"),
        ("signature:tooshort", "signature: must have 16 characters"),
        ("certificate:abcd", "64 hex digits"),
        (f"certificate:{'zz' * 32}", "64 hex digits"),
    ],
)
def test_a_credential_that_breaks_its_rule_is_told(text: str, said: str) -> None:
    """The rule is named, and never the secret."""
    with pytest.raises(ValueError, match=said) as refused:
        read_credential(text)

    assert text.rpartition(":")[2] not in str(refused.value)


@pytest.mark.parametrize(
    "shown",
    [
        Shown(authorization=basic(b"user:password")),
        Shown(authorization=basic(b"user:password").replace("Basic", "bASIC")),
        Shown(authorization=f"Bearer {TOKEN}"),
        Shown(certificate_sha256=SHA256),
        Shown(certificate_sha256=SHA256.upper()),
    ],
)
def test_any_one_of_them_is_enough(shown: Shown) -> None:
    """Several are good while one is being replaced, of whatever kinds; alone, without it, it is not."""
    assert fits(ALL, shown)
    assert not fits([read_credential("other:password"), read_credential(f"signature:{KEY}")], shown)


@pytest.mark.parametrize(
    "shown",
    [
        Shown(),
        Shown(authorization=basic(b"user:other")),
        Shown(authorization=basic(b"user:password ")),
        Shown(authorization="Basic ???"),
        Shown(authorization="Basic é"),
        Shown(authorization="Basic"),
        Shown(authorization=f"Basic {TOKEN}"),
        Shown(authorization="Bearer user:password"),
        Shown(authorization=f"Bearer {KEY}"),
        Shown(authorization=f"Bearer {SHA256}"),
        Shown(authorization="Bearer "),
        Shown(certificate_sha256="cd" * 32),
        Shown(certificate_sha256="é"),
        Shown(signature=f"sha256={SHA256}", timestamp="1"),
    ],
)
def test_nothing_else_is(shown: Shown) -> None:
    """A secret of one kind is none of another, and no credential is ever empty."""
    assert not fits(ALL, shown)


@pytest.mark.parametrize("key", [KEY, NEXT_KEY])
def test_a_signature_by_either_key_is_taken(key: str) -> None:
    """Two keys are good while one is being replaced."""
    shown = sign(b"body", key)

    assert may_be_signed(ALL, shown)
    found = signed(ALL, shown, b"body", NOW)
    assert found is not None
    assert found.fresh
    assert found.until >= NOW + REPLAY_WINDOW


def test_a_signature_binds_body_and_time() -> None:
    """Another body, another time or another key is another signature."""
    shown = sign(b"body")

    assert signed(ALL, shown, b"other", NOW) is None
    assert signed(ALL, Shown(timestamp="1", signature=shown.signature), b"body", NOW) is None
    assert signed(ALL, sign(b"body", "a-strangers-key-of-its-own"), b"body", NOW) is None
    assert signed([read_credential("user:password")], shown, b"body", NOW) is None


@pytest.mark.parametrize(("apart_s", "fresh"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_a_signature_is_good_for_minutes(apart_s: int, fresh: bool) -> None:
    """One of another time fits and is told apart; while it could be taken again it is remembered."""
    shown = sign(b"body", at=NOW + timedelta(seconds=apart_s))
    found = signed(ALL, shown, b"body", NOW)

    assert found is not None
    assert found.fresh is fresh
    assert found.until >= NOW + timedelta(seconds=apart_s) + REPLAY_WINDOW or not fresh


def test_a_repetition_has_the_same_mark() -> None:
    """However its signature is spelled and whichever key made it; another call has another mark."""
    once, again = signed(ALL, sign(b"body"), b"body", NOW), signed(ALL, sign(b"body", NEXT_KEY), b"body", NOW)
    shouted = Shown(timestamp=sign(b"body").timestamp, signature="sha256=" + sign(b"body").signature[7:].upper())
    other = signed(ALL, sign(b"other"), b"other", NOW)

    assert once is not None
    assert again is not None
    assert other is not None
    assert once.mark == again.mark == getattr(signed(ALL, shouted, b"body", NOW), "mark", None)
    assert once.mark != other.mark


@pytest.mark.parametrize(
    "shown",
    [
        Shown(),
        Shown(timestamp="1"),
        Shown(signature=f"sha256={SHA256}"),
        Shown(timestamp="1", signature=SHA256),
        Shown(timestamp="1", signature="sha256=ab"),
        Shown(timestamp="-1", signature=f"sha256={SHA256}"),
        Shown(timestamp="１", signature=f"sha256={SHA256}"),
        Shown(timestamp="9" * 5000, signature=f"sha256={SHA256}"),
    ],
)
def test_what_is_no_signature_is_not_read_for(shown: Shown) -> None:
    """A body is read only for what has the form of a signature, and where one was agreed."""
    assert not may_be_signed(ALL, shown)
    assert not may_be_signed([read_credential("user:password")], sign(b"body"))
