"""What one sheet of the information summary says, as plain JSON values, before anybody draws it.

What belongs here: which lines a sheet has, in which order and in which words. What does not: drawing (``summary``),
the words themselves (``summary_words``, ``summary_kinds``).
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.paper import DATE_DETAILS, CodeFate
from esoz_notify.render.barcodes import code_128, qr_svg
from esoz_notify.render.summary_kinds import PLAIN, STANDARD, KindWords
from esoz_notify.render.summary_words import DETAILS, LARGE_LEAVES_OUT, PAGE, PEOPLE, PageWords
from esoz_notify.render.texts import DEFAULT_LANGUAGE

Row = list[str]


class Paper(StrEnum):
    """Sizes of a sheet."""

    A4 = "a4"
    A5 = "a5"


class Variant(StrEnum):
    """Wordings and sizes of letters. ``large``: plain words in letters about twice as large; ``plain``: plain words."""

    STANDARD = "standard"
    LARGE = "large"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Form:
    """How a summary is to look."""

    paper: Paper = Paper.A4
    variant: Variant = Variant.STANDARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everything that is said of one document. Equal summaries give equal bytes.

    ``document_id``: the identity on the page, so that a lost sheet can be traced. ``number`` as people read it, in
    groups. ``code``: given exactly when ``code_fate`` is PRINTED; otherwise the fate says which sentence stands
    instead. ``valid_until``: of the code on the page, shown when no detail says until when; it and ``issued_at`` are
    aware. ``details`` as ``read_summary`` returned them. An unknown language gets Ukrainian.
    """

    document_id: str
    kind: str
    number: str | None = field(repr=False)
    code: str | None = field(repr=False)
    code_fate: CodeFate
    valid_until: datetime | None
    issued_at: datetime
    details: Mapping[str, str] = field(repr=False)
    language: str = DEFAULT_LANGUAGE

    def __post_init__(self) -> None:
        assert (self.code is not None) == (self.code_fate is CodeFate.PRINTED)


def sheet(documents: Sequence[Summary], variant: Variant) -> dict[str, Any]:
    """One sheet with these documents of one patient; their language is that of the first."""
    language = _language(documents[0])
    words = PAGE[language]
    several = len(documents) > 1
    left_out = LARGE_LEAVES_OUT if variant is Variant.LARGE else frozenset()
    shared = _shared(documents) - left_out if several else frozenset()
    people = _rows(documents[0].details, [name for name in PEOPLE if name in shared], language)
    shown = [_document(one, variant, shared | left_out) for one in documents]
    if several:
        people += _take_shared_answers(shown, {words.purpose}, {words.call})
    return {
        "language": language,
        "system": words.system,
        "heading": words.heading,
        "title": f"{words.heading}: {', '.join(dict.fromkeys(one['title'] for one in shown))}",
        "people": people,
        "documents": shown,
        "fraud_heading": words.fraud_heading,
        "fraud": words.fraud if variant is Variant.STANDARD else words.plain_fraud,
        "digest": words.content_hash.format(digest=fingerprint(documents)),
    }


def fingerprint(documents: Sequence[Summary]) -> str:
    """SHA-256 of what a sheet says, in hexadecimal; it stands on the sheet whatever its size and wording.

    Of the code only whether it is there: a plain hash of four digits would give them away on a sheet that hides them.
    """
    content = [
        {
            "document_id": one.document_id,
            "kind": one.kind,
            "number": one.number,
            "code_fate": one.code_fate.value,
            "valid_until": one.valid_until.astimezone(UTC).isoformat() if one.valid_until else None,
            "issued_at": one.issued_at.astimezone(UTC).isoformat(),
            "details": dict(one.details),
            "language": one.language,
        }
        for one in documents
    ]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def plural(count: int, forms: tuple[str, str, str]) -> str:
    """The form of a Ukrainian word after a number: 1 рік, 2 роки, 5 років, 11 років, 21 рік."""
    if count % 10 == 1 and count % 100 != 11:  # noqa: PLR2004 - the grammar of numerals
        return forms[0]
    if count % 10 in {2, 3, 4} and count % 100 not in {12, 13, 14}:
        return forms[1]
    return forms[2]


