"""Rules of the SMPP 3.4 codec, judged also by a codec that is not ours."""

from contextlib import suppress
from typing import Any

import pytest
import smpp34
from hypothesis import example, given
from hypothesis import strategies as st

from esoz_notify.channels.smpp_pdu import (
    HEADER_BYTES,
    PDU_BYTES_MAX,
    SEQUENCE_MAX,
    BadPdu,
    Bind,
    BindResp,
    Body,
    Command,
    FrameReader,
    Pdu,
    ShortMessage,
    ShortMessageResp,
    Tag,
    Tlv,
    decode,
    encode,
)

OCTET = st.integers(0, 255)
TIME = st.sampled_from(["", "000000001500000R", "261123101500008+"])
# Tags in wire order may repeat; 0x1400.. are vendors' own.
TLVS = st.lists(
    st.builds(Tlv, st.sampled_from([*Tag, 0x0204, 0x1400, 0x3FFF]), st.binary(max_size=40)), max_size=4
).map(tuple)


def c_string(size: int) -> st.SearchStrategy[str]:
    """Text of a C-octet string field of so many octets."""
    return st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=size - 1)


SHORT_MESSAGES = st.builds(
    ShortMessage,
    source_addr=c_string(21),
    destination_addr=c_string(21),
    short_message=st.binary(max_size=254),
    service_type=c_string(6),
    source_addr_ton=OCTET,
    source_addr_npi=OCTET,
    dest_addr_ton=OCTET,
    dest_addr_npi=OCTET,
    esm_class=OCTET,
    protocol_id=OCTET,
    priority_flag=OCTET,
    schedule_delivery_time=TIME,
    validity_period=TIME,
    registered_delivery=OCTET,
    replace_if_present_flag=OCTET,
    data_coding=OCTET,
    sm_default_msg_id=OCTET,
    tlvs=TLVS,
)
BINDS = st.builds(
    Bind,
    system_id=c_string(16),
    password=c_string(9),
    system_type=c_string(13),
    interface_version=OCTET,
    addr_ton=OCTET,
    addr_npi=OCTET,
    address_range=c_string(41),
)
BIND_RESPS = st.builds(BindResp, system_id=c_string(16), tlvs=TLVS)
SHORT_MESSAGE_RESPS = st.builds(ShortMessageResp, message_id=c_string(65), tlvs=TLVS)
BODIES: dict[int, st.SearchStrategy[Any]] = {
    Command.BIND_RECEIVER: BINDS,
    Command.BIND_TRANSMITTER: BINDS,
    Command.BIND_TRANSCEIVER: BINDS,
    Command.BIND_RECEIVER_RESP: BIND_RESPS,
    Command.BIND_TRANSMITTER_RESP: BIND_RESPS,
    Command.BIND_TRANSCEIVER_RESP: BIND_RESPS,
    Command.SUBMIT_SM: SHORT_MESSAGES,
    Command.DELIVER_SM: SHORT_MESSAGES,
    Command.SUBMIT_SM_RESP: SHORT_MESSAGE_RESPS,
    Command.DELIVER_SM_RESP: SHORT_MESSAGE_RESPS,
    Command.UNBIND: st.just(b""),
    Command.UNBIND_RESP: st.just(b""),
    Command.ENQUIRE_LINK: st.just(b""),
    Command.ENQUIRE_LINK_RESP: st.just(b""),
    Command.GENERIC_NACK: st.just(b""),
    0x00000103: st.binary(max_size=100),  # data_sm, which we do not read
}
PDUS = st.sampled_from(sorted(BODIES)).flatmap(
    lambda command_id: st.builds(
        Pdu,
        command_id=st.just(command_id),
        command_status=st.integers(0, 0xFFFFFFFF),
        sequence_number=st.integers(0, 0xFFFFFFFF),
        body=BODIES[command_id],
    )
)
FOREIGN_FIELDS = (
    "source_addr", "destination_addr", "short_message", "service_type", "source_addr_ton", "source_addr_npi",
    "dest_addr_ton", "dest_addr_npi", "esm_class", "protocol_id", "priority_flag", "schedule_delivery_time",
    "validity_period", "registered_delivery", "replace_if_present_flag", "data_coding", "sm_default_msg_id",
)  # fmt: skip


