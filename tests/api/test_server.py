"""Starting and stopping the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from litestar import Litestar
from tests.api.desk import INLINE, a_desk

from esoz_notify.api.app import create_app
from esoz_notify.api.server import Server, bind
from esoz_notify.core.errors import ConfigError


async def test_a_taken_port_is_told_with_the_fix() -> None:
    """A second program on the port learns which port it is and what to do."""
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}: another program listens there; .* choose"):
            bind("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_an_address_that_is_not_here_is_told(host: str) -> None:
    """An address of another machine, and a name that is none, are faults of the settings."""
    with pytest.raises(ConfigError, match="this machine has no such address"):
        bind(host, 0)


def test_a_port_that_is_none_is_told() -> None:
    """Ports end at 65535."""
    with pytest.raises(ConfigError, match="0 to 65535"):
        bind("127.0.0.1", 70_000)


async def test_every_address_is_reached_by_the_loopback(ledger_dsn: str) -> None:
    """A server on all addresses names one by which this machine reaches it."""
    async with a_desk(ledger_dsn) as desk:
        app = create_app(desk.service, desk.access, desk.operations)
        async with Server(app, bind("0.0.0.0", 0)) as server:
            assert server.base_url == f"http://127.0.0.1:{server.port}"
            async with desk.http.get(f"{server.base_url}/healthz") as response:
                assert response.status == 200


async def test_the_applications_own_start_and_stop_run(ledger_dsn: str) -> None:
    """What is given as a part of its life is entered before the first answer and left after the last."""
    seen: list[str] = []

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        seen.append("started")
        yield
        seen.append("stopped")

    async with a_desk(ledger_dsn, lifespan=[life]) as desk:
        assert seen == ["started"]
        assert (await desk.call("GET", "/healthz")).status == 200
    assert seen == ["started", "stopped"]


async def test_an_application_that_does_not_start_raises(ledger_dsn: str) -> None:
    """The fault of a start reaches whoever started it; the process goes on."""

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        raise ValueError("not today")
        yield

    with pytest.raises(RuntimeError, match="did not start"):
        async with a_desk(ledger_dsn, lifespan=[life]):
            pass


async def test_requests_that_have_begun_are_finished(ledger_dsn: str) -> None:
    """A stop in the middle of a body waits for the answer, and takes no new connection."""
    async with a_desk(ledger_dsn) as desk:
        begun = asyncio.Event()
        go_on = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b'{"kind": "confirmation_code", "recipient": {"phone": "+380000000001"},'
            begun.set()
            await go_on.wait()
            yield b'"data": {"verification_code": "4821"}}'

        headers = {
            "authorization": f"Bearer {await desk.token()}",
            "idempotency-key": "k",
            "content-type": "application/json",
        }
        asking = asyncio.create_task(desk.http.post("/v1/notifications", data=slowly(), headers=headers).__aenter__())
        await begun.wait()
        stopping = asyncio.create_task(desk.server.__aexit__(None, None, None))
        async with asyncio.timeout(5):
            while True:
                try:
                    async with aiohttp.ClientSession() as fresh, fresh.get(f"{desk.base_url}/healthz"):
                        await asyncio.sleep(0.02)
                except aiohttp.ClientConnectionError:
                    break
        go_on.set()
        response = await asking
        assert response.status == 202
        assert (await response.json())["kind"] == INLINE["kind"]
        await stopping
