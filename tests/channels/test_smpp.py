"""Rules of the SMPP dialect: what statuses mean, what is submitted, how ids are compared."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.channels.dialogue import OutboundMessage
from esoz_notify.channels.smpp import (
    STATUSES,
    IdFormat,
    SmppAccount,
    answer_id,
    bind_body,
    capabilities,
    combine,
    is_misconfigured,
    read_answer,
    read_refusal,
    receipt_id,
    status_meaning,
    submit_bodies,
    validity_period,
)
from esoz_notify.channels.smpp_pdu import Bind, ShortMessage
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown


def account(**settings: Any) -> SmppAccount:
    """An account with some settings of its own."""
    given_settings: dict[str, Any] = {
        "name": "operator",
        "host": "localhost",
        "port": 2775,
        "system_id": "esoz",
        "password": "secret",
        "source_addr": "MOZ",
    }
    return SmppAccount(**(given_settings | settings))


def message(**fields: Any) -> OutboundMessage:
    """A message with some fields of its own."""
    given_fields: dict[str, Any] = {
        "key": "k1",
        "phone": Phone("+380000000001"),
        "tax_id": None,
        "kind": "confirmation_code",
        "template": "confirmation_code",
        "parameters": {},
        "text": "Code 1234",
        "language": "uk",
        "validity_s": 300.0,
    }
    return OutboundMessage(**(given_fields | fields))


# --- account ---


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("name", " ", "name must not be empty"),
        ("host", "", "host must not be empty"),
        ("port", 65536, r"port must be 1\.\.65535"),
        ("system_id", "", r"system_id must be 1\.\.15"),
        ("system_id", "x" * 16, r"system_id must be 1\.\.15"),
        ("password", "ninechars", "password must be at most 8"),
        ("system_type", "x" * 13, "system_type must be at most 12"),
        ("source_addr", "", "source_addr must be an alpha-name"),
        ("source_addr", "twelve-chars", "source_addr must be an alpha-name"),
        ("source_addr", "МОЗ", "source_addr must be an alpha-name"),
        ("window_size", 0, "window_size must be at least 1"),
        ("enquire_link_s", 0, "enquire_link_s must be more than 0"),
        ("response_timeout_s", -1, "response_timeout_s must be more than 0"),
        ("bind_timeout_s", 0, "bind_timeout_s must be more than 0"),
        ("submit_rate_per_s", 0, "submit_rate_per_s must be more than 0, or left out"),
    ],
)
def test_a_setting_that_breaks_its_rule_stops_the_start(setting: str, value: object, rule: str) -> None:
    """Each setting is checked when it is read; the error names it and never shows the password."""
    with pytest.raises(ConfigError, match=rule) as caught:
        account(**{setting: value})
    assert "ninechars" not in str(caught.value)


def test_all_broken_settings_are_told_at_once() -> None:
    """One start tells everything that is wrong."""
    with pytest.raises(ConfigError) as caught:
        account(port=0, password="much too long", window_size=0)
    assert [name for name in ("port", "password", "window_size") if name in str(caught.value)] == [
        "port",
        "password",
        "window_size",
    ]


def test_the_password_is_in_the_bind_and_in_no_repr() -> None:
    """What goes to the SMSC goes nowhere else."""
    assert bind_body(account(system_type="VMA")) == Bind(system_id="esoz", password="secret", system_type="VMA")
    assert "secret" not in repr(account()) + repr(bind_body(account()))


def test_capabilities() -> None:
    """An SMSC recognises no repeat; it needs a phone and takes a window of messages at once."""
    can = capabilities(account(window_size=7))
    assert (can.channel, can.recovery, can.needs_phone) == (Channel.SMS, Recovery.WAIT_THEN_OTHER, True)
    assert (can.batch_max, can.validity_min_s, can.callback, can.poll_after_s) == (7, 1.0, True, ())


# --- statuses ---

REFUSED_BY_REASON = {
    Reason.PARAMETERS: {
        0x01, 0x02, 0x03, 0x06, 0x07, 0x0C, 0x11, 0x13, 0x34, 0x40, 0x42, 0x43, 0x44, 0x54, 0x55, 0x61, 0x62, 0x63,
        0x67, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4,
    },
    Reason.SENDER: {0x0A, 0x48, 0x49},
    Reason.INVALID_NUMBER: {0x0B, 0x33, 0x50, 0x51},
    Reason.NOT_AUTHORISED: {0x05, 0x0D, 0x0E, 0x0F, 0x15, 0x53},
    Reason.OPERATOR: {0x65, 0x400, 0x40B, 0x4FF},
    Reason.UNKNOWN: {0x09, 0x3FF, 0x500, 0xFFFFFFFF},
}  # fmt: skip
LATER_BY_REASON = {
    Reason.THROTTLED: {0x14, 0x58},
    Reason.PROVIDER_FAULT: {0x08, 0x45, 0x64, 0x66, 0xFE, 0xFF},
    Reason.UNREACHABLE: {0x04},
}


@pytest.mark.parametrize(
    ("status", "reason"), [(status, reason) for reason, all_ in REFUSED_BY_REASON.items() for status in sorted(all_)]
)
def test_statuses_that_refuse_for_ever(status: int, reason: Reason) -> None:
    """Such a status is a refusal with this reason, whatever message id stands beside it."""
    result = read_answer(account(), status, "A1")
    assert isinstance(result, Refused)
    assert (result.reason, result.detail.split()[0]) == (reason, f"0x{status:08X}")


@pytest.mark.parametrize(
    ("status", "reason"), [(status, reason) for reason, all_ in LATER_BY_REASON.items() for status in sorted(all_)]
)
def test_statuses_that_say_later(status: int, reason: Reason) -> None:
    """Such a status asks for another try in a second, not in a minute."""
    assert read_answer(account(), status, "") == TryLater(reason, 1.0, f"0x{status:08X} {STATUSES[status].name}")


def test_the_expected_statuses_cover_the_table() -> None:
    """No row of the table is without its expectation above."""
    expected = set().union(*REFUSED_BY_REASON.values(), *LATER_BY_REASON.values())
    assert set(STATUSES) <= expected


def test_no_status_but_zero_is_acceptance() -> None:
    """Every number that is not zero says that the message was not taken."""
    assert all(isinstance(read_refusal(status), Refused | TryLater) for status in range(1, 0x600))


def test_statuses_that_stop_the_bind() -> None:
    """Session and account faults stop the bind; faults of a message never do."""
    stopping = {status for status in range(1, 0x600) if status_meaning(status).stops_bind}
    assert stopping == {0x04, 0x05, 0x0D, 0x0E, 0x0F, 0x15, 0x53}


def test_binds_that_only_a_person_can_mend() -> None:
    """A wrong password needs a person; a bind that the SMSC still believes alive, a full queue or a fault only time."""
    assert {status for status in range(0x600) if is_misconfigured(status)} == {0x03, 0x04, 0x0D, 0x0E, 0x0F, 0x15, 0x53}


def test_an_accepted_part_has_its_id() -> None:
    """Status zero with an id is acceptance."""
    assert read_answer(account(), 0, "A1") == Accepted(("A1",))


def test_an_acceptance_without_an_id_is_unknown() -> None:
    """No receipt could ever be matched, so it does not count as accepted; nor may it be repeated as if refused."""
    assert read_answer(account(), 0, " ") == Unknown(Reason.PROVIDER_FAULT, "submit_sm_resp without message_id")


A, B = Accepted(("a",)), Accepted(("b",))
LATER, NO, WHO = TryLater(Reason.THROTTLED, 2.0, "x"), Refused(Reason.CONTENT, "x"), Unknown(detail="x")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([A], A),
        ([WHO], WHO),
        ([A, B], Accepted(("a", "b"))),
        ([A, NO, LATER], Refused(Reason.CONTENT, "x; 1 of 3 parts accepted")),
        ([WHO, A, LATER], TryLater(Reason.THROTTLED, 2.0, "x; 1 of 3 parts accepted")),
        ([A, WHO, B], Unknown(detail="x; 2 of 3 parts accepted")),
    ],
)
def test_parts_make_a_message(parts: list[Result], expected: Result) -> None:
    """Only all accepted is accepted; a part surely not taken outranks one that nobody knows of."""
    assert combine(parts) == expected


# --- submit ---


@pytest.mark.parametrize(
    ("validity_s", "expected"),
    [
        (1, "000000000001000R"),
        (59.99, "000000000059000R"),
        (300, "000000000500000R"),
        (3600, "000000010000000R"),
        (86_400, "000001000000000R"),
        (90_061.5, "000001010101000R"),
        (30 * 86_400, "000030000000000R"),
        (400 * 86_400, "000030000000000R"),
    ],
)
def test_validity_is_written_as_relative_time(validity_s: float, expected: str) -> None:
    """YYMMDDhhmmss000R in whole seconds, rounded down, never over thirty days."""
    assert validity_period(validity_s) == expected


@given(st.floats(1, 30 * 86_400))
def test_validity_is_never_longer_than_asked(validity_s: float) -> None:
    """A dead code is never delivered: the period is at most what was asked and less than a second under it."""
    text = validity_period(validity_s)
    days, hours, minutes, seconds = (int(text[at : at + 2]) for at in (4, 6, 8, 10))
    written_s = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    assert (text[:4], text[12:], len(text)) == ("0000", "000R", 16)
    assert 0 <= validity_s - written_s < 1


def test_no_validity_is_not_written() -> None:
    """Zero would mean the SMSC's own default, which is days."""
    with pytest.raises(ValueError, match="validity_s must be at least 1"):
        validity_period(0.99)


