"""The console as an ASGI application of its own, which the API's process serves beside the API.

What belongs here: joining pages, visits and errors. What does not: building the engine (wiring), the pages (``pages``).
"""

from collections.abc import Sequence

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap, Message, Scope

from esoz_notify.console import account, crisis, elsewhere, enrolling, entering, now, pages, revealing, visit
from esoz_notify.console.drawing import HSTS
from esoz_notify.console.visit import Room
from esoz_notify.core.errors import NotifyError
from esoz_notify.core.networks import Network
from esoz_notify.engine.crises import Crises
from esoz_notify.engine.desk import Desk
from esoz_notify.engine.entrance import Entrance
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.overview import Overview

PLACES = frozenset({"sign-in", "sign-out", "account", "print", "now", "crisis", "language", "assets"})
"""The first parts of the paths that are pages; every other path is the API's."""

_BODY_BYTES_MAX = 10_000


HANDLERS = (
    *entering.HANDLERS,
    *elsewhere.HANDLERS,
    *account.HANDLERS,
    *enrolling.HANDLERS,
    *pages.HANDLERS,
    *revealing.HANDLERS,
    *now.HANDLERS,
    *crisis.HANDLERS,
)


def create_console(  # noqa: PLR0913 - what the pages work with
    entrance: Entrance,
    desk: Desk,
    crises: Crises,
    overview: Overview,
    ledger: Ledger,
    *,
    public_url: str | None = None,
    proxies: Sequence[Network] = (),
) -> Litestar:
    """Build the application. ``public_url``: where people reach it; by https, they reach it by nothing else."""
    handlers: ExceptionHandlersMap = {
        NotifyError: visit.refuse,
        HTTPException: visit.refuse_http,
        Exception: visit.fail,
    }
    secure = (public_url or "").startswith("https://")
    here = Room(
        entrance=entrance,
        desk=desk,
        crises=crises,
        overview=overview,
        ledger=ledger,
        secure=secure,
        proxies=tuple(proxies),
    )
    return Litestar(
        route_handlers=list(HANDLERS),
        before_request=visit.admit,
        before_send=[_only_by_https] if secure else [],
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
