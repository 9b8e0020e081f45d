"""A whole service in a process of its own, to be hurt over sockets, and how much memory that took it."""

import json
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from esoz_notify.settings import environment_for_child

PATIENCE_S = 60.0
GROWTH_MAX = 96 * 2**20
"""How much more memory a process may have had at any moment of an attack than before it; most need a tenth."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was answered: status 0 when nothing was. ``sent``: how many bytes the other side let us send."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent: int

    @property
    def problem(self) -> Any:
        """The problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        return json.loads(self.body)


_FAULT_ANSWERED = re.compile(r" 5\d\d \d+\.\d ms")
"""A request's line in the log: its status before its time, which may begin with a five too."""


@dataclass(frozen=True, slots=True)
class Victim:
    """A running service."""

    process: psutil.Process
    log: Path
    port: int
    token: str

    def throw(self, *pieces: bytes, then: Iterable[bytes] = ()) -> Said:
        """Send octets on a new connection until they end or an answer comes, and read that."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as thrower:
            sent = 0
            with suppress(ConnectionError):
                for piece in (*pieces, *then):
                    if select.select([thrower], [], [], 0)[0]:
                        break
                    thrower.sendall(piece)
                    sent += len(piece)
            return read(thrower, sent)

    def post(self, path: str, body: bytes, headers: str = "") -> Said:
        """Send a whole request with every header it needs."""
        return self.throw(self.head("POST", path, f"content-length: {len(body)}\r\n{headers}"), body)

    def head(self, method: str, path: str, headers: str, content_type: str = "application/json") -> bytes:
        """The head of a request of a caller who may do everything."""
        return (
            f"{method} {path} HTTP/1.1\r\nhost: victim.test\r\nauthorization: Bearer {self.token}\r\n"
            f"content-type: {content_type}\r\nidempotency-key: k-{time.monotonic_ns()}\r\n{headers}\r\n"
        ).encode()

    def is_well(self) -> bool:
        """Whether it answers somebody else."""
        return self.throw(b"GET /healthz HTTP/1.1\r\nhost: victim.test\r\n\r\n").status == 200

    @contextmanager
    def bounded(self, growth_max: int = GROWTH_MAX) -> Iterator[None]:
        """An attack within: memory stays bounded, others are answered, nothing unforeseen is logged."""
        read_before = self.log.stat().st_size
        self._forget_peak()
        before = self.process.memory_info().rss
        yield
        growth = self._peak() - before
        said = self.log.read_text(encoding="utf-8")[read_before:]
        assert self.is_well()
        assert growth < growth_max, f"{growth // 2**20} MiB more at the worst moment"
        assert "Traceback" not in said
        assert "ERROR" not in said
        assert _FAULT_ANSWERED.search(said) is None

    def _forget_peak(self) -> None:
        with suppress(OSError):  # only Linux remembers one
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")

    def _peak(self) -> int:
        with suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return int(self.process.memory_info().rss)


def read(connection: socket.socket, sent: int) -> Said:
    """Read one answer, as far as it comes."""
    received = b""
    with suppress(ConnectionError, TimeoutError):
        while b"\r\n\r\n" not in received and (data := connection.recv(1 << 16)):
            received += data
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        while len(body) < int(headers.get("content-length", "0")) and (data := connection.recv(1 << 16)):
            body += data
        if lines[0]:
            return Said(int(lines[0].split()[1]), headers, body, sent)
    return Said(0, {}, b"", sent)


@contextmanager
def a_victim(dsn: str, folder: Path) -> Iterator[Victim]:
    """Start a service with its lab over the ledger ``dsn``, and stop it."""
    log = folder / "victim.log"
    command = [sys.executable, "-m", "esoz_notify.cli", "up", "--lab", "--data", str(folder), "--port", "0"]
    environment = environment_for_child(dsn=dsn, requests_per_min="1000000")
    with (
        log.open("wb") as stderr,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("ready "), log.read_text()
            client = json.loads((folder / "dev-client.json").read_text())
            port = int(client["base_url"].rpartition(":")[2])
            yield Victim(psutil.Process(process.pid), log, port, _token(client, port))
        finally:
            process.terminate()


def _token(client: dict[str, Any], port: int) -> str:
    form = f"grant_type=client_credentials&client_id={client['client_id']}&client_secret={client['client_secret']}"
    head = (
        "POST /oauth/token HTTP/1.1\r\nhost: victim.test\r\ncontent-type: application/x-www-form-urlencoded\r\n"
        f"content-length: {len(form)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as caller:
        caller.sendall(f"{head}{form}".encode())
        return str(json.loads(read(caller, 0).body)["access_token"])
