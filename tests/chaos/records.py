"""Joins the records of one run: what the API answered, what the ledger says, what providers accepted, what phones show.

What belongs here: reading the ledger and judging. What does not: making the load, killing, showing.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from tests.chaos.load import Sent, number
from tests.chaos.rounds import KINDS, WORKERS_DIE, Kill, Past

from esoz_notify.core.status import Status, is_terminal

STARTS = frozenset({"AttemptStarted", "AttemptRepeated"})
WAITS = frozenset({"AttemptUnknown", "RetryPlanned"})
"""What is written when a dead worker's attempt is found: a decision, but the message does not move by it yet."""
REPEATS = frozenset({"repeat_after_unknown", "repeat_same_key"})


@dataclass(frozen=True, slots=True)
class Decision:
    """One row of the history."""

    at: datetime
    name: str
    record: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Entry:
    """One notification as the ledger has it."""

    id: UUID
    reference: str
    status: str
    is_code: bool
    accepted_at: datetime
    submitting: int
    history: list[Decision] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which somebody had to act: from ``start`` to the first ``decision``, and until it ``moved``."""

    start: datetime
    decision: datetime
    moved: datetime


@dataclass(slots=True, kw_only=True)
class Row:
    """What a kind of victim came to.

    ``untold``: ended, not cancelled, and the phone shows nothing; a fault, unless the repeat of an SMS was unknown too.

    ``rescue_s``: longest, from a kill to the next decision on what was in hand.

    ``code_rescue_s``: the same until a code moved again, less the time in which no worker or no ledger was there.
    """

    rounds: int = 0
    reached: int = 0
    accepted: int = 0
    ended: int = 0
    delivered: int = 0
    lost: int = 0
    untold: int = 0
    undecided: int = 0
    repeats: int = 0
    in_hand: int = 0
    rescue_s: float = 0.0
    code_rescue_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The judgement. ``faults``: everything that may not be, one sentence each; empty when all is well."""

    rows: dict[str, Row]
    faults: list[str]
    submissions: int
    statuses: dict[str, int]

    @property
    def total(self) -> Row:
        """All kinds together."""
        rows = self.rows.values()
        total = Row()
        for name in (
            "rounds",
            "reached",
            "accepted",
            "ended",
            "delivered",
            "lost",
            "untold",
            "undecided",
            "repeats",
            "in_hand",
        ):
            setattr(total, name, sum(getattr(row, name) for row in rows))
        total.rescue_s = max((row.rescue_s for row in rows), default=0.0)
        total.code_rescue_s = max((row.code_rescue_s for row in rows), default=0.0)
        return total


# --- the ledger -------------------------------------------------------------------------------------------------------

_OPEN = """
SELECT (SELECT count(*) FROM delivery WHERE ended_at IS NULL),
       (SELECT count(*) FROM attempt WHERE outcome = 'submitting')
"""
_ENTRIES = """
SELECT n.id, n.reference, d.status, d.is_code, d.accepted_at,
       (SELECT count(*) FROM attempt a WHERE a.notification_id = n.id AND a.outcome = 'submitting')
FROM notification n JOIN delivery d ON d.notification_id = n.id ORDER BY n.id
"""
_HISTORY = "SELECT notification_id, at, fact, record FROM history ORDER BY notification_id, seq"


async def still_open(dsn: str) -> tuple[int, int]:
    """How many notifications have not ended, and how many attempts are being submitted."""
    async with await psycopg.AsyncConnection[Any].connect(dsn, autocommit=True) as connection:
        row = await (await connection.execute(_OPEN)).fetchone()
    assert row is not None
    return row[0], row[1]


async def ledger_now(dsn: str) -> datetime:
    """The ledger's time."""
    async with await psycopg.AsyncConnection[Any].connect(dsn, autocommit=True) as connection:
        row = await (await connection.execute("SELECT ledger_now()")).fetchone()
    assert row is not None
    now: datetime = row[0]
    return now


async def read_ledger(dsn: str) -> list[Entry]:
    """Every notification with its history."""
    async with await psycopg.AsyncConnection[Any].connect(dsn, autocommit=True) as connection:
        rows = await (await connection.execute(_ENTRIES)).fetchall()
        entries = {
            row[0]: Entry(
                id=row[0],
                reference=row[1],
                status=row[2],
                is_code=row[3],
                accepted_at=row[4],
                submitting=row[5],
            )
            for row in rows
        }
        for notification_id, at, fact, record in await (await connection.execute(_HISTORY)).fetchall():
            entries[notification_id].history.append(Decision(at, fact, record))
    return list(entries.values())


# --- judging ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Joined:
    """One request that was answered 202, with what all records say of it. ``faults``: of it alone."""

    sent: Sent
    entry: Entry | None
    lost: bool = False
    untold: bool = False
    doubled: bool = False
    repeats: int = 0
    faults: list[str] = field(default_factory=list)


