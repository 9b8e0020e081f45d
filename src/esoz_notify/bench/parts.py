"""What scenarios are made of: their sizes, their loads, warming up, and the figures that they share.

What belongs here: what two scenarios or more use. What does not: a scenario (``scenarios``,
``volume``, ``printing``, ``peer``).
"""

import json
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from esoz_notify.bench.house import House, Sent, Tell, machine
from esoz_notify.bench.load import NUMBER, Plan
from esoz_notify.bench.processes import Meter
from esoz_notify.store.counting import Spread

CONNECTIONS = 64
INTAKE_CONNECTIONS = 32
BATCH_CONNECTIONS = 2
BATCH_LINES = 5_000
RATE_MAX_PER_S = 5_000
"""More than this in a second would not be sent: bounds the phones that are made beforehand."""
COUNT_MAX = 100_000
PRODUCT = ("api", "worker", "postgres")
"""The processes whose CPU and memory are the product's."""
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
    """Sizes of the scenarios.

    ``rate_per_s``: of ``steady`` and ``waiting``. ``bulk``: documents of ``codes-under-bulk``. ``rows``: ended
    notifications in the ledgers of ``growth``, and the last of them in that of ``pages``; none: as these have it.
    ``waiting``: notifications that wait in ``waiting``; ``lives``: those of ``churn``.
    """

    seconds: float = 6.0
    rate_per_s: float = 200.0
    bulk: int = 20_000
    rows: tuple[int, ...] = ()
    waiting: int = 1_000_000
    lives: int = 1_000_000


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


def bounded_count(options: Options) -> int:
    """How many requests a closed loop may send."""
    return min(COUNT_MAX, int(RATE_MAX_PER_S * options.seconds))


def singles(
    options: Options,
    count_max: int,
    *,
    connections: int = CONNECTIONS,
    rate_per_s: float | None = None,
    first: int = 1,
) -> Plan:
    """The usual message, one per request; without a rate in a closed loop."""
    return Plan(
        host="",
        port=0,
        path="/v1/notifications",
        headers=ONE,
        line=DOCUMENT,
        first=first,
        count_max=count_max,
        seconds=options.seconds,
        connections=connections,
        rate_per_s=rate_per_s,
    )


def batches(count_max: int, seconds: float) -> Plan:
    """The usual message, in batches."""
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


def take_viber_from_every_second(house: House, count_max: int, tell: Tell) -> None:
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


def start_warm(house: House, tell: Tell) -> None:
    """Start a worker and let a few notifications pass: connections are open and statements prepared afterwards."""
    tell("starting the worker", None)
    house.start_worker()
    sent = warm_intake(house, tell)
    house.drain(sent.accepted, tell, limit_s=WARM_UP_LIMIT_S)


def warm_intake(house: House, tell: Tell) -> Sent:
    """Let a few notifications be accepted; they are not of the measured load."""
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
    sent = house.send(plan, "warming up", tell)
    house.others += sent.accepted
    return sent


def live(house: House, name: str, options: Options, tell: Tell) -> Result:
    """Whole lives in a closed loop; half the phones have no Viber."""
    count_max = bounded_count(options)
    take_viber_from_every_second(house, count_max, tell)
    start_warm(house, tell)
    meter = house.meter()
    sent = house.send(singles(options, count_max), "sending", tell, meter)
    house.drain(sent.accepted, tell, meter)
    return result_of(name, house, sent, meter, delivered=True)


def result_of(scenario: str, house: House, sent: Sent, meter: Meter, *, delivered: bool) -> Result:
    """The figures that scenarios share. ``delivered``: whether they were to be delivered, not only accepted."""
    used_s = meter.cpu_s()
    ours_s = sum(used_s.values()) + sent.cpu_s
    others_s = meter.others_s(ours_s)
    ledger, count = house.ledger, max(1, sent.accepted)
    ledger.know(sent.ids())
    statuses = ledger.statuses()
    span_s = ledger.span_s() if delivered else None
    product = {name: round(1000 * _used_by(name, used_s) / count, 3) for name in PRODUCT}
    arrived = statuses.get("delivered", 0) if delivered else sum(statuses.values()) - statuses.get("missing", 0)
    extra = max(0, ledger.total() - house.others - sent.accepted - refused(sent))
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
        refused=refused(sent),
        lost=sent.accepted - arrived,
        doubled=extra + doubled(house),
    )


def _used_by(name: str, used_s: Mapping[str, float]) -> float:
    """CPU seconds of all processes of a part: ``worker``, ``worker-2`` and so on."""
    return sum(one_s for process, one_s in used_s.items() if process.split("-")[0] == name)


def refused(sent: Sent) -> int:
    """Lines that were not accepted, for whatever reason: these loads have none that should be refused."""
    return sent.lines - sent.accepted


def doubled(house: House, among: Callable[[str], bool] = bool) -> int:
    """Messages beyond the first that a provider took for one phone on one channel; no phone was used twice."""
    seen: Tally[tuple[object, ...]] = Tally()
    for row in house.ask_lab("GET", "/submissions?provider=all"):
        channel = "sms" if "part" in row else row["provider"]
        if among(row["msisdn"]):
            seen[channel, row["msisdn"], row.get("part")] += 1
    return sum(count - 1 for count in seen.values())
