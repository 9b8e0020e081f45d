"""Connections made to take time: each is ended after its bound, and nobody else waits for it.

The bounds are shortened here: what is proved is that there are some, not how long they are.
"""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from tests.api.desk import CARRIER, INLINE, Desk, a_desk

from esoz_notify.api import patience
from esoz_notify.api.patience import PatientHttp

PATIENCE_S = 60.0
QUICK_S = 0.5


@pytest.fixture(name="desk")
async def make_desk(ledger_dsn: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """The API with bounds that a test can wait for."""
    for name in ("HEAD_S", "BODY_S", "UNREAD_S", "LINGER_S"):
        monkeypatch.setattr(patience, name, QUICK_S)
    async with a_desk(ledger_dsn) as desk:
        yield desk


@asynccontextmanager
async def connected(desk: Desk) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of one's own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def drip(desk: Desk, begin: bytes, drop: bytes) -> bytes:
    """Send a beginning and then a drop after the other until the other side has had enough; gives what it said."""
    async with asyncio.timeout(PATIENCE_S), connected(desk) as (reader, writer):
        writer.write(begin)
        said = asyncio.create_task(reader.read())
        with suppress(ConnectionError):
            while not said.done():
                if drop:
                    writer.write(drop)
                    await writer.drain()
                await asyncio.wait({said}, timeout=0.05)
        with suppress(ConnectionError):
            return await said
    return b""


HEAD = b"POST /v1/notifications HTTP/1.1\r\nhost: x\r\n"
SLOW = {
    "nothing at all": (b"", b""),
    "a head, drop by drop": (HEAD, b"x: y\r\n"),
    "a header, drop by drop": (HEAD + b"x: ", b"y"),
    "a request line, drop by drop": (b"GET /", b"x"),
    "half a head": (HEAD, b""),
    "a head after a good request": (b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" + HEAD, b"x: y\r\n"),
}
SLOW_BODIES = {
    "a body, drop by drop": (b"content-length: 60000\r\n\r\n", b"x"),
    "a chunked body, drop by drop": (b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "half a body": (b"content-length: 60000\r\n\r\n{", b""),
}


@pytest.mark.parametrize("what", SLOW)
async def test_a_head_must_come_in_time(desk: Desk, what: str) -> None:
    """A head that does not end is ended, with a word about it; others are answered meanwhile."""
    begin, drop = SLOW[what]
    slow = asyncio.create_task(drip(desk, begin, drop))
    assert (await desk.call("GET", "/healthz")).status == 200
    said = await slow

    assert said.rpartition(b"HTTP/1.1 ")[2].startswith(b"408 ")
    assert json.loads(said.rpartition(b"\r\n\r\n")[2])["code"] == "too_slow"


@pytest.mark.parametrize("path", ["/v1/notifications", "/v1/notifications/", "/callbacks/carrier"])
@pytest.mark.parametrize("what", SLOW_BODIES)
async def test_a_body_must_come_in_time(desk: Desk, what: str, path: str) -> None:
    """A body that does not end is ended by either way in, and nothing of it was done."""
    begin, drop = SLOW_BODIES[what]
    basic = "Basic " + base64.b64encode(CARRIER[0].encode()).decode()
    token = basic if "callbacks" in path else f"Bearer {await desk.token()}"
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\ncontent-type: application/json\r\n"
    said = await drip(desk, f"{head}idempotency-key: k\r\n".encode() + begin, drop)

    assert said.startswith(b"HTTP/1.1 408 ")
    assert said.count(b"HTTP/1.1 ") == 1


async def test_a_body_after_its_answer_is_bounded_too(desk: Desk) -> None:
    """Who was refused before the body came may not hold the connection with it; the refusal is not followed by more."""
    said = await drip(desk, HEAD + b"content-length: 60000\r\n\r\n", b"x")

    assert said.startswith(b"HTTP/1.1 401 ")
    assert said.count(b"HTTP/1.1 ") == 1


async def test_a_large_body_that_comes_steadily_is_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow line is no attack: whoever keeps to the least pace has the time that the size needs."""
    monkeypatch.setattr(patience, "BODY_BYTES_PER_S", 100)
    head = f"POST /v1/notifications HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {await desk.token()}\r\n"
    head += "content-type: application/json\r\nidempotency-key: k\r\nconnection: close\r\ncontent-length: 3000\r\n\r\n"
    async with asyncio.timeout(PATIENCE_S), connected(desk) as (reader, writer):
        writer.write(head.encode())
        began = time.monotonic()
        for _ in range(30):
            writer.write(b" " * 100)
            await writer.drain()
            await asyncio.sleep(0.1)
        said = await reader.read()

    assert time.monotonic() - began > 4 * QUICK_S
    assert said.startswith(b"HTTP/1.1 400 ")


async def test_who_does_not_read_the_answers_is_cut(desk: Desk) -> None:
    """Answers wait for their reader for a while and not for ever."""
    async with asyncio.timeout(PATIENCE_S), connected(desk) as (_, writer):
        ask = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
        with pytest.raises(ConnectionError):  # noqa: PT012 - the loop is how long it takes
            while True:
                writer.write(ask)
                await asyncio.sleep(0.01)
                await writer.drain()
                if writer.transport.is_closing():
                    raise ConnectionResetError

    assert (await desk.call("GET", "/healthz")).status == 200


async def test_there_are_only_so_many_connections(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd that only connects loses its oldest, and whoever asks something is answered."""
    monkeypatch.setattr(patience, "HEAD_S", PATIENCE_S)
    monkeypatch.setattr(PatientHttp, "connections_max", 20)
    async with AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(connected(desk)) for _ in range(60)]
        async with connected(desk) as (reader, writer):
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                assert await crowd[0][0].read() == b""

        assert len(desk.server._server.server_state.connections) <= 20


async def test_half_bodies_are_a_crowd_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who keeps requests half said, where nobody must say who he is, does not keep others out."""
    monkeypatch.setattr(patience, "BODY_S", PATIENCE_S)
    monkeypatch.setattr(PatientHttp, "connections_max", 10)
    half = b"POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n"
    async with AsyncExitStack() as stack:
        for _ in range(20):
            _, writer = await stack.enter_async_context(connected(desk))
            writer.write(half + b"content-length: 60000\r\n\r\na")
        async with asyncio.timeout(PATIENCE_S), connected(desk) as (reader, writer):
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")


async def test_connections_that_are_answered_are_not_closed_for_new_ones(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When all wait for our answers, it is the new one that goes."""
    sent = await desk.send(INLINE)
    token = await desk.token()
    await desk.http.close()
    head = f"GET /v1/notifications/{sent['id']}/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
    async with asyncio.timeout(PATIENCE_S), connected(desk) as (reader, writer):
        writer.write(head.encode())
        await reader.readuntil(b"\r\n\r\n")
        monkeypatch.setattr(PatientHttp, "connections_max", 1)
        async with connected(desk) as (other, _):
            with suppress(ConnectionError):
                assert await other.read() == b""
        await desk.deliver(sent["id"])
        while b"delivered" not in await reader.readline():
            pass


async def test_a_body_that_we_do_not_read_yet_is_not_slow(desk: Desk) -> None:
    """The clock of a request does not run while it is we who do not listen: it waits for an earlier one on its line."""
    sent = await desk.send(INLINE)
    authorization = f"authorization: Bearer {await desk.token()}\r\n"
    body = b" " * 60_000
    async with asyncio.timeout(PATIENCE_S), connected(desk) as (reader, writer):
        writer.write(f"GET /v1/notifications/{sent['id']}/events HTTP/1.1\r\nhost: x\r\n{authorization}\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        head = f"POST /v1/notifications HTTP/1.1\r\nhost: x\r\n{authorization}content-type: application/json\r\n"
        writer.write(f"{head}idempotency-key: k\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode())
        await asyncio.sleep(4 * QUICK_S)
        await desk.deliver(sent["id"])
        await reader.readuntil(b"\r\n0\r\n\r\n")
        writer.write(body)
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
