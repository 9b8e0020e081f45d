"""The drill: each fault once, until every alarm of it has rung, then mended, until all are silent again.

What belongs here: the course and what it came to. What does not: showing it (the command line).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from esoz_notify.core.errors import InvalidInput, NotifyError, Problem
from esoz_notify.drill.alarms import ALARMS, SHORT, Alarm, rules
from esoz_notify.drill.faults import FAULTS
from esoz_notify.drill.house import House, a_house
from esoz_notify.drill.prometheus import MISSING, Watcher, a_watcher, is_there

LIMIT_S = 120.0
"""For an alarm to ring, for it to be silent, and for silence before a fault."""
LOOK_S = 0.25
QUIET_S = 3.0

Tell = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Ring:
    """What became of one alarm; None: it did not ring, or is not silent again."""

    alarm: Alarm
    fired_after_s: float | None = None
    cleared_after_s: float | None = None

    @property
    def ok(self) -> bool:
        """Whether it rang and stopped."""
        return self.fired_after_s is not None and self.cleared_after_s is not None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "alarm": self.alarm.name,
            "severity": self.alarm.severity.value,
            "cause": FAULTS[self.alarm.fault].what,
            "fired_after_s": self.fired_after_s,
            "cleared_after_s": self.cleared_after_s,
            "runbook": self.alarm.runbook,
            "ok": self.ok,
        }


@dataclass(slots=True, kw_only=True)
class Report:
    """What the drill came to. ``beside``: what else rang, by fault: one cause has several signs."""

    rings: list[Ring] = field(default_factory=list)
    beside: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every alarm rang and stopped."""
        return all(ring.ok for ring in self.rings)


def chosen(names: Sequence[str]) -> list[Alarm]:
    """The alarms of these names, or all. Raises InvalidInput for an unknown one."""
    known = {alarm.name: alarm for alarm in ALARMS}
    unknown = [name for name in names if name not in known]
    if unknown:
        rule = f"no alarm {', '.join(unknown)}; there are {', '.join(known)}"
        raise InvalidInput([Problem("/alarm", "unknown_alarm", rule)], detail=rule)
    return [known[name] for name in dict.fromkeys(names)] or list(ALARMS)


@contextmanager
def a_drill(templates: Mapping[str, str], tell: Tell) -> Iterator[tuple[House, Watcher]]:
    """Everything at work and watched. Raises NotifyError when Prometheus is missing."""
    if not is_there():
        raise NotifyError(MISSING)
    tell("starting PostgreSQL, the lab, an API and a worker")
    with a_house(templates) as house, a_watcher(house.folder, house.targets, rules(pace=SHORT)) as watcher:
        yield house, watcher


def drilled(house: House, watcher: Watcher, alarms: Sequence[Alarm], tell: Tell) -> Report:
    """Break and mend, fault by fault."""
    report = Report()
    by_fault: dict[str, list[Ring]] = {}
    for alarm in alarms:
        by_fault.setdefault(alarm.fault, []).append(Ring(alarm=alarm))
    for name, rings in by_fault.items():
        tell("waiting until all is quiet")
        _await_quiet(watcher)
        seen = _one(name, rings, house, watcher, tell)
        report.rings += rings
        report.beside[name] = sorted(seen - {ring.alarm.name for ring in rings})
    return report


def _one(name: str, rings: list[Ring], house: House, watcher: Watcher, tell: Tell) -> set[str]:
    """One fault; gives every alarm that rang during it."""
    fault, names, seen = FAULTS[name], {ring.alarm.name for ring in rings}, set[str]()
    began_s = time.monotonic()
    try:
        fault.begin(house)
        for ringing in _looking(watcher):
            seen |= ringing
            for ring in rings:
                if ring.fired_after_s is None and ring.alarm.name in ringing:
                    ring.fired_after_s = round(time.monotonic() - began_s, 1)
            tell(f"{fault.what}: {len(names & seen)} of {len(names)} ring")
            if names <= seen:
                break
    finally:
        mended_s = time.monotonic()
        fault.mend(house)
    for ringing in _looking(watcher):
        seen |= ringing
        for ring in rings:
            if ring.fired_after_s is not None and ring.cleared_after_s is None and ring.alarm.name not in ringing:
                ring.cleared_after_s = round(time.monotonic() - mended_s, 1)
        tell(f"{fault.what}: mended, {len(names & ringing)} still ring")
        if not names & ringing:
            break
    return seen


def _looking(watcher: Watcher) -> Iterator[set[str]]:
    ends_s = time.monotonic() + LIMIT_S
    while time.monotonic() < ends_s:
        yield watcher.ringing()
        time.sleep(LOOK_S)


def _await_quiet(watcher: Watcher) -> None:
    """Wait until nothing has rung for a moment, so that what rings next is the fault's. Raises NotifyError."""
    since_s = time.monotonic()
    for ringing in _looking(watcher):
        if ringing:
            since_s = time.monotonic()
        elif time.monotonic() - since_s >= QUIET_S:
            return
    raise NotifyError(f"it does not get quiet: {', '.join(sorted(watcher.ringing()))} still ring")
