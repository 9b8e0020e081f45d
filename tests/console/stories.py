"""A notification to whom things happen at chosen times: the product's own parts over the ledger as it is then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from psycopg.conninfo import make_conninfo
from tests.api.desk import KEYS, Desk
from tests.console.visitor import rows

from esoz_notify.channels.dialogue import Receipt
from esoz_notify.core.cascade import Due, Event, Replied, Reported
from esoz_notify.core.receipts import ReceiptState
from esoz_notify.core.results import Accepted
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.receiving import Receiver
from esoz_notify.store import receiving
from esoz_notify.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Told:
    """One notification of a desk, accepted ``began``."""

    desk: Desk
    id: str
    began: datetime

    async def move(self, after_s: float, *events: Event) -> None:
        """Do to it what a worker would so many seconds after it was accepted."""
        async with self._ledger(after_s) as ledger:
            await replace(self.desk, ledger=ledger).move(self.id, *events)

    async def report(
        self, after_s: float, no: int, raw: bytes, state: ReceiptState = ReceiptState.DELIVERED, detail: str = ""
    ) -> None:
        """A receipt about attempt ``no`` comes, exactly ``raw``, and a worker takes it from the inbox."""
        said = Receipt(provider_message_id=f"{self.id}.{no}", state=state, raw_status=detail)
        async with self._ledger(after_s) as ledger:
            receiver = Receiver(ledger, Vault(KEYS), lambda: None)
            running = asyncio.create_task(receiver.run())
            try:
                await receiver.receive("carrier", raw, [said], ids_are_keys=True)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
            async with ledger.transaction() as connection:
                taken, _ = await receiving.take(connection, 10)
            events = [Reported(one.attempt_no, one.part, one.state, one.reason, one.detail) for one in taken]
            await replace(self.desk, ledger=ledger).move(self.id, *events)

    @asynccontextmanager
    async def _ledger(self, after_s: float) -> AsyncIterator[Ledger]:
        at = (self.began + timedelta(seconds=after_s)).isoformat()
        ledger = Ledger(make_conninfo(self.desk.ledger.dsn, options=f"-c esoz_notify.now={at}"), LedgerClock())
        await ledger.open()
        try:
            yield ledger
        finally:
            await ledger.close()


async def told(desk: Desk, notification_id: str) -> Told:
    """A notification that was just accepted."""
    ((began,),) = await rows(desk, f"SELECT accepted_at FROM delivery WHERE notification_id = '{notification_id}'")  # noqa: S608
    assert isinstance(began, datetime)
    return Told(desk, notification_id, began)


async def viber_in_vain_then_sms(desk: Desk, notification_id: str) -> Told:
    """No proof from Viber within its window; SMS delivers; then Viber's receipt comes after all, and once more."""
    one = await told(desk, notification_id)
    await one.move(0.2, Due())
    await one.move(0.5, Replied(0, Accepted((f"{notification_id}.0",))))
    await one.move(20.3, Due())
    await one.move(20.9, Replied(1, Accepted((f"{notification_id}.1",))))
    await one.report(24.4, 1, b"id:7 sub:001 dlvrd:001 stat:DELIVRD err:000 text:Code 4821", detail="DELIVRD 000")
    late = b'{"results": [{"messageId": "%s.0", "to": "380000000001", "status": "DELIVERED_TO_HANDSET"},'
    late += b' {"messageId": "another", "to": "380000000099"}]}'
    await one.report(31.7, 0, late % notification_id.encode(), detail="DELIVERED_TO_HANDSET")
    await one.report(33.0, 0, late % notification_id.encode(), detail="DELIVERED_TO_HANDSET")
    return one
