"""Rows of found notifications in words: a line of the list, and a line of a file.

What belongs here: from a row to words, and CSV that a spreadsheet opens without running anything. What does not: what
is found (engine), the page (``find``).
"""

import csv
import io
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from esoz_notify.console.spreadsheets import BOM, harmless
from esoz_notify.console.told import channel_name
from esoz_notify.console.words_find import TOLD
from esoz_notify.core.channel import Channel
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.status import Status, is_terminal
from esoz_notify.engine.exporting import Batch
from esoz_notify.engine.finding import Row
from esoz_notify.render.labels import STATUS_LABELS, Colour

_UNITS = (("days", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_PAPER = frozenset({Status.PRINT_REQUIRED, Status.PRINTED})
_COLUMNS = ("id", "at", "kind", "system", "reference", "status", "channels", "phone", "took")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the list."""

    id: str
    at: str
    day: str
    clock: str
    kind: str
    system: str
    status: str
    colour: Colour
    channels: str
    phone: str
    took: str


def line(row: Row, systems: Mapping[str, str], now: datetime, lang: str) -> Line:
    """Say what a row is. ``systems``: names by id."""
    label, at = STATUS_LABELS[Status(row.status)], row.accepted_at.astimezone(KYIV)
    none = TOLD[lang]["none"]
    return Line(
        id=str(row.id),
        at=row.accepted_at.isoformat(),
        day=f"{at:%d.%m.%Y}",
        clock=f"{at:%H:%M:%S}",
        kind=_kind(row, lang),
        system=systems.get(row.client_id, row.client_id),
        status=label.words(lang).label,
        colour=label.colour,
        channels=" → ".join(_channels(row, lang)) or none,
        phone=row.phone or none,
        took=_took(row, now, lang),
    )


def _kind(row: Row, lang: str) -> str:
    kind = KINDS[row.kind]
    return kind.title_en if lang == "en" else kind.title_uk


def _channels(row: Row, lang: str) -> list[str]:
    """Those tried, each once in a row, and paper when the person is told by it."""
    tried = [channel_name(Channel(one), lang) for one, _ in groupby(row.channels)]
    return [*tried, channel_name(Channel.PRINT, lang)] if row.status in _PAPER else tried


def _took(row: Row, now: datetime, lang: str) -> str:
    words = TOLD[lang]
    seconds = max(0, int(((row.ended_at or now) - row.accepted_at).total_seconds()))
    unit, unit_s = next((one for one in _UNITS if seconds >= one[1]), ("at_once", 1))
    told = words[unit].format(count=seconds // unit_s)
    return told if is_terminal(Status(row.status)) else words["so_far"].format(time=told)


# --- a file -----------------------------------------------------------------------------------------------------------


async def csv_file(batches: AsyncGenerator[Batch, None], lang: str) -> AsyncGenerator[bytes, None]:
    """The file, piece by piece (RFC 4180); its last line says so when it is not whole."""
    words = TOLD[lang]
    async with aclosing(batches):
        yield (BOM + _csv([[words[f"csv_{name}"] for name in _COLUMNS]])).encode()
        async for batch in batches:
            yield _csv(_cells(row, lang) for row in batch.rows).encode()
            if batch.cut:
                yield _csv([[words["csv_cut"], *[""] * (len(_COLUMNS) - 1)]]).encode()


def _cells(row: Row, lang: str) -> list[str]:
    took = "" if row.ended_at is None else f"{(row.ended_at - row.accepted_at).total_seconds():.1f}"
    return [
        str(row.id),
        f"{row.accepted_at.astimezone(KYIV):%Y-%m-%d %H:%M:%S}",
        _kind(row, lang),
        row.client_id,
        row.reference or "",
        STATUS_LABELS[Status(row.status)].words(lang).label,
        " → ".join(_channels(row, lang)),
        (row.phone or "").removeprefix("+"),
        took,
    ]


def _csv(lines: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([harmless(cell) for cell in one] for one in lines)
    return text.getvalue()
