"""The SMPP 3.4 codec: frozen values to octets and back, and octets of a stream to frames.

What belongs here: what is on the wire (SMPP Protocol Specification v3.4, issue 1.2). What does not: what a status or a
receipt means to us (``smpp``) and who may say what when (``smpp_session``).
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeAlias

from esoz_notify.core.errors import NotifyError

HEADER_BYTES = 16
PDU_BYTES_MAX = 64 * 1024
"""No PDU of ours or of an SMSC comes near it; a longer length is a lost frame border or an attack."""
SEQUENCE_MAX = 0x7FFFFFFF
SHORT_MESSAGE_BYTES_MAX = 254
TIME_LENGTH = 16
RESPONSE_BIT = 0x80000000
INTERFACE_VERSION = 0x34

ESM_CLASS_TYPE_MASK = 0x3C
ESM_CLASS_RECEIPT = 0x04
"""Type of a deliver_sm that is a delivery receipt (SMPP 3.4 §5.2.12)."""


class Command(IntEnum):
    """The command ids that we read and write (SMPP 3.4 §5.1.2.1); any other id is kept as a number."""

    BIND_RECEIVER = 0x00000001
    BIND_TRANSMITTER = 0x00000002
    SUBMIT_SM = 0x00000004
    DELIVER_SM = 0x00000005
    UNBIND = 0x00000006
    BIND_TRANSCEIVER = 0x00000009
    ENQUIRE_LINK = 0x00000015
    GENERIC_NACK = 0x80000000
    BIND_RECEIVER_RESP = 0x80000001
    BIND_TRANSMITTER_RESP = 0x80000002
    SUBMIT_SM_RESP = 0x80000004
    DELIVER_SM_RESP = 0x80000005
    UNBIND_RESP = 0x80000006
    BIND_TRANSCEIVER_RESP = 0x80000009
    ENQUIRE_LINK_RESP = 0x80000015


class Status(IntEnum):
    """The statuses that we answer with ourselves; the table of all that we may hear is in ``smpp``."""

    OK = 0x00
    INVALID_MESSAGE_LENGTH = 0x01
    INVALID_COMMAND_LENGTH = 0x02
    INVALID_COMMAND_ID = 0x03
    INVALID_BIND_STATUS = 0x04
    QUEUE_FULL = 0x14
    TEMPORARY_APPLICATION_ERROR = 0x64
    INVALID_OPTIONAL_PART = 0xC0
    INVALID_PARAMETER_LENGTH = 0xC2


class Tag(IntEnum):
    """The optional parameters that we look for (SMPP 3.4 §5.3.2); any other tag is kept as a number."""

    RECEIPTED_MESSAGE_ID = 0x001E
    SC_INTERFACE_VERSION = 0x0210
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class BadPdu(NotifyError):
    """The peer sent octets that are not a PDU of SMPP 3.4.

    ``answer_status``: the status to answer with. ``frame_lost``: where the next PDU begins is not known any more, so
    the connection must be closed after that answer. ``command_id`` and ``sequence_number`` are 0 if not readable.
    """

    code = "smpp_bad_pdu"

    def __init__(
        self,
        detail: str,
        *,
        answer_status: int,
        command_id: int = 0,
        sequence_number: int = 0,
        frame_lost: bool = False,
    ) -> None:
        super().__init__(detail)
        self.answer_status = answer_status
        self.command_id = command_id
        self.sequence_number = sequence_number
        self.frame_lost = frame_lost


@dataclass(frozen=True, slots=True)
class Tlv:
    """One optional parameter; the value is as on the wire."""

    tag: int
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """Body of bind_transceiver, bind_transmitter and bind_receiver (SMPP 3.4 §4.1)."""

    system_id: str
    password: str = field(repr=False)
    system_type: str = ""
    interface_version: int = INTERFACE_VERSION
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BindResp:
    """Body of the answer to a bind; may be missing when the bind is refused."""

    system_id: str = ""
    tlvs: tuple[Tlv, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortMessage:
    """Body of submit_sm and deliver_sm (SMPP 3.4 §4.4.1, §4.6.1). Its repr hides the numbers and the text."""

    source_addr: str
    destination_addr: str
    short_message: bytes = b""
    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    tlvs: tuple[Tlv, ...] = ()

    def tlv(self, tag: int) -> bytes | None:
        """Value of the first optional parameter with this tag."""
        return next((tlv.value for tlv in self.tlvs if tlv.tag == tag), None)

    def __repr__(self) -> str:
        return f"ShortMessage(esm_class={self.esm_class:#04x}, {len(self.short_message)} octets, {len(self.tlvs)} tlvs)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortMessageResp:
    """Body of submit_sm_resp and deliver_sm_resp; may be missing when the status is an error (SMPP 3.4 §4.4.2)."""

    message_id: str = ""
    tlvs: tuple[Tlv, ...] = ()


Body: TypeAlias = Bind | BindResp | ShortMessage | ShortMessageResp | bytes
"""Octets are the body of a PDU that has none or whose id we do not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """One PDU. Numbers are unsigned 32-bit; ``sequence_number`` of an answer is that of its request."""

    command_id: int
    sequence_number: int
    command_status: int = 0
    body: Body = field(default=b"", repr=False)


