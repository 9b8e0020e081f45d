"""A caller that knows both APIs: what one does not take it asks of the other, under the same key.

What belongs here: choosing the API. What does not: what is asked (``tests.chaos.load``).
"""

from collections.abc import Mapping, Sequence
from typing import Unpack
from uuid import UUID

from esoz_notify.client import Accepted, Asked, Notification, NotifyClient, PublicKindName


class Either:
    """Asks the APIs in turn; each call goes to the next one."""

    def __init__(self, clients: Sequence[NotifyClient]) -> None:
        self._clients = clients
        self._turn = 0

    async def send(
        self,
        kind: PublicKindName,
        data: Mapping[str, str],
        *,
        idempotency_key: str | None = None,
        **asked: Unpack[Asked],
    ) -> Accepted:
        """Have somebody informed."""
        return await self._next().send(kind, data, idempotency_key=idempotency_key, **asked)

    async def cancel(self, notification_id: str | UUID) -> Notification:
        """Withdraw it."""
        return await self._next().cancel(notification_id)

    async def resend(self, notification_id: str | UUID) -> Notification:
        """Send it again."""
        return await self._next().resend(notification_id)

    def _next(self) -> NotifyClient:
        self._turn += 1
        return self._clients[self._turn % len(self._clients)]
