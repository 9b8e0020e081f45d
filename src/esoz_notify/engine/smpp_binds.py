"""The binds of this worker at SMSCs that allow only so many: leases in the ledger, renewed while they are used.

What belongs here: when a link may be bound and when it must not be any more. What does not: who should hold which bind
(``core.binds``), the SQL (store), binding (``smpp_link``).

A lease is counted from before the ledger was asked, by a clock of this machine that nobody sets and that goes on while
it sleeps, and ends ``MARGIN_S`` sooner here than there: a worker that the ledger does not hear has ended its bind
before another may take the number.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

from esoz_notify.core.binds import Claim, bound_elsewhere, free_no, may_take, to_give_back
from esoz_notify.core.errors import Unavailable
from esoz_notify.engine.ledgers import Ledger, Steady
from esoz_notify.engine.receiving import until
from esoz_notify.engine.smpp_connection import CLOSE_GRACE_S
from esoz_notify.store import smpp_binds as table
from esoz_notify.store.ledger import Connection

log = logging.getLogger(__name__)

BEAT_S = 1.0
LIFE_S = 6.0
MARGIN_S = 2.0
"""For closing the connection, and for the ledger's clock being set forward or taken over by another host's."""
FRUITLESS_S = 15.0
"""A number without a bind for so long is left to those who wait for one, and not taken again for as long."""
_AGAIN_S = 0.05
_LOOK_S = 1.0
_LEAVE_S = 1.0
_SILENT_MAX_S = 1.5

assert _SILENT_MAX_S + BEAT_S < LIFE_S - MARGIN_S, (
    "a worker that is cut off at its look must not cost others their leases"
)
assert BEAT_S * 3 < LIFE_S - MARGIN_S, "a lease must have several chances to be renewed"
assert CLOSE_GRACE_S < MARGIN_S, "a connection must be closed before its number can be another's"


def now_s() -> float:
    """Seconds since this machine was started, with those that it slept where the system counts them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Permit:
    """Whether one link may be bound now. ``news``: set when the link says what it makes of it."""

    def __init__(self, news: asyncio.Event) -> None:
        self._until_s = 0.0
        self._changed = asyncio.Event()
        self._news = news
        self.recalled = False
        """It is to be given back: the link finishes what is under way and unbinds."""
        self.in_use = False
        self.bound = False
        self.fruitless_since_s: float | None = None
        self.rests_until_s = 0.0

    @property
    def is_valid(self) -> bool:
        """Whether the lease holds, by this machine's clock."""
        return not self.recalled and now_s() < self._until_s

    def use(self, *, bound: bool) -> None:
        """The link is on its way to a bind, or has it."""
        self.in_use, self.bound = True, bound
        self._news.set()

    def leave(self) -> None:
        """The link has no connection any more."""
        self.in_use = self.bound = False
        self._news.set()

    def hold(self, until_s: float) -> None:
        """The ledger says that the number is this worker's; 0: it is not, or not any more."""
        self._until_s = until_s
        if not until_s:
            self.recalled = False
        self._changed.set()

    def recall(self) -> None:
        """Ask for it back."""
        self.recalled = True
        self._changed.set()

    async def granted(self) -> None:
        """Wait until the link may be bound."""
        while not self.is_valid:
            await self._next_change(None)

    async def over(self) -> None:
        """Wait until it may not be bound any more."""
        while self.is_valid:
            await self._next_change(min(self._until_s - now_s(), _LOOK_S))

    async def _next_change(self, limit_s: float | None) -> None:
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._changed.wait()


class Binds:
    """Keeps the permits of this worker. ``binds_max``: of each provider that has a cap, how many binds it allows."""

    def __init__(self, ledger: Ledger, process: UUID, binds_max: Mapping[str, int]) -> None:
        self._ledger = ledger
        self._process = process
        self._binds_max = binds_max
        self._news = asyncio.Event()
        self.permits = {provider: Permit(self._news) for provider in binds_max}
        self.elsewhere: frozenset[str] = frozenset()
        """Providers that another worker is bound to, as it was a moment ago."""

    async def run(self) -> None:
        """Renew, take and give back until cancelled."""
        if self.permits:
            await self._ledger.turning("binds", self._turn, BEAT_S)

    async def close(self) -> None:
        """Let go of everything, when the links are closed."""
        if not self.permits:
            return
        steady = self._ledger.steady()
        with contextlib.suppress(Unavailable, TimeoutError):
            await asyncio.wait_for(
                steady.run(lambda connection: table.leave(connection, self._process, 100 * LIFE_S)), _LEAVE_S
            )
        await steady.close()

    async def _turn(self, steady: Steady) -> None:
        began_s = now_s()
        try:
            async with asyncio.timeout(LIFE_S):
                claims, took = await steady.run(self._beat)
        except TimeoutError:
            await steady.close()
            raise Unavailable("the ledger does not answer in time; asking again") from None
        held = {one.provider for one in claims if one.process == self._process and one.no is not None}
        for provider, permit in self.permits.items():
            permit.hold(began_s + LIFE_S - MARGIN_S if provider in held else 0.0)
        self.elsewhere = bound_elsewhere(claims, self._process)
        self._recall(claims, held)
        await asyncio.sleep(_AGAIN_S)
        if not took:
            await until(self._news, BEAT_S)

    async def _beat(self, connection: Connection) -> tuple[list[Claim], bool]:
        """One look under the lock; gives what holds at its end, and whether a number was taken."""
        await table.one_at_a_time(connection, _SILENT_MAX_S)
        bound = {provider: permit.bound for provider, permit in self.permits.items()}
        await table.seen(connection, self._process, bound, LIFE_S)
        unused = [provider for provider, permit in self.permits.items() if permit.recalled and not permit.in_use]
        if unused:
            await table.give_back(connection, self._process, unused)
        claims = await table.living(connection, list(self.permits), LIFE_S)
        taken = self._free_to_take(claims)
        if taken is None:
            return claims, False
        await table.take(connection, self._process, *taken, LIFE_S)
        return await table.living(connection, list(self.permits), LIFE_S), True

    def _free_to_take(self, claims: Sequence[Claim]) -> tuple[str, int] | None:
        """A number to take, one at a look, so that workers that start together share from the beginning."""
        waits = {one.provider for one in claims if one.process == self._process and one.no is None}
        for provider, permit in self.permits.items():
            no = free_no(claims, provider, self._binds_max[provider])
            if (
                no is not None
                and provider in waits
                and now_s() >= permit.rests_until_s
                and may_take(claims, self._process, provider)
            ):
                return provider, no
        return None

    def _recall(self, claims: Sequence[Claim], held: set[str]) -> None:
        full = {name for name in held if free_no(claims, name, self._binds_max[name]) is None}
        fair = to_give_back(claims, self._process, full)
        if fair is not None:
            log.info("binds: one of %s is given back to a worker that has fewer", fair)
            self.permits[fair].recall()
        for provider in self.permits:
            self._recall_fruitless(provider, now_s(), is_held=provider in held, is_full=provider in full)

    def _recall_fruitless(self, provider: str, at_s: float, *, is_held: bool, is_full: bool) -> None:
        permit = self.permits[provider]
        if not is_held or permit.bound:
            permit.fruitless_since_s = None
            return
        permit.fruitless_since_s = permit.fruitless_since_s or at_s
        if is_full and at_s - permit.fruitless_since_s > FRUITLESS_S:
            permit.rests_until_s = at_s + FRUITLESS_S
            permit.recall()
