"""Tokens of other issuers, over HTTP from a real little server that publishes keys, goes away and lies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from tests.engine.key_pairs import Pair, pair
from tests.engine.test_access import KEYS, opened

from esoz_notify.core.errors import Unavailable
from esoz_notify.engine.access import VOUCHED_KNOWN_S, Access, InvalidToken
from esoz_notify.engine.issuers import AGAIN_S, APART_S, KEYS_LIFE_S, Issuer, Issuers
from esoz_notify.engine.ledgers import Ledger

NAME = "https://sign-in.test/realms/health"


@dataclass
class Authority:
    """The issuer: what it publishes, how it answers, and how often it was asked."""

    url: str = ""
    keys: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    asked: int = 0
    slow: asyncio.Event | None = None

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        if self.slow is not None:
            await self.slow.wait()
        if self.status == 302:
            raise web.HTTPFound("/elsewhere")
        if self.body is not None:
            return web.Response(body=self.body, status=self.status)
        return web.json_response({"keys": self.keys}, status=self.status)


async def elsewhere(_: web.Request) -> web.Response:
    return web.json_response({"keys": [MINE.jwk]})


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    one = Authority(keys=[MINE.jwk])
    app = web.Application()
    app.router.add_get("/jwks", one.answer)
    app.router.add_get("/elsewhere", elsewhere)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/jwks"
    yield one
    await runner.cleanup()


@pytest.fixture
async def ledger(ledger_dsn: str) -> AsyncIterator[Ledger]:
    async with opened(ledger_dsn) as found:
        yield found


MINE = pair("RS256", "now")
NEXT = pair("ES256", "next")


@dataclass
class House:
    """What the tests drive. ``seconds``: the monotonic clock of the keys."""

    authority: Authority
    issuers: Issuers
    access: Access
    clock: Any
    seconds: list[float]

    def token(self, signer: Pair = MINE, header: dict[str, Any] | None = None, **changes: Any) -> str:
        claims = {"iss": NAME, "aud": "esoz-notify", "exp": self.clock.now().timestamp() + 3600, "azp": "mis-1"}
        claims |= {"scope": "openid patients:read notifications:write"} | changes
        return signer.sign(claims, **header or {})

    async def comes_to(self, token: str) -> str:
        """The scopes that are let in, or the sentence of the refusal."""
        try:
            return " ".join(sorted((await self.access.admit(token)).scopes))
        except (InvalidToken, Unavailable) as refused:
            return f"{refused.code}: {refused.detail}"


@pytest.fixture
async def house(ledger: Ledger, authority: Authority) -> AsyncIterator[House]:
    async with _house(ledger, authority) as one:
        yield one


@asynccontextmanager
async def _house(ledger: Ledger, authority: Authority, **terms: Any) -> AsyncIterator[House]:
    seconds = [0.0]
    issuer = Issuer(issuer=NAME, jwks_url=authority.url, audience="esoz-notify", client_claim="azp")
    issuers = Issuers([replace(issuer, **terms)], ledger.clock.now, lambda: seconds[0])
    access = Access(ledger, KEYS, issuers)
    await access.callers.create("mis-1", "One", ["patients:read", "patients:write"])
    try:
        yield House(authority, issuers, access, ledger.clock, seconds)
    finally:
        await issuers.close()


async def test_an_issuers_token_opens_what_the_caller_has(house: House) -> None:
    """The scopes are those that both the token and our caller have; the keys are fetched once for many tokens."""
    for number in range(3):
        assert await house.comes_to(house.token(jti=str(number))) == "patients:read"
    assert await house.comes_to(house.token(scope=["patients:write", 7, "otp:write"])) == "patients:write"
    assert await house.comes_to(house.token(scope=None)) == ""
    assert house.authority.asked == 1


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"iss": "https://other.test"}, "not one of ours"),
    ({"aud": "other"}, "somebody else"),
    ({"aud": ["a", "b"]}, "somebody else"),
    ({"aud": None}, "somebody else"),
    ({"exp": None}, "expired"),
    ({"exp": 1000}, "expired"),
    ({"exp": "x"}, "expired"),
    ({"nbf": 4e9}, "nbf"),
    ({"azp": None}, "azp"),
    ({"azp": 7}, "azp"),
    ({"azp": "mis-9"}, "no caller"),
    ({"azp": "\x00"}, "no caller"),
    ({"cnf": {"jkt": "x"}}, "cnf"),
    ({"cnf": {"x5t#S256": ""}}, "cnf"),
    ({"cnf": "x"}, "cnf"),
    ({"header": {"kid": None}}, "kid"),
    ({"header": {"typ": "logout+jwt"}}, "type"),
]


@pytest.mark.parametrize(("changes", "rule"), WRONG)
async def test_everything_it_says_is_looked_at(house: House, changes: dict[str, Any], rule: str) -> None:
    """Another audience, an end that is over, no caller of ours, bonds that cannot be checked: 401 with the reason."""
    assert await house.comes_to(house.token()) == "patients:read"
    seen = await house.comes_to(house.token(**changes))

    assert seen.startswith("invalid_token: ")
    assert rule in seen


async def test_anothers_signature_is_none(house: House) -> None:
    """A token in the issuer's name by a key that is not its own is refused, whichever name the key is given."""
    assert "not signed" in await house.comes_to(house.token(pair("RS256", "now")))
    assert "not publish" in await house.comes_to(house.token(pair("RS256", "other")))


