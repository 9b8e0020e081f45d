"""The keys document from the environment and from a command, and data keys wrapped."""

import base64
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from esoz_notify.core.errors import ConfigError
from esoz_notify.installation import read_keys
from esoz_notify.settings import read_settings
from esoz_notify.store.key_sources import keys_of_command, keys_of_text
from esoz_notify.store.vault import (
    Keys,
    Vault,
    VaultError,
    fresh_keys,
    keys_text,
    load_or_create_keys,
    parse_keys,
    unwrap_data_key,
    wrap_data_key,
)

SEALED_MARK = b"sealed "
UNSEAL = f"import sys; text = sys.stdin.buffer.read(); sys.stdout.buffer.write(text.removeprefix({SEALED_MARK!r}))"


def command(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program)


@pytest.fixture(name="keys")
def make_keys() -> Keys:
    return fresh_keys()


@pytest.fixture(name="sealed")
def make_sealed(tmp_path: Path, keys: Keys) -> Path:
    path = tmp_path / "keys.sealed"
    path.write_bytes(SEALED_MARK + keys_text(keys).encode())
    return path


def test_a_document_of_the_environment_is_read(keys: Keys) -> None:
    """The base64 of the whole document gives its keys, in one line or in several."""
    text = base64.encodebytes(keys_text(keys).encode()).decode()
    assert keys_of_text(text) == keys


@pytest.mark.parametrize("text", ["no base64!", base64.b64encode(b"{}").decode(), base64.b64encode(b"secret").decode()])
def test_what_is_no_document_is_refused_without_being_repeated(text: str) -> None:
    """What is wrong with the setting is told, and nothing of what stands there."""
    with pytest.raises(ConfigError, match="the setting with the keys") as caught:
        keys_of_text(text)
    assert text not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_command_opens_the_sealed_file(sealed: Path, keys: Keys) -> None:
    """The command is given the sealed file and what it prints are the keys."""
    assert keys_of_command(command(UNSEAL), sealed, os.environ) == keys


