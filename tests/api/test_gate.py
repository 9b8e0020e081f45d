"""Who may come in: every call of the contract with every kind of token, and how refusals look."""

import asyncio
import logging
import re
from typing import Any

import jwt
import pytest
from tests.api.desk import INLINE, KEYS, PHONE, Desk, a_desk
from tests.api.test_walk import refusal

from esoz_notify.api.contract import OPERATIONS, Credential, Operation
from esoz_notify.api.rates import RateLimit
from esoz_notify.engine.callers import SCOPES

GUARDED = [one for one in OPERATIONS.values() if one.credential is Credential.BEARER]
OPEN = {
    "issue_token", "authorization_server", "take_callback", "alive", "ready", "metrics", "openapi", "docs",
    "fhir_metadata",
}  # fmt: skip
ID = "0198c0de-0000-7000-8000-00000000dead"


def _path(operation: Operation) -> str:
    values = {"provider": "carrier", "phone": PHONE}
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], ID), operation.path)


def _forged(**changes: Any) -> str:
    claims = {
        "iss": "esoz-notify",
        "aud": "esoz-notify",
        "sub": "mis-1",
        "scope": " ".join(SCOPES),
        "iat": 1,
        "exp": 4_000_000_000,
        "jti": "j",
        **changes,
    }
    key = claims.pop("key", KEYS.token_key)
    return jwt.encode({name: one for name, one in claims.items() if one is not None}, key, algorithm="HS256")


BAD_TOKENS = {
    "no token": (None, "token_missing"),
    "garbage": ("garbage", "invalid_token"),
    "expired": (_forged(exp=1000), "invalid_token"),
    "another key": (_forged(key=b"x" * 32), "invalid_token"),
    "another audience": (_forged(aud="other"), "invalid_token"),
    "another issuer": (_forged(iss="other"), "invalid_token"),
    "no end": (_forged(exp=None), "invalid_token"),
    "unsigned": (jwt.encode({"sub": "mis-1", "scope": "notifications:read"}, "", "none"), "invalid_token"),
    "endless": ("a" * 5000, "invalid_token"),
}


def test_every_route_has_a_row_in_the_contract(desk: Desk) -> None:
    """A route that no row declares would have no scope: there is none, and no row lacks its route."""
    app = desk.server.app
    routed = {
        handler.opt["operation"].name
        for route in app.routes
        for handler in route.route_handlers  # type: ignore[union-attr]  # there are only HTTP routes
        if handler.http_methods != {"OPTIONS"}
    }

    assert routed == set(OPERATIONS)


def test_only_named_calls_are_open() -> None:
    """Every call needs a scope but these, which have a credential of their own or tell nothing of anybody."""
    assert {one.name for one in OPERATIONS.values() if one.scope is None} == OPEN
    assert all(one.scope in SCOPES for one in GUARDED)


async def test_every_guarded_call_refuses_every_bad_token(desk: Desk) -> None:
    """No token, garbage, an expired one and forged ones are 401 with a challenge at every call."""
    for operation in GUARDED:
        for kind, (token, code) in BAD_TOKENS.items():
            reply = await desk.call(operation.method, _path(operation), token=token)
            assert (reply.status, reply.code) == (401, refusal(operation, code)), (operation.name, kind)
            challenge = reply.headers["WWW-Authenticate"]
            assert challenge.startswith("Bearer"), operation.name
            assert ('error="invalid_token"' in challenge) == (code == "invalid_token")


async def test_every_guarded_call_needs_its_own_scope(desk: Desk) -> None:
    """A token with every scope but the one needed is 403, and the scope is named; with it alone the call is let in."""
    for operation in GUARDED:
        assert operation.scope is not None
        others = await desk.token(*(scope for scope in SCOPES if scope != operation.scope))
        refused = await desk.call(operation.method, _path(operation), token=others)
        assert (refused.status, refused.code) == (403, refusal(operation, "insufficient_scope")), operation.name
        assert operation.scope.encode() in refused.body, operation.name
        assert f'scope="{operation.scope}"' in refused.headers["WWW-Authenticate"]

        own = await desk.token(operation.scope)
        let_in = await desk.call(operation.method, _path(operation), token=own)
        assert let_in.status not in {401, 403}, operation.name


