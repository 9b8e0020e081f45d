"""One notification as sentences that can be read aloud: who, why, by what way, what happened when.

What belongs here: choosing and filling sentences. What does not: the sentences of decisions (``words_story``), what
they mean (core), pictures (``story_chart``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from esoz_notify.console.numerals import money
from esoz_notify.console.told import channel_name, moment
from esoz_notify.console.words import WORDS
from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import (
    AttemptAccepted,
    AttemptStarted,
    Because,
    Ended,
    Fact,
    RetryPlanned,
    StepEnded,
    StepWaits,
)
from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.receipts import NEGATIVE, POSITIVE, Reason
from esoz_notify.core.story import Heard
from esoz_notify.engine.audit import id_of
from esoz_notify.engine.stories import Story
from esoz_notify.render.decisions import BECAUSE, RECEIPTS
from esoz_notify.render.labels import OUTCOME_LABELS, REASON_LABELS, STATUS_LABELS, Colour

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One moment of the story. ``after``: since it was accepted; ``said``: the provider's own words, if any.

    ``raw``: the number by which the receipt is shown as it came; None when there is none.
    """

    at: datetime
    clock: str
    after: str
    text: str
    colour: Colour
    late: str = ""
    said: str = ""
    raw: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One attempt in short."""

    no: int
    channel: str
    provider: str
    outcome: str
    colour: Colour
    why: str
    ids: str
    calls: int
    cost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the route: how long it waits, and what became of it."""

    channel: Channel
    name: str
    window: str
    fate: str


def timeline(story: Story, lang: str) -> list[Line]:
    """Everything that happened, the oldest first."""
    words, state = WORDS[lang], story.stored.state
    accepted = words["look_story_accepted"].format(system=story.stored.client_id)
    told = {id(one): _receipt(story, one, lang) for one in story.heard}
    of = {id(one.fact): told[id(one)] for one in story.heard if one.fact}
    # What was recorded at once stays in its order: a receipt comes before what followed from it.
    lines = [_line(story, lang, state.accepted_at, accepted)]
    lines += [of.get(id(one)) or _fact(story, one, lang) for one in story.facts]
    lines += [told[id(one)] for one in story.heard if not one.fact]
    return sorted(lines, key=lambda one: one.at)


def _line(  # noqa: PLR0913 - what a line is made of, by name
    story: Story,
    lang: str,
    at: datetime,
    text: str,
    *,
    colour: Colour = Colour.GREY,
    late: str = "",
    said: str = "",
    raw: int | None = None,
) -> Line:
    accepted_at = story.stored.state.accepted_at
    after_s = (at - accepted_at).total_seconds()
    after = WORDS[lang]["look_story_after"].format(time=elapsed(after_s, lang)) if after_s > 0 else ""
    clock = precise(at, accepted_at, lang)
    return Line(at=at, clock=clock, after=after, text=text, colour=colour, late=late, said=said, raw=raw)


def _fact(story: Story, fact: Fact, lang: str) -> Line:
    words = WORDS[lang]
    name = type(fact).__name__
    text = words[f"look_fact_{name}"].format_map(_words(story, fact, lang))
    if isinstance(fact, AttemptStarted) and fact.step_ends_at is not None:
        window = elapsed((fact.step_ends_at - fact.at).total_seconds(), lang)
        text = f"{text} {words['look_story_waits_for'].format(window=window)}"
    return _line(story, lang, fact.at, text, colour=_colour(fact), said=str(getattr(fact, "detail", "")))


def _colour(fact: Fact) -> Colour:
    match fact:
        case Ended(status=status):
            return STATUS_LABELS[status].colour
        case AttemptStarted() | AttemptAccepted():
            return Colour.BLUE
        case StepEnded() | StepWaits() | RetryPlanned():
            return Colour.AMBER
    return Colour.RED if type(fact).__name__ == "AttemptFailed" else Colour.GREY


def _words(story: Story, fact: Fact, lang: str) -> Mapping[str, str]:
    """What the sentence of a fact may be filled with."""
    state = story.stored.state
    found = {"no": "", "provider": "", "channel": "", "parts": str(getattr(fact, "part_count", ""))}
    if (no := getattr(fact, "no", None)) is not None:
        attempt = state.attempts[no]
        found |= {"no": str(no + 1), "provider": attempt.provider, "channel": channel_name(attempt.channel, lang)}
    if (step := getattr(fact, "step", None)) is not None:
        found["channel"] = channel_name(state.steps[step].channel, lang)
    if isinstance(because := getattr(fact, "because", None), Because):
        found["because"] = BECAUSE[because][lang == "en"]
    if isinstance(fact, RetryPlanned | StepWaits):
        found["retry_at"] = precise(fact.retry_at, state.accepted_at, lang)
    if isinstance(fact, Ended):
        found["status"] = STATUS_LABELS[fact.status].words(lang).label
    return {**found, "reason": _reason(getattr(fact, "reason", None), lang)}