def test_a_command_is_no_shell(sealed: Path, tmp_path: Path) -> None:
    """Words of the command are arguments: nothing in them is run."""
    made = tmp_path / "made"
    with pytest.raises(ConfigError):
        keys_of_command((sys.executable, "-c", "import sys; sys.exit(1)", f"; touch {made}"), sealed, os.environ)
    assert not made.exists()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; print('esoz-secret-word', file=sys.stderr); sys.exit(3)", "ended with code 3; run it by hand"),
        ("print('esoz-secret-word')", "not JSON with keys in base64"),
        ("import time; print('esoz-secret-word', flush=True); time.sleep(60)", "gave no answer within 1 s"),
        ("print('esoz-secret-word' * 100_000)", "more than a keys document"),
    ],
)
def test_a_command_that_fails_is_told_and_nothing_that_it_said(
    sealed: Path, program: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """How it failed and what to do is told; what it printed is nowhere: neither in the error nor on our own output."""
    limit_s = 1.0 if "sleep" in program else 30.0
    with pytest.raises(ConfigError, match=said) as caught:
        keys_of_command(command(program), sealed, os.environ, limit_s)
    assert "esoz-secret-word" not in str(caught.value)
    assert "esoz-secret-word" not in "".join(capfd.readouterr())


def test_a_command_or_file_that_is_missing_is_told(sealed: Path) -> None:
    """Which of the two is missing is told."""
    with pytest.raises(ConfigError, match="no-such-program cannot be run: No such file"):
        keys_of_command(("no-such-program",), sealed, os.environ)
    with pytest.raises(ConfigError, match=r"sealed keys file .*gone.*: No such file"):
        keys_of_command(command(UNSEAL), sealed.with_name("gone"), os.environ)


def test_the_one_source_that_is_set_is_read(sealed: Path, keys: Keys, tmp_path: Path) -> None:
    """Environment, command and file are read each when it is set, and two at once are refused by name."""
    text = base64.b64encode(keys_text(keys).encode()).decode()
    data = str(tmp_path / "data")
    assert read_keys(read_settings({"ESOZ_NOTIFY_KEYS": text, "ESOZ_NOTIFY_DATA": data})) == keys
    opened = {"ESOZ_NOTIFY_KEYS_COMMAND": f"{sys.executable} -c '{UNSEAL}'".replace(repr(SEALED_MARK), 'b"sealed "')}
    assert read_keys(read_settings({**opened, "ESOZ_NOTIFY_KEYS_FILE": str(sealed)})) == keys
    assert not (tmp_path / "data").exists()
    made = read_keys(read_settings({"ESOZ_NOTIFY_DATA": data}))
    assert load_or_create_keys(tmp_path / "data" / "keys.json") == made != keys
    with pytest.raises(ConfigError, match="KEYS_COMMAND needs ESOZ_NOTIFY_KEYS_FILE"):
        read_settings(opened)
    with pytest.raises(ConfigError, match="unset ESOZ_NOTIFY_KEYS_FILE"):
        read_settings({"ESOZ_NOTIFY_KEYS": text, "ESOZ_NOTIFY_KEYS_FILE": "x"})
    assert text not in repr(read_settings({"ESOZ_NOTIFY_KEYS": text}))


def test_a_command_is_not_told_our_secrets(sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of ours, which hold passwords, do not reach the command; the rest of the environment does."""
    monkeypatch.setenv("ESOZ_NOTIFY_DSN", "secret")
    monkeypatch.setenv("KMS_REGION", "here")
    program = tmp_path / "open.py"
    program.write_text(
        "import os, sys\nassert 'ESOZ_NOTIFY_DSN' not in os.environ and os.environ['KMS_REGION'] == 'here'\n" + UNSEAL
    )
    setting = {"ESOZ_NOTIFY_KEYS_COMMAND": f"{sys.executable} {program}", "ESOZ_NOTIFY_KEYS_FILE": str(sealed)}
    read_keys(read_settings(setting))


def test_an_older_file_is_still_read_and_wraps(tmp_path: Path, keys: Keys) -> None:
    """A keys file from before there were wrapping keys is read, and always derives the same one, equal to no other."""
    path = tmp_path / "keys.json"
    older = json.loads(keys_text(keys))
    del older["wrapping_key"]
    path.touch(mode=0o600)
    path.write_text(json.dumps(older))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first, second = load_or_create_keys(path), load_or_create_keys(path)
    assert first.wrapping_key == second.wrapping_key
    singles = {first.index_key, first.code_key, first.token_key, *first.data_keys.values()}
    assert first.wrapping_key not in singles
    assert unwrap_data_key(second, 7, wrap_data_key(first, 7, bytes(32))) == bytes(32)


def test_a_wrapped_key_opens_as_itself_only(keys: Keys) -> None:
    """It unwraps under its own id and wrapping key; altered, cut, under another id or key it is refused by its id."""
    data_key = os.urandom(32)
    wrapped = wrap_data_key(keys, 2, data_key)
    assert data_key not in wrapped
    assert unwrap_data_key(keys, 2, wrapped) == data_key
    altered = bytes([*wrapped[:-1], wrapped[-1] ^ 1])
    for other, key_id, given in ((keys, 3, wrapped), (fresh_keys(), 2, wrapped), (keys, 2, altered), (keys, 2, b"")):
        with pytest.raises(VaultError, match=f"data key {key_id} of the ledger does not unwrap"):
            unwrap_data_key(other, key_id, given)


def test_a_document_may_have_no_data_key(keys: Keys) -> None:
    """When all data keys are in the ledger the document has none; until they are known nothing can be sealed."""
    bare = json.loads(keys_text(keys)) | {"data_keys": {}, "current_id": 0}
    vault = Vault(parse_keys(json.dumps(bare).encode(), "it", "mend it"))
    with pytest.raises(VaultError, match="no data key to seal with"):
        vault.seal(b"text", aad=b"")