async def test_a_disabled_caller_is_out_at_once(desk: Desk) -> None:
    """The tokens that a caller has end with its access."""
    token = await desk.token()
    assert (await desk.call("GET", "/v1/notifications", token=token)).status == 200
    await desk.access.callers.disable("mis-1")

    assert (await desk.call("GET", "/v1/notifications", token=token)).status == 401


async def test_too_many_requests_are_told_when_to_come_back(ledger_dsn: str) -> None:
    """Beyond a caller's quota comes 429 with Retry-After; others are not touched; headers tell what is left."""
    seconds = 0.0
    async with a_desk(ledger_dsn, rate_limit=RateLimit(quota=3, window_s=30), monotonic=lambda: seconds) as desk:
        secret = await desk.access.callers.create("mis-2", "Another", ["notifications:read"])
        other = (await desk.access.issue("mis-2", secret)).access_token
        replies = [await desk.call("GET", "/v1/notifications") for _ in range(4)]
        assert [one.status for one in replies] == [200, 200, 200, 429]
        assert replies[0].headers["RateLimit-Policy"] == '"default";q=3;w=30'
        assert replies[0].headers["RateLimit"] == '"default";r=2;t=10'
        assert (replies[3].code, replies[3].headers["Retry-After"]) == ("rate_limited", "10")
        assert (await desk.call("GET", "/v1/notifications", token=other)).status == 200
        seconds = 10.0
        assert (await desk.call("GET", "/v1/notifications")).status == 200


# --- refusals of the request itself -----------------------------------------------------------------------------------

_DEEP = b'{"a":' * 17 + b"1" + b"}" * 17


BAD_BODIES = [
    (b"", 400, "malformed_json"),
    (b"{", 400, "malformed_json"),
    (b'{"kind": NaN}', 400, "malformed_json"),
    (b'{"kind": 1e999}', 400, "malformed_json"),
    (b'{"kind": "\xff"}', 400, "malformed_json"),
    (b'{"kind": "\\ud800"}', 400, "malformed_json"),
    (b'{"kind": "a", "kind": "b"}', 400, "malformed_json"),
    (b'{"data": {"a": "10:20", "\\u0061": "b"}}', 400, "malformed_json"),
    (b"[" * 60_000, 400, "malformed_json"),
    (_DEEP, 400, "malformed_json"),
    (b"[]", 422, "invalid_input"),
    (b"null", 422, "invalid_input"),
    (b'"text"', 422, "invalid_input"),
    (b"{}", 422, "invalid_input"),
    (b'{"kind": ["a"], "data": 1, "recipient": "x", "patient_id": 7}', 422, "invalid_input"),
    (b'{"kind": "confirmation_code", "data": {"verification_code": "12\\u00004"}}', 422, "invalid_input"),
    (b" " * 70_000, 413, "too_large"),
]


@pytest.mark.parametrize("path", ["/v1/notifications", "/v1/route", f"/v1/patients/{ID}"])
async def test_a_body_that_is_not_right_is_never_500(desk: Desk, path: str) -> None:
    """Whatever bytes come, the caller is told what is wrong with them, and none of them is repeated."""
    method = "PUT" if "patients" in path else "POST"
    for raw, status, code in BAD_BODIES:
        reply = await desk.call(method, path, raw=raw, idempotency_key="k")
        assert (reply.status, reply.code) == (status, code), raw[:40]
        assert reply.headers["Content-Type"] == "application/problem+json"


