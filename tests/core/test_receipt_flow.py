"""Slow receipts and receipts that stop: when people are told."""

import pytest

from esoz_notify.core.receipt_flow import RECEIPT_RULES, has_stopped, is_slow


@pytest.mark.parametrize(
    ("judged", "late", "was", "slow"),
    [
        (19, 19, False, False),
        (19, 19, True, False),
        (20, 5, False, False),
        (20, 6, False, True),
        (20, 3, True, True),
        (20, 2, True, False),
    ],
)
def test_slow_is_a_share_of_those_old_enough(judged: int, late: int, was: bool, slow: bool) -> None:
    """Thirty of a hundred late is slow, under fifteen it is over, and too few to judge say nothing."""
    assert is_slow(judged, late, was=was) is slow


@pytest.mark.parametrize(
    ("waiting", "any_receipt", "was", "stopped"),
    [
        (9, False, False, False),
        (10, False, False, True),
        (500, True, False, False),
        (0, False, True, True),
        (10, True, True, False),
    ],
)
def test_stopped_is_silence_while_receipts_are_due(waiting: int, any_receipt: bool, was: bool, stopped: bool) -> None:
    """Ten messages without any receipt from the provider are a silence, and only a receipt ends it."""
    assert has_stopped(waiting, any_receipt=any_receipt, was=was) is stopped


def test_silence_is_judged_later_than_slowness() -> None:
    """A provider is slow before it is silent, and messages are old enough to be judged."""
    assert RECEIPT_RULES.late_s < RECEIPT_RULES.stopped_after_s
