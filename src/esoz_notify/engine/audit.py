"""Noting deeds in the audit.

What belongs here: adding to the chain in the transaction of the deed itself. What does not: what a row is
(``core.audit``), the SQL (``store.audit``), who may do what.
"""

from esoz_notify.core import audit as rules
from esoz_notify.core.audit import WHY_LENGTH_MAX, Action, Deed, id_of
from esoz_notify.store import audit as kept
from esoz_notify.store.ledger import Connection

__all__ = ["WHY_LENGTH_MAX", "Action", "Deed", "id_of", "note"]


async def note(connection: Connection, deed: Deed) -> None:
    """Note a deed in the transaction that does it: both are there afterwards, or neither.

    Call it last: from here to the end of the transaction every other deed waits, and whoever took another lock later
    could wait for one that waits for this. Never for what is done by the thousand.

    Raises InvalidInput for a reason with what may not be noted, ValueError for the rest of such a deed.
    """
    rules.check(deed)
    head, now = await kept.head(connection)
    await kept.add(connection, rules.entry(head, deed, now))
