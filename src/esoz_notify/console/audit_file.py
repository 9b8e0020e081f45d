"""Rows of the audit as CSV, for spreadsheets of people: no cell of it is ever a formula.

What belongs here: the file's form. What does not: which rows (``engine.trail``).
"""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime

from esoz_notify.console.spreadsheets import BOM, harmless
from esoz_notify.console.words import WORDS
from esoz_notify.core.audit import Entry, visible
from esoz_notify.core.kyiv import KYIV
from esoz_notify.engine.trail import EXPORTED_MAX

_HEAD = ("seq", "at", "actor", "action", "meaning", "subject", "why", "details", "hash")
_DELIMITERS = {"uk": ";", "en": ","}
"""What spreadsheets of the language expect."""


def type_and_name(now: datetime) -> tuple[str, str]:
    """The type of the file, and a name that says when it was taken."""
    return "text/csv", f"audit-{now.astimezone(KYIV):%Y-%m-%d-%H%M}.csv"


async def lines(rows: AsyncIterator[Entry], lang: str) -> AsyncIterator[bytes]:
    """The file, line by line. Says so in its last line when there were more rows than it holds."""
    words, count = WORDS[lang], 0
    yield BOM.encode() + _line(_HEAD, lang)
    async for row in rows:
        count += 1
        at = row.at.astimezone(KYIV).isoformat(timespec="milliseconds") if row.at else "?"
        meaning = words.get(f"look_deed_{row.action}", row.action)
        cells = (row.actor, row.action, meaning, row.subject, row.why or "", row.details, row.hash.hex())
        yield _line((str(row.seq), at, *(safe(one) for one in cells)), lang)
    if count >= EXPORTED_MAX:
        yield _line((words["look_audit_cut"],), lang)


def safe(cell: str) -> str:
    """A cell that no spreadsheet calculates (OWASP, CSV injection)."""
    return visible(harmless(cell))


def _line(cells: tuple[str, ...], lang: str) -> bytes:
    written = io.StringIO()
    csv.writer(written, delimiter=_DELIMITERS[lang], quoting=csv.QUOTE_ALL).writerow(cells)
    return written.getvalue().encode()
