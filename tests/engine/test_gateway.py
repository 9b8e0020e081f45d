"""The one place that talks HTTP to providers: where a call goes, and what is made of our time when it leaves."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from aiohttp import web
from tests.faults.whole import without_worker

from esoz_notify.channels.dialogue import HttpCall, HttpReply, NoReply
from esoz_notify.channels.json_reading import ask
from esoz_notify.engine.gateway import Endpoint, Gateway, reports_of


@asynccontextmanager
async def host(name: str, hear: Callable[[str, web.Request], None]) -> AsyncIterator[str]:
    """A provider's host; ``hear`` is told of each call."""

    async def serve(request: web.Request) -> web.Response:
        hear(name, request)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/base"
    finally:
        await runner.cleanup()


async def test_reports_are_asked_for_where_they_are_told(ledger_dsn: str, tmp_path: Path) -> None:
    """At an address of their own if the provider has one; and a header of our time is made when the call leaves."""
    heard: list[tuple[str, str, str]] = []

    def hear(name: str, request: web.Request) -> None:
        heard.append((name, request.path, request.headers.get("authorization", "")))

    at: list[datetime] = []

    def timed(now: datetime) -> dict[str, str]:
        at.append(now)
        return {"authorization": f"made {len(at)}"}

    send = HttpCall(label="send", method="POST", path="/send", headers={"authorization": "old"}, timed_headers=timed)
    look = HttpCall(label="ask", method="GET", path="/ask", about_reports=True)
    async with without_worker(ledger_dsn, tmp_path) as product, host("one", hear) as one, host("two", hear) as two:
        endpoints = {
            "with": Endpoint(base_url=one),
            reports_of("with"): Endpoint(base_url=two),
            "without": Endpoint(base_url=one),
        }
        gateway = Gateway(product.ledger, product.service._vault, endpoints)
        await gateway.open()
        try:
            before = product.ledger.clock.now()
            for provider in ("with", "without"):
                for call in (send, look):
                    assert isinstance(await gateway.converse(provider, ask(call)), HttpReply)
            after = product.ledger.clock.now()
        finally:
            await gateway.close()
    assert heard == [
        ("one", "/base/send", "made 1"),
        ("two", "/base/ask", ""),
        ("one", "/base/send", "made 2"),
        ("one", "/base/ask", ""),
    ]
    assert before <= at[0] <= at[1] <= after


async def test_what_is_called_after_the_end_did_not_leave(ledger_dsn: str, tmp_path: Path) -> None:
    """A loop that is still at work when the sessions are closed hears that nothing was sent: no crash, no doubt."""
    async with without_worker(ledger_dsn, tmp_path) as product:
        endpoints = {"provider": Endpoint(base_url="http://127.0.0.1:9")}
        gateway = Gateway(product.ledger, product.service._vault, endpoints)
        await gateway.open()
        await gateway.close()
        call = HttpCall(label="call", method="POST", path="/messages")
        assert await gateway.converse("provider", ask(call)) == NoReply(sent=False, detail="stopping")
