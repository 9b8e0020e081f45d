"""The operator's pages of providers: health over time, history, how much of a contract is used, hold and resume.

What belongs here: from forms to the engine and back to the page. What does not: gathering (``engine.provider_board``),
shapes (``provider_charts``), words (``provider_words``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console import menu
from esoz_notify.console.drawing import page
from esoz_notify.console.now import Provider, provider
from esoz_notify.console.operating import actor, demand_runs, runs
from esoz_notify.console.provider_charts import Chart, band, charts, gauges, lines, scale
from esoz_notify.console.provider_words import PROVIDER_WORDS, because, consequence, duration, probe_told
from esoz_notify.console.told import ago, channel_name, hour_and_minute
from esoz_notify.console.visit import Visit, field, language, room, see, sentence, status_of
from esoz_notify.core.errors import InvalidInput, Problem, RefusedTransition
from esoz_notify.engine.operations import WHY_LENGTH_MAX
from esoz_notify.engine.overview import Tile
from esoz_notify.engine.probing import ProbeStanding
from esoz_notify.engine.provider_board import SPANS, Noted, Sheet, Span, Standing
from esoz_notify.render.labels import Colour

_PATH = "/providers"
_PARTS = {"live": "provider_live", "more": "provider_more"}
_COLOURS: dict[str, Colour] = {"open": Colour.RED, "receipts_stopped": Colour.RED, "closed": Colour.GREEN}
_AMBER = frozenset({"half_open", "held", "slow"})


@dataclass(frozen=True, slots=True)
class Card:
    """One provider among all."""

    tile: Provider
    channel: str
    charts: tuple[Chart, ...]
    is_quiet: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history."""

    text: str
    why: str
    by: str
    ago: str
    at: str
    lasted: str
    goes_on: bool
    colour: Colour


@dataclass(frozen=True, slots=True)
class ProbeLine:
    """What the last probe of a lane came to."""

    lane: str
    text: str
    ago: str
    under_way: bool
    colour: Colour


@get(_PATH)
async def show_providers(request: Visit) -> Response[bytes]:
    """All of them; the part that changes, when the page asks for that again and again."""
    menu.demand(request.user.person, _PATH)
    lang, (span_name, span) = language(request), _span(request)
    board = await room(request).providers.all(span)
    tried = await room(request).probing.standings()
    values: dict[str, Any] = {
        "cards": [_card(one, board.at, lang) for one in board.standings],
        "probes": {one.contract.name: _probes(tried, one.contract.name, board.at, lang) for one in board.standings},
        "spans": list(SPANS),
        "span": span_name,
        "scale": scale(board.standings[0]) if board.standings else ("", ""),
    }
    template = "providers_live" if _part(request) else "providers"
    return page(template, lang, session=request.user, path=_PATH, **values)


@get(f"{_PATH}/{{name:str}}")
async def show_provider(request: Visit, name: FromPath[str]) -> Response[bytes]:
    """One of them in full; the same of its parts that change."""
    menu.demand(request.user.person, _PATH)
    return await _one(request, name)


@post(f"{_PATH}/{{name:str}}/hold")
async def hold_provider(request: Visit, name: FromPath[str]) -> Response[bytes]:
    """Give it nothing new, with a reason; the last of a guaranteed channel only by who says to know what follows."""
    demand_runs(request, _PATH)
    why, sure = (await field(request, "why")).strip(), await field(request, "sure")
    sheet = await room(request).providers.one(name, _span(request)[1])
    try:
        _check(why)
        if sheet.is_last_guaranteed and sheet.standing.is_used and not sure:
            raise InvalidInput([Problem("/providers_sure", "required", "tick that you know what follows")])
        await room(request).operations.hold_provider(name, actor=actor(request), why=why)
    except InvalidInput as error:
        return await _one(request, name, status_of(error), alert=sentence(request, _ours(error)), why=why)
    return see(f"{_PATH}/{quote(name)}")


@post(f"{_PATH}/{{name:str}}/resume")
async def resume_provider(request: Visit, name: FromPath[str]) -> Response[bytes]:
    """Take a hold away, with a reason."""
    demand_runs(request, _PATH)
    why = (await field(request, "why")).strip()
    try:
        _check(why)
        await room(request).operations.resume_provider(name, actor=actor(request), why=why)
    except InvalidInput as error:
        return await _one(request, name, status_of(error), alert=sentence(request, _ours(error)), why=why)
    return see(f"{_PATH}/{quote(name)}")


