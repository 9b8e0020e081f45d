"""From octets to what a phone shows: alphabets of data_coding, user data headers, and putting parts together. Pure.

Sources: 3GPP TS 23.038 (GSM 7 bit default alphabet), 3GPP TS 23.040 §9.2.3.24 (concatenation), SMPP 3.4 §5.
"""

from dataclasses import dataclass, field

import smpp34

from esoz_notify.lab.pdus import Optional

_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION = {10: "\f", 20: "^", 40: "{", 41: "}", 47: "\\", 60: "[", 61: "~", 62: "]", 64: "|", 101: "€"}
_ESCAPE = 0x1B
_UDHI = 0x40
_CONCAT_8_BIT = (0, 3)
_CONCAT_16_BIT = (8, 4)
_UCS2 = 0x08
_LATIN_1 = 0x03
_ASCII = 0x01
_CODING_GROUP = 0xF0
_MESSAGE_CLASS = (0x10, 0xF0)
_SETS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """One submitted piece: its own text, and its place when it belongs to a longer one."""

    text: str
    part: int = 1
    parts: int = 1
    ref: int | None = None


def decode_gsm(septets: bytes) -> str:
    """GSM 03.38 text sent one septet per octet; what cannot stand there becomes U+FFFD."""
    shown = []
    escaped = False
    for septet in septets:
        if escaped:
            shown.append(_GSM_EXTENSION.get(septet, "\ufffd"))
            escaped = False
        elif septet == _ESCAPE:
            escaped = True
        else:
            shown.append(_GSM[septet] if septet < len(_GSM) else "\ufffd")
    return "".join(shown) + ("\ufffd" if escaped else "")


def decode(octets: bytes, data_coding: int) -> str:
    """Text by data_coding; message classes 0x1X and 0xFX are read by their alphabet bits."""
    if data_coding & _CODING_GROUP in _MESSAGE_CLASS:
        data_coding &= 0x0C if data_coding & _CODING_GROUP == _MESSAGE_CLASS[0] else 0
    if data_coding == _UCS2:
        return octets.decode("utf-16-be", "replace")
    if data_coding == _LATIN_1:
        return octets.decode("latin-1")
    if data_coding == _ASCII:
        return octets.decode("ascii", "replace")
    return decode_gsm(octets)


def read_part(message: smpp34.SubmitSm, optional: dict[int, bytes]) -> Part:
    """The piece in a submit_sm, by UDH, by sar_* TLVs, or whole. Raises ValueError on a broken header."""
    octets = optional.get(Optional.MESSAGE_PAYLOAD) or bytes(message.short_message)
    place = None
    if message.esm_class & _UDHI:
        place, octets = _user_data_header(octets)
    if place is None and Optional.SAR_MSG_REF_NUM in optional:
        place = (
            int.from_bytes(optional[Optional.SAR_MSG_REF_NUM], "big"),
            int.from_bytes(optional.get(Optional.SAR_TOTAL_SEGMENTS, b"\1"), "big"),
            int.from_bytes(optional.get(Optional.SAR_SEGMENT_SEQNUM, b"\1"), "big"),
        )
    text = decode(octets, message.data_coding)
    if place is None:
        return Part(text)
    ref, parts, part = place
    if not 1 <= part <= parts:
        raise ValueError("a part's number must lie within its total")
    return Part(text, part, parts, ref)


def _user_data_header(octets: bytes) -> tuple[tuple[int, int, int] | None, bytes]:
    """(ref, total, number) of concatenation if there, and the octets after the header."""
    end = 1 + (octets[0] if octets else 0)
    if not octets or end > len(octets):
        raise ValueError("the user data header is longer than the message")
    place = None
    at = 1
    while at + 2 <= end:
        identifier, length = octets[at], octets[at + 1]
        value = octets[at + 2 : at + 2 + length]
        if (identifier, len(value)) in {_CONCAT_8_BIT, _CONCAT_16_BIT}:
            place = (int.from_bytes(value[:-2], "big"), value[-2], value[-1])
        at += 2 + length
    return place, octets[end:]


@dataclass(slots=True)
class Assembly:
    """Parts that wait for each other on one phone; a set that never completes is dropped when too many wait."""

    sets: dict[tuple[object, ...], dict[int, str]] = field(default_factory=dict)

    def add(self, key: tuple[object, ...], part: Part) -> str | None:
        """The whole text when this was the last missing part, else None."""
        if part.parts == 1:
            return part.text
        found = self.sets.setdefault((*key, part.ref, part.parts), {})
        found[part.part] = part.text
        if len(found) < part.parts:
            if len(self.sets) > _SETS_MAX:
                del self.sets[next(iter(self.sets))]
            return None
        del self.sets[(*key, part.ref, part.parts)]
        return "".join(found[number] for number in sorted(found))
