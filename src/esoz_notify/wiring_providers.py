"""From settings to the ways to providers: adapters, where their APIs are, links to SMSCs, and what is agreed with each.

What belongs here: which setting becomes which provider. What does not: building the rest of the product (``wiring``),
a provider's words (``channels``).
"""

from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from typing import TypeVar

from esoz_notify.channels import diia, http_sms, hyber, infobip, turbosms, vonage
from esoz_notify.channels.dialogue import Adapter
from esoz_notify.channels.http_sms_form import read_account
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.engine.gateway import Endpoint, reports_of
from esoz_notify.engine.probing import Target
from esoz_notify.engine.provider_board import Contract
from esoz_notify.engine.wording import Wording
from esoz_notify.installation import configured_providers, own_url
from esoz_notify.provider_file import FurtherProvider
from esoz_notify.settings import Settings

Account = TypeVar("Account")


def callback_credentials(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Per provider that calls back, the credentials that are good now."""
    return {
        "infobip": settings.viber_callback_credentials,
        **{one.name: one.callback_credentials for one in settings.providers},
    }


def adapters(settings: Settings, wording: Wording) -> list[Adapter]:
    """Every provider that is reached by HTTP, the preferred of a channel first."""
    found = []
    if settings.diia_url:
        account = diia.DiiaAccount(partner_token=settings.diia_partner_token, templates=wording.diia_templates)
        found.append(diia.adapter(account))
    if settings.viber_url:
        sender = infobip.InfobipAccount(
            api_key=settings.viber_api_key,
            sender=settings.viber_sender,
            templates=wording.viber_ids,
            callback_url=f"{public_url(settings)}/callbacks/infobip",
        )
        found.append(infobip.adapter(sender))
    return [*found, *(further(one) for one in settings.providers)]


def further(table: FurtherProvider) -> Adapter:
    """The adapter of a table of the providers file. Raises ConfigError naming the provider and the field."""
    make = KINDS.get(table.kind)
    if make is None:
        raise ConfigError(f"provider {table.name}: kind must be one of {', '.join(sorted(KINDS))}")
    made = make(table)
    if made.read_callback is not None and made.prove is None and not table.callback_credentials:
        raise ConfigError(f"provider {table.name}: callback_credentials is missing: anybody could report to us")
    if made.capabilities.channel is not table.channel:
        raise ConfigError(f"provider {table.name}: channel must be {made.capabilities.channel} for {table.kind}")
    return made


def _http_sms(table: FurtherProvider) -> Adapter:
    return http_sms.adapter(read_account(table.name, table.options))


def _turbosms(table: FurtherProvider) -> Adapter:
    return turbosms.adapter(_account(turbosms.TurboSmsAccount, table, channel=table.channel))


def _vonage(table: FurtherProvider) -> Adapter:
    return vonage.adapter(_account(vonage.VonageAccount, table, channel=table.channel))


def _hyber(table: FurtherProvider) -> Adapter:
    if not table.report_url:
        raise ConfigError(f"provider {table.name}: report_url is missing: nobody would tell what became of a message")
    return hyber.adapter(_account(hyber.HyberAccount, table, channel=table.channel))


KINDS: Mapping[str, Callable[[FurtherProvider], Adapter]] = {
    "http-sms": _http_sms,
    "hyber": _hyber,
    "turbosms": _turbosms,
    "vonage": _vonage,
}
"""What a table of the providers file can be."""


def _account(account: Callable[..., Account], table: FurtherProvider, **given: object) -> Account:
    """An account whose fields are the table's own and those that are given. Raises ConfigError naming the field."""
    wanted = {name: one for name, one in signature(account).parameters.items() if name != "name" and name not in given}
    for name, one in wanted.items():
        if one.default is Parameter.empty and name not in table.options:
            raise ConfigError(f"provider {table.name}: {name} is missing")
    for name, value in table.options.items():
        if name not in wanted:
            raise ConfigError(f"provider {table.name}: {name} is no field of {table.kind}; {', '.join(wanted)} are")
        if not isinstance(value, wanted[name].annotation):
            raise ConfigError(f"provider {table.name}: {name} must be {_TYPES[wanted[name].annotation]}")
    return account(name=table.name, **given, **table.options)


_TYPES: Mapping[type, str] = {str: "a text", bool: "true or false"}


def endpoints(settings: Settings) -> dict[str, Endpoint]:
    """Where the API of each provider is, and where it tells what became of messages if that is elsewhere."""
    given = {
        "infobip": (settings.viber_url, settings.viber_ca_file),
        "diia": (settings.diia_url, settings.diia_ca_file),
    }
    given |= {one.name: (one.url, one.ca_file) for one in settings.providers}
    given |= {reports_of(one.name): (one.report_url, one.ca_file) for one in settings.providers}
    return {
        name: Endpoint(base_url=url, ca_file=ca_file, networks=settings.provider_networks)
        for name, (url, ca_file) in given.items()
        if url
    }


def contracts(settings: Settings) -> list[Contract]:
    """What is agreed with each provider, as the settings have it."""
    agreed = {smsc.name: (smsc.window_size, smsc.submit_rate_per_s) for smsc in settings.smscs}
    return [
        Contract(name=name, channel=channel, window_size=limits[0], rate_per_s=limits[1])
        for channel, names in configured_providers(settings).items()
        for name in names
        for limits in [agreed.get(name, (None, None))]
    ]


def probe_targets(settings: Settings) -> list[Target]:
    """Every provider that has a test phone; Diia knows people by their tax numbers alone."""
    phones = {one.provider: one for one in settings.probes}
    return [
        Target(provider=contract.name, channel=contract.channel, phone=own.phone, tax_id=own.tax_id)
        for contract in contracts(settings)
        for own in [phones.get(contract.name) or phones.get("")]
        if own is not None and (contract.channel is not Channel.DIIA or own.tax_id)
    ]


def public_url(settings: Settings) -> str:
    """How the service is reached from outside, without a slash at the end."""
    return (settings.public_url or own_url(settings)).rstrip("/")
