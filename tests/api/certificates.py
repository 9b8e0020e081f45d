"""Certificates of tests: an authority, and what it issues for servers on this machine and for callers."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, each in a file."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """``path``: its certificate, for those who are to trust it."""

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey

    @property
    def path(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def issue(self, name: str) -> Issued:
        """A certificate for 127.0.0.1 and localhost; the same name again is another one in the same files."""
        key = ec.generate_private_key(ec.SECP256R1())
        issued = Issued(self.folder / f"{self.name}-{name}.pem", self.folder / f"{self.name}-{name}.key")
        made = _certificate(name, key.public_key(), self.name, self.key)
        issued.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        issued.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return issued

    def trusting(self, shown: Issued | None = None) -> ssl.SSLContext:
        """A client that trusts this authority, and shows a certificate when it is asked."""
        context = ssl.create_default_context(cafile=str(self.path))
        if shown is not None:
            context.load_cert_chain(shown.certificate, shown.key)
        return context


def authority(folder: Path, name: str) -> Authority:
    """A new authority."""
    made = Authority(folder, name, ec.generate_private_key(ec.SECP256R1()))
    own = _certificate(name, made.key.public_key(), name, made.key, is_ca=True)
    made.path.write_bytes(own.public_bytes(serialization.Encoding.PEM))
    return made


def _certificate(
    name: str,
    key: ec.EllipticCurvePublicKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_ca: bool = False,
) -> x509.Certificate:
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
