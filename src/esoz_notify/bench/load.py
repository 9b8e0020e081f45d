"""The load generator: sends numbered requests over kept-alive HTTP/1.1 connections, and notes what was answered when.

A process of its own, given its plan as JSON on stdin. It shares the cores with what it loads, so it does as little as
it can: one protocol object per connection, no HTTP library. What does not belong here: what the requests mean.
"""

import asyncio
import base64
import gc
import json
import re
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

NUMBER = "{n}"
"""Where a request's number goes in a path, a key or a line, as seven digits."""

TICK_S = 0.002
TELL_S = 0.2
ANSWER_LIMIT_S = 60.0
"""An answer that takes longer ends the run."""

_ID = re.compile(rb'^\{(?:"line":[0-9]+,"status":202,)?"id":"([0-9a-f-]{36})"', re.MULTILINE)
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_GOOD = range(200, 300)


class LoadFault(Exception):
    """The other side does not behave as a server of HTTP/1.1 does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send, numbered from ``first`` by ``step``.

    ``rate_per_s`` None: each connection sends as soon as it was answered (a closed loop).

    ``line``: the body of one request, or one of its ``lines_per_request`` lines. Ends after ``seconds`` or
    ``count_max`` lines, whichever is first. ``caller``: client id and secret, for a bearer token. ``answers``: file
    for a line ``id TAB sent at`` (seconds since the epoch) per accepted line. ``numbered``: answers name no id, and
    what was accepted is noted by its number; one line per request.
    """

    host: str
    port: int
    method: str = "POST"
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    line: str
    lines_per_request: int = 1
    first: int = 0
    step: int = 1
    count_max: int
    seconds: float
    connections: int
    rate_per_s: float | None = None
    caller: tuple[str, str] | None = field(default=None, repr=False)
    answers: str | None = None
    numbered: bool = False


def main() -> None:
    """Run the plan of stdin; ``sent N`` lines while it runs, then one JSON object."""
    import uvloop

    plan = Plan(**json.load(sys.stdin))
    gc.disable()  # a bounded number of small objects; a pause of ours would look like one of theirs
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(run(plan))
    _tell(json.dumps(report))


async def run(plan: Plan) -> dict[str, Any]:
    """Send everything and report: statuses, times, the generator's own CPU."""
    import resource

    headers = dict(plan.headers)
    if plan.caller is not None:
        headers["authorization"] = f"Bearer {await _token(plan, plan.caller)}"
    load = Load(plan, headers)
    await load.run()
    used = resource.getrusage(resource.RUSAGE_SELF)
    if plan.answers is not None:
        text = "".join(f"{one}\t{at:.6f}\n" for one, at in load.accepted)
        Path(plan.answers).write_text(text, encoding="ascii")  # noqa: ASYNC240 - nothing is waiting any more
    return {
        "statuses": {str(status): count for status, count in load.statuses.items()},
        "lines": load.sent,
        "accepted": len(load.accepted),
        "seconds": load.ended_s - load.started_s,
        "accept_ms": spread([latency_s * 1000 for latency_s in load.latencies_s]),
        "cpu_s": used.ru_utime + used.ru_stime,
    }


def plan_json(plan: Plan) -> str:
    """The plan as ``main`` reads it."""
    return json.dumps(asdict(plan))


