"""The lab's SMSC over a raw socket with a foreign codec: what SMPP 3.4 and operators' habits promise a caller."""

import asyncio
import socket
import ssl
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import smpp34
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.lab.players import SUBMIT_SM, Caller, Esme, bound, eventually

from esoz_notify.lab.settings import IdFormat, LabSettings, SmscSettings
from esoz_notify.lab.world import Lab, run_lab

UCS2 = 8
ENQUIRE_LINK = 0x15
DELIVERED, EXPIRED, UNDELIVERABLE = 2, 3, 5


async def test_message_reaches_the_phone_and_its_receipt_returns(lab: Lab, caller: Caller) -> None:
    """A Ukrainian text is accepted with an id, shown, and reported DELIVRD in text and TLVs with that id."""
    async with bound(lab) as esme:
        accepted = await esme.submitted("Ваш код: 4831".encode("utf-16-be"), data_coding=UCS2)
        receipt = await esme.delivered()
    assert (accepted.status, accepted.message_id) == (0, receipt.message_id)
    assert receipt.state == DELIVERED
    assert receipt.text.startswith(f"id:{accepted.message_id} sub:001 dlvrd:001 submit date:")
    assert " stat:DELIVRD err:000 text:" in receipt.text
    assert (receipt.pdu.source_addr, receipt.pdu.destination_addr) == ("380000000001", "ESOZ")
    (shown,) = await caller.messages("380000000001")
    assert (shown["channel"], shown["text"], shown["provider"]) == ("sms", "Ваш код: 4831", "smsc-a")
    assert shown["provider_message_id"] == accepted.message_id


@pytest.mark.parametrize(
    ("system_id", "password", "status"), [("nobody", "labpass", 0xF), ("esoz", "wrong", 0xE), ("esoz", "labpass", 0)]
)
async def test_bind_is_checked(lab: Lab, system_id: str, password: str, status: int) -> None:
    """A strange system_id is RINVSYSID, a wrong password RINVPASWD."""
    esme = await Esme.connect(lab)
    assert await esme.bind(system_id, password) == status
    await esme.close()


async def test_bind_limit_and_second_bind(lab: Lab) -> None:
    """One bind more than the limit, or a second on one connection, is RALYBND; a freed place can be taken."""
    esmes = [await Esme.connect(lab) for _ in range(4)]
    assert [await esme.bind() for esme in esmes] == [0, 0, 0, 5]
    assert await esmes[0].bind() == 5
    await esmes[0].close()
    await eventually(esmes[3].bind, lambda status: status == 0)
    for esme in esmes[1:]:
        await esme.close()


async def test_submit_needs_a_sending_bind(lab: Lab) -> None:
    """Before a bind, and bound as a receiver, submit_sm is RINVBNDSTS."""
    esme = await Esme.connect(lab)
    assert (await esme.submitted()).status == 4
    assert await esme.bind(kind=0x1) == 0
    assert (await esme.submitted()).status == 4
    await esme.close()


async def test_receipts_go_to_a_receiver(lab: Lab) -> None:
    """A transmitter gets no receipt; a receiver of the same system_id does."""
    sender, receiver = await Esme.connect(lab), await Esme.connect(lab)
    assert (await sender.bind(kind=0x2), await receiver.bind(kind=0x1)) == (0, 0)
    accepted = await sender.submitted()
    assert (await receiver.delivered()).message_id == accepted.message_id
    await sender.close()
    await receiver.close()


async def test_link_is_kept_and_ended(lab: Lab) -> None:
    """enquire_link and unbind are answered; an unknown command is nacked; an impossible length ends the connection."""
    async with bound(lab) as esme:
        assert (await esme.ask(0x15)).status == 0
        esme.send(0x7777, sequence=77)
        nack = await esme.read()
        assert (nack.command, nack.status, nack.sequence) == (0x80000000, 3, 77)
        assert (await esme.ask(0x6)).status == 0
        assert await esme.raw() == b""
    async with bound(lab) as esme:
        esme.write(struct.pack(">IIII", 9, 0x15, 0, 5))
        nack = await esme.read()
        assert (nack.command, nack.status) == (0x80000000, 2)
        assert await esme.raw() == b""


