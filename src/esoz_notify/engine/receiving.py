"""Receipts: stored raw with what they say, answered at once; applied later by the worker.

What belongs here: from a callback, a PDU or a poll to rows in the inbox, in group commits. What does not: reading a
provider's words (channels), what a receipt changes (core).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from esoz_notify.channels.dialogue import Receipt, ReceiptProblem
from esoz_notify.core.attempt_keys import read_attempt_key
from esoz_notify.core.callback_credentials import Signed
from esoz_notify.engine import fault_points
from esoz_notify.engine.batcher import Batcher
from esoz_notify.engine.clock import LedgerClock, new_id
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.measuring import Measures
from esoz_notify.store import receiving
from esoz_notify.store.ledger import Connection
from esoz_notify.store.receiving import InboxReceipt, RawReceipt
from esoz_notify.store.vault import Vault, field_aad

log = logging.getLogger(__name__)

_BATCH_MAX = 500
_QUEUE_MAX = 20_000


@dataclass(frozen=True, slots=True)
class _Arrival:
    raw: RawReceipt
    said: tuple[InboxReceipt, ...]


class Receiver:
    """Takes receipts in. ``wake_worker`` is called when something new is in the inbox of this process's own worker."""

    def __init__(
        self, ledger: Ledger, vault: Vault, wake_worker: Callable[[], None], measures: Measures | None = None
    ) -> None:
        self._metrics = (measures or Measures()).metrics
        self._clock: LedgerClock = ledger.clock
        self._vault = vault
        self._wake_worker = wake_worker
        self._steady = ledger.steady()
        self._batcher: Batcher[_Arrival, None] = Batcher(self._write, batch_max=_BATCH_MAX, queue_max=_QUEUE_MAX)

    async def run(self) -> None:
        """Write what arrives until cancelled."""
        try:
            await self._batcher.run()
        finally:
            await self._steady.close()

    async def receive(  # noqa: PLR0913 - what is known of one arrival, each by name
        self,
        provider: str,
        raw: bytes,
        said: Sequence[Receipt | ReceiptProblem],
        *,
        ids_are_keys: bool,
        polled: bool = False,
        once: Signed | None = None,
    ) -> None:
        """Store one callback or PDU and what it says; returns when it is on disk. Raises Unavailable otherwise.

        ``polled``: we asked for it; the provider did not report by itself. ``once``: a signed call, which is stored the
        first time that it comes to any process, and of which a repetition changes nothing.
        """
        receipt_id = new_id(self._clock.now())
        said = [_storable(one) for one in said]
        problems = [one.what for one in said if isinstance(one, ReceiptProblem)]
        if problems:
            log.warning("%s: a receipt cannot be read: %s", provider, "; ".join(sorted(set(problems))))
        sealed = self._vault.seal(raw, aad=field_aad("receipt", "raw", str(receipt_id)))
        row = RawReceipt(
            id=receipt_id,
            provider=provider,
            raw=sealed,
            problem="; ".join(problems)[:200] if problems else None,
            polled=polled,
            mark=once.mark if once else None,
            mark_until=once.until if once else None,
        )
        inbox = tuple(
            _inbox(receipt_id, provider, one, ids_are_keys=ids_are_keys) for one in said if isinstance(one, Receipt)
        )
        await self._batcher.do(_Arrival(row, inbox))
        for one in said if not polled else ():
            word = one.state.name.lower() if isinstance(one, Receipt) else "unreadable"
            self._metrics.count("receipts", provider, word)

    async def _write(self, arrivals: Sequence[_Arrival]) -> list[Exception | None]:
        async def work(connection: Connection) -> None:
            said = [one for arrival in arrivals for one in arrival.said]
            await receiving.keep(connection, [arrival.raw for arrival in arrivals], said)

        await self._steady.run_loose(work)
        fault_points.hit("after_receipt_stored")
        self._wake_worker()
        return [None] * len(arrivals)


def _storable(said: Receipt | ReceiptProblem) -> Receipt | ReceiptProblem:
    """What the ledger can hold. Receipts of many calls are written together: one that cannot be would stop them all."""
    if isinstance(said, Receipt) and not said.provider_message_id.isprintable():
        return ReceiptProblem("the id of its message has characters that no id has")
    return said


def _inbox(receipt_id: UUID, provider: str, said: Receipt, *, ids_are_keys: bool) -> InboxReceipt:
    attempt = read_attempt_key(said.provider_message_id) if ids_are_keys else None
    return InboxReceipt(
        receipt_id=receipt_id,
        provider=provider,
        provider_message_id=said.provider_message_id,
        notification_id=attempt[0] if attempt else None,
        attempt_no=attempt[1] if attempt else None,
        state=said.state,
        reason=said.reason,
        detail="".join(one for one in f"{said.raw_status} {said.detail}".strip()[:200] if one.isprintable()),
    )


async def until(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait until ``event`` is set or the time is over, and clear it. Whether it was set."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
