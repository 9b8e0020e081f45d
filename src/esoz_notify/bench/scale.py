"""The scenario ``scale``: the same whole lives with more and more API and worker processes, and what they cost.

What belongs here: which shapes are measured and how. What does not: the model made of it (``scale_model``).
"""

from dataclasses import asdict
from typing import Any

from esoz_notify.bench.house import House, Site, Tell, a_house
from esoz_notify.bench.parts import Options, Result, live
from esoz_notify.bench.scale_model import BUSY, PARTS, Shape, errors, evened, fit, need

SHAPES = ((1, 1), (1, 2), (1, 4), (2, 1), (2, 2), (2, 4))
"""Processes of the API and of the worker."""

LOADS_PER_S = (12, 500, 2_000, 5_000, 10_000, 20_000, 100_000)
"""Loads that are reckoned: a mean national day, its peak, and on until one server is too small."""


def scale(site: Site, options: Options, tell: Tell) -> Result:
    """``lifecycle`` in each shape, over an empty ledger each; the figures are of the last shape."""
    measured: list[Result] = []
    rows: list[dict[str, Any]] = []
    shapes: list[Shape] = []
    for apis, workers in SHAPES:
        with a_house(site, f"scale-{apis}-{workers}", tell) as house:
            _grow(house, apis, workers, tell)
            wal_before, size_before = house.ledger.wal_bytes(), house.ledger.size_bytes()
            result = live(house, "scale", options, tell)
            lives = max(1, result.notifications)
            wal, size = house.ledger.wal_bytes() - wal_before, house.ledger.size_bytes() - size_before
        measured.append(result)
        cpu_s = {part: (result.cpu_s_per_1000 or {}).get(part, 0.0) for part in PARTS}
        shape = Shape(
            apis=apis,
            workers=workers,
            lives_per_s=result.lifecycles_per_s or 0.0,
            cpu_s=cpu_s,
            load_cpu_s=sum((result.load_cpu_s_per_1000 or {}).values()),
        )
        shapes.append(shape)
        rows.append(
            asdict(shape)
            | {
                "lives_per_cpu_s": round(1000 / sum(cpu_s.values())) if any(cpu_s.values()) else None,
                "wal_bytes_per_life": round(wal / lives),
                "disk_bytes_per_life": round(size / lives),
            }
        )
    last = measured[-1]
    last.refused, last.lost, last.doubled = (
        sum(getattr(result, name) for result in measured) for name in ("refused", "lost", "doubled")
    )
    last.more |= {"scale": rows, **_reckoned(shapes, rows, last.machine["cores"])}
    return last


def _grow(house: House, apis: int, workers: int, tell: Tell) -> None:
    """Start the processes beside the first API, and the first worker that ``live`` starts."""
    tell(f"starting {apis} APIs, {workers} workers", None)
    for _ in range(apis - 1):
        house.start_api()
    for _ in range(workers - 1):
        house.start_worker()


def _reckoned(shapes: list[Shape], rows: list[dict[str, Any]], cores: int) -> dict[str, Any]:
    """The model, how far it is off where it had not looked, and what loads need by it."""
    if not all(shape.lives_per_s for shape in shapes):
        return {}
    shapes = evened(shapes)
    model = fit(shapes, cores)
    wal_bytes = max(row["wal_bytes_per_life"] for row in rows)
    return {
        "model": asdict(model),
        "model_errors": [round(error, 3) for error in errors(shapes, cores)],
        "per_million": {
            "cpu_hours": round(sum(shapes[0].cpu_s.values()) * 1000 / 3600, 2),
            "wal_gb": round(wal_bytes / 1000, 1),
            "disk_gb": round(max(row["disk_bytes_per_life"] for row in rows) / 1000, 1),
        },
        "needs": [asdict(need(model, load, wal_bytes)) for load in LOADS_PER_S],
        "needs_at_busy": BUSY,
    }
