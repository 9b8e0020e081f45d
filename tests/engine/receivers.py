"""Receivers of webhooks on this machine, each behaving as a test has it; and a desk with a sender at work."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from tests.api.desk import KEYS, Desk, a_desk

from esoz_notify.engine.webhook_sending import Sender
from esoz_notify.store.vault import Vault

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]
PATIENCE_S = 60.0
"""On a busy machine; nothing that is well takes so long."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it came."""

    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def event(self) -> dict[str, Any]:
        """What it says."""
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found

    @property
    def id(self) -> str:
        """The event's id."""
        return self.headers["webhook-id"]

    @property
    def name(self) -> str:
        """The event's name without what stands before it."""
        return str(self.event["type"]).removeprefix("ua.gov.ehealth.notify.")


@dataclass
class Receiver:
    """A receiver. ``behave``: how it answers, 204 unless it is said otherwise."""

    url: str
    behave: Behaviour
    calls: list[Call] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, holds: Callable[[list[Call]], bool]) -> list[Call]:
        """Wait until something holds of its calls."""
        async with asyncio.timeout(PATIENCE_S), self.came:
            await self.came.wait_for(lambda: holds(self.calls))
        return self.calls

    async def named(self, *names: str) -> list[Call]:
        """Wait until it was told all of these; gives its calls."""
        return await self.until(lambda calls: set(names) <= {call.name for call in calls})


async def takes(_: web.Request) -> web.Response:
    """A receiver that is well."""
    return web.Response(status=204)


def answers(status: int, **headers: str) -> Behaviour:
    """A receiver that always answers so."""

    async def behave(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """A receiver that behaves so, one call after the other, and at last stays so."""
    left = list(behaviours)

    async def behave(request: web.Request) -> web.StreamResponse:
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    return behave


async def hangs(_: web.Request) -> web.Response:
    """A receiver that never answers."""
    await asyncio.Event().wait()
    raise AssertionError


async def closes(request: web.Request) -> web.Response:
    """A receiver that closes the connection in the middle."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@asynccontextmanager
async def a_receiver(behave: Behaviour = takes) -> AsyncIterator[Receiver]:
    """A receiver at work."""

    async def take(request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(headers, await request.read(), request.path_qs)
        async with receiver.came:
            receiver.calls.append(call)
            receiver.came.notify_all()
        return await receiver.behave(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    receiver = Receiver(f"http://127.0.0.1:{port}/hooks?token=shared", behave)
    try:
        yield receiver
    finally:
        await runner.cleanup()


@dataclass
class Post:
    """A desk whose webhooks are told. Times in the ledger are moved by ``sooner``."""

    desk: Desk
    sender: Sender

    async def webhook(self, receiver: Receiver, *events: str, token: str = "") -> dict[str, Any]:
        """Have a receiver told."""
        body = {"url": receiver.url, "events": list(events)}
        reply = await self.desk.call("POST", "/v1/webhooks", body, token=token)
        assert reply.status == 201, reply.body
        made: dict[str, Any] = reply.json
        return made

    async def seen(self, webhook: dict[str, Any]) -> dict[str, Any]:
        """A webhook as it is now."""
        reply = await self.desk.call("GET", f"/v1/webhooks/{webhook['id']}")
        found: dict[str, Any] = reply.json
        return found

    async def log(self, webhook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
        """What it was told, the last first."""
        reply = await self.desk.call("GET", f"/v1/webhooks/{webhook['id']}/deliveries{query}")
        assert reply.status == 200, reply.body
        found: list[dict[str, Any]] = reply.json["data"]
        return found

    async def logged(self, webhook: dict[str, Any], holds: Callable[[list[dict[str, Any]]], bool]) -> Any:
        """Wait until something holds of the log; gives the log."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds(found := await self.log(webhook)):
                await asyncio.sleep(0.02)
        return found

    async def sooner(self, hours: float) -> None:
        """Let so much time have passed for what waits."""
        async with self.desk.ledger.transaction() as connection:
            for statement in (
                "UPDATE webhook_delivery SET due_at = due_at - make_interval(secs => %s) WHERE due_at IS NOT NULL",
                "UPDATE webhook SET resumes_at = resumes_at - make_interval(secs => %s)",
                "UPDATE webhook SET failing_since = failing_since - make_interval(secs => %s)",
            ):
                await connection.execute(statement, [hours * 3600.0])


@asynccontextmanager
async def a_post(dsn: str, **options: Any) -> AsyncIterator[Post]:
    """A desk with a sender at work."""
    async with a_desk(dsn) as desk:
        sender = Sender(desk.ledger, Vault(KEYS), source="https://notify.example", **{"loopback": True, **options})
        running = asyncio.create_task(sender.run())
        try:
            yield Post(desk, sender)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
