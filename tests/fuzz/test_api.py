"""Requests made from the published contract, thousands of them: no 5xx, and every answer is one of the contract.

What belongs here: schemathesis over every call, and the streams and pages that it cannot read. What does not: the rules
of single calls (tests/api, tests/console).
"""

import asyncio
import base64
import json
import os
import string
import sys
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote
from uuid import UUID, uuid4

import aiohttp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.desk import CARRIER, Desk, a_desk
from tests.fuzz.inputs import WORDS
from yarl import URL

from esoz_notify.api.contract import EVENTS_TYPE, OPERATIONS
from esoz_notify.api.openapi import document
from esoz_notify.api.reading import NDJSON_TYPE

T = TypeVar("T")

STREAMS = ("stream_events", "stream_verification")
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
)  # fmt: skip
EXAMPLES = 3
"""Per call and phase in an ordinary run; `make fuzz` gives seconds instead."""
SEED = "20261126"

_CONFIGURATION = """
[[operations]]
include-path-regex = "/providers/|/callbacks/"
parameters = {{ "path.provider" = "carrier" }}

[[operations]]
include-operation-id = "take_callback"
headers = {{ Authorization = "Basic {callback}" }}

[[operations]]
include-operation-id = "issue_token"
headers = {{ Authorization = "Basic {client}" }}
"""


async def test_every_call_answers_as_the_contract_says(ledger_dsn: str, tmp_path: Path) -> None:
    """Any body, parameter and header, valid or not, and calls after each other: documented answers and no 5xx."""
    async with a_desk(ledger_dsn) as desk:
        status, told = await _schemathesis(desk, tmp_path)
    assert status == 0, told
    assert f"Tested: {len(OPERATIONS) - len(STREAMS)}" in told


async def test_an_answer_outside_the_contract_is_found(ledger_dsn: str, tmp_path: Path) -> None:
    """The search bites: a contract that does not know a status that we give is seen to be broken."""
    async with a_desk(ledger_dsn) as desk:
        status, told = await _schemathesis(desk, tmp_path, forget=("get_patient", "404"), only="get_patient")
    assert status == 1
    assert "1 unique failure" in told, told
    assert "404" in told


async def _schemathesis(
    desk: Desk, home: Path, *, forget: tuple[str, str] | None = None, only: str | None = None
) -> tuple[int, str]:
    """Run it over the desk; its exit code and what it printed."""
    contract = json.loads(json.dumps(document(exact=True)))
    for path in contract["paths"].values():
        for operation in path.values():
            if forget is not None and operation["operationId"] == forget[0]:
                del operation["responses"][forget[1]]
            body = operation.get("requestBody", {}).get("content", {})
            if NDJSON_TYPE in body:  # told as text in the contract; here its lines are made from their shape
                lines = {"type": "array", "maxItems": 5, "items": {"$ref": "#/components/schemas/NotificationRequest"}}
                body[NDJSON_TYPE] = {"schema": lines}
    (home / "openapi.json").write_text(json.dumps(contract), "utf-8")
    (home / "schemathesis.toml").write_text(
        _CONFIGURATION.format(
            callback=base64.b64encode(CARRIER[0].encode()).decode(),
            client=base64.b64encode(f"mis-1:{desk.secret}".encode()).decode(),
        ),
        "utf-8",
    )
    seconds = os.environ.get("ESOZ_NOTIFY_TEST_FUZZ_S")
    bound = ["--max-time", seconds, "--max-examples", "1000"] if seconds else ["--max-examples", str(EXAMPLES)]
    chosen = ["--include-operation-id", only] if only else []
    for name in () if only else STREAMS:
        chosen += ["--exclude-operation-id", name]
    child = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "schemathesis", "run", "openapi.json", "--url", desk.base_url,
        "--header", f"Authorization: Bearer {await desk.token()}", "--checks", ",".join(CHECKS),
        *(("--seed", SEED) if seconds is None else ()), "--no-color", "--warnings", "off", "--request-timeout", "30",
        "--generation-database", "none", "--continue-on-failure", *bound, *chosen,
        cwd=home, env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.schema_hooks", "PYTHONPATH": str(Path.cwd())},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await child.communicate()
    return child.returncode or 0, told.decode()


# The client itself refuses to send control characters.
ANY_HEADER = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40) | st.sampled_from(
    ["0", "1", "-1", "999999999", "99999999999999999999", "１", ""]
)
ANY_PIECE = st.text(string.printable, max_size=12) | st.sampled_from([word.decode("latin-1")[:40] for word in WORDS])
quickly = settings(max_examples=30, database=None, suppress_health_check=list(HealthCheck), deadline=None)


async def test_streams_begin_or_are_refused(desk: Desk) -> None:
    """Whatever Last-Event-ID says, a stream of one's own begins with frames, and that of nothing is 404."""
    mine = UUID((await desk.send())["id"])
    seen: list[tuple[UUID, int, str]] = []

    async def ask(header: str, notification_id: UUID) -> None:
        headers = {"authorization": f"Bearer {await desk.token()}", "last-event-id": header}
        async with desk.http.get(f"/v1/notifications/{notification_id}/events", headers=headers) as reply:
            first = await reply.content.readline() if reply.status == 200 else b""
            seen.append((notification_id, reply.status, reply.content_type))
            assert (reply.status == 200) == first.startswith(b": connected")

    for header, notification_id in await _drawn(st.tuples(ANY_HEADER, st.sampled_from([mine, uuid4()]))):
        await ask(header, notification_id)
    assert {(one == mine, status, kind) for one, status, kind in seen} == {
        (True, 200, EVENTS_TYPE),
        (False, 404, "application/problem+json"),
    }


PAGES = ("", "sign-in", "sign-out", "print", "print/waiting", "crisis", "language", "assets")


async def test_pages_never_break(desk: Desk) -> None:
    """Any path below the pages, form, cookie and origin, signed in or not: a page, a refusal or another place."""
    await desk.people.add("o.koval", "Оксана Коваль", "doctor", "mis-1", "four words are good")
    asked = st.tuples(
        st.sampled_from(["GET", "POST"]),
        st.sampled_from(PAGES),
        st.lists(ANY_PIECE | st.builds(lambda: str(uuid4())) | st.just("sheets"), max_size=3),
        st.dictionaries(st.sampled_from(["csrf", "login", "password", "number", "reason", "scope"]), ANY_PIECE),
        ANY_HEADER,
        st.sampled_from(["http://[", "null", "http://127.0.0.1", ""]),
    )
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        await http.post(f"{desk.base_url}/sign-in", data={"login": "o.koval", "password": "four words are good"})
        for method, page, more, form, cookie, origin in await _drawn(asked):
            path = URL("/".join([desk.base_url, page, *(quote(one, safe="") for one in more)]), encoded=True)
            headers = {"origin": origin, "x-cookie": cookie}
            data = form if method == "POST" else None
            async with http.request(method, path, data=data, headers=headers, allow_redirects=False) as reply:
                assert reply.status < 500, f"{method} {path}"


async def _drawn(strategy: st.SearchStrategy[T]) -> list[T]:
    """Examples of a strategy, drawn before they are played: Hypothesis itself does not wait for an event loop."""
    drawn: list[T] = []

    @quickly
    @given(strategy)
    def draw(one: T) -> None:
        drawn.append(one)

    await asyncio.to_thread(draw)
    return drawn
