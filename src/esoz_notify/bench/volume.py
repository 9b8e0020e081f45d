"""Scenarios over big ledgers: many notifications that have ended, and many that wait.

What belongs here: what is put into the ledger beforehand, and what is measured over it. What does not: the SQL (store).
"""

import time
from typing import Any

from esoz_notify.bench.house import Site, Tell, a_house
from esoz_notify.bench.parts import Options, Result, live, result_of, singles, start_warm
from esoz_notify.lab.settings import LabSettings
from esoz_notify.store.counting import Counter

GROWTH_ROWS = (0, 1_000_000)
"""Ended notifications in the ledgers of ``growth`` unless it is said how many."""


class Preload:
    """Fills a ledger with ``rows`` notifications that have ended, and keeps how long it took."""

    def __init__(self, rows: int, tell: Tell) -> None:
        self.rows = rows
        self._tell = tell
        self.seconds = 0.0

    def __call__(self, ledger: Counter) -> int:
        """Fill it, and give the number of rows."""
        if self.rows:
            self._tell(f"preloading {self.rows:,} ended ones", None)
            began_s = time.monotonic()
            ledger.preload(self.rows)
            self.seconds = time.monotonic() - began_s
        return self.rows


def growth(site: Site, options: Options, tell: Tell) -> Result:
    """``lifecycle`` over ledgers in which ever more notifications have ended; the figures are of the last."""
    results: list[Result] = []
    steps: list[dict[str, Any]] = []
    all_rows = options.rows or GROWTH_ROWS
    for rows in all_rows:
        preload = Preload(rows, tell)
        with a_house(site, f"growth-{rows}", tell, preload=preload) as house:
            result = live(house, "growth", options, tell)
        results.append(result)
        first, now = results[0].lifecycles_per_s, result.lifecycles_per_s
        steps.append(
            {
                "rows": rows,
                "lifecycles_per_s": now,
                "ratio": round(now / first, 3) if now and first else None,
                "cpu_s_per_1000": (result.cpu_s_per_1000 or {}).get("total"),
                "preload_s": round(preload.seconds, 1),
            }
        )
    last = results[-1]
    last.refused, last.lost, last.doubled = (
        sum(getattr(result, name) for result in results) for name in ("refused", "lost", "doubled")
    )
    last.more |= {"rows": all_rows[-1], "ratio": steps[-1]["ratio"], "growth": steps}
    return last


def waiting(site: Site, options: Options, tell: Tell) -> Result:
    """A steady load by Viber while very many wait for SMSCs that an operator holds: what the worker's memory is.

    The waiting ones fall due all the time, an hour's worth of them evenly, are looked at and put off.
    """
    with a_house(site, "waiting", tell) as house:
        house.ledger.hold([smsc.name for smsc in LabSettings().smscs], by="bench", why="so that they wait")
        start_warm(house, tell)
        tell(f"preloading {options.waiting:,} waiting ones", None)
        began_s = time.monotonic()
        house.ledger.preload_waiting(options.waiting)
        preload_s = time.monotonic() - began_s
        house.others += options.waiting
        meter = house.meter()
        count_max = int(options.rate_per_s * options.seconds)
        sent = house.send(singles(options, count_max, rate_per_s=options.rate_per_s), "sending", tell, meter)
        house.ledger.know(sent.ids())
        house.drain_known(tell, meter)
        result = result_of("waiting", house, sent, meter, delivered=True)
        result.more |= {
            "rate_per_s": options.rate_per_s,
            "waiting": house.ledger.waiting().documents,
            "preload_s": round(preload_s, 1),
        }
        return result
