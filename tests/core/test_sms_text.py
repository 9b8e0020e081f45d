"""Rules of the arithmetic of SMS texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.sms_text import Encoding, SmsCount, SmsPart, count, split

# Codes written out again from 3GPP TS 23.038, so that a slip in the table cannot agree with itself.
BASIC_CODES = {
    "@": 0x00, "£": 0x01, "$": 0x02, "¥": 0x03, "è": 0x04, "é": 0x05, "ù": 0x06, "ì": 0x07, "ò": 0x08, "Ç": 0x09,
    "\n": 0x0A, "Ø": 0x0B, "ø": 0x0C, "\r": 0x0D, "Å": 0x0E, "å": 0x0F, "Δ": 0x10, "_": 0x11, "Φ": 0x12, "Γ": 0x13,
    "Λ": 0x14, "Ω": 0x15, "Π": 0x16, "Ψ": 0x17, "Σ": 0x18, "Θ": 0x19, "Ξ": 0x1A, "Æ": 0x1C, "æ": 0x1D, "ß": 0x1E,
    "É": 0x1F, "¤": 0x24, "¡": 0x40, "Ä": 0x5B, "Ö": 0x5C, "Ñ": 0x5D, "Ü": 0x5E, "§": 0x5F, "¿": 0x60, "ä": 0x7B,
    "ö": 0x7C, "ñ": 0x7D, "ü": 0x7E, "à": 0x7F,
}  # fmt: skip
SAME_AS_ASCII = " !\"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CODES = BASIC_CODES | {letter: ord(letter) for letter in SAME_AS_ASCII}
EXTENSION = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip
LETTERS = {code: letter for letter, code in CODES.items()}
GSM_TEXT = st.text(alphabet=[*CODES, *EXTENSION.values(), "€", "["], max_size=1500)
ANY_TEXT = st.one_of(GSM_TEXT, st.text(max_size=600), st.text(alphabet="😀іїєґ🙂a", max_size=600))


def body_of(part: SmsPart) -> bytes:
    """The text's octets of a part, without its header."""
    return part.short_message[part.short_message[0] + 1 :] if part.esm_class == 0x40 else part.short_message


def read_alone(part: SmsPart) -> str:
    """Decode one part by itself; fails if a pair was cut."""
    body = body_of(part)
    if part.data_coding == 8:
        return body.decode("utf-16-be")
    octets = iter(body)
    return "".join(EXTENSION[next(octets)] if octet == 0x1B else LETTERS[octet] for octet in octets)


def test_the_alphabet_has_all_its_letters() -> None:
    """The basic table of GSM 03.38 is 127 letters and an escape."""
    assert len(CODES) == 127


@pytest.mark.parametrize(("letter", "code"), CODES.items())
def test_basic_letter_is_one_octet(letter: str, code: int) -> None:
    """A letter of the basic table is one septet with the code of TS 23.038."""
    assert split(letter, 0) == (SmsPart(esm_class=0, data_coding=0, short_message=bytes((code,))),)


@pytest.mark.parametrize(("code", "letter"), EXTENSION.items())
def test_extension_letter_costs_two(code: int, letter: str) -> None:
    """A letter of the extension table is the escape and its code, two septets."""
    assert split(letter, 0)[0].short_message == bytes((0x1B, code))
    assert count(letter) == SmsCount(encoding=Encoding.GSM7, unit_count=2, segment_count=1)


