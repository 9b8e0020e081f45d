"""Key pairs of callers and issuers, as tests make them: the private half signs, the public half is shown as a JWK."""

import json
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm


@dataclass(frozen=True)
class Pair:
    """``algorithm``: by which it signs; ``kid``: what it is called."""

    algorithm: str
    kid: str
    private: Any = field(repr=False)

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half."""
        writer: Any = {"E": ECAlgorithm, "O": OKPAlgorithm, "R": RSAAlgorithm}[_kind(self.private)]
        return {**json.loads(writer.to_jwk(self.private.public_key())), "kid": self.kid}

    @property
    def private_jwk(self) -> dict[str, Any]:
        """Both halves, which nobody should show."""
        writer: Any = {"E": ECAlgorithm, "O": OKPAlgorithm, "R": RSAAlgorithm}[_kind(self.private)]
        return {**json.loads(writer.to_jwk(self.private)), "kid": self.kid}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """A token; claims and members of the header that are None are left out."""
        given = {name: value for name, value in claims.items() if value is not None}
        headers = {name: value for name, value in {"kid": self.kid, **header}.items() if value is not None}
        return jwt.encode(given, self.private, self.algorithm, headers=headers)


def _kind(private: Any) -> str:
    if isinstance(private, rsa.RSAPrivateKey):
        return "R"
    return "O" if isinstance(private, ed25519.Ed25519PrivateKey) else "E"


def pair(algorithm: str = "ES256", kid: str = "key-1", *, bits: int = 2048) -> Pair:
    """A new pair."""
    match algorithm:
        case "ES256":
            return Pair(algorithm, kid, ec.generate_private_key(ec.SECP256R1()))
        case "EdDSA":
            return Pair(algorithm, kid, ed25519.Ed25519PrivateKey.generate())
        case _:
            return Pair(algorithm, kid, rsa.generate_private_key(65537, bits))
