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
            "smpp://esoz:secret@10.0.0.2?plain=vpn"
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


def test_probes_have_a_phone_each_or_one_for_all() -> None:
    """A named provider has its own, every other the common one, and no number is in what is printed of the settings."""
    settings = read_settings(
        {
            "ESOZ_NOTIFY_SMSCS": "smpps://a:b@c?name=kyivstar",
            "ESOZ_NOTIFY_PROBES": "+380000000001/0000000001 kyivstar=+380000000002",
        }
    )
    assert [(one.provider, one.phone, one.tax_id) for one in settings.probes] == [
        ("", "+380000000001", "0000000001"),
        ("kyivstar", "+380000000002", None),
    ]
    assert "+380" not in repr(settings)
    assert "+380" not in repr(settings.probes)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"PORTT": "1"}, "PORTT is not a setting"),
        ({"PORT": "70000"}, "PORT: must be 0 to 65535"),
        ({"PORT": "many"}, "PORT: "),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "TRUSTED_PROXIES: "),
        ({"PEOPLE_SECOND_FACTOR": "doctor king"}, "PEOPLE_SECOND_FACTOR: king is no role"),
        ({"OIDC_ISSUER": "https://sso.example"}, "OIDC_ISSUER needs ESOZ_NOTIFY_OIDC_CLIENT_ID"),
        ({"OIDC_ISSUER": "http://sso.example"}, "OIDC_ISSUER must be an https:// address"),
        ({"PROBES": "0671234567"}, "PROBES: must be [PROVIDER=]+380XXXXXXXXX[/TAX_ID]"),
        ({"PROBES": "+380000000001/12"}, "a tax number (for Diia) with 10 digits"),
        ({"PROBES": "+380000000001 +380000000002"}, "PROBES: each provider may stand there once"),
        ({"PROBES": "moon=+380000000001"}, "PROBES: moon is no provider; configured: none"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL: must be DEBUG"),
        ({"SMSCS": "http://a:b@c"}, "SMSCS: each must be smpp://"),
        ({"SMSCS": "smpp://a:b@c?colour=red"}, "an option is none of the known: binds, ca_file"),
        ({"SMSCS": "smpp://a:b@127.0.0.1?binds=0"}, "binds must be 1 to 1000: how many the operator allows"),
        ({"SMSCS": "smpps://a:b@c?name=x smpps://a:b@d?name=x"}, "names must differ"),
        ({"SMSCS": "smpp://a:b@smsc.test?name=x"}, "SMSCS: x: smpp:// sends the password and every text in the clear"),
        ({"SMSCS": "smpp://a:b@smsc.test?plain=yes"}, "say &plain=vpn"),
        ({"SMSCS": "smpps://a:b@c?ca_file=/nowhere.pem"}, "SMSCS: /nowhere.pem: No such file"),
        ({"VIBER_CA_FILE": "/nowhere.pem"}, "VIBER_CA_FILE: /nowhere.pem: No such file"),
        ({"DIIA_CA_FILE": __file__}, "must be a file of certificates in PEM"),
        ({"VIBER_URL": "http://viber.test", "VIBER_API_KEY": "k"}, "VIBER_URL: http:// sends its key"),
        ({"DIIA_URL": "http://10.0.0.1", "DIIA_PARTNER_TOKEN": "t"}, "DIIA_URL: http:// sends its key"),
        ({"DIIA_URL": "ftp://diia.test", "DIIA_PARTNER_TOKEN": "t"}, "DIIA_URL: must be https://"),
        ({"PROVIDER_NETWORKS": "10.0.0.1/8"}, "PROVIDER_NETWORKS: "),
        ({"VIBER_URL": "https://v[x", "VIBER_API_KEY": "k"}, "VIBER_URL: must be a URL"),
        ({"PUBLIC_URL": "https://host:port"}, "PUBLIC_URL: must be a URL"),
        ({"OIDC_ISSUER": "somewhere"}, "OIDC_ISSUER: must be a URL"),
        ({"PLAIN_PROVIDERS": "perhaps"}, "PLAIN_PROVIDERS: must be yes or no"),
        ({"VIBER_URL": "https://x"}, "VIBER_URL needs ESOZ_NOTIFY_VIBER_API_KEY"),
        ({"DIIA_URL": "https://x"}, "DIIA_URL needs ESOZ_NOTIFY_DIIA_PARTNER_TOKEN"),
        ({"VIBER_CALLBACK_CREDENTIALS": "password"}, "each must be user:password"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "TRUSTED_PROXIES: 10.0.0.1/8 has host bits set"),
        ({"STRANGERS_PER_MIN": "0"}, "STRANGERS_PER_MIN: must be 1 or more"),
        ({"TLS_CERTIFICATE": "x.pem"}, "TLS_CERTIFICATE needs ESOZ_NOTIFY_TLS_KEY"),
        ({"TLS_CLIENT_CA": "x.pem"}, "TLS_CLIENT_CA needs ESOZ_NOTIFY_TLS_CERTIFICATE"),
        ({"TLS_CERTIFICATE": "x", "TLS_KEY": "y", "PUBLIC_URL": "http://z"}, "PUBLIC_URL must be https://"),
        ({"TLS_PROXY": "client-cert"}, "TLS_PROXY: must be the name of a header and the proxy's addresses"),
        ({"TLS_PROXY": "client-cert everybody"}, "TLS_PROXY: 'everybody' does not appear"),
        ({"TLS_PROXY": "client_cert 10.0.0.5"}, "TLS_PROXY: must be the name"),
        ({"ISSUERS": "/nowhere/at/all.toml"}, "ISSUERS: "),
        ({"VIBER_CALLBACK_CREDENTIALS": "a:b signature:short"}, "must have 16 characters or more"),
        ({"VIBER_CALLBACK_CREDENTIALS": "certificate:00"}, "64 hex digits"),
        ({"VIBER_TEMPLATES": "/nowhere/at/all.toml"}, "VIBER_TEMPLATES: "),
    ],
)
def test_mistakes_are_named(environment: dict[str, str], named: str) -> None:
    """A wrong setting stops the start with a sentence about that setting."""
    with pytest.raises(ConfigError) as refused:
        read_settings({PREFIX + name: value for name, value in environment.items()})

    assert named in refused.value.detail


