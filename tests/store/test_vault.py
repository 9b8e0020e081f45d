"""Sealed fields, blind indexes, hashes of codes and the keys file."""

import json
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.errors import ConfigError
from esoz_notify.store.vault import Keys, Vault, VaultError, field_aad, load_or_create_keys

ROW = "00000000-0000-7000-8000-000000000001"
AAD = field_aad("content", "phone", ROW)
PHONE = "+380000000001"
KEY_1 = bytes(range(32))
KEY_2 = bytes(range(32, 64))


def keys(data_keys: Mapping[int, bytes] = {1: KEY_1}, current_id: int = 1, fill: bytes = b"i") -> Keys:
    return Keys(
        data_keys=data_keys, current_id=current_id, index_key=fill * 32, code_key=b"c" * 32, token_key=b"t" * 32
    )


@pytest.fixture(name="vault")
def make_vault() -> Vault:
    return Vault(keys())


@given(plaintext=st.binary(max_size=2000), aad=st.binary(max_size=100))
def test_what_was_sealed_opens(plaintext: bytes, aad: bytes) -> None:
    """Whatever is sealed opens to the same bytes under the same associated data."""
    vault = Vault(keys())
    assert vault.open(vault.seal(plaintext, aad=aad), aad=aad) == plaintext


def test_layout(vault: Vault) -> None:
    """A sealed value is a version byte, two bytes of key id, a nonce of 12, the text and a tag of 16."""
    sealed = vault.seal(b"abc", aad=AAD)
    assert sealed[:3] == b"\x01\x00\x01"
    assert len(sealed) == 3 + 12 + 3 + 16