async def test_smsc_asks_after_silence() -> None:
    """An idle caller gets enquire_link; one that never answers is let go."""
    settings = LabSettings(smscs=(SmscSettings(name="smsc-a", enquire_link_s=0.05),))
    async with run_lab(settings) as lab, bound(lab) as esme:
        asked = [await esme.read(), await esme.read()]
        assert {pdu.command for pdu in asked} == {0x15}
        assert await esme.raw() == b""


async def test_split_and_joined_frames_are_read(lab: Lab) -> None:
    """PDUs that come in pieces or together are taken one by one, in order."""
    async with bound(lab) as esme:
        one = smpp34.SubmitSm("ESOZ", "380000000001", b"one", sequence_number=101).encode()
        two = smpp34.SubmitSm("ESOZ", "380000000001", b"two", sequence_number=102).encode()
        esme.write(one[:20])
        await asyncio.sleep(0.02)
        esme.write(one[20:] + two)
        assert [(await esme.read()).sequence for _ in range(2)] == [101, 102]


async def test_long_text_appears_when_every_part_is_in(lab: Lab, caller: Caller) -> None:
    """Three UDH parts, out of order, are three submissions with three receipts, and one text on the phone."""
    text = "Електронний рецепт 0000-243P-1X53-EH38. " * 4
    pieces = [text[at : at + 67] for at in range(0, len(text), 67)]
    async with bound(lab) as esme:
        ids = []
        for number in (3, 1, 2):
            udh = bytes([5, 0, 3, 0x2A, len(pieces), number])
            octets = udh + pieces[number - 1].encode("utf-16-be")
            ids.append((await esme.submitted(octets, esm_class=0x40, data_coding=UCS2)).message_id)
        receipts = {(await esme.delivered()).message_id for _ in range(3)}
    assert receipts == set(ids)
    (shown,) = await caller.messages("380000000001")
    assert shown["text"] == text
    rows = await caller.get("/submissions?provider=sms")
    assert [(row["part"], row["parts"], row["ref"]) for row in rows] == [(3, 3, 42), (1, 3, 42), (2, 3, 42)]
    assert [row["provider_message_id"] for row in rows] == ids


async def test_parts_by_sar_and_whole_by_payload(lab: Lab, caller: Caller) -> None:
    """sar_* TLVs and 16-bit references join parts too; message_payload carries a long text whole."""
    async with bound(lab) as esme:
        for number in (1, 2):
            tlvs = [smpp34.Tlv(0x20C, b"\0\x07"), smpp34.Tlv(0x20E, b"\2"), smpp34.Tlv(0x20F, bytes([number]))]
            await esme.submitted(f"part{number} ".encode(), "380000000001", tlvs=tlvs, registered_delivery=0)
        for number in (1, 2):
            udh = bytes([6, 8, 4, 1, 0, 2, number])
            await esme.submitted(udh + f"piece{number} ".encode(), "380000000002", esm_class=0x40)
        payload = smpp34.Tlv(0x424, ("довгий " * 60).encode("utf-16-be"))
        await esme.submitted(b"", "380000000003", tlvs=[payload], data_coding=UCS2)
        texts = [(await caller.messages(f"38000000000{n}"))[0]["text"] for n in (1, 2, 3)]
    assert texts == ["part1 part2 ", "piece1 piece2 ", "довгий " * 60]


