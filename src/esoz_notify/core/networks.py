"""Who is behind a connection: addresses, networks, and proxies whose word is believed.

What belongs here: reading addresses as they come. What does not: reading headers (api, console), where our own calls
may lead (``engine.outgoing``).
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

HOPS_MAX = 20
"""So many proxies in a row are believed at most; nobody has more, and a header may be long."""


def read_address(text: str) -> Address | None:
    """An address, one of IPv4 that is written in IPv6 as what it is; None for any other text."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_in(text: str, networks: Iterable[Network]) -> bool:
    """Whether a text is an address of one of the networks."""
    address = read_address(text)
    return address is not None and any(address in network for network in networks)


def behind(client: str, forwarded: str, proxies: Iterable[Network]) -> str:
    """Who asks: ``client``, or while that is a proxy of ours whoever it says it asks for, the nearest first.

    ``forwarded``: X-Forwarded-For, read from its end and no further than our proxies wrote it: what stands before that,
    its sender may have made up. The result is as it came, and may be no address.
    """
    trusted = tuple(proxies)
    hops = [hop.strip() for hop in forwarded.rsplit(",", HOPS_MAX)[-HOPS_MAX:] if hop.strip()]
    while hops and is_in(client, trusted):
        client = hops.pop()
    return client
