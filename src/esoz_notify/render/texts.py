"""The texts of messages: read from ``texts.toml``, proved at load, filled with the data of one notification.

What belongs here: the rules a text must keep and how data becomes words. What does not: which channel is used
(``core``) and how a provider takes a template (``channels``).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources
from itertools import combinations

from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.kinds import KINDS, Field, Kind
from esoz_notify.core.numbers import GROUP_LENGTH, GROUPED, NumberFormat
from esoz_notify.core.sms_text import count
from esoz_notify.core.toml import read_toml

LANGUAGES = ("uk", "en")
DEFAULT_LANGUAGE = "uk"

VIBER_BODY_LENGTH_MAX = 875
VIBER_PARAMETER_COUNT_MAX = 8
VIBER_PARAMETER_NAME_LENGTH_MAX = 50
"""Limits of a Viber template (Infobip OpenAPI 3.210.0, Viber templates; the shorter of its two body limits)."""

DIIA_TITLE_LENGTH_MAX = 60
DIIA_SHORT_LENGTH_MAX = 200
DIIA_FULL_LENGTH_MAX = 2048
"""Limits of a Diia notification template (Diia notifications API of the national registries platform, 1.9.7)."""

HIDDEN = "••••"
"""Stands for a datum that is not shown."""

_CODE_LENGTH_MAX = 8
_DATE_LENGTH = len("22.11.2026")
_KEYS = {"sms": str, "sms_segments": int, "viber": str, "diia_title": str, "diia_short": str, "diia_full": str}
_OPTIONAL_KEYS = frozenset({"sms_segments", "diia_full"})
_FOR_OTHER = "for_other"
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
# Letters that a button phone can draw: Ukrainian, and ASCII without the characters that GSM 03.38 escapes.
_SMS_LETTERS = re.compile(r"[А-ЩЬЮЯҐЄІЇа-щьюяґєії A-Za-z0-9.,:;!?()'\"/+=%&*#@_-]*")
_YOURS = re.compile(r"\b(ваш\w*|вам|вас|your|you have|(?<!close )to you|for you)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One section of the file. ``fields``: the placeholders of every one of its texts, in the order of the kind."""

    name: str
    fields: tuple[Field, ...]
    sms: str
    sms_segments: int
    viber: str
    diia_title: str
    diia_short: str
    diia_full: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A message ready to be given to a channel: for those that take templates and for those that take text."""

    template: str
    parameters: dict[str, str] = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Texts:
    """All templates by their stable names (``prescription_issued.uk.without_verification_code``)."""

    templates: Mapping[str, Template]

    def message(
        self, kind_name: str, channel: Channel, language: str, data: Mapping[str, str], *, for_other: bool = False
    ) -> Rendered:
        """Fill the template of a kind with a notification's data.

        ``data`` has passed intake: it holds what the kind needs, normalised. An unknown language gets Ukrainian.
        ``for_other``: the message goes to another person than the patient. Raises KeyError for an unknown kind and
        ValueError for a required datum that is missing and for paper, which has no message.
        """
        kind = KINDS[kind_name]
        missing = {item.name for item in kind.fields if not data.get(item.name)}
        for item in kind.fields:
            if item.required and item.name in missing:
                raise ValueError(f"{kind_name} needs {item.name}; intake must have refused this notification")
        template = self._template(kind, language, missing, for_other=for_other)
        parameters = {item.name: _shown(item, data[item.name]) for item in template.fields}
        return Rendered(template=template.name, parameters=parameters, text=_fill(_body(template, channel), parameters))

    def shape(
        self, kind_name: str, channel: Channel, language: str, missing: set[str], *, for_other: bool = False
    ) -> tuple[str, str]:
        """Title and text of a message with every datum hidden; only Diia's have a title.

        ``missing``: the data that this notification has not. Raises ValueError for paper.
        """
        template = self._template(KINDS[kind_name], language, missing, for_other=for_other)
        hidden = {item.name: _hidden(item) for item in template.fields}
        title = template.diia_title if channel is Channel.DIIA else ""
        return title, _fill(_body(template, channel), hidden)

    def viber_templates(self) -> Mapping[str, str]:
        """Bodies to be approved by Viber, by template name, with placeholders as ``{{name}}``."""
        return {name: _PLACEHOLDER.sub(r"{{\1}}", template.viber) for name, template in self.templates.items()}

    def diia_templates(self) -> Mapping[str, tuple[str, str, str]]:
        """Title, short text and full text to be published in Diia, by template name, placeholders as ``{name}``."""
        return {
            name: (template.diia_title, template.diia_short, template.diia_full)
            for name, template in self.templates.items()
        }

    def _template(self, kind: Kind, language: str, missing: set[str], *, for_other: bool) -> Template:
        base = f"{kind.name}.{language if language in LANGUAGES else DEFAULT_LANGUAGE}"
        if for_other:
            template = self.templates.get(_name(base, _variant(kind, missing, for_other=True)))
            if template is not None:
                return template
        return self.templates[_name(base, _variant(kind, missing, for_other=False))]


@cache
def builtin_texts() -> Texts:
    """The texts that come with the package, proved once per process. Raises ConfigError if the file was spoilt."""
    file = resources.files(__package__).joinpath("texts.toml")
    return load_texts(file.read_text("utf-8"), source="texts.toml")


def load_texts(text: str, *, source: str) -> Texts:
    """Read and prove a file of texts.

    ``source`` names the file in errors. Raises ConfigError with every broken rule, each with its section.
    """
    try:
        tables = read_toml(text)
    except ValueError as error:
        raise ConfigError(f"{source} is not TOML: {error}") from error
    templates: dict[str, Template] = {}
    problems = [f"[{name}] is not a kind of notification; remove it" for name in sorted(tables.keys() - KINDS.keys())]
    for kind in KINDS.values():
        problems.extend(_read_kind(kind, tables.get(kind.name, {}), templates))
    if problems:
        raise ConfigError(f"{source}: " + "; ".join(problems))
    return Texts(templates)


def _read_kind(kind: Kind, table: object, templates: dict[str, Template]) -> Iterator[str]:
    languages = table if isinstance(table, dict) else {}
    for extra in sorted(languages.keys() - set(LANGUAGES)):
        yield f"[{kind.name}.{extra}] is not a language; use {' or '.join(LANGUAGES)}"
    for language in LANGUAGES:
        yield from _read_language(kind, f"{kind.name}.{language}", languages.get(language, {}), templates)


def _read_language(kind: Kind, base: str, table: object, templates: dict[str, Template]) -> Iterator[str]:
    section = table if isinstance(table, dict) else {}
    own = {key: value for key, value in section.items() if not isinstance(value, dict)}
    variants = {key: value for key, value in section.items() if isinstance(value, dict)} | {"": own}
    known = _missing_by_variant(kind)
    for extra in sorted(variants.keys() - known.keys()):
        yield f"[{base}.{extra}] is not a variant of this kind; it has {', '.join(sorted(known)[1:])}"
    for variant, missing in known.items():
        name = _name(base, variant)
        if variants.get(variant):
            fields = tuple(item for item in kind.fields if item.name not in missing)
            yield from _read_section(name, fields, variants[variant], templates)
        elif not variant.startswith(_FOR_OTHER):
            yield f"[{name}] is missing; write it"
    for variant, missing in known.items():
        template = templates.get(_name(base, variant))
        other = _name(base, _variant(kind, missing, for_other=True))
        if template is not None and other not in templates and _YOURS.search(_all_words(template)):
            yield f"[{template.name}] says 'your', so [{other}] must be written too"


def _read_section(
    name: str, fields: tuple[Field, ...], section: Mapping[str, object], templates: dict[str, Template]
) -> Iterator[str]:
    wrong = list(_wrong_keys(name, section))
    if wrong:
        yield from wrong
        return
    words = {key: str(value).strip() for key, value in section.items() if key != "sms_segments"}
    segments = section.get("sms_segments", 1)
    template = Template(
        name=name,
        fields=fields,
        sms=words["sms"],
        sms_segments=segments if isinstance(segments, int) else 1,
        viber=words["viber"],
        diia_title=words["diia_title"],
        diia_short=words["diia_short"],
        diia_full=words.get("diia_full", words["viber"]),
    )
    templates[name] = template
    for check in (_wrong_placeholders, _wrong_sms, _wrong_viber, _wrong_diia):
        yield from (f"[{name}] {problem}" for problem in check(template))


def _wrong_keys(name: str, section: Mapping[str, object]) -> Iterator[str]:
    for key in sorted(section.keys() - _KEYS.keys()):
        yield f"[{name}] {key} is not a key of a text; it has {', '.join(_KEYS)}"
    for key, kind in _KEYS.items():
        value = section.get(key)
        if key not in section:
            if key not in _OPTIONAL_KEYS:
                yield f"[{name}] {key} is missing; write it"
        elif type(value) is not kind or not value:
            yield f"[{name}] {key} must be a {'text' if kind is str else 'number from 1'} and not empty"


def _wrong_placeholders(template: Template) -> Iterator[str]:
    wanted = [item.name for item in template.fields]
    for key, words in (("sms", template.sms), ("viber", template.viber), ("diia_full", template.diia_full)):
        found = _PLACEHOLDER.findall(words)
        for extra in sorted(set(found) - set(wanted)):
            yield f"{key} uses {{{extra}}}, which is not among its data: {', '.join(wanted)}"
        for unused in [item for item in wanted if item not in found]:
            yield f"{key} does not use {{{unused}}}"
        if re.search(r"[{}]", _PLACEHOLDER.sub("", words)):
            yield f"{key} has a brace that is not part of a placeholder {{name}}"
    for key, words in (("diia_title", template.diia_title), ("diia_short", template.diia_short)):
        if re.search(r"[{}]", words):
            yield f"{key} has a brace; a locked phone shows this text, so no data belongs in it"


def _wrong_sms(template: Template) -> Iterator[str]:
    if not _SMS_LETTERS.fullmatch(_PLACEHOLDER.sub("", template.sms)):
        yield "sms has a letter that old phones cannot show; use Ukrainian or Latin letters and plain punctuation"
    counted = count(_fill(template.sms, {item.name: _longest(item) for item in template.fields}))
    if counted.segment_count > template.sms_segments:
        yield (
            f"sms takes {counted.unit_count} units in {counted.segment_count} parts with the longest data, and "
            f"sms_segments allows {template.sms_segments}; shorten it"
        )


def _wrong_viber(template: Template) -> Iterator[str]:
    length = len(_PLACEHOLDER.sub(r"{{\1}}", template.viber))
    if length > VIBER_BODY_LENGTH_MAX:
        yield f"viber has {length} characters and {VIBER_BODY_LENGTH_MAX} are allowed; shorten it"
    if len(template.fields) > VIBER_PARAMETER_COUNT_MAX:
        yield f"viber has {len(template.fields)} parameters and {VIBER_PARAMETER_COUNT_MAX} are allowed"
    if any(len(item.name) > VIBER_PARAMETER_NAME_LENGTH_MAX for item in template.fields):
        yield f"viber has a parameter whose name is longer than {VIBER_PARAMETER_NAME_LENGTH_MAX}"
    if re.search(r"\}\W*$", template.viber):
        yield "viber ends with a placeholder; put words after it"


def _wrong_diia(template: Template) -> Iterator[str]:
    for key, words, length_max in (
        ("diia_title", template.diia_title, DIIA_TITLE_LENGTH_MAX),
        ("diia_short", template.diia_short, DIIA_SHORT_LENGTH_MAX),
        ("diia_full", _fill(template.diia_full, {f.name: _longest(f) for f in template.fields}), DIIA_FULL_LENGTH_MAX),
    ):
        if len(words) > length_max:
            yield f"{key} has {len(words)} characters and {length_max} are allowed; shorten it"


def _missing_by_variant(kind: Kind) -> dict[str, frozenset[str]]:
    """Every variant a kind can have, with the optional fields that are absent in it; the plain ones come first."""
    optional = [item.name for item in kind.fields if not item.required]
    absent = [frozenset(names) for size in range(len(optional) + 1) for names in combinations(optional, size)]
    return {_variant(kind, missing, for_other=for_other): missing for for_other in (False, True) for missing in absent}


def _variant(kind: Kind, missing: frozenset[str] | set[str], *, for_other: bool) -> str:
    parts = [_FOR_OTHER] if for_other else []
    parts += [f"without_{item.name}" for item in kind.fields if item.name in missing]
    return "_".join(parts)


def _name(base: str, variant: str) -> str:
    return f"{base}.{variant}" if variant else base


def _body(template: Template, channel: Channel) -> str:
    match channel:
        case Channel.SMS:
            return template.sms
        case Channel.VIBER:
            return template.viber
        case Channel.DIIA:
            return template.diia_full
        case Channel.PRINT:
            raise ValueError("paper has no message: the information summary is rendered instead")


def _fill(words: str, parameters: Mapping[str, str]) -> str:
    # One pass, so that a brace inside a value can never be taken for a placeholder.
    return _PLACEHOLDER.sub(lambda found: parameters.get(found[1], found[0]), words)


def _shown(item: Field, value: str) -> str:
    """A datum as people read it: a date as 22.11.2026, everything else as it is."""
    if item.format is NumberFormat.DATE:
        return f"{date.fromisoformat(value):%d.%m.%Y}"
    return value


def _longest(item: Field) -> str:
    match item.format:
        case None:
            return "Щ" * item.length_max  # a Ukrainian letter, because one of them makes the whole SMS UCS-2
        case NumberFormat.CODE:
            return "0" * _CODE_LENGTH_MAX
        case NumberFormat.DATE:
            return "0" * _DATE_LENGTH
        case grouped:
            return "-".join(["X" * GROUP_LENGTH] * (GROUPED[grouped].length // GROUP_LENGTH))


def _hidden(item: Field) -> str:
    """As many dots as people expect there, in groups of four."""
    groups = GROUPED[item.format].length // GROUP_LENGTH if item.format in GROUPED else 1
    return "-".join([HIDDEN] * groups)


def _all_words(template: Template) -> str:
    return "\n".join((template.sms, template.viber, template.diia_title, template.diia_short, template.diia_full))
