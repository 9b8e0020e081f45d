"""Hints between processes by NOTIFY: polling is the truth, a hint only shortens the wait.

Statements of the hot path carry their hint in themselves (``ledger.intake``, ``receiving.keep``).
"""

from collections.abc import AsyncIterator

from esoz_notify.store.ledger import AGENDA, Connection
from esoz_notify.store.receiving import INBOX


async def agenda(connection: Connection) -> None:
    """Tell workers that something has become due in some lane. Sent when the transaction commits."""
    await connection.execute(f"NOTIFY {AGENDA}")


async def hints(connection: Connection) -> AsyncIterator[tuple[str, str]]:
    """Hints as they come: the channel, and for the agenda the lane, or nothing when it may be any.

    ``connection`` must be in autocommit mode and is used for nothing else.
    """
    await connection.execute(f"LISTEN {AGENDA}")
    await connection.execute(f"LISTEN {INBOX}")
    async for notice in connection.notifies():
        yield notice.channel, notice.payload
