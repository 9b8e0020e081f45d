"""The texts of messages: read from ``texts.toml``, proved at load, filled with the data of one notification.

What belongs here: the file, and which of its templates a message is made of. What does not: the rules a text must keep
(``text_rules``), words that were published since (``wording``), which channel is used (``core``) and how a provider
takes a template (``channels``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import combinations

from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.kinds import KINDS, Field, Kind
from esoz_notify.core.numbers import GROUP_LENGTH, GROUPED
from esoz_notify.core.toml import read_toml
from esoz_notify.render.templates import Template, fill, shown, viber_form
from esoz_notify.render.text_rules import FOR_OTHER, faults, needs_other

LANGUAGES = ("uk", "en")
DEFAULT_LANGUAGE = "uk"

HIDDEN = "••••"
"""Stands for a datum that is not shown."""

_KEYS = {"sms": str, "sms_segments": int, "viber": str, "diia_title": str, "diia_short": str, "diia_full": str}
_OPTIONAL_KEYS = frozenset({"sms_segments", "diia_full"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A message ready to be given to a channel: for those that take templates and for those that take text."""

    template: str
    parameters: dict[str, str] = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Texts:
    """All templates by their stable names (``prescription_issued.uk.without_verification_code``).

    ``instead``: by channel and name, what that channel takes its words from while it cannot take the newest.
    """

    templates: Mapping[str, Template]
    instead: Mapping[tuple[Channel, str], Template] = field(default_factory=dict)

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
        template = self.instead.get((channel, template.name), template)
        parameters = {item.name: shown(item, data[item.name]) for item in template.fields}
        return Rendered(template=template.id, parameters=parameters, text=fill(template.body(channel), parameters))

    def viber(self, name: str) -> Template:
        """The template whose Viber body is used for a name."""
        return self.instead.get((Channel.VIBER, name), self.templates[name])

    def shape(
        self, kind_name: str, channel: Channel, language: str, missing: set[str], *, for_other: bool = False
    ) -> tuple[str, str]:
        """Title and text of a message with every datum hidden; only Diia's have a title.

        ``missing``: the data that this notification has not. Raises ValueError for paper.
        """
        template = self._template(KINDS[kind_name], language, missing, for_other=for_other)
        template = self.instead.get((channel, template.name), template)
        hidden = {item.name: _hidden(item) for item in template.fields}
        title = template.diia_title if channel is Channel.DIIA else ""
        return title, fill(template.body(channel), hidden)

    def viber_templates(self) -> Mapping[str, str]:
        """Bodies to be approved by Viber, by template name, with placeholders as ``{{name}}``."""
        return {name: viber_form(template.viber) for name, template in self.templates.items()}

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
        elif not variant.startswith(FOR_OTHER):
            yield f"[{name}] is missing; write it"
    for variant in known:
        template = templates.get(_name(base, variant))
        if template is not None and needs_other(template, templates):
            yield f"[{template.name}] {needs_other(template, templates)[0]}"


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
    yield from (f"[{name}] {fault}" for fault in faults(template))


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


def _missing_by_variant(kind: Kind) -> dict[str, frozenset[str]]:
    """Every variant a kind can have, with the optional fields that are absent in it; the plain ones come first."""
    optional = [item.name for item in kind.fields if not item.required]
    absent = [frozenset(names) for size in range(len(optional) + 1) for names in combinations(optional, size)]
    return {_variant(kind, missing, for_other=for_other): missing for for_other in (False, True) for missing in absent}


def _variant(kind: Kind, missing: frozenset[str] | set[str], *, for_other: bool) -> str:
    parts = [FOR_OTHER] if for_other else []
    parts += [f"without_{item.name}" for item in kind.fields if item.name in missing]
    return "_".join(parts)


def _name(base: str, variant: str) -> str:
    return f"{base}.{variant}" if variant else base


def _hidden(item: Field) -> str:
    """As many dots as people expect there, in groups of four."""
    groups = GROUPED[item.format].length // GROUP_LENGTH if item.format in GROUPED else 1
    return "-".join([HIDDEN] * groups)
