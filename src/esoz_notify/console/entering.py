"""Coming in and leaving: the sign-in, the language, and the files that pages fetch.

What belongs here: the pages that need no session, and the way to one. What does not: a person's own account
(``account``), passwords and sessions themselves (engine).
"""

import re

from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console import drawing
from esoz_notify.console.drawing import page
from esoz_notify.console.visit import (
    Visit,
    field,
    known_cookie,
    language,
    language_cookie,
    origin,
    room,
    see,
    sentence,
    session_cookie,
    status_of,
)
from esoz_notify.console.words import LANGUAGES
from esoz_notify.core.errors import LimitReached, NotFound
from esoz_notify.engine.people import WrongPassword
from esoz_notify.engine.sessions import NotSignedIn

_BACK_RULE = re.compile(r"/(sign-in|account|crisis|print(/[0-9a-f-]{36})?)", re.ASCII)
_ASSET_LIFE = "public, max-age=300"


@get("/assets/{name:str}", open=True)
async def get_asset(name: FromPath[str]) -> Response[bytes]:
    """Style, script, picture and letters of the pages."""
    if name not in drawing.ASSETS:
        raise NotFound("there is no such file")
    content, media_type = drawing.asset(name)
    headers = {"cache-control": _ASSET_LIFE, "content-security-policy": "default-src 'none'"}
    return Response(content, media_type=media_type, headers=headers)


@get("/language/{chosen:str}", open=True)
async def choose_language(request: Visit, chosen: FromPath[str]) -> Response[bytes]:
    """Remember a language and go back to where the visitor was."""
    back = request.query_params.get("back", "")
    to = back if _BACK_RULE.fullmatch(back) else "/print"
    return see(to, *([language_cookie(room(request), chosen)] if chosen in LANGUAGES else []))


@get("/sign-in", open=True)
async def show_sign_in(request: Visit) -> Response[bytes]:
    """The form; who is signed in already goes on."""
    here = room(request)
    try:
        await here.entrance.sessions.session(request.cookies.get(here.session_cookie))
    except NotSignedIn:
        return _sign_in(request)
    return see("/print")


@post("/sign-in", open=True)
async def sign_in(request: Visit) -> Response[bytes]:
    """Begin a session."""
    here, login = room(request), await field(request, "login")
    try:
        opened = await here.entrance.sessions.sign_in(login, await field(request, "password"), origin(request))
    except (WrongPassword, LimitReached) as error:
        return _sign_in(request, status_of(error), alert=sentence(request, error), login=login)
    return see("/print", session_cookie(here, opened.token), known_cookie(here, opened.known))


def _sign_in(request: Visit, status: int = 200, *, alert: str = "", login: str = "") -> Response[bytes]:
    return page("sign_in", language(request), status, session=None, path="/sign-in", alert=alert, login=login[:63])


@post("/sign-out")
async def sign_out(request: Visit) -> Response[bytes]:
    """End the session."""
    here = room(request)
    await here.entrance.sessions.end(request.user.person, request.user.id)
    return see("/sign-in", session_cookie(here, ""))


HANDLERS = (get_asset, choose_language, show_sign_in, sign_in, sign_out)
