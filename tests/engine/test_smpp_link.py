"""Rules of a living link, against an SMSC on a real socket that speaks by a codec that is not ours."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import smpp34
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from esoz_notify.channels.dialogue import OutboundMessage, Receipt, ReceiptProblem
from esoz_notify.channels.smpp import SmppAccount
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Refused, Result, TryLater, Unknown
from esoz_notify.engine.smpp_link import RECEIPTS_WAITING_MAX, SmppLink

PATIENCE_S = 10.0
"""A test that waits longer for something has failed."""

BIND, BIND_RESP = 0x00000009, 0x80000009
SUBMIT_RESP, DELIVER_RESP = 0x80000004, 0x80000005
ENQUIRE, ENQUIRE_RESP = 0x00000015, 0x80000015
UNBIND, UNBIND_RESP = 0x00000006, 0x80000006
NACK = 0x80000000
PHONE = "+380000000001"
SECRETS = ("380000000001", "Code 1234", "secret")


def account(port: int, **settings: Any) -> SmppAccount:
    """An account with quick timers."""
    given: dict[str, Any] = {"window_size": 10, "response_timeout_s": 5.0, "bind_timeout_s": 5.0}
    return SmppAccount(
        name="operator",
        host="127.0.0.1",
        port=port,
        system_id="esoz",
        password="secret",
        source_addr="MOZ",
        **(given | settings),
    )


def message(text: str = "Code 1234", **fields: Any) -> OutboundMessage:
    """A message for the one test phone."""
    given: dict[str, Any] = {"key": "k1", "phone": Phone(PHONE), "validity_s": 300.0}
    return OutboundMessage(
        tax_id=None,
        kind="confirmation_code",
        template="confirmation_code",
        parameters={},
        text=text,
        language="uk",
        **(given | fields),
    )


def octets(command_id: int, sequence_number: int, status: int = 0, body: bytes = b"") -> bytes:
    """A PDU of the SMSC, written by hand."""
    head = (16 + len(body), command_id, status, sequence_number)
    return b"".join(value.to_bytes(4) for value in head) + body


def receipt_pdu(sequence_number: int, message_id: str, word: str = "DELIVRD") -> bytes:
    """A delivery receipt, written by a codec that is not ours."""
    text = f"id:{message_id} sub:001 dlvrd:001 submit date:2611231015 done date:2611231016 stat:{word} err:000 text:"
    pdu = smpp34.DeliverSm(PHONE[1:], "MOZ", text.encode(), esm_class=4, sequence_number=sequence_number)
    return pdu.encode()


class Peer:
    """One connection to the SMSC of a test, which says what the test tells it to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def read(self) -> Any:
        """The next PDU of the link."""
        async with asyncio.timeout(PATIENCE_S):
            length = await self._reader.readexactly(4)
            return smpp34.decode(length + await self._reader.readexactly(int.from_bytes(length) - 4))

    async def read_chunk(self) -> bytes:
        """Whatever one read of the socket gives."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.read(1_000_000)

    async def expect(self, command_id: int) -> Any:
        """The next PDU, which must be this one."""
        pdu = await self.read()
        assert hex(pdu.command_id) == hex(command_id)
        return pdu

    async def submits(self, count: int) -> list[smpp34.SubmitSm]:
        """So many submit_sm."""
        return [await self.expect(0x00000004) for _ in range(count)]

    def send(self, *pdus: bytes) -> None:
        """Write PDUs."""
        self.writer.write(b"".join(pdus))

    def accept(self, submit: Any, message_id: str) -> None:
        """Answer a submit with an id."""
        self.send(octets(SUBMIT_RESP, submit.sequence_number, body=message_id.encode() + b"\0"))

    def refuse(self, submit: Any, status: int) -> None:
        """Answer a submit with an error and no body."""
        self.send(octets(SUBMIT_RESP, submit.sequence_number, status))

    async def bind(self) -> Any:
        """Accept the bind."""
        bind = await self.expect(BIND)
        self.send(octets(BIND_RESP, bind.sequence_number, body=b"SMSC\0"))
        return bind

    async def closed(self) -> None:
        """Wait until the link has closed the connection."""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                while await self._reader.read(1_000_000):
                    pass

    def cut(self) -> None:
        """Cut the connection without a word."""
        self.writer.transport.abort()


class Smsc:
    """A listening socket that hands its connections to the test."""

    def __init__(self) -> None:
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self.port = 0

    @asynccontextmanager
    async def listening(self, ssl_context: ssl.SSLContext | None = None) -> AsyncIterator["Smsc"]:
        """Accept connections meanwhile."""
        writers: list[asyncio.StreamWriter] = []

        def arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            self._peers.put_nowait(Peer(reader, writer))

        server = await asyncio.start_server(arrived, "127.0.0.1", 0, ssl=ssl_context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in writers:
                writer.transport.abort()

    async def peer(self) -> Peer:
        """The next connection."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._peers.get()


