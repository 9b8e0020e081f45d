"""What people who run the service look at: figures of a while, their shares, and what they cost.

What belongs here: sums and shares. What does not: counting (store), showing (console).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import Attempt
from esoz_notify.core.status import PROOFS


@dataclass(frozen=True, slots=True)
class Minute:
    """Figures of what was accepted in a while, a minute or more, that began ``at``.

    ``told_60s`` and the channels: who was told within a minute of being accepted; paper counts as told when it is the
    way. ``sms_parts``: what operators bill for the SMS among them.
    """

    at: datetime
    accepted: int
    codes: int
    told_10s: int
    told_60s: int
    diia: int
    viber: int
    sms: int
    paper: int
    sms_parts: int

    @property
    def by_channel(self) -> dict[Channel, int]:
        """How many each channel told."""
        return {
            Channel.DIIA: self.diia,
            Channel.VIBER: self.viber,
            Channel.SMS: self.sms,
            Channel.PRINT: self.paper,
        }

    @property
    def by_phone(self) -> int:
        """Those accepted that did not go to paper: only they can be told within seconds."""
        return self.accepted - self.paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What messages cost, and what they would have cost had each gone by SMS."""

    spent: Decimal
    all_by_sms: Decimal

    @property
    def saved(self) -> Decimal:
        """The difference; negative when the cascade cost more."""
        return self.all_by_sms - self.spent


def total(minutes: Iterable[Minute], since: datetime) -> Minute:
    """The sum of several."""
    rows = list(minutes)
    names = ("accepted", "codes", "told_10s", "told_60s", "diia", "viber", "sms", "paper", "sms_parts")
    return Minute(since, *(sum(getattr(row, name) for row in rows) for name in names))


def share(part: int, whole: int) -> float | None:
    """Part of a whole, 0 to 1; None of nothing."""
    return part / whole if whole else None


def money(seen: Minute, prices: Mapping[Channel, Decimal]) -> Money:
    """What it cost at these prices: of a message by Diia and Viber, of a part by SMS.

    How many parts a message told by Viber would have had is not known; the mean of those that went by SMS stands
    for it.
    """
    parts_each = Decimal(seen.sms_parts) / seen.sms if seen.sms else Decimal(1)
    sms = prices[Channel.SMS]
    spent = seen.sms_parts * sms + seen.viber * prices[Channel.VIBER] + seen.diia * prices[Channel.DIIA]
    messages = seen.sms_parts + (seen.viber + seen.diia) * parts_each
    return Money(spent=spent, all_by_sms=messages * sms)


def cost(attempt: Attempt, prices: Mapping[Channel, Decimal]) -> Decimal:
    """What one attempt cost: by SMS each part that the provider took, by Viber and Diia a message that arrived."""
    if attempt.channel is Channel.SMS:
        return len(attempt.parts) * prices[Channel.SMS]
    return prices[attempt.channel] if attempt.outcome in PROOFS else Decimal(0)
