"""What runs inside a process of the service: its parts, its HTTP side, its ready line, its signals.

What belongs here: joining the API and the pages to a running product. What does not: options (``serve``), building the
product (``wiring``). Imported when something is served: it loads all there is.
"""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import typer

from esoz_notify.api.app import create_app
from esoz_notify.api.edge import Check
from esoz_notify.api.metrics import ApiMetrics
from esoz_notify.api.mounting import Mounted
from esoz_notify.api.peers import Peers, Proxy
from esoz_notify.api.rates import RateLimit, Strangers
from esoz_notify.api.server import Server
from esoz_notify.cli.dev_client import write_dev_client
from esoz_notify.cli.lab import CALLER_FILE
from esoz_notify.console.app import PLACES, create_console
from esoz_notify.console.visit import Room
from esoz_notify.engine.listener_tls import Tls, TlsFiles
from esoz_notify.engine.metrics_door import metrics_door
from esoz_notify.installation import data_folder, own_url
from esoz_notify.settings import Settings
from esoz_notify.wiring import Product, running


async def serve(  # noqa: PLR0913 - the parts of one process
    settings: Settings, dsn: str, listening: Any, lab_urls: dict[str, Any] | None, *, api: bool, worker: bool
) -> None:
    """Run the parts that are asked for until a signal; says ``ready`` on stdout once they work."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with (
        running(settings, dsn, api=api, worker=worker) as product,
        _answering(product, listening) as base_url,
        metrics_door(product.metrics, product.ledger.pulse, settings.metrics_listen) as metrics_url,
    ):
        if lab_urls is not None:
            await write_dev_client(product.access, product.people, data_folder(settings), base_url, lab_urls["lab_url"])
        typer.echo(_ready_line(settings, base_url, metrics_url, lab_urls))
        _collect_seldom()
        await stop.wait()


def _collect_seldom() -> None:
    """Spare the collector what was loaded at the start, and have it look for cycles in the rest less often.

    A batch makes tens of thousands of small values that reference counts free; looking through them each time is a
    tenth of a worker's CPU at full load. Cycles, as tracebacks make them, are still found every few seconds then.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@asynccontextmanager
async def _answering(product: Product, listening: Any) -> AsyncIterator[str]:
    """The HTTP side of a product, when this process has one."""
    if listening is None:
        yield ""
        return
    settings = product.settings
    public_url = settings.public_url or None
    tls = listener_tls(settings)
    room = _room(product)
    console = create_console(room)
    app = create_app(
        product.service,
        product.access,
        product.operations,
        readiness=lambda: _checks(product),
        callback_credentials=product.callback_credentials,
        rate_limit=RateLimit(quota=settings.requests_per_min),
        quotas=product.quotas,
        strangers=Strangers(
            limit=RateLimit(quota=settings.strangers_per_min),
            index=product.address_index,
            proxies=settings.trusted_proxies,
        ),
        texts=product.wording.now,
        probes=lambda: product.probing.known,
        metrics=ApiMetrics(product.metrics),
        public_url=public_url,
        https=tls is not None,
        peers=Peers(asked=settings.tls_client_ca is not None, proxy=_proxy(settings)),
        mounted=Mounted(console, PLACES),
        stopping=room.streams.stopping,
    )
    async with Server(app, listening, tls=tls) as server:
        yield server.base_url


def _room(product: Product) -> Room:
    """What the pages work with."""
    settings = product.settings
    return Room(
        entrance=product.entrance,
        desk=product.desk,
        crises=product.operations.crises,
        overview=product.overview,
        finder=product.finder,
        exporter=product.exporter,
        stories=product.stories,
        operations=product.operations,
        providers=product.provider_board,
        probing=product.probing,
        policies=product.policies,
        policy_trials=product.policy_trials,
        publishing=product.publishing,
        prices=settings.prices,
        callers=product.access.callers,
        clientele=product.clientele,
        directory=product.directory,
        trail=product.trail,
        ledger=product.ledger,
        webhooks=product.service.webhooks,
        bulk=product.bulk,
        secure=(settings.public_url or own_url(settings)).startswith("https://"),
        proxies=tuple(settings.trusted_proxies),
    )


def listener_tls(settings: Settings) -> Tls | None:
    """TLS of the API's listener; None is plain HTTP. Raises ConfigError when its files are not good."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return Tls(TlsFiles(certificate=settings.tls_certificate, key=settings.tls_key, client_ca=settings.tls_client_ca))


def _proxy(settings: Settings) -> Proxy | None:
    told = settings.tls_proxy
    return Proxy(header=told.header, networks=told.networks) if told is not None else None


def _checks(product: Product) -> dict[str, Check]:
    """Providers as this process sees them: one that is down does not keep requests away, they wait in the ledger."""
    return {
        name: Check(ok=state == "up", state=state, vital=False) for name, state in product.provider_states().items()
    }


def _ready_line(settings: Settings, base_url: str, metrics_url: str, lab_urls: dict[str, Any] | None) -> str:
    parts = [f"ready {base_url}" if base_url else "ready worker"]
    if metrics_url:
        parts.append(f"metrics {metrics_url}")
    if lab_urls is not None:
        parts.append(f"lab {lab_urls['lab_url']}")
        parts.append(f"caller {data_folder(settings) / CALLER_FILE}")
    return "  ".join(parts)
