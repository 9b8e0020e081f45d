"""How a connection to the ledger is made so that it survives a failover, and what it tells of its commits.

What belongs here: connection parameters and the connection's class. What does not: pools, transactions and retries
(engine).
"""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq.abc import PGconn

NOTICED = {"keepalives_idle": 3, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 8000}
"""A server that is cut off, and so cannot even end the connection, is given up after so long: about 9 s."""
CONNECT_TIMEOUT_S = 5
CONNECT_TIMEOUT_OF_SEVERAL_S = 2
"""For each host of several, one after the other: the first may be the one that is gone. Less than 2 s libpq ignores."""

_WAITS_FOR_COPY = "SyncRepWaitForLSN"
"""PostgreSQL's function that waits for the second server. Its warnings are translated; its name is not."""


def enduring(dsn: str) -> str:
    """``dsn`` with what bounds connecting and noticing, and of several hosts the one that may be written.

    What the DSN says itself stays. Raises psycopg.ProgrammingError when it is no connection string.
    """
    given = conninfo_to_dict(dsn)
    several = "," in str(given.get("hostaddr") or given.get("host") or "")
    own: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, **NOTICED}
    if several:
        own |= {"connect_timeout": CONNECT_TIMEOUT_OF_SEVERAL_S, "target_session_attrs": "read-write"}
    return make_conninfo(dsn, **{name: value for name, value in own.items() if name not in given})


class Uncopied(psycopg.OperationalError):
    """What was committed is on this server and perhaps on no other: somebody ended the wait for the second."""


class LedgerConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection that hears when the server gives up waiting for the second copy of a commit.

    PostgreSQL then answers as if all were well, with a warning beside it.
    """

    def __init__(self, pgconn: PGconn, **options: Any) -> None:
        super().__init__(pgconn, **options)
        self._uncopied = False
        self.add_notice_handler(self._hear)

    def demand_copied(self) -> None:
        """Raise Uncopied when a commit since the last call is not known to be on a second server."""
        uncopied, self._uncopied = self._uncopied, False
        if uncopied:
            raise Uncopied("the wait for synchronous replication was cancelled")

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        self._uncopied |= notice.source_function == _WAITS_FOR_COPY
