"""What this worker may submit to one provider now: slices of the rate that all workers share.

What belongs here: asking the ledger for slices while something waits, and counting what is used. What does not: how
much there is (``core.rate_budget``), what is submitted (``smpp_sender``). No part causes a statement: a slice does.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

from esoz_notify.core.rate_budget import GRANT_LIFE_S, Ask, Grant, Rate, Use, grant, rate_of
from esoz_notify.engine.ledgers import Ledger, Steady
from esoz_notify.engine.receiving import until
from esoz_notify.store import rate_budget as table
from esoz_notify.store.ledger import Connection

ASK_GAP_S = 0.05
_FAILED_S = 0.25
_IDLE_S = 60.0
_TOLD_TOGETHER_S = 0.02


class RateBudget:
    """The slices of one worker at one provider. ``wants`` is asked how many codes and others wait; ``more``: there are.

    A slice is used by this machine's monotonic clock, counted from before it was asked for, so it is over here no later
    than in the ledger's book.
    """

    def __init__(self, ledger: Ledger, provider: str, process: UUID, per_s: float) -> None:
        self._ledger = ledger
        self._provider = provider
        self._holder = process.hex
        self._rate: Rate = rate_of(per_s)
        self._codes = self._rest = 0
        self._over_at_s = 0.0
        self._used: list[tuple[float, int]] = []
        self._waits = asyncio.Event()
        self._code_waits = asyncio.Event()
        self.wants: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self.more: Callable[[], None] = lambda: None

    def take(self, *, code: bool) -> bool:
        """Take one part of the slice, a code that of others too; False: there is none, and more is asked for."""
        at_s = time.monotonic()
        if at_s >= self._over_at_s:
            self._codes = self._rest = 0
        if code and self._codes:
            self._codes -= 1
        elif self._rest:
            self._rest -= 1
        else:
            self._waits.set()
            if code:
                self._code_waits.set()
            return False
        self._note(at_s)
        return True

    def _note(self, at_s: float) -> None:
        if self._used and self._used[-1][0] // _TOLD_TOGETHER_S == at_s // _TOLD_TOGETHER_S:
            self._used[-1] = (at_s, self._used[-1][1] + 1)
        else:
            self._used.append((at_s, 1))

    async def run(self) -> None:
        """Ask for slices until cancelled."""
        await self._ledger.turning(f"rate of {self._provider}", self._turn, _FAILED_S)

    async def _turn(self, steady: Steady) -> None:
        if not await until(self._waits, _IDLE_S):
            return
        codes, rest = self.wants()
        if not codes and not rest:
            return
        self._waits.set()  # should asking fail, it is asked again
        # What is left of the slice is given back with this; nothing of it may be used while it is not known of.
        self._codes = self._rest = 0
        told = len(self._used)
        asked_at_s = time.monotonic()
        ask = Ask(
            holder=self._holder,
            used=[Use(asked_at_s - at_s, count) for at_s, count in self._used],
            codes=codes,
            rest=rest,
        )
        got = await steady.run(partial(self._ask, ask))
        del self._used[:told]
        self._codes, self._rest, self._over_at_s = got.codes, got.rest, asked_at_s + GRANT_LIFE_S
        self._waits.clear()
        self._code_waits.clear()
        self.more()
        await asyncio.sleep(ASK_GAP_S)
        if got.wait_s > ASK_GAP_S and not codes:
            await until(self._code_waits, got.wait_s - ASK_GAP_S)
        elif got.wait_s > ASK_GAP_S:
            await asyncio.sleep(got.wait_s - ASK_GAP_S)

    async def _ask(self, ask: Ask, connection: Connection) -> Grant:
        book, now_s = await table.lock(connection, self._provider)
        book_after, got = grant(book, ask, self._rate, now_s)
        await table.write(connection, self._provider, book_after)
        return got
