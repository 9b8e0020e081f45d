"""The scenario ``peer``: the same SMS through ours and through Kannel, in turn, in one run.

What belongs here: the rounds and their comparison. What does not: Kannel itself (``kannel``), the product (``house``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from statistics import median
from typing import Any

from esoz_notify.bench.house import WINDOW_SIZE, House, Sent, Site, Tell, a_house, machine
from esoz_notify.bench.kannel import MISSING, PROGRAMS, Kannel, a_kannel, installed
from esoz_notify.bench.parts import (
    CONNECTIONS,
    COUNT_MAX,
    PHONE,
    PRODUCT,
    WARM_UP,
    WARM_UP_FIRST,
    WARM_UP_LIMIT_S,
    Options,
    Result,
    bounded_count,
    doubled,
    refused,
    singles,
    start_warm,
)
from esoz_notify.bench.processes import Meter
from esoz_notify.core.errors import NotifyError
from esoz_notify.store.counting import Spread, counting

PAIRS = 3
"""Rounds of each."""
NUMBER_DIGITS = 7
CALLBACKS_LIMIT_S = 60.0
"""What Kannel has not called back by then is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round came to. ``per_s``: those accepted by the time from the first request to the last proof."""

    sent: Sent
    per_s: float | None
    cpu_s: Mapping[str, float]
    load_cpu_s: Mapping[str, float]
    rss_mb: Mapping[str, float]
    lost: int


def peer(site: Site, options: Options, tell: Tell) -> Result:
    """The same SMS, HTTP in, SMPP out to the same SMSC, receipts on: ours and Kannel in turn, as a ratio."""
    if not installed():
        tell(MISSING, None)
        with counting(site.server.dsn) as ledger:
            return Result(scenario="peer", notifications=0, machine=machine(ledger), more={"skipped": MISSING})
    with a_house(site, "peer", tell, sms_only=True) as house:
        start_warm(house, tell)
        sample = _sample(house)
        tell("starting Kannel", None)
        with a_kannel(site.folder, _other_smsc(house, sample["provider"]), WINDOW_SIZE) as kannel:
            for name, process in (*kannel.processes.items(), ("sink", kannel.sink)):
                house.watch(name, process)
            path = kannel.path(phone=PHONE, sender=sample["source"], text=sample["text"])
            match = _Match(house=house, kannel=kannel, path=path, options=options, tell=tell)
            match.warm_up(sample)
            return match.play()


def _sample(house: House) -> dict[str, Any]:
    """What ours made of a message: the peer is to send the same. Raises NotifyError when it is more than one part."""
    sample: dict[str, Any] = house.ask_lab("GET", "/submissions?provider=all")[0]
    if sample["parts"] != 1:
        raise NotifyError("the message of the comparison must be one part")
    return sample


def _other_smsc(house: House, ours: str) -> tuple[str, int]:
    """One just like ours in the same process: an SMSC hands receipts to any session of its one account."""
    return next(address for name, address in house.smscs.items() if name != ours)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """The two sides at one SMSC. ``path``: the request by which Kannel sends the same message."""

    house: House
    kannel: Kannel
    path: str
    options: Options
    tell: Tell

    def warm_up(self, sample: Mapping[str, Any]) -> None:
        """Let a few messages pass through Kannel. Raises NotifyError when they are not what ours sends."""
        plan = self.kannel.plan(
            self.path,
            first=WARM_UP_FIRST + WARM_UP,
            count_max=WARM_UP,
            seconds=WARM_UP_LIMIT_S,
            connections=CONNECTIONS,
        )
        sent = self.house.send_to(self.kannel.http, plan, "warming Kannel up", self.tell)
        self._drain_kannel(sent.accepted, WARM_UP_LIMIT_S)
        last: dict[str, Any] = self.house.ask_lab("GET", "/submissions?provider=all")[-1]
        if any(last[name] != sample[name] for name in ("text", "source", "parts")):
            raise NotifyError("Kannel sends another message than ours; nothing can be compared")

    def play(self) -> Result:
        """All rounds, and what they come to."""
        ours: list[Round] = []
        theirs: list[Round] = []
        for pair in range(PAIRS):
            ours.append(self._our_round(_first(pair, 0)))
            theirs.append(self._their_round(_first(pair, 1)))
        return self._result(ours, theirs)

    def _our_round(self, first: int) -> Round:
        house, meter = self.house, self.house.meter()
        plan = singles(self.options, bounded_count(self.options), first=first)
        sent = house.send(plan, "sending to ours", self.tell, meter)
        house.drain(sent.accepted, self.tell, meter)
        house.ledger.know(sent.ids())
        delivered = house.ledger.statuses().get("delivered", 0)
        return _round(sent, meter, house.ledger.last_end(), sent.accepted - delivered)

    def _their_round(self, first: int) -> Round:
        before = self.kannel.told()["delivered"]
        plan = self.kannel.plan(
            self.path,
            first=first,
            count_max=bounded_count(self.options),
            seconds=self.options.seconds,
            connections=CONNECTIONS,
        )
        meter = self.house.meter()
        sent = self.house.send_to(self.kannel.http, plan, "sending to Kannel", self.tell, meter)
        self._drain_kannel(before + sent.accepted, CALLBACKS_LIMIT_S, meter)
        told = self.kannel.told()
        ended_at = datetime.fromtimestamp(told["last_at"], UTC) if told["delivered"] > before else None
        return _round(sent, meter, ended_at, before + sent.accepted - told["delivered"])

    def _drain_kannel(self, expected: int, limit_s: float, meter: Meter | None = None) -> None:
        """Wait until the sink was told of so many deliveries."""

        def done() -> float:
            return float(self.kannel.told()["delivered"] / max(1, expected))

        self.house.wait("delivering by Kannel", self.tell, done, limit_s=limit_s, meter=meter)

    def _result(self, ours: Sequence[Round], theirs: Sequence[Round]) -> Result:
        house, ledger = self.house, self.house.ledger
        ledger.know(chain.from_iterable(one.sent.ids() for one in ours))
        our_rates, their_rates = ([one.per_s or 0.0 for one in rounds] for rounds in (ours, theirs))
        ratios = [our / their for our, their in zip(our_rates, their_rates, strict=True) if their]
        accepted = sum(one.sent.accepted for one in ours)
        return Result(
            scenario="peer",
            notifications=accepted,
            machine=machine(ledger),
            lifecycles_per_s=round(median(our_rates), 1),
            accept_ms=_middle([one.sent.accept_ms for one in ours]),
            handover_ms=ledger.handover_ms(),
            handover_from_request_ms=ledger.handover_from_request_ms(),
            delivered_ms=ledger.delivered_ms(),
            cpu_s_per_1000=_per_1000(ours, [one.cpu_s for one in ours], PRODUCT),
            rss_mb={name: max(one.rss_mb[name] for one in (*ours, *theirs)) for name in ours[0].rss_mb},
            channels=ledger.channels(),
            refused=sum(refused(one.sent) for one in (*ours, *theirs)),
            lost=sum(one.lost for one in ours),
            doubled=max(0, ledger.total() - house.others - accepted) + doubled(house, lambda phone: _is_of(phone, 0)),
            more={
                "ours": _figures(ours, PRODUCT),
                "kannel": _figures(theirs, PROGRAMS) | {"doubled": doubled(house, lambda phone: _is_of(phone, 1))},
                "ratio": round(median(our_rates) / median(their_rates), 3) if median(their_rates) else None,
                "ratio_range": [round(min(ratios), 3), round(max(ratios), 3)] if ratios else None,
            },
        )


def _first(pair: int, side: int) -> int:
    """The number of a round's first phone. ``side``: 0 ours, 1 Kannel's."""
    return 1 + (2 * pair + side) * COUNT_MAX


def _is_of(phone: str, side: int) -> bool:
    pair, its_side = divmod((int(phone[-NUMBER_DIGITS:]) - 1) // COUNT_MAX, 2)
    return pair < PAIRS and its_side == side


def _round(sent: Sent, meter: Meter, ended_at: datetime | None, lost: int) -> Round:
    used_s = meter.cpu_s()
    span_s = (ended_at - sent.first_at()).total_seconds() if ended_at else 0.0
    return Round(
        sent=sent,
        per_s=(sent.accepted - lost) / span_s if span_s > 0 else None,
        cpu_s=used_s,
        load_cpu_s={name: used_s[name] for name in ("lab", "sink")} | {"generator": sent.cpu_s},
        rss_mb=meter.rss_mb,
        lost=lost,
    )


def _figures(rounds: Sequence[Round], processes: Sequence[str]) -> dict[str, Any]:
    rates = [one.per_s or 0.0 for one in rounds]
    return {
        "per_s": {"median": round(median(rates), 1), "min": round(min(rates), 1), "max": round(max(rates), 1)},
        "accept_ms": _middle([one.sent.accept_ms for one in rounds]),
        "cpu_s_per_1000": _per_1000(rounds, [one.cpu_s for one in rounds], processes),
        "load_cpu_s_per_1000": _per_1000(rounds, [one.load_cpu_s for one in rounds], ("lab", "sink", "generator")),
        "messages": sum(one.sent.accepted for one in rounds),
        "lost": sum(one.lost for one in rounds),
    }


def _per_1000(rounds: Sequence[Round], used_s: Sequence[Mapping[str, float]], names: Sequence[str]) -> dict[str, float]:
    count = max(1, sum(one.sent.accepted for one in rounds))
    figures = {name: round(1000 * sum(used[name] for used in used_s) / count, 3) for name in names}
    return figures | {"total": round(sum(figures.values()), 3)}


def _middle(spreads: Sequence[Spread | None]) -> Spread | None:
    """The median round's value of each percentile."""
    seen = [one for one in spreads if one is not None]
    return {rank: round(median(one[rank] for one in seen), 3) for rank in seen[0]} if seen else None
