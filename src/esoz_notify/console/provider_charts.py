"""The charts of providers' pages as shapes, in the units of their view boxes.

What belongs here: from figures to bars, bands and what they say in words. What does not: the figures
(``core.provider_flow``), colours (the style sheet).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from esoz_notify.console.now import STATE_COLOURS
from esoz_notify.console.now_words import NOW_WORDS
from esoz_notify.console.numerals import local, number
from esoz_notify.console.provider_words import PROVIDER_WORDS, duration, seconds
from esoz_notify.console.told import hour_and_minute
from esoz_notify.core.provider_flow import Flow
from esoz_notify.core.provider_spells import Spell
from esoz_notify.engine.provider_board import Standing
from esoz_notify.render.labels import Colour

WIDTH, HEIGHT = 480, 96
BAND_WIDTH = 960
_GAP = 2
_RECEIPTS_TOP_MIN_S = 5.0
_MEDIAN, _HIGH = 0.5, 0.95


@dataclass(frozen=True, slots=True)
class Bar:
    """One while. ``inner``: the part of the height that is told apart."""

    x: float
    width: float
    height: float
    inner: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart. ``label``: the key of its name; ``value``: of the whole time; ``summary``: for who cannot see it.

    ``note``: how high the chart reaches.
    """

    kind: str
    label: str
    value: str
    summary: str
    note: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the band."""

    x: float
    width: float
    colour: Colour
    title: str


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much of a limit is used. ``now_part``, ``mean_part``: in hundredths; ``limit`` empty: there is none."""

    label: str
    now: str
    mean: str
    limit: str
    now_part: float
    mean_part: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Line:
    """One while in numbers, for the table."""

    at: str
    calls: str
    good: str
    later: str
    median: str
    p95: str


def charts(standing: Standing, language: str) -> tuple[Chart, ...]:
    """Good calls, calls a minute, and how late receipts came."""
    return _good(standing, language), _calls(standing, language), _receipts(standing, language)


def _good(standing: Standing, language: str) -> Chart:
    words = PROVIDER_WORDS[language]

    def title(one: Flow) -> str:
        return words["bar_good"].format(at=hour_and_minute(one.at), good=one.well, calls=one.well + one.failed)

    value = percent(standing.whole.good, language)
    return Chart(
        kind="good",
        label="providers_good",
        value=value,
        summary=words["chart_good"].format(value=value),
        note=words["note_good"],
        bars=_bars(standing.chart, lambda one: 0.0 if one.good is None else 1.0, lambda one: one.good or 0.0, title),
    )


def _calls(standing: Standing, language: str) -> Chart:
    words = PROVIDER_WORDS[language]
    top = max((one.calls_per_min for one in standing.chart), default=0.0)

    def title(one: Flow) -> str:
        calls = number(one.calls_per_min, language)
        return words["bar_calls"].format(at=hour_and_minute(one.at), calls=calls, later=one.throttled)

    value = number(standing.whole.calls_per_min, language)
    return Chart(
        kind="calls",
        label="providers_calls",
        value=value,
        summary=words["chart_calls"].format(top=number(top, language), value=value),
        note=words["note_calls"].format(top=number(top, language)),
        bars=_bars(
            standing.chart,
            lambda one: one.calls_per_min / (top or 1),
            lambda one: one.throttled / one.minutes / (top or 1),
            title,
        ),
    )


def _receipts(standing: Standing, language: str) -> Chart:
    words = PROVIDER_WORDS[language]
    top = max([_RECEIPTS_TOP_MIN_S, *(one.receipt_s(_HIGH) or 0.0 for one in standing.chart)])

    def title(one: Flow) -> str:
        median, p95 = (seconds(one.receipt_s(rank), language) for rank in (_MEDIAN, _HIGH))
        return words["bar_receipts"].format(at=hour_and_minute(one.at), median=median, p95=p95)

    value = seconds(standing.whole.receipt_s(_HIGH), language)
    median = seconds(standing.whole.receipt_s(_MEDIAN), language)
    return Chart(
        kind="receipts",
        label="providers_p95_of",
        value=value,
        summary=words["chart_receipts"].format(median=median, value=value),
        note=words["note_receipts"].format(median=median),
        bars=_bars(
            standing.chart,
            lambda one: (one.receipt_s(_HIGH) or 0.0) / top,
            lambda one: (one.receipt_s(_MEDIAN) or 0.0) / top,
            title,
        ),
    )