@dataclass
class Kept:
    """What the link handed over."""

    receipts: list[Receipt | ReceiptProblem] = field(default_factory=list)
    late: asyncio.Queue[tuple[str, Result]] = field(default_factory=asyncio.Queue)

    async def on_receipt(self, _raw: bytes, receipt: Receipt | ReceiptProblem) -> None:
        self.receipts.append(receipt)

    async def on_late(self, key: str, result: Result) -> None:
        self.late.put_nowait((key, result))


@asynccontextmanager
async def running(link: SmppLink) -> AsyncIterator[asyncio.Task[None]]:
    """Run a link meanwhile."""
    task = asyncio.create_task(link.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], bool]) -> None:
    """Let the loop turn until something is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def bound(kept: Kept | None = None, **settings: Any) -> AsyncIterator[tuple[SmppLink, Peer, Smsc]]:
    """A link that is up, and the other end of it."""
    kept = kept or Kept()
    async with Smsc().listening() as smsc:
        link = SmppLink(account(smsc.port, **settings), on_receipt=kept.on_receipt, on_late=kept.on_late)
        async with running(link):
            peer = await smsc.peer()
            await peer.bind()
            await until(lambda: link.is_up)
            yield link, peer, smsc


async def result_of(work: Awaitable[Result]) -> Result:
    """A result, in time."""
    async with asyncio.timeout(PATIENCE_S):
        return await work


# --- binding ---


async def test_a_link_binds_as_its_account() -> None:
    """The bind carries the account's id and secret; the link is up and says so."""
    async with Smsc().listening() as smsc:
        link = SmppLink(account(smsc.port, system_type="VMA"), on_receipt=Kept().on_receipt)
        assert (link.state, link.is_up) == ("idle", False)
        async with running(link):
            bind = await (await smsc.peer()).bind()
            assert bind.body == b"esoz\0secret\0VMA\0\x34\0\0\0"
            await until(lambda: link.is_up)
            assert (link.state, link.last_error) == ("up", "")


async def test_the_socket_has_no_delay() -> None:
    """TCP_NODELAY is on: a submit never waits for the acknowledgement of the one before."""
    async with bound() as (link, _, _):
        assert link._connection is not None
        assert link._connection._transport is not None
        wire = link._connection._transport.get_extra_info("socket")
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_a_wrong_password_is_shown_and_not_tried_again_soon() -> None:
    """A refusal that only a person can mend is visible by name; the link waits long and closes at once when asked."""
    async with Smsc().listening() as smsc:
        link = SmppLink(account(smsc.port), on_receipt=Kept().on_receipt)
        async with running(link) as run:
            peer = await smsc.peer()
            bind = await peer.expect(BIND)
            peer.send(octets(BIND_RESP, bind.sequence_number, 0x0E))
            await until(lambda: link.state == "misconfigured")
            assert link.last_error == "bind refused: 0x0000000E RINVPASWD"
            assert await link.submit(message()) == TryLater(Reason.UNREACHABLE, 1.0, "not bound")
            await link.close()
            async with asyncio.timeout(PATIENCE_S):
                await run
    assert link.state == "closed"


async def test_a_passing_refusal_of_the_bind_is_tried_again() -> None:
    """A busy SMSC, or one that still believes in the old bind, gets another bind in less than a second or so."""
    async with Smsc().listening() as smsc:
        link = SmppLink(account(smsc.port), on_receipt=Kept().on_receipt)
        async with running(link):
            for status in (0x05, 0x08):
                peer = await smsc.peer()
                bind = await peer.expect(BIND)
                peer.send(octets(BIND_RESP, bind.sequence_number, status))
                await peer.closed()
                assert link.state in {"waiting", "connecting"}
            await (await smsc.peer()).bind()
            await until(lambda: link.is_up)
            assert link.last_error == ""


