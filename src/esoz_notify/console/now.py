"""The operator's first page: what is happening now, without training, and what needs a person.

What belongs here: from the picture (``engine.overview``) to words and shapes. What does not: gathering it (engine), how
it looks (the style sheet).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from litestar import Response, get
from litestar.response import Stream

from esoz_notify.console import menu
from esoz_notify.console.drawing import page
from esoz_notify.console.now_words import NOW_WORDS
from esoz_notify.console.numerals import money, number
from esoz_notify.console.streaming import stream
from esoz_notify.console.told import ago, channel_name, hour_and_minute
from esoz_notify.console.visit import Visit, language, room
from esoz_notify.core.channel import Channel
from esoz_notify.core.figures import Minute, share
from esoz_notify.core.kinds import Lane
from esoz_notify.engine.overview import BACKLOG_MAX, Picture, Tile
from esoz_notify.render.labels import Colour

_PATH = "/now"
CHART_WIDTH, CHART_HEIGHT = 960, 180
BAR_GAP = 3

SLOW_CODES_S, SLOW_DOCUMENTS_S = 2.0, 60.0
"""A code that is due for longer, or a document, is worth a look."""
GOOD_10S, GOOD_60S = 0.90, 0.95
FAIR_60S = 0.70

_CHANNELS = (Channel.DIIA, Channel.VIBER, Channel.SMS, Channel.PRINT)
STATE_COLOURS: dict[str, Colour] = {
    "up": Colour.GREEN,
    "slow": Colour.AMBER,
    "half_open": Colour.AMBER,
    "held": Colour.AMBER,
    "open": Colour.RED,
    "down": Colour.RED,
    "receipts_stopped": Colour.RED,
}
_NEEDS_A_PERSON = frozenset({"open", "slow", "receipts_stopped", "held"})


@dataclass(frozen=True, slots=True)
class Figure:
    """One big number. ``note``: what it is made of, or since when."""

    label: str
    value: str
    note: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute of the chart, in the units of its view box. ``told_height``: the part that was told in time."""

    x: float
    width: float
    height: float
    told_height: float
    title: str


@dataclass(frozen=True, slots=True)
class Part:
    """The share of one channel. ``x`` and ``width`` in hundredths of the whole."""

    channel: Channel
    name: str
    count: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Provider:
    """One tile."""

    name: str
    state: str
    note: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Alarm:
    """One line of what happened: in plain words, and what to do if anything."""

    text: str
    advice: str
    ago: str
    colour: Colour


@get("/now")
async def show_now(request: Visit) -> Response[bytes]:
    """The whole page."""
    return await _draw(request, "now")


@get("/now/live")
async def show_live(request: Visit) -> Response[bytes]:
    """What changes on it, as a part that the page fetches again and again."""
    return await _draw(request, "now_live")


@get("/now/stream", looks=True)
async def stream_now(request: Visit) -> Stream:
    """The same part, pushed as often as it changes."""
    menu.demand(request.user.person, _PATH)

    async def draw() -> bytes:
        return (await _draw(request, "now_live")).content

    return stream(request, draw)


async def _draw(request: Visit, template: str) -> Response[bytes]:
    menu.demand(request.user.person, _PATH)
    here, lang = room(request), language(request)
    picture = await here.overview.shared()
    values: dict[str, object] = {
        "figures": figures(picture, lang),
        "behind": picture.behind_s,
        "bars": bars(picture.chart, lang),
        "top": max((one.accepted for one in picture.chart), default=0),
        "begins": hour_and_minute(picture.chart[0].at),
        "ends": hour_and_minute(picture.at),
        "parts": parts(picture.hour, lang),
        "hour": picture.hour,
        "spent": money(picture.money.spent, lang),
        "saved": money(picture.money.saved, lang),
        "all_by_sms": money(picture.money.all_by_sms, lang),
        "providers": [provider(one, picture.at, lang) for one in picture.tiles],
        "alarms": [*probe_alarms(picture, lang), *alarms(picture, lang)],
        "banner": here.desk.banner(),
    }
    return page(template, lang, 200, session=request.user, path=_PATH, **values)


def figures(picture: Picture, lang: str) -> list[Figure]:
    """What is looked at first."""
    words, seen = NOW_WORDS[lang], picture.lately
    rate = Figure(
        words["rate"], number(picture.accepted / 60, lang), f"{words['in_1']}: {picture.accepted}", Colour.GREY
    )
    return [rate, _promptness(seen, lang, 10), _promptness(seen, lang, 60), *(_waits(picture, lang))]


