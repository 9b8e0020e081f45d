"""The pages of texts: the list, one template with its history, writing, publishing, Viber's approval, live preview.

What belongs here: from forms to the engine and back to the page. What does not: the rules of words (``render``), who
may publish (``core.wording``), the words for what is so (``texts_told``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console import menu, texts_told
from esoz_notify.console.drawing import page
from esoz_notify.console.operating import actor, demand_runs
from esoz_notify.console.visit import Visit, field, language, room, see, sentence, status_of
from esoz_notify.console.words import LANGUAGES, WORDS
from esoz_notify.core.crisis import folded
from esoz_notify.core.errors import Conflict, InvalidInput, NotFound
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.wording import WHY_LENGTH_MAX, ViberNote
from esoz_notify.engine.publishing import Leaf, Sketch, WrongWords
from esoz_notify.render.templates import Template, viber_form
from esoz_notify.render.text_rules import Fault
from esoz_notify.render.wording import words_of, written

_PATH = "/texts"
_FORM_BYTES_MAX = 60_000
"""A letter of Ukrainian takes six octets in a form, and a full text of Diia has two thousand."""
_KEYS = ("sms", "sms_segments", "viber", "diia_title", "diia_short", "diia_full")
_HINTS = {"sms": ("sms-count", "sms-hint"), "sms_segments": ("segments-hint",), "diia_short": ("short-hint",)}
_NOTICES = ("saved", "published", "noted")
_NO_LENGTH_MAX = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What stands in the form, and what is wrong with it. ``seen_no``: the newest version when it was opened."""

    template: Template
    why: str = ""
    seen_no: int
    segments: str
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A Viber body that needs approval: of the newest version, and of the one in force while that is another."""

    no: int
    standing: tuple[str, str]
    note: ViberNote | None
    text: str


@get(_PATH)
async def show_texts(request: Visit) -> Response[bytes]:
    """Every template, or those of a kind or a language."""
    menu.demand(request.user.person, _PATH)
    lang = language(request)
    kind, wanted = (request.query_params.get(name, "") for name in ("kind", "language"))
    shown: dict[str, object] = {
        "session": request.user,
        "path": _PATH,
        "groups": texts_told.groups(await room(request).publishing.list(), lang, kind=kind, language=wanted),
        "kinds": [(name, texts_told.kind_title(name, lang)) for name in KINDS],
        "languages": LANGUAGES,
        "kind": kind,
        "wanted": wanted,
    }
    return page("texts", lang, 200, **shown)


@get("/texts/{name:str}")
async def show_text(request: Visit, name: FromPath[str]) -> Response[bytes]:
    """One template; with ``take`` in the query the form holds an earlier version, to be kept as a new one."""
    menu.demand(request.user.person, _PATH)
    leaf = await room(request).publishing.open(name)
    took = await _taken(request, leaf)
    said = next((one for one in _NOTICES if one in request.query_params), "")
    notice = WORDS[language(request)][f"look_texts_{said}"] if said else ""
    return _page(request, leaf, _draft(leaf, took or leaf.newest), notice=notice)


@post("/texts/{name:str}", request_max_body_size=_FORM_BYTES_MAX)
async def write_text(request: Visit, name: FromPath[str]) -> Response[bytes]:
    """Keep a draft."""
    demand_runs(request, _PATH)
    publishing, given = room(request).publishing, await _given(request)
    try:
        await publishing.write(name, given, seen_no=_number(given["seen_no"]), actor=actor(request))
    except (InvalidInput, Conflict) as error:
        sketch = publishing.sketch(name, given)
        wrong = isinstance(error, WrongWords)
        alert = WORDS[language(request)]["look_texts_wrong"] if wrong else sentence(request, error)
        leaf = await publishing.open(name)
        # Whoever was told of a newer version has seen it now, and may keep theirs after it.
        return _page(request, leaf, _kept(leaf, sketch, given), status_of(error), alert=alert)
    return see(f"{_PATH}/{name}?saved")


@post("/texts/{name:str}/preview", request_max_body_size=_FORM_BYTES_MAX)
async def preview_text(request: Visit, name: FromPath[str]) -> Response[bytes]:
    """How the words of the form look: a part for the page's script, or the whole page where there is none."""
    demand_runs(request, _PATH)
    publishing, given, lang = room(request).publishing, await _given(request), language(request)
    sketch = publishing.sketch(name, given)
    if given["whole"]:
        leaf = await publishing.open(name)
        return _page(request, leaf, _kept(leaf, sketch, given))
    return page("text_preview", lang, 200, **_preview(request, sketch.template, sketch.faults))


@post("/texts/{name:str}/{no:int}/publish")
async def publish_text(request: Visit, name: FromPath[str], no: FromPath[int]) -> Response[bytes]:
    """Bring what another person wrote into force."""
    demand_runs(request, _PATH)
    publishing = room(request).publishing
    try:
        await publishing.publish(name, no, actor=actor(request))
    except (InvalidInput, Conflict) as error:
        words = WORDS[language(request)]
        alert = words["problem_text_wrong"] if isinstance(error, WrongWords) else sentence(request, error)
        return await _again(request, name, status_of(error), alert)
    return see(f"{_PATH}/{name}?published")