def one_frame(data: bytes) -> bytes:
    """The only frame of some octets."""
    (frame,) = FrameReader().feed(data)
    return frame


@given(PDUS)
def test_what_we_write_we_read(pdu: Pdu) -> None:
    """Decoding what was encoded gives the same values, for every PDU and every value within its limits."""
    assert decode(encode(pdu)) == pdu


@given(SHORT_MESSAGES, st.sampled_from([Command.SUBMIT_SM, Command.DELIVER_SM]), st.integers(1, SEQUENCE_MAX))
def test_a_foreign_codec_reads_our_messages(body: ShortMessage, command_id: int, sequence_number: int) -> None:
    """What we write is read by a codec that is not ours to the same fields, optional parameters included."""
    foreign = smpp34.decode(encode(Pdu(command_id=command_id, sequence_number=sequence_number, body=body)))
    assert not isinstance(foreign, smpp34.RawPdu)
    assert (foreign.command_id, foreign.sequence_number) == (command_id, sequence_number)
    assert {name: getattr(foreign, name) for name in FOREIGN_FIELDS} == {
        name: getattr(body, name) for name in FOREIGN_FIELDS
    }
    assert [(tlv.tag, bytes(tlv.value)) for tlv in foreign.tlvs] == [(tlv.tag, tlv.value) for tlv in body.tlvs]


@given(SHORT_MESSAGES, st.sampled_from([smpp34.SubmitSm, smpp34.DeliverSm]), st.integers(1, SEQUENCE_MAX))
def test_we_read_the_messages_of_a_foreign_codec(body: ShortMessage, foreign_class: Any, sequence_number: int) -> None:
    """What a codec that is not ours writes is read by us to the same fields."""
    fields: dict[str, Any] = {name: getattr(body, name) for name in FOREIGN_FIELDS}
    tlvs = [smpp34.Tlv(tlv.tag, tlv.value) for tlv in body.tlvs]
    pdu = decode(foreign_class(**fields, tlvs=tlvs, sequence_number=sequence_number).encode())
    command_id = Command.SUBMIT_SM if foreign_class is smpp34.SubmitSm else Command.DELIVER_SM
    assert pdu == Pdu(command_id=command_id, sequence_number=sequence_number, body=body)


@given(PDUS)
def test_a_foreign_codec_reads_our_headers(pdu: Pdu) -> None:
    """Every PDU of ours, whatever it is, is a PDU with the same header for a codec that is not ours."""
    data = encode(pdu)
    foreign = smpp34.decode(data)
    assert (foreign.command_id, foreign.sequence_number) == (pdu.command_id, pdu.sequence_number)
    if isinstance(foreign, smpp34.RawPdu):
        assert (foreign.command_status, foreign.command_length) == (pdu.command_status, len(data))
        assert foreign.body == data[HEADER_BYTES:]


def test_octets_of_a_bind() -> None:
    """A bind_transceiver is laid out as SMPP 3.4 §4.1.5 draws it."""
    body = Bind(system_id="esoz", password="secret", system_type="VMA")
    expected = b"\0\0\0\x24\0\0\0\x09\0\0\0\0\0\0\0\1esoz\0secret\0VMA\0\x34\0\0\0"
    assert encode(Pdu(command_id=Command.BIND_TRANSCEIVER, sequence_number=1, body=body)) == expected


def test_octets_of_an_answer() -> None:
    """A submit_sm_resp is its header and the message id with a NUL (SMPP 3.4 §4.4.2)."""
    pdu = Pdu(command_id=Command.SUBMIT_SM_RESP, sequence_number=7, body=ShortMessageResp(message_id="A1"))
    assert encode(pdu).hex() == "00000013800000040000000000000007413100"


