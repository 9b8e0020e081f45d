"""One file of settings under the environment, and secrets in files of their own: where each may stand, what is said."""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from tests.architecture import house

from esoz_notify import settings_file
from esoz_notify.core.errors import ConfigError
from esoz_notify.settings import PREFIX, Settings, environment_for_child, read_settings
from esoz_notify.settings_file import read_file

Writer = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Writer:
    """Writes the file of settings."""

    def write(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def read(path: Path, **environment: str) -> Settings:
    """Settings of a file and of an environment."""
    return read_settings({PREFIX + name: value for name, value in environment.items()}, path)


def test_the_environment_goes_over_the_file(written: Writer) -> None:
    """What the environment has counts, then what the file has, then the default; the file may be named by either."""
    path = written('port = 9000\nhost = "0.0.0.0"\n')

    settings = read(path, PORT="9001")
    assert (settings.host, settings.port, settings.log_level, settings.config) == ("0.0.0.0", 9001, "INFO", path)
    assert read_settings({PREFIX + "CONFIG": str(path)}) == read(path)


def test_toml_is_written_as_toml_is(written: Writer) -> None:
    """Lists, tables, numbers and truth values stand for the text that the environment would have."""
    path = written("""
trusted_proxies = ["10.0.0.0/8", "192.168.0.0/16"]
plain_providers = true
webhooks_to_loopback = false
smscs = ["smpps://a:b@one.test?name=one", "smpps://a:b@two.test?name=two"]
[prices]
diia = 0
viber = 0.5
sms = "0.60"
""")
    settings = read(path)

    assert [str(one) for one in settings.trusted_proxies] == ["10.0.0.0/8", "192.168.0.0/16"]
    assert (settings.plain_providers, settings.webhooks_to_loopback) == (True, False)
    assert [one.name for one in settings.smscs] == ["one", "two"]
    assert {str(channel): str(price) for channel, price in settings.prices.items()} == {
        "diia": "0",
        "viber": "0.5",
        "sms": "0.60",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "prot in {path} is not a setting; did you mean port in {path}?"),
        ("nothing_like_it_at_all = 1", "is not a setting; see docs/settings.md"),
        ("port = 70000", "port in {path}: must be 0 to 65535"),
        ("port = [", "{path} is not TOML: "),
        ("port = 2026-11-27", "port in {path}: must be a text, a number"),
        ('smscs = ["a b"]', "smscs in {path}: each item must be a text without spaces"),
        ("smscs = [[1]]", "smscs in {path}: each item"),
        ('config = "x"', "config in {path}: no other file is read"),
        ('dsn = "x"\ndsn_file = "y"', "dsn in {path} and dsn_file in {path} are both given"),
        ('viber_api_key_file = "/nowhere/at/all"', "viber_api_key_file in {path}: /nowhere/at/all cannot be read"),
    ],
)
def test_mistakes_of_the_file_are_named(written: Writer, text: str, said: str) -> None:
    """Each with the place where it stands, its rule, and the nearest name when it is one that is not known."""
    path = written(text)
    with pytest.raises(ConfigError) as refused:
        read(path)

    assert said.format(path=path) in refused.value.detail


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    """Starting without what an operator named would be starting with something else."""
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read: No such file"):
        read(tmp_path / "none.toml")


def test_the_usual_file_is_for_a_process_alone(written: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts when nothing else is named; a child that is given its settings reads none, and neither does a test."""
    monkeypatch.setattr("esoz_notify.settings.DEFAULT_FILE", path := written("port = 9000"))
    for name in [name for name in environment_for_child() if name.startswith(PREFIX)]:
        monkeypatch.delenv(name, raising=False)

    assert read_settings().config == path
    assert read_settings({}).port == 8080
    assert environment_for_child(port="1") == {**environment_for_child(), PREFIX + "PORT": "1"}
    monkeypatch.setenv(PREFIX + "CONFIG", environment_for_child()[PREFIX + "CONFIG"])
    assert (read_settings().config, read_settings().port) == (None, 8080)


def test_secrets_may_have_files_of_their_own(written: Writer, tmp_path: Path) -> None:
    """By the environment or the file; the line's end is not part of it, and the environment's goes over either."""
    (tmp_path / "dsn").write_text("host=one password=hush\n")
    (tmp_path / "other").write_text("host=two")
    path = written(f'dsn_file = "{tmp_path / "dsn"}"')

    assert read(path).dsn == "host=one password=hush"
    assert read(path, DSN="host=three").dsn == "host=three"
    assert read(path, DSN_FILE=str(tmp_path / "other")).dsn == "host=two"
    with pytest.raises(ConfigError, match="ESOZ_NOTIFY_DSN and ESOZ_NOTIFY_DSN_FILE are both given"):
        read(path, DSN="x", DSN_FILE="y")


def test_the_keys_file_is_what_it_was(tmp_path: Path) -> None:
    """``keys_file`` is a setting: the document's own file, not a file with the base64 of ``keys``."""
    settings = read_settings({PREFIX + "KEYS_FILE": str(tmp_path / "none.json")})

    assert (settings.keys, settings.keys_file) == ("", tmp_path / "none.json")


def test_nothing_of_a_secret_is_told(written: Writer, tmp_path: Path) -> None:
    """Neither of a file that is no TOML, nor of one that is no text, nor in a repr of what was read."""
    (tmp_path / "key").write_bytes(b"\xffhush")
    told = []
    for text in ("viber_api_key = 'hush", f'viber_api_key_file = "{tmp_path / "key"}"', 'smscs = ["x hush"]'):
        with pytest.raises(ConfigError) as refused:
            read(written(text))
        told.append(refused.value.detail)
    told.append(repr(read_file(written('viber_api_key = "hush"'))))

    assert all("hush" not in one for one in told), told


def test_the_example_has_every_setting_with_its_default(written: Writer) -> None:
    """Taken as it is it changes nothing; with every mark taken away it says what is so anyway."""
    example = (house.ROOT / "deploy" / "config.example.toml").read_text(encoding="utf-8")
    bare = read_settings({})
    assert replace(read(written(example)), config=None) == bare

    names = {one.name for one in fields(Settings)} - {"config"}
    opened = re.sub(r"^#(?=([a-z_]+) = )", lambda mark: "" if mark[1] in names else "#", example, flags=re.MULTILINE)
    assert set(read_file(written(opened)).texts) == names
    assert replace(read(written(opened)), config=None) == bare


def test_the_usual_place_is_where_papers_say() -> None:
    """One constant, and the page of settings has it."""
    page = (house.ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert str(settings_file.DEFAULT_FILE) in page
