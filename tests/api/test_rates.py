"""Limits of callers and of addresses over HTTP: who is counted, what is answered, and that none waits for it.

That processes share a quota is proved in ``tests/engine/test_quotas``; here two applications do, on two ports.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import aiohttp
import psycopg
import pytest
from tests.api.desk import KEYS, Desk, a_desk

from esoz_notify.api.app import create_app
from esoz_notify.api.rates import RateLimit, Strangers, address_of
from esoz_notify.api.server import Server, bind
from esoz_notify.engine.quotas import Quotas, SharedQuotas
from esoz_notify.store.vault import Vault

SLOW = RateLimit(quota=6, window_s=1_000_000)
PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/64"))
UNKNOWN = "/v1/notifications/0198c0de-0000-7000-8000-00000000000f"


def strangers(*proxies: str) -> Strangers:
    networks = tuple(ip_network(one) for one in proxies)
    return Strangers(limit=SLOW, index=lambda text: Vault(KEYS).index(text, "address"), proxies=networks)


async def tried(desk: Desk, tries: int, **how: Any) -> list[int]:
    """The statuses of so many calls."""
    return [(await desk.call("GET", UNKNOWN, **how)).status for _ in range(tries)]


async def token_tried(desk: Desk, **headers: str) -> int:
    """The status of a request for a token with a wrong secret."""
    reply = await desk.call(
        "POST", "/oauth/token", raw=b"grant_type=client_credentials&client_id=mis-1&client_secret=wrong", token=None,
        content_type="application/x-www-form-urlencoded", **headers,
    )  # fmt: skip
    return reply.status


async def test_wrong_tokens_are_slowed_and_good_ones_are_not(ledger_dsn: str) -> None:
    """Past the limit of an address wrong tokens and none are told to wait; a good token from there comes in as ever."""
    async with a_desk(ledger_dsn, strangers=strangers()) as desk:
        assert await tried(desk, 4, token="wrong") + await tried(desk, 4, token=None) == [401] * 6 + [429] * 2
        slowed = await desk.call("GET", UNKNOWN, token="wrong")
        assert (slowed.code, int(slowed.headers["Retry-After"]) > 0) == ("rate_limited", True)
        assert await tried(desk, 3) == [404] * 3
        assert await token_tried(desk) == 429, "the same address, so the same count"


async def test_guessing_secrets_is_slowed(ledger_dsn: str) -> None:
    """A request for a token is counted before anything is looked up, right or wrong."""
    async with a_desk(ledger_dsn, strangers=strangers()) as desk:
        assert [await token_tried(desk) for _ in range(8)] == [401] * 6 + [429] * 2


@pytest.mark.parametrize(("proxies", "slowed"), [((), 2), (("127.0.0.0/8",), 0)])
async def test_addresses_come_from_trusted_proxies_alone(ledger_dsn: str, proxies: Any, slowed: int) -> None:
    """Whoever is no trusted proxy is counted by the connection's own address, whatever it says of itself."""
    async with a_desk(ledger_dsn, strangers=strangers(*proxies)) as desk:
        found = [await token_tried(desk, x_forwarded_for=f"198.51.100.{number}") for number in range(8)]
    assert found == [401] * (8 - slowed) + [429] * slowed


@pytest.mark.parametrize(
    ("client", "told", "address"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.1"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.1"], "203.0.113.1"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.1, 10.9.9.9"], "203.0.113.1"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.1"], "203.0.113.1"),
        ("::ffff:10.0.0.1", ["203.0.113.1"], "203.0.113.1"),
        ("10.0.0.1", ["::ffff:203.0.113.1"], "203.0.113.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["nonsense"], "unknown"),
        ("10.0.0.1", ["203.0.113.1, nonsense"], "unknown"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("fd00::1", ["2001:db8:1:2:ffff::1"], "2001:db8:1:2::/64"),
        ("fd00:0:0:1::1", ["203.0.113.1"], "fd00:0:0:1::/64"),
        ("", [], "unknown"),
        (None, ["203.0.113.1"], "unknown"),
    ],
)
def test_whose_address_it_is(client: str | None, told: list[str], address: str) -> None:
    """The last address that is no trusted proxy's, an IPv6 one by its /64; what was made up before it is not read."""
    headers = [(b"x-forwarded-for", one.encode()) for one in told]
    scope = {"client": None if client is None else (client, 1), "headers": headers}
    assert address_of(scope, PROXIES) == address


