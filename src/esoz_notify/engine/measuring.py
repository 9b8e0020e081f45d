"""From what was done to the numbers and spans of it: after the commit, a whole batch at a time.

What belongs here: which fact counts as what. What does not: the table of metrics, the printing, the sending.

Probes are left out of the way of messages, as figures of people leave them out; of providers they count like any other.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import (
    Attempt,
    AttemptAccepted,
    AttemptFailed,
    AttemptUnknown,
    Delivery,
    Ended,
    Fact,
    PaperAsked,
    PartReported,
)
from esoz_notify.core.receipts import NEGATIVE, POSITIVE
from esoz_notify.core.results import Accepted, Result
from esoz_notify.core.status import Outcome, Status
from esoz_notify.engine.metric_table import PAPER, PHONE
from esoz_notify.engine.metrics import Metrics
from esoz_notify.engine.spans import Span, Tells, Trace, kept, named, span_id
from esoz_notify.store.reading import Stored
from esoz_notify.store.saving import Change

_CONCLUDED = {
    AttemptAccepted: Outcome.SUBMITTED.value,
    AttemptFailed: Outcome.FAILED.value,
    AttemptUnknown: Outcome.UNKNOWN.value,
}
_ACCEPT, _ATTEMPT = "accept", "attempt"


class Measures:
    """What a process counts into, and where it tells spans; ``traces`` None: nowhere, and nothing is made of them."""

    def __init__(self, metrics: Metrics | None = None, traces: Tells | None = None) -> None:
        self.metrics = metrics or Metrics()
        self._traces = traces

    @property
    def is_tracing(self) -> bool:
        """Whether anybody wants spans."""
        return self._traces is not None

    # --- intake -------------------------------------------------------------------------------------------------------

    def accepted(self, news: Sequence[tuple[str, Stored]], began: datetime, ended: datetime) -> None:
        """Count what a batch accepted, each with its lane."""
        counted = Counter(
            (lane, one.kind, PAPER if one.state.status is Status.PRINT_REQUIRED else PHONE)
            for lane, one in news
            if not _is_probe(one.state)
        )
        for labels, many in counted.items():
            self.metrics.count("accepted", *labels, by=many)
        if self._traces is not None:
            self._traces.tell([span for lane, one in news for span in _of_accept(lane, one, began, ended)])

    # --- the worker ---------------------------------------------------------------------------------------------------

    def applied(self, changes: Iterable[Change], traces: Mapping[UUID, Trace]) -> None:
        """Count what became of a batch. ``traces``: of those whose callers keep one."""
        counted: Counter[tuple[str, ...]] = Counter()
        spans: list[Span] = []
        for change in changes:
            trace = traces.get(change.locked.id)
            for fact in change.facts:
                self._count(change, fact, counted, trace)
                if trace is not None and self._traces is not None:
                    spans += _of_fact(change, fact, trace)
        for key, many in counted.items():
            self.metrics.count(*key, by=many)
        if spans and self._traces is not None:
            self._traces.tell(spans)

    def _count(self, change: Change, fact: Fact, counted: Counter[tuple[str, ...]], trace: Trace | None) -> None:
        state, lane = change.state, change.locked.lane
        trace_id = trace.text if trace is not None else None
        match fact:
            case AttemptAccepted() | AttemptFailed() | AttemptUnknown():
                attempt = state.attempts[fact.no]
                reason = "" if isinstance(fact, AttemptAccepted) else fact.reason.value
                counted["attempts", attempt.channel.value, attempt.provider, _CONCLUDED[type(fact)], reason] += 1
                if isinstance(fact, AttemptAccepted) and _is_first(change, attempt):
                    took_s = (fact.at - state.accepted_at).total_seconds()
                    self.metrics.observe("handed_over_seconds", took_s, lane, trace_id=trace_id)
            case Ended() if not _is_probe(state):
                counted["ended", lane, fact.status.value] += 1
                if fact.status is Status.DELIVERED and not state.resent_at:
                    took_s = (fact.at - state.accepted_at).total_seconds()
                    self.metrics.observe("delivered_seconds", took_s, lane, trace_id=trace_id)
                if fact.status is Status.EXPIRED and _is_dead(state):
                    counted["dead_codes",] += 1
            case PaperAsked() if not _is_probe(state):
                counted["ended", lane, Status.PRINT_REQUIRED.value] += 1

    def called(self, messages: Iterable[tuple[UUID, int, Trace, Result]], provider: str, times: "Times") -> None:
        """Tell of one call of a provider's service, however many messages of kept traces it carried."""
        if self._traces is None:
            return
        began, ended = times
        self._traces.tell(
            [
                Span(
                    trace=trace,
                    id=span_id(one, "call", no, began.isoformat()),
                    parent=span_id(one, _ATTEMPT, no),
                    name="call",
                    begun_at=began,
                    ended_at=ended,
                    says=named(notification_id=str(one), provider=provider, attempt=no, outcome=_word(said)),
                    away=True,
                    failed=not isinstance(said, Accepted),
                )
                for one, no, trace, said in messages
            ]
        )


