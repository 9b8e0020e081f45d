"""The time diagram of one notification, to scale: windows as bands, attempts as lines, receipts as marks.

What belongs here: from times to places in a view box. What does not: what was late (``core.story``), sentences
(``story_told``), how it looks (the style sheet). All that it shows is said in words beside it.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from esoz_notify.console.story_told import elapsed
from esoz_notify.console.told import channel_name
from esoz_notify.console.words import WORDS
from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import Attempt
from esoz_notify.core.receipts import NEGATIVE, POSITIVE
from esoz_notify.core.status import is_terminal
from esoz_notify.core.story import Heard, Stay
from esoz_notify.engine.stories import Story
from esoz_notify.render.decisions import RECEIPTS

WIDE, NARROW = 1000, 340
LANE_HEIGHT, AXIS_HEIGHT = 72, 26
MARGIN = 14
LATER_SHARE = 0.16
"""Of the width is for what came so much later that to scale it would leave no room for the rest."""
LATER_TIMES, LATER_AFTER_S = 6, 10.0
TICKS_MAX = {WIDE: 9, NARROW: 4}
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_WORD_WIDTH = 44


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time. ``is_open``: its end is not known yet, or is that of the picture."""

    x: float
    width: float
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment. ``shape``: a class of the style sheet; ``word``: beside it, when it should be read at once."""

    x: float
    shape: str
    title: str
    word: str = ""
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Lane:
    """One stay at a step."""

    y: int
    channel: Channel
    label: str
    band: Span
    lines: tuple[Span, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """The picture. ``break_x``: from where it is not to scale, and ``beyond``: how much later what stands there was.

    ``over_x``: where the validity ends, if on it.
    """

    width: int
    height: int
    lanes: tuple[Lane, ...]
    ticks: tuple[Mark, ...]
    break_x: float | None
    beyond: str
    over_x: float | None


class Scale:
    """From moments to places: linear from the beginning; what came much later stands in order, not to scale."""

    def __init__(self, begin: datetime, moments: Iterable[datetime], width: float) -> None:
        known = sorted({max(begin, one) for one in moments})
        cut = _cut(begin, known)
        self.begin = begin
        self.later = known[cut:]
        self.last = known[-1]
        self.length_s = max(1.0, (known[cut - 1] - begin).total_seconds() * 1.02)
        self.right = width - MARGIN
        self.linear_right = self.right - (width * LATER_SHARE if self.later else 0)

    def x(self, at: datetime) -> float:
        """The place of a moment; those beyond the picture are at its edge."""
        part = (at - self.begin).total_seconds() / self.length_s
        if not self.later or part <= 1:
            return round(MARGIN + min(max(part, 0.0), 1.0) * (self.linear_right - MARGIN), 1)
        place = (bisect_left(self.later, at) + 1) / (len(self.later) + 1)
        return round(self.linear_right + min(place, 1.0) * (self.right - self.linear_right), 1)

    def span(self, begin: datetime, end: datetime | None) -> Span:
        """From one moment to another; None: to the edge."""
        x = self.x(begin)
        return Span(x, round((self.right if end is None else self.x(end)) - x, 1), end is None)


def _cut(begin: datetime, known: list[datetime]) -> int:
    """How many of the moments are drawn to scale."""
    for place, (one, following) in enumerate(pairwise(known), start=1):
        so_far_s = (one - begin).total_seconds()
        if so_far_s > LATER_AFTER_S and (following - begin).total_seconds() > LATER_TIMES * so_far_s:
            return place
    return len(known)


def chart(story: Story, lang: str, width: int) -> Chart:
    """Draw it, ``width`` units wide."""
    state = story.stored.state
    scale = Scale(state.accepted_at, _moments(story), width)
    lanes = tuple(_lane(story, stay, place, scale, lang) for place, stay in enumerate(story.stays))
    return Chart(
        width=width,
        height=len(lanes) * LANE_HEIGHT + AXIS_HEIGHT,
        lanes=lanes,
        ticks=tuple(_ticks(scale, lang, TICKS_MAX[width])),
        break_x=scale.linear_right if scale.later else None,
        beyond=elapsed((scale.last - scale.begin).total_seconds(), lang) if scale.later else "",
        over_x=scale.x(state.valid_until) if state.valid_until <= scale.last else None,
    )


def _moments(story: Story) -> Iterable[datetime]:
    yield story.stored.state.accepted_at
    if not is_terminal(story.stored.state.status):
        yield story.now
    for stay in story.stays:
        yield from (one for one in (stay.began_at, stay.window_ends_at, stay.left_at) if one is not None)
    yield from (one.at for one in story.heard)
    for attempt in story.stored.state.attempts:
        yield from (one for one in (attempt.called_at, attempt.submitted_at, attempt.ended_at) if one is not None)


def _lane(story: Story, stay: Stay, place: int, scale: Scale, lang: str) -> Lane:
    words = WORDS[lang]
    attempts = [story.stored.state.attempts[no] for no in stay.attempts]
    name = channel_name(stay.channel, lang)
    if stay.window_ends_at is not None:
        window = elapsed((stay.window_ends_at - stay.began_at).total_seconds(), lang)
        label = f"{name}: {words['look_story_window'].format(window=window)}"
    else:
        label = f"{name}: {words['look_story_passed' if stay.left_at == stay.began_at else 'look_story_no_window']}"
    marks = [one for attempt in attempts for one in _calls(attempt, scale, lang)]
    marks += [_receipt(one, scale, lang) for one in story.heard if one.attempt_no in stay.attempts]
    return Lane(
        y=place * LANE_HEIGHT,
        channel=stay.channel,
        label=label,
        band=scale.span(stay.began_at, stay.window_ends_at or stay.left_at),
        lines=tuple(scale.span(one.started_at, one.ended_at or stay.left_at) for one in attempts),
        marks=tuple(_apart(marks)),
    )


def _calls(attempt: Attempt, scale: Scale, lang: str) -> Iterable[Mark]:
    words = WORDS[lang]
    yield Mark(scale.x(attempt.started_at), "call", words["look_story_mark_call"].format(no=attempt.no + 1))
    if attempt.submitted_at is not None:
        yield Mark(scale.x(attempt.submitted_at), "taken", words["look_story_mark_taken"].format(no=attempt.no + 1))


def _receipt(one: Heard, scale: Scale, lang: str) -> Mark:
    words, x = WORDS[lang], scale.x(one.at)
    shape = "proof" if one.state in POSITIVE else "failure" if one.state in NEGATIVE else "taken"
    after = elapsed((one.at - scale.begin).total_seconds(), lang)
    title = f"{RECEIPTS[one.state][lang == 'en']}, {words['look_story_after'].format(time=after)}"
    if one.late is None:
        return Mark(x, shape, title)
    anchor = "start" if x < _WORD_WIDTH else "end" if x > scale.right - _WORD_WIDTH else "middle"
    return Mark(x, f"late {shape}", f"{title}, {words['look_story_late']}", words["look_story_late"], anchor)


def _apart(marks: Iterable[Mark]) -> Iterable[Mark]:
    """Words beside marks only where one does not lie over the other; the shape says the same."""
    taken = -1.0 * _WORD_WIDTH
    for one in marks:
        has_room = one.x - taken >= _WORD_WIDTH
        yield one if has_room else replace(one, word="")
        if one.word and has_room:
            taken = one.x


def _ticks(scale: Scale, lang: str, count_max: int) -> Iterable[Mark]:
    days_s = math.ceil(scale.length_s / count_max / _STEPS_S[-1]) * _STEPS_S[-1]
    step_s = next((one for one in _STEPS_S if scale.length_s / one <= count_max), days_s)
    for number in range(int(scale.length_s / step_s) + 1):
        after_s = number * step_s
        x = scale.x(scale.begin + timedelta(seconds=after_s))
        anchor = "start" if x < _WORD_WIDTH else "end" if x > scale.right - _WORD_WIDTH / 2 else "middle"
        if number and x > scale.linear_right - _WORD_WIDTH / 2 and scale.later:
            break
        yield Mark(x, "tick", "", elapsed(after_s, lang) if number else "0", anchor)
