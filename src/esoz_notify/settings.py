"""Settings: the only reader of the environment. One frozen value; every setting has its row and its default.

What belongs here: names, parsing and checks of settings. What does not: what is built from them (``wiring``).
"""

import os
import shlex
import ssl
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from esoz_notify.core.callback_credentials import read_credential
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.retention import CLASSES, read_days
from esoz_notify.core.windows import CODES_PER_CALLER

Network: TypeAlias = IPv4Network | IPv6Network

PREFIX = "ESOZ_NOTIFY_"
PRICE_MAX = 1000
_NOT_OURS = (PREFIX + "TEST_", PREFIX + "SETUP")  # the Makefile's


@dataclass(frozen=True, slots=True, kw_only=True)
class Smsc:
    """One operator's SMSC, from ``smpps://system_id:password@host:port?name=…&source=…&window=…``.

    One without TLS on another machine must say ``plain=vpn``: many operators offer plain SMPP in a VPN alone.
    """

    name: str
    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    source: str = "E-health"
    tls: bool = False
    window_size: int = 10
    id_format: str = "as_is"
    system_type: str = ""
    submit_rate_per_s: float | None = None
    ca_file: Path | None = None


_SMSC_OPTIONS = frozenset({"name", "source", "window", "id_format", "system_type", "rate", "ca_file", "plain"})
_PLAIN = frozenset({"vpn", "lab"})


def _read_smscs(text: str) -> tuple[Smsc, ...]:
    return tuple(_read_smsc(url, number) for number, url in enumerate(text.split(), start=1))


def _read_smsc(url: str, number: int) -> Smsc:
    parts = urlsplit(url)
    if parts.scheme not in {"smpp", "smpps"} or not parts.hostname or not parts.username:
        raise ValueError("each must be smpp://system_id:password@host:port?name=NAME (smpps:// for TLS)")
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = set(options) - _SMSC_OPTIONS
    if unknown:
        raise ValueError(f"unknown option {', '.join(sorted(unknown))}; known: {', '.join(sorted(_SMSC_OPTIONS))}")
    name = options.get("name", f"smsc-{number}")
    if parts.scheme == "smpp" and options.get("plain") not in _PLAIN and not is_loopback(parts.hostname):
        raise ValueError(
            f"{name}: smpp:// sends the password and every text in the clear; use smpps://,"
            " or say &plain=vpn when the way to the SMSC is a VPN (&plain=lab when nothing of it is real)"
        )
    return Smsc(
        name=name,
        host=parts.hostname,
        port=parts.port or 2775,
        system_id=unquote(parts.username),
        password=unquote(parts.password or ""),
        source=options.get("source", "E-health"),
        tls=parts.scheme == "smpps",
        window_size=int(options.get("window", "10")),
        id_format=options.get("id_format", "as_is"),
        system_type=options.get("system_type", ""),
        submit_rate_per_s=float(options["rate"]) if "rate" in options else None,
        ca_file=_read_authorities(options.get("ca_file", "")),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """An issuer whose tokens are taken, from a table ``[[issuer]]`` of the issuers file (docs/security-callers.md)."""

    issuer: str
    jwks_url: str
    audience: str
    client_claim: str = "client_id"
    scope_claim: str = "scope"
    clients: Mapping[str, str] = field(default_factory=dict)
    scopes: Mapping[str, str] = field(default_factory=dict)


def _read_issuers(text: str) -> tuple[TrustedIssuer, ...]:
    if not text:
        return ()
    document = tomllib.loads(Path(text).expanduser().read_text(encoding="utf-8"))
    tables = document.pop("issuer", None)
    if document or not isinstance(tables, list):
        raise ValueError("must be a TOML file of tables [[issuer]], and nothing else")
    issuers = tuple(_read_issuer(table) for table in tables)
    if len({one.issuer for one in issuers}) < len(issuers):
        raise ValueError("each issuer may stand there once")
    return issuers


def _read_issuer(table: Mapping[str, Any]) -> TrustedIssuer:
    known = {item.name for item in fields(TrustedIssuer)}
    maps = {"clients", "scopes"}
    for name in ("issuer", "jwks_url", "audience"):
        if not table.get(name):
            raise ValueError(f"each [[issuer]] needs {name}")
    for name, value in table.items():
        if name not in known:
            raise ValueError(f"unknown {name} in an [[issuer]]; known: {', '.join(sorted(known))}")
        texts = value.values() if name in maps and isinstance(value, Mapping) else [value]
        if (name in maps) is not isinstance(value, Mapping) or not all(isinstance(one, str) for one in texts):
            raise ValueError(f"{name} of an [[issuer]] must be {'a table of texts' if name in maps else 'a text'}")
    url = urlsplit(table["jwks_url"])
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in {"127.0.0.1", "::1", "localhost"}):
        raise ValueError("jwks_url must be https:// (http:// to this machine alone)")
    return TrustedIssuer(**table)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsProxy:
    """A proxy that ends TLS and tells clients' certificates: in which header, and from which addresses."""

    header: str
    networks: tuple[Network, ...]


