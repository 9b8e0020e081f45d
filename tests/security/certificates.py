"""Certificates of the tests' own authorities: right ones, and every wrong one that a provider may show."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the test's own. ``path``: its certificate, for those who are to trust it."""

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey

    @property
    def path(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def issue(self, name: str, *, until: datetime, host: str = HOST) -> Path:
        """A certificate with its key for an address, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, key, self.name, self.key, until=until, host=host)
        path = self.folder / f"{self.name}-{name}.pem"
        path.write_bytes(_pem(certificate) + _key_pem(key))
        return path


def authority(folder: Path, name: str) -> Authority:
    """A new authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = Authority(folder, name, key)
    made.path.write_bytes(_pem(_certificate(name, key, name, key, until=datetime.now(UTC) + 30 * DAY, is_ca=True)))
    return made


def self_signed(folder: Path) -> Path:
    """A certificate with its key for 127.0.0.1 that nobody but itself stands for."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate("alone", key, "alone", key, until=datetime.now(UTC) + DAY)
    path = folder / "alone.pem"
    path.write_bytes(_pem(certificate) + _key_pem(key))
    return path


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    until: datetime,
    host: str = HOST,
    is_ca: bool = False,
) -> x509.Certificate:
    address = x509.IPAddress(ipaddress.ip_address(host))
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - 30 * DAY)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def serving(path: Path) -> ssl.SSLContext:
    """A server's side with this certificate; another is loaded into it when the provider renews."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
