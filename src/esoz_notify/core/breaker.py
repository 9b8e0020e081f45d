"""When a provider is given messages, when it is spared, and when it is tried again.

What belongs here: what counts as a provider's failure, the three states, and how counts and time move between them.
What does not: counting, the clock, and sharing the state among workers (``engine.health``).

Two rules hold whatever a provider does: what a person holds is not used, and ``settled`` (open or closed) changes at
most once per cool-down, because a circuit that closed a moment ago and fails again only goes back to probing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Accepted, Result, Unknown


class BreakerState(StrEnum):
    """The value is the text in the ledger."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Why(StrEnum):
    """Why the state changed last."""

    START = "start"
    FAILURES_IN_ROW = "failures_in_row"
    FAILURE_SHARE = "failure_share"
    COOLED_DOWN = "cooled_down"
    PROBE_FAILED = "probe_failed"
    PROBES_PASSED = "probes_passed"
    RELAPSE = "relapse"


class Verdict(StrEnum):
    """What one call says of the provider, whatever it says of the person or the message."""

    WELL = "well"
    FAILED = "failed"
    THROTTLED = "throttled"


class Traffic(StrEnum):
    """What may be given to a provider now."""

    ALL = "all"
    PROBES = "probes"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Thresholds; docs/reliability.md says why these. ``calls_min``: of fewer calls in the window a share says little.

    ``failures_in_row`` opens when there is little traffic; with ``calls_min`` calls or more only a row of that length.
    ``calm_s``: who has been closed for so long starts again with the first cool-down.
    """

    window_s: float = 10.0
    bucket_s: float = 1.0
    calls_min: int = 20
    failure_share: float = 0.5
    failures_in_row: int = 5
    row_gap_s: float = 120.0
    cool_down_s: float = 10.0
    cool_down_max_s: float = 60.0
    calm_s: float = 300.0
    proofs: int = 3
    probes_at_once: int = 3
    probes_per_s: float = 2.0


RULES = Rules()

VERDICTS: dict[Reason, Verdict] = dict.fromkeys(Reason, Verdict.WELL) | {
    Reason.PROVIDER_FAULT: Verdict.FAILED,
    Reason.UNREACHABLE: Verdict.FAILED,
    Reason.NO_ANSWER: Verdict.FAILED,
    Reason.NOT_AUTHORISED: Verdict.FAILED,
    Reason.BALANCE: Verdict.FAILED,
    Reason.SENDER: Verdict.FAILED,
    Reason.THROTTLED: Verdict.THROTTLED,
    Reason.FLOOD: Verdict.THROTTLED,
}
"""By the reason of a refusal or a "later". Everything about a person or a message is a provider that works."""


def verdict_of(result: Result) -> Verdict:
    """What a result says of the provider. Not knowing whether it has the message is its failure."""
    match result:
        case Accepted():
            return Verdict.WELL
        case Unknown():
            return Verdict.FAILED
        case said:
            return VERDICTS[said.reason]


@dataclass(frozen=True, slots=True)
class Tally:
    """Calls since the last look. ``in_row``: failures since the last good one; ``reason``: of the last failure."""

    well: int = 0
    failed: int = 0
    in_row: int = 0
    reason: Reason | None = None

    def plus(self, verdict: Verdict, reason: Reason | None = None) -> "Tally":
        """With one more call; a throttled one counts neither way."""
        if verdict is Verdict.FAILED:
            return Tally(self.well, self.failed + 1, self.in_row + 1, reason)
        return Tally(self.well + 1, self.failed, 0, self.reason) if verdict is Verdict.WELL else self


@dataclass(frozen=True, slots=True)
class Bucket:
    """Counts of ``bucket_s`` seconds from ``at_s`` (since the epoch)."""

    at_s: float
    well: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The circuit of one provider. ``settled``: open or closed, whichever it was last; ``settled_at``: since when.

    ``in_row``, ``failed_at``: the present row of failures and its last one; ``proofs``: good probes in a row.
    """

    since: datetime
    state: BreakerState = BreakerState.CLOSED
    why: Why = Why.START
    reason: Reason | None = None
    settled: BreakerState = BreakerState.CLOSED
    settled_at: datetime | None = None
    cool_down_s: float = 0.0
    buckets: tuple[Bucket, ...] = ()
    in_row: int = 0
    failed_at: datetime | None = None
    proofs: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """A person has taken the provider out of use, until a person puts it back."""

    by: str
    why: str
    at: datetime


def traffic(breaker: Breaker, hold: Hold | None) -> Traffic:
    """What the provider may be given: a hold always wins."""
    return Traffic.NOTHING if hold else _TRAFFIC[breaker.state]


def judge(breaker: Breaker, tally: Tally, now: datetime, rules: Rules = RULES) -> Breaker:
    """The circuit after these calls at this time. With an empty tally only time is judged."""
    return _JUDGE[breaker.state](breaker, tally, now, rules)


def _judge_closed(breaker: Breaker, tally: Tally, now: datetime, rules: Rules) -> Breaker:
    if not tally.well and not tally.failed:
        return breaker
    counted = _count(breaker, tally, now, rules)
    why = _fault(counted, rules) if tally.failed else None  # good news alone opens nothing
    if why is None:
        return counted
    return _open_or_probe(counted, now, why, tally.reason, rules)


