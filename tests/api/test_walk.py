"""Every route with every scope and every kind of stranger: nobody gets where their token does not let them.

Prints how much was walked; docs/security-callers.md has the figures.
"""

import re
from collections import Counter
from typing import Any

import jwt
import pytest
from litestar import Litestar, get
from tests.api.codes import created
from tests.api.desk import KEYS, PATIENT_ID, PHONE, Desk, Reply

from esoz_notify.api.app import check_declared
from esoz_notify.api.contract import OPERATIONS, Credential, Envelope, Operation
from esoz_notify.console.app import HANDLERS
from esoz_notify.engine.callers import READ_ALL, SCOPES

GUARDED = [one for one in OPERATIONS.values() if one.credential is Credential.BEARER]
NOBODYS_ID = "0198c0de-0000-7000-8000-00000000dead"
OF_TURBOSMS = {
    "token_missing": "REQUIRED_TOKEN", "invalid_token": "INVALID_TOKEN", "insufficient_scope": "REQUIRED_AUTH",
}  # fmt: skip


def path_of(operation: Operation, ids: str = NOBODYS_ID) -> str:
    """The path of a call, with something in each of its places."""
    values = {"provider": "carrier", "phone": PHONE, "patient_id": PATIENT_ID}
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], ids), operation.path)


def refusal(operation: Operation, code: str) -> str:
    """The code of a refusal: other contracts have words of their own."""
    match operation.envelope:
        case Envelope.ESOZ:
            return "forbidden" if code == "insufficient_scope" else "access_denied"
        case Envelope.GOVUK:
            return "AuthError" if code != "notification_unknown" else "NoResultFound"
        case Envelope.TURBOSMS:
            return OF_TURBOSMS[code]
        case Envelope.PROBLEM | Envelope.FHIR:
            return code


def signed(scope: str, **changes: Any) -> str:
    """A token with our own signature."""
    ours = {"iss": "esoz-notify", "aud": "esoz-notify", "sub": "mis-1", "scope": scope, "iat": 1, "jti": "j"}
    return jwt.encode({**ours, "exp": 4_000_000_000, **changes}, KEYS.token_key, "HS256")


def strangers(scope: str) -> dict[str, tuple[str | None, str]]:
    """Tokens that open nothing though they name a scope, by what is wrong, and the code of the refusal."""
    return {
        "no token": (None, "token_missing"),
        "garbage": (f"garbage.{scope}", "invalid_token"),
        "expired": (signed(scope, exp=1000), "invalid_token"),
        "a disabled caller's": (signed(scope, sub="mis-gone"), "invalid_token"),
    }


async def call(desk: Desk, operation: Operation, token: str | None) -> tuple[int, str, str]:
    """Status, code and challenge of an answer; it is held against the contract by the other tests."""
    headers = {"authorization": f"Bearer {token}"} if token is not None else {}
    async with desk.http.request(operation.method, path_of(operation), headers=headers) as reply:
        is_refused = reply.status in {401, 403}
        code = Reply(reply.status, reply.headers, await reply.read()).code if is_refused else ""
        return reply.status, code, reply.headers.get("www-authenticate", "")


