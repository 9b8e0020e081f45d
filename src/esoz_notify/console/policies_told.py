"""Policies, what they change and what a trial gave, in words and shapes.

What belongs here: choosing words for values. What does not: the values (``core.policy_draft``, ``core.policy_trial``),
the pages' fixed words (``words_policies``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from esoz_notify.console.numerals import local
from esoz_notify.console.told import channel_name
from esoz_notify.core.channel import GUARANTEED, Channel, Step
from esoz_notify.core.kinds import KINDS, PolicyColumn
from esoz_notify.core.policy import Policies, Policy
from esoz_notify.core.policy_draft import Change, ChangeKind, Draft, DraftState, changes
from esoz_notify.core.policy_trial import ENDED_COUNT_MIN, SEEN_COUNT_MIN, Figures, Trial
from esoz_notify.engine.policies import Seen, Shelf
from esoz_notify.render.labels import Colour

COLUMN_NAMES: Mapping[PolicyColumn, tuple[str, str]] = {
    PolicyColumn.CODES: ("Коди підтвердження", "Confirmation codes"),
    PolicyColumn.DOCUMENTS: ("Рецепти, направлення, плани", "Prescriptions, referrals, plans"),
    PolicyColumn.REST: ("Решта", "The rest"),
}
COLOURS: Mapping[DraftState, Colour] = {
    DraftState.DRAFT: Colour.AMBER,
    DraftState.COMING: Colour.BLUE,
    DraftState.IN_FORCE: Colour.GREEN,
    DraftState.PAST: Colour.GREY,
    DraftState.WITHDRAWN: Colour.GREY,
    DraftState.LAPSED: Colour.GREY,
}
_WORDS: Mapping[str, tuple[str, str]] = {
    "first": ("спершу", "first"),
    "then": (
        "якщо за {time} немає підтвердження доставки",
        "if delivery is not proved within {time}",
    ),
    "everybody": ("доходить до всіх", "reaches everybody"),
    "left_out": ("не налаштовано, крок пропускаємо", "not configured, the step is left out"),
    "seconds": ("{count} с", "{count} s"),
    "minutes": ("{count} хв", "{count} min"),
    "hours": ("{count} год", "{count} h"),
    "since": ("з {first}", "from {first}"),
    "between": ("з {first} до {last} включно", "from {first} to {last} inclusive"),
    "begins_coming": (
        "Почне діяти {first} о 00:00 за Києвом",
        "Begins on {first} at 00:00 in Kyiv",
    ),
    "begins_draft": (
        "Почала б діяти {first} о 00:00 за Києвом, якщо її опублікує інша людина",
        "Would begin on {first} at 00:00 in Kyiv, if another person publishes it",
    ),
    "meant": ("Мала діяти з {first}", "Was meant from {first}"),
    "no_change": ("без змін", "no change"),
    "added": ("{channel}: додано, чекаємо {after}", "{channel}: added, waits {after}"),
    "added_last": ("{channel}: додано, останній", "{channel}: added, the last"),
    "removed": ("{channel}: більше не пробуємо", "{channel}: not tried any more"),
    "window": ("{channel}: чекаємо {after} замість {before}", "{channel}: waits {after} instead of {before}"),
    "window_first": ("{channel}: більше не останній, чекаємо {after}", "{channel}: the last no more, waits {after}"),
    "window_last": ("{channel}: тепер останній", "{channel}: the last now"),
    "order": ("порядок: {ways}", "order: {ways}"),
    "few": (
        "Замало даних: за добу тут завершилося {count} сповіщень на телефон, а оцінка має сенс щонайменше зі {least}.",
        "Too few data: {count} notifications to phones ended here in a day; an estimate needs {least} at least.",
    ),
    "unseen": (
        "Оцінити не можна: за добу замало спроб каналом {channels} (треба щонайменше {least}).",
        "It cannot be estimated: too few tries by {channels} in a day ({least} are needed).",
    ),
    "sentence": (
        "За хвилину дізналося б {drafted} замість {really}; тисяча сповіщень коштувала б {cost} грн замість {costs}.",
        "Within a minute {drafted} would know, not {really}; a thousand would cost {cost} UAH, not {costs}.",
    ),
    "based": (
        "Підстава: {count} сповіщень на телефон, завершених за 24 години до {at}; до 500 із кожної години.",
        "Based on {count} notifications to phones, ended in the 24 hours before {at}; up to 500 of each hour.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One step. ``lead``: what leads to it; ``note``: what else is to be known of it, or nothing."""

    channel: Channel
    name: str
    lead: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnTold:
    """One column of a policy: its name, whose kinds follow it, and its steps."""

    name: str
    kinds: str
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A policy as a card. ``draft``: None of the file's."""

    version: str
    state: DraftState
    colour: Colour
    when: str
    columns: tuple[ColumnTold, ...]
    draft: Draft | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What changes in one column, line by line."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure of a trial beside its other, as bars of 0 to 100."""

    label: str
    really: str
    drafted: str
    really_width: float
    drafted_width: float


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a bar by channel. ``channel``: ``nobody`` of those who did not know."""

    channel: str
    name: str
    text: str
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTold:
    """One column of a trial; without a draft's figures ``sentence`` says why."""

    name: str
    count: int
    sentence: str
    pairs: tuple[Pair, ...] = ()
    really: tuple[Slice, ...] = ()
    drafted: tuple[Slice, ...] = ()