def _reason(reason: Reason | None, lang: str) -> str:
    return f" ({REASON_LABELS[reason].words(lang).label})" if reason else ""


def _receipt(story: Story, one: Heard, lang: str) -> Line:
    words = WORDS[lang]
    attempt = story.stored.state.attempts[one.attempt_no]
    state = f"{RECEIPTS[one.state][lang == 'en']}{_reason(one.reason, lang)}"
    given = {"no": one.attempt_no + 1, "channel": channel_name(attempt.channel, lang), "provider": attempt.provider}
    text = words["look_story_receipt" if one.fact else "look_story_receipt_again"].format(state=state, **given)
    return _line(
        story,
        lang,
        one.at,
        text,
        colour=Colour.GREEN if one.state in POSITIVE else Colour.RED if one.state in NEGATIVE else Colour.GREY,
        late=words[f"look_late_{one.late}"] if one.late else "",
        said=one.detail,
        raw=one.received.id if one.received else None,
    )


def tried(story: Story, lang: str) -> list[Tried]:
    """Every attempt in short, in order."""
    found = []
    for one, cost in zip(story.stored.state.attempts, story.cost.attempts, strict=True):
        label = OUTCOME_LABELS[one.outcome]
        why = REASON_LABELS[one.reason].words(lang) if one.reason else None
        found.append(
            Tried(
                no=one.no,
                channel=channel_name(one.channel, lang),
                provider=one.provider,
                outcome=label.words(lang).label,
                colour=label.colour,
                why=f"{why.label}. {why.explanation}" if why else "",
                ids=", ".join(story.message_ids[one.no]),
                calls=one.calls,
                cost=money(cost, lang),
            )
        )
    return found


def steps(story: Story, lang: str) -> list[Step]:
    """The route, each step with its window and what became of it."""
    words = WORDS[lang]
    found = []
    for number, step in enumerate(story.stored.state.steps):
        window = words["look_story_to_the_end"]
        if step.window_s is not None:
            window = words["look_story_window"].format(window=elapsed(step.window_s, lang))
        name = channel_name(step.channel, lang)
        found.append(Step(channel=step.channel, name=name, window=window, fate=_fate(story, number, lang)))
    return found


def _fate(story: Story, number: int, lang: str) -> str:
    """What became of a step at its last stay."""
    words = WORDS[lang]
    stays = [one for one in story.stays if one.step == number]
    state = story.stored.state
    if not stays and state.steps[number].channel is Channel.PRINT and number == state.step:
        return STATUS_LABELS[state.status].words(lang).label
    if not stays:
        return words["look_story_not_needed" if state.ended_at else "look_story_not_yet"]
    last = stays[-1]
    if last.why_left is None:
        return words["look_story_going_on"]
    fate = BECAUSE[last.why_left][lang == "en"]
    return words["look_story_passed_because"].format(because=fate) if last.left_at == last.began_at else fate


def skipped(story: Story, lang: str) -> list[tuple[str, str]]:
    """Channels that were left out at the very beginning, each with the reason."""
    return [(channel_name(Channel(one["channel"]), lang), one[lang]) for one in story.stored.recipient["skipped"]]


def elapsed(seconds: float, lang: str) -> str:
    """A stretch of time as it is spoken: to the tenth of a second below a minute, then two units."""
    words = WORDS[lang]
    if seconds < _MINUTE_S:
        text = f"{max(0.0, seconds):.1f}".removesuffix(".0")
        return f"{text.replace('.', ',') if lang == 'uk' else text} {words['look_story_s']}"
    units = (("look_story_d", _DAY_S), ("look_story_h", _HOUR_S), ("look_story_min", _MINUTE_S), ("look_story_s", 1))
    whole = round(seconds)
    first = next(place for place, (_, unit_s) in enumerate(units) if whole >= unit_s)
    parts = []
    for name, unit_s in units[first : first + 2]:
        count, whole = divmod(whole, unit_s)
        if count:
            parts.append(f"{count} {words[name]}")
    return " ".join(parts)


def precise(at: datetime, near: datetime, lang: str) -> str:
    """A time in Kyiv to the tenth of a second; with its day when it is another than that of ``near``."""
    local = at.astimezone(KYIV)
    tenths = local.microsecond // 100_000
    clock = f"{local:%H:%M:%S}{',' if lang == 'uk' else '.'}{tenths}"
    return clock if local.date() == near.astimezone(KYIV).date() else f"{local:%d.%m} {clock}"


def deeds(story: Story, actions: Iterable[str], lang: str) -> list[tuple[str, str, str, str]]:
    """What people did: when, who, what, why."""
    wanted = set(actions)
    return [
        (moment(one.at, lang), id_of(one.name) or one.name, WORDS[lang][f"look_did_{one.action}"], one.why)
        for one in story.deeds
        if one.action in wanted
    ]
