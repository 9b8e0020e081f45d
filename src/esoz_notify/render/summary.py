"""The information summary: one A4 page for a person without a phone, as tagged PDF and as self-contained HTML.

What belongs here: what the page holds, in which order, and the two ways to draw it. What does not: its words
(``summary_words``), and whether a page may be printed and with or without a code (``core``, ``engine``).
"""

import hashlib
import io
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.numbers import NumberProblem, parse_date
from esoz_notify.render.summary_words import ASK, CONTACT_KEYS, DETAILS, KIND_WORDS, PAGE, PageWords
from esoz_notify.render.texts import DEFAULT_LANGUAGE

if TYPE_CHECKING:
    import jinja2
    import typst

VALUE_LENGTH_MAX = 400
"""Of one detail; a page on which every detail is so long still fits one sheet."""

HTML_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Content-Security-Policy of the HTML page: it runs nothing and fetches nothing. The page carries it, and the API sends
it as a header with ``frame-ancestors`` of its own."""

_HERE = Path(__file__).parent
# What the HTML page is estimated by: a browser cannot try sizes as typst does. Lengths in points or in lines of text.
_HTML_ROOM_PT = 700.0
_HTML_STEP_WIDTH_PT = 480.0
_HTML_VALUE_WIDTH_PT = 370.0
_HTML_FIXED_LINES = 22.0
_HTML_CODE_LINES = 6.5
_HTML_SIZES_PT = (12.5, 12.0, 11.5, 11.0, 10.5, 10.0, 9.5, 9.0, 8.5, 8.0, 7.5, 7.0, 6.5, 6.0, 5.5, 5.0, 4.5, 4.0)
_WIDE_LETTERS = frozenset("жмфшщюыmw—%@№©®")

# What Noto Sans as bundled draws, and a few signs that typst's own fonts do. PDF/A forbids a letter without a glyph.
_DRAWN_RANGES = (
    (0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x315), (0x327, 0x328), (0x370, 0x377), (0x37A, 0x37F), (0x384, 0x38A),
    (0x38C, 0x38C), (0x38E, 0x3A1), (0x3A3, 0x3E1), (0x3F0, 0x4FF), (0x2010, 0x2027), (0x2030, 0x205E),
    (0x2070, 0x2071), (0x2074, 0x208E), (0x2090, 0x209C), (0x20A0, 0x20BF), (0x2100, 0x215F),
)  # fmt: skip
_DRAWN_BESIDES = "−≤≥≈≠→√∞"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everything one page says. Equal summaries give equal bytes.

    ``document_id``: the page's identity, so that a lost sheet can be traced. ``number`` as people read it, in groups.
    ``code``: None keeps it off the paper; then ``code_note`` says why, or a general sentence does if the kind carries a
    code. ``valid_until``, ``issued_at``: aware; without ``valid_until`` there is no line about it. ``details`` as
    ``read_summary`` returned them. An unknown language gets Ukrainian.
    """

    document_id: str
    kind: str
    number: str | None = field(repr=False)
    code: str | None = field(repr=False)
    code_note: str | None = None
    valid_until: datetime | None
    issued_at: datetime
    details: Mapping[str, str] = field(repr=False)
    language: str = DEFAULT_LANGUAGE


def read_summary(kind: str, data: Mapping[str, object] | None, pointer: str = "/summary") -> dict[str, str]:
    """The details of a page from a caller's JSON object, trimmed, in the order of the page.

    ``kind`` is a name in KINDS. Raises InvalidInput with every problem: a key that a page of this kind does not have, a
    value that is not text, is empty, longer than VALUE_LENGTH_MAX or holds letters that cannot be printed.
    """
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise InvalidInput([Problem(pointer, "type", "must be an object of texts")])
    allowed = [detail.key for detail in DETAILS if detail.belongs_to(kind)]
    problems = [
        Problem(f"{pointer}/{_escaped(key)}", "unknown_key", f"a page of {kind} may hold {', '.join(allowed)}")
        for key in data
        if key not in allowed
    ]
    values: dict[str, str] = {}
    for key in allowed:
        if key not in data:
            continue
        value = data[key]
        rules = list(_broken_rules(value))
        problems.extend(Problem(f"{pointer}/{key}", code, detail) for code, detail in rules)
        if isinstance(value, str) and not rules:
            values[key] = unicodedata.normalize("NFC", value).strip()
    if problems:
        raise InvalidInput(problems)
    return values


def pdf(summary: Summary) -> bytes:
    """The page as PDF/A-2a and PDF/UA-1. Thread-safe; takes some 10 ms of CPU, so call it off the event loop."""
    import typst

    return typst.compile(
        str(_HERE / "summary.typ"),
        root=str(_HERE),
        font_paths=_fonts(),
        sys_inputs={"page": json.dumps(_page(summary), ensure_ascii=False)},
        format="pdf",
        pdf_standards=["a-2a", "ua-1"],
        timestamp=int(summary.issued_at.timestamp()),
    )


def html(summary: Summary) -> str:
    """The same page as one HTML document that fetches nothing and prints on one A4 sheet."""
    page = _page(summary)
    return _html_template().render(page=page, csp=HTML_CSP, size_pt=_html_size_pt(page))


