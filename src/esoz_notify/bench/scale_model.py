"""What one notification costs as processes are added, fitted to measurements; and from that what a country needs.

What belongs here: the fit, its check against the measurement, and the sums. Pure. What does not: measuring (``scale``).

The model: a part of the product costs so much for every life, and so much for every second that a process of it runs
under load, whatever that process carries: it goes round, claims, asks and commits for few as for many. So many small
processes on the same cores do less than few, and a process that has a core for itself costs no more beside a hundred
others. A machine whose cores are all busy gives as many lives a second as what its processes leave has seconds for one.

The cores of a rented machine are not equally fast at every minute, but the lab's work for one life is always the same:
so all figures are first brought to the speed at which the lab took its mean time (``evened``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from statistics import linear_regression, mean, median

PARTS = ("api", "worker", "postgres")
BUSY = 0.6
"""The share of a host's cores that is planned for: the rest is for what comes at once, and for a host that is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One measurement. CPU seconds are of 1,000 lives; ``load_cpu_s``: of lab and generator, on the same cores."""

    apis: int
    workers: int
    lives_per_s: float
    cpu_s: Mapping[str, float]
    load_cpu_s: float

    def processes(self, part: str) -> int:
        """The processes that the cost of a part goes with: PostgreSQL is kept busy by the workers' rounds."""
        return self.apis if part == "api" else self.workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """``life_cpu_s``: CPU seconds of 1,000 lives; ``process_cores``: what each process takes besides, in cores."""

    life_cpu_s: float
    process_cores: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What was fitted. ``busy``: of the cores' time, what was used for anything of ours while load was sent."""

    costs: Mapping[str, Cost]
    load_cpu_s: float
    cores: int
    busy: float

    def standing(self, apis: int, workers: int) -> float:
        """The cores that so many processes take under load, before any life."""
        costs = self.costs
        return apis * costs["api"].process_cores + workers * (
            costs["worker"].process_cores + costs["postgres"].process_cores
        )

    def lives_per_s(self, apis: int, workers: int) -> float:
        """On the machine that was measured, with everything on it."""
        left = self.cores * self.busy - self.standing(apis, workers)
        return 1000 * max(0.0, left) / (self.life_cpu_s + self.load_cpu_s)

    @property
    def life_cpu_s(self) -> float:
        """CPU seconds of the product for 1,000 lives."""
        return sum(cost.life_cpu_s for cost in self.costs.values())


def evened(shapes: Sequence[Shape]) -> list[Shape]:
    """The measurements as they would be, had the machine always been as fast as in their mean."""
    usual = mean(shape.load_cpu_s for shape in shapes)
    return [_at_speed(shape, shape.load_cpu_s / usual) for shape in shapes]


def _at_speed(shape: Shape, slowness: float) -> Shape:
    return replace(
        shape,
        lives_per_s=shape.lives_per_s * slowness,
        cpu_s={part: cpu_s / slowness for part, cpu_s in shape.cpu_s.items()},
        load_cpu_s=shape.load_cpu_s / slowness,
    )


def fit(shapes: Sequence[Shape], cores: int) -> Model:
    """The model that fits the measurements best; where processes seem to take nothing or less, they take nothing.

    ``shapes``: evened; of a single one nothing is known of processes.
    """
    costs = {part: _cost(shapes, part) for part in PARTS}
    busy = [
        shape.lives_per_s * (sum(shape.cpu_s[part] for part in PARTS) + shape.load_cpu_s) / 1000 / cores
        for shape in shapes
    ]
    return Model(costs=costs, load_cpu_s=mean(shape.load_cpu_s for shape in shapes), cores=cores, busy=median(busy))


def _cost(shapes: Sequence[Shape], part: str) -> Cost:
    """CPU of 1,000 lives is a line over process-seconds of 1,000 lives: the fewer each carries, the dearer a life."""
    seconds = [1000 * shape.processes(part) / shape.lives_per_s for shape in shapes]
    cpu_s = [shape.cpu_s[part] for shape in shapes]
    slope = max(0.0, linear_regression(seconds, cpu_s).slope) if len(set(seconds)) > 1 else 0.0
    return Cost(life_cpu_s=mean(cpu_s) - slope * mean(seconds), process_cores=slope)


def errors(shapes: Sequence[Shape], cores: int) -> list[float]:
    """For each measurement how far a model fitted to all the others is off it: 0.1 is ten percent too high."""
    return [
        fit([other for other in shapes if other is not shape], cores).lives_per_s(shape.apis, shape.workers)
        / shape.lives_per_s
        - 1
        for shape in shapes
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a load needs, in cores at ``BUSY`` and bytes. ``postgres_cores``: of one server, which cannot be split."""

    lives_per_s: float
    api_cores: int
    worker_cores: int
    postgres_cores: int
    wal_mb_per_s: float


def need(model: Model, lives_per_s: float, wal_bytes: float) -> Need:
    """The cores for a load; an API and a worker have one core each, so their number is that of their cores."""
    apis, workers = (_processes(model.costs[part], lives_per_s) for part in ("api", "worker"))
    postgres = model.costs["postgres"]
    kept_busy = lives_per_s * postgres.life_cpu_s / 1000 + workers * postgres.process_cores
    return Need(
        lives_per_s=lives_per_s,
        api_cores=apis,
        worker_cores=workers,
        postgres_cores=max(1, ceil(kept_busy / BUSY)),
        wal_mb_per_s=round(lives_per_s * wal_bytes / 1e6, 1),
    )


def _processes(cost: Cost, lives_per_s: float) -> int:
    """So many that each is busy for ``BUSY`` of its core at most.

    Raises ValueError when a process is busier than that with nothing to carry: then no number of them is enough.
    """
    left = BUSY - cost.process_cores
    if left <= 0:
        raise ValueError(f"a process takes {cost.process_cores:.2f} of its core before it carries anything")
    return max(1, ceil(lives_per_s * cost.life_cpu_s / 1000 / left))
