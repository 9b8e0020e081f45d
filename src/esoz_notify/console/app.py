"""The console as an ASGI application of its own, which the API's process serves beside the API.

What belongs here: joining pages, visits and errors. What does not: building the engine (wiring), the pages (a module
each).
"""

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap, Message, Scope

from esoz_notify.console import (
    account,
    audit,
    bulk,
    callers,
    crisis,
    elsewhere,
    enrolling,
    entering,
    find,
    now,
    pages,
    people,
    policies,
    providers,
    revealing,
    story,
    texts,
    visit,
    webhooks,
)
from esoz_notify.console.drawing import HSTS
from esoz_notify.console.visit import Room
from esoz_notify.core.errors import NotifyError

_BODY_BYTES_MAX = 10_000


HANDLERS = (
    *entering.HANDLERS,
    *elsewhere.HANDLERS,
    *account.HANDLERS,
    *enrolling.HANDLERS,
    *pages.HANDLERS,
    *revealing.HANDLERS,
    *now.HANDLERS,
    *find.HANDLERS,
    *providers.HANDLERS,
    *bulk.HANDLERS,
    *crisis.HANDLERS,
    *story.HANDLERS,
    *policies.HANDLERS,
    *texts.HANDLERS,
    *people.HANDLERS,
    *callers.HANDLERS,
    *audit.HANDLERS,
    *webhooks.HANDLERS,
)

PLACES = frozenset(path.split("/")[1] for handler in HANDLERS for path in handler.paths)
"""The first parts of the paths that are pages; every other path is the API's."""


def create_console(here: Room) -> Litestar:
    """Build the application. Over a room reached by https, people reach it by nothing else."""
    handlers: ExceptionHandlersMap = {
        NotifyError: visit.refuse,
        HTTPException: visit.refuse_http,
        Exception: visit.fail,
    }
    return Litestar(
        route_handlers=list(HANDLERS),
        before_request=visit.admit,
        before_send=[_only_by_https] if here.secure else [],
        exception_handlers=handlers,
        opt={"page": True},
        request_max_body_size=_BODY_BYTES_MAX,
        state=State({"room": here}),
        openapi_config=None,
        logging_config=None,
    )


async def _only_by_https(message: Message, _: Scope) -> None:
    """Every answer, also of an error, tells the browser to come by https alone from now on (RFC 6797)."""
    if message["type"] == "http.response.start":
        message["headers"] = [*message["headers"], HSTS]
