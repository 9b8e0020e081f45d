"""How many parts all workers together may submit to one provider, in every window of one second: counted exactly.

What belongs here: the book of what was allowed lately, and how much more may be. What does not: where the book is kept
and who asks (``store``, ``engine``). Pure: every time is seconds of the ledger's clock, handed in.

A grant says: so many parts, until then. Nobody knows when in that time they are submitted, so the book counts all of
them over all of it. A worker that asks again tells what it has used and when at the latest, which takes their place;
what it has not used is free at once. One that never asks again counts in full until its grant is over. A window can
hold only parts of grants that end after it began: when they come to no more than the contract's parts, no window does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

GUARD_S = 0.05
"""Windows are counted so much longer: parts that were submitted evenly may come together on their way."""
GRANT_LIFE_S = 0.5
SLICES = 10
"""No grant is more than such a share of a window, so that one worker does not take what others need too."""
CODES_SHARE = 0.1
"""So much of every window only codes may take."""
_STEP_S = 0.02
"""Times of use are written down rounded up to so much, which keeps the book short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What is agreed: at most ``parts`` in every ``window_s``; of them ``for_codes`` may be had by nothing else."""

    parts: int
    window_s: float
    for_codes: int


def rate_of(per_s: float) -> Rate:
    """The rate of a contract: whole parts in a second, or one part in a longer window when it is less than one."""
    parts = max(math.floor(per_s), 1)
    return Rate(parts=parts, window_s=max(1.0, 1 / per_s), for_codes=math.ceil(parts * CODES_SHARE) if parts > 1 else 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """So many parts, submitted or yet to be, at ``until_s`` at the latest. ``holder``: whose grant it is; "": used."""

    holder: str
    count: int
    until_s: float


@dataclass(frozen=True, slots=True)
class Use:
    """So many parts were submitted, the last of them ``age_s`` before it is told."""

    age_s: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a worker tells and wants. ``used``: since it asked last; its earlier grant is over with this."""

    holder: str
    used: Sequence[Use]
    codes: int
    rest: int


@dataclass(frozen=True, slots=True)
class Grant:
    """Parts that may be submitted within GRANT_LIFE_S of asking. ``wait_s``: asking sooner for more is no use."""

    codes: int
    rest: int
    wait_s: float


def grant(book: Sequence[Entry], ask: Ask, rate: Rate, now_s: float) -> tuple[tuple[Entry, ...], Grant]:
    """Settle what was used and allow what there is. ``now_s``: not earlier than the moment of asking."""
    counted_s = rate.window_s + GUARD_S
    used = [Entry("", one.count, _up(now_s - one.age_s)) for one in ask.used]
    kept = [one for one in book if one.holder != ask.holder or not one.holder]
    kept = [one for one in (*kept, *used) if one.until_s > now_s - counted_s]
    taken = sum(one.count for one in kept)
    slice_ = math.ceil(rate.parts / SLICES)
    codes = max(min(ask.codes, slice_, rate.parts - taken), 0)
    rest = max(min(ask.rest, slice_ - codes, rate.parts - rate.for_codes - taken - codes), 0)
    if codes + rest:
        kept.append(Entry(ask.holder, codes + rest, now_s + GRANT_LIFE_S))
    lacks = (ask.codes and not codes) or (ask.rest and not rest and not codes)
    wait_s = min((one.until_s for one in kept), default=now_s) + counted_s - now_s if lacks else 0.0
    return _together(kept), Grant(codes, rest, max(wait_s, 0.0))


def _up(at_s: float) -> float:
    return math.ceil(at_s / _STEP_S) * _STEP_S


def _together(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Entries with what was used at the same time as one."""
    counts: dict[tuple[str, float], int] = {}
    for one in entries:
        counts[one.holder, one.until_s] = counts.get((one.holder, one.until_s), 0) + one.count
    return tuple(Entry(holder, count, until_s) for (holder, until_s), count in counts.items())