async def test_every_route_with_every_scope_and_every_stranger(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """A scope opens its own calls and is 403 at all others; what is no living token is 401 whatever it names."""
    await desk.access.callers.create("mis-gone", "A caller that was disabled", SCOPES)
    await desk.access.callers.disable("mis-gone")
    walked: Counter[str] = Counter()
    for operation in GUARDED:
        for scope in SCOPES:
            status, code, asked = await call(desk, operation, await desk.token(scope))
            where = (operation.name, scope, status)
            if scope == operation.scope:
                assert status not in {401, 403}, where
                walked["let in"] += 1
            else:
                assert (status, code) == (403, refusal(operation, "insufficient_scope")), where
                assert f'scope="{operation.scope}"' in asked, where
                walked["wrong scope"] += 1
            for kind, (token, told) in strangers(scope).items():
                status, code, asked = await call(desk, operation, token)
                assert (status, code) == (401, refusal(operation, told)), (operation.name, scope, kind)
                assert asked.startswith("Bearer "), (operation.name, scope, kind)
                walked[kind] += 1

    assert walked["let in"] == len(GUARDED)
    assert sum(walked.values()) == len(GUARDED) * len(SCOPES) * 5
    with capsys.disabled():
        print(f"\nwalked {len(GUARDED)} routes x {len(SCOPES)} scopes, {sum(walked.values())} calls: {dict(walked)}")  # noqa: T201


async def test_another_callers_data_is_not_there(desk: Desk) -> None:
    """What is of one caller is 404 at every call of every other; reading all is a scope, and lets read only."""
    notification = (await desk.send())["id"]
    mine = {"{notification_id}": notification, "{verification_id}": (await created(desk))["id"]}
    hook = await desk.call("POST", "/v1/webhooks", {"url": "https://mis.example/webhooks"})
    mine["{webhook_id}"] = hook.json["id"]
    bodies: dict[str, Any] = {"check_verification": {"code": "0000"}}
    bodies["fhir_revoke_request"] = [{"op": "replace", "path": "/status", "value": "revoked"}]
    bodies["replay_webhook_events"] = {"since": "2026-11-01T00:00:00Z"}
    secret = await desk.access.callers.create("mis-2", "Another", SCOPES)
    others = (await desk.access.issue("mis-2", secret, " ".join(set(SCOPES) - {READ_ALL}))).access_token
    walked = 0
    for operation in GUARDED:
        for place, found in mine.items():
            if place in operation.path:
                body = bodies.get(operation.name, {}) if operation.takes is not None else None
                path = path_of(operation, found)
                kind = operation.takes_type if body is not None else None
                reply = await desk.call(operation.method, path, body, token=others, content_type=kind)
                assert (reply.status, reply.code) == (404, refusal(operation, f"{place[1:-4]}_unknown")), operation.name
                walked += 1

    assert walked == sum(place in one.path for one in GUARDED for place in mine) > len(mine)
    all_seen = (await desk.access.issue("mis-2", secret)).access_token
    for token, seen in ((others, 0), (all_seen, 2), (await desk.token(), 2)):
        listed = await desk.call("GET", f"/v1/notifications?phone=%2B{PHONE[1:]}", token=token)
        assert len(listed.json["data"]) == seen
    assert (await desk.call("GET", f"/v1/notifications/{notification}", token=all_seen)).status == 200


async def test_every_page_needs_a_session_or_says_that_it_is_open(desk: Desk) -> None:
    """A page that is not declared open sends whoever has no session to the sign-in, and shows nothing."""
    pages = {
        (method, path)
        for handler in HANDLERS
        if not handler.opt.get("open")
        for method in handler.http_methods - {"OPTIONS"}
        for path in handler.paths
    }
    assert {("GET", "/print"), ("GET", "/now"), ("GET", "/account"), ("POST", "/crisis")} <= pages
    for method, path in pages:
        found = re.sub(r"\{\w+:int\}", "1", re.sub(r"\{\w+:uuid\}", NOBODYS_ID, path))
        async with desk.http.request(
            method, found, data={} if method == "POST" else None, allow_redirects=False
        ) as seen:
            assert (seen.status, seen.headers.get("location"), await seen.text()) == (303, "/sign-in", ""), path


@get("/forgotten")
async def forgotten() -> str:
    return "what nobody was meant to see"


@get("/declared-elsewhere", operation=object())
async def declared_elsewhere() -> str:
    return "what no row of the table says"


@pytest.mark.parametrize("handler", [forgotten, declared_elsewhere])
def test_a_route_that_no_row_declares_fails_the_start(handler: Any, desk: Desk) -> None:
    """Without a declared credential and scope no application is made of it, so that no test run is green with it."""
    check_declared(desk.server.app)
    with pytest.raises(ValueError, match=rf"{min(handler.paths)} is in no row"):
        check_declared(Litestar([handler], openapi_config=None))


def test_an_application_with_such_a_route_does_not_start(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at where the application is put together, not only in this test."""
    from esoz_notify.api import app

    monkeypatch.setattr(app, "_ROUTES", (*app._ROUTES, forgotten))
    with pytest.raises(ValueError, match="/forgotten is in no row"):
        app.create_app(desk.service, desk.access, desk.operations)


def test_a_row_says_who_may_call() -> None:
    """A row by bearer token with no scope, or with one that is none, and a scope without a token, are refused."""
    row = {"name": "x", "method": "GET", "path": "/x", "group": "x", "summary": "x", "what": "x", "answers": ()}
    for credential, scope in (
        (Credential.BEARER, None),
        (Credential.BEARER, "everything"),
        (Credential.NONE, "notifications:read"),
    ):
        with pytest.raises(ValueError, match="needs a scope"):
            Operation(credential=credential, scope=scope, **row)  # type: ignore[arg-type]
