"""What an installation has by its settings: its folder, keys, policies, texts and providers.

What belongs here: from settings to values that files hold, with the errors of those files. What does not: reading the
environment (``settings``), running objects (``wiring``).
"""

from importlib import resources
from pathlib import Path

from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.policy import Policies, load_policies
from esoz_notify.render.texts import Texts, builtin_texts, load_texts
from esoz_notify.settings import Settings, environment_for_child
from esoz_notify.store.key_sources import keys_of_command, keys_of_text
from esoz_notify.store.vault import Keys, load_or_create_keys


def read_policies(settings: Settings) -> Policies:
    """Policies of the file, or the built-in ones, proved against the providers that are configured."""
    text, source = policies_text(settings)
    return load_policies(text, source=source, providers=configured_providers(settings))


def policies_text(settings: Settings) -> tuple[str, str]:
    """The policies file as text, and what to call it in errors."""
    if settings.policies_file is not None:
        return _read_file(settings.policies_file, "policies"), str(settings.policies_file)
    return (resources.files("esoz_notify") / "policies.toml").read_text(encoding="utf-8"), "built-in policies"


def read_keys(settings: Settings) -> Keys:
    """The keys document, from the one source that is set; a plain file is made at the first use."""
    if settings.keys:
        return keys_of_text(settings.keys)
    if settings.keys_command and settings.keys_file is not None:
        return keys_of_command(settings.keys_command, settings.keys_file, environment_for_child())
    folder = data_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    return load_or_create_keys(settings.keys_file or folder / "keys.json")


def read_texts(settings: Settings) -> Texts:
    """Texts of the file, or the built-in ones, checked."""
    if settings.texts_file is None:
        return builtin_texts()
    return load_texts(_read_file(settings.texts_file, "texts"), source=str(settings.texts_file))


def configured_providers(settings: Settings) -> dict[Channel, tuple[str, ...]]:
    """Names of the providers of each channel, the preferred first."""
    providers: dict[Channel, tuple[str, ...]] = {}
    if settings.diia_url:
        providers[Channel.DIIA] = ("diia",)
    if settings.viber_url:
        providers[Channel.VIBER] = ("infobip",)
    if settings.smscs:
        providers[Channel.SMS] = tuple(smsc.name for smsc in settings.smscs)
    for one in settings.providers:
        providers[one.channel] = (*providers.get(one.channel, ()), one.name)
    return providers


def data_folder(settings: Settings) -> Path:
    """Where this installation keeps what is its own."""
    if settings.data is not None:
        return settings.data
    return Path("~/.local/share/esoz-notify").expanduser()


def audit_files(settings: Settings) -> tuple[Path, Path]:
    """The key of the audit's anchors and the file of their copies: beside the keys unless told otherwise."""
    beside = settings.keys_file or data_folder(settings) / "keys.json"
    return (
        settings.audit_key_file or beside.with_name("audit-key.pem"),
        settings.audit_anchors_file or beside.with_name("audit-anchors.jsonl"),
    )


def own_url(settings: Settings) -> str:
    """Where the API listens, as a URL."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls_certificate else 'http'}://{host}:{settings.port}"


def _read_file(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the {what} file {path} cannot be read: {error}") from error