def test_a_short_message_is_one_submit() -> None:
    """Alpha-name as TON 5 NPI 0, the number as TON 1 NPI 1 without a plus, a final receipt asked for."""
    assert submit_bodies(account(), message(), 9) == (
        ShortMessage(
            source_addr="MOZ",
            source_addr_ton=5,
            source_addr_npi=0,
            destination_addr="380000000001",
            dest_addr_ton=1,
            dest_addr_npi=1,
            esm_class=0,
            data_coding=0,
            short_message=b"Code 1234",
            validity_period="000000000500000R",
            registered_delivery=1,
        ),
    )


def test_a_long_message_is_a_submit_for_each_part() -> None:
    """Ukrainian text over 70 letters goes in parts with one reference, each with its header."""
    bodies = submit_bodies(account(), message(text="ї" * 135), 0x2A)
    assert isinstance(bodies, tuple)
    assert [body.short_message[:6].hex() for body in bodies] == ["0500032a0301", "0500032a0302", "0500032a0303"]
    assert {(body.esm_class, body.data_coding, body.destination_addr) for body in bodies} == {(0x40, 8, "380000000001")}


@pytest.mark.parametrize(
    ("fields", "reason", "detail"),
    [
        ({"phone": None}, Reason.INVALID_NUMBER, "no phone"),
        ({"validity_s": 0.5}, Reason.VALIDITY, "no life left"),
        ({"text": "A" * 40_000}, Reason.CONTENT, "at most 255"),
        ({"text": "Пошта \ud800"}, Reason.CONTENT, "lone surrogate"),
    ],
)
def test_what_can_never_be_a_message_is_refused(fields: dict[str, Any], reason: Reason, detail: str) -> None:
    """Such a message is refused here, with its reason and without its text."""
    refused = submit_bodies(account(), message(**fields), 0)
    assert isinstance(refused, Refused)
    assert refused.reason is reason
    assert detail in refused.detail
    assert "Пошта" not in refused.detail


