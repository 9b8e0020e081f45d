"""Who visits: sessions in cookies, forged forms refused, and every error as a page a person can read.

What belongs here: what is true of every page. What does not: any one page (``pages``), passwords (engine).
"""

import asyncio
import dataclasses
import hmac
import logging
import math
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException

from esoz_notify.console import origin as reading
from esoz_notify.console.drawing import HEADERS, page
from esoz_notify.console.words import LANGUAGES, WORDS
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import InvalidInput, LimitReached, NotFound, NotifyError, RefusedTransition, Unavailable
from esoz_notify.core.networks import Network
from esoz_notify.engine.bulk import Bulk
from esoz_notify.engine.callers import Callers
from esoz_notify.engine.clientele import Clientele
from esoz_notify.engine.crises import Crises
from esoz_notify.engine.desk import Desk, NotAllowed
from esoz_notify.engine.directory import Directory
from esoz_notify.engine.entrance import Entrance
from esoz_notify.engine.exporting import Exporter
from esoz_notify.engine.factors import WrongFactor
from esoz_notify.engine.finding import Finder
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.oidc import OidcRefused
from esoz_notify.engine.operations import Operations
from esoz_notify.engine.overview import Overview
from esoz_notify.engine.people import WrongPassword
from esoz_notify.engine.policies import PolicyBook
from esoz_notify.engine.policy_trial import PolicyTrials
from esoz_notify.engine.probing import Probing
from esoz_notify.engine.provider_board import ProviderBoard
from esoz_notify.engine.publishing import Publishing
from esoz_notify.engine.sessions import SESSION_LIFE_S, NotSignedIn, Opened, Origin, Session, Waits
from esoz_notify.engine.stories import Stories
from esoz_notify.engine.trail import Trail
from esoz_notify.engine.webhooks import Webhooks

log = logging.getLogger(__name__)

Visit: TypeAlias = Request[Session, Any, Any]
LANGUAGE_COOKIE = "esoz_notify_language"
FORM_TYPE = "application/x-www-form-urlencoded"
PARTS_TYPE = "multipart/form-data"
LOOKS_AGAIN = "again"
"""In the query of a page that reloads by itself: nobody is known to be there."""
_YEAR_S = 365 * 86_400


class Forged(NotifyError):
    """A form that does not come from a page of this session."""

    code = "forged"


@dataclass(slots=True)
class Streams:
    """Live parts of pages that are open now. ``stopping``: set it to end them."""

    stopping: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the pages work with. ``secure``: they are reached by https, so cookies may go by nothing else.

    ``proxies``: from them we believe where a visitor comes from. ``prices``: of a message, and of a part of an SMS.
    """

    entrance: Entrance
    desk: Desk
    crises: Crises
    overview: Overview
    finder: Finder
    exporter: Exporter
    stories: Stories
    operations: Operations
    providers: ProviderBoard
    probing: Probing
    policies: PolicyBook
    policy_trials: PolicyTrials
    publishing: Publishing
    prices: Mapping[Channel, Decimal]
    callers: Callers
    clientele: Clientele
    directory: Directory
    trail: Trail
    ledger: Ledger
    webhooks: Webhooks
    bulk: Bulk
    secure: bool
    proxies: tuple[Network, ...] = ()
    streams: Streams = dataclasses.field(default_factory=Streams)

    @property
    def session_cookie(self) -> str:
        """The name of what carries the session."""
        return self.name_of("esoz_notify")

    @property
    def known_cookie(self) -> str:
        """The name of what a browser is known by whose person has signed in before."""
        return self.name_of("esoz_notify_known")

    def name_of(self, cookie: str) -> str:
        """A cookie's name; with the prefix a browser takes it from this host alone (RFC 6265bis §4.1.3.2)."""
        return f"__Host-{cookie}" if self.secure else cookie


class Waiting(NotifyError):
    """The session waits for something before it opens this."""

    code = "waiting"

    def __init__(self, waits: Waits) -> None:
        super().__init__("the session waits for a second factor")
        self.path = _WHERE[waits]


_WHERE = {Waits.SECOND: "/sign-in/second", Waits.ENROLMENT: "/account/second"}
EITHER = frozenset(Waits)


def room(request: Visit) -> Room:
    """What the pages work with."""
    found: Room = request.app.state.room
    return found


async def admit(request: Visit) -> None:
    """Let in who is signed in, and forms of their own pages only; every page passes here before its handler.

    Raises NotSignedIn, Forged, Waiting. Handlers marked ``open`` are for everybody, those with ``waits`` also for
    sessions that wait for one of these; those with ``brings`` take a file and check the form's token as they read it.
    """
    posts = request.method == "POST"
    if posts and not _is_same_origin(request):
        raise Forged("the form came from another site")
    brings = "brings" in request.route_handler.opt
    if request.route_handler.opt.get("open"):
        _demand_type(request, brings=brings)
        return
    here = room(request)
    acts = not (request.route_handler.opt.get("looks") or LOOKS_AGAIN in request.query_params)
    session = await here.entrance.sessions.session(request.cookies.get(here.session_cookie), acts=acts)
    request.scope["user"] = session
    if session.waits is not None and session.waits not in request.route_handler.opt.get("waits", ()):
        raise Waiting(session.waits)
    _demand_type(request, brings=brings)
    if posts and not brings:
        check_token(session, await field(request, "csrf"))


