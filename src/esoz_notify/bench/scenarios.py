"""The scenarios: what is sent, what is waited for, what is measured.

What belongs here: one function per scenario and the table of them. What does not: processes (``house``), SQL (store),
how results are shown.
"""

import json
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from esoz_notify.bench.house import House, Sent, Site, Tell, a_house, machine
from esoz_notify.bench.load import NUMBER, Plan
from esoz_notify.bench.processes import Meter
from esoz_notify.core.limits import BATCH_LINES_MAX, OVERLOAD_BACKLOG
from esoz_notify.store.counting import Spread

CONNECTIONS = 64
INTAKE_CONNECTIONS = 32
BATCH_CONNECTIONS = 2
BATCH_LINES = 5_000
RATE_MAX_PER_S = 5_000
"""More than this in a second would not be sent: bounds the phones that are made beforehand."""
COUNT_MAX = 100_000
CODE_RATE_PER_S = 10.0
CODES_CONNECTIONS = 8
BURST = 1_000
BURST_RATE_PER_S = 500.0
FALLBACK_RATE_PER_S = 100.0
WARM_UP = 200
WARM_UP_FIRST = 9_000_000
"""Numbers of phones for warming up: those of the load begin at 1."""
WARM_UP_LIMIT_S = 30.0

PHONE = f"+38000{NUMBER}"
"""Numbers of the prefix 00, which is assigned to nobody."""

