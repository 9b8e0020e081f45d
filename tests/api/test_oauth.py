"""Getting a token, in OAuth's own words."""

import base64
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
from tests.api.desk import Desk, Reply, a_desk
from tests.engine.key_pairs import pair

from esoz_notify.engine.assertions import ASSERTION_TYPE
from esoz_notify.engine.callers import SCOPES

FORM = "application/x-www-form-urlencoded"
MINE = pair()


async def _ask(desk: Desk, body: str, login: tuple[str, str] | None = None, content_type: str = FORM) -> Reply:
    headers = {}
    if login is not None:
        headers["authorization"] = f"Basic {base64.b64encode(':'.join(login).encode()).decode()}"
    return await desk.call("POST", "/oauth/token", raw=body.encode(), token=None, content_type=content_type, **headers)


async def test_a_token_by_basic_and_by_form(desk: Desk) -> None:
    """Both ways of showing the secret give a token that opens the API; the answer is not cached."""
    basic = await _ask(desk, "grant_type=client_credentials", ("mis-1", desk.secret))
    form = await _ask(desk, f"grant_type=client_credentials&client_id=mis-1&client_secret={desk.secret}")

    for reply in (basic, form):
        assert reply.status == 200
        assert (reply.json["token_type"], reply.json["expires_in"]) == ("Bearer", 3600)
        assert reply.json["scope"] == " ".join(SCOPES)
        assert reply.headers["Cache-Control"] == "no-store"
        assert (await desk.call("GET", "/v1/notifications", token=reply.json["access_token"])).status == 200


async def test_fewer_scopes_can_be_asked_for(desk: Desk) -> None:
    """A token may be narrowed, and then opens only that; what the client does not have is refused."""
    narrow = await _ask(desk, "grant_type=client_credentials&scope=patients:read", ("mis-1", desk.secret))
    secret = await desk.access.callers.create("mis-2", "Another", ["patients:read"])
    more = await _ask(desk, "grant_type=client_credentials&scope=patients:read+patients:write", ("mis-2", secret))

    assert narrow.json["scope"] == "patients:read"
    assert (await desk.call("GET", "/v1/notifications", token=narrow.json["access_token"])).status == 403
    assert (more.status, more.json["error"]) == (400, "invalid_scope")


async def test_an_unknown_client_looks_like_a_wrong_secret(desk: Desk) -> None:
    """Nobody learns which clients exist: the answers are the same to the letter."""
    secret = await desk.access.callers.create("mis-2", "Another", ["patients:read"])
    await desk.access.callers.disable("mis-2")
    replies = [
        await _ask(desk, "grant_type=client_credentials", login)
        for login in (("mis-1", "wrong"), ("nobody", "wrong"), ("mis-2", secret), ("\x00", "\x00"), ("mis-1", ""))
    ]

    assert {(one.status, one.body) for one in replies} == {(401, replies[0].body)}
    assert replies[0].json["error"] == "invalid_client"
    assert replies[0].headers["WWW-Authenticate"].startswith("Basic")


WRONG_REQUESTS = [
    ("", "invalid_request"),
    ("grant_type=password", "unsupported_grant_type"),
    ("grant_type=client_credentials&scope=", "invalid_scope"),
    ("grant_type=client_credentials&scope=everything", "invalid_scope"),
    ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
    ("grant_type=client_credentials&client_secret=x", "invalid_request"),
    ("grant_type=client_credentials&x=%ff", "invalid_request"),
    ("&".join("abcdefghijklmnopqrstuvwxyz"), "invalid_request"),
]


async def test_wrong_requests_have_their_own_errors(desk: Desk) -> None:
    """Each mistake is the error that RFC 6749 names for it."""
    for body, error in WRONG_REQUESTS:
        reply = await _ask(desk, body, ("mis-1", desk.secret))
        assert (reply.status, reply.json["error"]) == (400, error), body


async def test_other_bodies_and_credentials_are_refused(desk: Desk) -> None:
    """JSON is not a form; a header that is no HTTP Basic, and none at all, are no client."""
    json = await _ask(desk, "{}", ("mis-1", desk.secret), "application/json")
    none = await _ask(desk, "grant_type=client_credentials")
    broken = await desk.call(
        "POST", "/oauth/token", raw=b"grant_type=x", token=None, content_type=FORM, authorization="Basic %%%"
    )
    large = await _ask(desk, "a" * 20_000, ("mis-1", desk.secret))

    assert (json.status, json.json["error"]) == (400, "invalid_request")
    assert (none.status, none.json["error"]) == (401, "invalid_client")
    assert (broken.status, broken.json["error"]) == (401, "invalid_client")
    assert large.status == 413