def _demand_type(request: Visit, *, brings: bool) -> None:
    """Refuse a form in a way that its page does not take. Raises Forged."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and given != (PARTS_TYPE if brings else FORM_TYPE):
        # Forms in parts bring charsets, files and thousands of parts with them: one page takes them, by itself.
        raise Forged("the form is not as pages of ours send it")


def check_token(session: Session, given: str) -> None:
    """Refuse a form that is not of this session. Raises Forged."""
    if not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise Forged("the form is not of this session")


async def field(request: Visit, name: str) -> str:
    """A field of the form; empty when it is missing or a file."""
    value = (await request.form()).get(name)
    return value if isinstance(value, str) else ""


def language(request: Visit) -> str:
    """The language that the visitor chose; Ukrainian until then."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else "uk"


def language_cookie(here: Room, chosen: str) -> Cookie:
    """Remembers the language."""
    return Cookie(
        key=LANGUAGE_COOKIE, value=chosen, max_age=_YEAR_S, httponly=True, samesite="strict", secure=here.secure
    )


def session_cookie(here: Room, token: str) -> Cookie:
    """Carries the session; an empty token takes it away."""
    life_s = int(SESSION_LIFE_S) if token else 0
    name = here.session_cookie
    return Cookie(key=name, value=token, max_age=life_s, httponly=True, samesite="strict", secure=here.secure)


def cookies_of(here: Room, opened: Opened) -> tuple[Cookie, ...]:
    """Carry a session that has begun, and what this browser is known by, which opens nothing.

    A session that still waits makes no browser known, nor does it take away what others are known by.
    """
    session, name = session_cookie(here, opened.token), here.known_cookie
    if not opened.known:
        return (session,)
    known = Cookie(key=name, value=opened.known, max_age=_YEAR_S, httponly=True, samesite="strict", secure=here.secure)
    return session, known


def origin(request: Visit) -> Origin:
    """Where the visitor comes from."""
    here, headers = room(request), request.headers
    client = request.client.host if request.client else ""
    return Origin(
        address=reading.address(client, headers, here.proxies),
        device=reading.device(headers.get("user-agent", "")),
        known=request.cookies.get(here.known_cookie, ""),
    )


def see(path: str, *cookies: Cookie) -> Response[bytes]:
    """Send the browser on to a page of ours."""
    headers = {**HEADERS, "location": path}
    return Response(b"", status_code=303, media_type="text/html", headers=headers, cookies=list(cookies))


def _is_same_origin(request: Visit) -> bool:
    """Whether the browser says that the form comes from a page of ours; old ones say less, and the token remains."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")


# --- errors -----------------------------------------------------------------------------------------------------------

_STATUSES: tuple[tuple[type[NotifyError], int], ...] = (
    (NotFound, 404),
    (NotAllowed, 403),
    (Forged, 403),
    (WrongPassword, 403),
    (WrongFactor, 403),
    (OidcRefused, 403),
    (LimitReached, 429),
    (InvalidInput, 422),
    (RefusedTransition, 409),
    (Unavailable, 503),
)


def status_of(error: NotifyError) -> int:
    """The HTTP status of an error."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 409)


def sentence(request: Visit, error: NotifyError) -> str:
    """An error in the visitor's language."""
    words = WORDS[language(request)]
    if isinstance(error, LimitReached):
        left_s = (error.next_at - room(request).ledger.clock.now()).total_seconds()
        return words["problem_limit_reached"].format(seconds=max(1, math.ceil(left_s)))
    codes = [error.code, *(kind.code for kind in type(error).__mro__ if issubclass(kind, NotifyError))]
    if isinstance(error, InvalidInput):
        fields = [(problem.pointer.split("/")[1], problem.code) for problem in error.problems if problem.pointer]
        codes = [one for name, code in fields for one in (f"{name}_{code}", name)]
    return next((words[f"problem_{code}"] for code in codes if f"problem_{code}" in words), words["problem_other"])


def refuse(request: Visit, error: NotifyError) -> Response[bytes]:
    """An error of ours as a page; who is not signed in is sent to sign in."""
    if isinstance(error, NotSignedIn):
        return see("/sign-in")
    if isinstance(error, Waiting):
        return see(error.path)
    if isinstance(error, Unavailable):
        log.warning("not shown: %s", error.detail)
    return _problem(request, sentence(request, error), status_of(error))


def refuse_http(request: Visit, error: HTTPException) -> Response[bytes]:
    """An error of the framework as a page."""
    words = WORDS[language(request)]
    known = {404: words["problem_not_found"]}
    return _problem(request, known.get(error.status_code, words["problem_other"]), error.status_code)


def fail(request: Visit, error: Exception) -> Response[bytes]:
    """An error that nobody foresaw; its message is not logged: messages of libraries quote data."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("unexpected %s in a page\n%s", type(error).__name__, where)
    return _problem(request, WORDS[language(request)]["problem_other"], 500)


def _problem(request: Visit, text: str, status: int) -> Response[bytes]:
    return page("problem", language(request), status, session=None, path="/print", text=text)
