"""Connections to the ledger: a pool for the many, steady ones for loops, and one way to run a transaction.

What belongs here: connecting, reconnecting, transactions and the translation of database errors. What does not: SQL
(store).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from esoz_notify.core.errors import Unavailable
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.pulse import Pulse
from esoz_notify.engine.replicas import Replica, behind_s
from esoz_notify.store import reading
from esoz_notify.store.connecting import LedgerConnection, Uncopied, enduring
from esoz_notify.store.ledger import Connection
from esoz_notify.store.planner import fix_plans

log = logging.getLogger(__name__)

Outcome = TypeVar("Outcome")

_POOL_RECONNECT_S = 2.0
"""The pool tries by itself for so long, with growing pauses; after that each new use is a new try. Without it the pool
would still be pausing, for up to a minute after a long absence, when the ledger is back."""
_CLOCK_AGE_MAX_S = 1.0
LOOK_S = 1.0
"""How old what a process keeps in memory of the ledger may be: policies, texts, keys, crisis switches, overload."""
_WAIT_FOR_CONNECTION_S = 5.0


_AWAY = (
    psycopg.OperationalError,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.IdleInTransactionSessionTimeout,
)
"""Errors of a ledger that cannot serve now; anything else is a fault of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolNumbers:
    """How the pool is. ``waits``, ``wait_s``: since the start."""

    idle: int
    used: int
    waiting: int
    waits: int
    wait_s: float


