"""The API as an ASGI application, put together from ready objects: nothing here reads the environment.

What belongs here: joining routes, gate and recorder. What does not: building the engine (wiring), sockets (``server``).
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from esoz_notify.api import (
    about,
    callbacks,
    compat_govuk,
    compat_turbosms,
    crisis,
    esoz,
    events,
    fhir,
    gate,
    notifications,
    oauth,
    operating,
    verifications,
    webhooks,
)
from esoz_notify.api.contract import OPERATIONS
from esoz_notify.api.direct import Direct
from esoz_notify.api.edge import KEEP_ALIVE_S, Check, Edge, Readiness
from esoz_notify.api.metrics import ApiMetrics
from esoz_notify.api.mounting import Branching, Mounted
from esoz_notify.api.peers import Peers
from esoz_notify.api.rates import RateLimit, Rates, Strangers
from esoz_notify.api.recording import Recorder
from esoz_notify.core.callback_credentials import read_credential
from esoz_notify.core.errors import NotifyError
from esoz_notify.engine.access import Access
from esoz_notify.engine.operations import Operations
from esoz_notify.engine.probing import ProbeStanding
from esoz_notify.engine.quotas import Quotas
from esoz_notify.engine.service import Service
from esoz_notify.render.texts import Texts, builtin_texts

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]

_ROUTES = (
    oauth.issue_token,
    oauth.authorization_server,
    notifications.accept_notification,
    notifications.accept_batch,
    notifications.list_notifications,
    notifications.search_notifications,
    notifications.get_notification,
    notifications.cancel_notification,
    notifications.resend_notification,
    notifications.print_summary,
    notifications.dry_run,
    notifications.put_patient,
    notifications.get_patient,
    notifications.delete_patient,
    events.stream_events,
    verifications.create_verification,
    verifications.get_verification,
    verifications.check_verification,
    verifications.resend_verification,
    verifications.stream_verification,
    verifications.list_verification_alarms,
    webhooks.create_webhook,
    webhooks.list_webhooks,
    webhooks.get_webhook,
    webhooks.change_webhook,
    webhooks.delete_webhook,
    webhooks.rotate_webhook_secret,
    webhooks.test_webhook,
    webhooks.list_webhook_deliveries,
    webhooks.replay_webhook_event,
    webhooks.replay_webhook_events,
    esoz.initialize,
    esoz.complete,
    esoz.verified,
    esoz.send_text,
    esoz.factor,
    fhir.metadata,
    fhir.create_request,
    fhir.search_requests,
    fhir.get_request,
    fhir.revoke_request,
    fhir.search_communications,
    fhir.get_communication,
    compat_govuk.send_sms,
    compat_govuk.list_notifications,
    compat_govuk.get_notification,
    compat_govuk.list_templates,
    compat_govuk.get_template,
    compat_govuk.preview_template,
    compat_turbosms.send,
    compat_turbosms.status,
    compat_turbosms.ping,
    operating.list_providers,
    operating.provider_history,
    operating.hold_provider,
    operating.resume_provider,
    crisis.list_crises,
    crisis.propose_crisis,
    crisis.confirm_crisis,
    crisis.withdraw_crisis,
    crisis.crisis_report,
    callbacks.take_callback,
    about.alive,
    about.ready,
    about.metrics,
    about.openapi,
    about.docs,
)


def check_declared(app: Litestar) -> None:
    """Refuse an application with a route that no row of the contract declares: nobody would have said who may call it.

    Raises ValueError naming the route.
    """
    for route in app.routes:
        handlers = getattr(route, "route_handlers", (route,))
        declared = [one for one in handlers if getattr(one, "opt", {}).get("operation") in OPERATIONS.values()]
        # The framework answers OPTIONS by itself, with the methods that there are.
        own = [one for one in handlers if getattr(one, "http_methods", None) == {"OPTIONS"}]
        if len(declared) + len(own) < len(handlers):
            raise ValueError(f"the route {route.path} is in no row of the contract: declare its credential and scope")


def _nothing_else() -> dict[str, Check]:
    return {}


def create_app(  # noqa: PLR0913 - what the application is made of, each by name
    service: Service,
    access: Access,
    operations: Operations,
    *,
    readiness: Readiness = _nothing_else,
    callback_credentials: Mapping[str, Sequence[str]] | None = None,
    rate_limit: RateLimit | None = None,
    stopping: asyncio.Event | None = None,
    public_url: str | None = None,
    https: bool = False,
    peers: Peers | None = None,
    mounted: Mounted | None = None,
    lifespan: Sequence[Lifespan] = (),
    keep_alive_s: float = KEEP_ALIVE_S,
    quotas: Quotas | None = None,
    strangers: Strangers | None = None,
    texts: Callable[[], Texts] = builtin_texts,
    probes: Callable[[], Sequence[ProbeStanding]] = tuple,
    metrics: ApiMetrics | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Litestar:
    """Build the application.

    ``readiness`` tells the states of workers and providers for /readyz. ``callback_credentials``: per provider, each
    that is good now, spelled as in settings. ``stopping``: set it (``server.Server`` does) to end streams.
    ``public_url``: where callers reach the API, without a slash at the end; None takes it from each request. ``https``:
    our own listener speaks TLS. ``peers`` finds certificates. ``mounted``: pages for people. ``quotas``: shared with
    other processes. ``texts``: those in force. ``probes``: what the last ones came to; ``metrics``: of this process.
    """
    rates = Rates(quotas or Quotas(monotonic), rate_limit or RateLimit(), strangers)
    edge = Edge(
        service=service,
        access=access,
        operations=operations,
        texts=texts,
        peers=peers or Peers(),
        rates=rates,
        metrics=metrics or ApiMetrics(),
        readiness=readiness,
        credentials={
            provider: tuple(read_credential(one) for one in several)
            for provider, several in (callback_credentials or {}).items()
        },
        stopping=stopping or asyncio.Event(),
        public_url=public_url.rstrip("/") if public_url else None,
        keep_alive_s=keep_alive_s,
    )
    edge.metrics.watch(lambda: service.verifications.alarms_raised, probes)
    handlers: ExceptionHandlersMap = {
        NotifyError: gate.refuse,
        HTTPException: gate.refuse_http,
        Exception: gate.fail,
    }
    app = Litestar(
        route_handlers=list(_ROUTES),
        before_request=gate.admit,
        exception_handlers=handlers,
        lifespan=list(lifespan),
        state=State({"edge": edge}),
        openapi_config=None,
        logging_config=None,
    )
    check_declared(app)
    # Around the router too, so that requests to unknown paths are recorded as well.
    direct = Direct(app)
    answering = Branching(direct, mounted) if mounted is not None else direct
    by_https = https or (public_url or "").startswith("https://")
    app.asgi_handler = Recorder(answering, edge.metrics, monotonic, https=by_https)
    return app
