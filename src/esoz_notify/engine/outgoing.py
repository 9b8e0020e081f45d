"""Calls to addresses that somebody else chose: where they may lead, checked on the very address that is connected to.

What belongs here: the table of networks that are inside, the rules of URLs, TLS of clients, and the sessions that go by
them. What does not: what is said over a session (``gateway``). Whatever calls an address of a setting or of a caller
gets its session here.
"""

import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from esoz_notify.core.networks import Address, Network


class Inside(NamedTuple):
    """A network that no stranger may point us to. ``why``: what it is for, and the standard that says so."""

    network: Network
    why: str


INSIDE = tuple(
    Inside(ip_network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this host, RFC 1122"),
        ("10.0.0.0/8", "private, RFC 1918"),
        ("100.64.0.0/10", "carrier-grade NAT, RFC 6598"),
        ("127.0.0.0/8", "loopback, RFC 1122"),
        ("169.254.0.0/16", "link-local and cloud metadata, RFC 3927"),
        ("172.16.0.0/12", "private, RFC 1918"),
        ("192.0.0.0/24", "protocol assignments, RFC 6890"),
        ("192.0.2.0/24", "documentation, RFC 5737"),
        ("192.31.196.0/24", "AS112, RFC 7535"),
        ("192.52.193.0/24", "automatic multicast tunnelling, RFC 7450"),
        ("192.88.99.0/24", "6to4 relays, RFC 7526"),
        ("192.168.0.0/16", "private, RFC 1918"),
        ("192.175.48.0/24", "AS112, RFC 7534"),
        ("198.18.0.0/15", "benchmarks, RFC 2544"),
        ("198.51.100.0/24", "documentation, RFC 5737"),
        ("203.0.113.0/24", "documentation, RFC 5737"),
        ("224.0.0.0/4", "multicast, RFC 5771"),
        ("240.0.0.0/4", "reserved, RFC 1112"),
        ("::/128", "unspecified, RFC 4291"),
        ("::1/128", "loopback, RFC 4291"),
        ("::/96", "IPv4-compatible, RFC 4291"),
        ("::ffff:0:0/96", "IPv4-mapped, RFC 4291"),
        ("64:ff9b::/96", "NAT64, RFC 6052"),
        ("64:ff9b:1::/48", "local NAT64, RFC 8215"),
        ("100::/64", "discarded, RFC 6666"),
        ("2001::/23", "protocol assignments with Teredo and ORCHID, RFC 2928"),
        ("2001:db8::/32", "documentation, RFC 3849"),
        ("2002::/16", "6to4, RFC 3056"),
        ("2620:4f:8000::/48", "AS112, RFC 7534"),
        ("3fff::/20", "documentation, RFC 9637"),
        ("5f00::/16", "segment routing, RFC 9602"),
        ("fc00::/7", "unique local and cloud metadata, RFC 4193"),
        ("fe80::/10", "link-local, RFC 4291"),
        ("fec0::/10", "site-local, RFC 3879"),
        ("ff00::/8", "multicast, RFC 4291"),
    )
)
"""Networks by their standards; the first that holds an address names it."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)
_HOSTS_KEPT = 1024


class RefusedAddress(aiohttp.ClientError, OSError):
    """An address that this call may not lead to. Its text names the rule, never the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where calls may lead: by these schemes, to these ports, outside, and inside to ``networks`` only."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] = frozenset({443})
    networks: tuple[Network, ...] = ()


CHOSEN_BY_CALLERS = Bounds()
"""For addresses that callers give, as those of webhooks: https to its own port, outside, and nothing else."""


def chosen_by_settings(url: str, networks: Iterable[Network] = ()) -> Bounds:
    """For an address of the operator's settings: its own scheme and port.

    An operator who writes an address or localhost has said that it may be inside; where a name leads is said by
    whoever answers for it, so inside it may lead to ``networks`` only.
    """
    parsed = URL(url)
    literal: tuple[Network, ...] = ()
    if parsed.host == "localhost":
        literal = (IPv4Network("127.0.0.0/8"), IPv6Network("::1"))
    elif parsed.host and (address := _literal(parsed.host)):
        literal = (ip_network(address),)
    return Bounds(
        schemes=frozenset({parsed.scheme}), ports=frozenset({parsed.port or 0}), networks=(*networks, *literal)
    )


def check_url(url: str | URL, bounds: Bounds) -> None:
    """Look at a URL by itself, before any name is resolved. Raises RefusedAddress.

    It is no promise about where its name leads: that is looked at when it is connected to.
    """
    try:
        parsed = URL(url)
        host, port = parsed.raw_host, parsed.port
    except ValueError:
        raise RefusedAddress("it is not a URL") from None
    if parsed.scheme not in bounds.schemes or not host:
        raise RefusedAddress(f"it must begin with {' or '.join(sorted(f'{one}://' for one in bounds.schemes))}")
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise RefusedAddress("it must have no user or password in it")
    if port not in bounds.ports:
        raise RefusedAddress(f"its port must be {' or '.join(str(one) for one in sorted(bounds.ports))}")
    address = _literal(host)
    if address is not None:
        check_address(address, bounds)
    elif _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        raise RefusedAddress("its host is a number: write an address as four decimal numbers, or a name")


def check_address(address: Address, bounds: Bounds) -> None:
    """Look at one address. Raises RefusedAddress with what it is."""
    why = _why_inside(address)
    if why is not None and not any(address in network for network in bounds.networks):
        raise RefusedAddress(f"it leads inside: {why}")


def guarded_session(
    bounds: Bounds,
    *,
    timeout: aiohttp.ClientTimeout,
    ca_file: Path | None = None,
    resolver: AbstractResolver | None = None,
    limit: int = 100,
) -> aiohttp.ClientSession:
    """A client session that cannot be led out of ``bounds``, whatever a name resolves to and wherever it is redirected.

    A name is resolved once per connection, and the socket is made only for an address that passed; every redirect that
    is followed is looked at as the first URL was, but for a user in it, which aiohttp takes off before: use
    ``check_url`` where a URL is given. A refusal raises RefusedAddress for a URL, and aiohttp.ClientConnectorError with
    one inside (``os_error``) for an address. ``ca_file``: the only authorities to trust instead of the system's. To be
    made within a running loop, and closed.
    """

    async def look(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        check_url(request.url, bounds)
        return await send(request)

    def make_socket(found: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, place = found
        # The scope of a link-local address is no part of it.
        check_address(ip_address(place[0].partition("%")[0]), bounds)
        return socket.socket(family=family, type=kind, proto=protocol)

    connector = aiohttp.TCPConnector(
        limit=limit,
        limit_per_host=0,
        keepalive_timeout=60,
        ssl=tls_context(ca_file) if ca_file else _trusting_the_system(),
        resolver=resolver,
        socket_factory=make_socket,
    )
    return aiohttp.ClientSession(
        timeout=timeout,
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(look,),
        trust_env=False,  # a proxy of the environment would connect in our place, past the check
    )


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """TLS of a client: 1.2 or newer, the certificate checked by its chain, its time and its host.

    ``ca_file``: the only authorities to trust; None trusts the system's. Raises OSError when it cannot be read.
    """
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@cache
def _trusting_the_system() -> ssl.SSLContext:
    """One for all sessions: reading the system's authorities takes 20 ms, and a process has a session per provider."""
    return tls_context()


@lru_cache(_HOSTS_KEPT)
def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


@lru_cache(_HOSTS_KEPT)
def _why_inside(address: Address) -> str | None:
    for inside in INSIDE:
        if address in inside.network:
            return inside.why
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "not yet given to anybody, RFC 4291"
    return None
