"""The page that finds notifications: one box, lists by filters, and a list as a file.

What belongs here: from forms and addresses to the engine and back to the page. What does not: what is found and how far
it is looked for (engine), lines in words (``find_rows``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Stream

from esoz_notify.console import menu
from esoz_notify.console.drawing import HEADERS, page
from esoz_notify.console.find_rows import csv_file, line
from esoz_notify.console.told import channel_name
from esoz_notify.console.visit import Visit, field, language, room, see, sentence, status_of
from esoz_notify.console.words import WORDS
from esoz_notify.console.words_find import TOLD
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import Conflict, InvalidInput
from esoz_notify.core.kinds import KINDS, Lane
from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.limits import REFERENCE_LENGTH_MAX
from esoz_notify.core.status import Status
from esoz_notify.engine.exporting import EXPORTED_MAX
from esoz_notify.engine.finding import (
    FILTERS,
    FOUND_MAX,
    GROUPS,
    LOOKED_MAX,
    SLOWER,
    Row,
    read_chosen,
    read_cursor,
)
from esoz_notify.render.labels import STATUS_LABELS

_PATH = "/find"
_TYPED_LENGTH_MAX = 100
"""No filter is longer; what is more of a wrong one is not shown again."""
_QUICK: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("paper", {"status": "paper"}),
    ("open", {"status": "open"}),
    (SLOWER, {"took": SLOWER}),
    (Lane.CODES, {"lane": Lane.CODES}),
)
"""Lists at one click: the word of each, and its filters."""
_NOT_FILTERED: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Select:
    """A filter of which one value is chosen, or none. ``options``: each value and its word."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: str


@get(_PATH)
async def show_found(request: Visit) -> Response[bytes]:
    """The box, the filters, and a page of what they leave."""
    menu.demand(request.user.person, _PATH)
    return await _list(request, {name: request.query_params.get(name, "") for name in FILTERS})


@post(_PATH)
async def find_notification(request: Visit) -> Response[bytes]:
    """Find; by POST, so that phones and numbers stand in no address. What is found alone is opened at once."""
    menu.demand(request.user.person, _PATH)
    finder, typed = room(request).finder, await field(request, "wanted")
    try:
        found = await finder.find(request.user.person, typed)
    except InvalidInput as error:
        alert = WORDS[language(request)]["problem_find_wanted"].format(count=REFERENCE_LENGTH_MAX)
        return await _list(request, {}, status_of(error), typed=typed, wrong=alert)
    if len(found) == 1:
        return see(f"/notifications/{found[0].id}")
    return await _page(request, await finder.systems(), rows=found, typed=typed, searched=True)


@post("/find/export")
async def export_found(request: Visit) -> Response[bytes] | Stream:
    """The whole list as a file that begins to come at once. By POST: it is noted in the audit."""
    menu.demand(request.user.person, _PATH)
    here, lang = room(request), language(request)
    typed = {name: await field(request, name) for name in FILTERS}
    try:
        chosen = read_chosen(typed, await here.finder.systems())
        batches = here.exporter.export(request.user.person, chosen)
        await anext(batches)
    except InvalidInput:
        return await _list(request, typed)  # which finds the same, and says what is wrong beside each filter
    except Conflict as error:
        return await _list(request, typed, status_of(error), alert=sentence(request, error))
    name = f"{TOLD[lang]['csv_name']}-{here.ledger.clock.now().astimezone(KYIV):%Y-%m-%d}.csv"
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Stream(csv_file(batches, lang), status_code=200, media_type="text/csv", headers=headers)


HANDLERS = (show_found, find_notification, export_found)


async def _list(request: Visit, asked: Mapping[str, str], status: int = 200, **said: object) -> Response[bytes]:
    """A page of the list; when a filter is wrong, the form with what is wrong beside it and no list."""
    finder, cursors = room(request).finder, request.query_params
    systems = await finder.systems()
    try:
        chosen = read_chosen(asked, systems)
        before, after = (read_cursor(cursors.get(name, "")) for name in ("before", "after"))
    except InvalidInput as error:
        given = {name: text[:_TYPED_LENGTH_MAX] for name, text in asked.items() if text}
        return await _page(request, systems, given, status_of(error), wrongs=_wrongs(request, error))
    found = await finder.page(request.user.person, chosen, before=before, after=after)
    onwards = "newer" if after else "older"
    links = {
        "newest": _address(chosen.given) if before or after else "",
        "newer": _address(chosen.given, after=found.newer) if found.newer else "",
        "older": _address(chosen.given, before=found.older) if found.older else "",
    }
    stopped = onwards if found.stopped else ""
    return await _page(request, systems, chosen.given, status, rows=found.rows, links=links, stopped=stopped, **said)


async def _page(
    request: Visit,
    systems: Mapping[str, str],
    given: Mapping[str, str] = _NOT_FILTERED,
    status: int = 200,
    *,
    rows: Sequence[Row] | None = None,
    **said: object,
) -> Response[bytes]:
    lang, now = language(request), room(request).ledger.clock.now()
    shown = {
        "session": request.user,
        "path": _PATH,
        "back": _address(given),
        "given": given,
        "selects": _selects(given, systems, lang),
        "quick": [(TOLD[lang][word], _address(one), given == one) for word, one in _QUICK],
        "lines": None if rows is None else [line(row, systems, now, lang) for row in rows],
        "found_max": FOUND_MAX,
        "looked_max": _number(LOOKED_MAX),
        "exported_max": _number(EXPORTED_MAX),
        "typed_max": REFERENCE_LENGTH_MAX,
    }
    return page("find", lang, status, **{**_NOTHING_SAID, **shown, **said})


_NOTHING_SAID: Mapping[str, object] = {
    "typed": "",
    "wrong": "",
    "alert": "",
    "wrongs": {},
    "links": {"newest": "", "newer": "", "older": ""},
    "stopped": "",
    "searched": False,
}


def _selects(given: Mapping[str, str], systems: Mapping[str, str], lang: str) -> list[Select]:
    words = TOLD[lang]
    offered: Mapping[str, Iterable[tuple[str, str]]] = {
        "status": [
            *((group, words[group]) for group in GROUPS),
            *((one.value, STATUS_LABELS[one].words(lang).label) for one in Status),
        ],
        "kind": [(name, kind.title_en if lang == "en" else kind.title_uk) for name, kind in KINDS.items()],
        "channel": [(one.value, channel_name(one, lang)) for one in Channel],
        "system": sorted(systems.items(), key=lambda one: one[1]),
        "lane": [(one.value, words[one]) for one in Lane],
        "took": [(SLOWER, words[SLOWER])],
    }
    return [
        Select(name, WORDS[lang][f"look_filter_{name}"], tuple(options), given.get(name, ""))
        for name, options in offered.items()
    ]


def _wrongs(request: Visit, error: InvalidInput) -> dict[str, str]:
    """What is wrong, by the name of the filter."""
    names = [one.pointer.removeprefix("/") for one in error.problems]
    return {name: WORDS[language(request)][f"problem_find_{name}"] for name in names}


def _address(given: Mapping[str, str], **cursor: UUID) -> str:
    """The list by these filters."""
    query = urlencode({**given, **cursor})
    return f"{_PATH}?{query}" if query else _PATH


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\u00a0")
