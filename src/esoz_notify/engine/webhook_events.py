"""What callers' webhooks are told of a change, written in the transaction that makes the change.

What belongs here: from a change to an event. What does not: which changes are events (``core.webhooks``), telling them
(``webhook_sending``).
"""

from collections.abc import Sequence
from datetime import datetime

from esoz_notify.core.webhooks import EventName, happened
from esoz_notify.engine import views
from esoz_notify.engine.clock import new_id
from esoz_notify.store import reading, webhook_log
from esoz_notify.store.ledger import Connection
from esoz_notify.store.reading import Stored
from esoz_notify.store.saving import Change
from esoz_notify.store.webhook_log import NewEvent

TOLD = (
    "id", "status", "kind", "reference", "reason", "route", "delivered_by", "created_at", "ended_at", "valid_until",
    "terminal", "print_required", "print_offered", "links",
)  # fmt: skip
"""What an event says of a notification, by the names of its view: nothing about the person it is for."""


async def publish(connection: Connection, changes: Sequence[Change]) -> None:
    """Write the events of watched notifications that were just saved, and whom each is to be told.

    To be called in their transaction: there is an event exactly when there is the change.
    """
    news = {
        change.locked.id: (name, change.facts[-1].at)
        for change in changes
        if (name := happened(change.locked.state, change.state)) is not None
    }
    if news:
        stored = await reading.some(connection, list(news))
        await webhook_log.publish(connection, [_event(one, *news[one.id]) for one in stored])


def _event(stored: Stored, name: EventName, at: datetime) -> NewEvent:
    view = views.notification(stored)
    step = stored.state.steps[stored.state.step]
    # The number grows with every event of a notification, in whatever order they arrive.
    data = {**{member: view[member] for member in TOLD}, "channel": step.channel.value, "seq": stored.version}
    return NewEvent(
        id=new_id(at),
        client_id=stored.client_id,
        name=name.value,
        at=at,
        notification_id=stored.id,
        traceparent=stored.traceparent,
        data=data,
    )
