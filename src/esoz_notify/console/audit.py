"""The page of the audit: who did what to which record, searched; how its chain stands; rows taken out as a file.

What belongs here: from the address to the engine, and from rows to words. What does not: what may be asked and how much
(``engine.trail``), the words themselves (``words_audit``), the file (``audit_file``).
"""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import groupby
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.response import Stream

from esoz_notify.console import menu, visit
from esoz_notify.console.audit_file import lines, type_and_name
from esoz_notify.console.drawing import HEADERS, page
from esoz_notify.console.told import moment
from esoz_notify.console.visit import Visit, language, room, sentence, status_of
from esoz_notify.console.words import WORDS
from esoz_notify.core.audit import Action, Entry, visible
from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.kyiv import KYIV, kyiv_date
from esoz_notify.engine.trail import CHECKED_MAX, EXPORTED_MAX, LOOKED_MAX, Checked, Found, read_search

_PATH = "/audit"
_FILTERS = ("actor", "action", "subject", "from", "to")
_SEQ_DIGITS_MAX = 18
_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d(:\d\d)?[+-]\d\d:\d\d", re.ASCII)

GROUPS: Mapping[str, Sequence[Action]] = {
    "in": (Action.SIGN_IN, Action.SIGN_OUT, Action.SECOND_FACTOR_FAILED, Action.SESSION_REVOKED),
    "people": (
        Action.PERSON_ADDED,
        Action.PERSON_ROLE,
        Action.PERSON_DISABLED,
        Action.PASSWORD_CHANGED,
        Action.SECOND_FACTOR_ENROLLED,
        Action.SECOND_FACTOR_REMOVED,
        Action.SECOND_FACTOR_DEMANDED,
    ),
    "seen": (
        Action.REVEAL_PHONE,
        Action.REVEAL_TEXT,
        Action.REVEAL_RECEIPT,
        Action.EXPORT,
        Action.PURGE,
        Action.PATIENT_DELETED,
    ),
    "notifications": (Action.PRINT, Action.REPRINT, Action.RESEND, Action.CANCEL),
    "bulk": (Action.BULK_BROUGHT, Action.BULK_STARTED, Action.BULK_STOPPED, Action.BULK_DROPPED),
    "service": (
        Action.LEDGER_RESTORED,
        Action.CRISIS_PROPOSED,
        Action.CRISIS_CONFIRMED,
        Action.CRISIS_WITHDRAWN,
        Action.PROVIDER_HELD,
        Action.PROVIDER_RESUMED,
        Action.PROVIDER_PROBED,
        Action.POLICY_DRAFTED,
        Action.POLICY_PUBLISHED,
        Action.POLICY_WITHDRAWN,
        Action.TEXT_WRITTEN,
        Action.TEXT_PUBLISHED,
        Action.VIBER_TEMPLATE_STATE,
    ),
    "clients": (
        Action.CLIENT_CREATED,
        Action.CLIENT_ROTATED,
        Action.CLIENT_KEYS_CHANGED,
        Action.CLIENT_KEY_SHOWN,
        Action.CLIENT_LIMITED,
        Action.CLIENT_DISABLED,
    ),
    "webhooks": (
        Action.WEBHOOK_CREATED,
        Action.WEBHOOK_CHANGED,
        Action.WEBHOOK_DISABLED,
        Action.WEBHOOK_ENABLED,
        Action.WEBHOOK_ROTATED,
        Action.WEBHOOK_REPLAYED,
        Action.WEBHOOK_DELETED,
    ),
    "keys": (Action.KEY_ROTATED, Action.KEY_RETIRED),
}
"""Every action, as the list of them is read."""

