"""Calls past the router get what they would have got through it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.product import PRESCRIPTION
from tests.faults.whole import CREDENTIAL, Whole, a_whole

ASKED = {"kind": "prescription_issued", "recipient": {"phone": "+380000000001"}, "data": PRESCRIPTION}
OWN = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[0-9:.]+Z|r=\d+;t=\d+")


@pytest.fixture
async def whole(ledger_dsn: str, tmp_path: Path) -> AsyncIterator[Whole]:
    async with a_whole(ledger_dsn, tmp_path, worker=False) as one:
        yield one


async def asked(whole: Whole, path: str, **request: Any) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of an answer, without what is its own (ids, times, the date)."""
    async with whole.http.post(path, **request) as reply:
        body = OWN.sub("…", await reply.text()).replace(f'"{path.rstrip("/")}"', '"PATH"')
        headers = {name.lower(): OWN.sub("…", value) for name, value in reply.headers.items() if name.lower() != "date"}
        return reply.status, headers, body


def of(**request: Any) -> dict[str, Any]:
    """A request to accept with its headers."""
    return {"json": ASKED, **request}


JSON_KEY = {"content-type": "application/json", "idempotency-key": "K"}
REQUESTS: list[tuple[str, dict[str, Any], int]] = [
    ("/v1/notifications", of(), 400),  # no Idempotency-Key
    ("/v1/notifications", of(headers={"idempotency-key": "KEY"}), 202),
    ("/v1/notifications", of(headers={"idempotency-key": "KEY", "authorization": "Bearer wrong"}), 401),
    ("/v1/notifications", of(headers={"idempotency-key": "KEY"}, json={"kind": "no such"}), 422),
    ("/v1/notifications", {"data": b"{", "headers": JSON_KEY}, 400),
    ("/v1/notifications", {"data": b"x" * 70_000, "headers": JSON_KEY}, 413),
    ("/v1/notifications", {"data": b"{}", "headers": {**JSON_KEY, "content-type": "text/plain"}}, 415),
    ("/callbacks/infobip", {"json": {"results": []}}, 401),
    ("/callbacks/infobip", {"json": {"results": []}, "headers": {"authorization": CREDENTIAL}}, 200),
    ("/callbacks/nobody", {"json": {"results": []}, "headers": {"authorization": CREDENTIAL}}, 404),
]


async def test_the_answer_is_that_of_the_router(whole: Whole) -> None:
    """Status, headers and body are the same, whichever way a call took: a slash at the end goes by the router."""
    for path, request, status in REQUESTS:
        headers = {"authorization": f"Bearer {whole.token}"} if path.startswith("/v1") else {}
        answers = []
        for number, spelling in enumerate((path, f"{path}/")):
            given = {name: value.replace("KEY", f"key-{number}") for name, value in request.get("headers", {}).items()}
            answers.append(await asked(whole, spelling, **{**request, "headers": headers | given}))

        assert answers[0] == answers[1]
        assert answers[0][0] == status


async def test_a_body_without_a_length_is_measured_as_it_comes(whole: Whole) -> None:
    """A chunked body is refused when it has become too large, and taken when it has not."""

    async def chunks(count: int) -> AsyncIterator[bytes]:
        yield b'{"kind": "'
        for _ in range(count):
            await asyncio.sleep(0)
            yield b"x" * 1000

    headers = {"authorization": f"Bearer {whole.token}", "content-type": "application/json", "idempotency-key": "key"}
    large = await asked(whole, "/v1/notifications", data=chunks(70), headers=headers)
    small = await asked(whole, "/v1/notifications", data=chunks(3), headers=headers)

    assert (large[0], small[0]) == (413, 400)


async def test_a_caller_who_goes_away_in_the_middle_leaves_nothing(whole: Whole) -> None:
    """A request that breaks off is neither accepted nor an error of ours; the next one is answered."""
    port = whole.product.settings.port
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/notifications HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {whole.token}\r\n"
    writer.write(
        f"{head}idempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{".encode()
    )
    await writer.drain()
    writer.close()

    assert (await whole.post(1, "next"))[0] == 202
    assert await whole.sql("SELECT count(*) FROM notification") == [(1,)]
