"""The file of further providers: read whole or refused by name and rule, never with a value of it."""

from pathlib import Path
from typing import Any

import pytest

from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.installation import configured_providers
from esoz_notify.provider_file import read_providers
from esoz_notify.settings import PREFIX, read_settings

TABLE = """
[[provider]]
name = "turbo"
kind = "turbosms"
channel = "viber"
url = "https://api.turbosms.ua"
token = "SECRET-TOKEN"
sender = "E-health"
callback_credentials = ["user:SECRET-PASSWORD"]
"""


def written(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "providers.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


def test_a_table_is_read(tmp_path: Path) -> None:
    """What all kinds share is read; the rest waits for its kind, and no repr shows it."""
    (one,) = read_providers(written(tmp_path, TABLE))
    assert (one.name, one.kind, one.channel, one.url) == ("turbo", "turbosms", Channel.VIBER, "https://api.turbosms.ua")
    assert (one.callback_credentials, one.ca_file, one.report_url) == (("user:SECRET-PASSWORD",), None, "")
    assert one.options == {"token": "SECRET-TOKEN", "sender": "E-health"}
    assert "SECRET" not in repr(one)
    assert read_providers("") == ()
    (other,) = read_providers(written(tmp_path, f'{TABLE}report_url = "https://dr.turbosms.ua"'))
    assert other.report_url == "https://dr.turbosms.ua"


def test_everybody_may_not_read_it(tmp_path: Path) -> None:
    """It holds keys of accounts; a group of the service may read it, as files of secrets are mounted."""
    with pytest.raises(ValueError, match="chmod 640"):
        read_providers(written(tmp_path, TABLE, 0o644))
    assert read_providers(written(tmp_path, TABLE, 0o640))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[provider]\na = 1", "must be a TOML file of tables"),
        (f"{TABLE}\n[other]", "must be a TOML file of tables"),
        ("provider = [1]", "must be a TOML file of tables"),
        (TABLE.replace('"turbo"', '"Turbo SMS"'), r"\[\[provider\]\] 1: name must be small Latin letters"),
        (TABLE.replace('name = "turbo"', ""), r"\[\[provider\]\] 1: name"),
        (TABLE.replace('"viber"', '"diia"'), "provider turbo: channel must be viber or sms"),
        (TABLE.replace('"viber"', "5"), "provider turbo: channel must be a text"),
        (TABLE.replace('kind = "turbosms"', ""), "provider turbo: kind must be a text"),
        (f'{TABLE}report_url = "dr.turbosms.ua"', "provider turbo: must be a URL"),
        (TABLE.replace("https://api.turbosms.ua", "turbosms"), "provider turbo: must be a URL"),
        (TABLE.replace('["user:SECRET-PASSWORD"]', '"user:x"'), "provider turbo: callback_credentials must be a list"),
        (TABLE.replace("user:SECRET-PASSWORD", "token:short"), "provider turbo: the secret of token:"),
        (TABLE + 'ca_file = "/nowhere.pem"', "provider turbo: /nowhere.pem"),
    ],
)
def test_what_breaks_a_rule_is_named(tmp_path: Path, text: str, fault: str) -> None:
    """The provider and the field, and no value that may be a secret."""
    with pytest.raises(ValueError, match=fault) as raised:
        read_providers(written(tmp_path, text))
    assert "SECRET" not in str(raised.value)


def settings_of(folder: Path, text: str, **more: str) -> Any:
    given = {"PROVIDERS": written(folder, text), "SMSCS": "smpps://id:pw@smsc.example?name=first", **more}
    return read_settings({PREFIX + name: value for name, value in given.items()})


def test_they_come_after_those_with_settings_of_their_own(tmp_path: Path) -> None:
    """In the order of the file, each in its channel."""
    sms = TABLE.replace('"turbo"', '"turbo-sms"').replace('"viber"', '"sms"')
    settings = settings_of(tmp_path, TABLE + sms, VIBER_URL="https://v.example", VIBER_API_KEY="k")
    assert configured_providers(settings) == {
        Channel.VIBER: ("infobip", "turbo"),
        Channel.SMS: ("first", "turbo-sms"),
    }


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (TABLE + TABLE, "each needs a name that no other provider has"),
        (TABLE.replace('"turbo"', '"first"'), "each needs a name that no other provider has"),
        (TABLE.replace('"turbo"', '"infobip"'), "each needs a name that no other provider has"),
        (TABLE.replace("https://", "http://"), "PROVIDERS: url of turbo: http:// sends its key"),
        (TABLE.replace("https://", "ftp://"), "PROVIDERS: url of turbo: must be https://host"),
        (f'{TABLE}report_url = "http://dr.turbosms.ua"', "PROVIDERS: report_url of turbo: http:// sends its key"),
    ],
)
def test_what_contradicts_other_settings_is_named(tmp_path: Path, text: str, fault: str) -> None:
    """Names are of one provider each, and keys go by TLS alone."""
    with pytest.raises(ConfigError, match=fault):
        settings_of(tmp_path, text)


def test_probes_may_name_them(tmp_path: Path) -> None:
    """A test phone of a further provider is one of a known provider."""
    assert settings_of(tmp_path, TABLE, PROBES="turbo=+380000000001").probes[0].provider == "turbo"
