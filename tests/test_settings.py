"""Settings: every mistake is named with its setting, its rule and its fix, all at once."""

from dataclasses import fields
from pathlib import Path

import pytest

from esoz_notify.core.errors import ConfigError
from esoz_notify.settings import PREFIX, Settings, read_settings


def test_nothing_set_is_a_working_default() -> None:
    """A machine without any setting runs on the embedded ledger, on loopback, with no provider."""
    settings = read_settings({})

    assert (settings.host, settings.port, settings.dsn, settings.smscs) == ("127.0.0.1", 8080, "", ())


def test_an_smsc_is_one_url() -> None:
    """Everything about an operator's SMSC is in one value; TLS by its scheme, the order is the preference."""
    settings = read_settings(
        {
            "ESOZ_NOTIFY_SMSCS": "smpps://esoz:p%40ss@smsc.test:3550?name=kyivstar&source=E-health&window=20&rate=50 "
            "smpp://esoz:secret@10.0.0.2"
        }
    )

    first, second = settings.smscs
    assert (first.name, first.port, first.password, first.tls, first.window_size) == (
        "kyivstar",
        3550,
        "p@ss",
        True,
        20,
    )
    assert first.submit_rate_per_s == 50.0
    assert (second.name, second.port, second.tls) == ("smsc-2", 2775, False)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"PORTT": "1"}, "PORTT is not a setting"),
        ({"PORT": "70000"}, "PORT: must be 0 to 65535"),
        ({"PORT": "many"}, "PORT: "),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL: must be DEBUG"),
        ({"SMSCS": "http://a:b@c"}, "SMSCS: each must be smpp://"),
        ({"SMSCS": "smpp://a:b@c?colour=red"}, "an option is none of the known: ca_file"),
        ({"SMSCS": "smpp://a:b@c?name=x smpp://a:b@d?name=x"}, "names must differ"),
        ({"VIBER_URL": "https://x"}, "VIBER_URL needs ESOZ_NOTIFY_VIBER_API_KEY"),
        ({"DIIA_URL": "https://x"}, "DIIA_URL needs ESOZ_NOTIFY_DIIA_PARTNER_TOKEN"),
        ({"VIBER_CALLBACK_CREDENTIALS": "password"}, "each must be user:password"),
        ({"VIBER_TEMPLATES": "/nowhere/at/all.toml"}, "VIBER_TEMPLATES: "),
    ],
)
def test_mistakes_are_named(environment: dict[str, str], named: str) -> None:
    """A wrong setting stops the start with a sentence about that setting."""
    with pytest.raises(ConfigError) as refused:
        read_settings({PREFIX + name: value for name, value in environment.items()})

    assert named in refused.value.detail


def test_several_mistakes_are_told_together() -> None:
    """Whoever mends a configuration should not have to start the program once per mistake."""
    with pytest.raises(ConfigError) as refused:
        read_settings({PREFIX + "PORT": "x", PREFIX + "LOG_LEVEL": "x", PREFIX + "WHAT": "x"})

    assert all(name in refused.value.detail for name in ("PORT", "LOG_LEVEL", "WHAT"))


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """A repr of the settings may get into a log: no secret is in it."""
    settings = read_settings(
        {
            PREFIX + "VIBER_API_KEY": "hush-1",
            PREFIX + "DIIA_PARTNER_TOKEN": "hush-2",
            PREFIX + "DSN": "host=x password=hush-3",
            PREFIX + "SMSCS": "smpp://a:hush-4@c",
            PREFIX + "VIBER_CALLBACK_CREDENTIALS": "u:hush-5",
            PREFIX + "DATA": str(tmp_path),
        }
    )

    assert "hush" not in repr(settings)


def test_every_setting_says_what_it_is() -> None:
    """A setting without a description cannot be documented, and there are few enough to know them all."""
    assert all(item.metadata["what"] for item in fields(Settings))
    assert len(fields(Settings)) <= 25