async def test_our_own_tokens_do_not_need_an_issuer(house: House) -> None:
    """With an issuer that is away our own tokens are taken as ever, and nobody is asked."""
    house.authority.status = 500
    secret = await house.access.callers.rotate("mis-1")
    ours = (await house.access.issue("mis-1", secret)).access_token

    assert await house.comes_to(ours) == "patients:read patients:write"
    assert await house.comes_to("garbage") == "invalid_token: the token is not one of ours"
    assert house.authority.asked == 0


async def test_a_new_key_is_fetched_when_it_is_first_seen(house: House) -> None:
    """An issuer changes its key: the first token by the new one has the keys fetched; the old key ends with them."""
    assert await house.comes_to(house.token()) == "patients:read"
    house.authority.keys = [NEXT.jwk, {"kty": "EC", "use": "enc"}, 7]  # type: ignore[list-item]
    house.seconds[0] += APART_S
    assert await house.comes_to(house.token(NEXT)) == "patients:read"
    assert "not publish" in await house.comes_to(house.token(MINE, jti="another"))
    assert house.authority.asked == 2


async def test_made_up_keys_do_not_make_us_fetch_in_a_loop(house: House) -> None:
    """A hundred tokens with keys of made-up names cost one fetch until the pause is over."""
    for number in range(100):
        assert "not publish" in await house.comes_to(house.token(replace(NEXT, kid=f"made-up-{number}")))
    assert house.authority.asked == 1
    house.seconds[0] += APART_S
    await asyncio.gather(*(house.comes_to(house.token(replace(NEXT, kid=f"again-{one}"))) for one in range(20)))
    assert house.authority.asked == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, None),
        (302, None),
        (200, b"{"),
        (200, b"[]"),
        (200, b'{"keys": {}}'),
        (200, b"[" * 100_000),
        (200, b'{"keys": [' + b" " * 300_000 + b"]}"),
    ],
)
async def test_an_issuer_that_does_not_answer_rightly_opens_nothing(
    house: House, status: int, body: bytes | None
) -> None:
    """Errors, redirects, rubbish and endless documents: 503, told as such, and soon tried again."""
    house.authority.status, house.authority.body = status, body
    for _ in range(3):
        assert (await house.comes_to(house.token())).startswith("issuer_away: ")
    assert house.authority.asked == 1
    house.authority.status, house.authority.body = 200, None
    house.seconds[0] += AGAIN_S
    assert await house.comes_to(house.token()) == "patients:read"


