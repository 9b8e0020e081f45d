"""Who is counted when a request comes, and the headers that tell of it: callers by their id, strangers by address.

The headers are those of draft-ietf-httpapi-ratelimit-headers-10. What does not belong here: counting
(``engine.quotas``), limits of the product itself, such as resends (core).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network
from typing import Any

from esoz_notify.core.networks import Network, behind, read_address
from esoz_notify.engine.quotas import CALLER, Allowance, Quotas, RateLimit

__all__ = ["Allowance", "RateLimit", "Rates", "Strangers", "address_of", "headers"]

_IPV6_SITE_BITS = 64
"""Whoever has one IPv6 address has all of its /64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strangers:
    """How calls without a good token are limited. ``index``: the keyed hash that stands for an address.

    ``proxies``: those whose ``X-Forwarded-For`` is believed.
    """

    limit: RateLimit
    index: Callable[[str], bytes]
    proxies: tuple[Network, ...] = ()


class Rates:
    """What may be asked for here. ``strangers`` None: they are not limited."""

    def __init__(self, quotas: Quotas, limit: RateLimit, strangers: Strangers | None = None) -> None:
        self._quotas = quotas
        self._limit = limit
        self._strangers = strangers

    def take(self, client_id: str) -> Allowance:
        """Count one request of a caller."""
        return self._quotas.take(f"{CALLER}{client_id}", self._limit)

    def stranger_waits_s(self, scope: Mapping[str, Any]) -> int:
        """Count one call without a good token; how long its address must wait, 0 when not at all."""
        strangers = self._strangers
        if strangers is None:
            return 0
        subject = f"address:{strangers.index(address_of(scope, strangers.proxies)).hex()}"
        return self._quotas.take(subject, strangers.limit).wait_s


def headers(allowance: Allowance) -> list[tuple[bytes, bytes]]:
    """What an answer says of an allowance."""
    limit = allowance.limit
    return [
        (b"ratelimit-policy", b'"default";q=%d;w=%d' % (limit.quota, limit.window_s)),
        (b"ratelimit", b'"default";r=%d;t=%d' % (allowance.left, allowance.full_in_s)),
    ]


def address_of(scope: Mapping[str, Any], proxies: tuple[Network, ...]) -> str:
    """The network that a request is counted by: an IPv4 address, or the /64 of an IPv6 one.

    Behind proxies of ours it is that of whoever they say (``core.networks.behind``).
    """
    client = scope.get("client")
    told = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
    found = read_address(behind(client[0] if client else "", told, proxies))
    if isinstance(found, IPv6Address):
        return str(ip_network((int(found), _IPV6_SITE_BITS), strict=False))
    return "unknown" if found is None else str(found)
