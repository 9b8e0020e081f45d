"""A small HTTP door of a process that has no API, a worker: its numbers, and whether it lives.

What belongs here: ``GET /metrics``, ``GET /healthz`` and nothing else. What does not: the numbers (``metrics``), what
life is (``pulse``). Plain HTTP without a token, so it is for a network of one's own; it tells nothing about a person.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from esoz_notify.engine.listening import bound_to, listen
from esoz_notify.engine.metrics import OPENMETRICS_TYPE, Metrics
from esoz_notify.engine.pulse import Pulse


@asynccontextmanager
async def metrics_door(metrics: Metrics, pulse: Pulse, where: tuple[str, int] | None) -> AsyncIterator[str]:
    """Tell them at ``where`` while the context lasts; gives the address, "" for nowhere. Raises ConfigError.

    ``/healthz`` answers 200, or 503 with the loops that no longer move: then the process is to be ended and started
    anew, which loses nothing.
    """
    if where is None:
        yield ""
        return

    async def tell(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"content-type": OPENMETRICS_TYPE})

    async def live(_: web.Request) -> web.Response:
        still = pulse.still()
        if still:
            return web.json_response({"status": "still", "loops": still}, status=503)
        return web.json_response({"status": "ok"})

    app = web.Application()
    app.router.add_get("/metrics", tell)
    app.router.add_get("/healthz", live)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    taken = listen(*where)
    await web.SockSite(runner, taken).start()
    host, port = bound_to(taken)
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"
    finally:
        await runner.cleanup()
