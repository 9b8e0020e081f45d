"""Personal data at rest: sealed fields, blind indexes to find them by, hashes of codes, and the file with the keys.

Nothing here knows which fields are personal or where they are kept; the queries that store them do.
"""

import base64
import binascii
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from esoz_notify.core.errors import ConfigError, NotifyError

KEY_BYTES = 32
KEY_ID_MAX = 0xFFFF
NONCE_BYTES = 12
INDEX_BYTES = 16
SEAL_VERSION = b"\x01"
HEADER_BYTES = 3
"""One byte of version and two of key id, big-endian; they are authenticated with the rest."""
TAG_BYTES = 16
FILE_VERSION = 1
SINGLE_KEYS = ("index_key", "code_key", "token_key")


class VaultError(NotifyError):
    """A sealed value does not open: no such key, altered, or moved. Names the key id, never the value."""

    code = "vault"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Keys:
    """Every secret that the ledger's data rests on, each 32 bytes. Lost keys are lost data.

    ``data_keys`` by key id (1 to 65535) open sealed fields, of which ``current_id`` seals new ones; ``index_key`` is
    that of blind indexes, ``code_key`` of one-time codes' hashes, ``token_key`` signs access tokens.
    Raises ConfigError, naming every key that is not as it should be.
    """

    data_keys: Mapping[int, bytes]
    current_id: int
    index_key: bytes
    code_key: bytes
    token_key: bytes

    def __post_init__(self) -> None:
        wrong = [f"data key id {key_id} is not 1 to {KEY_ID_MAX}" for key_id in self.data_keys if not _is_id(key_id)]
        named = {f"data key {key_id}": key for key_id, key in self.data_keys.items()}
        named |= {name: getattr(self, name) for name in SINGLE_KEYS}
        wrong += [f"{name} is not {KEY_BYTES} bytes" for name, key in named.items() if len(key) != KEY_BYTES]
        if self.current_id not in self.data_keys:
            wrong.append(f"the current data key {self.current_id} is not among the data keys")
        if wrong:
            raise ConfigError("keys: " + "; ".join(wrong))
        object.__setattr__(self, "data_keys", MappingProxyType(dict(self.data_keys)))

    def __repr__(self) -> str:
        return f"Keys(current_id={self.current_id}, data_key_ids={sorted(self.data_keys)})"


class Vault:
    """Seals and opens fields, and makes what they are found and compared by. Safe to share among threads."""

    __slots__ = ("_ciphers", "_code_key", "_current", "_header", "_index_key")

    def __init__(self, keys: Keys) -> None:
        # Making a cipher costs about as much as using it once, so each is made once.
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.data_keys.items()}
        self._current = self._ciphers[keys.current_id]
        self._header = SEAL_VERSION + keys.current_id.to_bytes(2, "big")
        self._index_key = keys.index_key
        self._code_key = keys.code_key

    def seal(self, plaintext: bytes, *, aad: bytes) -> bytes:
        """Encrypt by AES-256-GCM under the current key: version, key id, nonce, ciphertext with its tag.

        ``aad`` (see ``field_aad``) must be given again to open it. A random nonce of 96 bits keeps a key good for
        2**32 values (NIST SP 800-38D §8.3): take a new current key before that.
        """
        nonce = os.urandom(NONCE_BYTES)
        return self._header + nonce + self._current.encrypt(nonce, plaintext, self._header + aad)

    def open(self, sealed: bytes, *, aad: bytes) -> bytes:
        """Decrypt what ``seal`` made, under whichever key it names.

        Raises VaultError when that key is not in the keys file, or the value was altered or belongs to another field.
        """
        header = sealed[:HEADER_BYTES]
        if len(sealed) < HEADER_BYTES + NONCE_BYTES + TAG_BYTES or header[:1] != SEAL_VERSION:
            raise VaultError("a value is not one that was sealed here, or was cut short")
        key_id = int.from_bytes(header[1:], "big")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise VaultError(f"a value was sealed with data key {key_id}, which is not in the keys file: put it back")
        body = HEADER_BYTES + NONCE_BYTES
        try:
            return cipher.decrypt(sealed[HEADER_BYTES:body], sealed[body:], header + aad)
        except InvalidTag:
            raise VaultError(
                f"a value sealed with data key {key_id} does not open: it was altered or moved from another field, "
                "or that key is not the one it was sealed with"
            ) from None

    def index(self, value: str, purpose: str) -> bytes:
        """Give the blind index of a value, 16 bytes: equal values of one purpose meet, those of two never do.

        The value is taken as it is: bring it to its one spelling before.
        """
        return hmac.digest(self._index_key, _framed(purpose.encode(), value.encode()), "sha256")[:INDEX_BYTES]

    def code_hash(self, code: str, *bound_to: bytes) -> bytes:
        """Give the keyed hash of a one-time code, 32 bytes, bound to what it was issued for (as its id, its recipient).

        Codes are so short that only the secrecy of the key, which the database never sees, protects a stolen table.
        """
        return hmac.digest(self._code_key, _framed(*bound_to, code.encode()), "sha256")

    def code_matches(self, code: str, expected: bytes, *bound_to: bytes) -> bool:
        """Whether this is the code of that hash, compared in constant time."""
        return hmac.compare_digest(self.code_hash(code, *bound_to), expected)


