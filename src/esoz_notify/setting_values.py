"""Values of settings: their types, and how each is read from a text of the environment.

What belongs here: one reader per shape, raising ValueError with the rule. What does not: which settings there are and
how they hang together (``settings``).
"""

import re
import shlex
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from esoz_notify.core.callback_credentials import read_credential
from esoz_notify.core.channel import Channel
from esoz_notify.core.networks import Network
from esoz_notify.core.phone import PHONE_RULE
from esoz_notify.core.toml import read_toml

PRICE_MAX = 1000
BINDS_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Smsc:
    """One operator's SMSC, from ``smpps://system_id:password@host:port?name=…&source=…&window=…``.

    ``binds_max``: how many binds the operator allows the account, over all workers; None: each worker has one.
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
    binds_max: int | None = None


_SMSC_FORM = "each must be smpp://system_id:password@host:port?name=NAME (smpps:// for TLS), : / ? # @ in them as %XX"
_SMSC_OPTIONS = frozenset({"name", "source", "window", "id_format", "system_type", "rate", "ca_file", "plain", "binds"})
_PLAIN = frozenset({"vpn", "lab"})


def read_smscs(text: str) -> tuple[Smsc, ...]:
    """SMSCs from URLs with spaces between."""
    return tuple(_read_smsc(url, number) for number, url in enumerate(text.split(), start=1))


def _read_smsc(url: str, number: int) -> Smsc:
    try:
        parts = urlsplit(url)
        port = parts.port or 2775
    except ValueError:
        # Not with the library's own words: they repeat a part of the URL, which may be the password.
        raise ValueError(_SMSC_FORM) from None
    if parts.scheme not in {"smpp", "smpps"} or not parts.hostname or not parts.username:
        raise ValueError(_SMSC_FORM)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if set(options) - _SMSC_OPTIONS:
        raise ValueError(f"an option is none of the known: {', '.join(sorted(_SMSC_OPTIONS))}")
    try:
        window_size, rate = int(options.get("window", "10")), float(options["rate"]) if "rate" in options else None
        binds_max = int(options["binds"]) if "binds" in options else None
    except ValueError:
        raise ValueError("window, rate and binds must be numbers") from None
    if binds_max is not None and not 1 <= binds_max <= BINDS_MAX:
        raise ValueError(f"binds must be 1 to {BINDS_MAX}: how many the operator allows the account")
    name = options.get("name", f"smsc-{number}")
    if parts.scheme == "smpp" and options.get("plain") not in _PLAIN and not is_loopback(parts.hostname):
        raise ValueError(
            f"{name}: smpp:// sends the password and every text in the clear; use smpps://,"
            " or say &plain=vpn when the way to the SMSC is a VPN (&plain=lab when nothing of it is real)"
        )
    return Smsc(
        name=name,
        host=parts.hostname,
        port=port,
        system_id=unquote(parts.username),
        password=unquote(parts.password or ""),
        source=options.get("source", "E-health"),
        tls=parts.scheme == "smpps",
        window_size=window_size,
        id_format=options.get("id_format", "as_is"),
        system_type=options.get("system_type", ""),
        submit_rate_per_s=rate,
        ca_file=read_authorities(options.get("ca_file", "")),
        binds_max=binds_max,
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


def read_issuers(text: str) -> tuple[TrustedIssuer, ...]:
    """Issuers of a TOML file; none without a file."""
    path = read_path(text)
    if path is None:
        return ()
    document = read_toml(path.read_text(encoding="utf-8"))
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
    url = urlsplit(read_url(table["jwks_url"]))
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in {"127.0.0.1", "::1", "localhost"}):
        raise ValueError("jwks_url must be https:// (http:// to this machine alone)")
    return TrustedIssuer(**table)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsProxy:
    """A proxy that ends TLS and tells clients' certificates: in which header, and from which addresses."""

    header: str
    networks: tuple[Network, ...]


def read_proxy(text: str) -> TlsProxy | None:
    """A proxy from ``Header-Name address …``."""
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


