"""Reads what somebody typed to prepare a policy, and refuses what breaks a rule, all of it at once, in two languages.

What belongs here: the rules of a draft and their sentences. What does not: what becomes of it (``policy_draft``), the
rules of a file, which come with lines (``policy``).
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from esoz_notify.core.audit import is_personal
from esoz_notify.core.channel import GUARANTEED, Channel, Step
from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.core.explain import Explanation
from esoz_notify.core.kinds import KINDS, PolicyColumn
from esoz_notify.core.policy import VERSION_RULE, WINDOW_S_MAX, WINDOW_S_MIN, Policies, Policy
from esoz_notify.core.policy_draft import earliest_day, is_taken

REASON_LENGTH_MAX = 200
AHEAD_MAX_DAYS = 366
"""How long before its day a policy may be prepared."""

ROWS = len(Channel)
"""A route has at most one step by each channel."""

REST_SHARE_MIN = 0.5
"""The guaranteed channel must be left this share of the shortest validity of the column's kinds."""

_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A draft as it was typed. ``rows``: per column a channel and its seconds, a row of nothing where none is."""

    version: str
    from_date: str
    reason: str
    rows: Mapping[PolicyColumn, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a draft is held against: what counts already, versions that are used up, channels that have a provider."""

    policies: Policies
    versions: Collection[str]
    configured: Collection[Channel]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One broken rule. ``place``: ``version``, ``from``, ``reason``, a column, or a row of it (from 0): ``codes/1``."""

    place: str
    said: Explanation


class BadDraft(InvalidInput):
    """A draft breaks rules; ``flaws`` has each with its place and its sentences."""

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        super().__init__([Problem(f"/{one.place}", one.said.code, one.said.en) for one in flaws])
        self.flaws = tuple(flaws)


def read_draft(typed: Typed, ground: Ground, now: datetime) -> tuple[Policy, str]:
    """Read a draft: the policy, and the reason for it. Raises BadDraft with every broken rule."""
    reading = _Reading()
    version = _version(reading, typed.version.strip(), ground)
    from_date = _from_date(reading, typed.from_date.strip(), ground, now)
    reason = _reason(reading, "reason", typed.reason.strip())
    routes = {column: _route(reading, column, typed.rows.get(column, ()), ground) for column in PolicyColumn}
    if reading.flaws or from_date is None:
        raise BadDraft(reading.flaws)
    return Policy(version=version, from_date=from_date, routes=routes), reason


def read_why(text: str) -> str:
    """Read why a draft is taken back. Raises BadDraft, at ``why``."""
    reading = _Reading()
    why = _reason(reading, "why", text.strip())
    if reading.flaws:
        raise BadDraft(reading.flaws)
    return why


def promise_flaws(policy: Policy, configured: Collection[Channel]) -> tuple[Flaw, ...]:
    """Steps that nobody could serve: by a guaranteed channel, which no route leaves out, without any provider."""
    reading = _Reading()
    for column in PolicyColumn:
        for place, step in enumerate(policy.routes[column]):
            _check_promise(reading, f"{column}/{place}", step.channel, configured)
    return tuple(reading.flaws)


def shortest_validity_s(column: PolicyColumn) -> int:
    """How long the message of a column that lives shortest is worth delivering."""
    return min(kind.validity_s for kind in KINDS.values() if kind.column is column)


@dataclass(frozen=True, slots=True)
class _Reading:
    flaws: list[Flaw] = field(default_factory=list)

    def add(self, place: str, code: str, **numbers: object) -> None:
        en, uk = _SENTENCES[code]
        self.flaws.append(Flaw(place, Explanation(code, en.format(**numbers), uk.format(**numbers))))


def _version(reading: _Reading, text: str, ground: Ground) -> str:
    if not VERSION_RULE.fullmatch(text):
        reading.add("version", "version_format")
    elif text in ground.versions or any(text == one.version for one in ground.policies.all):
        reading.add("version", "version_used", version=text)
    return text


def _from_date(reading: _Reading, text: str, ground: Ground, now: datetime) -> date | None:
    first = earliest_day(now)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        reading.add("from", "from_format")
        return None
    if day < first:
        reading.add("from", "from_early", first=_day(first))
    elif day > first + timedelta(days=AHEAD_MAX_DAYS):
        reading.add("from", "from_far", days=AHEAD_MAX_DAYS)
    elif is_taken(day, ground.policies):
        reading.add("from", "from_taken", day=_day(day), version=ground.policies.on(day).version)
    return day


def _reason(reading: _Reading, place: str, text: str) -> str:
    if not 1 <= len(text) <= REASON_LENGTH_MAX or not text.isprintable():
        reading.add(place, "reason_length", most=REASON_LENGTH_MAX)
    elif is_personal(text):
        reading.add(place, "reason_personal")
    return text


def _route(
    reading: _Reading, column: PolicyColumn, rows: Sequence[tuple[str, str]], ground: Ground
) -> tuple[Step, ...]:
    typed = [(place, channel, window) for place, (channel, window) in enumerate(rows) if channel or window]
    if not typed:
        reading.add(column, "no_step")
        return ()
    before = len(reading.flaws)
    steps: list[Step] = []
    for place, channel_text, window_text in typed:
        at, is_last = f"{column}/{place}", place == typed[-1][0]
        window_s = _window(reading, at, window_text, is_last=is_last)
        if channel_text not in list(Channel):
            reading.add(at, "channel_unknown")
            continue
        channel = Channel(channel_text)
        _check_place(reading, at, channel, [one.channel for one in steps], is_last=is_last)
        _check_promise(reading, at, channel, ground.configured)
        steps.append(Step(channel, window_s))
    if len(reading.flaws) == before:
        _check_rest(reading, column, steps)
    return tuple(steps)


def _window(reading: _Reading, at: str, text: str, *, is_last: bool) -> float | None:
    if is_last:
        if text:
            reading.add(at, "window_after_last")
        return None
    if not _WHOLE.fullmatch(text) or not WINDOW_S_MIN <= int(text) <= WINDOW_S_MAX:
        reading.add(at, "window_bounds", least=WINDOW_S_MIN, most=WINDOW_S_MAX)
        return None
    return float(text)


def _check_place(reading: _Reading, at: str, channel: Channel, earlier: Sequence[Channel], *, is_last: bool) -> None:
    if channel in earlier:
        reading.add(at, "channel_twice")
    if channel is Channel.PRINT and not is_last:
        reading.add(at, "print_not_last")
    if is_last and channel not in GUARANTEED:
        reading.add(at, "end_not_guaranteed")


def _check_promise(reading: _Reading, at: str, channel: Channel, configured: Collection[Channel]) -> None:
    if channel in GUARANTEED and channel is not Channel.PRINT and channel not in configured:
        reading.add(at, "no_provider")


def _check_rest(reading: _Reading, column: PolicyColumn, steps: Sequence[Step]) -> None:
    waits_s, validity_s = sum(step.window_s or 0.0 for step in steps), shortest_validity_s(column)
    most_s = validity_s * (1 - REST_SHARE_MIN)
    if waits_s > most_s:
        reading.add(column, "rest_too_short", waits=f"{waits_s:.0f}", validity=validity_s, most=f"{most_s:.0f}")


def _day(day: date) -> str:
    return f"{day:%d.%m.%Y}"


_SENTENCES: Mapping[str, tuple[str, str]] = {
    "version_format": (
        "Give 1 to 40 Latin letters, digits, dots, dashes or underscores, such as 2027-01-15.",
        "Назвіть 1–40 латинськими літерами, цифрами, крапками, дефісами чи підкресленнями, наприклад 2027-01-15.",
    ),
    "version_used": (
        "{version} is the name of another policy or draft; give this one its own.",
        "Назву {version} вже має інша політика чи чернетка; дайте цій власну.",
    ),
    "from_format": ("Choose a date.", "Оберіть дату."),
    "from_early": (
        "A policy begins with a day that has not begun: the first is {first}. What cannot wait is a crisis switch.",
        "Політика починається з дня, який ще не настав: найраніше {first}. Що не чекає, те вмикає кризовий режим.",
    ),
    "from_far": (
        "Choose a day within {days} days; prepare later ones nearer to the time.",
        "Оберіть день у межах {days} днів; пізніші готуйте ближче до часу.",
    ),
    "from_taken": (
        "On {day} policy {version} begins; choose another day, or withdraw that one first.",
        "{day} починається політика {version}; оберіть інший день або спершу відкличте ту.",
    ),
    "reason_length": (
        "Say why in 1 to {most} characters on one line; it is shown and kept for good.",
        "Скажіть чому: від 1 до {most} символів одним рядком. Це видно всім і зберігається назавжди.",
    ),
    "reason_personal": (
        "No phones or tax numbers here: the reason is kept for good.",
        "Без телефонів і податкових номерів: причина зберігається назавжди.",
    ),
    "no_step": (
        "Choose at least one channel; the last must reach everybody: SMS or print.",
        "Оберіть хоча б один канал; останній має доходити до всіх: SMS або друк.",
    ),
    "channel_unknown": (
        "Choose a channel for these seconds, or clear them.",
        "Оберіть канал для цих секунд або приберіть їх.",
    ),
    "channel_twice": (
        "This channel is already above; each has one step.",
        "Цей канал уже є вище; кожен буває один раз.",
    ),
    "print_not_last": (
        "Print ends a route: nothing tells when paper has failed. Make it the last.",
        "Друк завершує шлях: ніщо не скаже, що папір не дійшов. Поставте його останнім.",
    ),
    "end_not_guaranteed": (
        "The last channel must reach everybody: add SMS or print after this one.",
        "Останній канал має доходити до всіх: додайте після цього SMS або друк.",
    ),
    "no_provider": (
        "No provider of this channel is configured, and a route cannot do without it.",
        "Для цього каналу не налаштовано провайдера, а обійтися без нього шлях не може.",
    ),
    "window_after_last": (
        "Nothing follows the last channel, so it has no seconds: clear them, or add a channel below.",
        "Після останнього каналу нічого нема, тож і секунд нема: приберіть їх або додайте канал нижче.",
    ),
    "window_bounds": (
        "Say after how many seconds without proof the next channel starts: {least} to {most}.",
        "Скажіть, через скільки секунд без підтвердження починається наступний канал: від {least} до {most}.",
    ),
    "rest_too_short": (
        "The windows take {waits} s of the {validity} s of validity; leave the last channel half: at most {most} s.",
        "Вікна забирають {waits} с із {validity} с чинності; лишіть останньому каналові половину: разом до {most} с.",
    ),
}
