"""The scenario of very many lives in a row: how big the tables get whose rows change or leave.

What belongs here: who lives them, and what is looked at meanwhile. What does not: a life (``lives``), the SQL (store).
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

from esoz_notify.bench.house import TEMPLATE, Site, Tell, machine
from esoz_notify.bench.lives import LivesPlan
from esoz_notify.bench.parts import Options, Result
from esoz_notify.bench.processes import Meter, spoken_to
from esoz_notify.core.kinds import Lane
from esoz_notify.store.counting import Counter, counting, drop_database, make_database

LANES = tuple(lane.value for lane in Lane)
"""A writing process for each: neither claims what the other has begun."""
BATCH = 500
VALID_S = 20.0
"""So long a code is valid: then it is erased, and its row changes once more."""
STEPS = 10
"""So often the tables are looked at."""
AGENDA = "delivery_due"
PLAIN_SHARE = 10
"""By PostgreSQL's own settings one life of so many is lived afterwards."""
LOOK_S = 0.5

Step = dict[str, Any]


def churn(site: Site, options: Options, tell: Tell) -> Result:
    """``--lives`` whole lives by the ledger's own statements; then a tenth of them by PostgreSQL's own settings."""
    result, steps = _lived(site, options.lives, tell, plain=False)
    plain, plain_steps = _lived(site, max(len(LANES), options.lives // PLAIN_SHARE), tell, plain=True)
    result.lost += plain.lost
    result.more |= {"steps": steps, "plain": plain_steps}
    return result


def _lived(site: Site, lives: int, tell: Tell, *, plain: bool) -> tuple[Result, list[Step]]:
    with _a_ledger(site, "bench_churn_plain" if plain else "bench_churn") as (dsn, ledger):
        tables = ledger.tuned_tables()
        if plain:
            ledger.vacuum_as_any_other()
        meter = Meter({"postgres": site.postmaster})
        began_s = time.monotonic()
        each = lives // len(LANES)
        plans = [LivesPlan(dsn=dsn, lane=lane, count=each, batch=BATCH, valid_s=VALID_S) for lane in LANES]
        steps = _watched(plans, lambda lives: _step(ledger, tables, lives), meter, tell)
        seconds, used_s = time.monotonic() - began_s, meter.cpu_s()["postgres"]
        total = ledger.total()
        per_1000 = round(1000 * used_s / max(1, total), 3)
        result = Result(
            scenario="churn",
            notifications=total,
            machine=machine(ledger),
            lifecycles_per_s=round(total / seconds, 1),
            cpu_s_per_1000={"postgres": per_1000, "total": per_1000},
            rss_mb=meter.rss_mb,
            lost=each * len(LANES) - ledger.erased(),
        )
        return result, steps


@contextmanager
def _a_ledger(site: Site, database: str) -> Iterator[tuple[str, Counter]]:
    dsn = make_database(site.server.dsn, database, TEMPLATE)
    try:
        with counting(dsn) as ledger:
            yield dsn, ledger
    finally:
        drop_database(site.server.dsn, database)


def _watched(plans: list[LivesPlan], look: Callable[[int], Step], meter: Meter, tell: Tell) -> list[Step]:
    """Have all plans lived at the same time, and look at the tables at each tenth and at the end."""
    whole = sum(plan.count for plan in plans)
    lived = dict.fromkeys(LANES, 0)
    steps: list[Step] = []

    def hear(lane: str, line: str) -> None:
        lived[lane] = int(line.removeprefix("lived "))

    with ThreadPoolExecutor(len(plans)) as threads:
        going: list[Future[str]] = [
            threads.submit(spoken_to, ["esoz_notify.bench.lives"], json.dumps(asdict(plan)), partial(hear, plan.lane))
            for plan in plans
        ]
        while not all(one.done() for one in going):
            now = sum(lived.values())
            tell(f"living {whole:,}", now / whole)
            meter.look()
            if now * STEPS >= (len(steps) + 1) * whole and now < whole:
                steps.append(look(now))
            time.sleep(LOOK_S)
        for one in going:
            one.result()
    return [*steps, look(whole)]


def _step(ledger: Counter, names: list[str], lives: int) -> Step:
    tables = {name: asdict(size) for name, size in ledger.table_sizes(names).items() if size.mb >= 1 or size.live}
    return {"lives": lives, "tables": tables, "agenda_mb": ledger.index_mb(AGENDA)}
