"""Coming in and leaving: the sign-in, the language, and the files that pages fetch.

What belongs here: the pages that need no session, and the way to one. What does not: a person's own account
(``account``), passwords and sessions themselves (engine).
"""

import re

from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console import drawing
from esoz_notify.console.confirming import proof
from esoz_notify.console.drawing import page
from esoz_notify.console.menu import home
from esoz_notify.console.visit import (
    EITHER,
    Visit,
    cookies_of,
    field,
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
from esoz_notify.engine.factors import WrongFactor
from esoz_notify.engine.people import WrongPassword
from esoz_notify.engine.sessions import NotSignedIn, Waits

_BACK_RULE = re.compile(r"/(?:[a-z-]+(?:/[A-Za-z0-9][A-Za-z0-9._:-]*)*(?:\?[\w=&.:%+-]*)?)?", re.ASCII)
"""A path of this host, perhaps with a query: nothing that a browser could take for another host's."""
_ASSET_LIFE = "public, max-age=300"


@get("/assets/{name:str}", open=True)
async def get_asset(name: FromPath[str]) -> Response[bytes]:
    """Style, script, picture and letters of the pages."""
    if name not in drawing.ASSETS:
        raise NotFound("there is no such file")
    content, media_type = drawing.asset(name)
    headers = {"cache-control": _ASSET_LIFE, "content-security-policy": "default-src 'none'"}
    return Response(content, media_type=media_type, headers=headers)


@get("/")
async def go_home(request: Visit) -> Response[bytes]:
    """Where a person begins is a matter of the role."""
    return see(home(request.user.person))


@get("/language/{chosen:str}", open=True)
async def choose_language(request: Visit, chosen: FromPath[str]) -> Response[bytes]:
    """Remember a language and go back to where the visitor was."""
    back = request.query_params.get("back", "")
    to = back if _BACK_RULE.fullmatch(back) else "/"
    return see(to, *([language_cookie(room(request), chosen)] if chosen in LANGUAGES else []))


@get("/sign-in", open=True)
async def show_sign_in(request: Visit) -> Response[bytes]:
    """The form; who is signed in already goes on."""
    here = room(request)
    try:
        await here.entrance.sessions.session(request.cookies.get(here.session_cookie))
    except NotSignedIn:
        return sign_in_page(request)
    return see("/")


@post("/sign-in", open=True)
async def sign_in(request: Visit) -> Response[bytes]:
    """Begin a session."""
    here, login = room(request), await field(request, "login")
    try:
        opened = await here.entrance.sessions.sign_in(login, await field(request, "password"), origin(request))
    except (WrongPassword, LimitReached) as error:
        return sign_in_page(request, status_of(error), alert=sentence(request, error), login=login)
    return see("/", *cookies_of(here, opened))


def sign_in_page(request: Visit, status: int = 200, *, alert: str = "", login: str = "") -> Response[bytes]:
    """The form."""
    shown = {"path": "/sign-in", "alert": alert, "login": login[:63], "oidc": room(request).entrance.oidc is not None}
    return page("sign_in", language(request), status, session=None, **shown)


@post("/sign-out", waits=EITHER)
async def sign_out(request: Visit) -> Response[bytes]:
    """End the session."""
    here = room(request)
    await here.entrance.sessions.end(request.user, request.user.id)
    return see("/sign-in", session_cookie(here, ""))


@get("/sign-in/second", waits=EITHER)
async def show_second(request: Visit) -> Response[bytes]:
    """Ask for the second factor; who needs none goes on."""
    return await _second(request) if request.user.waits is Waits.SECOND else see("/")


@post("/sign-in/second", waits=frozenset({Waits.SECOND}))
async def pass_second(request: Visit) -> Response[bytes]:
    """Take the second factor; the session goes on under another token."""
    here = room(request)
    if request.user.waits is not Waits.SECOND:
        return see("/")
    try:
        opened = await here.entrance.factors.pass_second(request.user, await proof(request), origin(request))
    except (WrongFactor, LimitReached) as error:
        return await _second(request, status_of(error), alert=sentence(request, error))
    return see("/", *cookies_of(here, opened))


async def _second(request: Visit, status: int = 200, *, alert: str = "") -> Response[bytes]:
    factors = room(request).entrance.factors
    shown = {
        "session": request.user,
        "path": "/sign-in/second",
        "standing": await factors.standing(request.user),
        "asked": await factors.ask_to_sign(request.user),
        "alert": alert,
    }
    return page("second", language(request), status, **shown)


HANDLERS = (get_asset, go_home, choose_language, show_sign_in, sign_in, show_second, pass_second, sign_out)
