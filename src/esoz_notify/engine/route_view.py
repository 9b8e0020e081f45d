"""The dry run as callers are shown it.

What belongs here: from a decision to JSON. What does not: notifications (``views``), deciding (``intake``).
"""

from esoz_notify.core.channel import Channel
from esoz_notify.core.status import Status
from esoz_notify.engine.intake import Decision, recipient_record
from esoz_notify.engine.views import Json, recipient


def route(decided: Decision) -> Json:
    """The dry run: who would be informed, by what, and why."""
    record = recipient_record(decided)
    prints = decided.steps[0].channel is Channel.PRINT
    return {
        "informed": not prints,
        "status": (Status.PRINT_REQUIRED if prints else Status.ACCEPTED).value,
        "recipient": recipient(record),
        "route": [step.channel.value for step in decided.steps],
        "steps": [{"channel": step.channel.value, "window_s": step.window_s} for step in decided.steps],
        "skipped": record["skipped"],
        "policy": decided.policy.version,
        "print_required": prints or record["crisis"] is not None,
        "crisis": record["crisis"],
    }
