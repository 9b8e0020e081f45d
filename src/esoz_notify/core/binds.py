"""Who may hold which of the binds that an SMSC allows one account, when many workers want them.

What belongs here: who takes a number that is free, and who gives one back so that a worker without any gets one. What
does not: leases, clocks and sockets (``engine``): what is handed in holds at one moment, under one lock.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A living worker at one provider. ``no``: the number of the bind that it holds; None: it waits for one.

    ``bound``: it has the bind and can submit.
    """

    provider: str
    process: UUID
    no: int | None
    bound: bool = False


def free_no(claims: Sequence[Claim], provider: str, binds_max: int) -> int | None:
    """The lowest number of a provider's binds that nobody holds; None when all are held."""
    held = {one.no for one in claims if one.provider == provider}
    return next((no for no in range(1, binds_max + 1) if no not in held), None)


def may_take(claims: Sequence[Claim], me: UUID, provider: str) -> bool:
    """Whether a free number is this worker's to take: nobody waits for one who holds fewer binds in all."""
    held = _held(claims)
    return all(held[other] >= held[me] for other in _waiting(claims, provider))


def to_give_back(claims: Sequence[Claim], me: UUID, providers: Collection[str]) -> str | None:
    """The provider, of those that have no free number, whose bind this worker gives back; None: it has its fair share.

    It gives back when somebody waits there who has two fewer; of several holders the one that has the most, so that one
    at a time gives, and every gift makes the shares more even.
    """
    held = _held(claims)
    for provider in sorted(providers):
        holders = [one.process for one in claims if one.provider == provider and one.no is not None]
        if me not in holders or me != max(holders, key=lambda one: (held[one], one)):
            continue
        if any(held[other] + 2 <= held[me] for other in _waiting(claims, provider)):
            return provider
    return None


def bound_elsewhere(claims: Sequence[Claim], me: UUID) -> frozenset[str]:
    """Providers that another worker can submit to."""
    return frozenset(one.provider for one in claims if one.bound and one.process != me)


def _held(claims: Sequence[Claim]) -> Counter[UUID]:
    return Counter(one.process for one in claims if one.no is not None)


def _waiting(claims: Sequence[Claim], provider: str) -> Iterator[UUID]:
    return (one.process for one in claims if one.provider == provider and one.no is None)