KEY = f"bench-{NUMBER}"
DOCUMENT = json.dumps(
    {
        "kind": "prescription_issued",
        "recipient": {"phone": PHONE},
        "data": {"request_number": "0000-243P-1X53-EH38", "verification_code": "1234"},
    }
)
CODE = json.dumps({"kind": "confirmation_code", "recipient": {"phone": PHONE}, "data": {"verification_code": "1234"}})
ONE = {"content-type": "application/json", "idempotency-key": KEY}
MANY = {"content-type": "application/x-ndjson", "idempotency-key": KEY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Sizes of the scenarios. ``rate_per_s``: of ``steady``; ``bulk``: documents that wait; ``rows``: of ``growth``."""

    seconds: float = 6.0
    rate_per_s: float = 200.0
    bulk: int = 20_000
    rows: int = 100_000


@dataclass(slots=True, kw_only=True)
class Result:
    """The figures of one scenario; None where one has no meaning. ``more``: what only this scenario has."""

    scenario: str
    notifications: int
    machine: dict[str, Any]
    lifecycles_per_s: float | None = None
    accepted_per_s: float | None = None
    accept_ms: Spread | None = None
    handover_ms: Spread | None = None
    handover_from_request_ms: Spread | None = None
    delivered_ms: Spread | None = None
    cpu_s_per_1000: dict[str, float] | None = None
    load_cpu_s_per_1000: dict[str, float] | None = None
    rss_mb: dict[str, float] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    lost: int = 0
    doubled: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """One JSON object: the figures, and what only this scenario has beside them."""
        named = {name: getattr(self, name) for name in self.__slots__ if name != "more"}
        return named | self.more

    @property
    def correct(self) -> bool:
        """Whether everything accepted arrived, once."""
        return not (self.lost or self.doubled or self.refused)


Scenario = Callable[[Site, Options, Tell], Result]


def lifecycle(site: Site, options: Options, tell: Tell) -> Result:
    """Single requests over 64 connections in a closed loop; half the phones have no Viber, so an SMS follows."""
    return _lifecycle("lifecycle", site, options, tell)


def growth(site: Site, options: Options, tell: Tell) -> Result:
    """``lifecycle`` over a ledger in which many notifications have ended."""
    result = _lifecycle("growth", site, options, tell, rows=options.rows)
    result.more["rows"] = options.rows
    return result


def _lifecycle(name: str, site: Site, options: Options, tell: Tell, rows: int = 0) -> Result:
    with a_house(site, name, tell, rows=rows) as house:
        count_max = _count_max(options)
        _take_viber_from_every_second(house, count_max, tell)
        _start_warm(house, tell)
        meter = house.meter()
        sent = house.send(_singles(options, count_max), "sending", tell, meter)
        house.drain(sent.accepted, tell, meter)
        return _result(name, house, sent, meter, delivered=True)


def steady(site: Site, options: Options, tell: Tell) -> Result:
    """The same messages at a given rate, whatever the answers do: latencies at part load."""
    with a_house(site, "steady", tell) as house:
        count_max = int(options.rate_per_s * options.seconds)
        _take_viber_from_every_second(house, count_max, tell)
        _start_warm(house, tell)
        meter = house.meter()
        plan = _singles(options, count_max, rate_per_s=options.rate_per_s)
        sent = house.send(plan, "sending", tell, meter)
        house.drain(sent.accepted, tell, meter)
        result = _result("steady", house, sent, meter, delivered=True)
        result.more["rate_per_s"] = options.rate_per_s
        return result


def intake(site: Site, options: Options, tell: Tell) -> Result:
    """Single requests in a closed loop without a worker: what accepting costs."""
    with a_house(site, "intake", tell) as house:
        _warm_intake(house, tell)
        meter = house.meter()
        plan = _singles(options, COUNT_MAX, connections=INTAKE_CONNECTIONS)
        sent = house.send(plan, "sending", tell, meter)
        return _result("intake", house, sent, meter, delivered=False)


def batch(site: Site, options: Options, tell: Tell) -> Result:
    """NDJSON of 5,000 lines without a worker. ``accept_ms`` is of whole batches."""
    with a_house(site, "batch", tell) as house:
        _warm_intake(house, tell)
        meter = house.meter()
        sent = house.send(_batches(COUNT_MAX, options.seconds), "sending", tell, meter)
        result = _result("batch", house, sent, meter, delivered=False)
        result.more["lines_per_batch"] = BATCH_LINES
        return result


def codes_under_bulk(site: Site, options: Options, tell: Tell) -> Result:
    """A code every 100 ms while many documents wait and are worked on; the figures are of the codes."""
    with a_house(site, "codes-under-bulk", tell) as house:
        bulk = house.send(_batches(options.bulk, WARM_UP_LIMIT_S * 4), "putting documents in", tell)
        house.others += bulk.accepted
        house.start_worker()
        meter = house.meter()
        plan = Plan(
            host="",
            port=0,
            path="/v1/notifications",
            headers=ONE,
            line=CODE,
            first=WARM_UP_FIRST,
            count_max=COUNT_MAX,
            seconds=options.seconds,
            connections=CODES_CONNECTIONS,
            rate_per_s=CODE_RATE_PER_S,
        )
        sent = house.send(plan, "sending codes", tell, meter)
        waiting = house.ledger.waiting().documents

        def done() -> float:
            return 0.0 if house.ledger.waiting().codes else 1.0

        house.ledger.know(sent.ids())
        house.wait("delivering codes", tell, done, limit_s=WARM_UP_LIMIT_S, meter=meter)
        result = _result("codes-under-bulk", house, sent, meter, delivered=True)
        # Most of the work was on documents: CPU per code would say nothing.
        result.cpu_s_per_1000 = result.load_cpu_s_per_1000 = result.lifecycles_per_s = None
        result.more |= {"bulk": bulk.accepted, "documents_waiting_at_end": waiting, "bulk_refused": _refused(bulk)}
        return result


def receipts(site: Site, options: Options, tell: Tell) -> Result:
    """A thousand receipts at once, each in a call of its own: how soon each is applied after that moment."""
    del options
    with a_house(site, "receipts", tell) as house:
        _start_warm(house, tell)
        house.ask_lab("POST", "/faults", {"provider": "viber", "fault": "receipt_burst", "share": 1.0, "seed": 1})
        meter = house.meter()
        plan = _singles(Options(seconds=BURST / BURST_RATE_PER_S), BURST, rate_per_s=BURST_RATE_PER_S)
        sent = house.send(plan, "sending", tell, meter)
        known = house.ledger.know(sent.ids())
        house.wait("submitting", tell, lambda: house.ledger.submitted() / max(1, known), limit_s=WARM_UP_LIMIT_S)
        burst_at = datetime.now(UTC)
        house.ask_lab("DELETE", "/faults")
        house.drain(sent.accepted, tell, meter)
        result = _result("receipts", house, sent, meter, delivered=True)
        result.lifecycles_per_s = result.delivered_ms = None  # they would measure how long receipts were held
        result.more["receipt_applied_ms"] = house.ledger.delivered_after_ms(burst_at)
        return result


def fallback(site: Site, options: Options, tell: Tell) -> Result:
    """Nobody has Viber: from the negative receipt to the SMS at its provider, by the ledger's history."""
    with a_house(site, "fallback", tell) as house:
        _start_warm(house, tell)
        refuse = {"provider": "viber", "fault": "refuse", "reason": "not_a_user", "share": 1.0, "seed": 1}
        house.ask_lab("POST", "/faults", refuse)
        meter = house.meter()
        plan = _singles(options, COUNT_MAX, rate_per_s=FALLBACK_RATE_PER_S)
        sent = house.send(plan, "sending", tell, meter)
        house.drain(sent.accepted, tell, meter)
        result = _result("fallback", house, sent, meter, delivered=True)
        result.more |= {"fallback_ms": house.ledger.fallback_ms(), "rate_per_s": FALLBACK_RATE_PER_S}
        return result


def rest(site: Site, options: Options, tell: Tell) -> Result:
    """Nothing to do: CPU in percent of one core, and memory."""
    with a_house(site, "rest", tell) as house:
        _start_warm(house, tell)
        began, meter = datetime.now(UTC), house.meter()

        def done() -> float:
            return min(1.0, (datetime.now(UTC) - began).total_seconds() / options.seconds)

        house.wait("resting", tell, done, limit_s=options.seconds * 2, meter=meter)
        seconds = (datetime.now(UTC) - began).total_seconds()
        percent = {name: round(100 * used_s / seconds, 2) for name, used_s in meter.cpu_s().items()}
        del percent["lab"]
        return Result(
            scenario="rest",
            notifications=0,
            machine=machine(house.ledger),
            rss_mb=meter.rss_mb,
            more={"cpu_percent_of_a_core": percent | {"total": round(sum(percent.values()), 2)}},
        )


QUICK: Mapping[str, Scenario] = {
    "lifecycle": lifecycle,
    "steady": steady,
    "intake": intake,
    "batch": batch,
    "codes-under-bulk": codes_under_bulk,
    "receipts": receipts,
    "fallback": fallback,
    "rest": rest,
}
"""What runs when nothing is named."""

SCENARIOS: Mapping[str, Scenario] = {**QUICK, "growth": growth}

assert BATCH_LINES <= BATCH_LINES_MAX, "a batch must be one that the API takes"
assert COUNT_MAX <= OVERLOAD_BACKLOG, "intake alone must not be refused for its own backlog"


# --- what scenarios are made of ---------------------------------------------------------------------------------------


def _count_max(options: Options) -> int:
    return min(COUNT_MAX, int(RATE_MAX_PER_S * options.seconds))


def _singles(
    options: Options, count_max: int, *, connections: int = CONNECTIONS, rate_per_s: float | None = None
) -> Plan:
    return Plan(
        host="",
        port=0,
        path="/v1/notifications",
        headers=ONE,
        line=DOCUMENT,
        first=1,
        count_max=count_max,
        seconds=options.seconds,
        connections=connections,
        rate_per_s=rate_per_s,
    )


def _batches(count_max: int, seconds: float) -> Plan:
    return Plan(
        host="",
        port=0,
        path="/v1/notifications/batch",
        headers=MANY,
        line=DOCUMENT,
        lines_per_request=BATCH_LINES,
        first=1,
        count_max=count_max,
        seconds=seconds,
        connections=BATCH_CONNECTIONS,
    )


def _take_viber_from_every_second(house: House, count_max: int, tell: Tell) -> None:
    """Phones with an odd number are not Viber users."""
    plan = Plan(
        host="",
        port=0,
        method="PUT",
        path=f"/phones/{PHONE}",
        headers={"content-type": "application/json"},
        line='{"viber": false}',
        first=1,
        step=2,
        count_max=(count_max + 1) // 2,
        seconds=WARM_UP_LIMIT_S,
        connections=INTAKE_CONNECTIONS,
    )
    house.send_to_lab(plan, "making phones", tell)


def _start_warm(house: House, tell: Tell) -> None:
    """Start a worker and let a few notifications pass: connections are open and statements prepared afterwards."""
    tell("starting the worker", None)
    house.start_worker()
    accepted = _warm_intake(house, tell)
    house.drain(accepted, tell, limit_s=WARM_UP_LIMIT_S)


def _warm_intake(house: House, tell: Tell) -> int:
    plan = Plan(
        host="",
        port=0,
        path="/v1/notifications",
        headers=ONE,
        line=DOCUMENT,
        first=WARM_UP_FIRST,
        count_max=WARM_UP,
        seconds=WARM_UP_LIMIT_S,
        connections=CONNECTIONS,
    )
    accepted = house.send(plan, "warming up", tell).accepted
    house.others += accepted
    return accepted


def _result(scenario: str, house: House, sent: Sent, meter: Meter, *, delivered: bool) -> Result:
    """The figures that scenarios share. ``delivered``: whether they were to be delivered, not only accepted."""
    used_s = meter.cpu_s()
    ours_s = sum(used_s.values()) + sent.cpu_s
    others_s = meter.others_s(ours_s)
    ledger, count = house.ledger, max(1, sent.accepted)
    ledger.know(sent.ids())
    statuses = ledger.statuses()
    span_s = ledger.span_s() if delivered else None
    product = {name: round(1000 * used_s.get(name, 0.0) / count, 3) for name in ("api", "worker", "postgres")}
    arrived = statuses.get("delivered", 0) if delivered else sum(statuses.values()) - statuses.get("missing", 0)
    extra = max(0, ledger.total() - house.others - sent.accepted - _refused(sent))
    return Result(
        scenario=scenario,
        notifications=sent.accepted,
        machine=machine(ledger) | {"others_cpu_s": round(others_s, 2)},
        lifecycles_per_s=round(sent.accepted / span_s, 1) if span_s else None,
        accepted_per_s=round(sent.accepted / sent.seconds, 1),
        accept_ms=sent.accept_ms,
        handover_ms=ledger.handover_ms(),
        handover_from_request_ms=ledger.handover_from_request_ms(),
        delivered_ms=ledger.delivered_ms(),
        cpu_s_per_1000=product | {"total": round(sum(product.values()), 3)},
        load_cpu_s_per_1000={
            "lab": round(1000 * used_s["lab"] / count, 3),
            "generator": round(1000 * sent.cpu_s / count, 3),
        },
        rss_mb=meter.rss_mb,
        channels=ledger.channels(),
        refused=_refused(sent),
        lost=sent.accepted - arrived,
        doubled=extra + _doubled(house),
    )


def _refused(sent: Sent) -> int:
    """Lines that were not accepted, for whatever reason: these loads have none that should be refused."""
    return sent.lines - sent.accepted


def _doubled(house: House) -> int:
    """Messages beyond the first that a provider accepted for one phone on one channel; no phone was used twice."""
    seen: Tally[tuple[object, ...]] = Tally()
    for row in house.ask_lab("GET", "/submissions?provider=all"):
        channel = "sms" if "part" in row else row["provider"]
        seen[channel, row["msisdn"], row.get("part")] += 1
    return sum(count - 1 for count in seen.values())
