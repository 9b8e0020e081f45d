"""The page of callers, the medical systems: their secrets and keys, scopes, limits and volumes; and changing them.

What belongs here: from forms to the engine and back to the page. What does not: the rules (``engine.callers``,
``engine.quotas``), bars (``volumes``).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console import menu
from esoz_notify.console.drawing import page
from esoz_notify.console.operating import actor, runs, unproved
from esoz_notify.console.visit import Visit, field, language, room, see, sentence, status_of
from esoz_notify.console.volumes import by_day, by_hour
from esoz_notify.console.words import WORDS
from esoz_notify.core.errors import Conflict, InvalidInput, Problem
from esoz_notify.engine.callers import SCOPES
from esoz_notify.engine.clientele import SECRET_OLD_AFTER
from esoz_notify.engine.quotas import PER_MIN_MAX, limit_caller

_PATH = "/callers"
_WHY_LENGTH_MAX = 200
KEEP_OLD_HOURS = (0, 24, 72, 168)
"""How long the older secret may stay good, as the page offers it."""
_NONE: Mapping[str, str] = {"id": "", "name": ""}


@get(_PATH)
async def show_callers(request: Visit) -> Response[bytes]:
    """Which there are, by what they come in, and what of it needs somebody."""
    menu.demand(request.user.person, _PATH)
    return await _list(request)


@post(_PATH)
async def add_caller(request: Visit) -> Response[bytes]:
    """Make a caller; its secret is shown this once."""
    given = {name: (await field(request, name)).strip() for name in _NONE}
    scopes = [scope for scope in SCOPES if await field(request, scope)]
    if (asking := await unproved(request, _PATH, {**given, **dict.fromkeys(scopes, "yes")})) is not None:
        return asking
    try:
        secret = await room(request).callers.create(given["id"], given["name"], scopes, who=actor(request))
    except (InvalidInput, Conflict) as error:
        return await _list(request, _renamed(request, error), given=given, chosen=scopes)
    return _told_once(request, given["id"], secret)


@get("/callers/{client_id:str}")
async def show_caller(request: Visit, client_id: FromPath[str]) -> Response[bytes]:
    """One caller, with how much it sends."""
    menu.demand(request.user.person, _PATH)
    done = request.query_params.get("done", "")
    return await _caller(request, client_id, notice=WORDS[language(request)].get(f"look_callers_{done}", ""))


@post("/callers/{client_id:str}/rotate")
async def rotate_secret(request: Visit, client_id: FromPath[str]) -> Response[bytes]:
    """A new secret, shown this once, beside the one before for a while; who was disabled may come in again by it."""
    given = {"why": (await field(request, "why")).strip(), "keep_old": await field(request, "keep_old")}
    try:
        _check_why(given["why"])
        if (asking := await unproved(request, _PATH, given)) is not None:
            return asking
        hours = int(given["keep_old"]) if given["keep_old"] in {str(one) for one in KEEP_OLD_HOURS} else -1
        secret = await room(request).callers.rotate(
            client_id, keep_old_hours=hours, who=actor(request), why=given["why"]
        )
    except InvalidInput as error:
        return await _caller(request, client_id, (status_of(error), sentence(request, error)), given=given)
    return _told_once(request, client_id, secret)


@post("/callers/{client_id:str}/end-old")
async def end_old_secret(request: Visit, client_id: FromPath[str]) -> Response[bytes]:
    """End the older secret before its time."""
    callers = room(request).callers
    return await _do(request, client_id, lambda by, why: callers.end_old(client_id, who=by, why=why))


@post("/callers/{client_id:str}/limit")
async def change_limit(request: Visit, client_id: FromPath[str]) -> Response[bytes]:
    """A number of requests in a minute of its own, or that of the settings."""
    typed, ledger = (await field(request, "per_min")).strip(), room(request).ledger
    per_min = None if not typed else int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 0  # noqa: PLR2004
    return await _do(
        request,
        client_id,
        lambda by, why: limit_caller(ledger, client_id, per_min, actor=by, why=why),
        {"per_min": typed},
    )


@post("/callers/{client_id:str}/disable")
async def disable_caller(request: Visit, client_id: FromPath[str]) -> Response[bytes]:
    """Take its access away, with its secrets and keys."""
    callers = room(request).callers
    return await _do(request, client_id, lambda by, why: callers.disable(client_id, who=by, why=why))


HANDLERS = (show_callers, add_caller, show_caller, rotate_secret, end_old_secret, change_limit, disable_caller)


async def _do(
    request: Visit,
    client_id: str,
    work: Callable[[str, str], Awaitable[None]],
    carried: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """Change something of a caller for a reason, after a proof; what cannot be done is said on the caller's page."""
    given = {"why": (await field(request, "why")).strip(), **(carried or {})}
    try:
        _check_why(given["why"])
        if (asking := await unproved(request, _PATH, given)) is not None:
            return asking
        await work(actor(request), given["why"])
    except (InvalidInput, Conflict) as error:
        return await _caller(request, client_id, (status_of(error), sentence(request, error)), given=given)
    return see(f"{_PATH}/{client_id}?done=done")


