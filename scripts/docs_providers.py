"""The page of providers: what each can do, drawn from what its adapter declares.

What belongs here: that page. What does not: a provider's own page, which is written by hand.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path

from docs_layout import DOCS, life, mark, page, table

from esoz_notify.channels import diia, http_sms, hyber, infobip, smpp, turbosms, vonage
from esoz_notify.channels.dialogue import Adapter, Capabilities
from esoz_notify.channels.http_sms_form import read_account
from esoz_notify.core.channel import Channel
from esoz_notify.core.results import Recovery
from esoz_notify.core.toml import read_toml
from esoz_notify.provider_file import FurtherProvider
from esoz_notify.wiring_providers import KINDS


def providers() -> str:
    """What each provider can do, as its adapter declares it."""
    return page(
        "Providers",
        "What each provider can do, as its adapter declares it in `Capabilities`; the contract that every adapter "
        "keeps (`tests/channels/adapter_contract.py`, `tests/faults/test_provider_contract.py`) proves what is "
        "declared. To add one: [Adding a provider](../adding-a-provider.md).",
        table(
            (
                *("provider", "channel", "is given", "sender", "knows a repeat by", "after a lost answer"),
                *("validity", "messages in a call", "reports by itself", "is asked after", "seen", "price"),
            ),
            (_can(name, told_on, can) for name, (told_on, can) in _capabilities().items()),
        ),
        "- *After a lost answer*: `same key` makes the same call again, which cannot double; `wait, then another` "
        "waits for a receipt and then makes one recorded call to another provider of the channel.\n"
        "- All of them carry Ukrainian letters; a described gateway may be said not to.\n"
        "- None can take a message back that it has accepted: a code that is not needed any more dies by its validity.",
        "## Several providers of a channel",
        "Viber and SMS may have several providers. The preferred is the first: those with settings of their own "
        "(`ESOZ_NOTIFY_VIBER_URL`, `ESOZ_NOTIFY_SMSCS`), then those of the file in its order. What one does not take "
        "for a reason of its own is given to the next at once; so is everything while a provider is spared. A lost "
        "answer stays with the provider that lost it where that one knows our key.",
        "## The file of further providers",
        "`ESOZ_NOTIFY_PROVIDERS` names a TOML file of tables `[[provider]]`. It holds keys of accounts: `chmod 600`, "
        "or `640` for the group of the service. Every process reads it at its start.",
        table(
            ("field", "needed", "meaning"),
            (
                ("`name`", "yes", "its name everywhere: in the ledger, on pages, in the address of its callbacks"),
                ("`kind`", "yes", ", ".join(f"`{kind}`" for kind in sorted(KINDS))),
                ("`channel`", "yes", "`viber` or `sms`"),
                ("`url`", "yes", "base URL of its API; `https://`"),
                ("`report_url`", "by kind", "where it tells what became of messages, if that is another base URL"),
                ("`ca_file`", "no", "authorities (PEM) that its certificate must be from; else those of the system"),
                (
                    "`callback_credentials`",
                    "by kind",
                    "a list of what its callbacks may show, as in [Settings](../settings.md)",
                ),
                ("others", "by kind", "on the page of the provider"),
            ),
        ),
    )


def _capabilities() -> Mapping[str, tuple[str, Capabilities]]:
    """By what a provider is called here: its page, and what its adapter declares for an account with everything on."""
    sms = smpp.SmppAccount(name="smsc", host="a", port=1, system_id="a", password="", source_addr="a")
    viber = infobip.InfobipAccount(api_key="a", sender="a", templates={}, callback_url="a")
    turbo = partial(turbosms.TurboSmsAccount, token="a", sender="a", signature_key="a")  # noqa: S106
    signed = partial(vonage.VonageAccount, sender="a", signature_secret="a" * 16, api_key="a", api_secret="a")  # noqa: S106
    gms = partial(hyber.HyberAccount, client_id="1", login="a", password="a", sender="a", callback_url="a")  # noqa: S106
    described = read_toml(_example(DOCS / "providers" / "http-sms.md"))["provider"][0]
    gate = read_account("gate", {name: value for name, value in described.items() if name not in _SHARED})
    return {
        "Diia": ("diia.md", diia.adapter(diia.DiiaAccount(partner_token="a", templates={})).capabilities),  # noqa: S106
        "Infobip": ("infobip.md", infobip.adapter(viber).capabilities),
        **_of_both("TurboSMS", "turbosms.md", lambda channel: turbosms.adapter(turbo(channel=channel))),
        **_of_both("Vonage", "vonage.md", lambda channel: vonage.adapter(signed(channel=channel))),
        **_of_both("Hyber", "hyber.md", lambda channel: hyber.adapter(gms(channel=channel))),
        "SMPP": ("smpp.md", smpp.capabilities(sms)),
        "HTTP, the example": ("http-sms.md", http_sms.adapter(gate).capabilities),
    }


def _of_both(name: str, told_on: str, make: Callable[[Channel], Adapter]) -> Mapping[str, tuple[str, Capabilities]]:
    """What a provider of Viber and SMS declares by each."""
    channels = {"Viber": Channel.VIBER, "SMS": Channel.SMS}
    return {f"{name}, {word}": (told_on, make(channel).capabilities) for word, channel in channels.items()}


_SHARED = {field.name for field in fields(FurtherProvider)}


def _example(written: Path) -> str:
    return written.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]


def _can(name: str, told_on: str, can: Capabilities) -> tuple[str, ...]:
    shortest, longest = (life(int(one)) for one in (can.validity_min_s, can.validity_max_s))
    gaps = ", ".join(f"{one:g}" for one in can.poll_after_s)
    return (
        f"[{name}]({told_on})",
        f"`{can.channel}`",
        "a template and its data" if can.template_ids else "the text",
        can.sender,
        f"`{can.key_field}`" if can.key_field else "",
        "same key" if can.recovery is Recovery.SAME_KEY else "wait, then another",
        f"{shortest} to {longest}" if can.validity_max_s else "its own",
        str(can.batch_max),
        mark(can.callback),
        f"{gaps} s" if gaps else "",
        mark(can.seen),
        mark(can.price),
    )
