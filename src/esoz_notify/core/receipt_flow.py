"""Whether a provider's receipts come in time, and whether they come at all.

What belongs here: judging counts. What does not: counting (store), and what is done about it: nothing by itself, people
are told. SMS is the last resort; a provider that is late with receipts still delivers.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRules:
    """When receipts count as slow, and when they count as stopped; neither opens a circuit.

    Slow: of at least ``judged_min`` messages that are older than ``late_s``, a share got its receipt later than that or
    not at all. Younger ones are not judged. It is over below ``slow_off_share``.
    """

    late_s: float = 60.0
    sample_s: float = 60.0
    judged_min: int = 20
    slow_share: float = 0.3
    slow_off_share: float = 0.15
    stopped_after_s: float = 180.0
    stopped_min: int = 10


RECEIPT_RULES = ReceiptRules()


def is_slow(judged: int, late: int, *, was: bool, rules: ReceiptRules = RECEIPT_RULES) -> bool:
    """Whether receipts are slow: too few to judge say nothing, so the word is withdrawn."""
    if judged < rules.judged_min:
        return False
    return late >= judged * (rules.slow_off_share if was else rules.slow_share)


def has_stopped(waiting: int, *, any_receipt: bool, was: bool, rules: ReceiptRules = RECEIPT_RULES) -> bool:
    """Whether receipts have stopped: ``waiting`` messages should have had one, and none of any kind has come lately.

    Only a receipt ends it: that nothing is sent any more is no sign that they would come again.
    """
    return not any_receipt and (was or waiting >= rules.stopped_min)