def _bars(
    chart: Sequence[Flow], outer: Callable[[Flow], float], inner: Callable[[Flow], float], title: Callable[[Flow], str]
) -> tuple[Bar, ...]:
    step = WIDTH / max(1, len(chart))
    return tuple(
        Bar(
            x=round(place * step, 1),
            width=round(step - _GAP, 1),
            height=round(HEIGHT * outer(one), 1),
            inner=round(HEIGHT * inner(one), 1),
            title=title(one),
        )
        for place, one in enumerate(chart)
    )


def band(spells: Sequence[Spell], language: str) -> tuple[Stretch, ...]:
    """How a provider stood, as stretches of one band; none thinner than can be seen."""
    if not spells:
        return ()
    began, whole_s = spells[0].began, (spells[-1].ended - spells[0].began).total_seconds()
    return tuple(
        Stretch(
            x=round(BAND_WIDTH * (one.began - began).total_seconds() / whole_s, 1),
            width=max(1.5, round(BAND_WIDTH * (one.ended - one.began).total_seconds() / whole_s, 1)),
            colour=STATE_COLOURS[one.word],
            title=_told(one, language),
        )
        for one in spells
    )


def _told(one: Spell, language: str) -> str:
    lasted = duration((one.ended - one.began).total_seconds(), language)
    state = NOW_WORDS[language][f"state_{one.word}"]
    words = PROVIDER_WORDS[language]["state_for"].format(state=state, duration=lasted)
    return f"{hour_and_minute(one.began)}: {words}"


def gauges(standing: Standing, language: str) -> tuple[Gauge, ...]:
    """How much of each limit is used; without limits, the pace alone."""
    words, contract = PROVIDER_WORDS[language], standing.contract
    now, mean = standing.now, standing.whole
    found = []
    if contract.rate_per_s is not None:
        found.append(_gauge(words["rate"], now.parts_per_s, mean.parts_per_s, contract.rate_per_s, language))
    if contract.window_size is not None:
        found.append(_gauge(words["window"], now.in_hand, mean.in_hand, contract.window_size, language))
    if not found:
        pace_now, pace_mean = (number(one.calls_per_min, language) for one in (now, mean))
        found.append(Gauge(words["pace"], pace_now, pace_mean, "", 0.0, 0.0, Colour.GREY))
    return tuple(found)


def _gauge(label: str, now: float, mean: float, limit: float, language: str) -> Gauge:
    used, high, full = max(now, mean) / limit, 0.7, 0.95
    return Gauge(
        label=label,
        now=number(now, language),
        mean=number(mean, language),
        limit=number(limit, language),
        now_part=round(100 * min(1.0, now / limit), 1),
        mean_part=round(100 * min(1.0, mean / limit), 1),
        colour=Colour.RED if used >= full else Colour.AMBER if used >= high else Colour.GREEN,
    )


def lines(standing: Standing, language: str) -> list[Line]:
    """The charts as rows of a table, the newest first; whiles without a call are left out."""
    return [
        Line(
            at=hour_and_minute(one.at),
            calls=number(one.calls_per_min, language),
            good=percent(one.good, language),
            later=str(one.throttled),
            median=seconds(one.receipt_s(_MEDIAN), language),
            p95=seconds(one.receipt_s(_HIGH), language),
        )
        for one in reversed(standing.chart)
        if one.calls
    ]


def scale(standing: Standing) -> tuple[str, str]:
    """What the ends of a chart are called."""
    whole = standing.whole
    return hour_and_minute(whole.at), hour_and_minute(whole.at + timedelta(minutes=whole.minutes))


def percent(value: float | None, language: str) -> str:
    """A share as people read it; all but everything is not told as everything."""
    words = PROVIDER_WORDS[language]
    if value is None:
        return words["none"]
    cut = int(1000 * value) / 10
    text = local(f"{cut:g}", language)
    return words["percent"].format(value=text)
