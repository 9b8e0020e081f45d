"""Calls to addresses that somebody else chose lead outside, whatever is tried."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from esoz_notify.engine.connection_faults import fault_text
from esoz_notify.engine.outgoing import (
    CHOSEN_BY_CALLERS,
    INSIDE,
    Bounds,
    RefusedAddress,
    check_address,
    check_url,
    chosen_by_settings,
    guarded_session,
)

OUTSIDE, WITHIN = "127.0.0.2", "127.0.0.1"
"""Two addresses that a test can listen on; the first is let through as if it were outside."""
TIMEOUT = aiohttp.ClientTimeout(total=10)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("//example.com/", "must begin with https://"),
        ("https:///path", "must begin with https://"),
        ("https://example.com:8443/", "port must be 443"),
        ("https://example.com:22/", "port must be 443"),
        ("https://example.com:99999/", "not a URL"),
        ("https://user@example.com/", "no user or password"),
        ("https://user:password@example.com/", "no user or password"),
        ("https://:password@example.com/", "no user or password"),
        ("https://example.com@127.0.0.1/", "no user or password"),
        ("https://127.0.0.1/", "loopback, RFC 1122"),
        ("https://[::1]/", "loopback, RFC 4291"),
        ("https://[::]/", "unspecified"),
        ("https://0.0.0.0/", "this host"),
        ("https://10.1.2.3/", "private, RFC 1918"),
        ("https://172.31.255.255/", "private, RFC 1918"),
        ("https://192.168.0.1/", "private, RFC 1918"),
        ("https://100.64.0.1/", "carrier-grade NAT"),
        ("https://169.254.169.254/latest/meta-data/", "link-local and cloud metadata"),
        ("https://[fd00:ec2::254]/latest/meta-data/", "unique local and cloud metadata"),
        ("https://[fe80::1]/", "link-local"),
        ("https://[fe80::1%25eth0]/", "link-local"),
        ("https://224.0.0.1/", "multicast"),
        ("https://255.255.255.255/", "reserved"),
        ("https://[::ffff:127.0.0.1]/", "IPv4-mapped"),
        ("https://[::ffff:8.8.8.8]/", "IPv4-mapped"),
        ("https://[::127.0.0.1]/", "IPv4-compatible"),
        ("https://[64:ff9b::7f00:1]/", "NAT64"),
        ("https://[64:ff9b:1::a00:1]/", "local NAT64"),
        ("https://[2002:7f00:1::]/", "6to4"),
        ("https://[2001:0:1:2:3:4:5:6]/", "Teredo"),
        ("https://[4000::1]/", "not yet given to anybody"),
        ("https://2130706433/", "number"),
        ("https://0x7f000001/", "number"),
        ("https://0177.0.0.1/", "number"),
        ("https://127.1/", "number"),
        ("https://127.0.0.1./", "number"),
        ("https://0x7f.0.0.0x1/", "number"),
        ("https://127.0.0.0x/", "number"),
        ("https://１２７.0.0.1/", "loopback, RFC 1122"),
        ("https://①②⑦.0.0.1/", "loopback, RFC 1122"),
    ],
)
def test_a_callers_url_that_leads_inside_is_refused(url: str, said: str) -> None:
    """Networks that are inside, and every other spelling of them, are refused before anything is resolved."""
    with pytest.raises(RefusedAddress, match=said):
        check_url(url, CHOSEN_BY_CALLERS)


@pytest.mark.parametrize(
    "url", ["https://example.com/hook?a=b", "https://example.com:443/", "https://8.8.8.8/", "https://[2606:4700::1]/"]
)
def test_a_callers_url_that_leads_outside_is_taken(url: str) -> None:
    """What the world reaches is left alone."""
    check_url(url, CHOSEN_BY_CALLERS)


def test_the_table_holds_whatever_python_calls_not_global() -> None:
    """Both ends and the middle of every network that the standard library knows as special are refused by our table."""
    v4: Any = ipaddress.IPv4Address._constants  # type: ignore[attr-defined]
    v6: Any = ipaddress.IPv6Address._constants  # type: ignore[attr-defined]
    known = [*v4._private_networks, v4._reserved_network, v4._multicast_network, v4._public_network]
    known += [*v6._private_networks, *v6._reserved_networks, v6._multicast_network, v6._sitelocal_network]
    for network in known:
        for address in (network[0], network[network.num_addresses // 2], network[-1]):
            with pytest.raises(RefusedAddress):
                check_address(address, CHOSEN_BY_CALLERS)


def test_every_network_names_its_standard() -> None:
    """An operator who is refused can read why."""
    assert all(" RFC " in inside.why for inside in INSIDE)


def test_the_operators_own_address_is_taken_at_its_word() -> None:
    """An address written out in a setting may be inside, and nothing else beside it; a name leads to named networks."""
    bounds = chosen_by_settings("http://10.1.2.3:8080/v1")
    check_url("http://10.1.2.3:8080/v1/messages", bounds)
    for other in ("http://10.1.2.4:8080/", "http://10.1.2.3/", "https://10.1.2.3:8080/"):
        with pytest.raises(RefusedAddress):
            check_url(other, bounds)

    named = chosen_by_settings("https://viber.test", [ipaddress.IPv4Network("10.20.0.0/16")])
    check_address(ipaddress.ip_address("10.20.1.1"), named)
    with pytest.raises(RefusedAddress):
        check_address(ipaddress.ip_address("10.21.1.1"), named)


class Rebinding(AbstractResolver):
    """A resolver of a stranger's name: it gives one answer after the other, the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - the name is aiohttp's
    ) -> list[ResolveResult]:
        self.asked += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Seen:
    """A server on both addresses, and who was asked for what."""

    def __init__(self) -> None:
        self.paths: list[tuple[str, str]] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        self.paths.append((request.transport.get_extra_info("sockname")[0], request.path_qs))
        if target := request.query.get("to"):
            raise web.HTTPFound(target)
        return web.Response(text="said", headers={"connection": "close"})


