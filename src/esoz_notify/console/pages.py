"""The doctor's pages: ``/print``, a notification, its sheet.

What belongs here: one handler per page, from a request to the engine and back to a page. What does not: who may come
in (``visit``, ``entering``), what is found and allowed (engine).
"""

import asyncio
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console.drawing import page
from esoz_notify.console.visit import Visit, field, language, room, see, sentence, status_of
from esoz_notify.console.words import REASONS, WORDS
from esoz_notify.core.errors import InvalidInput, NotifyError
from esoz_notify.render import summary as rendering
from esoz_notify.render.summary import Form, Summary, Variant

_SHEET_CSP = f"{rendering.HTML_CSP}; frame-ancestors 'self'"
_PDF_CSP = "default-src 'none'; frame-ancestors 'none'"


@get("/print")
async def show_desk(request: Visit) -> Response[bytes]:
    """The search, and what waits for paper."""
    return await _desk(request)


@post("/print")
async def find(request: Visit) -> Response[bytes]:
    """Find; by POST, so that numbers of documents and patients stand in no address, history or log of a proxy."""
    wanted = await field(request, "wanted")
    try:
        found = await room(request).desk.find(request.user.person, wanted)
    except InvalidInput as error:
        return await _desk(request, status_of(error), alert=sentence(request, error), wanted=wanted)
    if len(found) == 1:
        return see(f"/print/{found[0].stored.id}")
    return await _desk(request, found=found, wanted=wanted)


async def _desk(request: Visit, status: int = 200, **values: object) -> Response[bytes]:
    waiting = await room(request).desk.waiting(request.user.person)
    now = room(request).ledger.clock.now()
    given = {"found": None, "wanted": "", "alert": "", "now": now, **values}
    shown = {"session": request.user, "path": "/print", "waiting": waiting, "banner": room(request).desk.banner()}
    return page("desk", language(request), status, **shown, **given)


@get("/print/waiting", looks=True)
async def show_waiting(request: Visit) -> Response[bytes]:
    """What waits for paper, as a part that the page fetches again and again."""
    waiting = await room(request).desk.waiting(request.user.person)
    banner = room(request).desk.banner()
    return page("waiting", language(request), session=request.user, waiting=waiting, banner=banner)


@get("/print/{notification_id:uuid}")
async def show_notification(request: Visit, notification_id: FromPath[UUID]) -> Response[bytes]:
    """One notification: how the patient is informed, what was tried, prints; and what can be done."""
    notice = WORDS[language(request)]["resent"] if "resent" in request.query_params else ""
    return await notification_page(request, notification_id, notice=notice)


@get("/print/{notification_id:uuid}/state", looks=True)
async def show_state(request: Visit, notification_id: FromPath[UUID]) -> Response[bytes]:
    """Its present state, as a part that the page fetches again and again."""
    card = await room(request).desk.open(request.user.person, notification_id)
    return page("state", language(request), session=request.user, card=card)


async def notification_page(  # noqa: PLR0913 - what the page shows, by name
    request: Visit,
    notification_id: UUID,
    status: int = 200,
    *,
    alert: str = "",
    notice: str = "",
    revealed: tuple[str, str] | None = None,
) -> Response[bytes]:
    """The notification's page. ``revealed``: what of it is shown this once, and the thing itself."""
    here, person = room(request), request.user.person
    card = await here.desk.open(person, notification_id)
    path = f"/print/{notification_id}"
    said = {
        "alert": alert,
        "notice": notice,
        "revealed": dict([revealed] if revealed else []),
        "may_reveal": here.entrance.revealing.allowed(person, card.stored),
        "seen": await here.entrance.revealing.seen(notification_id),
    }
    return page("notification", language(request), status, session=request.user, path=path, card=card, **said)


@post("/print/{notification_id:uuid}/resend")
async def resend(request: Visit, notification_id: FromPath[UUID]) -> Response[bytes]:
    """Send it again by the next channel."""
    try:
        await room(request).desk.resend(request.user.person, notification_id)
    except NotifyError as error:
        return await not_done(request, notification_id, error)
    return see(f"/print/{notification_id}?resent")


@post("/print/{notification_id:uuid}/sheets")
async def print_sheet(request: Visit, notification_id: FromPath[UUID]) -> Response[bytes]:
    """Note a print, and go to its sheet."""
    try:
        no = await room(request).desk.print(request.user.person, notification_id, await _reason(request))
    except NotifyError as error:
        return await not_done(request, notification_id, error)
    return see(f"/print/{notification_id}/sheets/{no}")


async def _reason(request: Visit) -> str:
    """Why it is printed again: one of those offered, in the trail's language, or what was typed."""
    chosen = await field(request, "why")
    return WORDS["uk"][chosen] if chosen in REASONS else await field(request, "other")


async def not_done(request: Visit, notification_id: UUID, error: NotifyError) -> Response[bytes]:
    """The notification's page with what was wrong; what is not there or not allowed has no such page."""
    if status_of(error) in {403, 404, 503}:
        raise error
    return await notification_page(request, notification_id, status_of(error), alert=sentence(request, error))


@get("/print/{notification_id:uuid}/sheets/{no:int}")
async def show_sheet(request: Visit, notification_id: FromPath[UUID], no: FromPath[int]) -> Response[bytes]:
    """The sheet within a page that opens the browser's print window."""
    await room(request).desk.sheet(request.user.person, notification_id, no)
    path = f"/print/{notification_id}"
    sheet, variant = f"{path}/sheets/{no}", _variant(request).value
    return page("sheet", language(request), session=request.user, path=path, sheet=sheet, variant=variant)


@get("/print/{notification_id:uuid}/sheets/{no:int}/{form:str}")
async def draw_sheet(
    request: Visit, notification_id: FromPath[UUID], no: FromPath[int], form: FromPath[str]
) -> Response[bytes]:
    """The sheet itself, as HTML or as PDF."""
    said = await room(request).desk.sheet(request.user.person, notification_id, no)
    is_pdf = form == "pdf"
    look = Form(variant=_variant(request))
    drawn = await asyncio.to_thread(_pdf if is_pdf else _html, said, look)
    headers = {
        "content-disposition": f'inline; filename="esoz-summary-{notification_id}.{"pdf" if is_pdf else "html"}"',
        "content-security-policy": _PDF_CSP if is_pdf else _SHEET_CSP,
    }
    return Response(drawn, media_type="application/pdf" if is_pdf else "text/html", headers=headers)


def _variant(request: Visit) -> Variant:
    """The wording and size of letters that is asked for; the standard one for anything unknown."""
    asked = request.query_params.get("variant", "")
    return Variant(asked) if asked in set(Variant) else Variant.STANDARD


def _pdf(said: Summary, look: Form) -> bytes:
    return rendering.pdf([[said]], look)


def _html(said: Summary, look: Form) -> bytes:
    return rendering.html([said], look).encode()


HANDLERS = (
    show_desk,
    find,
    show_waiting,
    show_notification,
    show_state,
    resend,
    print_sheet,
    show_sheet,
    draw_sheet,
)
