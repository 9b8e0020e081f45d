"""Signing in at an OpenID Connect provider, a small real one over sockets: who comes in, and every way to cheat."""

import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.api.desk import Desk, a_desk
from tests.console.visitor import LOGIN, PASSWORD, Seen, Visitor, a_visitor, do, rows

from esoz_notify.engine.oidc import Registration

CLIENT, SECRET = "esoz-notify", "registered at the provider"
EMAIL = "O.Koval@hospital.example"


@dataclass
class Provider:
    """An OpenID Connect provider that signs everybody in as ``claims`` say."""

    issuer: str = ""
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "42", "email": EMAIL, "email_verified": True})
    key_id: str = "first"
    spoil: Callable[[dict[str, Any]], dict[str, Any] | str] = lambda claims: claims
    asked: dict[str, str] = field(default_factory=dict)

    async def describe(self, _: web.Request) -> web.Response:
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return web.json_response({"issuer": self.issuer, **{name: self.issuer + path for name, path in paths.items()}})

    async def keys(self, _: web.Request) -> web.Response:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return web.json_response({"keys": [{"kty": "oct", "k": "AA"}, {**public, "kid": self.key_id, "use": "sig"}]})

    async def token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        verifier = str(form.get("code_verifier", ""))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        right = {"code": "the code", "client_id": CLIENT, "client_secret": SECRET}
        if any(form.get(name) != value for name, value in right.items()) or (
            (challenge, form.get("redirect_uri")) != (self.asked["code_challenge"], self.asked["redirect_uri"])
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        plain = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": self.asked["nonce"]}
        spoilt = self.spoil({**plain, **self.claims})
        whole = spoilt if isinstance(spoilt, str) else jwt.encode(spoilt, self.key, "RS256", {"kid": self.key_id})
        return web.json_response({"id_token": whole, "token_type": "Bearer", "access_token": "unused"})


@asynccontextmanager
async def a_provider() -> AsyncIterator[Provider]:
    provider, app = Provider(), web.Application()
    app.router.add_get("/.well-known/openid-configuration", provider.describe)
    app.router.add_get("/keys", provider.keys)
    app.router.add_post("/token", provider.token)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        await runner.cleanup()


@dataclass
class Joined:
    """A desk whose people may sign in at a provider."""

    desk: Desk
    provider: Provider
    visitor: Visitor

    async def go(self) -> str:
        """To the provider; gives the state that it will send back."""
        there = await self.visitor.get("/sign-in/oidc")
        assert there.to.startswith(f"{self.provider.issuer}/authorize?")
        self.provider.asked = {name: values[0] for name, values in parse_qs(urlsplit(there.to).query).items()}
        return self.provider.asked["state"]

    async def come_back(self, **changed: str) -> Seen:
        """To the provider and back, with parts of the answer changed."""
        given = {"state": await self.go(), "code": "the code", **changed}
        async with self.visitor.http.get("/sign-in/oidc/back", params=given, allow_redirects=False) as reply:
            return Seen(reply.status, reply.headers, await reply.text())

    async def is_in(self) -> bool:
        """Whether a session has begun."""
        return (await self.visitor.get("/print")).status == 200


@pytest.fixture
async def joined(ledger_dsn: str) -> AsyncIterator[Joined]:
    """A doctor who is registered by an address, and nobody signed in."""
    async with a_provider() as provider:
        back = "http://localhost:1/sign-in/oidc/back"
        us = Registration(issuer=provider.issuer, client_id=CLIENT, client_secret=SECRET, redirect_uri=back)
        async with a_desk(ledger_dsn, doors={"oidc": us}) as desk, a_visitor(desk) as visitor:
            await desk.people.add(LOGIN, "Оксана Коваль", "doctor", "mis-1", PASSWORD)
            assert desk.entrance.oidc is not None
            await desk.entrance.oidc.link(LOGIN, email=EMAIL.lower(), subject=None)
            yield Joined(desk, provider, visitor)


async def test_a_registered_person_comes_in(joined: Joined) -> None:
    """First by a verified address, whatever its capitals, which registers the subject; then by the subject alone."""
    assert "/sign-in/oidc" in (await joined.visitor.get("/sign-in")).text
    seen = await joined.come_back(iss=joined.provider.issuer)
    assert (seen.status, 'content="0; url=/"' in seen.text) == (200, True)
    assert seen.headers["referrer-policy"] == "no-referrer"
    assert await joined.is_in()
    assert joined.provider.asked["code_challenge_method"] == "S256"
    assert await rows(joined.desk, "SELECT subject, login FROM person_identity") == [("42", LOGIN)]
    joined.provider.claims = {"sub": "42"}
    async with a_visitor(joined.desk) as other:
        again = Joined(joined.desk, joined.provider, other)
        await again.come_back()
        assert await again.is_in()
    assert await rows(joined.desk, "SELECT details FROM audit WHERE action = 'sign_in'") == [('{"way":"oidc"}',)] * 2
    assert b"hospital" not in str(await rows(joined.desk, "SELECT email_index FROM person")).encode()


async def test_it_is_no_proof_of_being_there(joined: Joined) -> None:
    """The provider may have signed in by itself: what asks for a proof asks for ours."""
    await joined.come_back()
    await joined.visitor.get("/account")
    assert "Підтвердьте, що це ви" in (await joined.visitor.post("/account/app")).text


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "42", "email": EMAIL},
        {"sub": "42", "email": EMAIL, "email_verified": False},
        {"sub": "42", "email": EMAIL, "email_verified": "true"},
        {"sub": "42", "email": "other@hospital.example", "email_verified": True},
        {"sub": LOGIN},
    ],
)
async def test_strangers_are_nobody(joined: Joined, claims: dict[str, Any]) -> None:
    """An address that is not verified, or not registered, opens nothing and makes nobody."""
    joined.provider.claims = claims
    seen = await joined.come_back()
    assert (seen.status, "Увійти так не вдалося" in seen.text, await joined.is_in()) == (403, True, False)
    assert await rows(joined.desk, "SELECT count(*) FROM person") == [(1,)]