@pytest.mark.parametrize(
    ("unit_count", "segment_count"), [(0, 1), (1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (201, 3), (202, 4)]
)
def test_known_counts_of_cyrillic(unit_count: int, segment_count: int) -> None:
    """Ukrainian letters: 70 in a lone part, 67 in each of several."""
    encoding = Encoding.UCS2 if unit_count else Encoding.GSM7
    expected = SmsCount(encoding=encoding, unit_count=unit_count, segment_count=segment_count)
    assert count("ї" * unit_count) == expected


@pytest.mark.parametrize(
    ("unit_count", "segment_count"), [(160, 1), (161, 2), (306, 2), (307, 3), (459, 3), (460, 4), (153 * 255, 255)]
)
def test_known_counts_of_latin(unit_count: int, segment_count: int) -> None:
    """Latin letters: 160 in a lone part, 153 in each of several."""
    expected = SmsCount(encoding=Encoding.GSM7, unit_count=unit_count, segment_count=segment_count)
    assert count("A" * unit_count) == expected


def test_one_foreign_letter_makes_all_of_it_ucs2() -> None:
    """A single letter outside GSM 03.38 turns the whole message into UCS-2; the escape itself is no letter of it."""
    assert count("code 1234 є").encoding is Encoding.UCS2
    assert count("\x1b").encoding is Encoding.UCS2
    assert split("є", 0) == (SmsPart(esm_class=0, data_coding=8, short_message=b"\x04\x54"),)


def test_an_emoji_is_two_units() -> None:
    """Characters beyond the basic plane cost a surrogate pair."""
    assert count("😀").unit_count == 2


def test_header_of_each_part() -> None:
    """Parts carry 05 00 03 reference total number, and say so in esm_class."""
    parts = split("ї" * 135, 0xA7)
    assert [part.short_message[:6] for part in parts] == [bytes((5, 0, 3, 0xA7, 3, number)) for number in (1, 2, 3)]
    assert [(part.esm_class, part.data_coding) for part in parts] == [(0x40, 8)] * 3
    assert [len(part.short_message) for part in parts] == [140, 140, 8]


def test_a_pair_on_the_border_moves_to_the_next_part() -> None:
    """A surrogate pair or an escape pair that would be cut goes whole into the next part, which may cost one more."""
    emoji = split("ї" * 66 + "😀" + "ї" * 60, 0)
    assert [len(body_of(part)) // 2 for part in emoji] == [66, 62]
    euro = split("A" * 152 + "€" + "A" * 10, 0)
    assert [len(body_of(part)) for part in euro] == [152, 12]
    assert count("😀" * 67).segment_count == 3


@given(ANY_TEXT, st.integers(0, 255))
def test_parts_read_alone_give_the_text(text: str, reference: int) -> None:
    """Every part is decodable by itself and together they are the text; none is over its limit; count agrees."""
    parts = split(text, reference)
    counted = count(text)
    assert "".join(read_alone(part) for part in parts) == text
    assert len(parts) == counted.segment_count
    unit_bytes = 2 if counted.encoding is Encoding.UCS2 else 1
    assert sum(len(body_of(part)) for part in parts) == counted.unit_count * unit_bytes
    lone_units_max, part_units_max = (70, 67) if unit_bytes == 2 else (160, 153)
    units_max = lone_units_max if len(parts) == 1 else part_units_max
    assert all(len(body_of(part)) <= units_max * unit_bytes for part in parts)
    assert {part.data_coding for part in parts} == {8 if unit_bytes == 2 else 0}


def test_too_long_a_text_is_refused() -> None:
    """More than 255 parts do not fit the header; the error says how many and what to do."""
    with pytest.raises(ValueError, match="takes 256 parts and an SMS has at most 255: shorten the text"):
        count("A" * (153 * 255 + 1))
    with pytest.raises(ValueError, match="takes 256 parts"):
        split("ї" * (67 * 255 + 1), 0)


def test_a_lone_surrogate_is_refused_without_the_text() -> None:
    """Half a pair is no character; the error names the place and shows none of the text, not even by its cause."""
    with pytest.raises(ValueError, match="lone surrogate at index 5") as caught:
        split("Пошта\ud83d", 0)
    assert "Пошта" not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize("reference", [-1, 256])
def test_a_reference_outside_its_octet_is_refused(reference: int) -> None:
    """The reference has one octet."""
    with pytest.raises(ValueError, match=r"reference must be 0\.\.255"):
        split("A", reference)


def test_repr_of_a_part_hides_the_text() -> None:
    """A part may reach a log; its octets may not."""
    assert repr(split("AB", 0)[0]) == "SmsPart(data_coding=0, 2 octets)"