# --- ids ---


@pytest.mark.parametrize(
    ("id_format", "in_answer", "in_receipt"),
    [
        (IdFormat.AS_IS, "A1b2", "A1b2"),
        (IdFormat.AS_IS, "0000000123", "123"),
        (IdFormat.AS_IS, "123", " 0123 "),
        (IdFormat.AS_IS, "0", "000"),
        (IdFormat.HEX_TO_DEC, "1A2B3C", "1715004"),
        (IdFormat.HEX_TO_DEC, "001a2b3c", "0001715004"),
        (IdFormat.HEX_TO_DEC, "not-hex", "not-hex"),
        (IdFormat.DEC_TO_HEX, "1715004", "1A2B3C"),
        (IdFormat.DEC_TO_HEX, "0001715004", "001a2b3c"),
        (IdFormat.DEC_TO_HEX, "0", "0"),
        (IdFormat.DEC_TO_HEX, "x-7", "X-7"),
    ],
)
def test_ids_of_answer_and_receipt_meet(id_format: IdFormat, in_answer: str, in_receipt: str) -> None:
    """The two spellings of one id become one, by the account's setting."""
    chosen = account(id_format=id_format)
    assert answer_id(chosen, in_answer) == receipt_id(chosen, in_receipt)


def test_case_counts_unless_ids_are_numbers() -> None:
    """As they are, ids may tell a from A."""
    assert answer_id(account(), "a1") != receipt_id(account(), "A1")


@given(st.integers(0, 2**64), st.integers(0, 5))
def test_any_number_meets_itself(number: int, zeros: int) -> None:
    """Every number, however padded on either side, is recognised in both formats."""
    padding = "0" * zeros
    for id_format, in_answer, in_receipt in (
        (IdFormat.HEX_TO_DEC, f"{padding}{number:X}", f"{number}"),
        (IdFormat.DEC_TO_HEX, f"{number}", f"{padding}{number:X}"),
        (IdFormat.AS_IS, f"{padding}{number}", f"{number}"),
    ):
        chosen = account(id_format=id_format)
        assert answer_id(chosen, in_answer) == receipt_id(chosen, in_receipt)
