"""Whose certificate a request comes with: of the connection itself, or as a trusted proxy tells it.

What belongs here: finding it. What does not: TLS (``listener_tls``), what a certificate is good for (the engine).
"""

import base64
import binascii
import hashlib
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from esoz_notify.core.networks import Network, is_in

PEER = "peer_certificate_sha256"
"""In the ASGI scope's extension ``tls``: the SHA-256 of the certificate that the other side has proved to own."""

_VALUE_LENGTH_MAX = 16 * 1024
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy that ends TLS and tells the client's certificate in ``header`` (in small letters).

    It is believed from ``networks`` alone.
    It must take that header away from whatever comes from outside.
    """

    header: str
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """Finds certificates. ``asked``: our own listener asks for them."""

    asked: bool = False
    proxy: Proxy | None = None

    @property
    def can_tell(self) -> bool:
        """Whether any caller can show a certificate here."""
        return self.asked or self.proxy is not None

    def certificate(self, scope: Mapping[str, Any]) -> str | None:
        """The ``x5t#S256`` (RFC 8705) of the certificate that an ASGI scope's request comes with; None is none."""
        client = scope.get("client")
        if self.proxy is not None and client and is_in(client[0], self.proxy.networks):
            # The certificate of this connection is the proxy's own, whatever the caller has.
            return _told(scope, self.proxy.header)
        shown: str | None = scope.get("extensions", {}).get("tls", {}).get(PEER)
        return _thumbprint(bytes.fromhex(shown)) if shown is not None else None


def _told(scope: Mapping[str, Any], header: str) -> str | None:
    """What a proxy tells: as ``Client-Cert`` of RFC 9440, or as PEM with URL escapes; told twice is not believed."""
    values = [value for name, value in scope["headers"] if name == header.encode()]
    if len(values) != 1 or not 0 < len(values[0]) <= _VALUE_LENGTH_MAX:
        return None
    value: bytes = values[0].strip()
    try:
        if value.startswith(b":") and value.endswith(b":"):
            der = base64.b64decode(value[1:-1], validate=True)
        else:
            pem = unquote_to_bytes(value)
            if not _PEM.fullmatch(pem):
                return None
            der = ssl.PEM_cert_to_DER_cert(pem.decode("ascii").strip())
    except (binascii.Error, ValueError):
        return None
    return _thumbprint(hashlib.sha256(der).digest()) if der else None


def _thumbprint(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