_LENGTH_BYTES = 4
_HEADER = struct.Struct(">IIII")
_TLV_HEAD = struct.Struct(">HH")

_OCTET = 0
_TIME = TIME_LENGTH + 1
_SYSTEM_ID = 16
_ADDRESS = 21
_MESSAGE_ID = 65

_Layout: TypeAlias = tuple[tuple[str, int], ...]
"""Mandatory fields in the order of the wire: a number of one octet, or a C-octet string of so many with its NUL."""

_BIND: _Layout = (
    ("system_id", _SYSTEM_ID),
    ("password", 9),
    ("system_type", 13),
    ("interface_version", _OCTET),
    ("addr_ton", _OCTET),
    ("addr_npi", _OCTET),
    ("address_range", 41),
)
# Without sm_length and short_message, which end the mandatory fields.
_SHORT_MESSAGE: _Layout = (
    ("service_type", 6),
    ("source_addr_ton", _OCTET),
    ("source_addr_npi", _OCTET),
    ("source_addr", _ADDRESS),
    ("dest_addr_ton", _OCTET),
    ("dest_addr_npi", _OCTET),
    ("destination_addr", _ADDRESS),
    ("esm_class", _OCTET),
    ("protocol_id", _OCTET),
    ("priority_flag", _OCTET),
    ("schedule_delivery_time", _TIME),
    ("validity_period", _TIME),
    ("registered_delivery", _OCTET),
    ("replace_if_present_flag", _OCTET),
    ("data_coding", _OCTET),
    ("sm_default_msg_id", _OCTET),
)


def encode(pdu: Pdu) -> bytes:
    """Octets of a PDU, header included.

    Raises ValueError naming the field that breaks its limit: such a value is a mistake of ours, not of the peer.
    """
    try:
        body = pdu.body if isinstance(pdu.body, bytes) else _encode_body(pdu.body)
        length = HEADER_BYTES + len(body)
        header = _HEADER.pack(length, pdu.command_id, pdu.command_status, pdu.sequence_number)
    except struct.error:
        raise ValueError("a number of the header or of an optional parameter does not fit its octets") from None
    if length > PDU_BYTES_MAX:
        raise ValueError(f"a PDU has at most {PDU_BYTES_MAX} octets and this one has {length}")
    return header + body


