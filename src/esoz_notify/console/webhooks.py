"""The page of one caller's webhooks: how they are, what they were told, telling again, switching off.

What belongs here: from forms to the engine and back to the page. What does not: the rules (engine).
"""

from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from esoz_notify.console import menu
from esoz_notify.console.drawing import page
from esoz_notify.console.operating import actor, demand_runs, runs
from esoz_notify.console.visit import Visit, field, language, room, see, sentence, status_of
from esoz_notify.core.errors import Conflict, InvalidInput, NotFound, Problem
from esoz_notify.engine.audit import WHY_LENGTH_MAX
from esoz_notify.engine.callers import CLIENT_ID_RULE

_OF = "/callers"
"""The page of the menu to which these belong."""
_PATH = "/callers/{client_id:str}/webhooks"
_LOG_MAX = 20
"""Of each webhook so many events are shown: the API's log has the others."""


@get(_PATH)
async def show_webhooks(request: Visit, client_id: FromPath[str]) -> Response[bytes]:
    """Every webhook of a caller with the end of its log."""
    menu.demand(request.user.person, _OF)
    return await _page(request, _known(client_id))


@post(f"{_PATH}/{{webhook_id:uuid}}/off")
async def switch_off(request: Visit, client_id: FromPath[str], webhook_id: FromPath[UUID]) -> Response[bytes]:
    """Tell it nothing more, with a reason."""
    demand_runs(request, _OF)
    client_id, why = _known(client_id), (await field(request, "why")).strip()
    try:
        if not 1 <= len(why) <= WHY_LENGTH_MAX:
            raise InvalidInput([Problem("/webhooks_why", "length", f"must have 1 to {WHY_LENGTH_MAX} characters")])
        await room(request).webhooks.switch_off(client_id, webhook_id, actor=actor(request), why=why)
    except InvalidInput as error:
        told = sentence(request, error)
        return await _page(request, client_id, status_of(error), alert=told, given={webhook_id: why})
    return see(f"/callers/{client_id}/webhooks")


@post(f"{_PATH}/{{webhook_id:uuid}}/replay/{{event_id:uuid}}")
async def replay(
    request: Visit, client_id: FromPath[str], webhook_id: FromPath[UUID], event_id: FromPath[UUID]
) -> Response[bytes]:
    """Have one event told again."""
    demand_runs(request, _OF)
    client_id = _known(client_id)
    try:
        await room(request).webhooks.replay(client_id, webhook_id, event_id, actor=actor(request))
    except Conflict as error:
        return await _page(request, client_id, status_of(error), alert=sentence(request, error))
    return see(f"/callers/{client_id}/webhooks")


HANDLERS = (show_webhooks, switch_off, replay)


async def _page(
    request: Visit, client_id: str, status: int = 200, *, alert: str = "", given: dict[UUID, str] | None = None
) -> Response[bytes]:
    webhooks = room(request).webhooks
    shown = [
        (one.webhook, (await webhooks.log(client_id, one.webhook.id, state=None, before=None, count_max=_LOG_MAX))[0])
        for one in await webhooks.every(client_id)
    ]
    return page(
        "webhooks",
        language(request),
        status,
        session=request.user,
        path=f"/callers/{client_id}/webhooks",
        client_id=client_id,
        webhooks=shown,
        acts=runs(request.user.person),
        now=room(request).ledger.clock.now(),
        alert=alert,
        given=given or {},
    )


def _known(client_id: str) -> str:
    """What can be the id of a caller. Raises NotFound."""
    if not CLIENT_ID_RULE.fullmatch(client_id):
        raise NotFound("there is no such caller")
    return client_id