async def test_nobody_listens() -> None:
    """A refused connection is shown by its kind, and tried again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        link = SmppLink(account(taken.getsockname()[1]), on_receipt=Kept().on_receipt)
        async with running(link):
            await until(lambda: link.state == "waiting")
            assert link.last_error == "no connection: ConnectionRefusedError"
            await until(lambda: link.state == "connecting")


async def test_a_bind_without_an_answer_is_given_up() -> None:
    """An SMSC that accepts the connection and says nothing does not keep the link for ever."""
    async with Smsc().listening() as smsc:
        link = SmppLink(account(smsc.port, bind_timeout_s=0.1), on_receipt=Kept().on_receipt)
        async with running(link):
            await (await smsc.peer()).closed()
            assert link.last_error == "no answer while binding"
            await (await smsc.peer()).bind()


# --- submitting ---


async def test_a_message_is_submitted_and_accepted() -> None:
    """One submit_sm with the account's alpha-name, the number without a plus and its validity; the id comes back."""
    async with bound() as (link, peer, _):
        work = asyncio.create_task(link.submit(message()))
        (submit,) = await peer.submits(1)
        assert (submit.source_addr, submit.source_addr_ton, submit.source_addr_npi) == ("MOZ", 5, 0)
        assert (submit.destination_addr, submit.dest_addr_ton, submit.dest_addr_npi) == ("380000000001", 1, 1)
        assert (submit.short_message, submit.data_coding, submit.esm_class) == (b"Code 1234", 0, 0)
        assert (submit.validity_period, submit.registered_delivery) == ("000000000500000R", 1)
        peer.accept(submit, "A1")
        assert await result_of(work) == Accepted(("A1",))


async def test_what_can_never_be_sent_never_reaches_the_wire() -> None:
    """A message without a phone is refused here; the next one is the first on the wire."""
    async with bound() as (link, peer, _):
        assert await link.submit(message(phone=None)) == Refused(Reason.INVALID_NUMBER, "no phone")
        work = asyncio.create_task(link.submit(message("second")))
        (submit,) = await peer.submits(1)
        assert submit.short_message == b"second"
        peer.accept(submit, "A1")
        await result_of(work)


async def test_writes_of_one_turn_travel_together() -> None:
    """Messages submitted in one turn of the loop leave in one write."""
    async with bound() as (link, peer, _):
        work = [asyncio.create_task(link.submit(message())) for _ in range(8)]
        chunk = await peer.read_chunk()
        length = int.from_bytes(chunk[:4])
        assert len(chunk) == 8 * length
        peer.cut()
        await asyncio.gather(*work)


async def test_the_window_is_kept_in_order() -> None:
    """Over the window nothing is written; each answer lets the next go, the oldest first."""
    async with bound(window_size=2) as (link, peer, _):
        work = [asyncio.create_task(link.submit(message(f"m{number}"))) for number in range(4)]
        first, second = await peer.submits(2)
        assert link._sender.session is not None
        assert (first.short_message, second.short_message, link._sender.session.room) == (b"m0", b"m1", 0)
        peer.accept(second, "B")
        (third,) = await peer.submits(1)
        peer.accept(first, "A")
        (fourth,) = await peer.submits(1)
        peer.accept(fourth, "D")
        peer.accept(third, "C")
        assert [await result_of(one) for one in work] == [Accepted((letter,)) for letter in "ABCD"]


async def test_waiting_for_room_has_its_limit() -> None:
    """A message that finds no room in time is given back and never written.

    One that comes while the SMSC is asked whether it lives goes as soon as the SMSC is heard.
    """
    async with bound(window_size=1, response_timeout_s=0.3) as (link, peer, _):
        work = [asyncio.create_task(link.submit(message(text))) for text in ("held", "waits")]
        (held,) = await peer.submits(1)
        results = [await result_of(one) for one in work]
        assert results == [
            Unknown(Reason.NO_ANSWER, "no submit_sm_resp in time"),
            TryLater(Reason.THROTTLED, 1.0, "no room in the window in time"),
        ]
        probe = await peer.expect(ENQUIRE)
        doubtful = asyncio.create_task(link.submit(message("doubtful")))
        await asyncio.sleep(0)
        peer.send(octets(ENQUIRE_RESP, probe.sequence_number))
        (submit,) = await peer.submits(1)
        assert submit.short_message == b"doubtful"
        peer.accept(submit, "A2")
        peer.accept(held, "A1")
        assert await result_of(doubtful) == Accepted(("A2",))


async def test_a_message_that_dies_waiting_is_not_written() -> None:
    """A code with no second left when its turn comes is refused instead of sent."""
    async with bound(window_size=1) as (link, peer, _):
        first = asyncio.create_task(link.submit(message("first")))
        (submit,) = await peer.submits(1)
        dying = asyncio.create_task(link.submit(message("dying", validity_s=1.0)))
        await asyncio.sleep(0.01)
        peer.accept(submit, "A1")
        assert await result_of(dying) == Refused(Reason.VALIDITY, "no life left")
        assert await result_of(first) == Accepted(("A1",))


