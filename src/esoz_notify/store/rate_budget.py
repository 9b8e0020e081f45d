"""The book of what workers were allowed to submit to a provider lately.

What belongs here: its SQL. What does not: what may be allowed (``core.rate_budget``).
"""

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from esoz_notify.core.rate_budget import Entry
from esoz_notify.store.ledger import Connection

_LOCK = """
SELECT book, extract(epoch FROM ledger_now())::float8, set_config('idle_in_transaction_session_timeout', '1000', true)
FROM rate_budget WHERE provider = %s FOR UPDATE
"""
_OPEN = "INSERT INTO rate_budget (provider, book) VALUES (%s, '[]') ON CONFLICT (provider) DO NOTHING"


async def lock(connection: Connection, provider: str) -> tuple[list[Entry], float]:
    """The book of a provider, made if need be and held against other workers, and the ledger's time in seconds.

    The ledger ends the transaction when nothing is heard for a second: a worker that is cut off holds off nobody.
    """
    row = await (await connection.execute(_LOCK, [provider])).fetchone()
    if row is None:
        await connection.execute(_OPEN, [provider])
        row = await (await connection.execute(_LOCK, [provider])).fetchone()
    assert row is not None, "it was just made"
    return [Entry(*one) for one in row[0]], row[1]


async def write(connection: Connection, provider: str, book: Sequence[Entry]) -> None:
    """Write a locked book."""
    rows = [[one.holder, one.count, one.until_s] for one in book]
    await connection.execute("UPDATE rate_budget SET book = %s WHERE provider = %s", [Jsonb(rows), provider])
