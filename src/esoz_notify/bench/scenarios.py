"""The scenarios: what is sent, what is waited for, what is measured.

What belongs here: one function per scenario and the table of them; those of big ledgers are in ``volume``, of
paper in ``printing``, of the console in ``pages``, the comparison with a peer in ``peer``. What does not:
processes (``house``), SQL (store), how results are shown.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from esoz_notify.bench.churn import churn
from esoz_notify.bench.house import Site, Tell, a_house, machine
from esoz_notify.bench.load import Plan
from esoz_notify.bench.pages import pages
from esoz_notify.bench.parts import (
    BATCH_LINES,
    CODE,
    COUNT_MAX,
    INTAKE_CONNECTIONS,
    ONE,
    WARM_UP_FIRST,
    WARM_UP_LIMIT_S,
    Options,
    Result,
    batches,
    live,
    refused,
    result_of,
    singles,
    start_warm,
    take_viber_from_every_second,
    warm_intake,
)
from esoz_notify.bench.peer import peer
from esoz_notify.bench.printing import printing
from esoz_notify.bench.scale import scale
from esoz_notify.bench.volume import growth, waiting
from esoz_notify.core.limits import BATCH_LINES_MAX, OVERLOAD_BACKLOG

CODE_RATE_PER_S = 10.0
CODES_CONNECTIONS = 8
BURST = 1_000
BURST_RATE_PER_S = 500.0
FALLBACK_RATE_PER_S = 100.0

Scenario = Callable[[Site, Options, Tell], Result]


def lifecycle(site: Site, options: Options, tell: Tell) -> Result:
    """Single requests over 64 connections in a closed loop; half the phones have no Viber, so an SMS follows."""
    with a_house(site, "lifecycle", tell) as house:
        return live(house, "lifecycle", options, tell)


def steady(site: Site, options: Options, tell: Tell) -> Result:
    """The same messages at a given rate, whatever the answers do: latencies at part load."""
    with a_house(site, "steady", tell) as house:
        count_max = int(options.rate_per_s * options.seconds)
        take_viber_from_every_second(house, count_max, tell)
        start_warm(house, tell)
        meter = house.meter()
        plan = singles(options, count_max, rate_per_s=options.rate_per_s)
        sent = house.send(plan, "sending", tell, meter)
        house.drain(sent.accepted, tell, meter)
        result = result_of("steady", house, sent, meter, delivered=True)
        result.more["rate_per_s"] = options.rate_per_s
        return result


def intake(site: Site, options: Options, tell: Tell) -> Result:
    """Single requests in a closed loop without a worker: what accepting costs."""
    with a_house(site, "intake", tell) as house:
        warm_intake(house, tell)
        meter = house.meter()
        plan = singles(options, COUNT_MAX, connections=INTAKE_CONNECTIONS)
        sent = house.send(plan, "sending", tell, meter)
        return result_of("intake", house, sent, meter, delivered=False)


def batch(site: Site, options: Options, tell: Tell) -> Result:
    """NDJSON of 5,000 lines without a worker. ``accept_ms`` is of whole batches."""
    with a_house(site, "batch", tell) as house:
        warm_intake(house, tell)
        meter = house.meter()
        sent = house.send(batches(COUNT_MAX, options.seconds), "sending", tell, meter)
        result = result_of("batch", house, sent, meter, delivered=False)
        result.more["lines_per_batch"] = BATCH_LINES
        return result


def codes_under_bulk(site: Site, options: Options, tell: Tell) -> Result:
    """A code every 100 ms while many documents wait and are worked on; the figures are of the codes."""
    with a_house(site, "codes-under-bulk", tell) as house:
        bulk = house.send(batches(options.bulk, WARM_UP_LIMIT_S * 4), "putting documents in", tell)
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
        result = result_of("codes-under-bulk", house, sent, meter, delivered=True)
        # Most of the work was on documents: CPU per code would say nothing.
        result.cpu_s_per_1000 = result.load_cpu_s_per_1000 = result.lifecycles_per_s = None
        result.more |= {"bulk": bulk.accepted, "documents_waiting_at_end": waiting, "bulk_refused": refused(bulk)}
        return result


def receipts(site: Site, options: Options, tell: Tell) -> Result:
    """A thousand receipts at once, each in a call of its own: how soon each is applied after that moment."""
    del options
    with a_house(site, "receipts", tell) as house:
        start_warm(house, tell)
        house.ask_lab("POST", "/faults", {"provider": "viber", "fault": "receipt_burst", "share": 1.0, "seed": 1})
        meter = house.meter()
        plan = singles(Options(seconds=BURST / BURST_RATE_PER_S), BURST, rate_per_s=BURST_RATE_PER_S)
        sent = house.send(plan, "sending", tell, meter)
        known = house.ledger.know(sent.ids())
        house.wait("submitting", tell, lambda: house.ledger.submitted() / max(1, known), limit_s=WARM_UP_LIMIT_S)
        burst_at = datetime.now(UTC)
        house.ask_lab("DELETE", "/faults")
        house.drain(sent.accepted, tell, meter)
        result = result_of("receipts", house, sent, meter, delivered=True)
        result.lifecycles_per_s = result.delivered_ms = None  # they would measure how long receipts were held
        result.more["receipt_applied_ms"] = house.ledger.delivered_after_ms(burst_at)
        return result


def fallback(site: Site, options: Options, tell: Tell) -> Result:
    """Nobody has Viber: from the negative receipt to the SMS at its provider, by the ledger's history."""
    with a_house(site, "fallback", tell) as house:
        start_warm(house, tell)
        refuse = {"provider": "viber", "fault": "refuse", "reason": "not_a_user", "share": 1.0, "seed": 1}
        house.ask_lab("POST", "/faults", refuse)
        meter = house.meter()
        plan = singles(options, COUNT_MAX, rate_per_s=FALLBACK_RATE_PER_S)
        sent = house.send(plan, "sending", tell, meter)
        house.drain(sent.accepted, tell, meter)
        result = result_of("fallback", house, sent, meter, delivered=True)
        result.more |= {"fallback_ms": house.ledger.fallback_ms(), "rate_per_s": FALLBACK_RATE_PER_S}
        return result


def rest(site: Site, options: Options, tell: Tell) -> Result:
    """Nothing to do: CPU in percent of one core, and memory."""
    with a_house(site, "rest", tell) as house:
        start_warm(house, tell)
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

SLOW: Mapping[str, Scenario] = {
    "scale": scale,
    "growth": growth,
    "waiting": waiting,
    "churn": churn,
    "pages": pages,
    "print": printing,
    "peer": peer,
}
"""What runs only when it is named: it takes minutes, or needs what is not ours."""

SCENARIOS: Mapping[str, Scenario] = {**QUICK, **SLOW}

assert BATCH_LINES <= BATCH_LINES_MAX, "a batch must be one that the API takes"
assert COUNT_MAX <= OVERLOAD_BACKLOG, "intake alone must not be refused for its own backlog"
