"""A person's second factors: adding an app or a passkey, taking one away, recovery codes.

What belongs here: from forms to the engine and back to the page. What does not: what makes a factor good (engine).
"""

import io

import segno
from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console.confirming import unconfirmed
from esoz_notify.console.drawing import page
from esoz_notify.console.origin import device
from esoz_notify.console.visit import Visit, field, language, room, see, sentence, status_of
from esoz_notify.core.errors import LimitReached, NotFound
from esoz_notify.engine.factors import Factors, WrongFactor
from esoz_notify.engine.sessions import Waits

_ENROLS = frozenset({Waits.ENROLMENT})
_ACCOUNT = "/account"


@get("/account/second", waits=_ENROLS)
async def show_enrolment(request: Visit) -> Response[bytes]:
    """Who must have a second factor chooses one; who need not is at home on the account's page."""
    if request.user.waits is None:
        return see(_ACCOUNT)
    has_passkeys = _factors(request).site is not None
    return page("enrol", language(request), session=request.user, path="/account/second", has_passkeys=has_passkeys)


# --- the app ----------------------------------------------------------------------------------------------------------


@post("/account/app", waits=_ENROLS)
async def begin_app(request: Visit) -> Response[bytes]:
    """Show a secret, as a QR code and as text."""
    return await _ask_first(request) or await _app(request)


@post("/account/app/confirm", waits=_ENROLS)
async def confirm_app(request: Visit) -> Response[bytes]:
    """The app's first code."""
    if (asking := await _ask_first(request)) is not None:
        return asking
    try:
        codes = await _factors(request).confirm_app(request.user, await field(request, "code"))
    except (WrongFactor, LimitReached) as error:
        return await _app(request, status_of(error), alert=sentence(request, error))
    return _done(request, codes)


@post("/account/app/remove")
async def remove_app(request: Visit) -> Response[bytes]:
    """Forget the app."""
    if (asking := await unconfirmed(request)) is not None:
        return asking
    await _factors(request).remove_app(request.user)
    return see(f"{_ACCOUNT}?done=removed")


async def _app(request: Visit, status: int = 200, *, alert: str = "") -> Response[bytes]:
    offer = await _factors(request).offer_app(request.user)
    shown = {
        "session": request.user,
        "path": _ACCOUNT if request.user.waits is None else "/account/second",
        "qr": _qr(offer.uri),
        "secret": " ".join(offer.secret[start : start + 4] for start in range(0, len(offer.secret), 4)),
        "alert": alert,
    }
    return page("app", language(request), status, **shown)


def _qr(text: str) -> str:
    """A QR code as SVG that needs no style of its own, drawn here: no one else may see the secret in it."""
    drawn = io.BytesIO()
    segno.make(text, error="m").save(
        drawn, kind="svg", scale=5, border=4, light="#fff", xmldecl=False, svgns=False, svgclass="qr", omitsize=True
    )
    return drawn.getvalue().decode()


# --- passkeys ---------------------------------------------------------------------------------------------------------


@post("/account/passkeys", waits=_ENROLS)
async def begin_passkey(request: Visit) -> Response[bytes]:
    """Have the browser make a passkey."""
    return await _ask_first(request) or await _passkey(request)


@post("/account/passkeys/add", waits=_ENROLS)
async def add_passkey(request: Visit) -> Response[bytes]:
    """Take the passkey that the browser made."""
    if (asking := await _ask_first(request)) is not None:
        return asking
    name = device(request.headers.get("user-agent", ""))
    try:
        codes = await _factors(request).add_passkey(request.user, await field(request, "credential"), name)
    except WrongFactor as error:
        return await _passkey(request, status_of(error), alert=sentence(request, error))
    return _done(request, codes)


@post("/account/passkeys/{key_id:str}/remove")
async def remove_passkey(request: Visit, key_id: FromPath[str]) -> Response[bytes]:
    """Forget a passkey."""
    if (asking := await unconfirmed(request)) is not None:
        return asking
    try:
        key = bytes.fromhex(key_id)
    except ValueError:
        raise NotFound("no such passkey", code="factor_unknown") from None
    await _factors(request).remove_passkey(request.user, key)
    return see(f"{_ACCOUNT}?done=removed")


async def _passkey(request: Visit, status: int = 200, *, alert: str = "") -> Response[bytes]:
    asked = await _factors(request).ask_to_make(request.user)
    if asked is None:
        raise NotFound("there are no passkeys here", code="factor_unknown")
    path = _ACCOUNT if request.user.waits is None else "/account/second"
    return page("passkey", language(request), status, session=request.user, path=path, asked=asked, alert=alert)


# --- recovery codes ---------------------------------------------------------------------------------------------------


@post("/account/codes")
async def renew_codes(request: Visit) -> Response[bytes]:
    """New recovery codes instead of the old ones."""
    if (asking := await unconfirmed(request)) is not None:
        return asking
    return _done(request, await _factors(request).renew_codes(request.user))


def _done(request: Visit, codes: list[str]) -> Response[bytes]:
    """The recovery codes, this once; or back to the account."""
    if not codes:
        return see(f"{_ACCOUNT}?done=added")
    return page("codes", language(request), session=request.user, path=_ACCOUNT, codes=codes)


async def _ask_first(request: Visit) -> Response[bytes] | None:
    """Ask who is there before a factor is added; who has just signed in to enrol the first one is."""
    return await unconfirmed(request) if request.user.waits is None else None


def _factors(request: Visit) -> Factors:
    return room(request).entrance.factors


HANDLERS = (
    show_enrolment,
    begin_app,
    confirm_app,
    remove_app,
    begin_passkey,
    add_passkey,
    remove_passkey,
    renew_codes,
)
