"""The Python client of programs that manage webhooks: what ``client`` does, and the calls about webhooks.

What belongs here: one method per call. What does not: tokens and repeats (``client``), checking events (``webhooks``).
"""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from esoz_notify.client.notify import NotifyClient
from esoz_notify.client.webhooks_shapes import Webhook, WebhookDeliveries, WebhookDelivery, WebhookWithSecret

_WEBHOOKS = "/v1/webhooks"

DeliveryState = Literal["waiting", "delivered", "failed", "disabled"]


class WebhookClient(NotifyClient):
    """Calls one service as one client that may manage webhooks. Calls raise NotifyProblem."""

    async def create_webhook(self, url: str, events: Sequence[str] = ()) -> WebhookWithSecret:
        """Have an address told; no ``events`` means all. ``secret`` of the answer is shown this once.

        Not repeated by itself: when no answer came, look at ``webhooks`` and delete one whose secret is not known.
        """
        body = {"url": url, "events": list(events)}
        return cast("WebhookWithSecret", await self._calls.json("POST", _WEBHOOKS, body, repeatable=False))

    async def webhooks(self) -> list[Webhook]:
        """All of this client's."""
        return cast("list[Webhook]", (await self._calls.json("GET", _WEBHOOKS))["data"])

    async def webhook(self, webhook_id: str | UUID) -> Webhook:
        """One of them."""
        return cast("Webhook", await self._calls.json("GET", _of(webhook_id)))

    async def change_webhook(
        self,
        webhook_id: str | UUID,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """Change what is given; repeating it changes nothing."""
        given = {"url": url, "events": list(events) if events is not None else None, "enabled": enabled}
        body = {name: value for name, value in given.items() if value is not None}
        return cast("Webhook", await self._calls.json("PATCH", _of(webhook_id), body))

    async def delete_webhook(self, webhook_id: str | UUID) -> None:
        """Forget it. Status 404: there is none, which after a lost answer may be this call's own work."""
        await self._calls.call("DELETE", _of(webhook_id))

    async def rotate_webhook_secret(
        self, webhook_id: str | UUID, *, keep_old_hours: float | None = None
    ) -> WebhookWithSecret:
        """Give it a new ``secret``; the one before signs too for a day, or as said. Not repeated by itself."""
        body = {} if keep_old_hours is None else {"keep_old_hours": keep_old_hours}
        path = f"{_of(webhook_id)}/rotate"
        return cast("WebhookWithSecret", await self._calls.json("POST", path, body, repeatable=False))

    async def test_webhook(self, webhook_id: str | UUID) -> WebhookDelivery:
        """Have it told a test. Not repeated by itself."""
        path = f"{_of(webhook_id)}/test"
        return cast("WebhookDelivery", await self._calls.json("POST", path, repeatable=False))

    async def webhook_deliveries(
        self, webhook_id: str | UUID, *, state: DeliveryState | None = None
    ) -> AsyncGenerator[WebhookDelivery, None]:
        """What it was told and how that went; what happened last first, by pages."""
        query: dict[str, str] = {"state": state} if state is not None else {}
        while True:
            reply = await self._calls.call("GET", f"{_of(webhook_id)}/deliveries", query=query)
            page: WebhookDeliveries = reply.json
            for one in page["data"]:
                yield one
            if page["next_cursor"] is None:
                return
            query = {**query, "cursor": page["next_cursor"]}

    async def replay_event(self, webhook_id: str | UUID, event_id: str | UUID) -> WebhookDelivery:
        """Have one event told again, under its own id."""
        path = f"{_of(webhook_id)}/deliveries/{event_id}/replay"
        return cast("WebhookDelivery", await self._calls.json("POST", path))

    async def replay_events(
        self, webhook_id: str | UUID, *, since: datetime, until: datetime | None = None, delivered: bool = False
    ) -> int:
        """Have a span of time told again, all of it, and give how many events; times must be aware."""
        body: dict[str, Any] = {"since": since.isoformat(), "delivered": delivered}
        if until is not None:
            body["until"] = until.isoformat()
        count: int = 0
        while True:
            done = await self._calls.json("POST", f"{_of(webhook_id)}/replay", body)
            count += int(done["replayed"])
            if done["next_cursor"] is None:
                return count
            body["cursor"] = done["next_cursor"]


def _of(webhook_id: str | UUID) -> str:
    return f"{_WEBHOOKS}/{webhook_id}"
