"""A day of notifications that are over, written into the ledger as workers would have left them."""

import json
import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from esoz_notify.engine.clock import new_id
from esoz_notify.store.ledger import Connection

Attempts = list[tuple[str, str, float, float | None]]
"""Channel, outcome, when it began and when it ended."""

_NOTIFICATION = (
    "INSERT INTO notification (id, client_id, kind, language, policy, recipient, created_at, first_status)"
    " VALUES (%s, 'mis-1', %s, 'uk', 'test', %s, %s, 'accepted')"
)
_DELIVERY = (
    "INSERT INTO delivery (notification_id, lane, status, route, has_code, is_code, accepted_at, valid_until, ended_at)"
    " VALUES (%s, 'codes', %s, %s, false, false, %s, %s, %s)"
)
_ATTEMPT = (
    "INSERT INTO attempt (notification_id, no, step, channel, provider, recovery, outcome, calls, parts, started_at,"
    " called_at, submitted_at, ended_at) VALUES (%s, %s, 0, %s, 'carrier', 'same_key', %s, 1, %s, %s, %s, %s, %s)"
)


async def write(
    connection: Connection,
    at: datetime,
    attempts: Attempts,
    *,
    kind: str = "confirmation_code",
    route: str = "viber:20,sms",
    status: str = "delivered",
    life_s: float = 300,
    skipped: tuple[str, ...] = (),
) -> UUID:
    """Write one that was accepted ``at``; it ended with the last of its attempts."""

    def after(seconds: float) -> datetime:
        return at + timedelta(seconds=seconds)

    made = new_id(at)
    recipient = {"skipped": [{"channel": one, "code": "diia_without_tax_id"} for one in skipped]}
    ended_at = after(max((ended or life_s for *_, ended in attempts), default=life_s))
    await connection.execute(_NOTIFICATION, [made, kind, json.dumps(recipient), at])
    await connection.execute(_DELIVERY, [made, status, route, at, after(life_s), ended_at])
    for no, (channel, outcome, began, ended) in enumerate(attempts):
        parts = "80,80" if channel == "sms" else "80"
        times: list[Any] = [after(began), after(began), after(began), after(ended) if ended is not None else None]
        await connection.execute(_ATTEMPT, [made, no, channel, outcome, parts, *times])
    return made


async def yesterday(connection: Connection, now: datetime, count: int, kind: str = "confirmation_code") -> None:
    """Write ``count`` of a kind over the last hours: seven in ten by Viber within seconds, some late, the rest SMS."""
    dice = random.Random(7)  # noqa: S311 - the same day for every test

    def case(number: int) -> Attempts:
        if number < 13:
            return [("viber", "delivered", 0.4, 0.4 + dice.uniform(1, 9))]
        if number < 17:
            return [("viber", "failed", 0.4, 1.2), ("sms", "delivered", 1.3, 1.3 + dice.uniform(3, 12))]
        if number == 17:
            return [("viber", "delivered", 0.4, 26.0), ("sms", "delivered", 20.4, 20.4 + dice.uniform(3, 8))]
        if number == 18:
            return [("viber", "submitted", 0.4, None), ("sms", "delivered", 20.4, 20.4 + dice.uniform(3, 30))]
        return [("viber", "submitted", 0.4, None), ("sms", "failed", 20.4, 40.0)]

    for number in range(count):
        attempts = case(number % 20)
        is_told = any(one[1] == "delivered" for one in attempts)
        at = now - timedelta(minutes=30 + 1000 * number / count)
        await write(connection, at, attempts, kind=kind, status="delivered" if is_told else "undelivered")
