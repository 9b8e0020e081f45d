"""When intake says "later" to what is not a code: the backlog is old and long, and taking more would only add to it.

What belongs here: looking about once a second, and remembering. What does not: refusing (``intake``), the SQL (store).
"""

import logging

from esoz_notify.core import limits
from esoz_notify.core.errors import Unavailable
from esoz_notify.core.kinds import Lane
from esoz_notify.store.ledger import Connection, is_behind

log = logging.getLogger(__name__)

EASED = 0.8
"""Being overloaded ends below this share of the limits, so that it does not come and go with every look."""


class Overloaded(Unavailable):
    """Too much is waiting already; nothing was accepted, send it again later. Codes are still taken."""

    code = "overloaded"
    retry_after_s = 5


class Overload:
    """Whether the documents lane is behind: its oldest due row is too old, and too many are due.

    While the ledger does not answer, what was seen last holds.
    """

    def __init__(self, *, age_s: float = limits.OVERLOAD_AGE_S, backlog: int = limits.OVERLOAD_BACKLOG) -> None:
        self.is_on = False
        self._age_s = age_s
        self._backlog = backlog

    async def look(self, connection: Connection) -> None:
        """Ask the ledger once: one index entry, and only when that is too old a count that stops at the limit."""
        share = EASED if self.is_on else 1.0
        behind = await is_behind(
            connection, Lane.DOCUMENTS.value, self._age_s * share, max(1, int(self._backlog * share))
        )
        if behind != self.is_on:
            log.log(logging.WARNING if behind else logging.INFO, "overload: %s", "begins" if behind else "is over")
        self.is_on = behind

    def refuse(self, lane: Lane) -> None:
        """Raise Overloaded for what must wait."""
        if self.is_on and lane is not Lane.CODES:
            raise Overloaded("too much is waiting to be sent; send it again later (codes are still taken)")
