"""What a policy would have done to notifications that are over: an estimate from what their attempts showed.

The model, step by step of the draft for each notification:

1. The first step begins when the first attempt really began; the next when the window of the one before has ended, or
   as soon as that channel is known to have refused.
2. Where an attempt shows what this person's channel did, the step does the same: proved after the same time, refused
   after the same time, or silent. A channel that the cascade passed over (the person was remembered as not
   reachable there or has no tax number, or no provider was up) reaches nobody and takes no time.
3. Where nobody tried that channel with this person, the step is one of a few equally likely cases: the share that the
   channel reaches, at the times it takes, and the rest silent. Share and times are of the same column where enough was
   seen there, else of all columns together.
4. Nothing begins after proof has come. Messages that were begun cost, also those overtaken: Diia and Viber when they
   reach, SMS by its parts when it is handed over, with the mean of parts where none was sent. Print costs nothing here.

What belongs here: the arithmetic. What does not: reading the ledger (``store.policies``), pages (console).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.kinds import PolicyColumn

ENDED_COUNT_MIN = 100
"""Fewer notifications of a column say nothing of shares."""

SEEN_COUNT_MIN = 30
"""Fewer tries of a channel say nothing of it."""

CASES = 5
"""An unknown step that reaches somebody does so after one of so many times, of equal weight."""

SOON_S, MINUTE_S = 10.0, 60.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What one channel did with one person. Seconds from its beginning: until proof, or until it refused.

    None of both: silent to the end. ``parts``: what an operator bills, of SMS.
    """

    proved_s: float | None = None
    refused_s: float | None = None
    parts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One notification that is over, in seconds since it was accepted.

    ``begun_s``: its first attempt. ``told_s``: when it was first proved, or was printed. ``shown``: what is known of
    channels.
    """

    column: PolicyColumn
    life_s: float
    begun_s: float
    told_s: float | None
    told_by: Channel | None
    shown: Mapping[Channel, Shown]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Shares of all, 0 to 1, and the cost of a thousand. ``by``: who told, within the validity."""

    within_10s: float
    within_60s: float
    within_life: float
    by: Mapping[Channel, float]
    cost_per_1000: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One column. ``really`` and ``drafted``: None when too little was seen; ``unseen``: the channels of which."""

    column: PolicyColumn
    count: int
    really: Figures | None
    drafted: Figures | None
    unseen: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a channel behaves with people of whom nothing is known: the share it reaches, after which times."""

    share: float
    times_s: tuple[float, ...]
    parts: Decimal


@dataclass(frozen=True, slots=True)
class _Case:
    """One way a step may go, with its weight."""

    weight: float
    shown: Shown
    parts: Decimal


def trials(
    stories: Sequence[Story], routes: Mapping[PolicyColumn, Sequence[Step]], prices: Mapping[Channel, Decimal]
) -> tuple[Trial, ...]:
    """Try the routes of a draft, without the channels that no provider serves, on notifications that are over."""
    return tuple(_trial(column, stories, routes[column], prices) for column in PolicyColumn)


def _trial(
    column: PolicyColumn, stories: Sequence[Story], steps: Sequence[Step], prices: Mapping[Channel, Decimal]
) -> Trial:
    own = [one for one in stories if one.column is column]
    if len(own) < ENDED_COUNT_MIN:
        return Trial(column=column, count=len(own), really=None, drafted=None)
    manners: dict[Channel, _Manner] = {}
    unseen = []
    for step in steps:
        manner = _manner(step.channel, own) or _manner(step.channel, stories)
        if manner is None:
            unseen.append(step.channel)
        else:
            manners[step.channel] = manner
    really = _figures(own, map(_really, own), prices)
    if unseen:
        return Trial(column=column, count=len(own), really=really, drafted=None, unseen=tuple(unseen))
    drafted = _figures(own, (_drafted(one, steps, manners) for one in own), prices)
    return Trial(column=column, count=len(own), really=really, drafted=drafted)


