"""Where a visitor comes from: the address, proxies of ours left aside, and the browser in two words.

What belongs here: reading headers of a request. What does not: what is kept of it and counted (engine).
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
"""Marks in a User-Agent, the more telling first: many name others to be taken for them."""


def address(client: str, headers: Mapping[str, str], trusted: Sequence[Network]) -> str:
    """The address of who asks: of the connection, or what proxies that we trust say, the nearest first."""
    chain = [one.strip() for one in headers.get("x-forwarded-for", "").split(",") if one.strip()]
    while chain and _is_in(client, trusted):
        client = chain.pop()
    return client


def device(agent: str) -> str:
    """A browser and its system as people call them; empty when neither is known. The header itself is not kept."""
    named = [next((name for mark, name in table if mark in agent), "") for table in (_BROWSERS, _SYSTEMS)]
    return " · ".join(one for one in named if one)


def _is_in(text: str, networks: Sequence[Network]) -> bool:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(found in network for network in networks)
