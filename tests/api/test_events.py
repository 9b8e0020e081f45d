"""The stream of a notification's facts."""

import asyncio
import json
from typing import Any

import aiohttp
from tests.api.desk import Desk, a_desk


async def _open(desk: Desk, path: str, **headers: str) -> aiohttp.ClientResponse:
    token = {"authorization": f"Bearer {await desk.token()}"}
    return await desk.http.get(path, headers={**token, **headers})


async def _frames(response: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    text = (await response.read()).decode()
    frames = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in frames]


async def test_facts_arrive_as_they_happen_and_then_the_end(desk: Desk) -> None:
    """A stream opened before anything happened shows every fact with its number and status, and closes by itself."""
    sent = await desk.send()
    async with asyncio.timeout(10), await _open(desk, sent["links"]["events"]) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        await desk.deliver(sent["id"])
        frames = await _frames(response)

    assert [frame["event"] for frame in frames][:2] == ["AttemptStarted", "AttemptAccepted"]
    assert [int(frame["id"]) for frame in frames[:-1]] == list(range(1, len(frames)))
    for frame in frames[:-1]:
        desk.fits(json.loads(frame["data"]), {"$ref": "#/components/schemas/Event"})
    assert (frames[-1]["event"], json.loads(frames[-1]["data"])) == ("end", {"status": "delivered"})


async def test_a_reader_goes_on_where_it_was(desk: Desk) -> None:
    """Last-Event-ID skips what was seen; nonsense in it shows all; after the last fact only the end is left."""
    sent = await desk.send()
    await desk.deliver(sent["id"])
    shown = {}
    for last in ("0", "2", "x", "-1", "9" * 30, "99"):
        async with (
            asyncio.timeout(5),
            await _open(desk, sent["links"]["events"], **{"Last-Event-ID": last}) as response,
        ):
            shown[last] = [frame.get("id") for frame in await _frames(response)]

    everything = shown["0"]
    assert shown["2"] == everything[2:]
    assert shown["x"] == shown["-1"] == shown["9" * 30] == everything
    assert shown["99"] == [None]


async def test_the_end_names_the_status_even_when_all_was_seen(desk: Desk) -> None:
    """A reader that comes back after the last fact still learns how it ended."""
    sent = await desk.send()
    await desk.deliver(sent["id"])
    async with asyncio.timeout(5), await _open(desk, sent["links"]["events"], **{"Last-Event-ID": "99"}) as response:
        frames = await _frames(response)

    assert json.loads(frames[0]["data"]) == {"status": "delivered"}


async def test_silent_streams_are_kept_alive(ledger_dsn: str) -> None:
    """While nothing happens a comment goes out now and then, so that nobody between closes the connection."""
    async with a_desk(ledger_dsn, keep_alive_s=0.01) as desk:
        sent = await desk.send()
        async with asyncio.timeout(5), await _open(desk, sent["links"]["events"]) as response:
            lines = [await response.content.readline() for _ in range(4)]

    assert lines == [b": connected\n", b"\n", b": keep-alive\n", b"\n"]


async def test_streams_end_when_the_server_stops(ledger_dsn: str) -> None:
    """A stop does not wait for streams: they end without their end, so that readers connect again elsewhere."""
    async with a_desk(ledger_dsn) as desk:
        sent = await desk.send()
        response = await _open(desk, sent["links"]["events"])
        await response.content.readline()
        async with asyncio.timeout(2.5):
            await desk.server.__aexit__(None, None, None)
            rest = await response.read()

    assert b"event: end" not in rest


async def test_a_stream_that_the_reader_left_is_given_up(desk: Desk) -> None:
    """Streams are counted, and one that was closed does not stay."""
    sent = await desk.send()
    response = await _open(desk, sent["links"]["events"])
    await response.content.readline()
    assert "esoz_notify_http_event_streams 1.0" in (await desk.call("GET", "/metrics")).body.decode()
    response.close()

    async with asyncio.timeout(5):
        while "esoz_notify_http_event_streams 0.0" not in (await desk.call("GET", "/metrics")).body.decode():
            await asyncio.sleep(0.02)