@pytest.mark.parametrize(
    ("command_id", "body"),
    [(Command.SUBMIT_SM_RESP, ShortMessageResp()), (Command.BIND_TRANSCEIVER_RESP, BindResp())],
)
def test_the_body_of_an_error_may_be_missing(command_id: int, body: Body) -> None:
    """An SMSC that refuses may send the header only; it is read as an empty body."""
    pdu = decode(encode(Pdu(command_id=command_id, command_status=0x58, sequence_number=3, body=b"")))
    assert pdu == Pdu(command_id=command_id, command_status=0x58, sequence_number=3, body=body)


def test_strange_letters_do_not_stop_the_reader() -> None:
    """A peer may put octets beyond ASCII into a text field; they are read octet for octet."""
    data = bytes.fromhex("0000001380000004000000000000000741ff00")
    assert decode(data).body == ShortMessageResp(message_id="A\xff")


def test_the_first_optional_parameter_counts() -> None:
    """Looking an optional parameter up gives the first of its tag, or nothing."""
    body = ShortMessage(source_addr="", destination_addr="", tlvs=(Tlv(0x0427, b"\x02"), Tlv(0x0427, b"\x05")))
    assert body.tlv(Tag.MESSAGE_STATE) == b"\x02"
    assert body.tlv(Tag.MESSAGE_PAYLOAD) is None


def submit(**fields: Any) -> Pdu:
    """A submit_sm with one field changed."""
    body = ShortMessage(**{"source_addr": "MOZ", "destination_addr": "380000000001"} | fields)
    return Pdu(command_id=Command.SUBMIT_SM, sequence_number=1, body=body)


@pytest.mark.parametrize(
    ("pdu", "complaint"),
    [
        (submit(source_addr="A" * 21), "source_addr must be at most 20 ASCII"),
        (submit(source_addr="МОЗ"), "source_addr must be at most 20 ASCII"),
        (submit(destination_addr="1\x002"), "destination_addr must be at most 20 ASCII"),
        (submit(service_type="ABCDEF"), "service_type must be at most 5 ASCII"),
        (submit(validity_period="15"), "validity_period must be empty or 16 characters"),
        (submit(short_message=b"x" * 255), "short_message has at most 254 octets"),
        (submit(data_coding=256), r"data_coding must be 0\.\.255"),
        (submit(tlvs=(Tlv(0x10000, b""),)), "does not fit its octets"),
        (submit(tlvs=(Tlv(1, b"x" * 40_000), Tlv(2, b"x" * 40_000))), "a PDU has at most 65536 octets"),
        (Pdu(command_id=Command.ENQUIRE_LINK, sequence_number=-1), "does not fit its octets"),
        (
            Pdu(
                command_id=Command.BIND_TRANSCEIVER,
                sequence_number=1,
                body=Bind(system_id="esoz", password="ninechars"),
            ),
            "password must be at most 8 ASCII",
        ),
    ],
)
def test_a_field_over_its_limit_is_not_written(pdu: Pdu, complaint: str) -> None:
    """Our own mistake is named by field and limit, without the value."""
    with pytest.raises(ValueError, match=complaint) as caught:
        encode(pdu)
    assert "380000000001" not in str(caught.value)
    assert "ninechars" not in str(caught.value)


def frame_of(command_id: int, body: bytes, *, length: int | None = None) -> bytes:
    """A frame with any body, sequence number 9, and its true length unless another is given."""
    octets = (length if length is not None else HEADER_BYTES + len(body), command_id, 0, 9)
    return b"".join(value.to_bytes(4) for value in octets) + body


SUBMIT_HEAD = b"\0" + b"\x05\0MOZ\0" + b"\1\1380000000001\0" + b"\0\0\0" + b"\0\0" + b"\1\0\0\0"


