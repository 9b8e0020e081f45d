"""SMPP 3.4 on the wire: frames, ids, statuses, times. Message bodies go through the ``smpp34`` package.

Source: SMPP v3.4 Issue 1.2. The codec is a foreign one on purpose: the lab cannot share a mistake with its callers.
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum

import smpp34

HEADER = struct.Struct(">IIII")
HEADER_BYTES = 16
PDU_BYTES_MAX = 65_536
RESPONSE = 0x80000000
SEQUENCE_MAX = 0x7FFFFFFF
_SC_INTERFACE_VERSION = bytes.fromhex("0210000134")


class Command(IntEnum):
    """Command ids (§5.1.2.1)."""

    BIND_RECEIVER = 0x1
    BIND_TRANSMITTER = 0x2
    SUBMIT_SM = 0x4
    DELIVER_SM = 0x5
    UNBIND = 0x6
    BIND_TRANSCEIVER = 0x9
    ENQUIRE_LINK = 0x15
    GENERIC_NACK = 0x80000000


class Code(IntEnum):
    """Command statuses (§5.1.3)."""

    OK = 0x0
    INVALID_COMMAND_LENGTH = 0x2
    INVALID_COMMAND_ID = 0x3
    INVALID_BIND_STATUS = 0x4
    ALREADY_BOUND = 0x5
    SYSTEM_ERROR = 0x8
    INVALID_SOURCE = 0xA
    INVALID_DESTINATION = 0xB
    BIND_FAILED = 0xD
    INVALID_PASSWORD = 0xE
    INVALID_SYSTEM_ID = 0xF
    QUEUE_FULL = 0x14
    INVALID_ESM_CLASS = 0x43
    SUBMIT_FAILED = 0x45
    THROTTLED = 0x58
    INVALID_SCHEDULE = 0x61
    INVALID_EXPIRY = 0x62
    INVALID_PARAMETER_LENGTH = 0xC2


class Optional(IntEnum):
    """Tags of optional parameters (§5.3.2)."""

    RECEIPTED_MESSAGE_ID = 0x1E
    USER_MESSAGE_REFERENCE = 0x204
    SAR_MSG_REF_NUM = 0x20C
    SAR_TOTAL_SEGMENTS = 0x20E
    SAR_SEGMENT_SEQNUM = 0x20F
    NETWORK_ERROR_CODE = 0x423
    MESSAGE_PAYLOAD = 0x424
    MESSAGE_STATE = 0x427


@dataclass(frozen=True, slots=True)
class Header:
    """The 16 octets before every body."""

    length: int
    command: int
    status: int
    sequence: int


def header(data: bytes | bytearray | memoryview, offset: int) -> Header:
    """The header at ``offset``; 16 octets must be there."""
    return Header(*HEADER.unpack_from(data, offset))


def pdu(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    """A whole PDU of a header and a ready body."""
    return HEADER.pack(HEADER_BYTES + len(body), command, status, sequence) + body


def bind_response(command: int, sequence: int, system_id: str) -> bytes:
    """A successful bind_*_resp with the SMSC's name and sc_interface_version 3.4."""
    return pdu(command | RESPONSE, Code.OK, sequence, system_id.encode() + b"\0" + _SC_INTERFACE_VERSION)


def submit_response(sequence: int, message_id: str) -> bytes:
    """A successful submit_sm_resp."""
    return pdu(Command.SUBMIT_SM | RESPONSE, Code.OK, sequence, message_id.encode() + b"\0")


def bind_credentials(body: bytes) -> tuple[str, str] | None:
    """system_id and password of a bind; None when the body holds no two C-octet strings."""
    parts = body.split(b"\0", 2)
    if len(parts) <= 2:  # noqa: PLR2004  two terminated strings and the rest
        return None
    return parts[0].decode("ascii", "replace"), parts[1].decode("ascii", "replace")


def submit(frame: bytes) -> smpp34.SubmitSm | None:
    """The submit_sm in a whole frame; None when its body is malformed."""
    try:
        decoded = smpp34.decode(frame)
    except smpp34.SmppError:
        return None
    return decoded if isinstance(decoded, smpp34.SubmitSm) else None


def tlvs(message: smpp34.SubmitSm) -> dict[int, bytes]:
    """Optional parameters by tag; unknown ones are kept, the last of a tag counts."""
    return {tlv.tag: bytes(tlv.value) for tlv in message.tlvs}


def parse_time(text: str, at: float) -> float | None:
    """An absolute or relative SMPP time (§7.1.1) as seconds since the epoch; None when empty. Raises ValueError."""
    if not text:
        return None
    if len(text) != HEADER_BYTES or not text[:15].isdecimal():
        raise ValueError("16 characters are needed, 15 digits first")
    years, months, days, hours, minutes, seconds = (int(text[i : i + 2]) for i in range(0, 12, 2))
    if text[15] == "R":
        span = timedelta(days=years * 365 + months * 30 + days, hours=hours, minutes=minutes, seconds=seconds)
        return at + span.total_seconds()
    if text[15] not in "+-":
        raise ValueError("the last character must be R, + or -")
    offset = timedelta(minutes=15 * int(text[13:15])) * (1 if text[15] == "+" else -1)
    local = datetime(2000 + years, months, days, hours, minutes, seconds, int(text[12]) * 100_000, timezone(offset))
    return local.astimezone(UTC).timestamp()
