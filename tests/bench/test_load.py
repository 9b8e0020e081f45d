"""The load generator: what it sends and what it notes, against a small server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from esoz_notify.bench.load import LoadFault, Plan, run, spread

Answer = Callable[[str, str], bytes | None]
ID = "01989680-0000-7000-8000-{number:>012}"


@asynccontextmanager
async def a_server(answer: Answer) -> AsyncIterator[tuple[int, list[tuple[str, str]]]]:
    """Answers each request by ``answer(head, body)``; None hangs up. Gives its port and what was asked."""
    asked: list[tuple[str, str]] = []
    serving: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            body = (await reader.readexactly(length)).decode()
            asked.append((head, body))
            said = answer(head, body)
            if said is None:
                return
            for start in range(0, len(said), 20):  # in pieces, as networks may
                writer.write(said[start : start + 20])
                await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await talk(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.get_running_loop().create_task(serve(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked
        async with asyncio.timeout(10):
            await asyncio.gather(*serving)


def http(body: str, status: int = 202) -> bytes:
    """An answer as servers write it."""
    return f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def accepted(_head: str, body: str) -> bytes:
    """What the API answers to one."""
    return http(f'{{"id":"{ID.format(number=body)}","status":"accepted"}}')


PLAN = Plan(
    host="127.0.0.1",
    port=0,
    path="/v1/notifications",
    headers={"idempotency-key": "key-{n}"},
    line="{n}",
    count_max=10,
    seconds=30,
    connections=3,
)


async def test_closed_loop_sends_each_number_once(tmp_path: Path) -> None:
    """Requests are numbered from first by step, each sent once with its own key, and every accepted id is noted."""
    answers = tmp_path / "answers.tsv"
    async with a_server(accepted) as (port, asked):
        report = await run(replace(PLAN, port=port, first=5, step=2, answers=str(answers)))
    numbers = [f"{number:07d}" for number in range(5, 25, 2)]
    assert sorted(body for _, body in asked) == numbers
    assert all(f"idempotency-key: key-{body}\r\n" in head for head, body in asked)
    assert (report["lines"], report["accepted"], report["statuses"]) == (10, 10, {"202": 10})
    noted = sorted(line.split("\t")[0] for line in answers.read_text().splitlines())
    assert noted == [ID.format(number=number) for number in numbers]


async def test_open_loop_sends_what_its_rate_says() -> None:
    """At a rate, rate times seconds requests are sent, whatever the answers do."""
    async with a_server(accepted) as (port, asked):
        report = await run(replace(PLAN, port=port, rate_per_s=100, seconds=0.2, count_max=1000))
    assert len(asked) == report["accepted"] == 20
    assert set(report["accept_ms"]) == {"p50", "p95", "p99"}


async def test_batches_note_accepted_lines_only() -> None:
    """Lines of a batch go together under one key; of the answer only accepted lines are noted."""

    def answer(_head: str, body: str) -> bytes:
        good = '{{"line":{0},"status":202,"id":"{1}","notification":{{"id":"{1}"}}}}'
        lines = [good.format(place, ID.format(number=number)) for place, number in enumerate(body.split("\n"), 1)]
        lines[0] = '{"line":1,"status":422,"problem":{}}'
        return http("\n".join(lines), 200)

    async with a_server(answer) as (port, asked):
        report = await run(replace(PLAN, port=port, lines_per_request=4, connections=1))
    assert [len(body.split("\n")) for _, body in asked] == [4, 4, 2]
    assert (report["lines"], report["accepted"]) == (10, 7)


async def test_numbers_stand_in_for_ids(tmp_path: Path) -> None:
    """Where answers name no id, what was accepted is noted by its number, and what was refused is not."""
    answers = tmp_path / "answers.tsv"

    def answer(head: str, _body: str) -> bytes:
        return http("0: Accepted for delivery", 503 if head.startswith("GET /to/0000004 ") else 202)

    plan = replace(PLAN, method="GET", path="/to/{n}", headers={}, line="", first=1, numbered=True)
    async with a_server(answer) as (port, _):
        report = await run(replace(plan, port=port, answers=str(answers)))
    assert (report["lines"], report["accepted"]) == (10, 9)
    noted = {line.split("\t")[0] for line in answers.read_text().splitlines()}
    assert noted == {f"{number:07d}" for number in range(1, 11) if number != 4}


async def test_refusals_are_told() -> None:
    """An answer that is no success is counted by its status, and its time is not among those of accepted ones."""
    async with a_server(lambda _head, _body: http("{}", 503)) as (port, _):
        report = await run(replace(PLAN, port=port))
    assert (report["statuses"], report["accepted"], report["accept_ms"]) == ({"503": 10}, 0, None)


@pytest.mark.parametrize("said", [None, b"HTTP/1.1 200 OK\r\n\r\n"], ids=["hang-up", "no length"])
async def test_nonsense_ends_the_run(said: bytes | None) -> None:
    """A lost connection or an answer of unknown length breaks the run off: its figures would mean something else."""
    async with a_server(lambda _head, _body: said) as (port, _):
        with pytest.raises(LoadFault):
            await run(replace(PLAN, port=port))


def test_spread_is_by_nearest_rank() -> None:
    """Percentiles are values that were seen; nothing has none."""
    assert spread([float(value) for value in range(1, 101)]) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert spread([7.0]) == {"p50": 7.0, "p95": 7.0, "p99": 7.0}
    assert spread([]) is None