ISSUER = 'issuer = "https://a.test"\njwks_url = "https://a.test/jwks"\naudience = "esoz-notify"\n'


def test_issuers_are_a_file_of_tables(tmp_path: Path) -> None:
    """What is not said has its default; names of theirs for ours are tables of their own."""
    path = tmp_path / "issuers.toml"
    path.write_text(f'[[issuer]]\n{ISSUER}client_claim = "azp"\nclients = {{ their-id = "mis-1" }}\n')
    (found,) = read_settings({PREFIX + "ISSUERS": str(path)}).issuers

    assert (found.issuer, found.client_claim, found.scope_claim) == ("https://a.test", "azp", "scope")
    assert (found.clients, found.scopes) == ({"their-id": "mis-1"}, {})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "tables [[issuer]]"),
        ("issuer = 1", "tables [[issuer]]"),
        (f"x = 1\n[[issuer]]\n{ISSUER}", "and nothing else"),
        ('[[issuer]]\nissuer = "https://a.test"', "needs jwks_url"),
        (f"[[issuer]]\n{ISSUER}colour = 'red'", "unknown colour"),
        (f"[[issuer]]\n{ISSUER}client_claim = 7", "client_claim of an [[issuer]] must be a text"),
        (f"[[issuer]]\n{ISSUER}clients = 'x'", "clients of an [[issuer]] must be a table of texts"),
        (f"[[issuer]]\n{ISSUER}clients = {{ a = 1 }}", "must be a table of texts"),
        (f"[[issuer]]\n{ISSUER}\n[[issuer]]\n{ISSUER}", "each issuer may stand there once"),
        (f"[[issuer]]\n{ISSUER}".replace("https://a.test/jwks", "http://a.test/jwks"), "must be https://"),
    ],
)
def test_a_wrong_issuers_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    """Each mistake with its rule."""
    path = tmp_path / "issuers.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_settings({PREFIX + "ISSUERS": str(path)})

    assert "ISSUERS: " in refused.value.detail
    assert named in refused.value.detail


def test_a_proxy_is_a_header_and_addresses() -> None:
    """The header in any letters; single addresses and networks."""
    proxy = read_settings({PREFIX + "TLS_PROXY": "Client-Cert 10.0.0.5 fd00::/8"}).tls_proxy

    assert proxy is not None
    assert (proxy.header, [str(one) for one in proxy.networks]) == ("client-cert", ["10.0.0.5/32", "fd00::/8"])


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://viber.test"])
def test_providers_by_tls_or_on_this_machine(url: str) -> None:
    """What never leaves the machine, and what is by TLS, needs no word of an operator."""
    assert read_settings({PREFIX + "VIBER_URL": url, PREFIX + "VIBER_API_KEY": "k"}).viber_url == url


def test_a_lab_may_be_plain_when_it_is_said() -> None:
    """Plain providers on other machines are for those who say so."""
    lab = {
        "VIBER_URL": "http://lab.test",
        "VIBER_API_KEY": "k",
        "PLAIN_PROVIDERS": "yes",
        "SMSCS": "smpp://a:b@lab.test?plain=lab",
    }

    assert read_settings({PREFIX + name: value for name, value in lab.items()}).plain_providers


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
            PREFIX + "SMSCS": "smpps://a:hush-4@c",
            PREFIX + "VIBER_CALLBACK_CREDENTIALS": "u:hush-5",
            PREFIX + "OIDC_CLIENT_SECRET": "hush-6",
            PREFIX + "DATA": str(tmp_path),
        }
    )

    assert "hush" not in repr(settings)


def test_every_setting_says_what_it_is() -> None:
    """A setting without a description cannot be documented, and there are few enough to know them all."""
    assert all(item.metadata["what"] for item in fields(Settings))
    assert len(fields(Settings)) <= 53


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("metrics_listen", "127.0.0.1:9464", ("127.0.0.1", 9464)), ("metrics_listen", "[::1]:0", ("::1", 0)),
     ("metrics_listen", "", None), ("log_format", "JSON", "json")],
)  # fmt: skip
def test_what_is_told_of_the_process(name: str, text: str, value: object) -> None:
    """Where numbers are told, and how lines are written."""
    assert getattr(read_settings({PREFIX + name.upper(): text}), name) == value


@pytest.mark.parametrize(
    ("name", "text"), [("metrics_listen", "9464"), ("metrics_listen", "host:99999"), ("log_format", "xml")]
)
def test_wrong_ways_of_telling_are_refused(name: str, text: str) -> None:
    """An address without a port, a port that is none, a format that there is not."""
    with pytest.raises(ConfigError, match=PREFIX + name.upper()):
        read_settings({PREFIX + name.upper(): text})
