"""Where a visitor comes from: the address, proxies of ours left aside, and the browser in two words.

What belongs here: reading headers of a request. What does not: what is kept of it and counted (engine).
"""

from collections.abc import Mapping, Sequence

from esoz_notify.core.networks import Network, behind

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
    return behind(client, headers.get("x-forwarded-for", ""), trusted)


def device(agent: str) -> str:
    """A browser and its system as people call them; empty when neither is known. The header itself is not kept."""
    named = [next((name for mark, name in table if mark in agent), "") for table in (_BROWSERS, _SYSTEMS)]
    return " · ".join(one for one in named if one)
