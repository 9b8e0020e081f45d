"""Which of a channel's providers is given a message.

What belongs here: the choice among providers that may be used now. What does not: whether they may be used
(``breaker``), and what follows when none may (``cascade``).
"""

from collections.abc import Sequence
from datetime import datetime

from esoz_notify.core.channel import Providers, ProviderView, Step
from esoz_notify.core.delivery import Delivery


def of_step(step: Step, providers: Providers) -> Sequence[ProviderView]:
    """Those that may serve a step now: all of its channel, or the one it names."""
    views = providers.get(step.channel, ())
    return [view for view in views if view.name == step.provider] if step.provider is not None else views


def able(state: Delivery, views: Sequence[ProviderView], now: datetime) -> list[ProviderView]:
    """Those that take a message with the life left; none when it is over."""
    life_s = (state.valid_until - now).total_seconds()
    return [view for view in views if life_s > 0 and view.validity_min_s <= life_s]


def choose(state: Delivery, step: int, views: Sequence[ProviderView]) -> ProviderView:
    """The preferred provider, but never the one that has just failed while another is up. ``views`` is not empty."""
    tried = [attempt.provider for attempt in state.attempts if attempt.step == step]
    fresh = [view for view in views if view.name not in tried]
    others = [view for view in views if not tried or view.name != tried[-1]]
    return (fresh or others or views)[0]
