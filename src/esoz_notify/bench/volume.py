"""Scenarios over big ledgers: many notifications that have ended, and many that wait.

What belongs here: what is put into the ledger beforehand, and what is measured over it. What does not: the SQL (store).
"""

import time
from dataclasses import dataclass
from typing import Any

from esoz_notify.bench.house import Site, Tell, a_house
from esoz_notify.bench.parts import WARM_UP_LIMIT_S, Options, Result, live, result_of, singles, warm_intake
from esoz_notify.lab.settings import LabSettings
from esoz_notify.store.counting import Counter

HOLDER = "bench"


@dataclass(slots=True)
class _Filling:
    """Fills a ledger, and says how long it took."""

    tell: Tell
    rows: int
    seconds: float = 0.0

    def ended(self, ledger: Counter) -> int:
        """With notifications that have ended."""
        if self.rows:
            self.tell(f"preloading {self.rows:,} ended ones", None)
            began_s = time.monotonic()
            ledger.preload(self.rows)
            self.seconds = time.monotonic() - began_s
        return self.rows

    def waiting(self, ledger: Counter) -> int:
        """With notifications that wait for an SMSC, and every SMSC held."""
        self.tell(f"preloading {self.rows:,} waiting ones", None)
        began_s = time.monotonic()
        ledger.preload_waiting(self.rows)
        ledger.hold([smsc.name for smsc in LabSettings().smscs], by=HOLDER, why="the scenario waits")
        self.seconds = time.monotonic() - began_s
        return self.rows


def growth(site: Site, options: Options, tell: Tell) -> Result:
    """``lifecycle`` over ledgers in which ever more notifications have ended; the figures are of the last."""
    results: list[Result] = []
    steps: list[dict[str, Any]] = []
    for rows in options.rows:
        filling = _Filling(tell, rows)
        with a_house(site, f"growth-{rows}", tell, preload=filling.ended) as house:
            result = live(house, "growth", options, tell)
        results.append(result)
        first, now = results[0].lifecycles_per_s, result.lifecycles_per_s
        steps.append(
            {
                "rows": rows,
                "lifecycles_per_s": now,
                "ratio": round(now / first, 3) if now and first else None,
                "cpu_s_per_1000": (result.cpu_s_per_1000 or {}).get("total"),
                "preload_s": round(filling.seconds, 1),
            }
        )
    last = results[-1]
    last.refused, last.lost, last.doubled = (
        sum(getattr(result, name) for result in results) for name in ("refused", "lost", "doubled")
    )
    last.more |= {"rows": options.rows[-1], "ratio": steps[-1]["ratio"], "growth": steps}
    return last


def waiting(site: Site, options: Options, tell: Tell) -> Result:
    """A steady load by Viber while very many wait for SMSCs that an operator holds: what the worker's memory is.

    The waiting ones fall due all the time, an hour's worth of them evenly, are looked at and put off.
    """
    filling = _Filling(tell, options.waiting)
    with a_house(site, "waiting", tell, preload=filling.waiting) as house:
        tell("starting the worker", None)
        house.start_worker()
        house.ledger.know(warm_intake(house, tell).ids())
        house.drain_known(tell, limit_s=WARM_UP_LIMIT_S)
        meter = house.meter()
        count_max = int(options.rate_per_s * options.seconds)
        sent = house.send(singles(options, count_max, rate_per_s=options.rate_per_s), "sending", tell, meter)
        house.ledger.know(sent.ids())
        house.drain_known(tell, meter)
        result = result_of("waiting", house, sent, meter, delivered=True)
        result.more |= {
            "rate_per_s": options.rate_per_s,
            "waiting": house.ledger.waiting().documents,
            "preload_s": round(filling.seconds, 1),
        }
        return result