def _check_why(why: str) -> None:
    if not 1 <= len(why) <= _WHY_LENGTH_MAX:
        raise InvalidInput([Problem("/caller_why", "wrong_length", f"must have 1 to {_WHY_LENGTH_MAX} characters")])


def _renamed(request: Visit, error: InvalidInput | Conflict) -> tuple[int, str]:
    """What was wrong with a new caller; the fields of it have words of their own here."""
    if isinstance(error, InvalidInput):
        error = InvalidInput([Problem(f"/caller_{one.pointer[1:]}", one.code, one.detail) for one in error.problems])
    return status_of(error), sentence(request, error)


async def _list(
    request: Visit,
    wrong: tuple[int, str] = (200, ""),
    *,
    given: Mapping[str, str] = _NONE,
    chosen: Sequence[str] = (),
) -> Response[bytes]:
    here = room(request)
    after = request.query_params.get("after", "")
    cards, further = await here.clientele.page(after)
    status, alert = wrong
    values = {
        "session": request.user,
        "path": _PATH,
        "alert": alert,
        "given": given,
        "chosen": chosen,
        "cards": cards,
        "after": after,
        "further": further,
        "scopes": SCOPES,
        "default_per_min": here.clientele.per_min,
        "may_act": runs(request.user.person),
        "now": here.ledger.clock.now(),
    }
    return page("callers", language(request), status, **values)


async def _caller(
    request: Visit,
    client_id: str,
    wrong: tuple[int, str] = (200, ""),
    *,
    notice: str = "",
    given: Mapping[str, str] | None = None,
) -> Response[bytes]:
    here, lang = room(request), language(request)
    now, hours = here.ledger.clock.now(), await here.clientele.hours(client_id)
    status, alert = wrong
    values = {
        "session": request.user,
        "path": f"{_PATH}/{client_id}",
        "alert": alert,
        "notice": notice,
        "card": await here.clientele.one(client_id),
        "given": given or {},
        "charts": (("day", by_hour(hours, now, lang)), ("weeks", by_day(hours, now, lang))),
        "keep_old_hours": KEEP_OLD_HOURS,
        "per_min_max": PER_MIN_MAX,
        "default_per_min": here.clientele.per_min,
        "old_days": SECRET_OLD_AFTER.days,
        "may_act": runs(request.user.person),
        "now": now,
    }
    return page("caller", lang, status, **values)


def _told_once(request: Visit, client_id: str, secret: str) -> Response[bytes]:
    """The page with a secret, which no cache keeps and no other page ever shows."""
    back = f"{_PATH}/{client_id}"
    shown: dict[str, object] = {"path": back, "back": back, "what": "secret", "of": client_id, "secret": secret}
    return page("secret_once", language(request), 200, session=request.user, **shown)