def test_equal_texts_seal_differently(vault: Vault) -> None:
    """Equal texts cannot be told from their sealed values, for every nonce is new."""
    assert len({vault.seal(b"same", aad=AAD) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "elsewhere",
    [
        field_aad("content", "phone", "00000000-0000-7000-8000-000000000002"),
        field_aad("content", "text", ROW),
        field_aad("patient", "phone", ROW),
    ],
    ids=["row", "column", "table"],
)
def test_a_value_moved_to_another_place_does_not_open(vault: Vault, elsewhere: bytes) -> None:
    """A sealed value opens only in the row, column and table that it was sealed for."""
    sealed = vault.seal(PHONE.encode(), aad=AAD)
    with pytest.raises(VaultError, match="data key 1 does not open"):
        vault.open(sealed, aad=elsewhere)


def test_every_byte_is_protected(vault: Vault) -> None:
    """A change of any one byte is noticed, in the header, the nonce, the text or the tag."""
    sealed = vault.seal(b"text", aad=AAD)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 0x10
        with pytest.raises(VaultError):
            vault.open(bytes(changed), aad=AAD)


@pytest.mark.parametrize("length", range(31))
def test_what_was_cut_short_is_refused(vault: Vault, length: int) -> None:
    """A value too short to have been sealed is told so."""
    with pytest.raises(VaultError, match="cut short"):
        vault.open(vault.seal(b"", aad=AAD)[:length], aad=AAD)


def test_a_key_swapped_under_its_id_is_noticed(vault: Vault) -> None:
    """Another key under the same id does not open what the first one sealed."""
    with pytest.raises(VaultError, match="not the one it was sealed with"):
        Vault(keys({1: KEY_2})).open(vault.seal(b"text", aad=AAD), aad=AAD)


def test_rotation_keeps_old_values(vault: Vault) -> None:
    """After a new current key is added, old values open and new ones name the new key."""
    old = vault.seal(b"old", aad=AAD)
    rotated = Vault(keys({1: KEY_1, 300: KEY_2}, current_id=300))
    new = rotated.seal(b"new", aad=AAD)
    assert rotated.open(old, aad=AAD) == b"old"
    assert rotated.open(new, aad=AAD) == b"new"
    with pytest.raises(VaultError, match="data key 300, which is neither in the keys file nor"):
        vault.open(new, aad=AAD)


def test_errors_hold_no_personal_data(vault: Vault) -> None:
    """The words of an error have neither the value nor the associated data."""
    with pytest.raises(VaultError) as caught:
        vault.open(vault.seal(PHONE.encode(), aad=AAD), aad=b"another")
    assert PHONE not in str(caught.value)
    assert "another field" in str(caught.value)


def test_index_is_equal_for_equals_only(vault: Vault) -> None:
    """An index is the same for the same value, purpose and key, and differs when any of them does."""
    index = vault.index(PHONE, "phone")
    assert index == Vault(keys()).index(PHONE, "phone")
    others = [
        vault.index("+380000000002", "phone"),
        vault.index(PHONE, "recipient"),
        Vault(keys(fill=b"x")).index(PHONE, "phone"),
    ]
    assert len({index, *others}) == 4
    assert [len(one) for one in (index, *others)] == [16] * 4


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_purpose_and_value_do_not_run_together(one: str, two: str, three: str, four: str) -> None:
    """Two different pairs of purpose and value never share an index by where the one ends and the other begins."""
    vault = Vault(keys())
    assert (vault.index(two, one) == vault.index(four, three)) == ((one, two) == (three, four))


@given(st.lists(st.text(max_size=4), min_size=3, max_size=3), st.lists(st.text(max_size=4), min_size=3, max_size=3))
def test_associated_data_is_unambiguous(one: list[str], two: list[str]) -> None:
    """No two different places have the same associated data."""
    assert (field_aad(*one) == field_aad(*two)) == (one == two)


def test_code_hash_is_bound(vault: Vault) -> None:
    """A code matches only for what it was issued for, and only under our key."""
    expected = vault.code_hash("0123", b"verification 1", b"recipient 1")
    assert len(expected) == 32
    assert vault.code_matches("0123", expected, b"verification 1", b"recipient 1")
    assert not vault.code_matches("0124", expected, b"verification 1", b"recipient 1")
    assert not vault.code_matches("0123", expected, b"verification 2", b"recipient 1")
    assert not vault.code_matches("0123", expected, b"verification 1")
    assert not vault.code_matches("0123", b"", b"verification 1", b"recipient 1")


def test_keys_hide_themselves() -> None:
    """A printed Keys tells the ids and no key."""
    assert repr(keys({1: KEY_1, 2: KEY_2})) == "Keys(current_id=1, data_key_ids=[1, 2])"


def test_keys_name_everything_wrong() -> None:
    """Keys that are not as they should be are all named at once."""
    with pytest.raises(ConfigError) as caught:
        Keys(data_keys={0: KEY_1, 2: b"short"}, current_id=3, index_key=KEY_1, code_key=b"", token_key=KEY_1)
    assert caught.value.detail == (
        "keys: data key id 0 is not 1 to 65535; data key 2 is not 32 bytes; code_key is not 32 bytes; "
        "the current data key 3 is not among the data keys"
    )


def test_keys_are_made_once(tmp_path: Path) -> None:
    """The first call makes a file that only its owner may read; the second one reads it."""
    path = tmp_path / "made" / "keys.json"
    first = load_or_create_keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create_keys(path) == first
    assert [one.name for one in path.parent.iterdir()] == ["keys.json"]
    made = [*first.data_keys.values(), first.index_key, first.code_key, first.token_key]
    assert len(set(made)) == 4


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """A keys file that others may read or write stops the start, with the command that closes it."""
    path = tmp_path / "keys.json"
    load_or_create_keys(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
        load_or_create_keys(path)


def whole_file(**changes: object) -> str:
    key = "A" * 43 + "="
    right = {
        "version": 1,
        "current_id": 1,
        "data_keys": {"1": key},
        "index_key": key,
        "code_key": key,
        "token_key": key,
    }
    return json.dumps({name: value for name, value in (right | changes).items() if value is not None})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("[]", "not an object"),
        (whole_file(version=2), "with version 1"),
        (whole_file(code_key=None), "code_key is missing"),
        (whole_file(code_key="AAAA"), "code_key is not 32 bytes"),
        (whole_file(code_key="not base64"), "not JSON with keys in base64"),
        (whole_file(code_key=5), "not JSON with keys in base64"),
        (whole_file(current_id=2), "current data key 2"),
        (whole_file(data_keys={"first": "AAAA"}), "not JSON with keys in base64"),
        (whole_file(data_keys=7), "not JSON with keys in base64"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """A malformed keys file stops the start and is left as it was, for a new one would make the ledger unreadable."""
    path = tmp_path / "keys.json"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(ConfigError, match=reason):
        load_or_create_keys(path)
    assert path.read_text() == text


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """A file in the documented form gives its keys."""
    path = tmp_path / "keys.json"
    path.touch(mode=0o600)
    path.write_text(whole_file())
    assert load_or_create_keys(path).data_keys == {1: bytes(32)}


def test_a_file_that_cannot_be_is_told(tmp_path: Path) -> None:
    """A keys file that is a folder, or below a file, is a configuration error with its path."""
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "keys.json"):
        with pytest.raises(ConfigError, match=str(path)):
            load_or_create_keys(path)


def test_processes_that_race_agree(tmp_path: Path) -> None:
    """Processes that start at once on no file all get the keys of whoever was first, and leave nothing behind."""
    path = tmp_path / "keys.json"
    program = (
        "import sys; from pathlib import Path; from esoz_notify.store.vault import load_or_create_keys\n"
        "print(flush=True); sys.stdin.readline()\n"
        "print(load_or_create_keys(Path(sys.argv[1])).token_key.hex())"
    )
    command = [sys.executable, "-c", program, str(path)]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for racer in racers:
        assert racer.stdout is not None
        racer.stdout.readline()
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    got = {racer.communicate(timeout=20)[0].strip() for racer in racers}
    assert got == {load_or_create_keys(path).token_key.hex()}
    assert [one.name for one in tmp_path.iterdir()] == ["keys.json"]
