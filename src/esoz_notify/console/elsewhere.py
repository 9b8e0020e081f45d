"""Signing in at an OpenID Connect provider: the way there and back.

What belongs here: the two pages and what the browser keeps between them. What does not: what is believed (engine).
"""

from litestar import Response, get
from litestar.datastructures import Cookie

from esoz_notify.console.drawing import page
from esoz_notify.console.entering import sign_in_page
from esoz_notify.console.visit import Room, Visit, cookies_of, language, origin, room, see, sentence, status_of
from esoz_notify.core.errors import NotFound, Unavailable
from esoz_notify.engine.oidc import WAY_LIFE_S, Oidc, OidcRefused

_BACK = "/sign-in/oidc/back"


@get("/sign-in/oidc", open=True)
async def go_there(request: Visit) -> Response[bytes]:
    """Send the browser to the provider; to where is the provider's word and ours, no part of the request's."""
    try:
        begun = await _oidc(request).begin()
    except Unavailable as error:
        return sign_in_page(request, status_of(error), alert=sentence(request, error))
    return see(begun.url, _kept_cookie(room(request), begun.kept))


@get(_BACK, open=True)
async def come_back(request: Visit) -> Response[bytes]:
    """Begin a session of who came back.

    The answer is a page that goes on by itself: a browser that another site sent here keeps the session's cookie to
    itself until a page of ours asks.
    """
    here, gone = room(request), _kept_cookie(room(request), "")
    kept = request.cookies.get(gone.key, "")
    try:
        opened = await _oidc(request).finish(kept, dict(request.query_params), origin(request))
    except (OidcRefused, Unavailable) as error:
        seen = sign_in_page(request, status_of(error), alert=sentence(request, error))
        seen.set_cookie(gone)
        return seen
    seen = page("entered", language(request), session=None, path="/sign-in")
    seen.headers["referrer-policy"] = "no-referrer"  # the address has the provider's code in it
    for cookie in (gone, *cookies_of(here, opened)):
        seen.set_cookie(cookie)
    return seen


HANDLERS = (go_there, come_back)


def _oidc(request: Visit) -> Oidc:
    oidc = room(request).entrance.oidc
    if oidc is None:
        raise NotFound("there is no such way to sign in")
    return oidc


def _kept_cookie(here: Room, kept: str) -> Cookie:
    """What the browser keeps on the way; an empty text takes it away. Lax: it is another site that sends it back."""
    life_s = int(WAY_LIFE_S) if kept else 0
    name = here.name_of("esoz_notify_way")
    return Cookie(key=name, value=kept, max_age=life_s, httponly=True, samesite="lax", secure=here.secure)