@post(f"{_PATH}/{{name:str}}/probe")
async def probe_provider(request: Visit, name: FromPath[str]) -> Response[bytes]:
    """Probe it now, in each of its lanes."""
    demand_runs(request, _PATH)
    try:
        await room(request).probing.ask(name, actor=actor(request))
    except RefusedTransition as error:
        return await _one(request, name, status_of(error), alert=sentence(request, error))
    return see(f"{_PATH}/{quote(name)}")


HANDLERS = (show_providers, show_provider, hold_provider, resume_provider, probe_provider)


async def _one(request: Visit, name: str, status: int = 200, *, alert: str = "", why: str = "") -> Response[bytes]:
    lang, (span_name, span) = language(request), _span(request)
    sheet = await room(request).providers.one(name, span)
    probes = _probes(await room(request).probing.standings(), name, sheet.at, lang)
    values: dict[str, Any] = {
        "card": _card(sheet.standing, sheet.at, lang),
        "name": name,
        "spans": list(SPANS),
        "span": span_name,
        "scale": scale(sheet.standing),
        "band": band(sheet.spells, lang),
        "band_scale": (hour_and_minute(sheet.at - span.length), hour_and_minute(sheet.at)),
        "gauges": gauges(sheet.standing, lang),
        "lines": lines(sheet.standing, lang),
        "later": sheet.standing.whole.throttled,
        "history": [_entry(one, sheet, lang) for one in sheet.history],
        "probes": probes,
        "held": sheet.standing.health.hold is not None,
        "consequence": consequence(sheet, lang),
        "is_last": sheet.is_last,
        "asks_sure": sheet.is_last_guaranteed and sheet.standing.is_used,
        "may_act": runs(request.user.person),
        "alert": alert,
        "why": why,
    }
    template = _PARTS.get(_part(request), "provider")
    return page(template, lang, status, session=request.user, path=f"{_PATH}/{quote(name)}", **values)


def _card(one: Standing, now: datetime, lang: str) -> Card:
    tile = provider(Tile(health=one.health, state=one.state), now, lang)
    channel = channel_name(one.contract.channel, lang)
    return Card(tile=tile, channel=channel, charts=charts(one, lang), is_quiet=not one.whole.calls)


def _probes(tried: Sequence[ProbeStanding], name: str, now: datetime, lang: str) -> list[ProbeLine]:
    words = PROVIDER_WORDS[lang]
    found = []
    for one in tried:
        if one.provider != name:
            continue
        last = one.last
        text, when, colour = words["probe_none"], "", Colour.GREY
        if last is not None and last.judged is not None and last.ended_at is not None:
            text, when = probe_told(last.judged, lang), ago(last.ended_at, now, lang)
            colour = Colour.GREEN if last.judged.ok else Colour.RED if one.is_alarm else Colour.AMBER
        found.append(ProbeLine(words[f"probe_{one.lane}"], text, when, one.under_way, colour))
    return found


def _entry(one: Noted, sheet: Sheet, lang: str) -> Entry:
    change, words = one.change, PROVIDER_WORDS[lang]
    at = change.at or sheet.at
    return Entry(
        text=words[f"change_{change.change}"],
        why=because(one, lang),
        by=change.by or "",
        ago=ago(at, sheet.at, lang),
        at=at.isoformat(),
        lasted=duration(one.lasted_s, lang),
        goes_on=one.goes_on,
        colour=_COLOURS.get(change.change, Colour.AMBER if change.change in _AMBER else Colour.GREY),
    )


def _span(request: Visit) -> tuple[str, Span]:
    """What the visitor chose to look back over; the shorter unless another is named."""
    chosen = request.query_params.get("span", "")
    return (chosen, SPANS[chosen]) if chosen in SPANS else next(iter(SPANS.items()))


def _part(request: Visit) -> str:
    """Which part of the page is asked for, as the page itself does again and again; empty: all of it."""
    part = request.query_params.get("part", "") if request.method == "GET" else ""
    return part if part in _PARTS else ""


def _check(why: str) -> None:
    if not 1 <= len(why) <= WHY_LENGTH_MAX:
        raise InvalidInput([Problem("/why", "wrong_length", f"must have 1 to {WHY_LENGTH_MAX} characters")])


def _ours(error: InvalidInput) -> InvalidInput:
    """The same error, of the field as these pages call it: other pages ask for other reasons."""
    return InvalidInput(
        [Problem(one.pointer.replace("/why", "/providers_why"), one.code, one.detail) for one in error.problems]
    )