_TONES: Mapping[str, str] = {
    **dict.fromkeys(
        (*GROUPS["clients"], *GROUPS["webhooks"], *GROUPS["keys"], *GROUPS["notifications"], *GROUPS["bulk"]), "blue"
    ),
    **dict.fromkeys((*GROUPS["seen"], *GROUPS["service"]), "amber"),
    **dict.fromkeys((Action.PERSON_ADDED, Action.PERSON_ROLE, Action.SECOND_FACTOR_REMOVED), "amber"),
    **dict.fromkeys((Action.SECOND_FACTOR_FAILED, Action.PERSON_DISABLED, Action.CLIENT_DISABLED), "red"),
}
"""What should be noticed among many rows; all others are grey."""
_PLACES = {
    "notification": "/notifications/{}",
    "person": "/people/{}",
    "client": "/callers/{}",
    "caller": "/callers/{}",
    "policy": "/policies/{}",
    "bulk": "/bulk/{}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who did it, or to what. ``note``: the id, where the text is a name. ``place``: where more is shown of it."""

    id: str
    kind: str
    text: str
    note: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row in words."""

    row: Entry
    clock: str
    who: Party
    of: Party
    did: str
    tone: str
    why: str
    details: Sequence[tuple[str, str]] = field(default=())


@get(_PATH)
async def show_audit(request: Visit) -> Response[bytes]:
    """The newest rows, or those that the address asks for."""
    menu.demand(request.user.person, _PATH)
    query = request.query_params
    return await _page(request, {name: query.get(name, "") for name in _FILTERS}, query.get("before", ""))


@post(_PATH)
async def find_words(request: Visit) -> Response[bytes]:
    """Rows by words of their reason; by POST, so that what people wrote stands in no address."""
    menu.demand(request.user.person, _PATH)
    return await _page(request, await _form(request), await visit.field(request, "before"))


@post("/audit/check")
async def check_chain(request: Visit) -> Response[bytes]:
    """Look over the newest rows, and say what was looked at."""
    menu.demand(request.user.person, _PATH)
    return await _page(request, {}, checked=await room(request).trail.check())


@post("/audit/export")
async def export_rows(request: Visit) -> Response[bytes] | Stream:
    """The rows that were asked for as a file of CSV; that it was taken is a deed itself."""
    menu.demand(request.user.person, _PATH)
    asked = await _form(request)
    try:
        wanted = read_search(asked)
    except InvalidInput as error:
        return await _page(request, asked, status=status_of(error), alert=sentence(request, error))
    trail, lang = room(request).trail, language(request)
    await trail.note_export(request.user.person, wanted)
    media_type, name = type_and_name(room(request).ledger.clock.now())
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Stream(lines(trail.every(wanted), lang), media_type=media_type, headers=headers, status_code=200)


HANDLERS = (show_audit, find_words, check_chain, export_rows)


async def _form(request: Visit) -> dict[str, str]:
    return {name: await visit.field(request, name) for name in (*_FILTERS, "words")}


async def _page(  # noqa: PLR0913 - what the page shows, by name
    request: Visit,
    asked: Mapping[str, str],
    before: str = "",
    *,
    status: int = 200,
    alert: str = "",
    checked: Checked | None = None,
) -> Response[bytes]:
    here, lang = room(request), language(request)
    found = Found(rows=(), names={}, before=None)
    if not alert:
        try:
            found = await here.trail.page(read_search(asked), _seq(before))
        except InvalidInput as error:
            status, alert = status_of(error), sentence(request, error)
    filters = {name: " ".join(asked.get(name, "").split()) for name in (*_FILTERS, "words")}
    filled = {name: value for name, value in filters.items() if value}
    now = here.ledger.clock.now()
    values = {
        "session": request.user,
        "path": _PATH,
        "alert": alert,
        "now": now,
        "filters": filters,
        "filled": filled,
        "groups": GROUPS,
        "ranges": _ranges(now, filled),
        "days": _days(found, lang),
        "found": found,
        "further": _address({**filled, "before": str(found.before)}) if found.before is not None else "",
        "is_first": not before,
        "standing": await here.trail.standing(),
        "checked": checked,
        "looked_max": LOOKED_MAX,
        "checked_max": CHECKED_MAX,
        "exported_max": EXPORTED_MAX,
        "address": _address,
    }
    return page("audit", lang, status, **values)


def _seq(text: str) -> int | None:
    """A row's number of an address; anything else begins at the newest."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _SEQ_DIGITS_MAX else None


def _address(filters: Mapping[str, str]) -> str:
    """The page with these filters; words never stand in an address."""
    query = urlencode({name: value for name, value in filters.items() if name != "words"})
    return f"{_PATH}?{query}" if query else _PATH


def _ranges(now: datetime, filled: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """Times that are asked for often: their names, addresses, and which of them it is now."""
    others = {name: value for name, value in filled.items() if name not in {"from", "to", "words"}}
    today = datetime.combine(kyiv_date(now), time.min)
    found = [("all", _address(others), not {"from", "to"} & set(filled))]
    for name, days in (("today", 0), ("week", 6), ("month", 29)):
        begins = f"{today - timedelta(days=days):%Y-%m-%dT%H:%M}"
        is_it = filled.get("from") == begins and "to" not in filled
        found.append((name, _address({**others, "from": begins}), is_it))
    return found


# --- rows in words ----------------------------------------------------------------------------------------------------


def _days(found: Found, lang: str) -> list[tuple[str, list[Line]]]:
    """Rows by their days in Kyiv."""
    by_day = groupby(found.rows, key=lambda row: f"{row.at.astimezone(KYIV):%d.%m.%Y}" if row.at else "?")
    return [(day, [line(row, found.names, lang) for row in rows]) for day, rows in by_day]


def line(row: Entry, names: Mapping[str, str], lang: str) -> Line:
    """A row in words; of what is no row of ours, what it says."""
    words = WORDS[lang]
    return Line(
        row=row,
        clock=f"{row.at.astimezone(KYIV):%H:%M:%S}" if row.at else "?",
        who=party(row.actor, names, lang),
        of=party(row.subject, names, lang),
        did=words.get(f"look_deed_{row.action}", visible(row.action)),
        tone=_TONES.get(row.action, "grey"),
        why=visible(row.why or ""),
        details=_details(row, lang),
    )


def party(whole: str, names: Mapping[str, str], lang: str) -> Party:
    """An actor or a subject, such as ``person:o.koval``."""
    words = WORDS[lang]
    kind, _, own = whole.partition(":")
    name = visible(names.get(own, "")) if kind == "person" else ""
    place = _PLACES.get(kind, "").format(own) if own and visible(own) == own and "/" not in own else ""
    if kind == "crisis":
        place = "/crisis"
    shown = visible(own)
    return Party(
        id=whole,
        kind=words.get(f"look_of_{kind}", visible(kind)),
        text=name or shown,
        note=shown * bool(name),
        place=place,
    )


def _details(row: Entry, lang: str) -> list[tuple[str, str]]:
    words = WORDS[lang]
    try:
        said = dict(json.loads(row.details))
    except (TypeError, ValueError):
        return [("?", visible(row.details))]
    return [(_name(row.action, name, words), _value(name, str(said[name]), lang)) for name in said]


def _name(action: str, name: str, words: Mapping[str, str]) -> str:
    """A detail's name in words, which may be the action's own."""
    return words.get(f"look_detail_{action}_{name}", words.get(f"look_detail_{name}", visible(name)))


def _value(name: str, value: str, lang: str) -> str:
    """A detail's value in words, where it is one of ours or a time."""
    words = WORDS[lang]
    if name == "action":
        return words.get(f"look_deed_{value}", visible(value))
    if _TIME.fullmatch(value):
        with contextlib.suppress(ValueError):  # somebody may have put there what is no time
            return moment(datetime.fromisoformat(value), lang)
    return words.get(f"look_value_{value}", words.get(f"look_role_{value}", visible(value)))
