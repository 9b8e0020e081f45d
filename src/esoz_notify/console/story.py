"""One notification's story for people who run the service: what happened, shown, told, and what may be done.

What belongs here: one handler per page and action, from a request to the engine and back. What does not: sentences
(``story_told``), the diagram (``story_chart``), who may do what (engine).
"""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console import story_chart, story_told
from esoz_notify.console.confirming import unconfirmed
from esoz_notify.console.drawing import page
from esoz_notify.console.numerals import money
from esoz_notify.console.visit import Visit, field, language, room, see, sentence, status_of
from esoz_notify.console.words import WORDS
from esoz_notify.core.cascade import TABLE, CancelAsked
from esoz_notify.core.errors import NotifyError
from esoz_notify.core.status import STATUSES
from esoz_notify.engine.desk import demand_of_the_service
from esoz_notify.engine.stories import ACTED, LOOKED, MAY_CANCEL, MAY_READ_RECEIPTS, MAY_RESEND, Story

_MAY_BE_CANCELLED = frozenset(status for status, event in TABLE if event is CancelAsked)
_NOTICES = {"resent": "resent", "cancelled": "look_story_cancelled"}


@get("/notifications/{notification_id:uuid}")
async def show_story(request: Visit, notification_id: FromPath[UUID]) -> Response[bytes]:
    """The whole page."""
    done = next((word for name, word in _NOTICES.items() if name in request.query_params), None)
    return await _draw(request, notification_id, notice=WORDS[language(request)][done] if done else "")


@get("/notifications/{notification_id:uuid}/live", looks=True)
async def show_story_live(request: Visit, notification_id: FromPath[UUID]) -> Response[bytes]:
    """What changes on it by itself, as a part that the page fetches again and again."""
    story = await room(request).stories.open(request.user.person, notification_id)
    return page("story_live", language(request), session=request.user, **_told(request, story))


async def _draw(  # noqa: PLR0913 - what the page shows, by name
    request: Visit,
    notification_id: UUID,
    status: int = 200,
    *,
    alert: str = "",
    notice: str = "",
    revealed: tuple[str, str] | None = None,
) -> Response[bytes]:
    here, person, lang = room(request), request.user.person, language(request)
    story = await here.stories.open(person, notification_id)
    state = story.stored.state
    values: dict[str, object] = {
        **_told(request, story),
        "alert": alert,
        "notice": notice,
        "revealed": dict([revealed] if revealed else []),
        "may_reveal": here.entrance.revealing.allowed(person, story.stored),
        "may_resend": person.role in MAY_RESEND and STATUSES[state.status].may_resend,
        "may_cancel": person.role in MAY_CANCEL and state.status in _MAY_BE_CANCELLED,
        "may_print": person.client_id == story.stored.client_id,
        "looked": story_told.deeds(story, LOOKED, lang),
        "acted": story_told.deeds(story, ACTED, lang),
    }
    path = f"/notifications/{notification_id}"
    return page("story", lang, status, session=request.user, path=path, **values)


def _told(request: Visit, story: Story) -> dict[str, Any]:
    """What the story is told by."""
    lang, card = language(request), story.card
    return {
        "story": story,
        "card": card,
        "charts": [story_chart.chart(story, lang, width) for width in (story_chart.WIDE, story_chart.NARROW)],
        "lines": story_told.timeline(story, lang),
        "tried": story_told.tried(story, lang),
        "steps": story_told.steps(story, lang),
        "skipped": story_told.skipped(story, lang),
        "spent": money(story.cost.spent, lang),
        "all_by_sms": money(story.cost.all_by_sms, lang),
        "valid_until": story_told.precise(card.stored.state.valid_until, card.now, lang),
        "may_read_receipts": request.user.person.role in MAY_READ_RECEIPTS,
    }


@post("/notifications/{notification_id:uuid}/resend")
async def resend_story(request: Visit, notification_id: FromPath[UUID]) -> Response[bytes]:
    """Send it again by the next channel."""
    try:
        await room(request).stories.resend(request.user.person, notification_id)
    except NotifyError as error:
        return await _not_done(request, notification_id, error)
    return see(f"/notifications/{notification_id}?resent")


@post("/notifications/{notification_id:uuid}/cancel")
async def cancel_story(request: Visit, notification_id: FromPath[UUID]) -> Response[bytes]:
    """Withdraw it."""
    try:
        await room(request).stories.cancel(request.user.person, notification_id, await field(request, "cancel_why"))
    except NotifyError as error:
        return await _not_done(request, notification_id, error)
    return see(f"/notifications/{notification_id}?cancelled")


@post("/notifications/{notification_id:uuid}/reveal")
async def reveal_story(request: Visit, notification_id: FromPath[UUID]) -> Response[bytes]:
    """Show the whole phone or the text to who may see it and has just proved to be there; it is noted."""
    here, person = room(request), request.user.person
    what, why = await field(request, "what"), await field(request, "reveal_why")
    try:
        demand_of_the_service(person)
        await here.entrance.revealing.check(person, notification_id, what, why)
        if (asking := await unconfirmed(request, {"what": what, "reveal_why": why})) is not None:
            return asking
        revealed = await here.entrance.revealing.reveal(person, notification_id, what, why)
    except NotifyError as error:
        return await _not_done(request, notification_id, error)
    return await _draw(request, notification_id, revealed=revealed)


async def _not_done(request: Visit, notification_id: UUID, error: NotifyError) -> Response[bytes]:
    """The page with what was wrong; what is not there or not allowed has no such page."""
    if status_of(error) in {403, 404, 503}:
        raise error
    return await _draw(request, notification_id, status_of(error), alert=sentence(request, error))


@get("/notifications/{notification_id:uuid}/receipts/{no:int}")
async def show_receipt(request: Visit, notification_id: FromPath[UUID], no: FromPath[int]) -> Response[bytes]:
    """What asks for the reason."""
    await room(request).stories.check_receipt(request.user.person, notification_id, no)
    return _receipt_page(request, notification_id)


@post("/notifications/{notification_id:uuid}/receipts/{no:int}")
async def reveal_receipt(request: Visit, notification_id: FromPath[UUID], no: FromPath[int]) -> Response[bytes]:
    """Show it as the provider sent it, once; it is noted."""
    stories, person = room(request).stories, request.user.person
    why = await field(request, "reveal_why")
    try:
        await stories.check_receipt(person, notification_id, no, why)
        if (asking := await unconfirmed(request, {"reveal_why": why})) is not None:
            return asking
        shown = await stories.reveal_receipt(person, notification_id, no, why)
    except NotifyError as error:
        if status_of(error) in {403, 404, 503}:
            raise
        return _receipt_page(request, notification_id, status_of(error), alert=sentence(request, error))
    return _receipt_page(request, notification_id, shown=shown)


def _receipt_page(
    request: Visit, notification_id: UUID, status: int = 200, *, alert: str = "", shown: object = None
) -> Response[bytes]:
    values = {"alert": alert, "shown": shown, "back": f"/notifications/{notification_id}"}
    return page("receipt", language(request), status, session=request.user, path=request.url.path, **values)


HANDLERS = (show_story, show_story_live, resend_story, cancel_story, reveal_story, show_receipt, reveal_receipt)
