"""SMPP 3.4 as an SMSC says and hears it, and one connection with its octets on their way.

What belongs here: octets of the few PDUs that the played SMSC needs, written from the specification (§4, §5.2), not
with the product's codec, so that both cannot share one mistake. What does not: what an SMSC does (``smsc``).
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from tests.world.stage import SECOND, Action, Stage

BIND_TRANSCEIVER, SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK = 0x09, 0x04, 0x05, 0x06, 0x15
RESPONSE = 0x80000000
MESSAGE_STATES = {"DELIVRD": 2, "EXPIRED": 3, "UNDELIV": 5, "ENROUTE": 1}
_HEADER = struct.Struct(">IIII")
_UDH_BYTES = 6

T = TypeVar("T")


def pdu(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    """Octets of one PDU."""
    return _HEADER.pack(_HEADER.size + len(body), command, status, sequence) + body


def read(octets: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Command, status, sequence and body of each PDU of whole PDUs."""
    at = 0
    while at < len(octets):
        length, command, status, sequence = _HEADER.unpack_from(octets, at)
        yield command, status, sequence, octets[at + _HEADER.size : at + length]
        at += length


@dataclass(frozen=True, slots=True)
class Submitted:
    """What the SMSC reads of a submit_sm. ``part``: reference, total and number from 1 of a long text, if it is one."""

    to: str
    validity_s: float
    text: str
    part: tuple[int, int, int] | None


def read_submit(body: bytes) -> Submitted:
    """Mandatory fields of submit_sm in their order (SMPP 3.4 §4.4.1)."""
    at = body.index(0) + 1 + 2  # service_type, source ton and npi
    at = body.index(0, at) + 1 + 2  # source_addr, destination ton and npi
    end = body.index(0, at)
    to = body[at:end].decode("ascii")
    esm_class = body[end + 1]
    at = body.index(0, end + 4) + 1  # after esm_class, protocol_id, priority_flag and the schedule
    end = body.index(0, at)
    validity = body[at:end].decode("ascii")
    data_coding, length = body[end + 3], body[end + 5]
    octets = body[end + 6 : end + 6 + length]
    part = None
    if esm_class & 0x40:
        part = (octets[3], octets[4], octets[5])
        octets = octets[_UDH_BYTES:]
    text = octets.decode("utf-16-be" if data_coding == 8 else "latin-1")
    return Submitted(to, _relative_s(validity), text, part)


def _relative_s(validity: str) -> float:
    """YYMMDDhhmmss000R as seconds (SMPP 3.4 §7.1.1.2); an empty one is the SMSC's own day."""
    if not validity:
        return 86_400.0
    assert validity.endswith("000R"), "a relative time"
    assert validity.startswith("0000"), "of days at most"
    days, hours, minutes, seconds = (int(validity[at : at + 2]) for at in range(4, 12, 2))
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def deliver_body(message_id: str, word: str, error: str, *, by_tlv: bool) -> bytes:
    """Body of a deliver_sm that is a receipt, as text (appendix B) or by optional parameters."""
    text = (
        f"id:{message_id} sub:001 dlvrd:001 submit date:2601101200 done date:2601101201 stat:{word} err:{error} text:"
    )
    tlvs = b""
    if by_tlv:
        text = ""
        named = message_id.encode() + b"\0"
        tlvs = struct.pack(">HH", 0x001E, len(named)) + named
        tlvs += struct.pack(">HHB", 0x0427, 1, MESSAGE_STATES[word])
    octets = text.encode("ascii")
    head = b"\0" + b"\1\1" + b"380000000001\0" + b"\5\0" + b"MOZ\0" + bytes((0x04, 0, 0)) + b"\0\0" + bytes(4)
    return head + bytes((len(octets),)) + octets + tlvs


@dataclass(slots=True, eq=False)
class Wire:
    """One TCP connection. Octets arrive whole, in order, a little later; nothing arrives after it was cut.

    ``hear``: gives octets to the worker's side; ``lost``: tells that side. ``letters``: what the worker's side says of
    its submits, by sequence number: the key of the attempt, the part and the text, known to the referee only.
    """

    stage: Stage
    hear: Callable[[bytes], None]
    lost: Action
    is_open: bool = True
    is_bound: bool = False
    letters: dict[int, tuple[str, int]] = field(default_factory=dict)
    unacknowledged: dict[int, Action] = field(default_factory=dict)
    next_sequence: int = 1
    _up_us: int = 0
    _down_us: int = 0

    def to_smsc(self, hear: Callable[["Wire", bytes, int], None], octets: bytes) -> None:
        """Carry octets to the SMSC's side."""
        left_us = self.stage.timeline.now_us
        self._up_us = self._arrival_us(self._up_us)
        self.stage.timeline.at(self._up_us, lambda: hear(self, octets, left_us) if self.is_open else None)

    def to_worker(self, octets: bytes) -> None:
        """Carry octets to the worker's side."""
        self._down_us = self._arrival_us(self._down_us)
        self.stage.timeline.at(self._down_us, lambda: self.hear(octets) if self.is_open else None)

    def _arrival_us(self, last_us: int) -> int:
        return max(last_us, self.stage.timeline.now_us + int(self.stage.between(0.0005, 0.02) * SECOND))

    def cut(self) -> None:
        """End the connection for both sides at once."""
        if self.is_open:
            self.is_open = self.is_bound = False
            self.lost()
