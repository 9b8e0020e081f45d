"""What one notification costs as processes are added, fitted to measurements; and from that what a country needs.

What belongs here: the fit, its check against the measurement, and the sums. Pure. What does not: measuring (``scale``).

The model: CPU per life of each part is a line over the number of processes beside the first two, since each one more
claims smaller batches and finds more rows locked. A machine whose cores are all busy then gives as many lives a second
as its cores have seconds for one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import linear_regression, mean, median

PARTS = ("api", "worker", "postgres")
BUSY = 0.6
"""The share of a host's cores that is planned for: the rest is for what comes at once, and for a host that is away."""

EASY = 2
"""Processes in the smallest installation: one API, one worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One measurement. CPU seconds are of 1,000 lives; ``load_cpu_s``: of lab and generator, on the same cores."""

    apis: int
    workers: int
    lives_per_s: float
    cpu_s: Mapping[str, float]
    load_cpu_s: float

    @property
    def more(self) -> int:
        """Processes beside the first two."""
        return self.apis + self.workers - EASY


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """CPU seconds of 1,000 lives: ``at_first`` with two processes, and ``each_more`` with every further one."""

    at_first: float
    each_more: float

    def at(self, more: int) -> float:
        """With so many processes beside the first two."""
        return self.at_first + self.each_more * more


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What was fitted. ``busy``: of the cores' time, what was used for anything of ours while load was sent."""

    lines: Mapping[str, Line]
    load_cpu_s: float
    cores: int
    busy: float

    def cost(self, more: int) -> float:
        """CPU seconds of the product for 1,000 lives."""
        return sum(line.at(more) for line in self.lines.values())

    def lives_per_s(self, more: int) -> float:
        """On the machine that was measured, with everything on it."""
        return 1000 * self.cores * self.busy / (self.cost(more) + self.load_cpu_s)


def fit(shapes: Sequence[Shape], cores: int) -> Model:
    """The model that fits the measurements best; a cost that seems to fall with more processes counts as level."""
    lines = {}
    for part in PARTS:
        costs = [shape.cpu_s[part] for shape in shapes]
        slope = linear_regression([shape.more for shape in shapes], costs).slope if len(shapes) > 1 else 0.0
        slope = max(0.0, slope)
        lines[part] = Line(at_first=mean(costs) - slope * mean(shape.more for shape in shapes), each_more=slope)
    busy = [
        shape.lives_per_s * (sum(shape.cpu_s[part] for part in PARTS) + shape.load_cpu_s) / 1000 / cores
        for shape in shapes
    ]
    return Model(lines=lines, load_cpu_s=mean(shape.load_cpu_s for shape in shapes), cores=cores, busy=median(busy))


def errors(shapes: Sequence[Shape], cores: int) -> list[float]:
    """For each measurement how far a model fitted to all the others is off it: 0.1 is ten percent too high."""
    return [
        fit([other for other in shapes if other is not shape], cores).lives_per_s(shape.more) / shape.lives_per_s - 1
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
    """The cores for a load; an API and a worker have one core each, so their number is that of their cores.

    More processes make each life dearer, and so need more processes: the sum is done until it stands still, or until
    it runs away, which is more than one server can do at any size: then the last sum is given.
    """
    apis, workers = 1, 1
    for _ in range(100):
        more = apis + workers - EASY
        wanted = [ceil(lives_per_s * model.lines[part].at(more) / 1000 / BUSY) for part in ("api", "worker")]
        before, (apis, workers) = (apis, workers), (max(1, wanted[0]), max(1, wanted[1]))
        if before == (apis, workers):
            break
    postgres = lives_per_s * model.lines["postgres"].at(apis + workers - EASY) / 1000 / BUSY
    return Need(
        lives_per_s=lives_per_s,
        api_cores=apis,
        worker_cores=workers,
        postgres_cores=max(1, ceil(postgres)),
        wal_mb_per_s=round(lives_per_s * wal_bytes / 1e6, 1),
    )
