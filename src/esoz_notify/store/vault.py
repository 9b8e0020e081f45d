"""Personal data at rest: sealed fields, blind indexes to find them by, hashes of codes, and the file with the keys.

Nothing here knows which fields are personal or where they are kept; the queries that store them do. Other places that
keys come from are in ``key_sources``, data keys that are added while running in ``data_keys``.
"""

import base64
import binascii
import hmac
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from esoz_notify.core.errors import ConfigError, NotifyError
from esoz_notify.store.private_files import open_to_others

KEY_BYTES = 32
KEY_ID_MAX = 0xFFFF
NONCE_BYTES = 12
INDEX_BYTES = 16
SEAL_VERSION = b"\x01"
HEADER_BYTES = 3
"""One byte of version and two of key id, big-endian; they are authenticated with the rest."""
TAG_BYTES = 16
FILE_VERSION = 1
SINGLE_KEYS = ("index_key", "code_key", "token_key", "wrapping_key")
_WRAPPING = b"esoz-notify: wrapping key of data keys"


class VaultError(NotifyError):
    """A sealed value does not open: no such key, altered, or moved. Names the key id, never the value."""

    code = "vault"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Keys:
    """Every secret that the ledger's data rests on, each 32 bytes. Lost keys are lost data.

    ``data_keys`` by key id (1 to 65535) open sealed fields, of which ``current_id`` seals new ones (0 when there are
    none: those of the ledger do it all); ``index_key`` is that of blind indexes, ``code_key`` of hashes of one-time
    codes, ``token_key`` signs access tokens, ``wrapping_key`` wraps the data keys in the ledger and is derived from
    ``index_key`` when the document is older than it.
    Raises ConfigError, naming every key that is not as it should be.
    """

    data_keys: Mapping[int, bytes]
    current_id: int
    index_key: bytes
    code_key: bytes
    token_key: bytes
    wrapping_key: bytes = b""

    def __post_init__(self) -> None:
        if not self.wrapping_key:
            derive = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_WRAPPING).derive
            object.__setattr__(self, "wrapping_key", derive(self.index_key))
        wrong = [f"data key id {key_id} is not 1 to {KEY_ID_MAX}" for key_id in self.data_keys if not _is_id(key_id)]
        named = {f"data key {key_id}": key for key_id, key in self.data_keys.items()}
        named |= {name: getattr(self, name) for name in SINGLE_KEYS}
        wrong += [f"{name} is not {KEY_BYTES} bytes" for name, key in named.items() if len(key) != KEY_BYTES]
        if self.current_id not in self.data_keys and (self.data_keys or self.current_id):
            wrong.append(f"the current data key {self.current_id} is not among the data keys")
        if wrong:
            raise ConfigError("keys: " + "; ".join(wrong))
        object.__setattr__(self, "data_keys", MappingProxyType(dict(self.data_keys)))

    def __repr__(self) -> str:
        return f"Keys(current_id={self.current_id}, data_key_ids={sorted(self.data_keys)})"


class Vault:
    """Seals and opens fields, and makes what they are found and compared by. Safe to share among threads.

    ``current_id``: the data key that seals, 0 when there is none. ``find``: asked for a data key that a value names and
    that is not known here; gives it, or None.
    """

    __slots__ = ("_ciphers", "_code_key", "_index_key", "_sealing", "current_id", "find")

    def __init__(self, keys: Keys) -> None:
        self._index_key = keys.index_key
        self._code_key = keys.code_key
        self.find: Callable[[int], bytes | None] = lambda _key_id: None
        self.know(keys)

    def know(self, keys: Keys) -> None:
        """Take over the data keys of ``keys`` and which of them seals; those known before that are gone, open no more.

        The single keys stay as they are.
        """
        # Making a cipher costs about as much as using it once, so each is made once.
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.data_keys.items()}
        self.current_id = keys.current_id
        # One value, so that a thread that seals meanwhile has a header and the cipher that goes with it.
        self._sealing = (_header(keys.current_id), self._ciphers.get(keys.current_id))

    def seal(self, plaintext: bytes, *, aad: bytes) -> bytes:
        """Encrypt by AES-256-GCM under the current key: version, key id, nonce, ciphertext with its tag.

        ``aad`` (see ``field_aad``) must be given again to open it. A random nonce of 96 bits keeps a key good for
        2**32 values (NIST SP 800-38D §8.3): take a new current key before that.
        Raises VaultError when there is no data key at all.
        """
        header, cipher = self._sealing
        if cipher is None:
            raise VaultError(
                "there is no data key to seal with: none in the keys document, and none read of the ledger"
            )
        nonce = os.urandom(NONCE_BYTES)
        return header + nonce + cipher.encrypt(nonce, plaintext, header + aad)

    def open(self, sealed: bytes, *, aad: bytes) -> bytes:
        """Decrypt what ``seal`` made, under whichever key it names.

        Raises VaultError when that key is not known, or the value was altered or belongs to another field.
        """
        header = sealed[:HEADER_BYTES]
        if len(sealed) < HEADER_BYTES + NONCE_BYTES + TAG_BYTES or header[:1] != SEAL_VERSION:
            raise VaultError("a value is not one that was sealed here, or was cut short")
        key_id = int.from_bytes(header[1:], "big")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            cipher = self._found(key_id)
        body = HEADER_BYTES + NONCE_BYTES
        try:
            return cipher.decrypt(sealed[HEADER_BYTES:body], sealed[body:], header + aad)
        except InvalidTag:
            raise VaultError(
                f"a value sealed with data key {key_id} does not open: it was altered or moved from another field, "
                "or that key is not the one it was sealed with"
            ) from None

    def _found(self, key_id: int) -> AESGCM:
        key = self.find(key_id)
        if key is None:
            raise VaultError(
                f"a value was sealed with data key {key_id}, which is neither in the keys file nor in the ledger: "
                "put it back"
            )
        cipher = AESGCM(key)
        self._ciphers = {**self._ciphers, key_id: cipher}
        return cipher

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
    return _place(table, column) + _framed(str(row_id).encode())