def judge(
    sent: Sequence[Sent],
    entries: Sequence[Entry],
    submissions: Sequence[Mapping[str, Any]],
    shown: Mapping[str, int],
    past: Past,
) -> Verdict:
    """Everything that the records say together. ``shown``: how many messages each phone shows."""
    rows = {kind: Row() for kind in KINDS}
    for kill in past.kills:
        rows[kill.choice.kind].rounds += 1
        rows[kill.choice.kind].reached += kill.reached
    joined, faults = join(sent, entries, submissions, shown)
    for one in joined:
        row = rows[_round_of(past.kills, one.entry.accepted_at).choice.kind if one.entry else KINDS[0]]
        row.accepted += 1
        row.lost += one.lost
        row.ended += not one.lost
        row.delivered += one.entry is not None and one.entry.status == Status.DELIVERED
        row.untold += one.untold
        row.undecided += one.doubled
        row.repeats += one.repeats
        faults += one.faults
    _rescues(entries, past, rows)
    statuses = Counter(entry.status for entry in entries)
    return Verdict(rows=rows, faults=faults, submissions=len(submissions), statuses=dict(statuses))


def join(
    sent: Sequence[Sent],
    entries: Sequence[Entry],
    submissions: Sequence[Mapping[str, Any]],
    shown: Mapping[str, int],
) -> tuple[list[Joined], list[str]]:
    """Each accepted request with what became of it, and the faults that are of none of them."""
    known = {entry.id: entry for entry in entries}
    decided = _decided_submissions(sent, entries)
    done = _done_submissions(submissions)
    faults = [*_answers(sent, entries), *_strangers(decided, done)]
    accepted = [(one, known.get(one.id)) for one in sent if one.id is not None]
    return [_joined(one, entry, decided, done, shown) for one, entry in accepted], faults


def _joined(
    one: Sent, entry: Entry | None, decided: Counter["_Place"], done: Counter["_Place"], shown: Mapping[str, int]
) -> Joined:
    if entry is None or not is_terminal(Status(entry.status)):
        fault = f"lost: {_told(entry) if entry else f'{one.id} is not in the ledger'}"
        return Joined(sent=one, entry=entry, lost=True, faults=[fault])
    joined = Joined(sent=one, entry=entry, repeats=sum(_is_repeat(decision) for decision in entry.history))
    if entry.status != Status.CANCELLED and not shown.get(number(one.position)):
        joined.untold = True
        if not _repeat_is_spent(entry):
            joined.faults.append(f"the phone shows nothing: {_told(entry)}")
    doubled = _doubled(one, entry, decided, done)
    if doubled:
        joined.doubled = True
        joined.faults.append(f"submitted without a decision ({', '.join(doubled)}): {_told(entry)}")
    joined.faults += _unproved(one, entry, done)
    return joined


def _answers(sent: Sequence[Sent], entries: Sequence[Entry]) -> Iterator[str]:
    """One notification per key, and the same that the caller was told of."""
    by_reference: dict[str, list[UUID]] = defaultdict(list)
    for entry in entries:
        by_reference[entry.reference].append(entry.id)
    for one in sent:
        stored = by_reference.pop(one.key, [])
        if one.refused:
            yield f"{one.key} was refused: {one.refused}"
        elif one.id is None:
            yield f"{one.key} got no answer to the end"
        elif stored != [one.id]:
            yield f"{one.key} was answered {one.id}, the ledger has {len(stored)} notifications of this key"
    for key in by_reference:
        yield f"{key} is in the ledger and was never asked for"


_Place = tuple[str, str]
"""What was submitted: the attempt's key, or for SMS, which knows no key, the operator's SMSC and the phone."""


def _decided_submissions(sent: Sequence[Sent], entries: Sequence[Entry]) -> Counter[_Place]:
    phones = {one.id: number(one.position) for one in sent}
    decided: Counter[_Place] = Counter()
    for entry in entries:
        attempts: dict[int, _Place] = {}
        for decision in entry.history:
            if decision.name == "AttemptStarted":
                attempts[decision.record["no"]] = _place(entry, decision.record, phones.get(entry.id, ""))
            if decision.name in STARTS:
                decided[attempts[decision.record["no"]]] += 1
    return decided


def _place(entry: Entry, started: Mapping[str, Any], phone: str) -> _Place:
    if started["channel"] == "sms":
        return started["provider"], phone
    return started["channel"], f"{entry.id}.{started['no']}"


def _done_submissions(submissions: Iterable[Mapping[str, Any]]) -> Counter[_Place]:
    """How often each was accepted; of a text in parts, the part that was accepted most often counts."""
    parts: dict[_Place, Counter[int]] = defaultdict(Counter)
    for one in submissions:
        if one["provider"].startswith("smsc"):
            parts[one["provider"], one["msisdn"]][one["part"]] += 1
        else:
            parts[one["provider"], one["client_reference"] or one["provider_message_id"]][1] += 1
    return Counter({place: max(counts.values()) for place, counts in parts.items()})


