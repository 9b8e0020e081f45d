"""What the parts of a message say of the whole message.

What belongs here: from parts to one outcome. What does not: how two receipts about one part merge (``receipts``).
"""

from esoz_notify.core.receipts import NEGATIVE, POSITIVE, PartState, Reason, ReceiptState
from esoz_notify.core.status import Outcome


def judge(
    parts: tuple[PartState, ...], outcome: Outcome, reason: Reason | None, *, refused: bool
) -> tuple[Outcome, Reason | None]:
    """One failed part is a failure, and only all parts delivered are a delivery.

    ``outcome`` and ``reason``: what was known before; ``refused``: known from the provider's own answer, which a weaker
    word does not take back. A part lost and then found leaves no trace.
    """
    states = [part.state for part in parts]
    negatives = [part for part in parts if part.state in NEGATIVE]
    if negatives:
        worst = negatives[0]
        for part in negatives[1:]:
            worst = worst.merge(part)
        expired = worst.state is ReceiptState.EXPIRED
        return (Outcome.EXPIRED if expired else Outcome.FAILED), worst.reason or Reason.UNKNOWN
    if all(state in POSITIVE for state in states):
        return (Outcome.READ if min(states) is ReceiptState.SEEN else Outcome.DELIVERED), None
    if refused:
        return outcome, reason
    if max(states) >= ReceiptState.ACCEPTED:
        return Outcome.SUBMITTED, None
    return outcome, reason
