"""Judges one run: what was lost or doubled, by event, and how long codes stood still.

What belongs here: arithmetic over records. What does not: reading and joining them (``tests.chaos.records``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import pairwise
from typing import Any

from tests.chaos.load import number
from tests.chaos.records import Joined
from tests.cluster.events import Past

from esoz_notify.core.status import Status

PAUSE_LIMIT_S = 30.0
"""The longest that codes may stand still, whatever happens."""
CALM = "before"
"""The row of what was accepted before the first event."""


@dataclass(slots=True, kw_only=True)
class Row:
    """What one event came to. All times in seconds, None: it did not happen.

    ``took_pause_s``: longest time in which no code was answered 202; ``gave_pause_s``: in which no provider took one;
    ``slowest_code_s``: the longest from a code's acceptance to a provider's; ``led_s``: until another primary;
    ``whole_s``: from the end of the fault until every host was well.
    """

    accepted: int = 0
    delivered: int = 0
    lost: int = 0
    untold: int = 0
    undecided: int = 0
    repeats: int = 0
    took_pause_s: float = 0.0
    gave_pause_s: float = 0.0
    slowest_code_s: float = 0.0
    led_s: float | None = None
    whole_s: float | None = None

    @property
    def pause_s(self) -> float:
        """How long codes stood still."""
        return max(self.took_pause_s, self.gave_pause_s)


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The judgement. ``faults``: everything that may not be, one sentence each; empty when all is well."""

    rows: dict[str, Row]
    faults: list[str] = field(default_factory=list)

    @property
    def total(self) -> Row:
        """All events together: counts added, the longest of times."""
        total, rows = Row(), self.rows.values()
        for one in fields(Row):
            values = [value for row in rows if (value := getattr(row, one.name)) is not None]
            if values:
                setattr(total, one.name, max(values) if one.name.endswith("_s") else sum(values))
        return total


def judge(
    joined: Iterable[Joined], faults: Sequence[str], submissions: Sequence[Mapping[str, Any]], past: Sequence[Past]
) -> Verdict:
    """Everything that the records say together. ``faults``: those of no request, found when the records were joined."""
    joined = list(joined)
    rows = {CALM: Row()} | {one.name: Row() for one in past}
    verdict = Verdict(rows=rows, faults=list(faults))
    for one in joined:
        row = rows[_during(past, one.entry.accepted_at) if one.entry else CALM]
        row.accepted += 1
        row.delivered += one.entry is not None and one.entry.status == Status.DELIVERED
        row.lost += one.lost
        row.untold += one.untold
        row.undecided += one.doubled
        row.repeats += one.repeats
        verdict.faults += one.faults
    _time(rows, [one for one in joined if one.entry and one.entry.is_code], submissions, past)
    for event in past:
        row = rows[event.name]
        row.led_s = _seconds(event.began_at, event.led_at)
        row.whole_s = _seconds(event.undone_at, event.whole_at)
        if row.pause_s > PAUSE_LIMIT_S:
            verdict.faults.append(
                f"{event.name}: codes stood still for {row.pause_s:.1f} s; {PAUSE_LIMIT_S:.0f} s is allowed"
            )
    return verdict


def _time(
    rows: dict[str, Row], codes: Sequence[Joined], submissions: Sequence[Mapping[str, Any]], past: Sequence[Past]
) -> None:
    """The pauses of codes, by the clocks of those outside: when callers had their answers, and providers the codes."""
    taken = sorted(one.sent.answered_at for one in codes if one.sent.answered_at is not None)
    given = _first_given(submissions)
    places = {one.sent.position: given.get(number(one.sent.position)) for one in codes}
    for since, until in pairwise(taken):
        row = rows[_during(past, until)]
        row.took_pause_s = max(row.took_pause_s, (until - since).total_seconds())
    for since, until in pairwise(sorted(at for at in places.values() if at is not None)):
        row = rows[_during(past, until)]
        row.gave_pause_s = max(row.gave_pause_s, (until - since).total_seconds())
    for one in codes:
        first = places[one.sent.position]
        if first is not None and one.entry is not None:
            row = rows[_during(past, one.entry.accepted_at)]
            row.slowest_code_s = max(row.slowest_code_s, (first - one.entry.accepted_at).total_seconds())


def _first_given(submissions: Iterable[Mapping[str, Any]]) -> dict[str, datetime]:
    """When a provider first accepted something for each phone."""
    first: dict[str, datetime] = {}
    for one in submissions:
        if one["msisdn"] is not None:
            at = datetime.fromisoformat(one["accepted_at"])
            first[one["msisdn"]] = min(first.get(one["msisdn"], at), at)
    return first


def _during(past: Sequence[Past], at: datetime) -> str:
    """The event that had begun last at a moment: what follows it belongs to it until the next begins."""
    begun = [one.name for one in past if one.began_at <= at]
    return begun[-1] if begun else CALM


def _seconds(since: datetime | None, until: datetime | None) -> float | None:
    return None if since is None or until is None else (until - since).total_seconds()