async def test_surrogates_split_between_parts_are_broken_on_the_phone(lab: Lab, caller: Caller) -> None:
    """A part is decoded by itself, as a phone does, so an emoji cut in two cannot come out whole."""
    octets = "😀".encode("utf-16-be")
    async with bound(lab) as esme:
        for number, half in enumerate((octets[:2], octets[2:]), 1):
            await esme.submitted(bytes([5, 0, 3, 9, 2, number]) + half, esm_class=0x40, data_coding=UCS2)
        (shown,) = await caller.messages("380000000001")
    assert shown["text"] == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"to": "12345"}, 0xB),
        ({"source_addr": ""}, 0xA),
        ({"source_addr": "TWELVELETTER"}, 0xA),
        ({"validity_period": "nonsense"}, 0x62),
        ({"schedule_delivery_time": "0000000015000000"}, 0x61),
        ({"text": b"\x50ab", "esm_class": 0x40}, 0x43),
        ({"text": bytes([5, 0, 3, 1, 2, 3]), "esm_class": 0x40}, 0x43),
    ],
)
async def test_bad_submission_is_refused_with_its_status(
    lab: Lab, caller: Caller, fields: dict[str, object], status: int
) -> None:
    """A wrong address, time or user data header is refused with the status of that rule, and nothing is accepted."""
    async with bound(lab) as esme:
        assert (await esme.submitted(**fields)).status == status  # type: ignore[arg-type]  # a table of keyword arguments
    assert await caller.get("/submissions") == []


async def test_torn_submit_is_refused(lab: Lab) -> None:
    """A submit_sm whose body ends too soon is RINVPARLEN, and the connection goes on."""
    async with bound(lab) as esme:
        assert (await esme.ask(SUBMIT_SM, b"abc")).status == 0xC2
        assert (await esme.submitted()).status == 0


async def test_phone_without_sms_is_undeliverable(lab: Lab, caller: Caller) -> None:
    """A phone with sms off gives UNDELIV with a network error."""
    await caller.phone("380000000001", sms=False)
    async with bound(lab) as esme:
        await esme.submitted()
        receipt = await esme.delivered()
    assert (receipt.state, "stat:UNDELIV err:001" in receipt.text) == (UNDELIVERABLE, True)
    assert await caller.get("/phones/380000000001/messages") == []


@pytest.mark.parametrize("kind", ["relative", "absolute"])
async def test_absent_phone_expires_with_its_validity(lab: Lab, caller: Caller, kind: str) -> None:
    """An absent phone's message stays until validity_period, relative or absolute, ends: then EXPIRED."""
    await caller.phone("380000000001", sms_absent=True)
    ends = (datetime.now(UTC) + timedelta(seconds=1.2)).replace(microsecond=0) + timedelta(hours=2)
    validity = "000000000001000R" if kind == "relative" else f"{ends:%y%m%d%H%M%S}008+"
    async with bound(lab) as esme:
        assert (await esme.submitted(validity_period=validity)).status == 0
        receipt = await esme.delivered()
    assert (receipt.state, "stat:EXPIRED" in receipt.text) == (EXPIRED, True)
    assert await caller.get("/phones/380000000001/messages") == []


async def test_absent_phone_that_returns_gets_its_message(lab: Lab, caller: Caller) -> None:
    """A phone that comes back within the validity receives what waited."""
    await caller.phone("380000000001", sms_absent=True)
    async with bound(lab) as esme:
        await esme.submitted()
        await caller.phone("380000000001", sms_absent=False)
        assert (await esme.delivered()).state == DELIVERED
    await caller.messages("380000000001")


async def test_receipt_only_as_asked(lab: Lab, caller: Caller) -> None:
    """registered_delivery 0 asks for none, 2 for failures only."""
    await caller.phone("380000000002", sms=False)
    async with bound(lab) as esme:
        await esme.submitted(registered_delivery=0)
        await esme.submitted(registered_delivery=2)
        failed = await esme.submitted(to="380000000002", registered_delivery=2)
        assert (await esme.delivered()).message_id == failed.message_id


