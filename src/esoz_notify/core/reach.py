"""What is remembered of a phone: on which channels it was not reachable, why, and for how long that is believed.

What belongs here: which failures teach something and which proofs make it forgotten. What does not: the memory itself
(store), and skipping a step because of it (``cascade``).
"""

from msgspec import Struct

from esoz_notify.core import limits
from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import Delivery
from esoz_notify.core.receipts import Reason
from esoz_notify.core.status import PROOFS, Outcome

LIFE_S: dict[tuple[Channel, Reason], float] = {
    (Channel.VIBER, Reason.NOT_ON_CHANNEL): limits.NOT_ON_CHANNEL_LIFE_S,
    (Channel.VIBER, Reason.NO_DEVICE): limits.NOT_ON_CHANNEL_LIFE_S,
    (Channel.VIBER, Reason.BLOCKED_BY_USER): limits.BLOCKED_LIFE_S,
    (Channel.SMS, Reason.NUMBER_INACTIVE): limits.NUMBER_INACTIVE_LIFE_S,
}
"""Only channels that find people by phone: Diia knows them by tax number, and a family may share one phone."""

_CHANNELS = frozenset(channel for channel, _ in LIFE_S)


class Lesson(Struct, frozen=True):
    """What a change teaches about a phone and a channel. ``reason`` None: it is reachable, forget what was known."""

    channel: Channel
    reason: Reason | None
    life_s: float = 0.0


def lessons(before: Delivery, after: Delivery) -> tuple[Lesson, ...]:
    """What became known between two states of one delivery; the last word about a channel counts."""
    learned: dict[Channel, Lesson] = {}
    for attempt in after.attempts:
        was = before.attempts[attempt.no].outcome if attempt.no < len(before.attempts) else Outcome.SUBMITTING
        if attempt.channel not in _CHANNELS or attempt.outcome is was:
            continue
        if attempt.outcome in PROOFS:
            learned[attempt.channel] = Lesson(attempt.channel, None)
        elif attempt.outcome is Outcome.FAILED and attempt.reason is not None:
            life_s = LIFE_S.get((attempt.channel, attempt.reason))
            if life_s is not None:
                learned[attempt.channel] = Lesson(attempt.channel, attempt.reason, life_s)
    return tuple(learned.values())
