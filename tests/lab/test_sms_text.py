"""Octets become text as a phone would show it, and SMPP's times are read as the specification has them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.lab.pdus import parse_time
from esoz_notify.lab.sms_text import Assembly, Part, decode, decode_gsm

AT = datetime(2026, 11, 23, 10, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("octets", "coding", "text"),
    [
        (b"\x00\x02 ab\x1b\x65", 0, "@$ ab€"),
        (b"\x1b(x\x1b)", 0, "{x}"),
        (b"ab\x1b", 0, "ab\ufffd"),
        (b"\x1bz\x80", 0, "\ufffd\ufffd"),
        (b"plain", 1, "plain"),
        (b"caf\xe9", 3, "café"),
        ("їжак".encode("utf-16-be"), 8, "їжак"),
        ("їжак".encode("utf-16-be"), 0x18, "їжак"),
        (b"flash", 0x10, "flash"),
        (b"class", 0xF1, "class"),
    ],
)
def test_alphabets(octets: bytes, coding: int, text: str) -> None:
    """Each data_coding is read by its own alphabet; what cannot stand there is shown as a replacement."""
    assert decode(octets, coding) == text


def test_gsm_alphabet_has_its_places() -> None:
    """Letters that stand elsewhere than in ASCII are where 3GPP TS 23.038 puts them."""
    assert decode_gsm(bytes([0x11, 0x5F, 0x60, 0x7B, 0x7F, 0x10])) == "_§¿äàΔ"


@given(st.permutations(range(1, 6)))
def test_parts_join_in_any_order(order: list[int]) -> None:
    """However parts come, the text appears once, with the last of them, in its own order."""
    assembly = Assembly()
    found = [assembly.add(("phone", "ESOZ"), Part(f"{number} ", number, 5, 7)) for number in order]
    assert found == [None] * 4 + ["1 2 3 4 5 "]
    assert assembly.sets == {}


@pytest.mark.parametrize(
    ("text", "after_s"),
    [
        ("000000001500000R", 900),
        ("000002000000000R", 2 * 86_400),
        ("261123101500000+", 900),
        ("261123121500008+", 900),
        ("261123081500008-", 900),
    ],
)
def test_times(text: str, after_s: float) -> None:
    """Relative times count from now; absolute ones carry their distance from UTC in quarter hours."""
    assert parse_time(text, AT) == AT + after_s


def test_no_time() -> None:
    """An empty field is the SMSC's own default."""
    assert parse_time("", AT) is None


@pytest.mark.parametrize("text", ["1", "00000000150000xR", "2611231015000000", "261399101500000+"])
def test_bad_times(text: str) -> None:
    """A time that breaks the form or the calendar is refused."""
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text, AT)
