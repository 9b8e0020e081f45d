"""The channels of a route and what the cascade needs to know of a provider."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from esoz_notify.core.results import Recovery


class Channel(StrEnum):
    """A way to a person; the value is the text in policies, the ledger and the API."""

    DIIA = "diia"
    VIBER = "viber"
    SMS = "sms"
    PRINT = "print"


GUARANTEED = frozenset({Channel.SMS, Channel.PRINT})
"""Channels that reach everybody they are meant for: every route must end in one of them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a route. ``window_s``: how long to wait for proof before the next step; None on the last.

    ``provider``: by it alone, whatever others there are and is remembered of the phone: so a probe tries what it is
    for. None: by the best.
    """

    channel: Channel
    window_s: float | None = None
    provider: str | None = None

    def ends_at(self, now: datetime) -> datetime | None:
        """When its window ends if it begins now; None when it has none."""
        return None if self.window_s is None else now + timedelta(seconds=self.window_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderView:
    """What core knows of a provider: its name as an opaque word, and what it can promise."""

    name: str
    recovery: Recovery
    validity_min_s: float = 0.0
    """The shortest validity the provider accepts; a message with less life left is not given to it."""


Providers = dict[Channel, tuple[ProviderView, ...]]
"""Providers of each channel that may be used now, the preferred first."""