def _document(summary: Summary, variant: Variant, left_out: frozenset[str]) -> dict[str, Any]:
    language = _language(summary)
    words = PAGE[language]
    kind = (STANDARD if variant is Variant.STANDARD else PLAIN)[summary.kind][language]
    number = summary.number
    bars = code_128(number) if number else None
    return {
        "title": kind.title,
        "number_label": kind.number_label,
        "number": number,
        "qr": qr_svg(number) if number else None,
        "qr_alt": words.qr_alt.format(number=number),
        "bars": bars.svg if bars else None,
        "bar_modules": bars.module_count if bars else 0,
        "bars_alt": words.bars_alt.format(number=number),
        "code_label": words.code_label,
        "code": summary.code,
        "code_hint": kind.code_hint,
        "code_note": words.no_code.get(summary.code_fate),
        "answers": _answers(summary, kind, words),
        "rows": _rows(summary.details, [name for name in DETAILS if name not in left_out], language),
        "identity": words.identity.format(
            document_id=summary.document_id, issued_at=f"{summary.issued_at.astimezone(KYIV):%d.%m.%Y %H:%M}"
        ),
    }


def _take_shared_answers(shown: Sequence[dict[str, Any]], needless: set[str], shareable: set[str]) -> list[Row]:
    """Take from documents of one sheet what their titles say anyway, and what all answer alike; gives the latter."""
    told = [[row for row in one["answers"] if row[0] in shareable] for one in shown]
    shared = told[0] if all(rows == told[0] for rows in told) else []
    for one in shown:
        one["answers"] = [row for row in one["answers"] if row[0] not in needless and row not in shared]
    return shared


def _answers(summary: Summary, kind: KindWords, words: PageWords) -> list[Row]:
    """The questions that a person with the sheet in their hand has, and their answers."""
    details = summary.details
    rows = [[words.happened if kind.is_over else words.purpose, kind.purpose]]
    if not kind.is_over:
        rows += _until(summary, words)
    where = details.get("where_to_go", kind.where)
    rows.append([words.what_to_do if kind.is_over else words.where, where])
    bring = " ".join(text for text in (kind.bring, details.get("what_to_bring")) if text)
    if bring:
        rows.append([words.bring, bring])
    phones = (
        (words.call_doctor, details.get("doctor_phone")),
        (words.call_facility, details.get("facility_phone")),
    )
    call = "\n".join(text.format(phone=_phone(phone)) for text, phone in phones if phone)
    if call:
        rows.append([words.call, call])
    return rows


def _until(summary: Summary, words: PageWords) -> list[Row]:
    """The day of the document itself; when nobody told it, how long the page with its code is good for."""
    day = summary.details.get("dispense_valid_to") or summary.details.get("valid_to")
    if day:
        return [[words.valid_until, _day(day, words)]]
    if summary.valid_until is None or summary.code is None:
        return []
    local = summary.valid_until.astimezone(KYIV)
    month = words.months[local.month - 1]
    at = words.date_time.format(day=local.day, month=month, year=local.year, time=f"{local:%H:%M}")
    return [[words.page_valid_until, at]]


def _rows(details: Mapping[str, str], names: Sequence[str], language: str) -> list[Row]:
    words = PAGE[language]
    return [[getattr(DETAILS[name], language), _shown(name, details[name], words)] for name in names if name in details]


def _shown(name: str, value: str, words: PageWords) -> str:
    """A detail as people read it: a day in words, a bare number of years with its word."""
    if name in DATE_DETAILS:
        return _day(value, words)
    if name == "patient_age" and re.fullmatch("[0-9]{1,3}", value):
        years = int(value)
        return f"{years} {plural(years, words.years)}"
    return value


def _day(value: str, words: PageWords) -> str:
    day = date.fromisoformat(value)
    return words.date.format(day=day.day, month=words.months[day.month - 1], year=day.year)


def _phone(value: str) -> str:
    """+380441234567 in groups, with spaces that do not break; anything else as it was written."""
    digits = re.fullmatch(r"\+380([0-9]{2})([0-9]{3})([0-9]{2})([0-9]{2})", re.sub("[ ()-]", "", value))
    return "\u00a0".join(("+380", *digits.groups())) if digits else value


def _shared(documents: Sequence[Summary]) -> frozenset[str]:
    """The details about people and places that every document has, with the same words."""
    told = {name: {one.details.get(name) for one in documents} for name in PEOPLE}
    return frozenset(name for name, values in told.items() if len(values) == 1 and None not in values)


def _language(summary: Summary) -> str:
    return summary.language if summary.language in PAGE else DEFAULT_LANGUAGE
