"""The one place that talks HTTP to providers: where a call goes, our time in it, and the end of a process."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from aiohttp import web
from tests.engine.doors import KEYS

from esoz_notify.channels.dialogue import HttpCall, HttpReply, NoReply
from esoz_notify.channels.json_reading import ask
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.gateway import Endpoint, Gateway, reports_of
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store.vault import Vault


@asynccontextmanager
async def a_gateway(dsn: str, endpoints: Mapping[str, Endpoint]) -> AsyncIterator[tuple[Gateway, Ledger]]:
    """An open gateway over a ledger."""
    ledger = Ledger(dsn, LedgerClock())
    await ledger.open()
    try:
        gateway = Gateway(ledger, Vault(KEYS), endpoints)
        await gateway.open()
        try:
            yield gateway, ledger
        finally:
            await gateway.close()
    finally:
        await ledger.close()


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


async def test_what_is_called_after_the_end_did_not_leave(ledger_dsn: str) -> None:
    """A loop that is still at work when the sessions are closed hears that nothing was sent: no crash, no doubt."""
    async with a_gateway(ledger_dsn, {"provider": Endpoint(base_url="http://127.0.0.1:9")}) as (gateway, _):
        await gateway.close()
        call = HttpCall(label="call", method="POST", path="/messages")
        assert await gateway.converse("provider", ask(call)) == NoReply(sent=False, detail="stopping")


async def test_reports_are_asked_for_where_they_are_told(ledger_dsn: str) -> None:
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
    async with host("one", hear) as one, host("two", hear) as two:
        endpoints = {
            "with": Endpoint(base_url=one),
            reports_of("with"): Endpoint(base_url=two),
            "without": Endpoint(base_url=one),
        }
        async with a_gateway(ledger_dsn, endpoints) as (gateway, ledger):
            before = ledger.clock.now()
            for provider in ("with", "without"):
                for call in (send, look):
                    assert isinstance(await gateway.converse(provider, ask(call)), HttpReply)
            after = ledger.clock.now()
    assert heard == [
        ("one", "/base/send", "made 1"),
        ("two", "/base/ask", ""),
        ("one", "/base/send", "made 2"),
        ("one", "/base/ask", ""),
    ]
    assert before <= at[0] <= at[1] <= after