Times = tuple[datetime, datetime]
"""When something began and ended."""


def needs_trace(change: Change) -> bool:
    """Whether anything of a change would be told in a trace."""
    return any(isinstance(fact, _TOLD) for fact in change.facts)


_TOLD = (AttemptAccepted, AttemptFailed, AttemptUnknown, PartReported, Ended)


def _is_probe(state: Delivery) -> bool:
    return state.steps[0].provider is not None


def _is_first(change: Change, attempt: Attempt) -> bool:
    """Whether this is the first that any provider took of it; resends and later steps are not what people wait for."""
    before = change.locked.state.attempts
    earlier = (*before[: attempt.no], *change.state.attempts[len(before) : attempt.no])
    return not _is_probe(change.state) and all(one.submitted_at is None for one in earlier)


def _is_dead(state: Delivery) -> bool:
    """Whether it is a code that nobody took in time; on paper a code is the doctor's to fetch."""
    on_paper = any(step.channel is Channel.PRINT for step in state.steps)
    return state.is_code and not on_paper and all(one.submitted_at is None for one in state.attempts)


def _word(result: Result) -> str:
    return type(result).__name__.lower()


def _of_accept(lane: str, one: Stored, began: datetime, ended: datetime) -> list[Span]:
    trace = kept(one.traceparent)
    if trace is None:
        return []
    says = named(notification_id=str(one.id), kind=one.kind, lane=lane, status=one.state.status.value)
    accept = span_id(one.id, _ACCEPT)
    return [Span(trace=trace, id=accept, parent=trace.parent, name=_ACCEPT, begun_at=began, ended_at=ended, says=says)]


def _of_fact(change: Change, fact: Fact, trace: Trace) -> list[Span]:
    one, lane = change.locked.id, change.locked.lane
    accept = span_id(one, _ACCEPT)
    match fact:
        case AttemptAccepted() | AttemptFailed() | AttemptUnknown():
            attempt, failed = change.state.attempts[fact.no], not isinstance(fact, AttemptAccepted)
            says = named(
                notification_id=str(one),
                lane=lane,
                channel=attempt.channel.value,
                provider=attempt.provider,
                attempt=attempt.no,
                outcome=_CONCLUDED[type(fact)],
                reason=None if isinstance(fact, AttemptAccepted) else fact.reason.value,
            )
            begun_at, told = attempt.called_at, span_id(one, _ATTEMPT, fact.no)
            return [Span(trace=trace, id=told, parent=accept, name=_ATTEMPT, begun_at=begun_at, ended_at=fact.at,
                         says=says, failed=failed)]  # fmt: skip
        case PartReported() if fact.state in POSITIVE | NEGATIVE:
            attempt = change.state.attempts[fact.no]
            says = named(
                notification_id=str(one),
                lane=lane,
                channel=attempt.channel.value,
                provider=attempt.provider,
                attempt=attempt.no,
                outcome=fact.state.name.lower(),
                reason=fact.reason.value if fact.reason else None,
            )
            told = span_id(one, "receipt", fact.no, fact.part, fact.state.name)
            return [Span(trace=trace, id=told, parent=accept, name="receipt", begun_at=fact.at, ended_at=fact.at,
                         says=says, link=span_id(one, _ATTEMPT, fact.no), failed=fact.state in NEGATIVE)]  # fmt: skip
        case Ended():
            reason = fact.reason.value if fact.reason else None
            says = named(notification_id=str(one), lane=lane, status=fact.status.value, reason=reason)
            told = span_id(one, "end", fact.status.value, fact.at.isoformat())
            return [Span(trace=trace, id=told, parent=accept, name="end", begun_at=fact.at, ended_at=fact.at,
                         says=says)]  # fmt: skip
    return []
