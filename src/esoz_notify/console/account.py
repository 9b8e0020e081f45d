"""A person's own account: the password, and where the person is signed in.

What belongs here: from forms to the engine and back to the page. What does not: rules of passwords, life of sessions
(engine).
"""

from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console.drawing import page
from esoz_notify.console.visit import Visit, field, language, room, see, sentence, session_cookie, status_of
from esoz_notify.console.words import WORDS
from esoz_notify.core.errors import InvalidInput, LimitReached, Problem
from esoz_notify.engine.passwords import PASSWORD_LENGTH_MIN

_PATH = "/account"


@get(_PATH)
async def show_account(request: Visit) -> Response[bytes]:
    """Who one is, where one is signed in, and how one signs in."""
    done = request.query_params.get("done", "")
    words = WORDS[language(request)]
    return await _page(request, notice=words.get(f"account_done_{done}", ""))


@post("/account/password")
async def change_password(request: Visit) -> Response[bytes]:
    """Another password; all other sessions end."""
    old, new, again = [await field(request, name) for name in ("old_password", "password", "again")]
    try:
        _check_same(new, again)
        await room(request).entrance.people.change_password(request.user.person, old, new, here=request.user.id)
    except (InvalidInput, LimitReached) as error:
        return await _page(request, status_of(error), alert=sentence(request, error))
    return see(f"{_PATH}?done=password")


@post("/account/sessions/{session_id:uuid}/end")
async def end_session(request: Visit, session_id: FromPath[UUID]) -> Response[bytes]:
    """End one of one's own sessions; without this one there is nothing to see any more."""
    await room(request).entrance.sessions.end(request.user, session_id)
    if session_id == request.user.id:
        return see("/sign-in", session_cookie(room(request), ""))
    return see(f"{_PATH}?done=session")


@post("/account/sessions/end")
async def end_sessions(request: Visit) -> Response[bytes]:
    """Sign out everywhere, here too."""
    await room(request).entrance.sessions.end_all(request.user)
    return see("/sign-in", session_cookie(room(request), ""))


HANDLERS = (show_account, change_password, end_session, end_sessions)


async def _page(request: Visit, status: int = 200, *, alert: str = "", notice: str = "") -> Response[bytes]:
    here = room(request)
    shown = {
        "session": request.user,
        "path": _PATH,
        "alert": alert,
        "notice": notice,
        "sessions": await here.entrance.sessions.list(request.user.person),
        "standing": await here.entrance.factors.standing(request.user),
        "has_passkeys": here.entrance.factors.site is not None,
        "now": here.ledger.clock.now(),
        "length_min": PASSWORD_LENGTH_MIN,
    }
    return page("account", language(request), status, **shown)


def _check_same(new: str, again: str) -> None:
    if new != again:
        raise InvalidInput([Problem("/password", "not_same", "must be typed twice the same")])
