"""Synthetic probes: real messages to a test phone, and what each says of its provider and lane.

What belongs here: how a probe is judged, and when a row of failures is an alarm. What does not: sending and following
them (``engine.probing``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from esoz_notify.core.delivery import Delivery
from esoz_notify.core.status import PROOFS, Outcome, Status

FAILURES_ALARM = 3
"""So many in a row are an alarm: one may be the test phone's, or a wave of the network."""

NOT_SENT, NOT_TAKEN, NO_RECEIPT = "not_sent", "not_taken", "no_receipt"
"""Why a probe failed when no provider gave a reason: our intake did not take it, no provider did, none confirmed it."""

_UNDER_WAY = frozenset({Status.ACCEPTED, Status.IN_DELIVERY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a probe came to. ``handed_s``: from acceptance to the provider's yes; ``receipt_s``: from then to proof."""

    ok: bool
    handed_s: float | None = None
    receipt_s: float | None = None
    reason: str | None = None


def judge(state: Delivery, now: datetime, limit_s: float, *, proves: bool = True) -> Judged | None:
    """What a probe's delivery says by now; None while it may still arrive in time.

    ``proves`` False: its channel proves only that a person opened it, and nobody opens a probe; taken and not called
    back within the limit is then as good as it gets.
    """
    proved = next((one for one in state.attempts if one.outcome in PROOFS), None)
    if proved is not None and proved.ended_at is not None:
        # A receipt may be recorded before the provider's own answer.
        taken_at = min(proved.submitted_at or proved.ended_at, proved.ended_at)
        handed_s = (taken_at - state.accepted_at).total_seconds()
        return Judged(ok=True, handed_s=handed_s, receipt_s=(proved.ended_at - taken_at).total_seconds())
    if state.status in _UNDER_WAY and (now - state.accepted_at).total_seconds() < limit_s:
        return None
    last = state.attempts[-1] if state.attempts else None
    if last is None:
        return Judged(ok=False, reason=NOT_TAKEN)
    if last.submitted_at is None:
        return Judged(ok=False, reason=last.reason.value if last.reason else NOT_TAKEN)
    handed_s = (last.submitted_at - state.accepted_at).total_seconds()
    if not proves and last.outcome is Outcome.SUBMITTED:
        return Judged(ok=True, handed_s=handed_s)
    return Judged(ok=False, handed_s=handed_s, reason=last.reason.value if last.reason else NO_RECEIPT)


def failures_in_row(results: Sequence[bool]) -> int:
    """How many of the newest results, which come first, failed without a good one between."""
    return next((place for place, ok in enumerate(results) if ok), len(results))
