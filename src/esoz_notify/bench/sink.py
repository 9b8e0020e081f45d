"""Takes the peer's callbacks: a small HTTP server as a process of its own, which only counts.

``GET /NUMBER/STATE`` tells of a message, ``GET /told`` asks what was told of. What does not belong here: what the
numbers mean.
"""

import asyncio
import json
import signal
import sys
import time
from typing import cast

DELIVERED = "1"
"""The state that counts."""

_END = b"\r\n\r\n"


class Tally:
    """Which numbers were told to be delivered. ``last_at``: when the last new one was, seconds since the epoch."""

    def __init__(self) -> None:
        self._delivered: set[str] = set()
        self._told = 0
        self._last_at: float | None = None

    def take(self, number: str, state: str) -> None:
        """Note a callback."""
        self._told += 1
        if state == DELIVERED and number not in self._delivered:
            self._delivered.add(number)
            self._last_at = time.time()

    def as_json(self) -> str:
        """What ``/told`` answers."""
        return json.dumps({"delivered": len(self._delivered), "told": self._told, "last_at": self._last_at})


class Talk(asyncio.Protocol):
    """One connection. Requests have no bodies; one that is not understood ends it."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._received = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's are not its subclasses

    def data_received(self, data: bytes) -> None:
        """Answer every whole request, all of one read in one write."""
        assert self._transport is not None
        self._received += data
        *heads, rest = bytes(self._received).split(_END)
        self._received = bytearray(rest)
        try:
            answers = [self._answer(head) for head in heads]
        except ValueError:
            self._transport.close()
            return
        self._transport.write(b"".join(answers))

    def _answer(self, head: bytes) -> bytes:
        _, path, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        body = ""
        if path == "/told":
            body = self._tally.as_json()
        else:
            number, state = path.removeprefix("/").split("/")
            self._tally.take(number, state)
        return f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


async def serve() -> None:
    """Answer on a free port of loopback until SIGTERM; ``ready PORT`` once listening."""
    loop, stop, tally = asyncio.get_running_loop(), asyncio.Event(), Tally()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: Talk(tally), "127.0.0.1", 0)
    async with server:
        sys.stdout.write(f"ready {server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await stop.wait()
        server.close()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
