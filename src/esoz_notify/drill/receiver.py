"""A caller's receiver of webhooks, which can be made to hang.

What belongs here: taking events. What does not: reading them.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HANG_MAX_S = 60.0


@dataclass(slots=True)
class Receiver:
    """Answers while ``well`` is set."""

    url: str = ""
    well: threading.Event = field(default_factory=threading.Event)


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()
    receiver.well.set()

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take an event, once we are well."""
            self.rfile.read(int(self.headers.get("content-length", 0)))
            receiver.well.wait(_HANG_MAX_S)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="receiver", daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/events"
    try:
        yield receiver
    finally:
        receiver.well.set()
        server.shutdown()
        server.server_close()
