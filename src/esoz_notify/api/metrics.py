"""The numbers of the API beside those of its process: requests, streams, quotas, probes.

What belongs here: what only the API knows of them. What does not: deciding what a request was (``recording``), the
table of metrics and printing (``engine.metrics``).
"""

from collections.abc import Callable, Sequence

from esoz_notify.engine.metrics import Metrics
from esoz_notify.engine.probing import ProbeStanding


class ApiMetrics:
    """Counts into the numbers of its process; labels come from the contract's table only, so they stay few."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._metrics = metrics or Metrics()
        self._alarms: Callable[[], int] = int
        self._probes: Callable[[], Sequence[ProbeStanding]] = tuple
        self.in_flight = 0
        self.streams = 0
        self._metrics.when_told(self._show)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        labels = (method, route, f"{status // 100}xx")
        self._metrics.count("http_requests", *labels)
        self._metrics.count("http_request_seconds", *labels, by=max(seconds, 0.0))

    def refused(self, quota: str) -> None:
        """Count one request that a quota refused."""
        self._metrics.count("quota_refused", quota)

    def watch(self, alarms: Callable[[], int], probes: Callable[[], Sequence[ProbeStanding]]) -> None:
        """Tell of these too. ``alarms``: raised by this process for unrequested codes; ``probes``: the last ones."""
        self._alarms, self._probes = alarms, probes

    def text(self) -> bytes:
        """All numbers of this process, as OpenMetrics."""
        return self._metrics.text()

    def _show(self, metrics: Metrics) -> None:
        metrics.show("http_requests_in_flight", {(): self.in_flight})
        metrics.show("http_event_streams", {(): self.streams})
        metrics.total("verification_alarms", self._alarms())
        for name, told in _of_probes(self._probes()).items():
            metrics.show(f"probe_{name}", told)


def _of_probes(probes: Sequence[ProbeStanding]) -> dict[str, dict[tuple[str, ...], float]]:
    """What the last probes came to; nothing is told of what was never probed."""
    ended = [(one, one.last.judged) for one in probes if one.last is not None and one.last.judged is not None]
    shown: dict[str, list[tuple[ProbeStanding, float | None]]] = {
        "ok": [(one, float(said.ok)) for one, said in ended],
        "failures_in_row": [(one, float(one.failures)) for one, _ in ended],
        "handed_over_seconds": [(one, said.handed_s) for one, said in ended],
        "receipt_seconds": [(one, said.receipt_s) for one, said in ended],
    }
    return {
        name: {(one.provider, one.lane): value for one, value in values if value is not None}
        for name, values in shown.items()
    }