async def test_an_issuer_that_is_away_is_503(ledger: Ledger) -> None:
    """Nobody listens: no token of it is taken."""
    async with _house(ledger, Authority(url="http://127.0.0.1:1/jwks")) as house:
        assert (await house.comes_to(house.token())).startswith("issuer_away: ")


async def test_known_keys_do_not_wait_for_a_slow_issuer(house: House) -> None:
    """While keys are being fetched for an unknown one, a new token by a known key is let in; so are known tokens."""
    known = house.token()
    assert await house.comes_to(known) == "patients:read"
    house.seconds[0] += APART_S
    house.authority.slow = asyncio.Event()
    waiting = asyncio.create_task(house.comes_to(house.token(NEXT)))
    while house.authority.asked < 2:
        await asyncio.sleep(0.01)
    assert await house.comes_to(house.token(jti="new")) == await house.comes_to(known) == "patients:read"
    assert not waiting.done()
    house.authority.slow.set()
    assert "not publish" in await waiting


async def test_keys_go_on_for_a_day_without_their_issuer(house: House) -> None:
    """An issuer that is away takes nothing down at once, but its keys are not trusted for ever."""
    assert await house.comes_to(house.token()) == "patients:read"
    house.authority.status = 500
    house.seconds[0] += KEYS_LIFE_S - 1
    assert await house.comes_to(house.token(jti="a")) == "patients:read"
    house.seconds[0] += 1
    assert (await house.comes_to(house.token(jti="b"))).startswith("issuer_away: ")


async def test_keys_are_kept_fresh_beside_the_requests(house: House) -> None:
    """The loop fetches them before anybody asks."""
    running = asyncio.create_task(house.issuers.run())
    while house.authority.asked < 1:
        await asyncio.sleep(0.01)
    running.cancel()
    assert await house.comes_to(house.token()) == "patients:read"
    assert house.authority.asked == 1


async def test_a_known_token_is_looked_at_again(house: House, ledger: Ledger) -> None:
    """Within minutes a caller's lost right, a withdrawn key and a disabled caller count, though the token is known."""
    token = house.token()
    assert await house.comes_to(token) == "patients:read"
    async with ledger.transaction() as connection:
        await connection.execute("UPDATE client SET scopes = '{otp:write}'")
    assert await house.comes_to(token) == "patients:read"
    ledger.clock.set(ledger.clock.now() + timedelta(seconds=VOUCHED_KNOWN_S))
    assert await house.comes_to(token) == ""
    await house.access.callers.disable("mis-1")
    assert "disabled" in await house.comes_to(token)
    ledger.clock.set(ledger.clock.now() + timedelta(seconds=VOUCHED_KNOWN_S))
    assert "no caller" in await house.comes_to(token)


async def test_a_bound_caller_needs_a_bound_token(house: House) -> None:
    """Of a caller that is bound to its certificate a token that names none is refused; one that does says which."""
    bond = {"x5t#S256": "thumb"}
    await house.access.callers.bind("mis-1")

    assert "must be bound" in await house.comes_to(house.token())
    assert (await house.access.admit(house.token(cnf=bond))).certificate == "thumb"


async def test_an_issuers_own_names(ledger: Ledger, authority: Authority) -> None:
    """Its ids and scopes are told for ours; with ids told, it speaks for nobody else."""
    terms = {"clients": {"7d0f": "mis-1"}, "scopes": {"read-patients": "patients:read"}, "scope_claim": "scp"}
    async with _house(ledger, authority, **terms) as house:
        assert await house.comes_to(house.token(azp="7d0f", scp=["read-patients"])) == "patients:read"
        assert "azp" in await house.comes_to(house.token(azp="mis-1", scp="patients:read"))
