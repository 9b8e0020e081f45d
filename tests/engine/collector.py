"""A collector of traces: takes OTLP over HTTP on a free port of this machine and keeps what came."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """What came, raw and decoded."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.url = ""

    @property
    def spans(self) -> list[Any]:
        """Every span, in order of arrival."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.raw]
        groups = [scope for one in requests for resource in one.resource_spans for scope in resource.scope_spans]
        return [span for group in groups for span in group.spans]


@contextmanager
def a_collector() -> Iterator[Collector]:
    """Take what is sent while the context lasts."""
    collector = Collector()

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.raw.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