async def test_validity_is_cut_by_the_time_waited() -> None:
    """A message that waited over a second for the pace tells the SMSC what is left, not what was."""
    async with bound(submit_rate_per_s=0.8) as (link, peer, _):
        work = [asyncio.create_task(link.submit(message())) for _ in range(2)]
        first, second = await peer.submits(2)
        assert (first.validity_period, second.validity_period) == ("000000000500000R", "000000000458000R")
        peer.accept(first, "A1")
        peer.accept(second, "A2")
        await asyncio.gather(*work)


async def test_throttling_slows_the_link_and_stops_nothing() -> None:
    """RTHROTTLED and RMSGQFUL give the message back; the link stays up, slower, and the next message goes."""
    async with bound() as (link, peer, _):
        for status in (0x58, 0x14):
            work = asyncio.create_task(link.submit(message()))
            (submit,) = await peer.submits(1)
            peer.refuse(submit, status)
            result = await result_of(work)
            assert isinstance(result, TryLater)
            assert (result.reason, result.retry_after_s) == (Reason.THROTTLED, 1.0)
        assert link.is_up
        assert link._sender._pace.rate(asyncio.get_running_loop().time()) is not None
        work = asyncio.create_task(link.submit(message()))
        (submit,) = await peer.submits(1)
        peer.accept(submit, "A1")
        assert await result_of(work) == Accepted(("A1",))


async def test_the_contracts_rate_is_kept_on_the_wire() -> None:
    """Messages go out no faster than the account allows, whatever the window."""
    async with bound(submit_rate_per_s=20.0) as (link, peer, _):
        began = asyncio.get_running_loop().time()
        work = [asyncio.create_task(link.submit(message())) for _ in range(9)]
        submits = await peer.submits(9)
        assert asyncio.get_running_loop().time() - began >= (9 - 1) / 20 - 0.1 - 0.01
        for submit in submits:
            peer.accept(submit, "A")
        await asyncio.gather(*work)


# --- unknown ---


async def test_a_link_cut_after_the_write_is_unknown_and_mends() -> None:
    """What was written without an answer is unknown, what waited may be tried elsewhere; the link binds again."""
    async with bound(window_size=1) as (link, peer, smsc):
        work = [asyncio.create_task(link.submit(message())) for _ in range(2)]
        await peer.submits(1)
        peer.cut()
        assert [await result_of(one) for one in work] == [
            Unknown(Reason.NO_ANSWER, "the link ended before submit_sm_resp"),
            TryLater(Reason.UNREACHABLE, 1.0, "not bound"),
        ]
        assert not link.is_up
        assert link.last_error == "the connection ended"
        await (await smsc.peer()).bind()
        await until(lambda: link.is_up)


async def test_silence_leads_to_a_new_bind() -> None:
    """A peer that answers nothing, not even enquire_link, is left; one that answers is kept."""
    async with bound(enquire_link_s=0.1, response_timeout_s=0.2) as (link, peer, smsc):
        probe = await peer.expect(ENQUIRE)
        peer.send(octets(ENQUIRE_RESP, probe.sequence_number))
        await peer.expect(ENQUIRE)
        await peer.closed()
        assert link.last_error == "no answer to enquire_link"
        await (await smsc.peer()).bind()


async def test_a_late_answer_is_told() -> None:
    """An answer after its time still gives the message id, under the key of the message."""
    kept = Kept()
    async with bound(kept, response_timeout_s=0.2) as (link, peer, _):
        work = asyncio.create_task(link.submit(message(key="late one")))
        (submit,) = await peer.submits(1)
        assert isinstance(await result_of(work), Unknown)
        peer.accept(submit, "A1")
        async with asyncio.timeout(PATIENCE_S):
            assert await kept.late.get() == ("late one", Accepted(("A1",)))


async def test_the_answer_for_a_caller_that_left_is_told() -> None:
    """A caller may be cancelled while it waits; the id is not lost with it."""
    kept = Kept()
    async with bound(kept) as (link, peer, _):
        work = asyncio.create_task(link.submit(message(key="left")))
        (submit,) = await peer.submits(1)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        peer.accept(submit, "A1")
        async with asyncio.timeout(PATIENCE_S):
            assert await kept.late.get() == ("left", Accepted(("A1",)))


async def test_a_caller_that_leaves_while_waiting_takes_its_message_along() -> None:
    """What was not written when its caller left is never written."""
    async with bound(window_size=1) as (link, peer, _):
        first = asyncio.create_task(link.submit(message("first")))
        (submit,) = await peer.submits(1)
        leaving, last = (asyncio.create_task(link.submit(message(text))) for text in ("leaving", "last"))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        peer.accept(submit, "A1")
        (submit,) = await peer.submits(1)
        assert submit.short_message == b"last"
        peer.accept(submit, "A2")
        assert [await result_of(first), await result_of(last)] == [Accepted(("A1",)), Accepted(("A2",))]