async def test_a_lying_length_is_cut_off_too(desk: Desk) -> None:
    """A body sent in chunks without a length is refused once it is too large."""

    async def chunks() -> Any:
        for _ in range(80):
            yield b" " * 1024

    headers = {"authorization": f"Bearer {await desk.token()}", "content-type": "application/json"}
    async with desk.http.post("/v1/route", data=chunks(), headers=headers) as response:
        assert response.status == 413


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/json; charset=windows-1251", "application/xml"]
)
async def test_another_type_of_body_is_415(desk: Desk, content_type: str | None) -> None:
    """Only JSON in UTF-8 is read."""
    reply = await desk.call("POST", "/v1/route", raw=b"{}", content_type=content_type)

    assert (reply.status, reply.code) == (415, "unsupported_media_type")


async def test_a_packed_body_is_415(desk: Desk) -> None:
    """Content-Encoding is not unpacked: a small body cannot become a huge one."""
    reply = await desk.call("POST", "/v1/route", INLINE, content_encoding="gzip")

    assert reply.status == 415


async def test_unknown_paths_and_methods(desk: Desk) -> None:
    """A path that is none is 404 without repeating it; another method is 405 with those that there are."""
    lost = await desk.call("GET", "/v1/+380000000001")
    wrong = await desk.call("DELETE", "/v1/notifications")
    options = await desk.call("OPTIONS", "/v1/notifications", token=None)

    assert (lost.status, lost.code) == (404, "not_found")
    assert b"380000000001" not in lost.body
    assert (wrong.status, wrong.code) == (405, "method_not_allowed")
    assert {one.strip() for one in wrong.headers["Allow"].split(",")} >= {"GET", "POST"}
    assert options.status == 204


async def test_every_answer_is_private(desk: Desk) -> None:
    """Nothing of the API is kept by caches or guessed to be another type."""
    for path in ("/v1/notifications", "/healthz", "/nowhere"):
        headers = (await desk.call("GET", path)).headers
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


async def test_an_unforeseen_error_tells_its_id_only(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """A fault of ours is 500 without details; the log has its kind, its place and the same id, and no data."""
    accepted = await desk.send()
    async with desk.ledger.transaction() as connection:
        # A row that no program of ours writes: reading it breaks an invariant.
        await connection.execute("ALTER TABLE notification DISABLE TRIGGER ALL")
        await connection.execute('UPDATE notification SET recipient = \'{"secret": "+380000000001"}\'')
    with caplog.at_level(logging.ERROR, logger="esoz_notify.api.gate"):
        reply = await desk.call("GET", accepted["links"]["self"])

    assert (reply.status, reply.code) == (500, "internal")
    error_id = reply.json["instance"].removeprefix("urn:uuid:")
    assert "KeyError" not in reply.body.decode()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert error_id in caplog.text
    assert "KeyError" in caplog.text
    assert "380000000001" not in caplog.text


async def test_without_the_ledger_it_says_so(desk: Desk) -> None:
    """When the ledger is away a request is 503 with Retry-After, and nothing was accepted."""
    await desk.token()
    await desk.ledger.close()
    reply = await desk.call("GET", "/v1/notifications")

    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "unavailable", "1")


async def test_the_log_has_one_line_without_data(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """A request is one line: method, route, status, time, caller, trace; no path values, no query, no body."""
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    token = await desk.token()
    with caplog.at_level(logging.INFO, logger="esoz_notify"):
        await desk.call("GET", f"/v1/patients/{ID}", token=token)
        await desk.call("GET", "/v1/notifications?phone=%2B380000000001", token=token, traceparent=trace)
        await desk.call("GET", "/+380000000001", token=None)
        await asyncio.sleep(0)
    lines = [record.getMessage() for record in caplog.records if record.name == "esoz_notify.api.recording"]

    assert [line.split(" ms ")[0].rsplit(" ", 1)[0] for line in lines] == [
        "GET /v1/patients/{patient_id} 404",
        "GET /v1/notifications 200",
        "GET none 404",
    ]
    assert lines[1].endswith(f"client=mis-1 trace={'a' * 32}")
    assert ID not in caplog.text
    assert "380000000001" not in caplog.text
