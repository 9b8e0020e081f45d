"""The numbers of one process, counted by Prometheus' own library and printed as OpenMetrics with exemplars.

What belongs here: making what the table names, keeping labels within their bounds. What does not: what is counted when
(``measuring``, ``vitals``, the API's recording).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.openmetrics.exposition import generate_latest

from esoz_notify.engine.metric_table import CLOSED, METRICS, OTHER, Metric, Process, Type

OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second line per counter that nothing of ours reads


class Metrics:
    """Numbers since the start of the process; not for other threads. ``named``: values of labels that settings have.

    ``told_by``: of which processes it tells. A value that is not among those of its label is told as ``other``, so
    that no caller and no provider can make lines.
    """

    def __init__(
        self,
        named: Mapping[str, Iterable[str]] | None = None,
        told_by: Iterable[Process] = (Process.API, Process.WORKER, Process.EVERY),
    ) -> None:
        self.registry = CollectorRegistry()
        self._allowed = {**CLOSED, **{label: frozenset(values) for label, values in (named or {}).items()}}
        self._told = frozenset(told_by)
        self._made = {name: _make(row, self.registry) for name, row in METRICS.items() if row.told_by in self._told}
        self._lines: dict[tuple[str, ...], Any] = {}
        self._totals: dict[str, float] = {}
        self._looks: list[Callable[[Metrics], None]] = []
        ProcessCollector(registry=self.registry)

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Count something that this process tells of; what another kind of process tells is left to it."""
        if METRICS[name].told_by in self._told:
            self._line(name, *labels).inc(by)

    def observe(self, name: str, value_s: float, *labels: str, trace_id: str | None = None) -> None:
        """Put a time into a histogram. ``trace_id``: of a trace that somebody keeps, to be shown beside it."""
        if METRICS[name].told_by in self._told:
            exemplar = {"trace_id": trace_id} if trace_id is not None else None
            self._line(name, *labels).observe(max(value_s, 0.0), exemplar)

    def show(self, name: str, values: Mapping[tuple[str, ...], float]) -> None:
        """What a gauge says from now on, by its labels; lines that are not among them are gone."""
        made = self._made.get(name)
        if made is None:
            return
        if METRICS[name].labels:
            made.clear()
            self._lines = {key: line for key, line in self._lines.items() if key[0] != name}
        for labels, value in values.items():
            self._line(name, *labels).set(value)

    def total(self, name: str, value: float) -> None:
        """What a counter that somebody else counts has come to."""
        grown = value - self._totals.get(name, 0.0)
        if grown > 0:
            self._totals[name] = value
            self.count(name, by=grown)

    def when_told(self, look: Callable[["Metrics"], None]) -> None:
        """Have ``look`` show what is true at the moment of telling; it must not block."""
        self._looks.append(look)

    def text(self) -> bytes:
        """Everything, as OpenMetrics 1.0."""
        for look in self._looks:
            look(self)
        text: bytes = generate_latest(self.registry)  # type: ignore[no-untyped-call]
        return text

    def _line(self, name: str, *labels: str) -> Any:
        known = self._lines.get((name, *labels))
        if known is not None:
            return known
        made, row = self._made[name], METRICS[name]
        if not row.labels:
            return self._lines.setdefault((name,), made)
        told = zip(row.labels, labels, strict=True)
        within = [value if value in self._allowed.get(label, (value,)) else OTHER for label, value in told]
        return self._lines.setdefault((name, *within), made.labels(*within))


def _make(row: Metric, registry: CollectorRegistry) -> Any:
    match row.type:
        case Type.COUNTER:
            return Counter(row.name, row.what, row.labels, registry=registry)
        case Type.GAUGE:
            return Gauge(row.name, row.what, row.labels, registry=registry)
        case Type.HISTOGRAM:
            return Histogram(row.name, row.what, row.labels, registry=registry, buckets=row.bounds_s)