async def test_a_late_answer_that_nobody_can_keep_does_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    """When the keeper of late answers fails, the link goes on and the log has the kind of the error only."""
    failed = asyncio.Event()

    async def on_late(key: str, result: Result) -> None:
        failed.set()
        raise RuntimeError(PHONE)

    async with Smsc().listening() as smsc:
        settings = account(smsc.port, response_timeout_s=0.2)
        link = SmppLink(settings, on_receipt=Kept().on_receipt, on_late=on_late)
        async with running(link):
            peer = await smsc.peer()
            await peer.bind()
            await until(lambda: link.is_up)
            work = asyncio.create_task(link.submit(message()))
            (submit,) = await peer.submits(1)
            await result_of(work)
            peer.accept(submit, "A1")
            await failed.wait()
            await until(lambda: "a late answer was not kept: RuntimeError" in caplog.text)
    assert not [secret for secret in SECRETS if secret in caplog.text]


# --- several parts ---


async def test_parts_of_a_long_message() -> None:
    """Three parts leave at once with one reference; the ids come back in the order of the parts, not of the answers."""
    async with bound() as (link, peer, _):
        references = []
        for _ in range(2):
            work = asyncio.create_task(link.submit(message("ї" * 135)))
            parts = await peer.submits(3)
            assert [(part.esm_class, part.data_coding) for part in parts] == [(0x40, 8)] * 3
            assert [bytes(part.short_message[4:6]) for part in parts] == [b"\3\1", b"\3\2", b"\3\3"]
            assert len({part.short_message[3] for part in parts}) == 1
            references.append(parts[0].short_message[3])
            for part, message_id in reversed(list(zip(parts, "ABC", strict=True))):
                peer.accept(part, message_id)
            assert await result_of(work) == Accepted(("A", "B", "C"))
        assert references[1] == (references[0] + 1) % 256


async def test_a_throttled_part_is_repeated_in_the_link() -> None:
    """When another part was taken, the throttled one is tried again, so that nobody gets half a text."""
    async with bound() as (link, peer, _):
        work = asyncio.create_task(link.submit(message("ї" * 100)))
        first, second = await peer.submits(2)
        peer.accept(first, "A")
        peer.refuse(second, 0x58)
        (again,) = await peer.submits(1)
        assert again.short_message == second.short_message
        peer.accept(again, "B")
        assert await result_of(work) == Accepted(("A", "B"))


async def test_a_message_throttled_in_all_its_parts_is_given_back() -> None:
    """Nothing was taken, so nothing is repeated here."""
    async with bound() as (link, peer, _):
        work = asyncio.create_task(link.submit(message("ї" * 100)))
        for part in await peer.submits(2):
            peer.refuse(part, 0x58)
        result = await result_of(work)
        assert isinstance(result, TryLater)
        assert result.detail == "0x00000058 RTHROTTLED; 0 of 2 parts accepted"


async def test_a_refused_part_refuses_the_message() -> None:
    """One part refused for ever means that the text cannot arrive whole."""
    async with bound() as (link, peer, _):
        work = asyncio.create_task(link.submit(message("ї" * 100)))
        first, second = await peer.submits(2)
        peer.accept(first, "A")
        peer.refuse(second, 0x0B)
        assert await result_of(work) == Refused(Reason.INVALID_NUMBER, "0x0000000B RINVDSTADR; 1 of 2 parts accepted")


async def test_a_late_part_completes_its_message() -> None:
    """When the last unknown part of a message is answered late, all its ids are told together."""
    kept = Kept()
    async with bound(kept, response_timeout_s=0.2) as (link, peer, _):
        work = asyncio.create_task(link.submit(message("ї" * 135)))
        parts = await peer.submits(3)
        peer.accept(parts[1], "B")
        assert await result_of(work) == Unknown(Reason.NO_ANSWER, "no submit_sm_resp in time; 1 of 3 parts accepted")
        peer.accept(parts[2], "C")
        peer.accept(parts[0], "A")
        async with asyncio.timeout(PATIENCE_S):
            assert await kept.late.get() == ("k1", Accepted(("A", "B", "C")))
        assert kept.late.empty()


# --- receipts ---