def _read_proxy(text: str) -> TlsProxy | None:
    header, *addresses = text.lower().split() or [""]
    if not header:
        return None
    if not addresses or not header.replace("-", "").isalnum() or not header.isascii():
        raise ValueError("must be the name of a header and the proxy's addresses: Client-Cert 10.0.0.5 10.1.0.0/24")
    return TlsProxy(header=header, networks=tuple(ip_network(one) for one in addresses))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very spelling."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _read_authorities(text: str) -> Path | None:
    path = _read_path(text)
    if path is not None:
        try:
            ssl.create_default_context(cafile=str(path))  # so that a wrong one stops the start and not the first call
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror or error}; must be a file of certificates in PEM") from None
    return path


def _read_yes(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ValueError("must be yes or no")
    return text == "yes"


def _read_credentials(text: str) -> tuple[str, ...]:
    for one in text.split():
        read_credential(one)
    return tuple(text.split())


def _read_command(text: str) -> tuple[str, ...]:
    return tuple(shlex.split(text))


def _read_port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 2**16:
        raise ValueError("must be 0 to 65535; 0 takes a free one")
    return port


def _read_count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError("must be 1 or more")
    return count


def _read_level(text: str) -> str:
    if text.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return text.upper()


def _read_networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(one) for one in text.split())


def _read_templates(text: str) -> Mapping[str, str]:
    if not text:
        return {}
    table = tomllib.loads(Path(text).expanduser().read_text(encoding="utf-8"))
    if not all(isinstance(value, str) for value in table.values()):
        raise ValueError('must be a TOML file of lines  template-name = "id at the provider"')
    return table


def _read_prices(text: str) -> Mapping[Channel, Decimal]:
    rule = "must be  diia=0 viber=0.38 sms=0.45  with the price of a message, or of a part of an SMS, of each"
    try:
        prices = {Channel(name): Decimal(price) for name, _, price in (word.partition("=") for word in text.split())}
    except (ValueError, ArithmeticError):
        raise ValueError(rule) from None
    if set(prices) != {Channel.DIIA, Channel.VIBER, Channel.SMS} or any(
        not 0 <= price < PRICE_MAX for price in prices.values()
    ):
        raise ValueError(rule)
    return prices


