"""Settings: the only reader of the environment. One frozen value; every setting has its row and its default.

What belongs here: names, parsing and checks of settings. What does not: what is built from them (``wiring``).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from esoz_notify.core.errors import ConfigError
from esoz_notify.core.toml import read_toml
from esoz_notify.core.windows import CODES_PER_CALLER

PREFIX = "ESOZ_NOTIFY_"
_NOT_OURS = (PREFIX + "TEST_", PREFIX + "SETUP")  # the Makefile's


@dataclass(frozen=True, slots=True, kw_only=True)
class Smsc:
    """One operator's SMSC, from ``smpps://system_id:password@host:port?name=…&source=…&window=…``."""

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


_SMSC_FORM = "each must be smpp://system_id:password@host:port?name=NAME (smpps:// for TLS), : / ? # @ in them as %XX"
_SMSC_OPTIONS = frozenset({"name", "source", "window", "id_format", "system_type", "rate", "ca_file"})


def _read_smscs(text: str) -> tuple[Smsc, ...]:
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
    except ValueError:
        raise ValueError("window and rate must be numbers") from None
    return Smsc(
        name=options.get("name", f"smsc-{number}"),
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
        ca_file=_read_path(options.get("ca_file", "")),
    )


def _read_path(text: str) -> Path | None:
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError:
        raise ValueError("begins with ~ and whose home folder that is cannot be told; write the whole path") from None


def _read_list(text: str) -> tuple[str, ...]:
    return tuple(text.split())


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


def _read_templates(text: str) -> Mapping[str, str]:
    path = _read_path(text)
    if path is None:
        return {}
    table = read_toml(path.read_text(encoding="utf-8"))
    if not all(isinstance(value, str) for value in table.values()):
        raise ValueError('must be a TOML file of lines  template-name = "id at the provider"')
    return table


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
    host: str = _setting("127.0.0.1", str, "Address that the API listens on.")
    port: int = _setting("8080", _read_port, "Port that the API listens on; 0 takes a free one.")
    public_url: str = _setting(
        "", str, "How providers reach this API from outside, for callbacks. Empty: http://host:port."
    )
    policies_file: Path | None = _setting("", _read_path, "Dated policies (TOML). Empty: the built-in ones.")
    texts_file: Path | None = _setting("", _read_path, "Message texts (TOML). Empty: the built-in ones.")
    viber_url: str = _setting("", str, "Base URL of the Viber provider's API (Infobip). Empty: no Viber.")
    viber_api_key: str = _setting("", str, "Its API key.", secret=True)
    viber_sender: str = _setting("E-health", str, "Verified Viber sender name.")
    viber_templates: Mapping[str, str] = _setting(
        "", _read_templates, "TOML file: our template names and the provider's template ids."
    )
    viber_callback_credentials: tuple[str, ...] = _setting(
        "",
        _read_list,
        "user:password pairs that the provider's callbacks may carry; several while rotating.",
        secret=True,
    )
    diia_url: str = _setting("", str, "Base URL of Diia's partner API. Empty: no Diia.")
    diia_partner_token: str = _setting("", str, "Diia partner token.", secret=True)
    diia_templates: Mapping[str, str] = _setting(
        "",
        _read_templates,
        "TOML file: our template names and Diia's ids. Empty: templates are created when first needed.",
    )
    smscs: tuple[Smsc, ...] = _setting(
        "", _read_smscs, "Operators' SMSCs, the preferred first: smpp://id:password@host:port?name=… …", secret=True
    )
    requests_per_min: int = _setting("60000", _read_count, "Requests that one caller may make in a minute.")
    codes_per_caller: int = _setting(
        str(CODES_PER_CALLER),
        _read_count,
        "Codes that one caller may have sent in ten minutes; a tenth as many may be told wrongly.",
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
    if any(":" not in pair for pair in values["viber_callback_credentials"]):
        faults.append(f"{PREFIX}VIBER_CALLBACK_CREDENTIALS: each must be user:password")
    names = [smsc.name for smsc in values["smscs"]]
    if len(set(names)) != len(names):
        faults.append(f"{PREFIX}SMSCS: names must differ; set ?name= in each")
    return faults
