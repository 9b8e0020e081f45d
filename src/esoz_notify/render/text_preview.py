"""How a template looks on a phone, filled with values of nobody: as usual, and with the longest there may be.

What belongs here: filling and counting. What does not: drawing handsets (console), the rules of words (``text_rules``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from esoz_notify.core.sms_text import SmsCount, count
from esoz_notify.render.templates import Template, exemplary, fill, longest

SHOWN_MAX = 3_000
"""Longer texts break a rule anyway; of them this much is shown and counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What three phones show. ``counted``: what the SMS costs."""

    sms: str
    counted: SmsCount
    viber: str
    diia_title: str
    diia_short: str
    diia_full: str


def usual(template: Template) -> Preview:
    """With values as people know them."""
    return _filled(template, {item.name: exemplary(item, template.language) for item in template.fields})


def with_longest(template: Template) -> Preview:
    """With values as long as they may be."""
    return _filled(template, {item.name: longest(item) for item in template.fields})


def _filled(template: Template, parameters: Mapping[str, str]) -> Preview:
    sms = fill(template.sms, parameters)[:SHOWN_MAX]
    return Preview(
        sms=sms,
        counted=count(sms),
        viber=fill(template.viber, parameters)[:SHOWN_MAX],
        diia_title=template.diia_title[:SHOWN_MAX],
        diia_short=template.diia_short[:SHOWN_MAX],
        diia_full=fill(template.diia_full, parameters)[:SHOWN_MAX],
    )