@post("/texts/{name:str}/{no:int}/viber")
async def note_viber(request: Visit, name: FromPath[str], no: FromPath[int]) -> Response[bytes]:
    """Note what Viber's moderators have said."""
    demand_runs(request, _PATH)
    told = {one: await field(request, one) for one in ("step", "template_id", "why")}
    try:
        await room(request).publishing.note_viber(name, no, told, actor=actor(request))
    except (InvalidInput, Conflict) as error:
        return await _again(request, name, status_of(error), sentence(request, error))
    return see(f"{_PATH}/{name}?noted")


HANDLERS = (show_texts, show_text, write_text, preview_text, publish_text, note_viber)


async def _again(request: Visit, name: str, status: int, alert: str) -> Response[bytes]:
    leaf = await room(request).publishing.open(name)
    return _page(request, leaf, _draft(leaf, leaf.newest), status, alert=alert)


def _page(  # noqa: PLR0913 - what the page shows, by name
    request: Visit, leaf: Leaf, draft: Draft, status: int = 200, *, alert: str = "", notice: str = ""
) -> Response[bytes]:
    lang, person, now = language(request), request.user.person, leaf.line.template
    waiting = leaf.draft
    body = leaf.newest.viber
    shown = {
        "session": request.user,
        "path": f"{_PATH}/{leaf.own.name}",
        "alert": alert,
        "notice": notice,
        "acts": person.may_act,
        "leaf": leaf,
        "title": texts_told.kind_title(leaf.own.name.split(".")[0], lang),
        "variant": texts_told.variant(now, lang),
        "version": texts_told.version(now.version, lang),
        "draft": draft,
        "wrong": (wrong := _wrong(draft, lang)),
        "described": {key: _described(key, len(said)) for key, said in wrong.items()},
        "waits": texts_told.changes(words_of(now), waiting.words, lang) if waiting else (),
        "mine": waiting is not None and folded(waiting.written.by) == folded(person.login),
        "standing": texts_told.standing(leaf.standing(body), lang),
        "bodies": _bodies(leaf, lang),
        "history": texts_told.history(leaf, lang),
        "why_length_max": WHY_LENGTH_MAX,
        **_preview(request, draft.template, draft.faults),
    }
    return page("text", lang, status, **shown)


def _preview(request: Visit, template: Template, faults: tuple[Fault, ...]) -> dict[str, object]:
    lang = language(request)
    return {
        "handsets": texts_told.handsets(template, room(request).prices, lang),
        "faults": [(one.key, texts_told.label(one.key, lang), texts_told.fault(one, lang)) for one in faults],
    }


def _wrong(draft: Draft, lang: str) -> dict[str, list[str]]:
    return {key: [texts_told.fault(one, lang) for one in draft.faults if one.key == key] for key in _KEYS}


def _bodies(leaf: Leaf, lang: str) -> list[Body]:
    found = {one.viber: one for one in (leaf.line.template, leaf.newest) if one.viber != leaf.own.viber}
    return [
        Body(
            no=one.version,
            standing=texts_told.standing(leaf.standing(body), lang),
            note=leaf.note(body),
            text=viber_form(body),
        )
        for body, one in reversed(found.items())
    ]


def _described(key: str, count: int) -> str:
    """The ids of what explains a field: what is wrong with it first."""
    return " ".join([*(f"wrong-{key}-{no}" for no in range(1, count + 1)), *_HINTS.get(key, ())])


def _draft(leaf: Leaf, template: Template) -> Draft:
    seen_no = leaf.versions[0].no if leaf.versions else 0
    return Draft(template=template, seen_no=seen_no, segments=str(template.sms_segments))


def _kept(leaf: Leaf, sketch: Sketch, given: Mapping[str, str]) -> Draft:
    """What somebody typed, as they typed it."""
    seen_no = leaf.versions[0].no if leaf.versions else 0
    return Draft(
        template=sketch.template,
        why=given["why"],
        seen_no=seen_no,
        segments=given["sms_segments"],
        faults=sketch.faults,
    )


async def _taken(request: Visit, leaf: Leaf) -> Template | None:
    """The version that the query asks for; the file's is 0. None: none, or none of these."""
    asked = request.query_params.get("take", "")
    no = _number(asked)
    if asked == "0":
        return leaf.own
    if no < 1:
        return None
    try:
        return written(leaf.own, await room(request).publishing.version(leaf.own.name, no))
    except NotFound:
        return None


async def _given(request: Visit) -> dict[str, str]:
    return {name: await field(request, name) for name in (*_KEYS, "why", "seen_no", "whole")}


def _number(text: str) -> int:
    """A number of a version; -1 for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _NO_LENGTH_MAX else -1
