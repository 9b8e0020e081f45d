"""The last door of a pushed receipt: here it is lost, doubled, held, or put out of order. No provider's words here."""

from collections.abc import Callable
from typing import Generic, TypeVar

from esoz_notify.lab.faults import Fault, Faults, Rule
from esoz_notify.lab.timers import Timers, now

Receipt = TypeVar("Receipt")
_SECOND_COPY_S = 0.05


class ReceiptGate(Generic[Receipt]):
    """``send(receipt, alone)`` puts it on its way (alone: with no others); ``lost`` hears of a swallowed one."""

    def __init__(
        self,
        provider: str,
        faults: Faults,
        timers: Timers,
        *,
        send: Callable[[Receipt, bool], None],
        lost: Callable[[Receipt], None],
    ) -> None:
        self._provider = provider
        self._faults = faults
        self._timers = timers
        self._send = send
        self._lost = lost
        self._burst: list[Receipt] = []
        self._mixed: list[Receipt] = []

    def offer(self, receipt: Receipt) -> None:
        """Send it as the present faults will have it."""
        if self._faults.quiet(self._provider):
            self._send(receipt, False)
            return
        if self._faults.hit(self._provider, Fault.NEVER_RECEIPT):
            self._lost(receipt)
            return
        twice = self._faults.hit(self._provider, Fault.RECEIPT_TWICE) is not None
        if rule := self._faults.hit(self._provider, Fault.RECEIPT_BURST):
            if not self._burst:
                self._timers.later(_burst_hold_s(rule), self.release)
            self._burst.extend([receipt] * (1 + twice))
        elif rule := self._faults.hit(self._provider, Fault.RECEIPTS_REORDERED):
            if not self._mixed:
                self._timers.later(rule.delay_s, self._mix, rule)
            self._mixed.extend([receipt] * (1 + twice))
        else:
            self._send(receipt, False)
            if twice:
                self._timers.later(_SECOND_COPY_S, self._send, receipt, False)

    def release(self) -> None:
        """Send all that the burst holds, each for itself."""
        held, self._burst = self._burst, []
        for receipt in held:
            self._send(receipt, True)

    def _mix(self, rule: Rule) -> None:
        held, self._mixed = self._mixed, []
        order = list(range(len(held)))
        rule.random.shuffle(order)
        if order == sorted(order):
            order.reverse()
        for index in order:
            self._send(held[index], False)


def _burst_hold_s(rule: Rule) -> float:
    """As ordered; else until the fault ends; else the default."""
    if rule.given_delay or rule.ends_at is None:
        return rule.delay_s
    return rule.ends_at - now()
