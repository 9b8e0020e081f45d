"""The operator's page of the crisis switch: what is on and coming, proposing, confirming, taking back.

What belongs here: from forms to the engine and back to the page. What does not: the rules (``core.crisis``).
"""

from datetime import datetime
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console import menu
from esoz_notify.console.drawing import page
from esoz_notify.console.operating import actor
from esoz_notify.console.visit import Visit, field, language, room, see, sentence, status_of
from esoz_notify.core.crisis import OVER, Scope
from esoz_notify.core.errors import Conflict, InvalidInput, NotFound, Problem
from esoz_notify.core.kyiv import KYIV
from esoz_notify.engine.crises import Report, Seen

_PATH = "/crisis"
_WHY_LENGTH_MAX = 200
_PAST_COUNTED = 5
"""Of so many past switches the page tells what was issued; of the others the API's report does."""


@get(_PATH)
async def show_crises(request: Visit) -> Response[bytes]:
    """What is in force, coming, waiting for a second person, and past; with what was issued under it."""
    menu.demand(request.user.person, _PATH)
    return await _page(request)


@post(_PATH)
async def propose_crisis(request: Visit) -> Response[bytes]:
    """Propose a switch. Times of the form are of Kyiv, which is where its readers are."""
    menu.demand(request.user.person, _PATH)
    names = ("scope", "values", "ends_at", "reason")
    given = {name: (await field(request, name)).strip() for name in names}
    document: dict[str, object] = {"scope": given["scope"], "reason": given["reason"] or None}
    if given["scope"] != Scope.EVERYTHING:
        document["values"] = [one for line in given["values"].split("\n") for one in _words(line)]
    document["ends_at"] = _kyiv(given["ends_at"])
    try:
        await room(request).crises.propose(document, actor=actor(request))
    except (InvalidInput, Conflict) as error:
        return await _page(request, status_of(error), alert=sentence(request, error), given=given)
    return see(_PATH)


@post("/crisis/{crisis_id:uuid}/confirm")
async def confirm_crisis(request: Visit, crisis_id: FromPath[UUID]) -> Response[bytes]:
    """Confirm what another person proposed."""
    menu.demand(request.user.person, _PATH)
    try:
        await room(request).crises.confirm(crisis_id, actor=actor(request))
    except (Conflict, NotFound) as error:
        return await _page(request, status_of(error), alert=sentence(request, error))
    return see(_PATH)


@post("/crisis/{crisis_id:uuid}/withdraw")
async def withdraw_crisis(request: Visit, crisis_id: FromPath[UUID]) -> Response[bytes]:
    """Take a switch back, with a reason."""
    menu.demand(request.user.person, _PATH)
    why = (await field(request, "why")).strip()
    try:
        if not 1 <= len(why) <= _WHY_LENGTH_MAX:
            rule = f"must have 1 to {_WHY_LENGTH_MAX} characters"
            raise InvalidInput([Problem("/withdraw_why", "wrong_length", rule)])
        await room(request).crises.withdraw(crisis_id, actor=actor(request), why=why)
    except (InvalidInput, Conflict, NotFound) as error:
        return await _page(request, status_of(error), alert=sentence(request, error))
    return see(_PATH)


HANDLERS = (show_crises, propose_crisis, confirm_crisis, withdraw_crisis)


async def _page(
    request: Visit, status: int = 200, *, alert: str = "", given: dict[str, str] | None = None
) -> Response[bytes]:
    crises = room(request).crises
    seen = await crises.every()
    switches, past = [one for one in seen if one.state not in OVER], [one for one in seen if one.state in OVER]
    counted = [one.crisis.id for one in (*switches, *past[:_PAST_COUNTED]) if one.crisis.confirmed]
    reports = [await crises.report(of) for of in counted]
    shown = {
        "session": request.user,
        "path": _PATH,
        "banner": crises.banner(),
        "switches": switches,
        "past": past,
        "counts": {one.seen.crisis.id: _counted(one) for one in reports},
        "mine": {one.crisis.id for one in seen if _is_mine(request, one)},
        "scopes": list(Scope),
        "given": given or {"scope": "operator", "values": "", "ends_at": "", "reason": ""},
        "alert": alert,
    }
    return page("crisis", language(request), status, **shown)


def _counted(report: Report) -> tuple[int, int]:
    """How many were issued, and how many of them printed."""
    return sum(row.count for row in report.issued), sum(row.printed for row in report.issued)


def _who(request: Visit) -> str:
    return request.user.person.login


def _is_mine(request: Visit, one: Seen) -> bool:
    return one.crisis.proposed.by == _who(request)


def _words(line: str) -> list[str]:
    return [one.strip() for one in line.split(",") if one.strip()]


def _kyiv(text: str) -> str | None:
    """A time of a form as the engine reads it; what is no time is left for the engine to refuse."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=KYIV).isoformat() if text else None
    except ValueError:
        return text
