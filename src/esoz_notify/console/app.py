"""The console as an ASGI application of its own, which the API's process serves beside the API.

What belongs here: joining pages, visits and errors. What does not: building the engine (wiring), the pages (``pages``).
"""

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from esoz_notify.console import crisis, now, visit
from esoz_notify.console.pages import HANDLERS
from esoz_notify.console.visit import Room
from esoz_notify.core.errors import NotifyError
from esoz_notify.engine.crises import Crises
from esoz_notify.engine.desk import Desk
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.overview import Overview
from esoz_notify.engine.people import People

PLACES = frozenset({"sign-in", "sign-out", "print", "now", "crisis", "language", "assets"})
"""The first parts of the paths that are pages; every other path is the API's."""

_BODY_BYTES_MAX = 10_000


def create_console(  # noqa: PLR0913 - what the pages work with
    people: People,
    desk: Desk,
    crises: Crises,
    overview: Overview,
    ledger: Ledger,
    *,
    public_url: str | None = None,
) -> Litestar:
    """Build the application. ``public_url``: where people reach it; by https, their cookies go by nothing else."""
    handlers: ExceptionHandlersMap = {
        NotifyError: visit.refuse,
        HTTPException: visit.refuse_http,
        Exception: visit.fail,
    }
    secure = (public_url or "").startswith("https://")
    return Litestar(
        route_handlers=[*HANDLERS, *crisis.HANDLERS, *now.HANDLERS],
        before_request=visit.admit,
        exception_handlers=handlers,
        opt={"page": True},
        request_max_body_size=_BODY_BYTES_MAX,
        state=State(
            {"room": Room(people=people, desk=desk, crises=crises, overview=overview, ledger=ledger, secure=secure)}
        ),
        openapi_config=None,
        logging_config=None,
    )