def read_url(text: str) -> str:
    """A URL as it was written, or empty; what it must be of is said where it is used."""
    try:
        parts = urlsplit(text)
        is_good = not text or bool(parts.scheme and parts.hostname and parts.port != 0)
    except ValueError:
        is_good = False
    if not is_good:
        # Not with the library's own words: they repeat a part of the URL.
        raise ValueError("must be a URL, as https://host or https://host:port/path")
    return text


def read_path(text: str) -> Path | None:
    """A path, ``~`` resolved; empty is None."""
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError:
        raise ValueError("begins with ~ and whose home folder that is cannot be told; write the whole path") from None


def read_authorities(text: str) -> Path | None:
    """A file of authorities' certificates, which must be readable as such; empty is None."""
    path = read_path(text)
    if path is not None:
        try:
            ssl.create_default_context(cafile=str(path))  # so that a wrong one stops the start and not the first call
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror or error}; must be a file of certificates in PEM") from None
    return path


def read_yes(text: str) -> bool:
    """``yes`` or ``no``."""
    if text not in {"yes", "no"}:
        raise ValueError("must be yes or no")
    return text == "yes"


def read_credentials(text: str) -> tuple[str, ...]:
    """Credentials of a provider's callbacks, each checked, as they were written."""
    for one in text.split():
        read_credential(one)
    return tuple(text.split())


def read_command(text: str) -> tuple[str, ...]:
    """A command and its arguments, in the shell's quoting."""
    return tuple(shlex.split(text))


def read_port(text: str) -> int:
    """A port; 0 takes a free one."""
    port = int(text)
    if not 0 <= port < 2**16:
        raise ValueError("must be 0 to 65535; 0 takes a free one")
    return port


def read_count(text: str) -> int:
    """A whole number from 1."""
    count = int(text)
    if count < 1:
        raise ValueError("must be 1 or more")
    return count


def read_level(text: str) -> str:
    """A level of the log."""
    if text.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return text.upper()


def read_format(text: str) -> str:
    """How lines of the log are written."""
    if text.lower() not in {"text", "json"}:
        raise ValueError("must be text or json")
    return text.lower()


def read_listen(text: str) -> tuple[str, int] | None:
    """An address and a port to listen on, or nothing."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("must be HOST:PORT, as 127.0.0.1:9464")
    return host.strip("[]"), read_port(port)


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks with spaces between."""
    return tuple(ip_network(one) for one in text.split())


def read_templates(text: str) -> Mapping[str, str]:
    """Names of templates and ids at a provider, of a TOML file."""
    path = read_path(text)
    if path is None:
        return {}
    table = read_toml(path.read_text(encoding="utf-8"))
    if not all(isinstance(value, str) for value in table.values()):
        raise ValueError('must be a TOML file of lines  template-name = "id at the provider"')
    return table


def read_prices(text: str) -> Mapping[Channel, Decimal]:
    """Prices by channel."""
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


@dataclass(frozen=True, slots=True)
class ProbePhone:
    """Where probes go. ``provider`` empty: those of every provider without one of its own."""

    provider: str
    phone: str = field(repr=False)
    tax_id: str | None = field(default=None, repr=False)


def read_probes(text: str) -> tuple[ProbePhone, ...]:
    """Test phones from ``[PROVIDER=]+380XXXXXXXXX[/TAX_ID]`` with spaces between."""
    found = []
    for word in text.split():
        provider, _, number = word.rpartition("=")
        phone, _, tax_id = number.partition("/")
        if not PHONE_RULE.fullmatch(phone) or (tax_id and not re.fullmatch("[0-9]{10}", tax_id, re.ASCII)):
            raise ValueError("must be [PROVIDER=]+380XXXXXXXXX[/TAX_ID] …, a tax number (for Diia) with 10 digits")
        found.append(ProbePhone(provider, phone, tax_id or None))
    if len({one.provider for one in found}) < len(found):
        raise ValueError("each provider may stand there once, and one phone for all others")
    return tuple(found)


def read_list(text: str) -> tuple[str, ...]:
    """Words with spaces between."""
    return tuple(text.split())


def is_safe(url: str) -> bool:
    """Whether it is https, or does not leave this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"})
