"""Whole lives in the ledger alone, by its own statements and core's decisions: no network, no provider, no sealing.

A process of its own, given its plan as JSON on stdin. What belongs here: what providers would have answered, and the
transactions in their order. What does not: the SQL (store), what follows from an answer (core).
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from esoz_notify.core.attempt_keys import attempt_key
from esoz_notify.core.cascade import Due, Event, Replied, Reported, World, advance
from esoz_notify.core.channel import Channel, Providers, ProviderView, Step
from esoz_notify.core.delivery import AttemptStarted, Delivery, Fact
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery
from esoz_notify.core.status import Status
from esoz_notify.store import ledger, receiving, saving
from esoz_notify.store.ledger import Connection, Locked, NewNotification
from esoz_notify.store.receiving import InboxReceipt, MessageId, Poll, RawReceipt
from esoz_notify.store.saving import Change

EVERY_NO_VIBER = 5
"""One life of so many has no Viber: it is two attempts."""
WINDOW_S, POLL_AFTER_S = 90.0, 30.0
SEALED = {"phone": 45, "data": 110, "code": 40, "raw": 300}
"""Bytes of the sealed fields, as the product's are."""
PAUSE_S = 0.1
TURN_BATCHES = 4
"""A turn takes as much as so many batches: erasures fall due as fast as lives begin, and a heap of them must shrink."""