async def test_an_address_is_not_taken_over(joined: Joined) -> None:
    """Once a person's subject is known, another subject with the same address is somebody else; so is the disabled."""
    await joined.come_back()
    joined.provider.claims = {"sub": "43", "email": EMAIL, "email_verified": True}
    async with a_visitor(joined.desk) as other:
        assert (await Joined(joined.desk, joined.provider, other).come_back()).status == 403
    joined.provider.claims = {"sub": "42"}
    await do(joined.desk, "UPDATE person SET disabled_at = ledger_now()")
    assert (await joined.come_back()).status == 403


def _unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", "none", {"kid": "first"})


def _by_another(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, rsa.generate_private_key(65537, 2048), "RS256", {"kid": "first"})


def _by_the_secret(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, SECRET.ljust(32, "."), "HS256", {"kid": "first"})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda claims: {**claims, "nonce": "another"},
        lambda claims: {**claims, "aud": "another"},
        lambda claims: {**claims, "aud": [CLIENT, "another"], "azp": "another"},
        lambda claims: {**claims, "iss": "http://elsewhere.example"},
        lambda claims: {**claims, "exp": int(time.time()) - 3600},
        lambda claims: {name: value for name, value in claims.items() if name != "exp"},
        lambda claims: {name: value for name, value in claims.items() if name != "sub"},
        lambda _: "no.token.atall",
        _unsigned,
        _by_another,
        _by_the_secret,
    ],
)
async def test_tokens_that_are_not_good(joined: Joined, spoil: Callable[[dict[str, Any]], Any]) -> None:
    """Of another sign-in, for another, from another, too old, incomplete, or signed by anybody else."""
    joined.provider.spoil = spoil
    assert ((await joined.come_back()).status, await joined.is_in()) == (403, False)


async def test_answers_that_did_not_begin_here(joined: Joined) -> None:
    """Another state or issuer, no code, a refusal, another browser, an old or a forged cookie: nobody comes in."""
    for changed in ({"state": "another"}, {"code": "another"}, {"code": ""}, {"iss": "http://elsewhere.example"}):
        assert (await joined.come_back(**changed)).status == 403
    state = await joined.go()
    async with a_visitor(joined.desk) as other:
        assert (await other.get(f"/sign-in/oidc/back?state={state}&code=the%20code")).status == 403
        cookie = {"Cookie": f"esoz_notify_way={'A' * 80}"}
        async with other.http.get(f"/sign-in/oidc/back?state={state}&code=the%20code", headers=cookie) as reply:
            assert reply.status == 403
    assert not await joined.is_in()


async def test_there_is_no_open_redirect(joined: Joined) -> None:
    """Where the browser is sent is the provider's word: nothing in the request changes it."""
    for query in (
        "?back=https://elsewhere.example",
        "?redirect_uri=https://elsewhere.example",
        "?next=//elsewhere.example",
    ):
        there = await joined.visitor.get(f"/sign-in/oidc{query}")
        assert "elsewhere" not in there.to
        assert "elsewhere" not in (await joined.visitor.get(f"/sign-in/oidc/back{query}")).text


async def test_a_provider_that_is_away(joined: Joined) -> None:
    """It is said on the sign-in page, where the password still works."""
    assert joined.desk.entrance.oidc is not None
    joined.provider.issuer = "http://elsewhere.example"
    seen = await joined.visitor.get("/sign-in/oidc")
    assert (seen.status, 'name="password"' in seen.text) == (503, True)