async def test_a_receipt_is_acknowledged_after_it_is_kept() -> None:
    """The keeper gets raw octets and meaning; deliver_sm_resp 0 leaves only when it has returned."""
    asked, may_return = asyncio.Event(), asyncio.Event()
    heard: list[tuple[bytes, Receipt | ReceiptProblem]] = []

    async def on_receipt(raw: bytes, receipt: Receipt | ReceiptProblem) -> None:
        heard.append((raw, receipt))
        asked.set()
        await may_return.wait()

    async with Smsc().listening() as smsc:
        link = SmppLink(account(smsc.port), on_receipt=on_receipt)
        async with running(link):
            peer = await smsc.peer()
            await peer.bind()
            raw = receipt_pdu(41, "00A1")
            peer.send(raw)
            await asked.wait()
            peer.send(octets(ENQUIRE, 42))
            # The answer to what came later is there first: nothing was said of the receipt.
            assert (await peer.expect(ENQUIRE_RESP)).sequence_number == 42
            may_return.set()
            acknowledged = await peer.expect(DELIVER_RESP)
            assert (acknowledged.sequence_number, acknowledged.command_status, acknowledged.body) == (41, 0, b"\0")
    ((kept_raw, receipt),) = heard
    assert kept_raw == raw
    assert receipt == Receipt(
        provider_message_id="A1", state=ReceiptState.DELIVERED, raw_status="DELIVRD", detail="err=000"
    )


async def test_a_receipt_that_was_not_kept_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    """When the keeper raises, the SMSC is told 0x64 and its repeat is taken; the log names the kind of error only."""
    kept: list[Receipt | ReceiptProblem] = []
    failures = iter([RuntimeError(f"{PHONE} Code 1234")])

    async def on_receipt(raw: bytes, receipt: Receipt | ReceiptProblem) -> None:
        if failure := next(failures, None):
            raise failure
        kept.append(receipt)

    caplog.set_level(logging.DEBUG)
    async with Smsc().listening() as smsc:
        link = SmppLink(account(smsc.port), on_receipt=on_receipt)
        async with running(link):
            peer = await smsc.peer()
            await peer.bind()
            for status in (0x64, 0):
                peer.send(receipt_pdu(7, "A1"))
                assert (await peer.expect(DELIVER_RESP)).command_status == status
    assert len(kept) == 1
    assert "smpp operator: a receipt was not kept: RuntimeError" in caplog.text
    assert not [secret for secret in SECRETS if secret in caplog.text]


async def test_a_receipt_may_overtake_the_answer() -> None:
    """A receipt that comes before submit_sm_resp is handed on, and the submit still gets its id."""
    kept = Kept()
    async with bound(kept) as (link, peer, _):
        work = asyncio.create_task(link.submit(message()))
        (submit,) = await peer.submits(1)
        peer.send(receipt_pdu(1, "A1"))
        await peer.expect(DELIVER_RESP)
        assert [receipt.provider_message_id for receipt in kept.receipts if isinstance(receipt, Receipt)] == ["A1"]
        peer.accept(submit, "A1")
        assert await result_of(work) == Accepted(("A1",))


async def test_receipts_are_kept_side_by_side() -> None:
    """One slow receipt holds no other: they are handed over together and acknowledged as each is done."""
    waiting: list[asyncio.Event] = []

    async def on_receipt(raw: bytes, receipt: Receipt | ReceiptProblem) -> None:
        waiting.append(asyncio.Event())
        await waiting[-1].wait()

    async with Smsc().listening() as smsc:
        link = SmppLink(account(smsc.port), on_receipt=on_receipt)
        async with running(link):
            peer = await smsc.peer()
            await peer.bind()
            peer.send(*(receipt_pdu(number, str(number)) for number in range(1, 51)))
            await until(lambda: len(waiting) == 50)
            for event in reversed(waiting):
                event.set()
                await asyncio.sleep(0)
            acknowledged = {(await peer.expect(DELIVER_RESP)).sequence_number for _ in range(50)}
    assert acknowledged == set(range(1, 51))


async def test_too_many_receipts_at_once_are_put_off() -> None:
    """Beyond what may wait the SMSC is told at once that the queue is full: memory is bounded and nothing is lost."""
    may_return = asyncio.Event()

    async def on_receipt(raw: bytes, receipt: Receipt | ReceiptProblem) -> None:
        await may_return.wait()

    async with Smsc().listening() as smsc:
        link = SmppLink(account(smsc.port), on_receipt=on_receipt)
        async with running(link):
            peer = await smsc.peer()
            await peer.bind()
            peer.send(*(receipt_pdu(number, str(number)) for number in range(1, RECEIPTS_WAITING_MAX + 2)))
            put_off = await peer.expect(DELIVER_RESP)
            assert (put_off.sequence_number, put_off.command_status) == (RECEIPTS_WAITING_MAX + 1, 0x14)
            may_return.set()
            statuses = {(await peer.expect(DELIVER_RESP)).command_status for _ in range(RECEIPTS_WAITING_MAX)}
            assert statuses == {0}