PROVIDERS: Providers = {
    Channel.VIBER: (ProviderView(name="viber", recovery=Recovery.SAME_KEY),),
    Channel.SMS: (ProviderView(name="smsc", recovery=Recovery.WAIT_THEN_OTHER),),
}
CONFIGURED = frozenset(PROVIDERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class LivesPlan:
    """``count`` lives of a lane, ``batch`` at a time. ``valid_s``: after so long the codes are erased."""

    dsn: str
    lane: str
    count: int
    batch: int
    valid_s: float


Sent = tuple[UUID, AttemptStarted]


def main() -> None:
    """Live the plan of stdin; ``lived N`` lines while it runs, the last one when every code is erased."""
    asyncio.run(_live(LivesPlan(**json.load(sys.stdin))))


async def _live(plan: LivesPlan) -> None:
    async with await psycopg.AsyncConnection.connect(plan.dsn, autocommit=True) as connection:
        lived = 0
        while lived < plan.count:
            count = min(plan.batch, plan.count - lived)
            await ledger.intake(connection, [_accepted(plan, number) for number in range(lived, lived + count)])
            await _step(connection, plan)
            lived += count
            _tell(lived)
        # Codes are erased when they are no longer valid: a life is over then, and no sooner.
        while await ledger.next_due(connection, plan.lane) is not None:
            await _step(connection, plan)
            await asyncio.sleep(PAUSE_S)
        _tell(lived)


def _tell(lived: int) -> None:
    sys.stdout.write(f"lived {lived}\n")
    sys.stdout.flush()


async def _step(connection: Connection, plan: LivesPlan) -> None:
    """Do what is due, and what follows until nothing is left to be sent."""
    sent = await _due(connection, plan)
    while sent:
        await _answered(connection, sent)
        await _kept(connection, sent)
        sent = await _reported(connection, TURN_BATCHES * plan.batch)


def _accepted(plan: LivesPlan, number: int) -> NewNotification:
    """The usual message with a code, as intake writes it."""
    now = datetime.now(UTC)
    ordered = bytearray(int(now.timestamp() * 1000).to_bytes(6, "big") + os.urandom(10))
    ordered[6], ordered[8] = 0x70 | ordered[6] & 0x0F, 0x80 | ordered[8] & 0x3F  # a UUIDv7, as the product's ids are
    notification_id = UUID(bytes=bytes(ordered))
    return NewNotification(
        id=notification_id,
        client_id="bench",
        kind="prescription_issued",
        lane=plan.lane,
        reference=None,
        patient_id=None,
        language="uk",
        policy="2025-09-10",
        phone_index=os.urandom(16),
        number_index=os.urandom(16),
        recipient={"method": "OTP", "relation": "self", "phone": "+38000*****00", "notes": [], "skipped": []},
        traceparent=None,
        phone=os.urandom(SEALED["phone"]),
        tax_id=None,
        data=os.urandom(SEALED["data"]),
        code=os.urandom(SEALED["code"]),
        summary=None,
        idempotency_key=f"{number}-{notification_id}",
        fingerprint=os.urandom(16),
        delivery=Delivery(
            status=Status.ACCEPTED,
            steps=(Step(Channel.VIBER, WINDOW_S), Step(Channel.SMS)),
            accepted_at=now,
            valid_until=now + timedelta(seconds=plan.valid_s),
            has_code=True,
        ),
    )


async def _due(connection: Connection, plan: LivesPlan) -> list[Sent]:
    """Claim what is due, new ones and those whose codes are to be erased; gives what is to be sent."""
    async with connection.transaction():
        locked, now = await ledger.claim(connection, plan.lane, TURN_BATCHES * plan.batch)
        return await _saved(connection, [(one, [Due()]) for one in locked], now)


async def _answered(connection: Connection, sent: Sequence[Sent]) -> None:
    """Providers take everything, and will be asked what became of it."""
    replies: dict[UUID, list[Event]] = {
        one: [Replied(started.no, Accepted((_message_id(one, started),)))] for one, started in sent
    }
    async with connection.transaction():
        await receiving.know(
            connection,
            [
                MessageId(started.provider, _message_id(one, started), one, started.no, 0)
                for one, started in sent
                if started.channel is Channel.SMS
            ],
        )
        locked, now = await ledger.lock(connection, sorted(replies))
        polls = [
            (Poll(one, started.no, started.provider, _message_id(one, started), 0), POLL_AFTER_S)
            for one, started in sent
        ]
        await _saved(connection, [(one, replies[one.id]) for one in locked], now, polls)


async def _kept(connection: Connection, sent: Sequence[Sent]) -> None:
    """Receipts come: delivered, or no Viber."""
    said = [_receipt(one, started) for one, started in sent]
    raw = [
        RawReceipt(id=one.receipt_id, provider=one.provider, raw=os.urandom(SEALED["raw"]), problem=None)
        for one in said
    ]
    await receiving.keep(connection, raw, said)


async def _reported(connection: Connection, count_max: int) -> list[Sent]:
    """Receipts are taken and applied, whichever lane's they are; gives what is to be sent then."""
    async with connection.transaction():
        taken, _ = await receiving.take(connection, count_max)
        events: dict[UUID, list[Event]] = {}
        for one in taken:
            events.setdefault(one.notification_id, []).append(
                Reported(one.attempt_no, one.part, one.state, one.reason, one.detail)
            )
        locked, now = await ledger.lock(connection, sorted(events))
        return await _saved(connection, [(one, events[one.id]) for one in locked], now)


async def _saved(
    connection: Connection,
    events: Sequence[tuple[Locked, Sequence[Event]]],
    now: datetime | None,
    polls: Sequence[tuple[Poll, float]] = (),
) -> list[Sent]:
    """Decide, save, and give the attempts that were started."""
    if now is None:
        return []
    world = World(now, PROVIDERS, CONFIGURED)
    changes: list[Change] = []
    for one, happened in events:
        state: Delivery = one.state
        facts: tuple[Fact, ...] = ()
        for event in happened:
            state, new = advance(state, event, world)
            facts += new
        changes.append(Change(one, state, facts))
    await saving.save(connection, changes, polls)
    return [(change.locked.id, fact) for change in changes for fact in change.facts if isinstance(fact, AttemptStarted)]


def _message_id(notification_id: UUID, started: AttemptStarted) -> str:
    """Viber reports by our own key, an SMSC by an id of its own."""
    key = attempt_key(notification_id, started.no)
    return key if started.channel is Channel.VIBER else f"smsc-{key}"


def _receipt(notification_id: UUID, started: AttemptStarted) -> InboxReceipt:
    own = started.channel is Channel.VIBER
    refused = own and notification_id.bytes[-1] % EVERY_NO_VIBER == 0
    fields: dict[str, Any] = {"notification_id": notification_id, "attempt_no": started.no} if own else {}
    return InboxReceipt(
        receipt_id=UUID(bytes=os.urandom(16), version=4),
        provider=started.provider,
        provider_message_id=_message_id(notification_id, started),
        state=ReceiptState.UNDELIVERABLE if refused else ReceiptState.DELIVERED,
        reason=Reason.NOT_ON_CHANNEL if refused else None,
        detail="",
        **({"notification_id": None, "attempt_no": None} | fields),
    )


if __name__ == "__main__":
    main()
