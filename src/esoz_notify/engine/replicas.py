"""A streaming replica of the ledger: read while it is known to be hardly behind.

What belongs here: how far behind it is, and a connection to it. What does not: who may read there (``ledgers``), SQL.

How far is measured, not believed: now and then the primary is asked how far its log has come, and what the replica has
replayed up to there is as fresh as that moment. It needs no clock but this process's, and works while nothing happens.
"""

import logging
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from esoz_notify.store import reading
from esoz_notify.store.connecting import NOTICED
from esoz_notify.store.ledger import Connection
from esoz_notify.store.planner import fix_plans

log = logging.getLogger(__name__)

LAG_MAX_S = 10.0
"""What is further behind is not read."""
MARK_EVERY_S = 1.0
_CONNECT_TIMEOUT_S = 5
_WAIT_S = 1.0
_RECONNECT_S = 2.0

behind_s: ContextVar[float | None] = ContextVar("behind_s", default=None)
"""How old what this task read last by ``Ledger.reading`` may be; None when it was the primary that told."""


class Replica:
    """One replica, and how far the primary has been when."""

    def __init__(self, dsn: str, pool_size: int) -> None:
        self._marks: deque[tuple[int, float]] = deque(maxlen=int(LAG_MAX_S / MARK_EVERY_S) + 1)
        self._was_fresh = True
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            dsn,
            min_size=0,
            max_size=pool_size,
            open=False,
            timeout=_WAIT_S,
            reconnect_timeout=_RECONNECT_S,
            kwargs={"autocommit": True, "connect_timeout": _CONNECT_TIMEOUT_S, **NOTICED},
            configure=fix_plans,
            check=AsyncConnectionPool.check_connection,
        )

    async def open(self) -> None:
        """Connect when it is first needed: a replica that is away keeps nothing from starting."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    @property
    def wants_mark(self) -> bool:
        """Whether the primary should be asked again how far it is."""
        return not self._marks or time.monotonic() - self._marks[-1][1] >= MARK_EVERY_S

    async def mark(self, primary: Connection) -> None:
        """Take note of how far the primary is now."""
        began_s = time.monotonic()
        self._marks.append((await reading.log_position(primary), began_s))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection | None]:
        """A connection inside one transaction that sees what was there LAG_MAX_S ago at least; None when there is none.

        What fails after that is the caller's.
        """
        try:
            connection = await self._pool.getconn()
        except (psycopg.OperationalError, PoolTimeout) as error:
            self._tell(fresh=False, why=type(error).__name__)
            yield None
            return
        try:
            async with connection.transaction():
                age_s = await self._age_s(connection)
                self._tell(fresh=age_s is not None, why="too far behind")
                if age_s is not None:
                    behind_s.set(age_s)
                yield connection if age_s is not None else None
        finally:
            await self._pool.putconn(connection)

    async def _age_s(self, connection: Connection) -> float | None:
        """How old what this connection sees may be; None when older than allowed, or when it is no replica."""
        try:
            replayed = await reading.replayed_position(connection)
        except psycopg.OperationalError:
            return None
        now_s = time.monotonic()
        ages = [now_s - at_s for position, at_s in self._marks if replayed is not None and position <= replayed]
        return min((age_s for age_s in ages if age_s <= LAG_MAX_S), default=None)

    def _tell(self, *, fresh: bool, why: str) -> None:
        if fresh != self._was_fresh:
            self._was_fresh = fresh
            log.log(
                logging.INFO if fresh else logging.WARNING, "replica: %s", "read again" if fresh else f"not read: {why}"
            )
