"""A decision to start an attempt that another worker carries out: this one cannot use the provider, the other can.

What belongs here: what is written down instead of the start. What does not: which worker can use what (``engine``).
"""

from collections.abc import Sequence

from esoz_notify.core.delivery import AttemptStarted, Delivery, Fact, RetryPlanned, evolve


def left_to_others(state: Delivery, facts: Sequence[Fact]) -> tuple[Delivery, tuple[Fact, ...]]:
    """``facts`` that followed for ``state``, with a look at this very moment in the place of the start of an attempt.

    Whoever takes it up decides for itself, by what it knows of the providers then.
    """
    kept = tuple(
        RetryPlanned(at=fact.at, retry_at=fact.at, because=fact.because) if isinstance(fact, AttemptStarted) else fact
        for fact in facts
    )
    for fact in kept:
        state = evolve(state, fact)
    return state, kept