async def test_receipt_comes_until_acknowledged_with_zero(lab: Lab) -> None:
    """Not answered, refused with 0x64, lost with the connection: the receipt comes again; after a 0 never."""
    async with bound(lab) as esme:
        accepted = await esme.submitted()
        assert (await esme.delivered(status=None)).message_id == accepted.message_id
        assert (await esme.delivered(status=0x64)).message_id == accepted.message_id
        assert (await esme.delivered(status=None)).message_id == accepted.message_id
    async with bound(lab) as esme:
        assert (await esme.delivered()).message_id == accepted.message_id
        other = await esme.submitted()
        assert (await esme.delivered()).message_id == other.message_id


async def test_receipts_keep_their_order(lab: Lab, caller: Caller) -> None:
    """Receipts come in the order in which messages ended, and all of them."""
    await caller.phone("380000000001", latency_ms=[5, 5])
    async with bound(lab) as esme:
        ids = [(await esme.submitted()).message_id for _ in range(120)]
        assert [(await esme.delivered()).message_id for _ in range(120)] == ids


async def test_ids_may_be_written_in_two_ways(settings: LabSettings) -> None:
    """An operator that answers in hex and reports in decimal names the same number."""
    smsc = replace(settings.smscs[0], response_ids=IdFormat.HEX, receipt_ids=IdFormat.DECIMAL)
    async with run_lab(replace(settings, smscs=(smsc,))) as lab, bound(lab) as esme:
        accepted = await esme.submitted()
        receipt = await esme.delivered()
    assert int(accepted.message_id, 16) == int(receipt.message_id)
    assert accepted.message_id != receipt.message_id


async def test_client_reference_is_the_tlv(lab: Lab, caller: Caller) -> None:
    """user_message_reference is the submission's client reference; SMPP knows no other."""
    async with bound(lab) as esme:
        await esme.submitted(tlvs=[smpp34.Tlv(0x204, b"\x01\x02")])
        await esme.submitted()
    rows = await caller.get("/submissions?provider=smsc-a")
    assert [row["client_reference"] for row in rows] == ["258", None]
    assert [row["provider"] for row in rows] == ["smsc-a", "smsc-a"]
    assert await caller.get("/submissions?provider=smsc-b") == []


async def test_a_foreign_client_is_served(lab: Lab) -> None:
    """A whole client that is not ours binds, submits, gets its receipt and unbinds."""
    client = await smpp34.Client("127.0.0.1", lab.ports["smsc-b"], "esoz", "labpass").connect()
    answer = await client.submit_sm("380000000001", b"hello", source_addr="ESOZ", registered_delivery=1)
    event = await client.next()
    assert isinstance(event, smpp34.DeliverSmEvent)
    assert f"id:{answer.message_id} " in bytes(event.short_message).decode()
    await client.unbind()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for localhost, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    at = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    pem = serialization.Encoding.PEM
    bare = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(bare + made.public_bytes(pem))
    return path


async def test_tls_is_served(settings: LabSettings, certificate: Path) -> None:
    """With an ssl_context the SMSC speaks TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    smsc = replace(settings.smscs[0], ssl_context=context)
    trust = ssl.create_default_context(cafile=str(certificate))
    async with (
        run_lab(replace(settings, smscs=(smsc,))) as lab,
        bound(lab, ssl=trust, server_hostname="localhost") as esme,
    ):
        assert (await esme.submitted()).status == 0


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux only")
@pytest.mark.parametrize("at_once", [False, True])
async def test_what_was_read_is_acknowledged_at_once_when_asked(settings: LabSettings, at_once: bool) -> None:
    """After a talk the kernel delays acknowledgements; the setting has it acknowledge each read without an answer."""
    smscs = tuple(replace(smsc, ack_at_once=at_once) for smsc in settings.smscs)
    async with run_lab(replace(settings, smscs=smscs)) as lab, bound(lab) as esme:
        for _ in range(5):
            await esme.ask(ENQUIRE_LINK)
        (session,) = lab.smscs["smsc-a"].sessions
        esme.write(b"\0\0\0\x10")  # a length alone: nothing is answered yet
        async with asyncio.timeout(5):
            while not session._buffer:
                await asyncio.sleep(0.01)
        assert session._transport is not None
        told = session._transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)
        assert bool(told) is at_once
