"""From a table of the providers file to an adapter, or to an error that names the provider and the field."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.toml import read_toml
from esoz_notify.provider_file import FurtherProvider
from esoz_notify.wiring_providers import KINDS, further

DOCS = Path(__file__).parents[1] / "docs"


def table(kind: str, **more: Any) -> FurtherProvider:
    given: dict[str, Any] = {"name": "one", "channel": Channel.SMS, "url": "https://a.example", "options": {}, **more}
    return FurtherProvider(kind=kind, **given)


TURBO = {"token": "SECRET", "sender": "E-health"}


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (table("pigeon"), f"provider one: kind must be one of {', '.join(sorted(KINDS))}"),
        (table("turbosms", options={"token": "SECRET"}), "provider one: sender is missing"),
        (table("turbosms", options={**TURBO, "colour": "x"}), "provider one: colour is no field of turbosms"),
        (table("turbosms", options={**TURBO, "token": 5}), "provider one: token must be a text"),
        (table("turbosms", options={**TURBO, "transactional": "no"}), "transactional must be true or false"),
        (table("http-sms", options={"id": "id"}), "provider one: send: is missing"),
        (table("vonage", options={"sender": "E-health"}), "provider one: signature_secret is missing"),
        (table("hyber"), "provider one: report_url is missing"),
    ],
)
def test_what_breaks_a_rule_is_named(wrong: FurtherProvider, fault: str) -> None:
    """Before anything starts, and without a value."""
    with pytest.raises(ConfigError, match=fault) as raised:
        further(wrong)
    assert "SECRET" not in raised.value.detail


def described(**more: Any) -> dict[str, Any]:
    (page,) = _tables(DOCS / "providers" / "http-sms.md")
    return {name: value for name, value in page.items() if name not in _SHARED} | more


_SHARED = {field.name for field in fields(FurtherProvider)} - {"options"}


def test_who_reports_must_show_who_it_is() -> None:
    """A gateway that calls back without a proof of its own needs a credential; and its channel is SMS."""
    with pytest.raises(ConfigError, match="provider one: callback_credentials is missing"):
        further(table("http-sms", options=described()))
    good: dict[str, Any] = {"options": described(), "callback_credentials": ("user:password",)}
    with pytest.raises(ConfigError, match="provider one: channel must be sms for http-sms"):
        further(table("http-sms", channel=Channel.VIBER, **good))
    assert further(table("http-sms", **good)).capabilities.callback


def _tables(page: Path) -> list[dict[str, Any]]:
    """Tables of providers that a page gives as examples."""
    blocks = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return [one for block in blocks for one in read_toml(block).get("provider", [])]


def test_the_examples_of_the_pages_are_providers() -> None:
    """Every table that a page of the providers shows can be used as it stands."""
    made = {}
    for page in sorted((DOCS / "providers").glob("*.md")):
        for given in _tables(page):
            shared = {name: given.pop(name) for name in _SHARED & set(given)}
            shared["channel"] = Channel(shared["channel"])
            adapter = further(FurtherProvider(**shared, options=given))
            made[adapter.name] = shared["kind"]
    assert set(made.values()) == set(KINDS)