def fingerprint(summary: Summary) -> str:
    """SHA-256 of what the page says, in hexadecimal; its first 16 digits are printed on the page."""
    content = {
        "document_id": summary.document_id,
        "kind": summary.kind,
        "number": summary.number,
        "code": summary.code,
        "code_note": summary.code_note,
        "valid_until": summary.valid_until.astimezone(UTC).isoformat() if summary.valid_until else None,
        "issued_at": summary.issued_at.astimezone(UTC).isoformat(),
        "details": dict(summary.details),
        "language": summary.language,
    }
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _page(summary: Summary) -> dict[str, Any]:
    """What both drawings show, as JSON values, so that neither can say more or less than the other."""
    language = summary.language if summary.language in PAGE else DEFAULT_LANGUAGE
    words, kind = PAGE[language], KIND_WORDS[summary.kind][language]
    issued = summary.issued_at.astimezone(KYIV)
    number = summary.number
    return {
        "language": language,
        "system": words.system,
        "heading": words.heading,
        "title": kind.title,
        "issued_on": [issued.year, issued.month, issued.day],
        "number_label": kind.number_label,
        "number": number,
        "qr": _qr_svg(number) if number else None,
        "qr_alt": words.qr_alt.format(number=number),
        "code_label": words.code_label,
        "code": summary.code,
        "code_hint": words.code_hint,
        "code_note": _code_note(summary, words),
        "steps_heading": words.steps_heading,
        "steps": [*kind.steps, *([ASK[language]] if CONTACT_KEYS & summary.details.keys() else [])],
        "valid_label": words.valid_until,
        "valid_until": _date_time(summary.valid_until, words) if summary.valid_until else None,
        "details_heading": words.details_heading,
        "details": [
            [detail.en if language == "en" else detail.uk, _shown(summary.details[detail.key], words)]
            for detail in DETAILS
            if detail.key in summary.details
        ],
        "fraud_heading": words.fraud_heading,
        "fraud": words.fraud,
        "identity": words.identity.format(
            document_id=summary.document_id,
            issued_at=f"{issued:%d.%m.%Y %H:%M}",
            fingerprint=_grouped(fingerprint(summary)[:16].upper()),
        ),
    }


def _code_note(summary: Summary, words: PageWords) -> str | None:
    if summary.code is not None:
        return None
    return summary.code_note or (words.code_elsewhere if KINDS[summary.kind].carries_code else None)


def _date_time(at: datetime, words: PageWords) -> str:
    local = at.astimezone(KYIV)
    month = words.months[local.month - 1]
    return words.date_time.format(day=local.day, month=month, year=local.year, time=f"{local:%H:%M}")


def _shown(value: str, words: PageWords) -> str:
    """A detail as people read it: an ISO date in words, everything else as the caller wrote it."""
    try:
        day = parse_date(value)
    except NumberProblem:
        return value
    return words.date.format(day=day.day, month=words.months[day.month - 1], year=day.year)


def _grouped(digits: str) -> str:
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _qr_svg(number: str) -> str:
    import segno

    out = io.BytesIO()
    segno.make_qr(number, error="m").save(out, kind="svg", border=0, xmldecl=False, omitsize=True, nl=False)
    return out.getvalue().decode()


@cache
def _fonts() -> "typst.Fonts":
    import typst

    # Read once per process: reading them again would cost more than the page.
    return typst.Fonts(include_system_fonts=False, font_paths=[str(_HERE / "fonts")])


@cache
def _html_template() -> "jinja2.Template":
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string((_HERE / "summary.html.j2").read_text("utf-8"))


def _html_size_pt(page: Mapping[str, Any]) -> float:
    """The largest text size at which the page is estimated to fit one sheet, whichever of its fonts the browser has."""

    def lines(size_pt: float) -> float:
        steps = sum(_line_count(step, _HTML_STEP_WIDTH_PT, size_pt) * 1.35 + 0.3 for step in page["steps"])
        values = sum(_line_count(value, _HTML_VALUE_WIDTH_PT, size_pt) * 1.35 + 0.65 for _, value in page["details"])
        note = _line_count(page["code_note"], _HTML_STEP_WIDTH_PT, size_pt) * 1.35 + 1.8 if page["code_note"] else 0.0
        return _HTML_FIXED_LINES + (_HTML_CODE_LINES if page["code"] else note) + steps + values

    return next((size for size in _HTML_SIZES_PT if lines(size) * size <= _HTML_ROOM_PT), _HTML_SIZES_PT[-1])


def _line_count(words: str, width_pt: float, size_pt: float) -> int:
    # 0.6 and 1.0 of the size are above the widths of letters in every font that the page names.
    width = sum(1.0 if letter.isupper() or letter in _WIDE_LETTERS else 0.6 for letter in words) * size_pt
    return -(-int(width) // int(width_pt)) or 1


def _broken_rules(value: object) -> Iterator[tuple[str, str]]:
    if not isinstance(value, str):
        yield "type", "must be text; write numbers and dates as text"
        return
    if not value.strip():
        yield "empty", "must not be empty; leave the key out instead"
    if len(unicodedata.normalize("NFC", value)) > VALUE_LENGTH_MAX:
        yield "too_long", f"must have at most {VALUE_LENGTH_MAX} characters; the page is one sheet"
    if any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in value):
        yield "control_character", "must not hold line breaks or other control characters; write one line"
    elif not all(_is_drawn(letter) for letter in unicodedata.normalize("NFC", value)):
        yield "letter", "holds a letter that cannot be printed; use Ukrainian or Latin letters, digits and usual signs"


def _is_drawn(letter: str) -> bool:
    return letter in _DRAWN_BESIDES or any(first <= ord(letter) <= last for first, last in _DRAWN_RANGES)


def _escaped(key: object) -> str:
    # RFC 6901; cut, because an unknown key is a stranger's text.
    return str(key)[:60].replace("~", "~0").replace("/", "~1")
