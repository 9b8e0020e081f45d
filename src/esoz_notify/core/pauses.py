"""How long a delivery pauses before the next try.

What belongs here: lengths of pauses. What does not: whether there is a next try (``cascade``).
"""

from datetime import datetime, timedelta

from esoz_notify.core import limits
from esoz_notify.core.delivery import Because, Delivery, RetryPlanned
from esoz_notify.core.receipts import Fault, Reason


def growing_pause_s(state: Delivery, fault: Fault) -> float:
    """Growing pause of the guaranteed channel: short for codes, which die soon."""
    failures = sum(attempt.calls for attempt in state.attempts if attempt.step == state.step)
    first_s = limits.ABSENT_FIRST_S if fault is Fault.TIME else limits.RETRY_FIRST_S
    return min(first_s * 2.0 ** min(failures - 1, 12), _longest_s(state))


def _longest_s(state: Delivery) -> float:
    if state.attempts[-1].submitted_at is None:
        return state.pause_max_s
    return limits.PAID_RETRY_CODE_MAX_S if state.is_code else limits.PAID_RETRY_MAX_S


def outage_pause_s(state: Delivery, now: datetime) -> float:
    """Pause while no provider can take the message: half of the wait so far, so that a long outage costs few looks."""
    return min(max(limits.RETRY_FIRST_S, waited_s(state, now) / 2), state.pause_max_s)


def waited_s(state: Delivery, now: datetime) -> float:
    """How long nothing has been started: since the last attempt, the last resend, or the acceptance."""
    since = max((state.accepted_at, *state.resent_at, *(attempt.started_at for attempt in state.attempts)))
    return (now - since).total_seconds()


def retry(state: Delivery, now: datetime, pause_s: float, because: Because, reason: Reason | None) -> RetryPlanned:
    """The plan to try again after a pause, or at the end of the validity when that is sooner."""
    life_s = (state.valid_until - now).total_seconds()  # compared first: a provider may name a pause past all calendars
    retry_at = now + timedelta(seconds=pause_s) if pause_s < life_s else state.valid_until
    return RetryPlanned(at=now, retry_at=retry_at, because=because, reason=reason)