def field_aad(table: str, column: str, row_id: UUID | str) -> bytes:
    """Give the associated data that binds a sealed value to its row and column."""
    return _framed(table.encode(), column.encode(), str(row_id).encode())


def load_or_create_keys(path: Path) -> Keys:
    """Read the keys file, making it with fresh keys if there is none; processes that race get the same keys.

    Raises ConfigError when others than its owner may read it, when it is malformed, or cannot be read or made.
    """
    try:
        if not path.exists():
            _create(path)
        with path.open("rb") as file:
            open_to_others = os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077
            text = file.read()
    except OSError as error:
        raise ConfigError(
            f"the keys file {path} cannot be read or made: {error.strerror or error}; "
            "give us access to it, or name another"
        ) from error
    if open_to_others:
        raise ConfigError(f"the keys file {path} may be read by others than its owner: chmod 600 {path}")
    return _parsed(path, text)


def _create(path: Path) -> None:
    """Publish a whole new file in one step; whoever comes second leaves the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "w") as file:
            file.write(_text(_fresh_keys()))
            file.flush()
            os.fsync(fd)
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            return
        if os.name == "posix":
            _sync_folder(path.parent)
    finally:
        fresh.unlink()


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _fresh_keys() -> Keys:
    made = {name: os.urandom(KEY_BYTES) for name in SINGLE_KEYS}
    return Keys(data_keys={1: os.urandom(KEY_BYTES)}, current_id=1, **made)


def _text(keys: Keys) -> str:
    singles = {name: _encoded(getattr(keys, name)) for name in SINGLE_KEYS}
    data_keys = {str(key_id): _encoded(key) for key_id, key in keys.data_keys.items()}
    whole = {"version": FILE_VERSION, "current_id": keys.current_id, "data_keys": data_keys, **singles}
    return json.dumps(whole, indent=2) + "\n"


def _parsed(path: Path, text: bytes) -> Keys:
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("version") != FILE_VERSION:
            raise ConfigError(f"keys: not an object with version {FILE_VERSION}")
        singles = {name: _decoded(found[name]) for name in SINGLE_KEYS}
        data_keys = {int(key_id): _decoded(key) for key_id, key in dict(found["data_keys"]).items()}
        return Keys(data_keys=data_keys, current_id=int(found["current_id"]), **singles)
    except ConfigError as error:
        reason = error.detail
    except KeyError as error:
        reason = f"keys: {error.args[0]} is missing"
    except (ValueError, TypeError, binascii.Error):
        # The parser's own words may quote the file, that is, a key.
        reason = "keys: not JSON with keys in base64"
    raise ConfigError(f"the keys file {path} is malformed ({reason}): restore it from its backup")


def _encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _is_id(key_id: int) -> bool:
    return 1 <= key_id <= KEY_ID_MAX


def _framed(*parts: bytes) -> bytes:
    """Join parts with their lengths before them, so that no two different lists of parts give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