def test_a_long_chain_is_bounded() -> None:
    """However many hops somebody writes, few are read."""
    chain = ", ".join(["203.0.113.1", *["10.0.0.1"] * 100_000]).encode()
    assert address_of({"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", chain)]}, PROXIES) == "10.0.0.1"


async def test_no_address_is_kept(ledger_dsn: str) -> None:
    """The ledger knows an address by a keyed hash only."""
    quotas = Quotas()
    async with a_desk(ledger_dsn, quotas=quotas, strangers=strangers()) as desk:
        await token_tried(desk)
        await SharedQuotas(desk.ledger, quotas).open()
        with psycopg.connect(ledger_dsn) as connection:
            (row,) = connection.execute("SELECT subject FROM quota").fetchall()
    assert row == (f"address:{Vault(KEYS).index('127.0.0.1', 'address').hex()}",)


@asynccontextmanager
async def _another(desk: Desk, quotas: Quotas) -> AsyncIterator[aiohttp.ClientSession]:
    """One more application on the ledger of a desk, as another process would be."""
    app = create_app(desk.service, desk.access, desk.operations, rate_limit=SLOW, quotas=quotas)
    async with Server(app, bind("127.0.0.1", 0), grace_s=3) as server, aiohttp.ClientSession(server.base_url) as http:
        yield http


async def test_two_applications_share_a_quota(ledger_dsn: str) -> None:
    """A caller that goes to both has one quota and at most one more; the headers tell what is left of the whole."""
    here, there = Quotas(), Quotas()
    async with a_desk(ledger_dsn, rate_limit=SLOW, quotas=here) as desk, _another(desk, there) as http:
        shared = [SharedQuotas(desk.ledger, one) for one in (here, there)]

        async def settle() -> None:
            for one in (*shared, *shared):
                await one.open()

        async def ask_there() -> int:
            async with http.get(UNKNOWN, headers={"authorization": f"Bearer {await desk.token()}"}) as reply:
                return reply.status

        await settle()
        statuses = []
        for _ in range(3):
            statuses += [*await tried(desk, 4), *[await ask_there() for _ in range(4)]]
            await settle()
        assert 6 <= statuses.count(404) <= 7
        assert statuses.count(404) + statuses.count(429) == len(statuses)
        assert (await tried(desk, 1), await ask_there()) == ([429], 429)
        told = await desk.call("GET", UNKNOWN)
        assert told.headers["RateLimit"].startswith('"default";r=0;')


async def test_counting_asks_the_ledger_nothing(ledger_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that are refused by a limit or for their token run no statement, and no other runs one to count."""
    statements: list[object] = []
    execute = psycopg.AsyncCursor.execute

    async def counted(self: Any, query: Any, *rest: Any, **more: Any) -> Any:
        statements.append(query)
        return await execute(self, query, *rest, **more)

    async with a_desk(ledger_dsn, rate_limit=SLOW, quotas=Quotas(), strangers=strangers()) as desk:
        await desk.token()
        monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
        assert await tried(desk, 8, token="wrong") == [401] * 6 + [429] * 2
        assert [str(one) for one in statements if "quota" in str(one) or "client" in str(one)] == []
        assert await tried(desk, 7) == [404] * 6 + [429]
        asked = [str(one) for one in statements]
    assert len(asked) >= 6, "the spy sees the six look-ups"
    assert [one for one in asked if "quota" in one] == []