@asynccontextmanager
async def listening() -> AsyncIterator[Seen]:
    """One port on the address that is let through, and on the one that is not."""
    seen = Seen()
    app = web.Application()
    app.router.add_get("/{tail:.*}", seen.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        outside = web.TCPSite(runner, OUTSIDE, 0)
        await outside.start()
        seen.port = runner.addresses[0][1]
        await web.TCPSite(runner, WITHIN, seen.port).start()
        yield seen
    finally:
        await runner.cleanup()


def bounds(seen: Seen) -> Bounds:
    """As for webhooks, but for the port, the scheme and the one address that stands for the world outside."""
    return Bounds(
        schemes=frozenset({"http"}), ports=frozenset({seen.port}), networks=(ipaddress.IPv4Network(f"{OUTSIDE}/32"),)
    )


async def test_a_name_that_is_bound_anew_gains_nothing() -> None:
    """The check is made on the address that is connected to: outside at the first look and inside at the next fails."""
    async with listening() as seen:
        resolver = Rebinding([OUTSIDE], [WITHIN])
        async with guarded_session(bounds(seen), timeout=TIMEOUT, resolver=resolver) as session:
            url = f"http://stranger.test:{seen.port}/"
            async with session.get(url) as reply:
                assert await reply.text() == "said"
            session.connector.clear_dns_cache()  # type: ignore[union-attr]  # its time is over
            with pytest.raises(aiohttp.ClientConnectorError) as refused:
                await session.get(url)

    assert isinstance(refused.value.os_error, RefusedAddress)
    assert fault_text(refused.value) == "refused address: it leads inside: loopback, RFC 1122"
    assert (seen.paths, resolver.asked) == ([(OUTSIDE, "/")], 2)


async def test_of_several_addresses_only_those_outside_are_tried() -> None:
    """A name with an address inside among others is reached by the others, in whatever order they come."""
    async with listening() as seen:
        resolver = Rebinding([WITHIN, OUTSIDE])
        async with (
            guarded_session(bounds(seen), timeout=TIMEOUT, resolver=resolver) as session,
            session.get(f"http://stranger.test:{seen.port}/") as reply,
        ):
            assert await reply.text() == "said"

    assert seen.paths == [(OUTSIDE, "/")]


async def test_redirects_lead_outside_too() -> None:
    """Each hop is held to the rules of the first: to another port, scheme, spelling, name or address inside it ends."""
    async with listening() as seen:
        port = seen.port
        resolver = Rebinding([OUTSIDE], [WITHIN])
        async with guarded_session(bounds(seen), timeout=TIMEOUT, resolver=resolver) as session:
            start = f"http://{OUTSIDE}:{port}/start"
            async with session.get(start, params={"to": f"http://{OUTSIDE}:{port}/end"}) as reply:
                assert await reply.text() == "said"
            refused = 0
            for target in (
                f"http://{WITHIN}:{port}/",
                f"http://{OUTSIDE}:{port + 1}/",
                f"http://2130706434:{port}/",
                "https://example.com/",
            ):
                with pytest.raises(RefusedAddress):
                    await session.get(start, params={"to": target})
                refused += 1
            async with session.get(start, params={"to": f"http://stranger.test:{port}/end"}) as reply:
                assert reply.status == 200
            session.connector.clear_dns_cache()  # type: ignore[union-attr]
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(start, params={"to": f"http://stranger.test:{port}/end"})

    assert refused == 4
    assert all(address == OUTSIDE for address, _ in seen.paths)


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would connect in our place, to whatever it resolves."""
    asked = asyncio.Event()

    async def proxy(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.close()

    server = await asyncio.start_server(proxy, WITHIN, 0)
    monkeypatch.setenv("http_proxy", f"http://{WITHIN}:{server.sockets[0].getsockname()[1]}")
    async with (
        server,
        listening() as seen,
        guarded_session(bounds(seen), timeout=TIMEOUT) as session,
        session.get(f"http://{OUTSIDE}:{seen.port}/") as reply,
    ):
        assert await reply.text() == "said"

    assert not asked.is_set()
