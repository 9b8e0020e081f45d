"""Templates of messages as people are told of them: names of variants, counters, broken rules, what changed.

What belongs here: from the engine's values to words and shapes. What does not: routes (``texts``), fixed words
(``words_texts``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from esoz_notify.console.numerals import money
from esoz_notify.console.texts_words import TEXTS_WORDS
from esoz_notify.console.wording_diff import Piece, pieces
from esoz_notify.core.channel import Channel
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.wording import Version, ViberStanding, Words
from esoz_notify.engine.publishing import Leaf, Line
from esoz_notify.render.labels import Colour
from esoz_notify.render.templates import Template
from esoz_notify.render.text_preview import Preview, usual, with_longest
from esoz_notify.render.text_rules import FOR_OTHER, WORD_KEYS, Fault
from esoz_notify.render.wording import words_of

EXCERPT = 110
_STANDING_COLOURS: Mapping[ViberStanding, Colour] = {
    ViberStanding.NOT_NEEDED: Colour.GREY,
    ViberStanding.TO_SUBMIT: Colour.AMBER,
    ViberStanding.SUBMITTED: Colour.BLUE,
    ViberStanding.APPROVED: Colour.GREEN,
    ViberStanding.REJECTED: Colour.RED,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One template in the list."""

    name: str
    variant: str
    sms: str
    viber: str
    diia: str
    parts: str
    version: str
    standing: str
    colour: Colour
    has_draft: bool
    has_old_viber: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The templates of one kind."""

    kind: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one channel takes. ``parts`` empty: it has none."""

    channel: str
    length: str
    parts: str
    price: str


@dataclass(frozen=True, slots=True)
class Handset:
    """Three phones with the same data. ``key``: which data."""

    key: str
    shown: Preview
    costs: tuple[Cost, ...]

    @property
    def counter(self) -> str:
        """The SMS in one line."""
        sms = self.costs[0]
        return f"{sms.length}, {sms.parts}"


@dataclass(frozen=True, slots=True)
class Change:
    """One text that is not as before."""

    label: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """One version in the history, and what it changed in the one before."""

    version: Version
    changes: tuple[Change, ...]
    is_in_force: bool


def groups(lines: Sequence[Line], lang: str, *, kind: str, language: str) -> list[Group]:
    """The list as it was asked for; empty words ask for all."""
    wanted = [
        one
        for one in lines
        if (not kind or _kind(one.template) == kind) and (not language or one.template.language == language)
    ]
    found = []
    for name in dict.fromkeys(_kind(one.template) for one in wanted):
        rows = tuple(_row(one, lang) for one in wanted if _kind(one.template) == name)
        found.append(Group(name, kind_title(name, lang), rows))
    return found


def kind_title(kind: str, lang: str) -> str:
    """A kind as people call it."""
    row = KINDS[kind]
    return row.title_en if lang == "en" else row.title_uk


def variant(template: Template, lang: str) -> str:
    """For whom and for which data a template is, such as "українською, для близької людини, без коду"."""
    words = TEXTS_WORDS[lang]
    _, language, *variants = template.name.split(".")
    parts = [words[f"language_{language}"]]
    if template.name.partition(f".{FOR_OTHER}")[1]:
        parts.append(words[FOR_OTHER])
    absent = variants[0].removeprefix(FOR_OTHER) if variants else ""
    parts += [words[f"without_{name}"] for name in absent.split("without_") if name.strip("_")]
    return ", ".join(parts if len(parts) > 1 else [*parts, words["whole"]])


def standing(one: ViberStanding, lang: str) -> tuple[str, Colour]:
    """Where a Viber body is: in words, and the colour."""
    return TEXTS_WORDS[lang][f"viber_{one}"], _STANDING_COLOURS[one]


def version(no: int, lang: str) -> str:
    """Which words these are."""
    words = TEXTS_WORDS[lang]
    return words["version"].format(no=no) if no else words["version_file"]


def fault(one: Fault, lang: str) -> str:
    """A broken rule, and how to mend it."""
    return TEXTS_WORDS[lang][f"fault_{one.code}"].format(**one.values)


def label(key: str, lang: str) -> str:
    """What a text of a template is called."""
    return TEXTS_WORDS[lang][f"key_{key}"]


def handsets(template: Template, prices: Mapping[Channel, Decimal], lang: str) -> tuple[Handset, Handset]:
    """The phones, with usual data and with the longest."""
    return _handset("usual", usual(template), prices, lang), _handset("longest", with_longest(template), prices, lang)


def changes(before: Words, after: Words, lang: str) -> tuple[Change, ...]:
    """Every text that differs, word by word."""
    return tuple(_changes(before, after, lang))


def history(leaf: Leaf, lang: str) -> list[Past]:
    """Every version against the one before it, the newest first; the first of all against the file's words."""
    before: dict[int, Words] = {one.no: one.words for one in leaf.versions} | {0: words_of(leaf.own)}
    return [
        Past(
            version=one,
            # What came before the oldest that is shown is not at hand.
            changes=changes(before.get(one.no - 1, one.words), one.words, lang),
            is_in_force=one.no == leaf.line.template.version,
        )
        for one in leaf.versions
    ]


def counted(count: int, what: str, lang: str) -> str:
    """A number with its noun, as the language has it."""
    tens, ones = count % 100, count % 10
    few = ones in {2, 3, 4} and tens not in {12, 13, 14}
    one = ones == 1 and tens != 11 if lang == "uk" else count == 1  # noqa: PLR2004 - grammar
    return TEXTS_WORDS[lang][f"{what}_{'one' if one else 'few' if few else 'many'}"].format(count=count)


def _changes(before: Words, after: Words, lang: str) -> Iterator[Change]:
    for key in ("sms", "sms_segments", *WORD_KEYS[1:]):
        old, new = str(getattr(before, key)), str(getattr(after, key))
        if old != new:
            yield Change(label(key, lang), tuple(pieces(old, new)))


def _row(one: Line, lang: str) -> Row:
    words, colour = standing(one.standing, lang)
    template = one.template
    return Row(
        name=template.name,
        variant=variant(template, lang),
        sms=template.sms,
        viber=_excerpt(one.viber.viber),
        diia=_excerpt(f"{template.diia_title}. {template.diia_short}"),
        parts=counted(with_longest(template).counted.segment_count, "parts", lang),
        version=version(template.version, lang),
        standing=words,
        colour=colour,
        has_draft=one.newest is not None and one.newest.published is None,
        has_old_viber=one.viber.viber != template.viber,
    )


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[:EXCERPT].rsplit(' ', 1)[0]} …"


def _kind(template: Template) -> str:
    return template.name.split(".")[0]


def _handset(key: str, shown: Preview, prices: Mapping[Channel, Decimal], lang: str) -> Handset:
    parts = shown.counted.segment_count
    diia_length = sum(map(len, (shown.diia_title, shown.diia_short, shown.diia_full)))
    return Handset(
        key,
        shown,
        (
            Cost(
                "SMS",
                counted(shown.counted.unit_count, "letters", lang),
                counted(parts, "parts", lang),
                money(parts * prices[Channel.SMS], lang),
            ),
            Cost("Viber", counted(len(shown.viber), "letters", lang), "", money(prices[Channel.VIBER], lang)),
            Cost(label("diia", lang), counted(diia_length, "letters", lang), "", money(prices[Channel.DIIA], lang)),
        ),
    )
