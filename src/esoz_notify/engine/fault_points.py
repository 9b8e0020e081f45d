"""Named moments at which a test may have this process killed; nothing happens there unless one is armed.

What belongs here: the names, and the kill. What does not: who arms which (the command line, ``tests/chaos``). Each name
stands at exactly one place of the engine.
"""

import os
import signal
from dataclasses import dataclass

from esoz_notify.core.errors import InvalidInput, Problem

POINTS = {
    "after_intake_commit": "requests are accepted durably, nobody has been answered",
    "after_claim_commit": "attempts are recorded as submitting, nothing has been sent",
    "before_provider_call": "a batch is about to go to a provider",
    "after_provider_reply": "a provider has answered, nobody has noted it",
    "before_reply_recorded": "the outcome is written, the transaction is not committed",
    "after_reply_recorded": "the outcome is committed, what follows from it has not been sent",
    "after_receipt_stored": "receipts are on disk, the provider has not been answered",
    "before_receipt_applied": "receipts are taken out of the inbox, the transaction is not committed",
    "after_receipts_applied": "receipts are applied, what follows from them has not been sent",
    "in_drain": "a worker was asked to stop and has begun to",
}
"""Name of each point, and what is true there."""


@dataclass(slots=True)
class _Armed:
    name: str
    hits_left: int


_armed: list[_Armed] = []


def arm(order: str | None) -> None:
    """Have this process killed at a point: ``NAME:N`` at its N-th hit, ``NAME`` at the first; None arms nothing.

    Raises InvalidInput.
    """
    if order is None:
        return
    name, _, count = order.partition(":")
    if name not in POINTS or not (count or "1").isdecimal() or int(count or "1") < 1:
        rule = f"must be NAME:N, N from 1 up, NAME one of {', '.join(POINTS)}"
        raise InvalidInput([Problem("/fault-point", "unknown_fault_point", rule)], detail=f"--fault-point {rule}")
    _armed[:] = [_Armed(name, int(count or "1"))]


def hit(name: str) -> None:
    """Pass the point ``name``; does not return when it is armed and its turn has come."""
    if not _armed:
        return
    armed = _armed[0]
    if armed.name == name:
        armed.hits_left -= 1
        if armed.hits_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