@pytest.mark.parametrize(
    ("command_id", "body", "answer_status"),
    [
        (Command.SUBMIT_SM, b"", 0xC2),
        (Command.SUBMIT_SM, b"SERVIC\0", 0xC2),
        (Command.SUBMIT_SM, b"\0\1", 0x02),
        (Command.SUBMIT_SM, SUBMIT_HEAD, 0x02),
        (Command.SUBMIT_SM, SUBMIT_HEAD + b"\x05abcd", 0x01),
        (Command.DELIVER_SM, SUBMIT_HEAD + b"\xff" + b"x" * 255, 0x01),
        (Command.DELIVER_SM, SUBMIT_HEAD + b"\0" + b"\x04\x27\0", 0xC0),
        (Command.DELIVER_SM, SUBMIT_HEAD + b"\0" + b"\x04\x27\0\2\2", 0xC0),
        (Command.SUBMIT_SM_RESP, b"no end", 0xC2),
        (Command.BIND_TRANSCEIVER_RESP, b"x" * 17, 0xC2),
    ],
)
def test_a_broken_body_says_what_to_answer(command_id: int, body: bytes, answer_status: int) -> None:
    """A body that is not what its command says names the status to answer with and whose it is."""
    with pytest.raises(BadPdu) as caught:
        decode(frame_of(command_id, body))
    bad = caught.value
    assert (bad.answer_status, bad.command_id, bad.sequence_number) == (answer_status, command_id, 9)
    assert not bad.frame_lost


@pytest.mark.parametrize("data", [b"", b"\0" * 15, frame_of(Command.UNBIND, b"", length=17)])
def test_decode_wants_one_whole_frame(data: bytes) -> None:
    """Less or more than the length says is not a frame."""
    with pytest.raises(BadPdu) as caught:
        decode(data)
    assert caught.value.frame_lost


@pytest.mark.parametrize("length", [0, 15, PDU_BYTES_MAX + 1, 0xFFFFFFFF])
def test_an_impossible_length_loses_the_frame(length: int) -> None:
    """A length under the header or over 64 KiB ends the stream, to be answered with status 2, after what was whole."""
    good = frame_of(Command.ENQUIRE_LINK, b"")
    frames = FrameReader().feed(good + length.to_bytes(4) + b"\1\2\3")
    assert next(frames) == good
    with pytest.raises(BadPdu) as caught:
        next(frames)
    assert (caught.value.answer_status, caught.value.frame_lost, caught.value.sequence_number) == (2, True, 0)


def test_the_longest_frame_is_read() -> None:
    """64 KiB is still a PDU."""
    frame = frame_of(0x103, b"x" * (PDU_BYTES_MAX - HEADER_BYTES))
    assert one_frame(frame) == frame


@given(st.lists(PDUS, max_size=5), st.data())
def test_frames_come_out_however_the_stream_is_cut(pdus: list[Pdu], data: st.DataObject) -> None:
    """TCP may cut anywhere: the frames are the same and in order."""
    stream = b"".join(encode(pdu) for pdu in pdus)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = FrameReader()
    frames = [
        frame
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for frame in reader.feed(stream[start:end])
    ]
    assert [decode(frame) for frame in frames] == pdus


@given(st.binary(max_size=300))
@example(b"\0\0\0\x10\0\0\0\x04\0\0\0\0\0\0\0\1")
def test_garbage_raises_only_our_error(data: bytes) -> None:
    """Whatever octets come, reading gives PDUs or BadPdu and nothing else."""
    with suppress(BadPdu):
        for frame in FrameReader().feed(data):
            decode(frame)
    with suppress(BadPdu):
        decode(data)


@given(st.sampled_from(sorted(BODIES)), st.binary(max_size=200))
def test_garbage_in_a_body_raises_only_our_error(command_id: int, body: bytes) -> None:
    """A right header over a wrong body is our error too."""
    with suppress(BadPdu):
        decode(frame_of(command_id, body))


def test_reprs_hide_the_secret_the_number_and_the_text() -> None:
    """A PDU may reach a log; what it carries may not."""
    bind = Bind(system_id="esoz", password="secret")
    message = ShortMessage(
        source_addr="MOZ", destination_addr="380000000001", short_message=b"1234", tlvs=(Tlv(0x0424, b"5678"),)
    )
    shown = repr(bind) + repr(message) + repr(message.tlvs) + repr(submit())
    assert not [secret for secret in ("secret", "380000000001", "1234", "5678") if secret in shown]
