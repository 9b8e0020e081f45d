"""Counters of the API in Prometheus' text format, by hand: a handful of numbers needs no library.

What belongs here: counting and printing. What does not: deciding what a request was (``recording``).
"""

from collections.abc import Iterator

import psutil


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

    def text(self, alarms: int) -> str:
        """Everything, in text exposition format 0.0.4. ``alarms``: raised by this process for unrequested codes."""
        return "\n".join([*self._lines(), *_alarms(alarms), ""])

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


def _labelled(method: str, route: str, status: str) -> str:
    return f'{{method="{method}",route="{route}",status="{status}"}}'


def _gauge(name: str, what: str, value: int) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} gauge"
    yield f"{name} {value}"
