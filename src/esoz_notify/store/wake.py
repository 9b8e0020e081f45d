"""Hints between processes by NOTIFY: polling is the truth, a hint only shortens the wait."""

from collections.abc import AsyncIterator

from esoz_notify.store.ledger import Connection

AGENDA = "esoz_notify_agenda"
INBOX = "esoz_notify_inbox"


async def agenda(connection: Connection) -> None:
    """Tell workers that something has become due. Sent when the transaction commits."""
    await connection.execute(f"NOTIFY {AGENDA}")


async def inbox(connection: Connection) -> None:
    """Tell workers that receipts have come."""
    await connection.execute(f"NOTIFY {INBOX}")


async def hints(connection: Connection) -> AsyncIterator[str]:
    """Hints as they come; ``connection`` must be in autocommit mode and is used for nothing else."""
    await connection.execute(f"LISTEN {AGENDA}")
    await connection.execute(f"LISTEN {INBOX}")
    async for notice in connection.notifies():
        yield notice.channel
