"""Dated routing policies: which channels, in which order and for how long, a kind of notification is tried.

What belongs here: reading and checking the policy file, the policy in force, and the route for one person. What does
not: trying the steps (``cascade``), opening the file (``wiring``) and providers' words (``channels``).
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeGuard

from esoz_notify.core.channel import GUARANTEED, Channel, Step
from esoz_notify.core.errors import ConfigError, NotifyError
from esoz_notify.core.explain import Explanation, explain
from esoz_notify.core.kinds import PolicyColumn
from esoz_notify.core.kyiv import kyiv_date
from esoz_notify.core.toml import read_toml

WINDOW_S_MIN = 1
WINDOW_S_MAX = 86_400

VERSION_RULE = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)


class NoPolicyInForce(NotifyError):
    """No policy had begun on the day asked about."""

    code = "no_policy_in_force"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One dated policy. ``from_date``: the first Kyiv calendar day it is in force; it ends where the next begins."""

    version: str
    from_date: date
    routes: Mapping[PolicyColumn, tuple[Step, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Policies, the earliest first; at least one. Of two that begin on one day the later in the row is in force."""

    all: tuple[Policy, ...]

    def in_force(self, at: datetime) -> Policy:
        """Give the policy of the Kyiv calendar day of an aware time. Raises NoPolicyInForce before the first one."""
        return self.on(kyiv_date(at))

    def on(self, day: date) -> Policy:
        """Give the policy of a Kyiv calendar day. Raises NoPolicyInForce before the first one."""
        begun = [policy for policy in self.all if policy.from_date <= day]
        if not begun:
            raise NoPolicyInForce(
                f"the first routing policy begins on {self.all[0].from_date}; add an earlier one to the policy file"
            )
        return begun[-1]

    def joined(self, published: Iterable[Policy]) -> "Policies":
        """These and others that were published beside them, which go before on a day on which both begin."""
        return Policies(all=tuple(sorted((*self.all, *published), key=lambda one: one.from_date)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Steps for one person, and the steps of the policy that were left out, each with its reason."""

    steps: tuple[Step, ...]
    skipped: tuple[tuple[Channel, Explanation], ...]


def route_for(policy: Policy, column: PolicyColumn, *, has_tax_id: bool, configured: Collection[Channel]) -> Route:
    """Give the route of one person: the policy's steps without those that cannot reach them.

    Guaranteed channels are never left out, so a route is never empty and still ends in one of them.
    """
    steps: list[Step] = []
    skipped: list[tuple[Channel, Explanation]] = []
    for step in policy.routes[column]:
        if step.channel not in GUARANTEED and step.channel not in configured:
            skipped.append((step.channel, explain("channel_not_configured")))
        elif step.channel is Channel.DIIA and not has_tax_id:
            skipped.append((step.channel, explain("diia_without_tax_id")))
        else:
            steps.append(step)
    return Route(steps=tuple(steps), skipped=tuple(skipped))


def load_policies(text: str, *, source: str, providers: Mapping[Channel, Sequence[str]]) -> Policies:
    """Read and check a policy file. ``source`` names it in errors; ``providers``: the configured ones of each channel.

    Raises:
        ConfigError: naming the file and line of every broken rule, the rule and the fix.

    """
    try:
        document = read_toml(text)
    except ValueError as error:
        raise ConfigError(f"{source}:{_syntax_line(str(error), text)}: is not TOML: {error}") from None
    reading = _Reading(source=source, text=text, providers=providers)
    for key in document:
        if key != "policy":
            reading.fault(reading.top_line(key), f"unknown key {key!r}; the file holds only [[policy]] tables")
    tables = document.get("policy")
    if not _is_list(tables) or not tables:
        reading.fault(1, "has no policy; add at least one [[policy]] table")
        tables = []
    policies = [_policy(reading, index, table) for index, table in enumerate(tables)]
    _check_order(reading, policies)
    if reading.faults:
        raise ConfigError("\n".join(reading.faults))
    return Policies(all=tuple(policy for policy in policies if policy))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """The text being read: tomllib tells no lines for values, so they are found by looking for the n-th table's key."""

    source: str
    text: str
    providers: Mapping[Channel, Sequence[str]]
    faults: list[str] = field(default_factory=list)

    def fault(self, line: int, rule: str) -> None:
        self.faults.append(f"{self.source}:{line}: {rule}")

    def at(self, index: int, rule: str, key: str = "", step: int = 0) -> None:
        """Remember a fault of a policy (from 0), at its key if named, at the step (from 1) of its list if given."""
        lines = self.text.splitlines()
        headers = [number for number, line in enumerate(lines, 1) if re.match(r"\s*\[\[\s*policy\s*\]\]", line)]
        start = headers[index] if index < len(headers) else 1
        end = headers[index + 1] - 1 if index + 1 < len(headers) else len(lines)
        line = _key_line(lines, key, start, end) if key else start
        self.fault(_step_line(lines, step, line, end), f"policy {index + 1}: {rule}")

    def top_line(self, key: str) -> int:
        lines = self.text.splitlines()
        return _key_line(lines, key, 1, len(lines))


def _key_line(lines: list[str], key: str, start: int, end: int) -> int:
    """Line of a key or of its table header within start..end; start if it is spelled in another way."""
    word = re.compile(rf"\s*(\[+\s*(policy\.)?)?[\"']?{re.escape(key)}[\"']?\s*[=\].]")
    return next((number for number in range(start, end + 1) if word.match(lines[number - 1])), start)


def _step_line(lines: list[str], step: int, start: int, end: int) -> int:
    """Line where the step-th inline table opens after a key; the key's own line if there are not so many."""
    opened = 0
    for number in range(start, end + 1):
        opened += lines[number - 1].split("#")[0].count("{")
        if opened >= step:
            return number
    return start


def _syntax_line(message: str, text: str) -> int:
    told = re.search(r"\(at line (\d+)", message)
    return int(told.group(1)) if told else max(1, len(text.splitlines()))


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _is_table(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _policy(reading: _Reading, index: int, table: object) -> Policy | None:
    if not _is_table(table):
        reading.at(index, "must be a table; write it as [[policy]]")
        return None
    known = ("version", "from", *PolicyColumn)
    for key in table:
        if key not in known:
            reading.at(index, f"unknown key {key!r}; a policy has {', '.join(known)}", key)
    version, from_date = table.get("version"), table.get("from")
    if not isinstance(version, str) or not VERSION_RULE.fullmatch(version):
        reading.at(index, "version must be 1 to 40 of A-Z a-z 0-9 . _ - in quotes", "version")
        version = f"policy {index + 1}"
    if not isinstance(from_date, date) or isinstance(from_date, datetime):
        reading.at(index, "from must be a date without quotes, such as from = 2025-09-10", "from")
        from_date = None
    routes = {column: _route(reading, index, column, table.get(column)) for column in PolicyColumn}
    return Policy(version=version, from_date=from_date, routes=routes) if from_date else None


def _route(reading: _Reading, index: int, column: PolicyColumn, rows: object) -> tuple[Step, ...]:
    if not _is_list(rows) or not rows:
        reading.at(index, f'{column} must be a list of steps, such as {column} = [{{channel = "sms"}}]', column)
        return ()
    steps: list[Step] = []
    for number, row in enumerate(rows, 1):
        is_last = number == len(rows)
        faults, step = _step(row, is_last=is_last)
        if step:
            faults += _place_faults(step.channel, [earlier.channel for earlier in steps], is_last=is_last)
            faults += _promise_faults(step.channel, reading.providers) if is_last else []
            steps.append(step)
        for fault in faults:
            # Only tables open a brace to be found by; a step that is not one is told where the last table opens.
            reading.at(index, f"{column} step {number}: {fault}", column, sum(map(_is_table, rows[:number])))
    return tuple(steps)


def _step(row: object, *, is_last: bool) -> tuple[list[str], Step | None]:
    """Read one step: what is wrong with it by itself, and the step if its channel is known."""
    if not _is_table(row):
        return ['must be a table, such as {channel = "viber", window_s = 20}'], None
    faults = [
        f"unknown key {key!r}; a step has channel and window_s" for key in row if key not in {"channel", "window_s"}
    ]
    window_s = row.get("window_s")
    if is_last and window_s is not None:
        faults.append("the last step has no window_s, since nothing follows it; remove window_s")
    if not is_last and not _is_window(window_s):
        faults.append(f"window_s must be from {WINDOW_S_MIN} to {WINDOW_S_MAX} seconds; only the last step has none")
    channel = row.get("channel")
    if not isinstance(channel, str) or channel not in list(Channel):
        faults.append(f"channel must be one of {', '.join(Channel)}")
        return faults, None
    return faults, Step(Channel(channel), float(window_s) if _is_window(window_s) else None)


def _is_window(value: object) -> TypeGuard[int | float]:
    # bool is an int to Python, not to whoever wrote the file; nan compares false with every limit.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and WINDOW_S_MIN <= value <= WINDOW_S_MAX


def _place_faults(channel: Channel, earlier: list[Channel], *, is_last: bool) -> list[str]:
    faults = []
    if channel in earlier:
        faults.append(f"{channel} is already in this route; each channel has one step")
    if channel is Channel.PRINT and not is_last:
        faults.append("print ends a route: nothing tells when paper has failed; make it the last step")
    return faults


def _promise_faults(channel: Channel, providers: Mapping[Channel, Sequence[str]]) -> list[str]:
    if channel not in GUARANTEED:
        guaranteed = " or ".join(sorted(GUARANTEED))
        return [f"{channel} does not reach everybody, so a route cannot end with it; end it with {guaranteed}"]
    if channel is not Channel.PRINT and not providers.get(channel):
        return [f"{channel} is the guaranteed last step and no provider of it is configured; configure one"]
    return []


def _check_order(reading: _Reading, policies: Sequence[Policy | None]) -> None:
    """Policies stand in the order of their dates, so that the file reads as the history that it is."""
    seen: list[Policy] = []
    for index, policy in enumerate(policies):
        if policy is None:
            continue
        if any(policy.version == earlier.version for earlier in seen):
            reading.at(index, f"version {policy.version} is used by an earlier policy; give each its own", "version")
        if any(policy.from_date <= earlier.from_date for earlier in seen):
            reading.at(index, f"from {policy.from_date} must be later than in every policy above; reorder", "from")
        seen.append(policy)