def _promptness(seen: Minute, lang: str, limit_s: int) -> Figure:
    words = NOW_WORDS[lang]
    told = seen.told_10s if limit_s == 10 else seen.told_60s - seen.paper  # noqa: PLR2004 - the two limits there are
    part = share(told, seen.by_phone)
    good = GOOD_10S if limit_s == 10 else GOOD_60S  # noqa: PLR2004
    colour = Colour.GREY
    if part is not None:
        colour = Colour.GREEN if part >= good else Colour.AMBER if part >= FAIR_60S else Colour.RED
    value = "—" if part is None else f"{100 * part:.0f} %"
    return Figure(words[f"told_{limit_s}"], value, words["of_phones"].format(count=seen.by_phone), colour)


def _waits(picture: Picture, lang: str) -> list[Figure]:
    words = NOW_WORDS[lang]
    found = []
    for one in picture.backlog:
        slow_s = SLOW_CODES_S if one.lane == Lane.CODES else SLOW_DOCUMENTS_S
        age_s = (picture.at - one.oldest_at).total_seconds() if one.oldest_at else 0.0
        colour = Colour.GREEN if age_s <= slow_s else Colour.AMBER if age_s <= 10 * slow_s else Colour.RED
        count = f"{one.count}+" if one.count >= BACKLOG_MAX else str(one.count)
        note = words["oldest"].format(age=_age(age_s, lang)) if one.count else words["none_waits"]
        found.append(Figure(words[f"waits_{one.lane}"], count, note, colour))
    return found


def bars(chart: Sequence[Minute], lang: str) -> list[Bar]:
    """Accepted per minute, and of that what was told within a minute."""
    top = max((one.accepted for one in chart), default=0) or 1
    step = CHART_WIDTH / max(1, len(chart))
    words = NOW_WORDS[lang]
    return [
        Bar(
            x=round(place * step, 1),
            width=round(step - BAR_GAP, 1),
            height=round(CHART_HEIGHT * one.accepted / top, 1),
            told_height=round(CHART_HEIGHT * one.told_60s / top, 1),
            title=words["bar"].format(at=hour_and_minute(one.at), accepted=one.accepted, told=one.told_60s),
        )
        for place, one in enumerate(chart)
    ]


def parts(hour: Minute, lang: str) -> list[Part]:
    """How those of the last hour were told, as parts of one bar."""
    counts = hour.by_channel
    whole = sum(counts.values())
    found: list[Part] = []
    x = 0.0
    for channel in _CHANNELS:
        width = 100 * counts[channel] / whole if whole else 0.0
        found.append(Part(channel, channel_name(channel, lang), counts[channel], round(x, 2), round(width, 2)))
        x += width
    return found


def provider(tile: Tile, now: datetime, lang: str) -> Provider:
    """A tile: the state in a word, and since when or why."""
    words, health = NOW_WORDS[lang], tile.health
    if health.hold is not None:
        note = f"{health.hold.by}: {health.hold.why}"
    else:
        note = words["since"].format(ago=ago(health.breaker.since, now, lang))
    return Provider(health.provider, words[f"state_{tile.state}"], note, STATE_COLOURS[tile.state])


def alarms(picture: Picture, lang: str) -> list[Alarm]:
    """What happened to providers lately, newest first."""
    words = NOW_WORDS[lang]
    return [
        Alarm(
            text=words[f"change_{one.change}"].format(provider=one.provider),
            advice=words.get(f"advice_{one.change}", ""),
            ago=ago(one.at, picture.at, lang) if one.at else "",
            colour=Colour.RED if one.change in _NEEDS_A_PERSON else Colour.GREY,
        )
        for one in picture.changes
    ]


def probe_alarms(picture: Picture, lang: str) -> list[Alarm]:
    """Providers and lanes whose probes fail again and again."""
    words = NOW_WORDS[lang]
    return [
        Alarm(
            text=words[f"probe_{one.lane}"].format(provider=one.provider, count=one.failures),
            advice=words["advice_probe"],
            ago=ago(one.last.ended_at, picture.at, lang) if one.last and one.last.ended_at else "",
            colour=Colour.RED,
        )
        for one in picture.probes
        if one.is_alarm
    ]


def _age(age_s: float, lang: str) -> str:
    minutes, seconds = divmod(int(age_s), 60)
    if minutes < 1:
        return f"{seconds} {'с' if lang == 'uk' else 's'}"
    return f"{minutes} {'хв' if lang == 'uk' else 'min'}"


HANDLERS = (show_now, show_live, stream_now)
