"""Arithmetic of SMS texts: which alphabet, how many units and parts, and the octets of each part.

What belongs here: counting and splitting by GSM 03.38 / 3GPP TS 23.038 and the concatenation header of 3GPP TS 23.040.
What does not: what a text says (``render``) and how a part travels (``channels``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

PART_COUNT_MAX = 255
"""The 8-bit concatenation header counts parts in one octet (3GPP TS 23.040 §9.2.3.24.1)."""

REFERENCE_MAX = 255
"""The reference of an 8-bit concatenation header is one octet."""

ESM_CLASS_SINGLE = 0x00
ESM_CLASS_UDH = 0x40
"""The part begins with a user data header (SMPP 3.4 §5.2.12)."""


class Encoding(StrEnum):
    """Alphabet of a whole message; one letter outside GSM 03.38 makes all of it UCS-2."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsCount:
    """What a text costs. ``unit_count``: septets (GSM7) or UTF-16 units (UCS2); ``segment_count``: parts, as billed."""

    encoding: Encoding
    unit_count: int
    segment_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsPart:
    """One part as it goes into a PDU. ``short_message``: header, if any, and text; GSM7 is one septet per octet."""

    esm_class: int
    data_coding: int
    short_message: bytes

    def __repr__(self) -> str:
        # The octets are the patient's text.
        return f"SmsPart(data_coding={self.data_coding}, {len(self.short_message)} octets)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alphabet:
    """Limits of one encoding. ``units_max``: of a lone part; ``part_units_max``: of each of several."""

    data_coding: int
    unit_bytes: int
    units_max: int
    part_units_max: int


_ALPHABETS: Mapping[Encoding, _Alphabet] = {
    Encoding.GSM7: _Alphabet(data_coding=0, unit_bytes=1, units_max=160, part_units_max=153),
    Encoding.UCS2: _Alphabet(data_coding=8, unit_bytes=2, units_max=70, part_units_max=67),
}

_ESCAPE = 0x1B
_HIGH_SURROGATE_OCTETS = range(0xD8, 0xDC)

# 3GPP TS 23.038 §6.2.1, by code 0x00..0x7F; the escape's own place holds a mark that no text is looked up by.
_DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# 3GPP TS 23.038 §6.2.1.1: each of these costs two septets, the escape and the code.
_EXTENSION = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip

_GSM7: Mapping[str, bytes] = {letter: bytes((code,)) for code, letter in enumerate(_DEFAULT) if code != _ESCAPE} | {
    letter: bytes((_ESCAPE, code)) for letter, code in _EXTENSION.items()
}


def count(text: str) -> SmsCount:
    """How many units and parts a text takes; agrees with ``split`` for every text.

    An empty text is one empty part. Raises ValueError for a lone surrogate and for more than PART_COUNT_MAX parts.
    """
    encoding, octets = _encode(text)
    unit_count = len(octets) // _ALPHABETS[encoding].unit_bytes
    return SmsCount(encoding=encoding, unit_count=unit_count, segment_count=len(_bodies(encoding, octets)))


def split(text: str, reference: int) -> tuple[SmsPart, ...]:
    """Split a text into the parts that are submitted, in order; neither a surrogate pair nor an escape pair is cut.

    ``reference``: 0..255, the same in all parts of one text and different from the sender's recent texts to the same
    number. Raises ValueError as ``count`` does, and for a reference outside its octet.
    """
    if not 0 <= reference <= REFERENCE_MAX:
        raise ValueError(f"reference must be 0..{REFERENCE_MAX}: it has one octet in the concatenation header")
    encoding, octets = _encode(text)
    bodies = _bodies(encoding, octets)
    data_coding = _ALPHABETS[encoding].data_coding
    if len(bodies) == 1:
        return (SmsPart(esm_class=ESM_CLASS_SINGLE, data_coding=data_coding, short_message=bodies[0]),)
    return tuple(
        SmsPart(
            esm_class=ESM_CLASS_UDH,
            data_coding=data_coding,
            # Length of the header, element 00 (8-bit concatenation), its length, reference, total, number from 1.
            short_message=bytes((5, 0, 3, reference, len(bodies), number)) + body,
        )
        for number, body in enumerate(bodies, start=1)
    )


def _encode(text: str) -> tuple[Encoding, bytes]:
    try:
        return Encoding.GSM7, b"".join([_GSM7[letter] for letter in text])
    except KeyError:
        pass  # a letter outside the alphabet: the whole text is UCS-2
    try:
        return Encoding.UCS2, text.encode("utf-16-be")
    except UnicodeEncodeError as error:
        detail = f"text holds a lone surrogate at index {error.start}: it is not a character; send whole characters"
    raise ValueError(detail)  # outside the handler, because the codec's error carries the text


def _bodies(encoding: Encoding, octets: bytes) -> list[bytes]:
    alphabet = _ALPHABETS[encoding]
    if len(octets) <= alphabet.units_max * alphabet.unit_bytes:
        return [octets]
    size = alphabet.part_units_max * alphabet.unit_bytes
    bodies = []
    start = 0
    while start < len(octets):
        end = min(start + size, len(octets))
        if _opens_pair(encoding, octets[end - alphabet.unit_bytes]):
            end -= alphabet.unit_bytes
        bodies.append(octets[start:end])
        start = end
    if len(bodies) > PART_COUNT_MAX:
        raise ValueError(f"text takes {len(bodies)} parts and an SMS has at most {PART_COUNT_MAX}: shorten the text")
    return bodies


def _opens_pair(encoding: Encoding, octet: int) -> bool:
    """Whether a unit that begins with this octet is the first half of a pair."""
    if encoding is Encoding.GSM7:
        return octet == _ESCAPE
    return octet in _HIGH_SURROGATE_OCTETS