async def test_a_patients_reply_is_acknowledged_and_not_read() -> None:
    """What is no receipt is kept as a problem without its text, and never comes again."""
    kept = Kept()
    async with bound(kept) as (_, peer, _):
        reply = smpp34.DeliverSm(PHONE[1:], "MOZ", b"id:1 stat:DELIVRD", sequence_number=3)
        peer.send(reply.encode(), octets(0x00000005, 4, body=b"broken"))
        assert {(await peer.expect(DELIVER_RESP)).sequence_number for _ in range(2)} == {3, 4}
    assert kept.receipts == [ReceiptProblem("not_a_receipt"), ReceiptProblem("malformed_pdu")]


def test_the_link_lives_on_the_loop_of_the_worker() -> None:
    """Workers run on uvloop, whose transports are its own: bind, submit, receipt and close work there as well."""

    async def scenario() -> tuple[Result, int]:
        kept = Kept()
        async with bound(kept) as (link, peer, _):
            work = asyncio.create_task(link.submit(message()))
            (submit,) = await peer.submits(1)
            peer.accept(submit, "A1")
            peer.send(receipt_pdu(1, "A1"))
            await peer.expect(DELIVER_RESP)
            return await result_of(work), len(kept.receipts)

    assert uvloop.run(scenario()) == (Accepted(("A1",)), 1)


# --- the end ---


async def test_close_waits_for_answers_and_unbinds() -> None:
    """Nothing new is taken, what is under way gets its answer, then unbind; run ends."""
    async with Smsc().listening() as smsc:
        kept = Kept()
        link = SmppLink(account(smsc.port), on_receipt=kept.on_receipt)
        async with running(link) as run:
            peer = await smsc.peer()
            await peer.bind()
            await until(lambda: link.is_up)
            work = asyncio.create_task(link.submit(message()))
            (submit,) = await peer.submits(1)
            closing = asyncio.create_task(link.close())
            await until(lambda: link.state == "closing")
            assert await link.submit(message()) == TryLater(Reason.UNREACHABLE, 1.0, "not bound")
            peer.accept(submit, "A1")
            unbind = await peer.expect(UNBIND)
            peer.send(octets(UNBIND_RESP, unbind.sequence_number))
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(closing, run)
            assert await work == Accepted(("A1",))
    assert (link.state, link.is_up) == ("closed", False)


async def test_close_does_not_wait_for_ever() -> None:
    """An SMSC that answers neither the submit nor the unbind is left after the time given."""
    async with bound() as (link, peer, _):
        work = asyncio.create_task(link.submit(message()))
        await peer.submits(1)
        async with asyncio.timeout(PATIENCE_S):
            await link.close(drain_s=0.05)
        assert await result_of(work) == Unknown(Reason.NO_ANSWER, "the link ended before submit_sm_resp")


async def test_close_before_anything_was_done() -> None:
    """A link that never ran, or that is still connecting, closes."""
    idle = SmppLink(account(1), on_receipt=Kept().on_receipt)
    await idle.close()
    await idle.run()
    assert idle.state == "closed"
    async with Smsc().listening() as smsc:
        link = SmppLink(account(smsc.port), on_receipt=Kept().on_receipt)
        async with running(link) as run:
            await until(lambda: link.state == "connecting")
            await link.close()
            async with asyncio.timeout(PATIENCE_S):
                await run
    assert link.state == "closed"


async def test_cancelling_run_settles_everything() -> None:
    """A stopped link leaves no caller waiting and no task behind."""
    never = asyncio.Event()

    async def on_receipt(raw: bytes, receipt: Receipt | ReceiptProblem) -> None:
        await never.wait()

    async with Smsc().listening() as smsc:
        link = SmppLink(account(smsc.port, window_size=1), on_receipt=on_receipt)
        async with running(link):
            peer = await smsc.peer()
            await peer.bind()
            await until(lambda: link.is_up)
            work = [asyncio.create_task(link.submit(message())) for _ in range(2)]
            await peer.submits(1)
            peer.send(receipt_pdu(1, "A1"))
            await until(lambda: bool(link._tasks))
        assert isinstance(await result_of(work[0]), Unknown)
        assert isinstance(await result_of(work[1]), TryLater)
    assert (link.state, link._tasks) == ("closed", set())


async def test_the_smsc_may_unbind() -> None:
    """Its unbind is answered; the link binds again."""
    async with bound() as (link, peer, smsc):
        peer.send(octets(UNBIND, 5))
        assert (await peer.expect(UNBIND_RESP)).sequence_number == 5
        await peer.closed()
        assert link.last_error == "the SMSC ended the bind"
        await (await smsc.peer()).bind()