# --- cards ------------------------------------------------------------------------------------------------------------


def cards(shelf: Shelf, configured: Collection[Channel], lang: str) -> dict[str, list[Card]]:
    """Every policy by the part of the page it stands in: ``now``, ``coming``, ``drafts``, ``past``."""
    found: dict[str, list[Card]] = {"now": [], "coming": [], "drafts": [], "past": []}
    mine = {one.draft.policy.version for one in shelf.drafts}
    for policy in shelf.of_file.all:
        if policy.version not in mine:
            state = of_file_state(policy, shelf)
            found[_PARTS[state]].append(_card(policy, state, None, shelf.policies, configured, lang))
    for one in shelf.drafts:
        found[_PARTS[one.state]].append(card(one, shelf.policies, configured, lang))
    days = {one.version: one.from_date for one in shelf.of_file.all} | {
        one.draft.policy.version: one.draft.policy.from_date for one in shelf.drafts
    }
    for part, several in found.items():
        several.sort(key=lambda one: days[one.version], reverse=part == "past")
    return found


_PARTS = {
    DraftState.IN_FORCE: "now",
    DraftState.COMING: "coming",
    DraftState.DRAFT: "drafts",
    DraftState.PAST: "past",
    DraftState.WITHDRAWN: "past",
    DraftState.LAPSED: "past",
}


def of_file_state(policy: Policy, shelf: Shelf) -> DraftState:
    """Where a policy of the file is now."""
    begun = [one for one in shelf.policies.all if one.from_date <= shelf.today]
    if begun and begun[-1].version == policy.version:
        return DraftState.IN_FORCE
    return DraftState.PAST if policy.from_date <= shelf.today else DraftState.COMING


def card(one: Seen, policies: Policies, configured: Collection[Channel], lang: str) -> Card:
    """One policy of the ledger."""
    return _card(one.draft.policy, one.state, one.draft, policies, configured, lang)


def _card(  # noqa: PLR0913, PLR0917 - what a card is made of
    policy: Policy,
    state: DraftState,
    draft: Draft | None,
    policies: Policies,
    configured: Collection[Channel],
    lang: str,
) -> Card:
    return Card(
        version=policy.version,
        state=state,
        colour=COLOURS[state],
        when=_when(policy, state, policies, lang),
        columns=tuple(_column(column, policy.routes[column], configured, lang) for column in PolicyColumn),
        draft=draft,
    )


def _when(policy: Policy, state: DraftState, policies: Policies, lang: str) -> str:
    first = day(policy.from_date)
    if state in {DraftState.DRAFT, DraftState.COMING}:
        return _say(f"begins_{state}", lang, first=first)
    if state in {DraftState.WITHDRAWN, DraftState.LAPSED}:
        return _say("meant", lang, first=first)
    later = [one.from_date for one in policies.all if one.from_date > policy.from_date]
    if not later:
        return _say("since", lang, first=first)
    return _say("between", lang, first=first, last=day(later[0] - timedelta(days=1)))


def _column(column: PolicyColumn, steps: Sequence[Step], configured: Collection[Channel], lang: str) -> ColumnTold:
    titles = [kind.title_en if lang == "en" else kind.title_uk for kind in KINDS.values() if kind.column is column]
    ways = []
    for place, step in enumerate(steps):
        before = steps[place - 1].window_s if place else None
        ways.append(
            Way(
                channel=step.channel,
                name=channel_name(step.channel, lang),
                lead=_say("then", lang, time=duration(before, lang)) if before is not None else _say("first", lang),
                note=_note(step.channel, configured, lang),
            )
        )
    return ColumnTold(name=column_name(column, lang), kinds=", ".join(titles), ways=tuple(ways))


def _note(channel: Channel, configured: Collection[Channel], lang: str) -> str:
    if channel in GUARANTEED:
        return _say("everybody", lang)
    return "" if channel in configured else _say("left_out", lang)


# --- differences ------------------------------------------------------------------------------------------------------


def differences(before: Policy, after: Policy, lang: str) -> list[Difference]:
    """What one policy changes in another, in words, column by column."""
    found = changes(before, after)
    return [
        Difference(
            column_name(column, lang),
            tuple(_change(one, after, lang) for one in found if one.column is column) or (_say("no_change", lang),),
        )
        for column in PolicyColumn
    ]


