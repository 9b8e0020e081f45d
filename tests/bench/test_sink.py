"""The sink of the peer's callbacks."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from esoz_notify.bench.processes import running
from esoz_notify.settings import environment_for_child


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Where a sink listens."""
    with running("sink", ["esoz_notify.bench.sink"], environment_for_child(), tmp_path) as sink:
        yield int(sink.ready)


def told(port: int) -> dict[str, float | None]:
    """What the sink was told so far."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/told")
    answer: dict[str, float | None] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_counts_each_delivered_number_once(port: int) -> None:
    """Only deliveries count, each number once however often it is told, over one kept-alive connection."""
    assert told(port) == {"delivered": 0, "told": 0, "last_at": None}
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    for path in ("/0000001/1", "/0000002/2", "/0000003/1", "/0000003/1"):
        connection.request("GET", path)
        assert connection.getresponse().read() == b""
    connection.close()
    now = told(port)
    assert (now["delivered"], now["told"]) == (2, 4)
    assert now["last_at"] is not None


def test_requests_may_come_in_pieces_and_together(port: int) -> None:
    """Two requests in one packet, the second cut in the middle, are answered as two."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as talk:
        talk.sendall(b"GET /0000001/1 HTTP/1.1\r\nhost: x\r\n\r\nGET /0000002/")
        first = talk.recv(1000)
        assert first.startswith(b"HTTP/1.1 200 ")
        talk.sendall(b"1 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert talk.recv(1000) == first
    assert told(port)["delivered"] == 2


def test_nonsense_ends_the_connection(port: int) -> None:
    """What is no callback is hung up on."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as talk:
        talk.sendall(b"GET /nothing HTTP/1.1\r\n\r\n")
        assert talk.recv(1000) == b""
