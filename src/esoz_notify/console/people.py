"""The page of people: who may come in, as what and by what; and changing that, for operators who prove to be there.

What belongs here: from forms to the engine and back to the page. What does not: the rules (``engine.people``), one's
own password and factors (``account``).
"""

from collections.abc import Awaitable, Callable, Mapping

from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console import menu
from esoz_notify.console.drawing import page
from esoz_notify.console.operating import actor, runs, unproved
from esoz_notify.console.visit import Visit, field, language, room, see, sentence, status_of
from esoz_notify.console.words import WORDS
from esoz_notify.core.errors import Conflict, InvalidInput
from esoz_notify.engine.directory import Whom
from esoz_notify.engine.people import Role

_PATH = "/people"
_BEGINS_LENGTH_MAX = 63
_FIELDS = ("login", "name", "role", "client_id")
_NOBODY: Mapping[str, str] = dict.fromkeys(_FIELDS, "")


@get(_PATH)
async def show_people(request: Visit) -> Response[bytes]:
    """Who there is, by login, a page at a time; by role, and by the beginning of the login."""
    menu.demand(request.user.person, _PATH)
    return await _list(request)


@post(_PATH)
async def add_person(request: Visit) -> Response[bytes]:
    """Let somebody in; the password is made here and shown this once."""
    given = {name: (await field(request, name)).strip() for name in _FIELDS}
    if (asking := await unproved(request, _PATH, given)) is not None:
        return asking
    try:
        password = await room(request).entrance.people.add(
            given["login"], given["name"], given["role"], given["client_id"], by=actor(request)
        )
    except (InvalidInput, Conflict) as error:
        return await _list(request, status_of(error), alert=sentence(request, error), given=given)
    return _told_once(request, given["login"], password)


@get("/people/{login:str}")
async def show_person(request: Visit, login: FromPath[str]) -> Response[bytes]:
    """One person: by what they come in, where they are signed in, what they did, and what may be changed."""
    menu.demand(request.user.person, _PATH)
    done = request.query_params.get("done", "")
    return await _person(request, login, notice=WORDS[language(request)].get(f"look_people_{done}", ""))


@post("/people/{login:str}/role")
async def change_role(request: Visit, login: FromPath[str]) -> Response[bytes]:
    """Another role."""
    role = await field(request, "role")
    people = room(request).entrance.people
    return await _do(request, login, lambda by: people.change_role(login, role, by=by), {"role": role})


@post("/people/{login:str}/disable")
async def disable_person(request: Visit, login: FromPath[str]) -> Response[bytes]:
    """Take the person's access away."""
    people = room(request).entrance.people
    return await _do(request, login, lambda by: people.disable(login, by=by))


@post("/people/{login:str}/second")
async def demand_second(request: Visit, login: FromPath[str]) -> Response[bytes]:
    """Demand a second factor, or no longer."""
    demanded = await field(request, "demanded")
    factors = room(request).entrance.factors
    return await _do(
        request, login, lambda by: factors.require(login, required=demanded == "yes", by=by), {"demanded": demanded}
    )


@post("/people/{login:str}/second/reset")
async def reset_second(request: Visit, login: FromPath[str]) -> Response[bytes]:
    """Forget the second factors of somebody who lost them."""
    factors = room(request).entrance.factors
    return await _do(request, login, lambda by: factors.reset(login, by=by))


@post("/people/{login:str}/sessions/end")
async def end_all_sessions(request: Visit, login: FromPath[str]) -> Response[bytes]:
    """Sign somebody out everywhere."""
    sessions = room(request).entrance.sessions
    return await _do(request, login, lambda by: sessions.end_of(login, by=by))


@post("/people/{login:str}/password")
async def renew_password(request: Visit, login: FromPath[str]) -> Response[bytes]:
    """Another password, shown this once; who was disabled may come in again by it."""
    if (asking := await unproved(request, _PATH)) is not None:
        return asking
    return _told_once(request, login, await room(request).entrance.people.set_password(login, by=actor(request)))


HANDLERS = (
    show_people,
    add_person,
    show_person,
    change_role,
    disable_person,
    demand_second,
    reset_second,
    end_all_sessions,
    renew_password,
)


async def _do(
    request: Visit, login: str, work: Callable[[str], Awaitable[None]], carried: Mapping[str, str] | None = None
) -> Response[bytes]:
    """Change something of a person, after a proof; what cannot be done is said on the person's page."""
    if (asking := await unproved(request, _PATH, carried)) is not None:
        return asking
    try:
        await work(actor(request))
    except (Conflict, InvalidInput) as error:
        return await _person(request, login, status_of(error), alert=sentence(request, error))
    return see(f"{_PATH}/{login}?done=done")


async def _list(
    request: Visit, status: int = 200, *, alert: str = "", given: Mapping[str, str] = _NOBODY
) -> Response[bytes]:
    here, query = room(request), request.query_params
    shown = query.get("role", "")
    whom = Whom(
        role=shown if shown in set(Role) else "",
        begins=query.get("login", "").strip().lower()[:_BEGINS_LENGTH_MAX],
        disabled=True if shown == "disabled" else None,
        after=query.get("after", ""),
    )
    may_act = runs(request.user.person)
    values = {
        "session": request.user,
        "path": _PATH,
        "alert": alert,
        "given": given,
        "found": await here.directory.page(whom),
        "whom": whom,
        "shown": shown if shown == "disabled" else whom.role,
        "roles": list(Role),
        "systems": await here.directory.systems() if may_act else [],
        "may_act": may_act,
        "now": here.ledger.clock.now(),
    }
    return page("people", language(request), status, **values)


async def _person(
    request: Visit, login: str, status: int = 200, *, alert: str = "", notice: str = ""
) -> Response[bytes]:
    here = room(request)
    values = {
        "session": request.user,
        "path": f"{_PATH}/{login}",
        "alert": alert,
        "notice": notice,
        "card": await here.directory.one(login),
        "roles": list(Role),
        "may_act": runs(request.user.person) and login != request.user.person.login,
        "is_own": login == request.user.person.login,
        "now": here.ledger.clock.now(),
    }
    return page("person", language(request), status, **values)


def _told_once(request: Visit, login: str, password: str) -> Response[bytes]:
    """The page with a password, which no cache keeps and no other page ever shows."""
    back = f"{_PATH}/{login}"
    shown: dict[str, object] = {"path": back, "back": back, "what": "password", "of": login, "secret": password}
    return page("secret_once", language(request), 200, session=request.user, **shown)
