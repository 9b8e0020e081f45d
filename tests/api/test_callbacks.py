"""Callbacks show what was agreed with their provider, by whichever way in, and signed ones are taken once."""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
from litestar.types import ASGIApp, Receive, Scope, Send
from tests.api.desk import Desk, a_desk
from tests.faults.whole import without_worker

from esoz_notify.api.app import create_app
from esoz_notify.api.peers import PEER
from esoz_notify.api.server import Server, bind

KEY, NEXT_KEY, TOKEN = "key-of-the-carrier", "next-key-of-the-carrier", "token-of-the-carrier"
SHA256 = "ab" * 32
CREDENTIALS = (f"signature:{KEY}", f"signature:{NEXT_KEY}", f"token:{TOKEN}", f"certificate:{SHA256}")
WAYS = ["/callbacks/carrier", "/callbacks/carrier/"]
"""Past the router, and by it."""


@pytest.fixture(name="desk")
async def make_desk(ledger_dsn: str) -> AsyncIterator[Desk]:
    """The API with a provider that may show any of these."""
    async with a_desk(ledger_dsn, callback_credentials={"carrier": CREDENTIALS}) as desk:
        yield desk


def sign(body: bytes, key: str = KEY, *, at_s: float | None = None) -> dict[str, str]:
    """Headers of a signed call."""
    timestamp = str(int(time.time() if at_s is None else at_s))
    mac = hmac.new(key.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"x-timestamp": timestamp, "x-signature": f"sha256={mac}"}


async def call(desk: Desk, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    """Call back; gives status and what was said."""
    async with desk.http.post(path, data=body, headers=headers) as reply:
        return reply.status, json.loads(await reply.read() or b"null")


async def kept(desk: Desk) -> int:
    """How many receipts are on disk."""
    async with desk.ledger.transaction() as connection:
        row = await (await connection.execute("SELECT count(*) FROM receipt")).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("path", WAYS)
@pytest.mark.parametrize("key", [KEY, NEXT_KEY])
async def test_a_signed_call_is_kept(desk: Desk, path: str, key: str) -> None:
    """Either key is good while one is being replaced."""
    assert await call(desk, path, b"m-1", sign(b"m-1", key)) == (200, None)
    assert await kept(desk) == 1


@pytest.mark.parametrize("path", WAYS)
async def test_what_no_ledger_can_hold_stops_no_other(desk: Desk, path: str) -> None:
    """An id with a NUL in it is kept raw with what is wrong, answered 200, and those beside it are taken."""
    bearer = {"authorization": f"Bearer {TOKEN}"}
    answers = await asyncio.gather(*(call(desk, path, body, bearer) for body in (b"m-1", b"\0", b"m-2", b"a\nb")))
    assert [status for status, _ in answers] == [200] * 4
    async with desk.ledger.transaction() as connection:
        rows = await (await connection.execute("SELECT count(*), count(problem) FROM receipt")).fetchone()
        inbox = await (await connection.execute("SELECT provider_message_id FROM receipt_inbox ORDER BY 1")).fetchall()
    assert (rows, inbox) == ((4, 2), [("m-1",), ("m-2",)])


@pytest.mark.parametrize("path", WAYS)
async def test_a_token_is_enough(desk: Desk, path: str) -> None:
    """A bearer token of the provider, and no other."""
    assert await call(desk, path, b"m-1", {"authorization": f"Bearer {TOKEN}"}) == (200, None)
    assert (await call(desk, path, b"m-1", {"authorization": f"Bearer {await desk.token()}"}))[0] == 401
    assert await kept(desk) == 1


@pytest.mark.parametrize("path", WAYS)
@pytest.mark.parametrize(
    "shown", ["none", "wrong key", "other body", "old", "of the future", "no time", "token as key"]
)
async def test_a_wrong_signature_leaves_nothing(desk: Desk, path: str, shown: str) -> None:
    """A call that is not signed for this body and about now is refused and not kept."""
    body, now_s = b"m-1", time.time()
    headers = {
        "none": {},
        "wrong key": sign(body, "key-of-a-stranger-here"),
        "other body": sign(b"m-2"),
        "old": sign(body, at_s=now_s - 400),
        "of the future": sign(body, at_s=now_s + 400),
        "no time": {"x-signature": sign(body)["x-signature"]},
        "token as key": sign(body, TOKEN),
    }[shown]
    status, said = await call(desk, path, body, headers)

    assert (status, said["code"]) == (401, "wrong_credential")
    assert await kept(desk) == 0


@pytest.mark.parametrize("path", WAYS)
async def test_who_cannot_sign_is_refused_before_the_body(desk: Desk, path: str) -> None:
    """A megabyte is read for nobody who shows no more than a wish."""
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.server.port)
    writer.write(head.encode())
    async with asyncio.timeout(30):
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()