def _manner(channel: Channel, stories: Sequence[Story]) -> _Manner | None:
    """How a channel behaved; None when too few tries were seen. Paper is there at once, and needs no proof."""
    if channel is Channel.PRINT:
        return _Manner(1.0, (0.0,), Decimal(0))
    seen = [one.shown[channel] for one in stories if channel in one.shown]
    if len(seen) < SEEN_COUNT_MIN:
        return None
    times_s = sorted(one.proved_s for one in seen if one.proved_s is not None)
    billed = [one.parts for one in seen if one.parts]
    parts = Decimal(sum(billed)) / len(billed) if billed else Decimal(1)
    middles = tuple(times_s[(2 * place + 1) * len(times_s) // (2 * CASES)] for place in range(CASES)) if times_s else ()
    return _Manner(len(times_s) / len(seen), middles, parts)


# --- one notification -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _End:
    """One way a notification may end, with its weight: when and by whom it was told, and what was begun for it."""

    weight: float
    told_s: float | None
    by: Channel | None
    reached: tuple[Channel, ...]
    parts: Decimal


def _really(story: Story) -> list[_End]:
    reached = tuple(channel for channel, one in story.shown.items() if one.proved_s is not None)
    parts = Decimal(sum(one.parts for one in story.shown.values()))
    return [_End(1.0, story.told_s, story.told_by, reached, parts)]


def _drafted(story: Story, steps: Sequence[Step], manners: Mapping[Channel, _Manner]) -> list[_End]:
    begun = _End(1.0, None, None, (), Decimal(0))
    return list(_walk(story, steps, manners, story.begun_s, begun))


def _walk(
    story: Story, steps: Sequence[Step], manners: Mapping[Channel, _Manner], at_s: float, so_far: _End
) -> Iterator[_End]:
    """Every way it may go from a step on that would begin ``at_s``."""
    is_told = so_far.told_s is not None and so_far.told_s <= at_s
    if not steps or is_told or at_s >= story.life_s:
        yield so_far
        return
    step, later = steps[0], steps[1:]
    for case in _cases(step.channel, story, manners):
        proof_s = at_s + case.shown.proved_s if case.shown.proved_s is not None else None
        is_first = proof_s is not None and (so_far.told_s is None or proof_s < so_far.told_s)
        end = _End(
            so_far.weight * case.weight,
            proof_s if is_first else so_far.told_s,
            step.channel if is_first else so_far.by,
            (*so_far.reached, step.channel) if proof_s is not None else so_far.reached,
            so_far.parts + case.parts,
        )
        waits_s = [one for one in (step.window_s, case.shown.refused_s) if one is not None]
        yield from _walk(story, later, manners, at_s + min(waits_s, default=0.0), end)


def _cases(channel: Channel, story: Story, manners: Mapping[Channel, _Manner]) -> Iterator[_Case]:
    known, manner = story.shown.get(channel), manners[channel]
    if known is not None:
        yield _Case(1.0, known, Decimal(known.parts))
        return
    parts = manner.parts if channel is Channel.SMS else Decimal(0)
    for time_s in manner.times_s:
        yield _Case(manner.share / len(manner.times_s), Shown(proved_s=time_s), parts)
    if manner.share < 1:
        yield _Case(1 - manner.share, Shown(), parts)


# --- all of them ------------------------------------------------------------------------------------------------------


def _figures(stories: Sequence[Story], ends: Iterable[list[_End]], prices: Mapping[Channel, Decimal]) -> Figures:
    soon = minute = 0.0
    by = dict.fromkeys(Channel, 0.0)
    cost = Decimal(0)
    for story, ways in zip(stories, ends, strict=True):
        for end in ways:
            cost += Decimal(end.weight) * _cost(end, prices)
            if end.told_s is None or end.by is None or end.told_s > story.life_s:
                continue
            by[end.by] += end.weight
            soon += end.weight if end.told_s <= SOON_S else 0.0
            minute += end.weight if end.told_s <= MINUTE_S else 0.0
    count = len(stories)
    return Figures(
        within_10s=soon / count,
        within_60s=minute / count,
        within_life=sum(by.values()) / count,
        by={channel: weight / count for channel, weight in by.items()},
        cost_per_1000=1000 * cost / count,
    )


def _cost(end: _End, prices: Mapping[Channel, Decimal]) -> Decimal:
    messages = sum((prices.get(one, Decimal(0)) for one in end.reached if one is not Channel.SMS), Decimal(0))
    return messages + end.parts * prices[Channel.SMS]
