"""Every number that a process tells of itself: the one table of metrics, with units and with what labels may say.

What belongs here: rows. What does not: counting (``measuring``), looking (``vitals``), printing (``metrics``). The page
docs/metrics.md is written from it, and what is not in it cannot be counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from esoz_notify.core.breaker import BreakerState
from esoz_notify.core.channel import Channel
from esoz_notify.core.kinds import KINDS, Lane
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.status import Outcome, Status


class Type(StrEnum):
    """As OpenMetrics has them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Process(StrEnum):
    """Which processes tell it: those with the API, those that work, or every one."""

    API = "api"
    WORKER = "worker"
    EVERY = "api, worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row. ``name`` ends in its unit if it has one; a counter is printed with ``_total`` after it.

    ``bounds_s``: of a histogram.
    """

    name: str
    type: Type
    what: str
    labels: tuple[str, ...] = ()
    told_by: Process = Process.EVERY
    bounds_s: tuple[float, ...] = ()

    @property
    def unit(self) -> str:
        """In which it is told; nothing for what is counted in pieces."""
        last = self.name.rpartition("_")[2]
        return last if last in {"seconds", "bytes"} else ""

    @property
    def sample(self) -> str:
        """The name of its lines, as expressions have it."""
        return f"{self.name}_total" if self.type is Type.COUNTER else self.name


PREFIX = "esoz_notify_"
CODES_WITHIN_S = 2.0
ALL_WITHIN_S = 10.0
"""The bounds of docs/observability.md, which are bounds of the histogram too: so their shares are exact."""

_HANDED_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, CODES_WITHIN_S, 5.0, ALL_WITHIN_S, 30.0, 120.0, 600.0)
_TOLD_BOUNDS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 86_400.0)

OTHER = "other"
"""What a label says of a value that is not among those it may have."""

STATES = ("held", "open", "half_open", "down", "receipts_stopped", "slow", "up")
PHONE, PAPER = "phone", "paper"

CLOSED: Mapping[str, frozenset[str]] = {
    "lane": frozenset(lane.value for lane in Lane),
    "kind": frozenset(KINDS),
    "way": frozenset({PHONE, PAPER}),
    "status": frozenset({status.value for status in Status} | {f"{first}xx" for first in range(1, 6)}),
    "channel": frozenset(channel.value for channel in Channel),
    "outcome": frozenset({Outcome.SUBMITTED.value, Outcome.FAILED.value, Outcome.UNKNOWN.value}),
    "reason": frozenset({"", *(reason.value for reason in Reason)}),
    "receipt": frozenset({"unreadable", *(state.name.lower() for state in ReceiptState)}),
    "state": frozenset({*STATES, *(state.value for state in BreakerState), "idle", "used"}),
    "quota": frozenset({"requests", "strangers"}),
    "method": frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "OTHER"}),
}
"""Labels with a closed list of values."""

NAMED: Mapping[str, str] = {
    "provider": "names of the providers in the settings",
    "route": "paths of the contract and of pages, as they are declared; `none` for any other",
}
"""Labels whose values an installation or another table has; whoever makes a ``Metrics`` may name them."""


def _row(
    name: str,
    type_: Type,
    what: str,
    *labels: str,
    told_by: Process = Process.EVERY,
    bounds_s: tuple[float, ...] = (),
) -> Metric:
    return Metric(name=PREFIX + name, type=type_, what=what, labels=labels, told_by=told_by, bounds_s=bounds_s)


_COUNTER, _GAUGE, _HISTOGRAM = Type.COUNTER, Type.GAUGE, Type.HISTOGRAM
_API, _WORKER = Process.API, Process.WORKER

_TABLE = (
    # --- the way of messages
    _row("accepted", _COUNTER, "Notifications accepted, probes left out.", "lane", "kind", "way", told_by=_API),
    _row(
        "handed_over_seconds", _HISTOGRAM, "From acceptance to the first provider that took it.", "lane",
        told_by=_WORKER, bounds_s=_HANDED_BOUNDS_S,
    ),
    _row(
        "delivered_seconds", _HISTOGRAM, "From acceptance to the proof that a phone has it.", "lane",
        told_by=_WORKER, bounds_s=_TOLD_BOUNDS_S,
    ),
    _row(
        "ended", _COUNTER, "Notifications that workers brought to an end, and to paper (print_required).",
        "lane", "status", told_by=_WORKER,
    ),
    _row(
        "dead_codes", _COUNTER, "Codes whose life ended before any provider took them: nobody was told.",
        told_by=_WORKER,
    ),
    _row(
        "attempts", _COUNTER, "Calls of providers by what came of them; the reason of those that did not go well.",
        "channel", "provider", "outcome", "reason", told_by=_WORKER,
    ),
    _row("receipts", _COUNTER, "Receipts that came by themselves, by what they say of a part.", "provider", "receipt"),
    _row(
        "receipts_given_up", _COUNTER, "Receipts whose submission never became known.", told_by=_WORKER,
    ),
    _row("in_hand", _GAUGE, "Attempts between claim and recorded outcome.", "provider", "lane", told_by=_WORKER),
    # --- what waits, as the ledger has it: every process tells the same, so expressions take the max
    _row("ledger_up", _GAUGE, "Whether the ledger answered when it was looked at last."),
    _row("due", _GAUGE, "Notifications that should have moved by now; counted up to 10,000.", "lane"),
    _row("due_age_seconds", _GAUGE, "How long the longest waiting of them has been due.", "lane"),
    _row(
        "stuck", _GAUGE, "Notifications not ended although their validity was over half a minute ago; up to 1,000.",
        "lane",
    ),
    _row("receipts_orphaned", _GAUGE, "Receipts that wait for their submission to become known; up to 10,000."),
    _row("webhook_due_age_seconds", _GAUGE, "How long the longest waiting event of a webhook has been due."),
    # --- providers
    _row("provider_state", _GAUGE, "1 for the weightiest word that applies to a provider.", "provider", "state"),
    _row("provider_circuit", _GAUGE, "1 for the state of its circuit, as all processes share it.", "provider", "state"),
    _row("provider_bound", _GAUGE, "Whether this worker's SMPP session is bound.", "provider", told_by=_WORKER),
    _row("probe_ok", _GAUGE, "Whether the last probe arrived.", "provider", "lane", told_by=_API),
    _row("probe_failures_in_row", _GAUGE, "Probes that failed since one arrived.", "provider", "lane", told_by=_API),
    _row(
        "probe_handed_over_seconds", _GAUGE, "Of the last probe: from acceptance to the provider's yes.",
        "provider", "lane", told_by=_API,
    ),
    _row(
        "probe_receipt_seconds", _GAUGE, "Of the last probe: from then to the receipt.",
        "provider", "lane", told_by=_API,
    ),
    # --- the API
    _row(
        "http_requests", _COUNTER, "Requests answered, by route of the contract and class of status.",
        "method", "route", "status", told_by=_API,
    ),
    _row("http_request_seconds", _COUNTER, "Time spent on them.", "method", "route", "status", told_by=_API),
    _row("http_requests_in_flight", _GAUGE, "Requests being worked on.", told_by=_API),
    _row("http_event_streams", _GAUGE, "Streams of events held open.", told_by=_API),
    _row("quota_refused", _COUNTER, "Requests refused because a quota was used up.", "quota", told_by=_API),
    _row("overloaded", _GAUGE, "Whether documents are told to come later because too many wait.", told_by=_API),
    _row(
        "verification_alarms", _COUNTER, "People who got many codes in a day that nobody used.", told_by=_API,
    ),
    # --- the process
    _row("ledger_pool_connections", _GAUGE, "Pooled connections to the ledger.", "state"),
    _row("ledger_pool_waiting", _GAUGE, "Who waits for a pooled connection now."),
    _row("ledger_pool_waits", _COUNTER, "How often a connection had to be waited for."),
    _row("ledger_pool_wait_seconds", _COUNTER, "Time spent waiting for them."),
)  # fmt: skip

METRICS: Mapping[str, Metric] = {row.name.removeprefix(PREFIX): row for row in _TABLE}
"""By name without the prefix, as code counts them."""

PROCESS_METRICS: Mapping[str, Metric] = {
    row.name: row
    for row in (
        Metric(name="process_cpu_seconds", type=_COUNTER, what="CPU time of the process, user and system."),
        Metric(name="process_resident_memory_bytes", type=_GAUGE, what="Memory of the process."),
        Metric(name="process_virtual_memory_bytes", type=_GAUGE, what="Its address space."),
        Metric(name="process_start_time_seconds", type=_GAUGE, what="When it started, in seconds since 1970."),
        Metric(name="process_open_fds", type=_GAUGE, what="Open files and sockets."),
        Metric(name="process_max_fds", type=_GAUGE, what="How many it may open."),
    )
}
"""Told by the library of every process on Linux."""
