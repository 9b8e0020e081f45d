"""One template of a message: its words for each channel, and how data fills them.

What belongs here: placeholders, values as people read them, the longest and the exemplary values. What does not: the
rules that words must keep (``text_rules``), the file and the choice of a template (``texts``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from esoz_notify.core.channel import Channel
from esoz_notify.core.kinds import Field
from esoz_notify.core.numbers import GROUP_LENGTH, GROUPED, NumberFormat

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
CODE_LENGTH_MAX = 8

_DATE_LENGTH = len("22.11.2026")
_EXEMPLARY: Mapping[NumberFormat, str] = {
    NumberFormat.CODE: "4821",
    NumberFormat.DATE: "2026-11-22",
    NumberFormat.PRESCRIPTION: "0000-243P-1X53-EH38",
    NumberFormat.REQUISITION: "0123-4567-89AB-CEIK",
    NumberFormat.DECLARATION: "0000-243P-1X53",
    NumberFormat.DEVICE_REQUEST: "0123-4567-89AB-CEIK",
}
_EXEMPLARY_WORDS = {
    "purpose": {"uk": "декларація з лікарем", "en": "declaration with a doctor"},
    "body": {"uk": "Це приклад повідомлення ЕСОЗ.", "en": "This is an example of a message."},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One section of the file. ``fields``: the placeholders of every one of its texts, in the order of the kind.

    ``version``: the number under which its words were published; 0 are those of the file.
    """

    name: str
    version: int = 0
    fields: tuple[Field, ...]
    sms: str
    sms_segments: int
    viber: str
    diia_title: str
    diia_short: str
    diia_full: str

    @property
    def id(self) -> str:
        """By what providers' templates are found: words that differ have ids that differ."""
        return f"{self.name}@{self.version}" if self.version else self.name

    @property
    def language(self) -> str:
        """The language of its words."""
        return self.name.split(".")[1]

    @property
    def diia(self) -> tuple[str, str, str]:
        """Title, short text and full text."""
        return self.diia_title, self.diia_short, self.diia_full

    def body(self, channel: Channel) -> str:
        """The words of a channel. Raises ValueError for paper, which has no message."""
        match channel:
            case Channel.SMS:
                return self.sms
            case Channel.VIBER:
                return self.viber
            case Channel.DIIA:
                return self.diia_full
            case Channel.PRINT:
                raise ValueError("paper has no message: the information summary is rendered instead")


def fill(words: str, parameters: Mapping[str, str]) -> str:
    """Words with values in place of placeholders; in one pass, so that no value is taken for a placeholder."""
    return PLACEHOLDER.sub(lambda found: parameters.get(found[1], found[0]), words)


def shown(item: Field, value: str) -> str:
    """A datum as people read it: a date as 22.11.2026, everything else as it is."""
    if item.format is NumberFormat.DATE:
        return f"{date.fromisoformat(value):%d.%m.%Y}"
    return value


def longest(item: Field) -> str:
    """A value as long as the format allows."""
    match item.format:
        case None:
            return "Щ" * item.length_max  # a Ukrainian letter, because one of them makes the whole SMS UCS-2
        case NumberFormat.CODE:
            return "0" * CODE_LENGTH_MAX
        case NumberFormat.DATE:
            return "0" * _DATE_LENGTH
        case grouped:
            return "-".join(["X" * GROUP_LENGTH] * (GROUPED[grouped].length // GROUP_LENGTH))


def exemplary(item: Field, language: str) -> str:
    """A value as people know it, of nobody."""
    if item.format is None:
        return _EXEMPLARY_WORDS[item.name][language]
    return shown(item, _EXEMPLARY[item.format])


def viber_form(body: str) -> str:
    """A body as it is registered with Viber, its placeholders as ``{{name}}``."""
    return PLACEHOLDER.sub(r"{{\1}}", body)