def spread(values: list[float]) -> dict[str, float] | None:
    """Median, 95th and 99th percentile by the nearest rank; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return {f"p{rank}": round(ordered[max(0, -(-len(ordered) * rank // 100) - 1)], 3) for rank in (50, 95, 99)}


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Load:
    """One run of a plan over its connections."""

    def __init__(self, plan: Plan, headers: dict[str, str]) -> None:
        self._plan = plan
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._head = f"{plan.method} {plan.path} HTTP/1.1\r\nhost: {plan.host}:{plan.port}\r\n{told}content-length: "
        self._connections: list[Connection] = []
        self._idle: deque[Connection] = deque()
        self._due: deque[float] = deque()
        self._busy = 0
        self._over = asyncio.Event()
        self._fault: Exception | None = None
        self.sent = 0
        self.started_s = self.ended_s = 0.0
        self.statuses: Counter[int] = Counter()
        self.latencies_s: list[float] = []
        self.accepted: list[tuple[str, float]] = []

    async def run(self) -> None:
        """Open the connections, send until the plan is over, wait for the last answer. Raises LoadFault."""
        plan, loop = self._plan, asyncio.get_running_loop()
        for _ in range(plan.connections):
            _, connection = await loop.create_connection(lambda: Connection(self), plan.host, plan.port)
            self._connections.append(connection)
        self._idle.extend(self._connections)
        telling = asyncio.create_task(self._tell_often())
        self.started_s = time.perf_counter()
        try:
            if plan.rate_per_s is None:
                while self._idle and self._may_send():
                    self._send(self._idle.popleft(), time.perf_counter())
            else:
                await self._keep_pace(plan.rate_per_s)
            async with asyncio.timeout(plan.seconds + ANSWER_LIMIT_S):
                while self._busy and self._fault is None:
                    self._over.clear()
                    await self._over.wait()
        except TimeoutError:
            raise LoadFault(f"no answer within {ANSWER_LIMIT_S:.0f} s") from None
        finally:
            self.ended_s = time.perf_counter()
            telling.cancel()
            for connection in self._connections:
                connection.close()
        if self._fault is not None:
            raise self._fault

    async def _keep_pace(self, rate_per_s: float) -> None:
        """Send by the clock whatever the answers do; what finds no free connection waits, and its wait counts."""
        planned = 0
        total = min(int(rate_per_s * self._plan.seconds), self._plan.count_max)
        while planned < total and self._fault is None:
            now_s = time.perf_counter()
            while planned < total and self.started_s + planned / rate_per_s <= now_s:
                self._due.append(self.started_s + planned / rate_per_s)
                planned += 1
            while self._due and self._idle:
                self._send(self._idle.popleft(), self._due.popleft())
            await asyncio.sleep(TICK_S)

    def _may_send(self) -> bool:
        plan = self._plan
        return self.sent < plan.count_max and time.perf_counter() < self.started_s + plan.seconds

    def _send(self, connection: "Connection", since_s: float) -> None:
        plan = self._plan
        count = min(plan.lines_per_request, plan.count_max - self.sent)
        numbers = [f"{plan.first + plan.step * (self.sent + index):07d}" for index in range(count)]
        body = "\n".join(plan.line.replace(NUMBER, number) for number in numbers).encode()
        head = self._head.replace(NUMBER, numbers[0])
        self.sent += count
        self._busy += 1
        connection.number = numbers[0]
        connection.send(f"{head}{len(body)}\r\n\r\n".encode() + body, since_s)

    def answered(self, connection: "Connection", status: int, body: bytes) -> None:
        """An answer has come on a connection, which is free again."""
        now_s = time.perf_counter()
        self._busy -= 1
        self.statuses[status] += 1
        if status in _GOOD:
            self.latencies_s.append(now_s - connection.since_s)
            sent_at = time.time() - (now_s - connection.since_s)
            ids = [connection.number] if self._plan.numbered else [one.decode() for one in _ID.findall(body)]
            self.accepted += [(one, sent_at) for one in ids]
        if self._due:
            self._send(connection, self._due.popleft())
        elif self._plan.rate_per_s is None and self._may_send():
            self._send(connection, now_s)
        else:
            self._idle.append(connection)
            if not self._busy:
                self._over.set()

    def broken(self, fault: Exception) -> None:
        """A connection was lost or spoke nonsense: figures of such a run would be of something else."""
        self._fault = self._fault or fault
        self._over.set()

    async def _tell_often(self) -> None:
        while True:
            await asyncio.sleep(TELL_S)
            _tell(f"sent {self.sent}")


class Connection(asyncio.Protocol):
    """One kept-alive connection with at most one request on its way."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.WriteTransport | None = None
        self._received = bytearray()
        self._wanted = 0
        self._closed = False
        self.since_s = 0.0
        self.number = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's are not its subclasses

    def send(self, request: bytes, since_s: float) -> None:
        """Send a request whose latency counts from ``since_s``."""
        assert self._transport is not None
        self.since_s = since_s
        self._transport.write(request)

    def close(self) -> None:
        """Nothing more will be asked."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Gather an answer; hand it over when it is whole."""
        self._received += data
        if not self._wanted:
            end = self._received.find(b"\r\n\r\n") + 4
            if end < 4:  # noqa: PLR2004 - the end of the head has not come
                return
            length = _LENGTH.search(self._received, 0, end)
            if length is None:
                self._load.broken(LoadFault("an answer without Content-Length"))
                return
            self._wanted = end + int(length[1])
        if len(self._received) >= self._wanted:
            status = int(self._received[9:12])
            body = bytes(self._received[self._received.find(b"\r\n\r\n") + 4 : self._wanted])
            del self._received[: self._wanted]
            self._wanted = 0
            self._load.answered(self, status, body)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell, unless we closed it."""
        if not self._closed:
            self._load.broken(LoadFault(f"a connection was lost ({type(error).__name__ if error else 'closed'})"))


async def _token(plan: Plan, caller: tuple[str, str]) -> str:
    """A bearer token by OAuth's client credentials. Raises LoadFault."""
    login = base64.b64encode(":".join(caller).encode()).decode()
    body = b"grant_type=client_credentials"
    reader, writer = await asyncio.open_connection(plan.host, plan.port)
    writer.write(
        f"POST /oauth/token HTTP/1.1\r\nhost: {plan.host}:{plan.port}\r\nauthorization: Basic {login}\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            answer = await reader.readexactly(int(length[1])) if length else b"{}"
            token: str = json.loads(answer)["access_token"]
    except (TimeoutError, asyncio.IncompleteReadError, KeyError, ValueError) as error:
        raise LoadFault(f"no token ({type(error).__name__})") from None
    finally:
        writer.close()
    return token


if __name__ == "__main__":
    main()
