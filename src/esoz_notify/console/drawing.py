"""Draws the pages: templates with escaping on, the headers every page has, and the files that pages fetch.

What belongs here: from values to HTML. What does not: routes (``pages``), words (``words``, ``told``).
"""

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from litestar import Response

from esoz_notify.console import menu, told
from esoz_notify.console.words import LANGUAGES, REASONS, WORDS
from esoz_notify.engine.replicas import behind_s

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self';"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-robots-tag": "noindex",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
"""Two years. Only of a service that is reached by https."""

_HERE = Path(__file__).parent
_FONTS = _HERE.parent / "render" / "fonts"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
ASSETS: Mapping[str, tuple[Path, str]] = {
    **{path.name: (path, _TYPES[path.suffix]) for path in sorted((_HERE / "assets").iterdir()) if path.is_file()},
    "regular.woff2": (_FONTS / "NotoSans-Regular.woff2", "font/woff2"),
    "bold.woff2": (_FONTS / "NotoSans-Bold.woff2", "font/woff2"),
}


def page(template: str, language: str, status: int = 200, **values: object) -> Response[bytes]:
    """A page, or a part of one, in a language. Says how old what it shows may be, when a replica told it."""
    values = {"behind": behind_s.get(), **values}
    words = WORDS[language if language in LANGUAGES else "uk"]
    drawn = _environment().get_template(f"{template}.html.j2").render(w=words, lang=words["language"], **values)
    return Response(drawn.encode(), status_code=status, media_type="text/html", headers=HEADERS)


@cache
def asset(name: str) -> tuple[bytes, str]:
    """A file that pages fetch, and its type. Raises KeyError for any other name."""
    path, media_type = ASSETS[name]
    return path.read_bytes(), media_type


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shared: dict[str, Any] = {
        "menu_entries": menu.entries,
        "told": told.told,
        "story": told.story,
        "title": told.title,
        "ways": told.ways,
        "is_live": told.is_live,
        "meaning_of": told.meaning_of,
        "ago": told.ago,
        "crisis_colour": told.crisis_colour,
        "moment": told.moment,
        "clock": told.clock,
        "channel_name": told.channel_name,
        "next_way": told.next_way,
        "REASONS": REASONS,
        "ceil": math.ceil,
    }
    environment.globals.update(shared)
    return environment
