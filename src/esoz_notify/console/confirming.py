"""Proving to be there before what asks it: the form for it, which carries what the reader was about to do.

What belongs here: from the form to the engine, and the page that asks. What does not: what a proof is and how long it
is good (engine), the pages that ask for one.
"""

from collections.abc import Mapping

from litestar import Response

from esoz_notify.console.drawing import page
from esoz_notify.console.visit import Visit, field, language, room, sentence, status_of
from esoz_notify.core.errors import InvalidInput, LimitReached
from esoz_notify.engine.factors import Proof, WrongFactor


async def proof(request: Visit) -> Proof:
    """What the form brought."""
    code, credential, password = [await field(request, f"proof_{name}") for name in ("code", "credential", "password")]
    return Proof(code=code, credential=credential, password=password)


async def unconfirmed(request: Visit, carried: Mapping[str, str] | None = None) -> Response[bytes] | None:
    """The page that asks for a proof; None when there is one, in this form or from a short while ago.

    ``carried``: fields of the form, which the page posts again with the proof to the same address.
    """
    factors, given = room(request).entrance.factors, await proof(request)
    if not given:
        return None if factors.is_fresh(request.user) else await _ask(request, carried or {})
    try:
        await factors.prove(request.user, given)
    except (WrongFactor, InvalidInput, LimitReached) as error:
        return await _ask(request, carried or {}, status_of(error), alert=sentence(request, error))
    return None


async def _ask(request: Visit, carried: Mapping[str, str], status: int = 200, *, alert: str = "") -> Response[bytes]:
    factors = room(request).entrance.factors
    shown = {
        "session": request.user,
        "path": "/account",
        "action": request.url.path,
        "carried": carried,
        "standing": await factors.standing(request.user),
        "asked": await factors.ask_to_sign(request.user),
        "alert": alert,
    }
    return page("confirm", language(request), status, **shown)
