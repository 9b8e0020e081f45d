"""Rules of reading delivery receipts."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.channels.dialogue import Receipt, ReceiptProblem
from esoz_notify.channels.smpp import IdFormat, SmppAccount
from esoz_notify.channels.smpp_pdu import ShortMessage, Tag, Tlv
from esoz_notify.channels.smpp_receipt import read_deliver
from esoz_notify.core.receipts import POSITIVE, Reason, ReceiptState

TYPICAL = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2611231015 done date:2611231016 stat:DELIVRD err:000 "
    b"text:\x04\x12\x04\x30\x04\x48 stat:REJECTD"
)


def account(**settings: Any) -> SmppAccount:
    """An account whose receipts carry Kyiv winter time."""
    given_settings: dict[str, Any] = {"receipt_zone": timezone(timedelta(hours=2))}
    return SmppAccount(
        name="operator",
        host="localhost",
        port=2775,
        system_id="esoz",
        password="secret",
        source_addr="MOZ",
        **(given_settings | settings),
    )


def deliver(text: bytes = b"", *tlvs: Tlv, esm_class: int = 0x04) -> ShortMessage:
    """A deliver_sm with a text and optional parameters."""
    return ShortMessage(
        source_addr="380000000001", destination_addr="MOZ", esm_class=esm_class, short_message=text, tlvs=tlvs
    )


def read(text: bytes = b"", *tlvs: Tlv, **settings: Any) -> Receipt:
    """The receipt of a text and optional parameters, which must be one."""
    receipt = read_deliver(account(**settings), deliver(text, *tlvs))
    assert isinstance(receipt, Receipt)
    return receipt


def test_the_customary_text() -> None:
    """The text of appendix B gives id, state, time and error; what stands behind text: is not looked at."""
    assert read(TYPICAL) == Receipt(
        provider_message_id="123456789",
        state=ReceiptState.DELIVERED,
        at=datetime(2026, 11, 23, 8, 16, tzinfo=UTC),
        raw_status="DELIVRD",
        detail="err=000",
    )


@pytest.mark.parametrize(
    "text",
    [
        b"ID:77 STAT:UNDELIV ERR:00A",
        b"err:00A stat:undeliv id:77",
        b"id: 77  sub:001 Stat: UNDELIV Err: 00A Text:",
        b"stat:UNDELIV\nid:0077\nerr:00A\ntext:id:5 stat:DELIVRD",
        b"id:77 submit_date:261123101500 dlvrd: stat:UNDELIV err:00A done_date:",
        b"id:77 stat:UNDELIV err:00A id:78 stat:DELIVRD",
    ],
)
def test_keys_in_any_order_and_case(text: bytes) -> None:
    """Order, case, spaces and empty values do not matter; the first of a key counts and text: ends it all."""
    receipt = read(text, err_reasons={"A": Reason.ABSENT})
    assert (receipt.provider_message_id, receipt.state, receipt.reason, receipt.raw_status, receipt.detail) == (
        "77",
        ReceiptState.UNDELIVERABLE,
        Reason.ABSENT,
        "UNDELIV",
        "err=00A",
    )


STATES = [
    ("ENROUTE", 1, ReceiptState.SUBMITTED, None),
    ("DELIVRD", 2, ReceiptState.DELIVERED, None),
    ("EXPIRED", 3, ReceiptState.EXPIRED, Reason.VALIDITY),
    ("DELETED", 4, ReceiptState.REJECTED, Reason.OPERATOR),
    ("UNDELIV", 5, ReceiptState.UNDELIVERABLE, Reason.UNKNOWN),
    ("ACCEPTD", 6, ReceiptState.SUBMITTED, None),
    ("UNKNOWN", 7, ReceiptState.UNKNOWN, None),
    ("REJECTD", 8, ReceiptState.REJECTED, Reason.OPERATOR),
]


@pytest.mark.parametrize(("word", "number", "state", "reason"), STATES)
def test_words_and_numbers_say_the_same(word: str, number: int, state: ReceiptState, reason: Reason | None) -> None:
    """Each state is read from the text and from message_state alike; ACCEPTD is no delivery and UNKNOWN no failure."""
    by_text = read(f"id:7 stat:{word} err:000".encode())
    by_number = read(b"", Tlv(Tag.RECEIPTED_MESSAGE_ID, b"7\0"), Tlv(Tag.MESSAGE_STATE, bytes((number,))))
    assert (by_text.state, by_text.reason, by_text.raw_status) == (state, reason, word)
    assert (by_number.state, by_number.reason, by_number.raw_status) == (state, reason, word)


@pytest.mark.parametrize("number", [0, 9, 255])
def test_an_unknown_number_is_unknown(number: int) -> None:
    """A message_state outside the table is unknown, with the number kept."""
    receipt = read(b"id:7 stat:DELIVRD", Tlv(Tag.MESSAGE_STATE, bytes((number,))))
    assert (receipt.state, receipt.raw_status) == (ReceiptState.UNKNOWN, f"message_state {number}")


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=20))
def test_an_unknown_word_is_never_success(word: str) -> None:
    """Only DELIVRD proves anything; any other word is not a delivery and the word is kept."""
    receipt = read(f"id:7 stat:{word}".encode())
    assert receipt.raw_status == word
    assert (receipt.state in POSITIVE) == (word == "DELIVRD")


def test_optional_parameters_are_believed_before_the_text() -> None:
    """Where both speak, receipted_message_id, message_state and network_error_code win."""
    receipt = read(
        b"id:1 stat:DELIVRD err:000",
        Tlv(Tag.RECEIPTED_MESSAGE_ID, b"A2\0"),
        Tlv(Tag.MESSAGE_STATE, b"\x05"),
        Tlv(Tag.NETWORK_ERROR_CODE, b"\x03\x00\x22"),
        err_reasons={"034": Reason.MEMORY_FULL},
    )
    assert (receipt.provider_message_id, receipt.state, receipt.reason, receipt.detail) == (
        "A2",
        ReceiptState.UNDELIVERABLE,
        Reason.MEMORY_FULL,
        "err=34",
    )


def test_empty_or_broken_optional_parameters_leave_the_text() -> None:
    """A parameter without a usable value says nothing."""
    receipt = read(
        b"id:1 stat:EXPIRED err:7",
        Tlv(Tag.RECEIPTED_MESSAGE_ID, b"\0"),
        Tlv(Tag.MESSAGE_STATE, b""),
        Tlv(Tag.NETWORK_ERROR_CODE, b"\x03"),
    )
    assert (receipt.provider_message_id, receipt.state, receipt.detail) == ("1", ReceiptState.EXPIRED, "err=7")


def test_the_text_may_be_in_message_payload() -> None:
    """Some SMSCs put the text of a receipt into the optional parameter for long texts."""
    assert read(b"", Tlv(Tag.MESSAGE_PAYLOAD, TYPICAL)) == read(TYPICAL)


def test_the_error_code_explains_failures_only() -> None:
    """The operator's map of codes gives the reason of a failure; a code without a row changes nothing."""
    reasons = {"1": Reason.NUMBER_INACTIVE, "0": Reason.OPERATOR}
    assert read(b"id:1 stat:UNDELIV err:001", err_reasons=reasons).reason is Reason.NUMBER_INACTIVE
    assert read(b"id:1 stat:UNDELIV err:000", err_reasons=reasons).reason is Reason.OPERATOR
    assert read(b"id:1 stat:EXPIRED err:001", err_reasons=reasons).reason is Reason.NUMBER_INACTIVE
    assert read(b"id:1 stat:EXPIRED err:002", err_reasons=reasons).reason is Reason.VALIDITY
    assert read(b"id:1 stat:UNDELIV", err_reasons=reasons).reason is Reason.UNKNOWN
    assert read(b"id:1 stat:DELIVRD err:001", err_reasons=reasons).reason is None


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("2611231016", datetime(2026, 11, 23, 8, 16, tzinfo=UTC)),
        ("261123101642", datetime(2026, 11, 23, 8, 16, 42, tzinfo=UTC)),
        ("2613231016", None),
        ("26112310", None),
        ("20261123101642", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_the_done_date(digits: str, expected: datetime | None) -> None:
    """Ten or twelve digits in the account's zone; anything else is no time, and no reason to drop the receipt."""
    assert read(f"id:1 stat:DELIVRD done date:{digits}".encode()).at == expected


def test_without_a_zone_no_time_is_guessed() -> None:
    """An SMSC's local time without its zone would be wrong by hours."""
    assert read(TYPICAL, receipt_zone=None).at is None


def test_the_id_is_made_comparable() -> None:
    """The id comes out in the form in which the answer's id is kept."""
    assert read(b"id:001A2B3C stat:DELIVRD", id_format=IdFormat.DEC_TO_HEX).provider_message_id == "1a2b3c"


@pytest.mark.parametrize("esm_class", [0x00, 0x08, 0x10, 0x20, 0x40, 0x24])
def test_a_patients_answer_is_no_receipt(esm_class: int) -> None:
    """Only the type of a delivery receipt is one; a reply is noted without its text."""
    assert read_deliver(account(), deliver(b"stop id:1 stat:DELIVRD", esm_class=esm_class)) == ReceiptProblem(
        "not_a_receipt"
    )


@pytest.mark.parametrize("esm_class", [0x04, 0x44, 0x84, 0x07])
def test_the_other_bits_do_not_matter(esm_class: int) -> None:
    """Mode, header and reply-path bits beside the type change nothing."""
    assert isinstance(read_deliver(account(), deliver(TYPICAL, esm_class=esm_class)), Receipt)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (None, "malformed_pdu"),
        (deliver(b""), "no_message_id"),
        (deliver(b"stat:DELIVRD"), "no_message_id"),
        (deliver(b"id: stat:DELIVRD"), "no_message_id"),
        (deliver(b"text:id:1 stat:DELIVRD"), "no_message_id"),
        (deliver(b"id:1 err:000"), "no_status"),
        (deliver(b"id:1 stat:380000000001"), "no_status"),
    ],
)
def test_what_cannot_be_read_is_a_problem(body: ShortMessage | None, what: str) -> None:
    """It is named by the rule that broke, so that it can be counted and kept raw."""
    assert read_deliver(account(), body) == ReceiptProblem(what)


@given(
    st.binary(max_size=254), st.lists(st.builds(Tlv, st.sampled_from(list(Tag)), st.binary(max_size=70)), max_size=3)
)
def test_garbage_is_a_receipt_or_a_problem(text: bytes, tlvs: list[Tlv]) -> None:
    """Whatever stands in a receipt, reading it does not fail."""
    assert isinstance(read_deliver(account(), deliver(text, *tlvs)), Receipt | ReceiptProblem)
