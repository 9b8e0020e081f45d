"""The information summary for a person without a phone, drawn: as tagged PDF, as self-contained HTML, as plain text.

What belongs here: the three drawings and which letters they can draw. What does not: what a page says
(``summary_page``), whether it may be printed and with or without a code (``core.paper``, ``engine``).
"""

import base64
import json
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.core.paper import read_details
from esoz_notify.render.summary_page import Form, Paper, Summary, Variant, fingerprint, sheet

if TYPE_CHECKING:
    import jinja2
    import typst

__all__ = ["HTML_CSP", "Form", "Paper", "Summary", "Variant", "fingerprint", "html", "pdf", "read_summary", "text"]

HTML_CSP = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; form-action 'none'"
"""Content-Security-Policy of the HTML page: it runs nothing and fetches nothing. The page carries it, and the API sends
it as a header with ``frame-ancestors`` of its own."""

TEXT_WIDTH = 72

_HERE = Path(__file__).parent
# A browser breaks lines a little differently: on a sheet that is nearly full it gets some room to do so.
_BROWSER_ROOM = 0.93

# What Noto Sans as bundled draws, and a few signs that typst's own fonts do. PDF/A forbids a letter without a glyph.
_DRAWN_RANGES = (
    (0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x315), (0x327, 0x328), (0x370, 0x377), (0x37A, 0x37F), (0x384, 0x38A),
    (0x38C, 0x38C), (0x38E, 0x3A1), (0x3A3, 0x3E1), (0x3F0, 0x4FF), (0x2010, 0x2027), (0x2030, 0x205E),
    (0x2070, 0x2071), (0x2074, 0x208E), (0x2090, 0x209C), (0x20A0, 0x20BF), (0x2100, 0x215F),
)  # fmt: skip
_DRAWN_BESIDES = "−≤≥≈≠→√∞"


def read_summary(kind: str, data: object, pointer: str = "/summary") -> dict[str, str]:
    """The details of a page of ``kind`` (a name in KINDS) from a caller's JSON value; none when it is None.

    Raises InvalidInput with every problem, as ``core.paper.read_details``.
    """
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise InvalidInput([Problem(pointer, "wrong_type", "must be an object of texts")])
    return read_details(kind, data, is_drawn=_is_drawn, pointer=pointer)


def pdf(sheets: Sequence[Sequence[Summary]], form: Form = Form()) -> bytes:  # noqa: B008 - a frozen value
    """Sheets as one PDF/A-2a and PDF/UA-1; each holds the documents of one patient, which part when they do not fit.

    Thread-safe; takes tens of milliseconds per sheet without the GIL, so call it off the event loop.
    """
    import typst

    document: bytes = typst.compile(
        **_source(sheets, form),
        format="pdf",
        pdf_standards=["a-2a", "ua-1"],
        timestamp=int(max(one.issued_at for together in sheets for one in together).timestamp()),
    )
    return document


def html(documents: Sequence[Summary], form: Form = Form()) -> str:  # noqa: B008 - a frozen value
    """The same as one HTML document that fetches nothing and prints on the same sheets. Thread-safe, as ``pdf``."""
    import typst

    found = typst.query(**_source([documents], form), selector="<scale>", field="value", format="json")
    scales: list[dict[str, float]] = json.loads(found)
    pages = [sheet(documents, form.variant)] if len(scales) == 1 else [sheet([one], form.variant) for one in documents]
    sizes = [scale["k"] * (1 if scale["full"] < _BROWSER_ROOM else _BROWSER_ROOM) for scale in scales]
    return _html_template().render(
        pages=list(zip(pages, sizes, strict=True)), form=form, csp=HTML_CSP, fonts=_web_fonts(), first=pages[0]
    )


def text(documents: Sequence[Summary], form: Form = Form()) -> str:  # noqa: B008 - a frozen value
    """The same words as plain text, for a printer or a reader that knows nothing else."""
    page = sheet(documents, form.variant)
    lines = [page["system"], page["heading"], ""]
    lines += _text_rows(page["people"])
    for one in page["documents"]:
        lines += ["", one["title"].upper(), ""]
        if one["number"]:
            lines += [f"{one['number_label']}: {one['number']}", ""]
        if one["code"]:
            lines += [f"{one['code_label']}: {one['code']}", *textwrap.wrap(one["code_hint"], TEXT_WIDTH), ""]
        elif one["code_note"]:
            lines += [*textwrap.wrap(one["code_note"], TEXT_WIDTH), ""]
        lines += _text_rows([*one["answers"], *one["rows"]])
    fraud = textwrap.wrap(f"{page['fraud_heading']} {page['fraud']}", TEXT_WIDTH)
    lines += ["", *fraud, "", *(one["identity"] for one in page["documents"]), page["digest"], ""]
    return "\n".join(lines)


def _text_rows(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = []
    for label, value in rows:
        line = f"{label}: {value}".replace("\n", "; ")
        lines += textwrap.wrap(line, TEXT_WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return lines


def _source(sheets: Sequence[Sequence[Summary]], form: Form) -> dict[str, Any]:
    """The program, its fonts and its data, as typst takes them."""
    made = [
        {
            "together": sheet(documents, form.variant),
            "apart": [sheet([one], form.variant) for one in documents] if len(documents) > 1 else [],
        }
        for documents in sheets
    ]
    issued = max(one.issued_at for documents in sheets for one in documents)
    data = {"paper": form.paper.value, "variant": form.variant.value, "sheets": made,
            "date": [issued.year, issued.month, issued.day]}  # fmt: skip
    return {
        "input": str(_HERE / "summary.typ"),
        "root": str(_HERE),
        "font_paths": _fonts(),
        "sys_inputs": {"data": json.dumps(data, ensure_ascii=False)},
    }


@cache
def _fonts() -> "typst.Fonts":
    import typst

    # Read once per process: reading them again would cost more than the page.
    return typst.Fonts(include_system_fonts=False, font_paths=[str(_HERE / "fonts")])


@cache
def _web_fonts() -> dict[int, str]:
    """The same letters for a browser, by weight, as data of the page itself."""
    names = {400: "NotoSans-Regular.woff2", 700: "NotoSans-Bold.woff2"}
    return {weight: base64.b64encode((_HERE / "fonts" / name).read_bytes()).decode() for weight, name in names.items()}


@cache
def _html_template() -> "jinja2.Template":
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string((_HERE / "summary.html.j2").read_text("utf-8"))


def _is_drawn(letter: str) -> bool:
    return letter in _DRAWN_BESIDES or any(first <= ord(letter) <= last for first, last in _DRAWN_RANGES)
