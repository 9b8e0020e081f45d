"""Which keys are taken, and what counts as signed."""

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm
from tests.engine.key_pairs import pair

from esoz_notify.engine.public_keys import (
    ALGORITHMS,
    WrongKey,
    WrongSignature,
    check_signature,
    read_claims_unproved,
    read_header,
    read_key,
)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_that_is_taken(algorithm: str) -> None:
    """A token by a key of each kind is read; by another key of the same kind and name it is not."""
    mine, other = pair(algorithm), pair(algorithm)
    token = mine.sign({"sub": "mis-1"})

    assert check_signature(token, [read_key(mine.jwk)]) == {"sub": "mis-1"}
    with pytest.raises(WrongSignature):
        check_signature(token, [read_key(other.jwk)])


def test_a_public_key_is_no_shared_secret() -> None:
    """A token "signed" by HMAC with the public key as its secret, or by nobody, is none (RFC 8725 §2.1)."""
    mine = pair("RS256")
    key = read_key(mine.jwk)
    spki = mine.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "key-1"}).encode()).rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(b'{"sub":"mis-1"}').rstrip(b"=").decode()
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(f"{header}.{body}".encode(), spki)
    forged = f"{header}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    for token in (forged, jwt.encode({"sub": "mis-1"}, "", "none")):
        with pytest.raises(WrongSignature):
            check_signature(token, [key])


def test_a_key_signs_by_its_own_algorithm_only() -> None:
    """A key that says its algorithm is used for no other, though it could be."""
    mine = pair("RS256")
    key = read_key({**mine.jwk, "alg": "PS256"})

    with pytest.raises(WrongSignature):
        check_signature(mine.sign({"sub": "mis-1"}), [key])


def test_unknown_demands_of_a_token_are_not_passed_over() -> None:
    """A token with critical extensions is none: they are not known here (RFC 7515 §4.1.11)."""
    mine = pair()
    with pytest.raises(WrongSignature):
        check_signature(mine.sign({"sub": "mis-1"}, crit=["exp"], exp=1), [read_key(mine.jwk)])


def _p384() -> dict[str, Any]:
    return dict(json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key())))


WRONG_KEYS: list[tuple[object, str]] = [
    (None, "JSON Web Key"),
    ("text", "JSON Web Key"),
    ({}, "P-256"),
    ({"kty": ["EC"]}, "P-256"),
    ({"kty": "oct", "k": "c2VjcmV0"}, "private or a shared"),
    (pair().private_jwk, "private or a shared"),
    (pair("RS256").private_jwk, "private or a shared"),
    (_p384(), "P-256"),
    (pair("RS256", bits=1024).jwk, "2048"),
    ({**pair("RS256").jwk, "e": "Aw"}, "exponent"),
    ({**pair().jwk, "alg": "HS256"}, "alg must be ES256"),
    ({**pair().jwk, "use": "enc"}, "use must be sig"),
    ({**pair().jwk, "kid": ""}, "kid"),
    ({**pair().jwk, "kid": "a\nb"}, "kid"),
    ({**pair().jwk, "kid": 7}, "kid"),
    ({**pair().jwk, "x": "AAAA"}, "no key"),
    ({**pair().jwk, "x": 5}, "no key"),
    ({"kty": "RSA", "n": "AQAB"}, "no key"),
    ({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}, "no key"),
    ({"kty": "OKP", "crv": "Ed448", "x": "AAAA"}, "P-256"),
]


@pytest.mark.parametrize(("jwk", "rule"), WRONG_KEYS)
def test_keys_that_are_not_taken_say_why(jwk: object, rule: str) -> None:
    """Private halves, shared secrets, weak and foreign kinds, and what is no key."""
    with pytest.raises(WrongKey, match=rule):
        read_key(jwk)


def test_a_key_without_a_name_has_its_thumbprint() -> None:
    """The example of RFC 7638 §3.1 has the thumbprint that the RFC says; only public members are kept."""
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok"
        "njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu"
        "6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8a"
        "wapJzKnqDKgw"
    )
    key = read_key({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "use": "sig", "note": "x"})

    assert key.kid == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert set(key.jwk) == {"e", "kty", "n", "kid"}


@given(token=st.text(max_size=300) | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True))
def test_any_text_is_no_token(token: str) -> None:
    """Whatever is sent as a token, reading it ends in a refusal and not in a fault."""
    assert isinstance(read_claims_unproved(token), dict)
    with pytest.raises(WrongSignature):
        check_signature(token, [])
    try:
        read_header(token)
    except WrongSignature:
        return
