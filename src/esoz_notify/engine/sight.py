"""What decisions of one batch may know of the providers.

What belongs here: the values handed to ``applying``. What does not: how they come about (``outlook``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from esoz_notify.core.channel import Channel, Providers

ProvidersNow = Callable[[], Providers]


@dataclass(frozen=True, slots=True)
class Sight:
    """``usable``: providers of each channel that may be used for a lane; ``free``: those that also have room for more.

    ``took`` hears of each message given to a provider, so that the next decision of the batch knows. ``configured``:
    channels that have a provider at all. ``holds``: whether an attempt, by its notification and number, is in this
    worker's own hands. ``away``: providers that this worker cannot use now and another can; ``wide``: the same sight
    with those among the providers; None when there are none.
    """

    usable: Callable[[str], Providers]
    free: Callable[[str], Providers]
    took: Callable[[str, str], None]
    configured: frozenset[Channel] = frozenset()
    holds: Callable[[UUID, int], bool] = lambda _, __: False
    away: frozenset[str] = frozenset()
    wide: "Sight | None" = None


def as_sight(providers: Sight | ProvidersNow) -> Sight:
    """A sight of providers that always have room, from a function that just names them."""
    if isinstance(providers, Sight):
        return providers
    return Sight(lambda _: providers(), lambda _: providers(), lambda _, __: None)