def _change(one: Change, after: Policy, lang: str) -> str:
    if one.channel is None:
        ways = " → ".join(channel_name(step.channel, lang) for step in after.routes[one.column])
        return _say("order", lang, ways=ways)
    before_s, after_s = one.before_s, one.after_s
    word: str = one.kind.value
    if one.kind is ChangeKind.ADDED and after_s is None:
        word = "added_last"
    if one.kind is ChangeKind.WINDOW:
        word = "window_last" if after_s is None else "window_first" if before_s is None else "window"
    times = {"before": duration(before_s or 0, lang), "after": duration(after_s or 0, lang)}
    return _say(word, lang, channel=channel_name(one.channel, lang), **times)


# --- a trial ----------------------------------------------------------------------------------------------------------


def trial(one: Trial, words: Mapping[str, str], lang: str) -> TrialTold:
    """One column of a trial."""
    name = column_name(one.column, lang)
    if one.really is None:
        return TrialTold(name=name, count=one.count, sentence=_say("few", lang, count=one.count, least=ENDED_COUNT_MIN))
    if one.drafted is None:
        channels = ", ".join(channel_name(channel, lang) for channel in one.unseen)
        sentence = _say("unseen", lang, channels=channels, least=SEEN_COUNT_MIN)
        return TrialTold(name=name, count=one.count, sentence=sentence)
    really, drafted = one.really, one.drafted
    return TrialTold(
        name=name,
        count=one.count,
        sentence=_say(
            "sentence",
            lang,
            drafted=percent(drafted.within_60s, lang),
            really=percent(really.within_60s, lang),
            cost=money(drafted.cost_per_1000, lang),
            costs=money(really.cost_per_1000, lang),
        ),
        pairs=_pairs(really, drafted, words, lang),
        really=_slices(really, words, lang),
        drafted=_slices(drafted, words, lang),
    )


def _pairs(really: Figures, drafted: Figures, words: Mapping[str, str], lang: str) -> tuple[Pair, ...]:
    shares = [
        (words["look_trial_10"], really.within_10s, drafted.within_10s),
        (words["look_trial_60"], really.within_60s, drafted.within_60s),
        (words["look_trial_life"], really.within_life, drafted.within_life),
    ]
    pairs = [
        Pair(label, percent(was, lang), percent(would, lang), _width(was), _width(would))
        for label, was, would in shares
    ]
    was, would = really.cost_per_1000, drafted.cost_per_1000
    most = max(was, would) or Decimal(1)
    widths = _width(float(was / most)), _width(float(would / most))
    return (*pairs, Pair(words["look_trial_cost"], money(was, lang), money(would, lang), *widths))


def _slices(figures: Figures, words: Mapping[str, str], lang: str) -> tuple[Slice, ...]:
    rows = [(one.value, channel_name(one, lang), figures.by[one]) for one in Channel]
    rows.append(("nobody", words["look_trial_nobody"], max(0.0, 1 - figures.within_life)))
    found: list[Slice] = []
    x = 0.0
    for channel, name, share in rows:
        found.append(Slice(channel, name, percent(share, lang), round(x, 2), _width(share)))
        x += 100 * share
    return tuple(found)


def _width(share: float) -> float:
    return round(100 * share, 2)


def based(count: int, at: str, lang: str) -> str:
    """On what a trial is based."""
    return _say("based", lang, count=count, at=at)


# --- words ------------------------------------------------------------------------------------------------------------


def column_name(column: PolicyColumn, lang: str) -> str:
    """What a column is of."""
    return COLUMN_NAMES[column][lang == "en"]


def day(one: date) -> str:
    """A calendar day."""
    return f"{one:%d.%m.%Y}"


def duration(seconds: float, lang: str) -> str:
    """A window, in the largest unit that says it whole; seconds up to two minutes."""
    for unit_s, least_s, word in ((3600, 3600, "hours"), (60, 180, "minutes")):
        if seconds >= least_s and seconds % unit_s == 0:
            return _say(word, lang, count=f"{seconds / unit_s:.0f}")
    return _say("seconds", lang, count=local(f"{seconds:g}", lang))


def percent(share: float, lang: str) -> str:
    """A share, with a tenth where it is not whole."""
    text = f"{100 * share:.1f}".removesuffix(".0")
    return f"{local(text, lang)} %"


def money(value: Decimal, lang: str) -> str:
    """A sum, to the hryvnia from a hundred on."""
    text = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"  # noqa: PLR2004 - three figures are enough
    return local(text, lang)


def _say(word: str, lang: str, **values: object) -> str:
    return _WORDS[word][lang == "en"].format(**values)
