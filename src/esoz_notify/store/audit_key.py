"""The key that signs the audit's anchors: an Ed25519 key in a file of its own, which the database never sees.

What belongs here: making, reading, signing, checking. What does not: what is signed (``core.anchors``) and when.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from esoz_notify.core.errors import ConfigError
from esoz_notify.store.private_files import open_to_others

Trusted = Mapping[str, Ed25519PublicKey]
"""Public keys by id."""


class AuditKey:
    """The private key. ``id``: of its public key, as anchors name it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key()
        self.id = key_id(self.public)

    def sign(self, message: bytes) -> bytes:
        """Give the signature, 64 bytes."""
        return self._key.sign(message)

    @property
    def public_pem(self) -> str:
        """The public key for whoever checks anchors elsewhere."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.public.public_bytes(serialization.Encoding.PEM, form).decode()


def key_id(public: Ed25519PublicKey) -> str:
    """The first half of the SHA-256 of a public key, in hex."""
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:32]


def is_genuine(trusted: Trusted, named: str, signature: bytes, message: bytes) -> bool:
    """Whether the key that is named is trusted and made this signature."""
    public = trusted.get(named)
    if public is None:
        return False
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def load(path: Path) -> AuditKey | None:
    """The key of a file; None when there is no file. Raises ConfigError when others may read it or it is no key."""
    try:
        with path.open("rb") as file:
            is_open = open_to_others(file.fileno())
            text = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"the audit key {path} cannot be read: {error.strerror or error}; give us access") from error
    if is_open:
        raise ConfigError(f"the audit key {path} may be read by others than its owner: chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(text, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"the audit key {path} is not an Ed25519 key in PEM: restore it from its backup")
    return AuditKey(key)


def create(path: Path) -> AuditKey:
    """Make a key and publish its file in one step; whoever comes second gets the first one's. Raises ConfigError."""
    key = Ed25519PrivateKey.generate()
    plain = serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made so that its owner alone may read it, and gone when it has got its other name.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # somebody was quicker; theirs is read below
                path.hardlink_to(file.name)
        _sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(
            f"the audit key {path} cannot be made: {error.strerror or error}; give us access, or name another file by"
            " ESOZ_NOTIFY_AUDIT_KEY_FILE"
        ) from error
    made = load(path)
    assert made is not None, "it was made just now"
    return made


def _sync_folder(folder: Path) -> None:
    """Have the file's name on disk before anything is signed by it: a key that is lost is never made again."""
    if os.name != "posix":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_public(path: Path) -> Ed25519PublicKey:
    """A public key in PEM, for anchors of an earlier key. Raises ConfigError."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path} is not an Ed25519 public key in PEM, as  esoz-notify audit key  prints it")
    return key
