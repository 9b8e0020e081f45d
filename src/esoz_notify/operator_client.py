"""The Python client of operators' programs: what ``client`` does, providers, and the crisis switch.

What belongs here: the operators' calls, one method each. What does not: tokens and repeats (``client``).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from esoz_notify.client.codes_shapes import VerificationAlarm
from esoz_notify.client.crisis_shapes import Crisis, CrisisOverview, CrisisReport, ScopeName
from esoz_notify.client.notify import NotifyClient
from esoz_notify.client.shapes import Provider, ProviderChange

_PROVIDERS = "/v1/operations/providers"
_CRISIS = "/v1/operations/crisis"


class OperatorClient(NotifyClient):
    """Calls one service as one operator's client. Calls raise NotifyProblem."""

    # --- providers ----------------------------------------------------------------------------------------------------

    async def providers(self) -> list[Provider]:
        """Every configured provider, as all processes share it."""
        return cast("list[Provider]", (await self._calls.json("GET", _PROVIDERS))["data"])

    async def provider_history(self, provider: str) -> list[ProviderChange]:
        """Its last hundred changes with their reasons, newest first."""
        history = await self._calls.json("GET", f"{_PROVIDERS}/{provider}/history")
        return cast("list[ProviderChange]", history["data"])

    async def hold_provider(self, provider: str, reason: str) -> Provider:
        """Take it out of use until it is resumed; repeating it changes nothing."""
        return cast("Provider", await self._calls.json("POST", f"{_PROVIDERS}/{provider}/hold", {"reason": reason}))

    async def resume_provider(self, provider: str, reason: str) -> Provider:
        """End a hold; repeating it changes nothing."""
        return cast("Provider", await self._calls.json("POST", f"{_PROVIDERS}/{provider}/resume", {"reason": reason}))

    async def verification_alarms(self) -> list[VerificationAlarm]:
        """The last hundred people who got many codes that nobody used, newest first."""
        alarms = await self._calls.json("GET", "/v1/operations/verification-alarms")
        return cast("list[VerificationAlarm]", alarms["data"])

    # --- the crisis switch --------------------------------------------------------------------------------------------

    async def crises(self) -> CrisisOverview:
        """Crisis switches in force, coming, proposed and past, and the banner."""
        return cast("CrisisOverview", await self._calls.json("GET", _CRISIS))

    async def propose_crisis(
        self,
        scope: ScopeName,
        values: Sequence[str] = (),
        *,
        ends_at: datetime,
        reason: str,
        starts_at: datetime | None = None,
    ) -> Crisis:
        """Propose a switch; another client confirms it. Times must be aware. Not repeated by itself.

        When no answer came, look at ``crises``: a second proposal of the same is refused while the first waits.
        """
        body: dict[str, Any] = {"scope": scope, "ends_at": ends_at.isoformat(), "reason": reason}
        if values:
            body["values"] = list(values)
        if starts_at is not None:
            body["starts_at"] = starts_at.isoformat()
        return cast("Crisis", await self._calls.json("POST", _CRISIS, body, repeatable=False))

    async def confirm_crisis(self, crisis_id: str | UUID) -> Crisis:
        """Switch on what another client proposed; repeating it changes nothing."""
        return cast("Crisis", await self._calls.json("POST", f"{_CRISIS}/{crisis_id}/confirm"))

    async def withdraw_crisis(self, crisis_id: str | UUID, reason: str) -> Crisis:
        """Switch it off before its end; repeating it changes nothing."""
        return cast("Crisis", await self._calls.json("POST", f"{_CRISIS}/{crisis_id}/withdraw", {"reason": reason}))

    async def crisis_report(self, crisis_id: str | UUID) -> CrisisReport:
        """What was issued under it, and how much of that was printed."""
        return cast("CrisisReport", await self._calls.json("GET", f"{_CRISIS}/{crisis_id}/report"))