@pytest.mark.parametrize("path", WAYS)
async def test_the_certificate_of_the_tls_client_is_enough(ledger_dsn: str, path: str) -> None:
    """What the listener says of the client's certificate is compared with what was agreed; a header says nothing."""
    seen: dict[str, str] = {}

    def behind(app: ASGIApp) -> ASGIApp:
        async def with_certificate(scope: Scope, receive: Receive, send: Send) -> None:
            if seen:
                scope["extensions"] = {"tls": {PEER: seen["sha256"]}}
            await app(scope, receive, send)

        return with_certificate

    async with a_desk(ledger_dsn, callback_credentials={"carrier": CREDENTIALS}) as desk:
        desk.server.app.asgi_handler = behind(desk.server.app.asgi_handler)
        statuses = [(await call(desk, path, b"m", {"client-cert": SHA256, "x-client-cert": SHA256}))[0]]
        for shown in ("cd" * 32, "", SHA256):
            seen["sha256"] = shown
            statuses.append((await call(desk, path, b"m", {}))[0])

    assert statuses == [401, 401, 401, 200]


# --- repetitions ---

MESSAGE = json.dumps(
    {
        "results": [
            {
                "messageId": "0198c0de-0000-7000-8000-000000000000.0",
                "to": "380000000001",
                "status": {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"},
                "doneAt": "2026-03-01T10:00:00Z",
            }
        ]
    }
).encode()


@asynccontextmanager
async def a_process(dsn: str, folder: Path) -> AsyncIterator[str]:
    """One of several processes over a ledger; gives where it takes callbacks."""
    await asyncio.to_thread(folder.mkdir)
    async with without_worker(dsn, folder) as product:
        app = create_app(
            product.service, product.access, product.operations, callback_credentials={"infobip": CREDENTIALS}
        )
        async with Server(app, bind("127.0.0.1", 0)) as server:
            yield f"{server.base_url}/callbacks/infobip"


def rows(dsn: str) -> tuple[int, int, int]:
    """Receipts, what they say, and what is remembered of signed calls."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT (SELECT count(*) FROM receipt), (SELECT count(*) FROM receipt_inbox),"
            " (SELECT count(*) FROM callback_seen)"
        ).fetchone()
    assert found is not None
    return found


async def test_a_repeated_call_changes_nothing_in_any_process(ledger_dsn: str, tmp_path: Path) -> None:
    """Overheard and played again, at once or later, here or elsewhere, a signed call is answered and not kept again."""
    headers = sign(MESSAGE)
    async with (
        a_process(ledger_dsn, tmp_path / "a") as first,
        a_process(ledger_dsn, tmp_path / "b") as second,
        aiohttp.ClientSession() as http,
    ):

        async def play(url: str) -> int:
            async with http.post(url, data=MESSAGE, headers=headers) as reply:
                return reply.status

        at_once = await asyncio.gather(*(play(url) for url in [first, second] * 20))
        later = [await play(first), await play(second)]
        assert rows(ledger_dsn) == (1, 1, 1)

        headers = sign(MESSAGE, at_s=time.time() - 60)
        assert await play(first) == 200
        assert rows(ledger_dsn) == (2, 2, 2)

    assert {*at_once, *later} == {200}


async def test_what_was_seen_is_forgotten_when_it_could_not_be_taken_again(ledger_dsn: str, tmp_path: Path) -> None:
    """The table of what was seen does not grow for ever."""
    async with a_process(ledger_dsn, tmp_path / "a") as url, aiohttp.ClientSession() as http:
        async with http.post(url, data=MESSAGE, headers=sign(MESSAGE)) as reply:
            assert reply.status == 200
        with psycopg.connect(ledger_dsn) as connection:
            connection.execute("UPDATE callback_seen SET expires_at = ledger_now() - interval '1 second'")
        async with http.post(url, data=b"[]", headers=sign(b"[]")) as reply:
            assert reply.status == 200

    assert rows(ledger_dsn)[2] == 1


async def test_no_credential_is_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a good nor a wrong one, nor one that somebody put into the address."""
    caplog.set_level(logging.DEBUG)
    await call(desk, f"/callbacks/carrier?token={TOKEN}", b"m", {"authorization": f"Bearer {TOKEN}"})
    await call(desk, f"/callbacks/{TOKEN}", b"m", sign(b"m"))
    await call(desk, "/callbacks/carrier", b"m", sign(b"m", "key-of-a-stranger-here"))

    assert TOKEN not in caplog.text
    assert sign(b"m")["x-signature"] not in caplog.text