@cache
def _place(table: str, column: str) -> bytes:
    return _framed(table.encode(), column.encode())


def wrap_data_key(keys: Keys, key_id: int, data_key: bytes) -> bytes:
    """Encrypt a data key under the wrapping key, bound to its id."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(keys.wrapping_key).encrypt(nonce, data_key, _wrapped_aad(key_id))


def unwrap_data_key(keys: Keys, key_id: int, wrapped: bytes) -> bytes:
    """Give back what ``wrap_data_key`` was given. Raises VaultError: it was altered, or wrapped by another key."""
    try:
        cipher = AESGCM(keys.wrapping_key)
        return cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _wrapped_aad(key_id))
    except (InvalidTag, ValueError):
        raise VaultError(
            f"data key {key_id} of the ledger does not unwrap: it was altered, or added with other keys than this "
            "process has; give every process the same keys document"
        ) from None


def load_or_create_keys(path: Path) -> Keys:
    """Read the keys file, making it with fresh keys if there is none; processes that race get the same keys.

    Raises ConfigError when others than its owner may read it, when it is malformed, or cannot be read or made.
    """
    try:
        if not path.exists():
            _create(path)
        with path.open("rb") as file:
            is_open = open_to_others(file.fileno())
            text = file.read()
    except OSError as error:
        raise ConfigError(
            f"the keys file {path} cannot be read or made: {error.strerror or error}; "
            "give us access to it, or name another"
        ) from error
    if is_open:
        raise ConfigError(f"the keys file {path} may be read by others than its owner: chmod 600 {path}")
    return parse_keys(text, f"the keys file {path}", "restore it from its backup")


def _create(path: Path) -> None:
    """Publish a whole new file in one step; whoever comes second leaves the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "w") as file:
            file.write(keys_text(fresh_keys()))
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


def fresh_keys() -> Keys:
    """New random keys, with one data key."""
    made = {name: os.urandom(KEY_BYTES) for name in SINGLE_KEYS}
    return Keys(data_keys={1: os.urandom(KEY_BYTES)}, current_id=1, **made)


def keys_text(keys: Keys) -> str:
    """The keys document."""
    singles = {name: _encoded(getattr(keys, name)) for name in SINGLE_KEYS}
    data_keys = {str(key_id): _encoded(key) for key_id, key in keys.data_keys.items()}
    whole = {"version": FILE_VERSION, "current_id": keys.current_id, "data_keys": data_keys, **singles}
    return json.dumps(whole, indent=2) + "\n"


def parse_keys(text: bytes, source: str, fix: str) -> Keys:
    """Read a keys document. Raises ConfigError naming ``source``, the fault and ``fix``, never what stands there."""
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("version") != FILE_VERSION:
            raise ConfigError(f"keys: not an object with version {FILE_VERSION}")
        singles = {name: _decoded(found[name]) for name in SINGLE_KEYS if name != "wrapping_key" or name in found}
        data_keys = {int(key_id): _decoded(key) for key_id, key in dict(found["data_keys"]).items()}
        return Keys(data_keys=data_keys, current_id=int(found["current_id"]), **singles)
    except ConfigError as error:
        reason = error.detail
    except KeyError as error:
        reason = f"keys: {error.args[0]} is missing"
    except (ValueError, TypeError, binascii.Error):
        # The parser's own words may quote the file, that is, a key.
        reason = "keys: not JSON with keys in base64"
    raise ConfigError(f"{source} is malformed ({reason}): {fix}")


def _encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _header(key_id: int) -> bytes:
    return SEAL_VERSION + key_id.to_bytes(2, "big")


def _wrapped_aad(key_id: int) -> bytes:
    return _framed(b"data_key", key_id.to_bytes(2, "big"))


def _is_id(key_id: int) -> bool:
    return 1 <= key_id <= KEY_ID_MAX


def _framed(*parts: bytes) -> bytes:
    """Join parts with their lengths before them, so that no two different lists of parts give the same bytes."""
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])
