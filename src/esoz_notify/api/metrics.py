"""Counters of the API in Prometheus' text format, by hand: a handful of numbers needs no library.

What belongs here: counting and printing. What does not: deciding what a request was (``recording``).
"""

from collections.abc import Iterator, Sequence

import psutil

from esoz_notify.engine.probing import ProbeStanding


class Metrics:
    """Numbers of this process since its start. Labels come from the contract's table only, so they stay few."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, str], tuple[int, float]] = {}
        self.in_flight = 0
        self.streams = 0
        self._process = psutil.Process()

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (method, route, f"{status // 100}xx")
        count, total_s = self._requests.get(key, (0, 0.0))
        self._requests[key] = (count + 1, total_s + seconds)

    def text(self, alarms: int, probes: Sequence[ProbeStanding] = ()) -> str:
        """Everything, in text exposition format 0.0.4. ``alarms``: raised by this process for unrequested codes."""
        return "\n".join([*self._lines(), *_alarms(alarms), *_probes(probes), ""])

    def _lines(self) -> Iterator[str]:
        yield "# HELP esoz_notify_http_requests_total Requests answered, by route of the contract and class of status."
        yield "# TYPE esoz_notify_http_requests_total counter"
        for labels, (count, _) in self._requests.items():
            yield f"esoz_notify_http_requests_total{_labelled(*labels)} {count}"
        yield "# HELP esoz_notify_http_request_seconds_total Time spent on them."
        yield "# TYPE esoz_notify_http_request_seconds_total counter"
        for labels, (_, total_s) in self._requests.items():
            yield f"esoz_notify_http_request_seconds_total{_labelled(*labels)} {total_s:.6f}"
        yield from _gauge("esoz_notify_http_requests_in_flight", "Requests being worked on.", self.in_flight)
        yield from _gauge("esoz_notify_http_event_streams", "Streams of events held open.", self.streams)
        memory_bytes = self._process.memory_info().rss
        yield from _gauge("process_resident_memory_bytes", "Memory of this process.", memory_bytes)


def _alarms(count: int) -> Iterator[str]:
    yield "# HELP esoz_notify_verification_alarms_total People who got many codes in a day that nobody used."
    yield "# TYPE esoz_notify_verification_alarms_total counter"
    yield f"esoz_notify_verification_alarms_total {count}"


def _probes(probes: Sequence[ProbeStanding]) -> Iterator[str]:
    """What the last probes came to; nothing is told of what was never probed."""
    ended = [(one, one.last.judged) for one in probes if one.last is not None and one.last.judged is not None]
    gauges = (
        ("ok", "Whether the last probe arrived.", [(one, float(said.ok)) for one, said in ended]),
        ("failures_in_row", "Probes that failed since one arrived.", [(one, float(one.failures)) for one, _ in ended]),
        (
            "handed_over_seconds",
            "From acceptance to the provider's yes.",
            [(one, said.handed_s) for one, said in ended],
        ),
        ("receipt_seconds", "From then to the receipt.", [(one, said.receipt_s) for one, said in ended]),
    )
    for name, what, values in gauges:
        told = [(one, value) for one, value in values if value is not None]
        if told:
            yield f"# HELP esoz_notify_probe_{name} {what}"
            yield f"# TYPE esoz_notify_probe_{name} gauge"
        for one, value in told:
            labels = f'{{provider="{_escaped(one.provider)}",lane="{one.lane}"}}'
            yield f"esoz_notify_probe_{name}{labels} {value:g}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _labelled(method: str, route: str, status: str) -> str:
    return f'{{method="{method}",route="{route}",status="{status}"}}'


def _gauge(name: str, what: str, value: int) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} gauge"
    yield f"{name} {value}"