def decode(frame: bytes) -> Pdu:
    """Read one whole frame. Raises BadPdu for anything that is not one; an unknown command id is not an error."""
    if len(frame) < HEADER_BYTES:
        raise _lost_frame("a PDU is shorter than its header")
    length, command_id, command_status, sequence_number = _HEADER.unpack_from(frame)
    if length != len(frame):
        raise _lost_frame("command_length differs from the length of the PDU")
    try:
        reader = _READERS.get(command_id)
        body = reader(frame) if reader else frame[HEADER_BYTES:]
    except _Flaw as flaw:
        detail, answer_status = flaw.detail, flaw.answer_status
    else:
        return Pdu(command_id=command_id, command_status=command_status, sequence_number=sequence_number, body=body)
    raise BadPdu(detail, answer_status=answer_status, command_id=command_id, sequence_number=sequence_number)


class FrameReader:
    """Cuts a stream of octets into frames, one PDU each; what is not whole yet is kept."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take octets as they came and give every whole frame.

        Raises BadPdu with ``frame_lost`` when a length is impossible, after the frames before it were given; the reader
        is of no use afterwards.
        """
        self._buffer += data
        return self._frames()

    def _frames(self) -> Iterator[bytes]:
        while len(self._buffer) >= _LENGTH_BYTES:
            length = int.from_bytes(self._buffer[:_LENGTH_BYTES])
            if not HEADER_BYTES <= length <= PDU_BYTES_MAX:
                raise _lost_frame(f"command_length is {length}, the limits are {HEADER_BYTES} and {PDU_BYTES_MAX}")
            if len(self._buffer) < length:
                return
            frame = bytes(self._buffer[:length])
            del self._buffer[:length]
            yield frame


class _Flaw(Exception):
    """What is wrong with a body; ``decode`` adds whose body it is."""

    def __init__(self, detail: str, answer_status: int) -> None:
        super().__init__(detail)
        self.detail = detail
        self.answer_status = answer_status


def _lost_frame(detail: str) -> BadPdu:
    # The sequence number of the answer is NULL when the original cannot be decoded (SMPP 3.4 §4.3.1).
    return BadPdu(detail, answer_status=Status.INVALID_COMMAND_LENGTH, frame_lost=True)


def _encode_body(body: Bind | BindResp | ShortMessage | ShortMessageResp) -> bytes:
    match body:
        case Bind():
            return _encode_fields(_BIND, body)
        case BindResp():
            return _c_string(body.system_id, _SYSTEM_ID, "system_id") + _encode_tlvs(body.tlvs)
        case ShortMessage():
            return _encode_short_message(body)
    return _c_string(body.message_id, _MESSAGE_ID, "message_id") + _encode_tlvs(body.tlvs)


def _encode_short_message(body: ShortMessage) -> bytes:
    length = len(body.short_message)
    if length > SHORT_MESSAGE_BYTES_MAX:
        raise ValueError(f"short_message has at most {SHORT_MESSAGE_BYTES_MAX} octets and this one has {length}")
    return _encode_fields(_SHORT_MESSAGE, body) + bytes((length,)) + body.short_message + _encode_tlvs(body.tlvs)


def _encode_fields(layout: _Layout, body: Bind | ShortMessage) -> bytes:
    octets = bytearray()
    for name, size in layout:
        value = getattr(body, name)
        octets += _c_string(value, size, name) if size else _octet(value, name)
    return bytes(octets)


def _encode_tlvs(tlvs: tuple[Tlv, ...]) -> bytes:
    return b"".join(_TLV_HEAD.pack(tlv.tag, len(tlv.value)) + tlv.value for tlv in tlvs)


def _octet(value: int, name: str) -> bytes:
    try:
        return bytes((value,))
    except ValueError:
        raise ValueError(f"{name} must be 0..255: it has one octet") from None


def _c_string(text: str, size: int, name: str) -> bytes:
    if len(text) >= size or not text.isascii() or "\0" in text:
        raise ValueError(f"{name} must be at most {size - 1} ASCII characters without NUL")
    if size == _TIME and text and len(text) != TIME_LENGTH:
        raise ValueError(f"{name} must be empty or {TIME_LENGTH} characters (SMPP 3.4 §7.1.1)")
    return text.encode("ascii") + b"\0"


