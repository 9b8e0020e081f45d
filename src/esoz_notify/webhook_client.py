"""The Python client of programs that manage webhooks: what ``client`` does, and the calls about webhooks.

What belongs here: one method per call. What does not: tokens and repeats (``client``), checking events (``webhooks``).
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from esoz_notify.client import Json, NotifyClient

_WEBHOOKS = "/v1/webhooks"

DeliveryState = Literal["waiting", "delivered", "failed", "disabled"]


class WebhookClient(NotifyClient):
    """Calls one service as one client that may manage webhooks. Calls raise NotifyProblem."""

    async def create_webhook(self, url: str, events: Sequence[str] = ()) -> Json:
        """Have an address told; no ``events`` means all. ``secret`` of the answer is shown this once.

        Not repeated by itself: when no answer came, look at ``webhooks`` and delete one whose secret is not known.
        """
        return await self._json("POST", _WEBHOOKS, {"url": url, "events": list(events)}, repeatable=False)

    async def webhooks(self) -> list[Json]:
        """All of this client's."""
        found: list[Json] = (await self._json("GET", _WEBHOOKS))["data"]
        return found

    async def webhook(self, webhook_id: str | UUID) -> Json:
        """One of them."""
        return await self._json("GET", _of(webhook_id))

    async def change_webhook(
        self,
        webhook_id: str | UUID,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        enabled: bool | None = None,
    ) -> Json:
        """Change what is given; repeating it changes nothing."""
        given = {"url": url, "events": list(events) if events is not None else None, "enabled": enabled}
        body = {name: value for name, value in given.items() if value is not None}
        return await self._json("PATCH", _of(webhook_id), body)

    async def delete_webhook(self, webhook_id: str | UUID) -> None:
        """Forget it. Status 404: there is none, which after a lost answer may be this call's own work."""
        await self._call("DELETE", _of(webhook_id))

    async def rotate_webhook_secret(self, webhook_id: str | UUID, *, keep_old_hours: float | None = None) -> Json:
        """Give it a new ``secret``; the one before signs too for a day, or as said. Not repeated by itself."""
        body = {} if keep_old_hours is None else {"keep_old_hours": keep_old_hours}
        return await self._json("POST", f"{_of(webhook_id)}/rotate", body, repeatable=False)

    async def test_webhook(self, webhook_id: str | UUID) -> Json:
        """Have it told a test. Not repeated by itself."""
        return await self._json("POST", f"{_of(webhook_id)}/test", repeatable=False)

    async def webhook_deliveries(
        self, webhook_id: str | UUID, *, state: DeliveryState | None = None
    ) -> AsyncIterator[Json]:
        """What it was told and how that went; what happened last first, by pages."""
        query = {"state": state} if state is not None else {}
        while True:
            reply = await self._call("GET", f"{_of(webhook_id)}/deliveries", query=query)
            page: dict[str, Any] = reply.json
            for one in page["data"]:
                yield one
            if page["next_cursor"] is None:
                return
            query = {**query, "cursor": page["next_cursor"]}

    async def replay_event(self, webhook_id: str | UUID, event_id: str | UUID) -> Json:
        """Have one event told again, under its own id."""
        return await self._json("POST", f"{_of(webhook_id)}/deliveries/{event_id}/replay")

    async def replay_events(
        self, webhook_id: str | UUID, *, since: datetime, until: datetime | None = None, delivered: bool = False
    ) -> int:
        """Have a span of time told again, all of it, and give how many events; times must be aware."""
        body: Json = {"since": since.isoformat(), "delivered": delivered}
        if until is not None:
            body["until"] = until.isoformat()
        count: int = 0
        while True:
            done = await self._json("POST", f"{_of(webhook_id)}/replay", body)
            count += int(done["replayed"])
            if done["next_cursor"] is None:
                return count
            body["cursor"] = done["next_cursor"]


def _of(webhook_id: str | UUID) -> str:
    return f"{_WEBHOOKS}/{webhook_id}"
