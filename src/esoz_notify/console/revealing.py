"""Showing a whole phone or a text: asks for the reason and for a fresh proof, and shows it on one page, once.

What belongs here: from the form to the engine and back. What does not: who may see what (engine), the rest of the
notification's page (``pages``).
"""

from uuid import UUID

from litestar import Response, post
from litestar.params import FromPath

from esoz_notify.console.confirming import unconfirmed
from esoz_notify.console.pages import not_done, notification_page
from esoz_notify.console.visit import Visit, field, room
from esoz_notify.core.errors import NotifyError


@post("/print/{notification_id:uuid}/reveal")
async def reveal(request: Visit, notification_id: FromPath[UUID]) -> Response[bytes]:
    """Show it to who may see it and has just proved to be there; it is noted, and no cache keeps the page."""
    revealing, person = room(request).entrance.revealing, request.user.person
    what, why = await field(request, "what"), await field(request, "reveal_why")
    await room(request).desk.open(person, notification_id)  # whose page it is: of the own system alone
    try:
        await revealing.check(person, notification_id, what, why)
        if (asking := await unconfirmed(request, {"what": what, "reveal_why": why})) is not None:
            return asking
        revealed = await revealing.reveal(person, notification_id, what, why)
    except NotifyError as error:
        return await not_done(request, notification_id, error)
    return await notification_page(request, notification_id, revealed=revealed)


HANDLERS = (reveal,)
