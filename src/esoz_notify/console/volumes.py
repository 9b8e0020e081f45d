"""How much a caller sends, as bars: by the hour of a day, and by the day of two weeks, each by what became of it.

What belongs here: from hours to shapes. What does not: counting (``engine.clientele``), how it looks (the style sheet).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from esoz_notify.console.words import WORDS
from esoz_notify.core.kyiv import KYIV, kyiv_date
from esoz_notify.engine.clientele import CHART_DAYS, Hour

WIDTH, HEIGHT = 960, 160
GAP = 4
PARTS = ("delivered", "paper", "under_way", "withdrawn", "undelivered")
"""From the bottom up."""
_HOURS = 24


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a bar, in the units of the view box."""

    part: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour or day. ``title``: it in words."""

    x: float
    width: float
    pieces: Sequence[Piece]
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of a while, with what its scale says. ``total`` and ``sums``: of all of it, by part."""

    bars: Sequence[Bar]
    begins: str
    ends: str
    top: int
    total: int
    sums: Sequence[tuple[str, int]]


def by_hour(hours: Sequence[Hour], now: datetime, lang: str) -> Chart:
    """The last day, hour by hour, with the one that is running."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=_HOURS - 1)
    places = [first + timedelta(hours=number) for number in range(_HOURS)]
    known = {one.hour: one for one in hours}
    columns = [(f"{at.astimezone(KYIV):%d.%m %H:%M}", [known[at]] if at in known else []) for at in places]
    return _chart(columns, lang)


def by_day(hours: Sequence[Hour], now: datetime, lang: str) -> Chart:
    """Two weeks, day by day in Kyiv, with today."""
    today = kyiv_date(now)
    days = [today - timedelta(days=number) for number in reversed(range(CHART_DAYS))]
    columns = [(f"{day:%d.%m}", [one for one in hours if kyiv_date(one.hour) == day]) for day in days]
    return _chart(columns, lang)


def _chart(columns: Sequence[tuple[str, Sequence[Hour]]], lang: str) -> Chart:
    words = WORDS[lang]
    counts = [{part: sum(getattr(one, part) for one in some) for part in PARTS} for _, some in columns]
    top = max(sum(one.values()) for one in counts)
    step = WIDTH / len(columns)
    bars = []
    for place, ((name, _), count) in enumerate(zip(columns, counts, strict=True)):
        said = ", ".join(f"{words[f'look_volume_{part}']} {count[part]}" for part in PARTS if count[part])
        title = f"{name}: {sum(count.values())}" + (f" ({said})" if said else "")
        bars.append(Bar(round(place * step, 1), round(step - GAP, 1), _pieces(count, top), title))
    return Chart(
        bars=bars,
        begins=columns[0][0],
        ends=columns[-1][0],
        top=top,
        total=sum(sum(one.values()) for one in counts),
        sums=[(part, sum(one[part] for one in counts)) for part in PARTS],
    )


def _pieces(count: dict[str, int], top: int) -> list[Piece]:
    """The parts of a bar, one on another."""
    found, y = [], float(HEIGHT)
    for part in PARTS:
        height = HEIGHT * count[part] / top if count[part] else 0.0
        if height:
            y -= height
            found.append(Piece(part, round(y, 1), round(height, 1)))
    return found
