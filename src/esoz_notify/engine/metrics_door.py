"""A small HTTP door that tells the numbers of a process, for one that has no API: a worker.

What belongs here: ``GET /metrics`` and nothing else. What does not: the numbers (``metrics``). Plain HTTP without a
token, so it is for a network of one's own; nothing it tells is about a person.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from esoz_notify.engine.listening import bound_to, listen
from esoz_notify.engine.metrics import OPENMETRICS_TYPE, Metrics


@asynccontextmanager
async def metrics_door(metrics: Metrics, where: tuple[str, int] | None) -> AsyncIterator[str]:
    """Tell them at ``where`` while the context lasts; gives the address, "" for nowhere. Raises ConfigError."""
    if where is None:
        yield ""
        return

    async def tell(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"content-type": OPENMETRICS_TYPE})

    app = web.Application()
    app.router.add_get("/metrics", tell)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    taken = listen(*where)
    await web.SockSite(runner, taken).start()
    host, port = bound_to(taken)
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"
    finally:
        await runner.cleanup()