def _strangers(decided: Counter[_Place], done: Counter[_Place]) -> Iterator[str]:
    for place in done.keys() - decided.keys():
        yield f"a provider accepted what nobody decided to submit: {' '.join(place)}"


def _doubled(one: Sent, entry: Entry, decided: Counter[_Place], done: Counter[_Place]) -> list[str]:
    phone = number(one.position)
    places = {_place(entry, decision.record, phone) for decision in entry.history if decision.name == "AttemptStarted"}
    return [
        f"{place[0]}: {done[place]} for {decided[place]}" for place in sorted(places) if done[place] > decided[place]
    ]


def _unproved(one: Sent, entry: Entry, done: Counter[_Place]) -> Iterator[str]:
    """What the ledger calls accepted was accepted by the provider."""
    phone = number(one.position)
    places = {
        decision.record["no"]: _place(entry, decision.record, phone)
        for decision in entry.history
        if decision.name == "AttemptStarted"
    }
    claimed = Counter(places[one.record["no"]] for one in entry.history if one.name == "AttemptAccepted")
    for place, count in claimed.items():
        if done[place] < count:
            yield f"no provider accepted what the ledger says was accepted ({place[0]}): {_told(entry)}"


def _is_repeat(decision: Decision) -> bool:
    return decision.name == "AttemptRepeated" or (
        decision.name == "AttemptStarted" and decision.record["because"] in REPEATS
    )


def _repeat_is_spent(entry: Entry) -> bool:
    """Whether the one repeat that an SMS may have came to nothing known either: by rule only a receipt helps then.

    It takes two kills of the SMSCs within the life of one message, each between a submit and its answer.
    """
    repeats = {
        one.record["no"]
        for one in entry.history
        if one.name == "AttemptStarted" and one.record["because"] == "repeat_after_unknown"
    }
    unknown = {one.record["no"] for one in entry.history if one.name == "AttemptUnknown"}
    return entry.status == Status.EXPIRED and bool(repeats & unknown)


def _round_of(kills: Sequence[Kill], at: datetime) -> Kill:
    """The round in which something happened; what came after the last belongs to it."""
    place = bisect_left([kill.began_at for kill in kills], at)
    return kills[max(place - 1, 0)]


# --- rescue -----------------------------------------------------------------------------------------------------------


def _rescues(entries: Iterable[Entry], past: Past, rows: Mapping[str, Row]) -> None:
    kills = past.kills
    times = [kill.at for kill in kills]
    for entry in entries:
        for span in _spans(entry):
            first = bisect_left(times, span.start)
            for kill in kills[first : bisect_left(times, span.moved)]:
                row = rows[kill.choice.kind]
                if kill is kills[first] and kill.at < span.decision:
                    row.in_hand += 1
                    row.rescue_s = max(row.rescue_s, (span.decision - kill.at).total_seconds())
                if entry.is_code and kill.choice.kind in WORKERS_DIE:
                    row.code_rescue_s = max(row.code_rescue_s, _served_s(kill.at, span.moved, past.outages))


def _spans(entry: Entry) -> Iterator[Span]:
    """Times in which the notification waited for a worker: to be claimed first, and while a call was being made."""
    waits = [(entry.accepted_at, -1)]
    waits += [
        (decision.at, index)
        for index, decision in enumerate(entry.history)
        if decision.name in STARTS or decision.name == "Resent"
    ]
    for start, index in waits:
        later = entry.history[index + 1 :]
        waiting = {decision.at for decision in later if _is_wait(decision)}
        moves = [decision.at for decision in later if not (decision.at in waiting and decision.name in WAITS)]
        if later and moves:
            yield Span(start, later[0].at, moves[0])


def _is_wait(decision: Decision) -> bool:
    """The wait after an unknown outcome; any other plan is a move: somebody looked again and could do nothing better.

    An unknown outcome without this wait is a move too: the one repeat of an SMS is spent, by rule only a receipt helps.
    """
    return decision.name == "RetryPlanned" and decision.record["because"] in REPEATS


def _served_s(start: datetime, end: datetime, outages: Iterable[tuple[datetime, datetime]]) -> float:
    """Seconds from ``start`` to ``end`` in which there were a worker and a ledger to do anything."""
    away = timedelta()
    for began_at, ended_at in outages:
        away += max(min(end, ended_at) - max(start, began_at), timedelta())
    return (end - start - away).total_seconds()


def _told(entry: Entry) -> str:
    """A notification's story in one line, without anything personal."""
    start = entry.accepted_at
    facts = (
        f"+{(one.at - start).total_seconds():.2f} {one.name}"
        f"({' '.join(str(value) for name, value in one.record.items() if name in _TOLD)})"
        for one in entry.history
    )
    return f"{entry.id} {entry.status} accepted {start:%H:%M:%S.%f}: {', '.join(facts)}"


_TOLD = frozenset({"no", "provider", "because", "reason", "status", "state", "step"})