class Ledger:
    """The ledger as the engine uses it: ``transaction`` for single uses, ``steady`` for a loop's own connection.

    ``dsn``: where it is; it may hold a password, and name several hosts: the one that may be written is found anew for
    each connection. ``direct_dsn``: given when ``dsn`` leads to a pooler that lends a server's connection for one
    transaction only; the way past it, for what needs a session of its own. ``replica_dsn``: of a streaming replica, for
    what may be some seconds old.
    """

    def __init__(
        self, dsn: str, clock: LedgerClock, *, pool_size: int = 8, direct_dsn: str = "", replica_dsn: str = ""
    ) -> None:
        self.dsn = enduring(dsn)
        self.clock = clock
        self.pulse = Pulse()
        self._lent = bool(direct_dsn)
        self._direct_dsn = enduring(direct_dsn or dsn)
        self._replica = Replica(replica_dsn, pool_size) if replica_dsn else None
        self._pool: AsyncConnectionPool[LedgerConnection] = AsyncConnectionPool(
            self.dsn,
            connection_class=LedgerConnection,
            min_size=1,
            max_size=pool_size,
            open=False,
            timeout=_WAIT_FOR_CONNECTION_S,
            reconnect_timeout=_POOL_RECONNECT_S,
            kwargs=_kwargs(lent=self._lent),
            configure=None if self._lent else fix_plans,
            check=AsyncConnectionPool.check_connection,
        )

    async def open(self) -> None:
        """Connect, and set the clock. Raises Unavailable when the ledger does not answer."""
        await self._pool.open(wait=False)
        async with self.transaction() as connection:
            self.clock.set(await reading.ledger_now(connection))
        if self._replica is not None:
            await self._replica.open()

    async def close(self) -> None:
        """Close every pooled connection."""
        await self._pool.close()
        if self._replica is not None:
            await self._replica.close()

    def pool(self) -> PoolNumbers:
        """How the pooled connections are; asks nobody."""
        said = self._pool.get_stats()
        idle = said.get("pool_available", 0)
        return PoolNumbers(
            idle=idle,
            used=said.get("pool_size", 0) - idle,
            waiting=said.get("requests_waiting", 0),
            waits=said.get("requests_queued", 0),
            wait_s=said.get("requests_wait_ms", 0) / 1000,
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A pooled connection inside one transaction. Raises Unavailable when the ledger is away or read-only."""
        try:
            async with self._pool.connection() as connection, _given_up_when_read_only(connection):
                async with connection.transaction():
                    await _keep_time(connection, self.clock)
                    yield connection
                connection.demand_copied()
        except (*_AWAY, PoolTimeout) as error:
            raise _unavailable(error) from error

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """As ``transaction``, for looking at what may be some seconds old: the replica's while that is fresh enough.

        Not for what somebody has just done and wants to see.
        """
        if self._replica is None:
            async with self.transaction() as connection:
                yield connection
            return
        if self._replica.wants_mark:
            async with self.transaction() as connection:
                await self._replica.mark(connection)
        try:
            async with AsyncExitStack() as stack:
                found = await stack.enter_async_context(self._replica.connection())
                if found is None:
                    behind_s.set(None)
                    found = await stack.enter_async_context(self.transaction())
                yield found
        except psycopg.OperationalError as error:
            raise _unavailable(error) from error

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Connection]:
        """A session in autocommit mode, for hints and long reads. Raises Unavailable when the ledger is away."""
        try:
            connection = await psycopg.AsyncConnection[Any].connect(self._direct_dsn, **_kwargs(lent=False))
            async with connection:
                yield connection
        except psycopg.OperationalError as error:
            raise _unavailable(error) from error

    def steady(self) -> "Steady":
        """A connection of a loop's own, made when first used and again after it broke."""
        return Steady(self.dsn, self.clock, lent=self._lent)

    def session(self) -> "Steady":
        """As ``steady``, with a session of its own that keeps what it is told: a lock beyond a transaction."""
        return Steady(self._direct_dsn, self.clock)

    async def turning(
        self, name: str, turn: Callable[["Steady"], Awaitable[None]], pause_s: float = 0.0, *, vital: bool = False
    ) -> None:
        """Do ``turn`` for ever on a connection of its own. One that fails is logged and tried again after a pause.

        ``name``: what the log calls it. ``vital``: a process in which it no longer moves is of no use.
        """
        beat = partial(self.pulse.beat, name) if vital else _nobody_looks
        steady = Steady(self.dsn, self.clock, lent=self._lent, beat=beat)
        try:
            while True:
                beat()
                try:
                    await turn(steady)
                except Unavailable as error:
                    log.warning("%s: %s", name, error)
                    await asyncio.sleep(pause_s)
                except Exception:
                    log.exception("%s: a turn failed; trying again", name)
                    await asyncio.sleep(pause_s)
        finally:
            self.pulse.forget(name)
            await steady.close()

    async def looking(self, looks: Mapping[str, Callable[[Connection], Awaitable[None]]]) -> None:
        """Do all these looks once in LOOK_S, for ever, on one connection; the first time after the first pause.

        One that fails is logged and keeps none of the others from looking. Keys: what the log calls them.
        """

        async def turn(steady: "Steady") -> None:
            await asyncio.sleep(LOOK_S)
            for name, look in looks.items():
                try:
                    await steady.run_loose(look)
                except Unavailable as error:
                    log.warning("%s: %s", name, error)
                    return
                except Exception:
                    log.exception("%s: a look failed; looking again", name)

        await self.turning("looks", turn)


@asynccontextmanager
async def _given_up_when_read_only(connection: Connection) -> AsyncIterator[None]:
    """A server that has become a standby goes on reading; the pool must not lend the way to it again."""
    try:
        yield
    except psycopg.errors.ReadOnlySqlTransaction:
        await connection.close()
        raise


async def _keep_time(connection: Connection, clock: LedgerClock) -> None:
    """Ask for the ledger's time now and then, on the way: its clock may be set, and this machine may have slept."""
    if clock.age_s > _CLOCK_AGE_MAX_S:
        clock.set(await reading.ledger_now(connection))


def _unavailable(error: Exception) -> Unavailable:
    """What is wrong with the ledger, in words for callers and operators."""
    match error:
        case psycopg.errors.ReadOnlySqlTransaction():
            return Unavailable("the ledger is read-only now and takes nothing; try again")
        case psycopg.errors.DiskFull():
            return Unavailable("the ledger has no space left on its disk and takes nothing; try again")
        case Uncopied():
            return Unavailable("it is written, but not known to be on a second server; send it again under its key")
    return Unavailable(f"the ledger does not answer ({type(error).__name__}); try again")


def _kwargs(*, lent: bool) -> dict[str, Any]:
    """How to connect. ``lent``: through a pooler, where a statement prepared before may be on another connection."""
    return {"autocommit": True} | ({"prepare_threshold": None} if lent else {})


def _nobody_looks() -> None:
    """Note nothing."""


class Steady:
    """One connection that a loop keeps; not for two tasks at once.

    ``lent``: it leads through a pooler. ``beat`` hears when something was done, well or not.
    """

    def __init__(
        self, dsn: str, clock: LedgerClock, *, lent: bool = False, beat: Callable[[], None] = _nobody_looks
    ) -> None:
        self._dsn = dsn
        self._clock = clock
        self._lent = lent
        self._beat = beat
        self._connection: LedgerConnection | None = None

    async def run(self, work: Callable[[Connection], Awaitable[Outcome]]) -> Outcome:
        """Run ``work`` in one transaction. Raises Unavailable when the ledger is away; the next call connects anew."""

        async def whole(connection: Connection) -> Outcome:
            async with connection.transaction():
                return await work(connection)

        return await self.run_loose(whole)

    async def run_loose(self, work: Callable[[Connection], Awaitable[Outcome]]) -> Outcome:
        """As ``run``, but each statement of ``work`` commits by itself, which spares two round trips."""
        try:
            connection = await self._connected()
            await _keep_time(connection, self._clock)
            done = await work(connection)
            connection.demand_copied()
        except _AWAY as error:
            await self.close()
            raise _unavailable(error) from error
        finally:
            self._beat()
        return done

    async def close(self) -> None:
        """Drop the connection; the next ``run`` makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connected(self) -> LedgerConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await LedgerConnection.connect(self._dsn, **_kwargs(lent=self._lent))
            if not self._lent:
                await fix_plans(self._connection)
            self._clock.set(await reading.ledger_now(self._connection))
        return self._connection
