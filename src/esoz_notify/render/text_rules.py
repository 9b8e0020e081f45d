"""The rules that the words of a template must keep, proved at load and wherever words are written.

What belongs here: the rules, and the sentence for each that is broken. What does not: how a template is filled
(``templates``), where its words come from (``texts``).
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from esoz_notify.core.sms_text import count
from esoz_notify.render.templates import PLACEHOLDER, Template, fill, longest, viber_form

VIBER_BODY_LENGTH_MAX = 875
VIBER_PARAMETER_COUNT_MAX = 8
VIBER_PARAMETER_NAME_LENGTH_MAX = 50
"""Limits of a Viber template (Infobip OpenAPI 3.210.0, Viber templates; the shorter of its two body limits)."""

DIIA_TITLE_LENGTH_MAX = 60
DIIA_SHORT_LENGTH_MAX = 200
DIIA_FULL_LENGTH_MAX = 2048
"""Limits of a Diia notification template (Diia notifications API of the national registries platform, 1.9.7)."""

FOR_OTHER = "for_other"
IN_LINES = frozenset({"viber", "diia_full"})
"""Texts that may have several lines."""
WORD_KEYS = ("sms", "viber", "diia_title", "diia_short", "diia_full")

SMS_LENGTH_MAX = 670
"""Ten parts in Ukrainian letters: nobody reads more in a message."""

_UNSEEN = frozenset({"Cc", "Cs", "Co", "Cn"})
# Letters that a button phone can draw: Ukrainian, and ASCII without the characters that GSM 03.38 escapes.
_SMS_LETTERS = re.compile(r"[А-ЩЬЮЯҐЄІЇа-щьюяґєії A-Za-z0-9.,:;!?()'\"/+=%&*#@_-]*")
YOURS = re.compile(r"\b(ваш\w*|вам|вас|your|you have|(?<!close )to you|for you)\b", re.IGNORECASE)

SENTENCES: Mapping[str, str] = {
    "empty": "{key} is empty; write it",
    "unreadable": "{key} has a character that nobody sees or a line break where one line is shown; take it out",
    "unknown": "{key} uses {{{name}}}, which is not among its data: {wanted}",
    "unused": "{key} does not use {{{name}}}",
    "brace": "{key} has a brace that is not part of a placeholder {{name}}",
    "brace_locked": "{key} has a brace; a locked phone shows this text, so no data belongs in it",
    "letters": "sms has a letter that old phones cannot show; use Ukrainian or Latin letters and plain punctuation",
    "segments": (
        "sms takes {units} units in {parts} parts with the longest data, and sms_segments allows {allowed}; shorten it"
    ),
    "segments_range": "sms_segments must be 1 to {allowed}",
    "length": "{key} has {length} characters and {allowed} are allowed; shorten it",
    "parameters": "viber has {count} parameters and {allowed} are allowed",
    "parameter_name": "viber has a parameter whose name is longer than {allowed}",
    "ends": "viber ends with a placeholder; put words after it",
    "yours": "{key} says 'your', and it goes to another person than the patient; say it without",
    "needs_other": "says 'your', so [{name}] must be written too",
}
"""By the code of a rule, the sentence about a template that breaks it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken rule. ``key``: of which text; ``values``: what its sentence is filled with."""

    key: str
    code: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return SENTENCES[self.code].format(key=self.key, **self.values)


def faults(template: Template) -> list[Fault]:
    """Every rule that the template breaks by itself."""
    checks = (_readable, _placeholders, _sms, _viber, _diia, _others)
    return [fault for check in checks for fault in check(template)]


def needs_other(template: Template, names: Collection[str]) -> list[Fault]:
    """The texts that say 'your' although nothing else is written for another person than the patient."""
    other = other_of(template.name)
    if other in {template.name, *names}:
        return []
    return [Fault(key, "needs_other", {"name": other}) for key in _says_yours(template)]


def other_of(name: str) -> str:
    """The name of the template that another person than the patient gets instead; its own when it is that one."""
    kind, language, *variant = name.split(".")
    if variant and variant[0].startswith(FOR_OTHER):
        return name
    return f"{kind}.{language}.{'_'.join([FOR_OTHER, *variant])}"


def _says_yours(template: Template) -> list[str]:
    return [key for key in WORD_KEYS if YOURS.search(getattr(template, key))]


def _readable(template: Template) -> Iterator[Fault]:
    for key in WORD_KEYS:
        words: str = getattr(template, key)
        if not words.strip():
            yield Fault(key, "empty")
        if any(unicodedata.category(one) in _UNSEEN for one in (words.replace("\n", "") if key in IN_LINES else words)):
            yield Fault(key, "unreadable")


def _placeholders(template: Template) -> Iterator[Fault]:
    wanted = [item.name for item in template.fields]
    for key in ("sms", "viber", "diia_full"):
        words: str = getattr(template, key)
        found = PLACEHOLDER.findall(words)
        for extra in sorted(set(found) - set(wanted)):
            yield Fault(key, "unknown", {"name": extra, "wanted": ", ".join(wanted)})
        for unused in [item for item in wanted if item not in found]:
            yield Fault(key, "unused", {"name": unused})
        if re.search(r"[{}]", PLACEHOLDER.sub("", words)):
            yield Fault(key, "brace")
    for key in ("diia_title", "diia_short"):
        if re.search(r"[{}]", getattr(template, key)):
            yield Fault(key, "brace_locked")


def _sms(template: Template) -> Iterator[Fault]:
    if not _SMS_LETTERS.fullmatch(PLACEHOLDER.sub("", template.sms)):
        yield Fault("sms", "letters")
    words = fill(template.sms, {item.name: longest(item) for item in template.fields})
    if len(words) > SMS_LENGTH_MAX:
        yield Fault("sms", "length", {"length": len(words), "allowed": SMS_LENGTH_MAX})
        return
    counted = count(words)
    if counted.segment_count > template.sms_segments:
        values = {"units": counted.unit_count, "parts": counted.segment_count, "allowed": template.sms_segments}
        yield Fault("sms", "segments", values)


def _viber(template: Template) -> Iterator[Fault]:
    length = len(viber_form(template.viber))
    if length > VIBER_BODY_LENGTH_MAX:
        yield Fault("viber", "length", {"length": length, "allowed": VIBER_BODY_LENGTH_MAX})
    if len(template.fields) > VIBER_PARAMETER_COUNT_MAX:
        yield Fault("viber", "parameters", {"count": len(template.fields), "allowed": VIBER_PARAMETER_COUNT_MAX})
    if any(len(item.name) > VIBER_PARAMETER_NAME_LENGTH_MAX for item in template.fields):
        yield Fault("viber", "parameter_name", {"allowed": VIBER_PARAMETER_NAME_LENGTH_MAX})
    if re.search(r"\}\W*$", template.viber):
        yield Fault("viber", "ends")


def _diia(template: Template) -> Iterator[Fault]:
    full = fill(template.diia_full, {item.name: longest(item) for item in template.fields})
    for key, words, length_max in (
        ("diia_title", template.diia_title, DIIA_TITLE_LENGTH_MAX),
        ("diia_short", template.diia_short, DIIA_SHORT_LENGTH_MAX),
        ("diia_full", full, DIIA_FULL_LENGTH_MAX),
    ):
        length = max(len(words), len(getattr(template, key)))  # registered unfilled: names may be longer than values
        if length > length_max:
            yield Fault(key, "length", {"length": length, "allowed": length_max})


def _others(template: Template) -> Iterator[Fault]:
    if template.name == other_of(template.name):
        yield from (Fault(key, "yours") for key in _says_yours(template))