def _read_c_string(frame: bytes, at: int, size: int, name: str) -> tuple[str, int]:
    """Text and where the next field begins. Latin-1, because peers put more than ASCII there and nothing may fail."""
    end = frame.find(0, at, at + size)
    if end < 0:
        raise _Flaw(f"{name} does not end within {size} octets", Status.INVALID_PARAMETER_LENGTH)
    return frame[at:end].decode("latin-1"), end + 1


def _read_octet(frame: bytes, at: int, name: str) -> tuple[int, int]:
    if at >= len(frame):
        raise _Flaw(f"the PDU ends before {name}", Status.INVALID_COMMAND_LENGTH)
    return frame[at], at + 1


def _read_tlvs(frame: bytes, at: int) -> tuple[Tlv, ...]:
    tlvs = []
    while at < len(frame):
        if at + _TLV_HEAD.size > len(frame):
            raise _Flaw("an optional parameter ends within its head", Status.INVALID_OPTIONAL_PART)
        tag, length = _TLV_HEAD.unpack_from(frame, at)
        at += _TLV_HEAD.size
        if at + length > len(frame):
            raise _Flaw("an optional parameter is longer than its PDU", Status.INVALID_OPTIONAL_PART)
        tlvs.append(Tlv(tag, frame[at : at + length]))
        at += length
    return tuple(tlvs)


def _read_fields(frame: bytes, layout: _Layout) -> tuple[dict[str, Any], int]:
    """Values by field name, and where the rest of the body begins."""
    fields: dict[str, Any] = {}
    at = HEADER_BYTES
    for name, size in layout:
        if size:
            fields[name], at = _read_c_string(frame, at, size, name)
        else:
            fields[name], at = _read_octet(frame, at, name)
    return fields, at


def _read_bind(frame: bytes) -> Bind:
    fields, _ = _read_fields(frame, _BIND)
    return Bind(**fields)


def _read_bind_resp(frame: bytes) -> BindResp:
    if len(frame) == HEADER_BYTES:
        return BindResp()
    system_id, at = _read_c_string(frame, HEADER_BYTES, _SYSTEM_ID, "system_id")
    return BindResp(system_id=system_id, tlvs=_read_tlvs(frame, at))


def _read_short_message(frame: bytes) -> ShortMessage:
    fields, at = _read_fields(frame, _SHORT_MESSAGE)
    length, at = _read_octet(frame, at, "sm_length")
    end = at + length
    if length > SHORT_MESSAGE_BYTES_MAX or end > len(frame):
        raise _Flaw("sm_length is more than 254 or more than there is", Status.INVALID_MESSAGE_LENGTH)
    return ShortMessage(**fields, short_message=frame[at:end], tlvs=_read_tlvs(frame, end))


def _read_short_message_resp(frame: bytes) -> ShortMessageResp:
    if len(frame) == HEADER_BYTES:
        return ShortMessageResp()
    message_id, at = _read_c_string(frame, HEADER_BYTES, _MESSAGE_ID, "message_id")
    return ShortMessageResp(message_id=message_id, tlvs=_read_tlvs(frame, at))


_READERS: Mapping[int, Callable[[bytes], Body]] = {
    Command.BIND_RECEIVER: _read_bind,
    Command.BIND_TRANSMITTER: _read_bind,
    Command.BIND_TRANSCEIVER: _read_bind,
    Command.BIND_RECEIVER_RESP: _read_bind_resp,
    Command.BIND_TRANSMITTER_RESP: _read_bind_resp,
    Command.BIND_TRANSCEIVER_RESP: _read_bind_resp,
    Command.SUBMIT_SM: _read_short_message,
    Command.DELIVER_SM: _read_short_message,
    Command.SUBMIT_SM_RESP: _read_short_message_resp,
    Command.DELIVER_SM_RESP: _read_short_message_resp,
}
"""Commands that are not here have no body, or one that we do not know: it is kept as octets."""