async def test_garbage_ends_the_connection_and_not_the_link() -> None:
    """Octets that are no frames are answered with generic_nack and a new connection; strange PDUs with less."""
    async with bound() as (link, peer, smsc):
        peer.send(octets(0x00000103, 6), octets(SUBMIT_RESP, 999))
        assert (await peer.expect(NACK)).command_status == 0x03
        assert link.is_up
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert (await peer.expect(NACK)).command_status == 0x02
        await peer.closed()
        assert link.last_error.startswith("command_length is")
        await (await smsc.peer()).bind()


@pytest.mark.parametrize(("status", "state"), [(0x0F, "misconfigured"), (0x04, "waiting")])
async def test_an_account_fault_on_submit_ends_the_bind(status: int, state: str) -> None:
    """When an answer says that the account or the bind is wrong, the link unbinds and says why."""
    async with bound() as (link, peer, _):
        work = asyncio.create_task(link.submit(message()))
        (submit,) = await peer.submits(1)
        peer.refuse(submit, status)
        unbind = await peer.expect(UNBIND)
        assert not link.is_up
        peer.send(octets(UNBIND_RESP, unbind.sequence_number))
        assert isinstance(await result_of(work), Refused | TryLater)
        await until(lambda: link.state == state)
        assert link.last_error.startswith(f"submit refused: 0x{status:08X}")


# --- TLS and a foreign server ---


def write_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """A private CA and a certificate for 127.0.0.1 signed by it: paths of CA, certificate and key."""
    now = datetime.now(UTC)

    def certificate(name: str, key: Any, issuer: str, issuer_key: Any, *, is_ca: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        )
        return builder.sign(issuer_key, hashes.SHA256())

    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    paths = folder / "ca.pem", folder / "smsc.pem", folder / "smsc.key"
    pem = serialization.Encoding.PEM
    paths[0].write_bytes(certificate("Test CA", ca_key, "Test CA", ca_key, is_ca=True).public_bytes(pem))
    paths[1].write_bytes(certificate("smsc", key, "Test CA", ca_key, is_ca=False).public_bytes(pem))
    paths[2].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return paths


async def test_tls_with_a_private_ca(tmp_path: Path) -> None:
    """The link trusts the CA it is given and nobody else: a stranger's certificate is no connection."""
    ca_path, certificate_path, key_path = write_certificates(tmp_path)
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(certificate_path, key_path)
    async with Smsc().listening(server_context) as smsc:
        trusting = ssl.create_default_context(cafile=ca_path)
        link = SmppLink(account(smsc.port), on_receipt=Kept().on_receipt, ssl_context=trusting)
        async with running(link):
            peer = await smsc.peer()
            await peer.bind()
            await until(lambda: link.is_up)
            work = asyncio.create_task(link.submit(message()))
            (submit,) = await peer.submits(1)
            peer.accept(submit, "A1")
            assert await result_of(work) == Accepted(("A1",))
        stranger = SmppLink(account(smsc.port), on_receipt=Kept().on_receipt, ssl_context=ssl.create_default_context())
        async with running(stranger):
            await until(lambda: stranger.state == "waiting")
            assert stranger.last_error.startswith("no connection: SSLCertVerificationError: ")


async def test_a_foreign_smsc_understands_the_link() -> None:
    """Against a server that is not ours: bind, a hundred messages, and their receipts, none lost or doubled."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = smpp34.Server("127.0.0.1", port)
    await server.start()
    kept = Kept()
    link = SmppLink(account(port), on_receipt=kept.on_receipt)
    try:
        async with running(link):
            esme = await server.next()
            assert isinstance(esme, smpp34.Esme)
            await until(lambda: link.is_up)
            work = [asyncio.create_task(link.submit(message(f"m{number}"))) for number in range(100)]
            texts = []
            for number in range(100):
                submit = await server.next()
                assert isinstance(submit, smpp34.SubmitSmEvent)
                texts.append(submit.short_message.decode())
                submit.accept(f"id{number}")
            results = [await result_of(one) for one in work]
            ids = {one for result in results if isinstance(result, Accepted) for one in result.message_ids}
            assert (sorted(texts), len(ids)) == (sorted(f"m{number}" for number in range(100)), 100)
            for message_id in sorted(ids):
                text = f"id:{message_id} sub:001 dlvrd:001 stat:DELIVRD err:000 text:".encode()
                answer = await esme.deliver_sm("MOZ", text, source_addr=PHONE[1:], esm_class=4)
                assert answer.command_status == 0
            assert {one.provider_message_id for one in kept.receipts if isinstance(one, Receipt)} == ids
    finally:
        await server.stop()
