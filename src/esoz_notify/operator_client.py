"""The Python client of operators' programs: what ``client`` does, and the crisis switch.

What belongs here: the operators' calls, one method each. What does not: tokens and repeats (``client``).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from esoz_notify.client import Json, NotifyClient

_CRISIS = "/v1/operations/crisis"


class OperatorClient(NotifyClient):
    """Calls one service as one operator's client. Calls raise NotifyProblem."""

    async def crises(self) -> Json:
        """Crisis switches in force, coming, proposed and past, and the banner."""
        return await self._json("GET", _CRISIS)

    async def propose_crisis(
        self,
        scope: str,
        values: Sequence[str] = (),
        *,
        ends_at: datetime,
        reason: str,
        starts_at: datetime | None = None,
    ) -> Json:
        """Propose a switch; another client confirms it. Times must be aware. Not repeated by itself.

        When no answer came, look at ``crises``: a second proposal of the same is refused while the first waits.
        """
        body: Json = {"scope": scope, "ends_at": ends_at.isoformat(), "reason": reason}
        if values:
            body["values"] = list(values)
        if starts_at is not None:
            body["starts_at"] = starts_at.isoformat()
        return await self._json("POST", _CRISIS, body, repeatable=False)

    async def confirm_crisis(self, crisis_id: str | UUID) -> Json:
        """Switch on what another client proposed; repeating it changes nothing."""
        return await self._json("POST", f"{_CRISIS}/{crisis_id}/confirm")

    async def withdraw_crisis(self, crisis_id: str | UUID, reason: str) -> Json:
        """Switch it off before its end; repeating it changes nothing."""
        return await self._json("POST", f"{_CRISIS}/{crisis_id}/withdraw", {"reason": reason})

    async def crisis_report(self, crisis_id: str | UUID) -> Json:
        """What was issued under it, and how much of that was printed."""
        return await self._json("GET", f"{_CRISIS}/{crisis_id}/report")