def _judge_open(breaker: Breaker, _: Tally, now: datetime, __: Rules) -> Breaker:
    # Answers that come now are to calls made before: they say nothing new.
    cooled_at = breaker.since + timedelta(seconds=breaker.cool_down_s)
    return _half_open(breaker, cooled_at, Why.COOLED_DOWN) if now >= cooled_at else breaker


def _judge_half_open(breaker: Breaker, tally: Tally, now: datetime, rules: Rules) -> Breaker:
    if tally.failed and breaker.settled is BreakerState.OPEN:
        longer = replace(breaker, cool_down_s=min(2 * breaker.cool_down_s, rules.cool_down_max_s))
        return _enter(longer, BreakerState.OPEN, now, Why.PROBE_FAILED, tally.reason)
    if tally.failed:
        return _open_or_probe(breaker, now, Why.PROBE_FAILED, tally.reason, rules)
    proofs = breaker.proofs + tally.well
    if proofs < rules.proofs:
        return replace(breaker, proofs=proofs)
    return _settle(breaker, BreakerState.CLOSED, now, Why.PROBES_PASSED, None)


_JUDGE: dict[BreakerState, Callable[[Breaker, Tally, datetime, Rules], Breaker]] = {
    BreakerState.CLOSED: _judge_closed,
    BreakerState.OPEN: _judge_open,
    BreakerState.HALF_OPEN: _judge_half_open,
}
_TRAFFIC = {
    BreakerState.CLOSED: Traffic.ALL,
    BreakerState.OPEN: Traffic.NOTHING,
    BreakerState.HALF_OPEN: Traffic.PROBES,
}


def _count(breaker: Breaker, tally: Tally, now: datetime, rules: Rules) -> Breaker:
    at_s = now.timestamp() // rules.bucket_s * rules.bucket_s
    kept = [one for one in breaker.buckets if at_s - rules.window_s < one.at_s <= at_s]
    if kept and kept[-1].at_s == at_s:
        kept[-1] = Bucket(at_s, kept[-1].well + tally.well, kept[-1].failed + tally.failed)
    else:
        kept.append(Bucket(at_s, tally.well, tally.failed))
    fresh = breaker.failed_at is not None and (now - breaker.failed_at).total_seconds() < rules.row_gap_s
    goes_on = fresh and not tally.well
    return replace(
        breaker,
        buckets=tuple(kept),
        in_row=tally.in_row + (breaker.in_row if goes_on else 0),
        failed_at=now if tally.failed else breaker.failed_at,
    )


def _fault(breaker: Breaker, rules: Rules) -> Why | None:
    failed = sum(bucket.failed for bucket in breaker.buckets)
    total = failed + sum(bucket.well for bucket in breaker.buckets)
    busy = total >= rules.calls_min
    if breaker.in_row >= (rules.calls_min if busy else rules.failures_in_row):
        return Why.FAILURES_IN_ROW
    return Why.FAILURE_SHARE if busy and failed >= rules.failure_share * total else None


def _open_or_probe(breaker: Breaker, now: datetime, why: Why, reason: Reason | None, rules: Rules) -> Breaker:
    """A settled-closed circuit fails: it opens, unless it closed less than a cool-down ago; then it is only probed."""
    closed_for_s = (now - breaker.settled_at).total_seconds() if breaker.settled_at else rules.calm_s
    if closed_for_s < rules.cool_down_s:
        return _half_open(breaker, now, Why.RELAPSE, reason)
    calm = closed_for_s >= rules.calm_s
    cool_down_s = rules.cool_down_s if calm else min(2 * breaker.cool_down_s, rules.cool_down_max_s)
    return _settle(replace(breaker, cool_down_s=cool_down_s), BreakerState.OPEN, now, why, reason)


def _half_open(breaker: Breaker, at: datetime, why: Why, reason: Reason | None = None) -> Breaker:
    return _enter(breaker, BreakerState.HALF_OPEN, at, why, reason or breaker.reason)


def _settle(breaker: Breaker, state: BreakerState, now: datetime, why: Why, reason: Reason | None) -> Breaker:
    """Open or close; the time of a change is remembered."""
    entered = _enter(breaker, state, now, why, reason)
    return entered if breaker.settled is state else replace(entered, settled=state, settled_at=now)


def _enter(breaker: Breaker, state: BreakerState, at: datetime, why: Why, reason: Reason | None) -> Breaker:
    """Change the state; counting begins anew."""
    entered = replace(breaker, state=state, since=at, why=why, reason=reason)
    return replace(entered, buckets=(), in_row=0, failed_at=None, proofs=0)


# --- what is shown ---------------------------------------------------------------------------------------------------


def shown(breaker: Breaker, hold: Hold | None, *, is_up: bool, stopped: bool, slow: bool) -> str:
    """One word for health pages: the weightiest that applies."""
    words = {
        "held": hold is not None,
        "open": breaker.state is BreakerState.OPEN,
        "half_open": breaker.state is BreakerState.HALF_OPEN,
        "down": not is_up,
        "receipts_stopped": stopped,
        "slow": slow,
    }
    return next((word for word, applies in words.items() if applies), "up")