def _setting(default: str, read: Callable[[str], Any], what: str, *, secret: bool = False) -> Any:
    metadata = {"default": default, "read": read, "what": what, "secret": secret}
    return field(repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. The environment's name of each is ESOZ_NOTIFY_ and the field's name in capitals."""

    data: Path | None = _setting(
        "", _read_path, "Folder for the embedded PostgreSQL and the keys. Empty: the user's data folder."
    )
    dsn: str = _setting(
        "",
        str,
        "An external PostgreSQL 15+ instead of the embedded one (libpq DSN; may name several hosts).",
        secret=True,
    )
    pg_bin: Path | None = _setting("", _read_path, "PostgreSQL binaries for the embedded server. Empty: the wheel's.")
    keys_file: Path | None = _setting(
        "", _read_path, "The keys file (mode 0600). Empty: keys.json in the data folder, made at the first start."
    )
    keys: str = _setting("", str, "The keys document itself, in base64, instead of a file.", secret=True)
    keys_command: tuple[str, ...] = _setting(
        "",
        _read_command,
        "A program with its arguments, run without a shell: given the sealed keys file, it prints the opened document.",
    )
    audit_key_file: Path | None = _setting(
        "", _read_path, "Key that signs the audit's anchors. Empty: audit-key.pem beside the keys file, made once."
    )
    audit_anchors_file: Path | None = _setting(
        "", _read_path, "Where a copy of each anchor is appended. Empty: audit-anchors.jsonl beside the keys file."
    )
    host: str = _setting("127.0.0.1", str, "Address that the API listens on.")
    port: int = _setting("8080", _read_port, "Port that the API listens on; 0 takes a free one.")
    public_url: str = _setting(
        "",
        str,
        "How callers and providers reach this API from outside. Empty: http://host:port, or https:// with TLS.",
    )
    tls_certificate: Path | None = _setting(
        "", _read_path, "Certificate of the API with its chain (PEM); a renewed file is taken up. Empty: plain HTTP."
    )
    tls_key: Path | None = _setting("", _read_path, "Its private key (PEM, without a password).")
    tls_client_ca: Path | None = _setting(
        "", _read_path, "Authorities (PEM) whose certificates callers may show, for bound tokens. Empty: none is asked."
    )
    tls_proxy: TlsProxy | None = _setting(
        "",
        _read_proxy,
        "Header in which a proxy that ends TLS tells the caller's certificate, and the proxy's addresses.",
    )
    issuers: tuple[TrustedIssuer, ...] = _setting(
        "", _read_issuers, "TOML file of other issuers whose access tokens are taken (docs/security-callers.md)."
    )
    policies_file: Path | None = _setting("", _read_path, "Dated policies (TOML). Empty: the built-in ones.")
    texts_file: Path | None = _setting("", _read_path, "Message texts (TOML). Empty: the built-in ones.")
    viber_url: str = _setting("", str, "Base URL of the Viber provider's API (Infobip). Empty: no Viber.")
    viber_api_key: str = _setting("", str, "Its API key.", secret=True)
    viber_ca_file: Path | None = _setting(
        "", _read_authorities, "Authorities (PEM) that its certificate must be from. Empty: those of the system."
    )
    viber_sender: str = _setting("E-health", str, "Verified Viber sender name.")
    viber_templates: Mapping[str, str] = _setting(
        "", _read_templates, "TOML file: our template names and the provider's template ids."
    )
    viber_callback_credentials: tuple[str, ...] = _setting(
        "",
        _read_credentials,
        "What its callbacks may show: user:password (Basic), token:SECRET (Bearer), signature:KEY (HMAC-SHA256) or"
        " certificate:SHA256 (of its TLS client); several while one is being replaced.",
        secret=True,
    )
    diia_url: str = _setting("", str, "Base URL of Diia's partner API. Empty: no Diia.")
    diia_partner_token: str = _setting("", str, "Diia partner token.", secret=True)
    diia_ca_file: Path | None = _setting(
        "", _read_authorities, "Authorities (PEM) that its certificate must be from. Empty: those of the system."
    )
    diia_templates: Mapping[str, str] = _setting(
        "",
        _read_templates,
        "TOML file: our template names and Diia's ids. Empty: templates are created when first needed.",
    )
    smscs: tuple[Smsc, ...] = _setting(
        "", _read_smscs, "Operators' SMSCs, the preferred first: smpp://id:password@host:port?name=… …", secret=True
    )
    provider_networks: tuple[Network, ...] = _setting(
        "",
        _read_networks,
        "Networks inside (10.20.0.0/16 …) that a provider's name may lead to. Empty: outside only; an address that is"
        " written out in a URL is taken at its word.",
    )
    plain_providers: bool = _setting(
        "no",
        _read_yes,
        "yes: a provider's URL may be http:// to another machine; for labs, where nothing is real.",
    )
    requests_per_min: int = _setting("60000", _read_count, "Requests that one caller may make in a minute.")
    prices: Mapping[Channel, Decimal] = _setting(
        "diia=0 viber=0.38 sms=0.45",
        _read_prices,
        "Prices in UAH of a message by Diia and Viber and of a part by SMS, for the console's sums.",
    )
    strangers_per_min: int = _setting(
        "600", _read_count, "Token requests, and calls without a good token, that one address may make in a minute."
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        "", _read_networks, "Networks (10.0.0.0/8 …) of proxies whose X-Forwarded-For tells the caller's address."
    )
    codes_per_caller: int = _setting(
        str(CODES_PER_CALLER),
        _read_count,
        "Codes that one caller may have sent in ten minutes; a tenth as many may be told wrongly.",
    )
    keep_days: Mapping[str, int] = _setting(
        " ".join(f"{one.name}={one.days}" for one in CLASSES),
        read_days,
        "How many days each class of data is kept, as CLASS=DAYS with spaces between; others keep their default.",
    )
    log_level: str = _setting("INFO", _read_level, "DEBUG, INFO, WARNING or ERROR.")


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check every setting, from the process's environment unless another is given.

    Raises ConfigError naming the setting, the rule and the fix.
    """
    environment = os.environ if environment is None else environment
    known = {PREFIX + item.name.upper(): item for item in fields(Settings)}
    faults = [
        f"{name} is not a setting; see docs/settings.md (or unset it)"
        for name in environment
        if name.startswith(PREFIX) and name not in known and not name.startswith(_NOT_OURS)
    ]
    values: dict[str, Any] = {}
    for name, item in known.items():
        text = environment.get(name, item.metadata["default"])
        try:
            values[item.name] = item.metadata["read"](text)
        except (ValueError, OSError) as error:
            faults.append(f"{name}: {error}")
    if not faults:
        faults = _broken_relations(values)
    if faults:
        raise ConfigError("settings: " + "; ".join(faults))
    return Settings(**values)


def environment_for_child(**settings: str) -> dict[str, str]:
    """This process's environment with exactly these settings of ours, for a child that must not inherit others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | {f"{PREFIX}{name.upper()}": value for name, value in settings.items()}


def _broken_relations(values: Mapping[str, Any]) -> list[str]:
    faults = []
    if values["viber_url"] and not values["viber_api_key"]:
        faults.append(f"{PREFIX}VIBER_URL needs {PREFIX}VIBER_API_KEY")
    if values["diia_url"] and not values["diia_partner_token"]:
        faults.append(f"{PREFIX}DIIA_URL needs {PREFIX}DIIA_PARTNER_TOKEN")
    if bool(values["tls_certificate"]) is not bool(values["tls_key"]):
        faults.append(f"{PREFIX}TLS_CERTIFICATE and {PREFIX}TLS_KEY go together")
    if values["tls_client_ca"] and not values["tls_certificate"]:
        faults.append(f"{PREFIX}TLS_CLIENT_CA needs {PREFIX}TLS_CERTIFICATE")
    if values["tls_certificate"] and values["public_url"].startswith("http://"):
        faults.append(f"{PREFIX}PUBLIC_URL must be https:// when {PREFIX}TLS_CERTIFICATE is set")
    if values["keys_command"] and values["keys_file"] is None:
        faults.append(f"{PREFIX}KEYS_COMMAND needs {PREFIX}KEYS_FILE, the sealed file that it opens")
    if values["keys"] and (values["keys_command"] or values["keys_file"]):
        faults.append(f"{PREFIX}KEYS is the keys document itself: unset {PREFIX}KEYS_FILE and {PREFIX}KEYS_COMMAND")
    for name in ("viber_url", "diia_url"):
        parts = urlsplit(values[name])
        if values[name] and (parts.scheme not in {"http", "https"} or not parts.hostname):
            faults.append(f"{PREFIX}{name.upper()}: must be https://host or https://host/path")
        elif parts.scheme == "http" and not values["plain_providers"] and not is_loopback(parts.hostname or ""):
            faults.append(
                f"{PREFIX}{name.upper()}: http:// sends its key and personal data in the clear; use https://,"
                f" or set {PREFIX}PLAIN_PROVIDERS=yes in a lab"
            )
    names = [smsc.name for smsc in values["smscs"]]
    if len(set(names)) != len(names):
        faults.append(f"{PREFIX}SMSCS: names must differ; set ?name= in each")
    return faults
