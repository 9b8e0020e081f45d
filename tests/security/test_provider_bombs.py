"""Providers that turn on us: what they send without an end, packed or slowly is bounded, and their neighbours work."""

import asyncio
import itertools
import logging
import socket
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest
from tests.engine.test_smpp_link import Kept, Smsc, account, bound, message, octets, result_of, running, until
from tests.faults.whole import without_worker

from esoz_notify.channels.dialogue import HttpCall, HttpReply, NoReply
from esoz_notify.channels.json_reading import ask
from esoz_notify.channels.smpp_pdu import PDU_BYTES_MAX
from esoz_notify.core.results import Accepted
from esoz_notify.engine import gateway as gateway_module
from esoz_notify.engine.gateway import Endpoint, Gateway
from esoz_notify.engine.smpp_link import SmppLink

PATIENCE_S = 60.0
GIB = 2**30
PIECE = b"x" * 65536
GROWTH_MAX = 128 * 2**20
REPLY_MAX = 8 * 2**20
"""The gateway stops reading at four mebibytes; one piece more may have come with the last."""


@pytest.fixture(autouse=True)
def bounded(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Every test here leaves memory bounded and no traceback."""
    before = psutil.Process().memory_info().rss
    yield
    assert psutil.Process().memory_info().rss - before < GROWTH_MAX
    assert all(record.levelno < logging.ERROR and record.exc_info is None for record in caplog.records)


# --- by HTTP ---

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n"


def in_chunks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces as a chunked body that never ends by itself."""
    return (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)


def gigabyte(piece: bytes = PIECE) -> Iterator[bytes]:
    """A gigabyte in pieces."""
    return itertools.repeat(piece, GIB // len(piece))


def packed(wbits: int) -> Iterator[bytes]:
    """A gigabyte of zeros, packed a thousand times smaller."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    for _ in range(GIB // 2**20):
        yield packer.compress(bytes(2**20))
    yield packer.flush()


TOO_MUCH: dict[str, Callable[[], Iterator[bytes]]] = {
    "a body without an end": lambda: itertools.chain([CHUNKED + b"\r\n"], in_chunks(gigabyte())),
    "a gigabyte": lambda: itertools.chain([OK + b"content-length: %d\r\n\r\n" % GIB], gigabyte()),
    "a gigabyte, packed": lambda: itertools.chain([CHUNKED + b"content-encoding: gzip\r\n\r\n"], in_chunks(packed(31))),
    "a gigabyte, deflated": lambda: itertools.chain(
        [CHUNKED + b"content-encoding: deflate\r\n\r\n"], in_chunks(packed(15))
    ),
}
NO_ANSWER: dict[str, Callable[[], Iterator[bytes]]] = {
    "headers without an end": lambda: itertools.chain([OK], gigabyte(b"x: y\r\n" * 1000)),
    "a header without an end": lambda: itertools.chain([OK + b"x: "], gigabyte()),
    "a status line without an end": lambda: itertools.chain([b"HTTP/1.1 200 "], gigabyte()),
    "trailers without an end": lambda: itertools.chain([CHUNKED + b"\r\n0\r\n"], gigabyte(b"x: y\r\n" * 1000)),
    "an encoding that nobody knows": lambda: iter([OK + b"content-encoding: br\r\ncontent-length: 2\r\n\r\nxx"]),
    "no HTTP": lambda: iter([b"220 mail.test ESMTP\r\n"]),
    "nothing": lambda: iter([]),
}
SLOW: dict[str, tuple[bytes, bytes]] = {
    "go on, for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body, drop by drop": (CHUNKED + b"\r\n", b"1\r\nx\r\n"),
    "a head, drop by drop": (OK, b"x"),
    "silence": (b"", b""),
}


@asynccontextmanager
async def answering(said: Iterator[bytes], pause_s: float = 0.0) -> AsyncIterator[str]:
    """A provider that answers every call with these octets."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]  # one it is
        with suppress(ConnectionError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            for piece in said:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def call(dsn: str, folder: Path, url: str) -> HttpReply | NoReply:
    """What the gateway makes of one call of that provider."""
    async with without_worker(dsn, folder) as product:
        gateway = Gateway(product.ledger, product.service._vault, {"provider": Endpoint(base_url=url)})
        await gateway.open()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await gateway.converse("provider", ask(HttpCall(label="ask", method="GET", path="/")))
        finally:
            await gateway.close()


@pytest.mark.parametrize("what", TOO_MUCH)
async def test_a_body_is_cut(what: str, ledger_dsn: str, tmp_path: Path) -> None:
    """More than any answer holds, packed or not, is read so far and no further."""
    async with answering(TOO_MUCH[what]()) as url:
        heard = await call(ledger_dsn, tmp_path, url)

    assert isinstance(heard, HttpReply)
    assert len(heard.body) < REPLY_MAX


@pytest.mark.parametrize("what", NO_ANSWER)
async def test_what_is_no_answer_is_none(what: str, ledger_dsn: str, tmp_path: Path) -> None:
    """Heads without an end and what is not HTTP come to no answer, and the message may have been taken."""
    async with answering(NO_ANSWER[what]()) as url:
        heard = await call(ledger_dsn, tmp_path, url)

    assert isinstance(heard, NoReply)
    assert heard.sent


@pytest.mark.parametrize("what", SLOW)
async def test_a_slow_answer_is_none(
    what: str, ledger_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer has one time for all of it, however steadily it drips."""
    monkeypatch.setattr(gateway_module, "PROVIDER_TIMEOUT_S", 1.0)
    begin, drop = SLOW[what]
    async with answering(itertools.chain([begin], itertools.repeat(drop)), pause_s=0.05) as url:
        heard = await call(ledger_dsn, tmp_path, url)

    assert heard == NoReply(sent=True, detail="TimeoutError") or isinstance(heard, NoReply)
    assert heard.sent


async def test_a_redirect_is_no_way_on(ledger_dsn: str, tmp_path: Path) -> None:
    """A provider that sends us elsewhere is told apart by its status; nobody else is asked."""
    asked = asyncio.Event()

    async def elsewhere(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.close()

    server = await asyncio.start_server(elsewhere, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    said = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n" % port
    async with server, answering(iter([said])) as url:
        heard = await call(ledger_dsn, tmp_path, url)

    assert isinstance(heard, HttpReply)
    assert (heard.status, asked.is_set()) == (302, False)


# --- by SMPP ---

DELIVER, ENQUIRE = 0x00000005, 0x00000015


async def works(smsc: Smsc, link: SmppLink) -> None:
    """The link binds anew and submits."""
    peer = await smsc.peer()
    await peer.bind()
    await until(lambda: link.is_up)
    work = asyncio.create_task(link.submit(message()))
    (submit,) = await peer.submits(1)
    peer.accept(submit, "A1")
    assert await result_of(work) == Accepted(("A1",))


@pytest.mark.parametrize("length", [0, 15, PDU_BYTES_MAX + 1, 2**31, 2**32 - 1])
async def test_a_pdu_of_an_impossible_length_ends_the_connection(length: int) -> None:
    """Nothing is waited for and nothing kept of a PDU of two gigabytes; the link comes back."""
    async with bound() as (link, peer, smsc):
        peer.send(length.to_bytes(4) + DELIVER.to_bytes(4) + bytes(8), *itertools.repeat(PIECE, 64))
        await peer.closed()
        await works(smsc, link)


@pytest.mark.parametrize(
    "tail",
    [
        b"\x14\x00\x00\x00" * 16_000,
        b"\x04\x24\xff\xff" + bytes(60_000),
        b"\x04\x24\xff\xf0" + bytes(60_000),
        b"\x00" * 65_000,
        b"\xff" * 65_000,
    ],
    ids=["16,000 empty parameters", "longer than the PDU", "too long", "zeros", "ones"],
)
async def test_a_pdu_full_of_parameters_is_acknowledged_once(tail: bytes) -> None:
    """Whatever stands in a deliver_sm, it is answered and kept, so that it is not sent for ever; the bind holds."""
    body = b"\0\1\1380000000001\0\1\1MOZ\0\4\0\0\0\0\0\0\0\0\0" + tail
    kept = Kept()
    async with bound(kept) as (link, peer, _):
        peer.send(octets(DELIVER, 7, body=body[: PDU_BYTES_MAX - 16]))
        answer = await peer.expect(0x80000005)
        assert (answer.sequence_number, answer.command_status) == (7, 0)
        await until(lambda: len(kept.receipts) == 1)
        assert link.is_up


async def test_a_pdu_that_never_ends_is_silence() -> None:
    """An SMSC that sends one PDU drop by drop is not alive, however long it goes on."""
    async with Smsc().listening() as smsc:
        slow = account(smsc.port, enquire_link_s=0.3, response_timeout_s=0.5)
        link = SmppLink(slow, on_receipt=Kept().on_receipt)
        async with running(link):
            peer = await smsc.peer()
            await peer.bind()
            await until(lambda: link.is_up)
            peer.send((60_000).to_bytes(4) + DELIVER.to_bytes(4))
            ended = asyncio.create_task(peer.closed())
            while not ended.done():
                peer.send(b"\0")
                await asyncio.wait({ended}, timeout=0.05)
            await works(smsc, link)


async def test_a_peer_that_asks_and_does_not_listen_is_not_heard() -> None:
    """Answers that nobody takes do not gather: what asks for more of them waits at the other side."""
    async with bound() as (link, peer, _):
        assert link._connection is not None
        transport = link._connection._transport
        assert transport is not None
        # So that the answers that fit on the way are few.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.send(b"".join(octets(ENQUIRE, number) for number in range(1, 4001)) * 250)
        async with asyncio.timeout(PATIENCE_S):
            while transport.is_reading():
                await asyncio.sleep(0.02)
        assert transport.get_write_buffer_size() < 2**20
        peer.cut()


async def test_a_hundred_thousand_receipts_at_once_are_answered_one_by_one() -> None:
    """A flood is acknowledged or put off, each by its number, and takes only so much memory."""
    async with bound() as (link, peer, _):
        count = 100_000

        async def flood() -> None:
            for first in range(1, count + 1, 1000):
                peer.send(*(octets(DELIVER, number, body=b"\0") for number in range(first, first + 1000)))
                await peer.writer.drain()

        flooding = asyncio.create_task(flood())
        answered = 0
        while answered < count:
            answered += (await peer.expect(0x80000005)).sequence_number > 0
        await flooding
        assert link.is_up
