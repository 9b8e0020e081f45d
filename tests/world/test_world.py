"""Thousands of worlds in which everything that may go wrong does: no promise is broken in any of them."""

from collections import Counter
from collections.abc import Callable

import pytest
from tests.world.simulation import BIG_EVERY, play

SEEDS = 10_000
CHUNK = 4 * BIG_EVERY

MUST_BE_MET = (
    "adopted receipts",
    "answers late",
    "answers lost",
    "binds cut before the answer",
    "binds cut before the submit was taken",
    "callbacks repeated",
    "cancels",
    "commits rolled back",
    "commits without answer",
    "connections refused",
    "crashed: after receipts were applied",
    "crashed: after the call has left",
    "crashed: after the record",
    "crashed: at any moment",
    "crashed: before the call",
    "crashed: before the record",
    "crashed: between the claim's commit and the call",
    "crashed: between the reply and its record",
    "crashed: in the middle of a poll",
    "crashed: while holding a receipt",
    "crashed: with polls in hand",
    "crashed: with receipts in hand",
    "ended: cancelled",
    "ended: delivered",
    "ended: expired",
    "ended: printed",
    "ended: undelivered",
    "HTTP errors",
    "late answers of an SMSC",
    "leases renewed",
    "ledger outages",
    "messages given back unsent",
    "orphaned receipts",
    "parts repeated that were not taken",
    "pauses past the lease",
    "persons told twice, knowingly",
    "phones out of reach",
    "provider outages",
    "providers spared",
    "receipts after the end",
    "receipts before the reply was recorded",
    "receipts by polling",
    "receipts delayed",
    "receipts doubled",
    "receipts lost",
    "receipts repeated by the SMSC",
    "receipts shuffled",
    "receipts that cannot be read",
    "refused messages",
    "refused submits",
    "repeats recognised by the aggregator",
    "repeats under the same key",
    "requests doubled",
    "requests lost",
    "requests repeated for no reason",
    "requests repeated for want of an answer",
    "resends",
    "resends refused",
    "results: Unknown",
    "shown: diia",
    "shown: sms",
    "shown: viber",
    "started: other_provider",
    "started: remembered",
    "started: repeat_after_unknown",
    "submit answers late",
    "submit answers lost",
    "submits lost",
    "throttled calls",
    "throttled submits",
)
"""What a chunk of worlds must have met: a trouble that never comes proves nothing."""


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_promise_holds_in_every_world(first: int, record_property: Callable[[str, object], None]) -> None:
    """No promise is broken in any of these worlds, and each kind of trouble was met in them."""
    tally: Counter[str] = Counter()
    for seed in range(first, first + CHUNK):
        tally += play(seed)
    record_property("world", dict(tally))
    assert [what for what in MUST_BE_MET if not tally[what]] == []


def test_the_same_seed_is_the_same_world() -> None:
    """A world that was played can be played again: the same seed gives the same of everything."""
    assert play(1234) == play(1234)