async def test_the_metadata_leads_to_the_token(desk: Desk) -> None:
    """A client that knows only the address finds where and how to get a token (RFC 8414)."""
    found = (await desk.call("GET", "/.well-known/oauth-authorization-server", token=None)).json

    assert found["issuer"] == desk.base_url
    assert set(found["scopes_supported"]) == set(SCOPES)
    login = {"authorization": aiohttp.encode_basic_auth("mis-1", desk.secret)}
    form = {"grant_type": "client_credentials"}
    async with desk.http.post(found["token_endpoint"], data=form, headers=login) as reply:
        assert reply.status == 200


async def _assert(desk: Desk, more: str = "", **changes: object) -> Reply:
    now = int(desk.access.now().timestamp())
    claims = {
        "iss": "mis-1",
        "sub": "mis-1",
        "aud": f"{desk.base_url}/oauth/token",
        "exp": now + 60,
        "jti": str(uuid4()),
    }
    host = changes.pop("host", None)
    body = urlencode(
        {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": MINE.sign({**claims, **changes}),
        }
    )
    given = {} if host is None else {"host": str(host)}
    return await desk.call("POST", "/oauth/token", raw=f"{body}{more}".encode(), token=None, content_type=FORM, **given)


async def test_a_token_for_an_assertion(desk: Desk) -> None:
    """A caller that signs with its own key needs no secret; a copy of what it signed is refused (RFC 7523)."""
    await desk.access.callers.set_keys("mis-1", {"keys": [MINE.jwk]}, end_secrets=True)
    given = await _assert(desk, "&scope=notifications:read", jti="once")
    again = await _assert(desk, jti="once")
    localhost = await _assert(desk, "&client_id=mis-1", aud=desk.base_url.replace("127.0.0.1", "localhost"))
    secret = await _ask(desk, "grant_type=client_credentials", ("mis-1", desk.secret))

    assert (given.status, given.json["scope"], localhost.status) == (200, "notifications:read", 200)
    assert (await desk.call("GET", "/v1/notifications", token=given.json["access_token"])).status == 200
    assert (again.status, again.json["error"], secret.status) == (401, "invalid_client", 401)
    assert "shown before" in again.json["error_description"]


async def test_an_assertion_for_another_place_is_none(desk: Desk) -> None:
    """What was signed for another service is not good here, though it is sent on with that service's name as Host."""
    await desk.access.callers.set_keys("mis-1", {"keys": [MINE.jwk]})
    stolen = await _assert(desk, aud="http://elsewhere.test/oauth/token", host="elsewhere.test")

    assert (stolen.status, stolen.json["error"]) == (401, "invalid_client")


async def test_with_a_public_url_that_is_the_audience(ledger_dsn: str) -> None:
    """Callers sign for the address that they know, and for no other."""
    async with a_desk(ledger_dsn, public_url="https://notify.test/") as desk:
        await desk.access.callers.set_keys("mis-1", {"keys": [MINE.jwk]})
        found = (await desk.call("GET", "/.well-known/oauth-authorization-server", token=None)).json

        assert (await _assert(desk, aud=found["issuer"])).status == 200
        assert (await _assert(desk, aud=found["token_endpoint"])).status == 200
        assert (await _assert(desk)).status == 401


async def test_one_credential_at_a_time(desk: Desk) -> None:
    """An assertion with a secret beside it, of another type, or of another client than is said, is refused."""
    await desk.access.callers.set_keys("mis-1", {"keys": [MINE.jwk]})
    beside = await _assert(desk, "&client_secret=x")
    other = await _assert(desk, "&client_id=mis-2")
    untyped = await _ask(desk, "grant_type=client_credentials&client_assertion=x")
    basic = await _ask(desk, "grant_type=client_credentials&client_assertion=x", ("mis-1", desk.secret))

    assert [(one.status, one.json["error"]) for one in (beside, untyped, basic)] == [(400, "invalid_request")] * 3
    assert (other.status, other.json["error"]) == (401, "invalid_client")


async def test_the_metadata_tells_of_every_way(desk: Desk) -> None:
    """Ways, algorithms and bound tokens, in the words of RFC 8414 and RFC 8705."""
    found = (await desk.call("GET", "/.well-known/oauth-authorization-server", token=None)).json

    assert "private_key_jwt" in found["token_endpoint_auth_methods_supported"]
    assert set(found["token_endpoint_auth_signing_alg_values_supported"]) == {"ES256", "PS256", "RS256", "EdDSA"}
    assert found["tls_client_certificate_bound_access_tokens"] is False
