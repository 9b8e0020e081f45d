"""SMS through an operator's SMSC: what an SMPP status means to us, and how our message becomes submit_sm.

What belongs here: the settings of an account, statuses, ids, and what is submitted. What does not: octets
(``smpp_pdu``), receipts (``smpp_receipt``), the rules of a session (``smpp_session``), sockets and time (``engine``).
Source: SMPP Protocol Specification v3.4, issue 1.2, and the habits of SMSCs in docs/providers/smpp.md.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum

from esoz_notify.channels.dialogue import Capabilities, OutboundMessage
from esoz_notify.channels.smpp_pdu import Bind, ShortMessage
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown
from esoz_notify.core.sms_text import split

VALIDITY_MIN_S = 1.0
VALIDITY_MAX_S = 30 * 86_400.0
"""The days of a relative time have two digits and months have no fixed length: days are the largest unit we write."""
ALPHA_NAME_LENGTH_MAX = 11
TON_INTERNATIONAL, TON_ALPHANUMERIC = 1, 5
NPI_UNKNOWN, NPI_E164 = 0, 1
FINAL_RECEIPT = 0x01
"""registered_delivery: one receipt with the final state, good or bad (SMPP 3.4 §5.2.17)."""


class IdFormat(StrEnum):
    """How an SMSC writes the id of a message in submit_sm_resp and how in the receipt."""

    AS_IS = "as_is"
    HEX_TO_DEC = "hex_to_dec"
    """Hexadecimal in the answer, decimal in the receipt."""
    DEC_TO_HEX = "dec_to_hex"
    """Decimal in the answer, hexadecimal in the receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppAccount:
    """One bind of one account at one operator. Times are seconds; ``submit_rate_per_s`` counts parts, None: no limit.

    ``source_addr``: the alpha-name. ``window_size``: submits that may wait for their answers at once.
    ``enquire_link_s``: silence of the peer after which it is asked whether it lives. ``err_reasons``: the operator's
    err codes in our words, leading zeros do not matter. ``receipt_zone``: the zone of the dates in receipts; without
    it they are not read. Raises ConfigError naming every setting that breaks its rule.
    """

    name: str
    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    source_addr: str
    system_type: str = ""
    window_size: int = 10
    enquire_link_s: float = 30.0
    response_timeout_s: float = 10.0
    bind_timeout_s: float = 10.0
    id_format: IdFormat = IdFormat.AS_IS
    err_reasons: Mapping[str, Reason] = field(default_factory=dict)
    submit_rate_per_s: float | None = None
    receipt_zone: tzinfo | None = None

    def __post_init__(self) -> None:
        rules = {
            "name": (bool(self.name.strip()), "must not be empty"),
            "host": (bool(self.host.strip()), "must not be empty"),
            "port": (0 < self.port < 2**16, "must be 1..65535"),
            "system_id": (bool(self.system_id) and _fits(self.system_id, 15), "must be 1..15 ASCII characters"),
            "password": (_fits(self.password, 8), "must be at most 8 ASCII characters, SMPP 3.4 has no room for more"),
            "system_type": (_fits(self.system_type, 12), "must be at most 12 ASCII characters"),
            "source_addr": (
                bool(self.source_addr) and _fits(self.source_addr, ALPHA_NAME_LENGTH_MAX),
                f"must be an alpha-name of 1..{ALPHA_NAME_LENGTH_MAX} ASCII characters",
            ),
            "window_size": (self.window_size > 0, "must be at least 1"),
            "enquire_link_s": (self.enquire_link_s > 0, "must be more than 0"),
            "response_timeout_s": (self.response_timeout_s > 0, "must be more than 0"),
            "bind_timeout_s": (self.bind_timeout_s > 0, "must be more than 0"),
            "submit_rate_per_s": (
                self.submit_rate_per_s is None or self.submit_rate_per_s > 0,
                "must be more than 0, or left out for no limit",
            ),
        }
        broken = [f"{setting} {rule}" for setting, (kept, rule) in rules.items() if not kept]
        if broken:
            raise ConfigError(f"SMPP account {self.name!r}: {'; '.join(broken)}")


def _fits(text: str, length_max: int) -> bool:
    return len(text) <= length_max and text.isascii() and "\0" not in text


def capabilities(account: SmppAccount) -> Capabilities:
    """What an SMSC can promise: nothing recognises a repeat of submit_sm, so an unknown is never repeated here."""
    return Capabilities(
        channel=Channel.SMS,
        recovery=Recovery.WAIT_THEN_OTHER,
        validity_min_s=VALIDITY_MIN_S,
        validity_max_s=VALIDITY_MAX_S,
        batch_max=account.window_size,
        needs_phone=True,
        callback=True,
        sender="an alpha-name of at most 11 characters",
    )


def bind_body(account: SmppAccount) -> Bind:
    """What an account says of itself when it binds."""
    return Bind(system_id=account.system_id, password=account.password, system_type=account.system_type)


# --- statuses ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusMeaning:
    """One row of the status table. ``later_s``: try again after so long; None: refused for ever.

    ``stops_bind``: the account or the session is wrong, so nothing more may be sent over this bind.
    """

    name: str
    reason: Reason
    later_s: float | None = None
    stops_bind: bool = False


def _no(name: str, reason: Reason, *, stops_bind: bool = False) -> StatusMeaning:
    return StatusMeaning(name=name, reason=reason, stops_bind=stops_bind)


def _later(name: str, reason: Reason, later_s: float, *, stops_bind: bool = False) -> StatusMeaning:
    return StatusMeaning(name=name, reason=reason, later_s=later_s, stops_bind=stops_bind)


_R = Reason

STATUSES: Mapping[int, StatusMeaning] = {
    0x01: _no("RINVMSGLEN", _R.PARAMETERS),
    0x02: _no("RINVCMDLEN", _R.PARAMETERS),
    0x03: _no("RINVCMDID", _R.PARAMETERS),
    # The session, not the message, is at fault: the SMSC thinks that we are not bound. Binding anew mends it.
    0x04: _later("RINVBNDSTS", _R.UNREACHABLE, 1.0, stops_bind=True),
    0x05: _no("RALYBND", _R.NOT_AUTHORISED, stops_bind=True),
    0x06: _no("RINVPRTFLG", _R.PARAMETERS),
    0x07: _no("RINVREGDLVFLG", _R.PARAMETERS),
    0x08: _later("RSYSERR", _R.PROVIDER_FAULT, 1.0),
    0x0A: _no("RINVSRCADR", _R.SENDER),
    0x0B: _no("RINVDSTADR", _R.INVALID_NUMBER),
    0x0C: _no("RINVMSGID", _R.PARAMETERS),
    0x0D: _no("RBINDFAIL", _R.NOT_AUTHORISED, stops_bind=True),
    0x0E: _no("RINVPASWD", _R.NOT_AUTHORISED, stops_bind=True),
    0x0F: _no("RINVSYSID", _R.NOT_AUTHORISED, stops_bind=True),
    0x11: _no("RCANCELFAIL", _R.PARAMETERS),
    0x13: _no("RREPLACEFAIL", _R.PARAMETERS),
    0x14: _later("RMSGQFUL", _R.THROTTLED, 1.0),
    0x15: _no("RINVSERTYP", _R.NOT_AUTHORISED, stops_bind=True),
    0x33: _no("RINVNUMDESTS", _R.INVALID_NUMBER),
    0x34: _no("RINVDLNAME", _R.PARAMETERS),
    0x40: _no("RINVDESTFLAG", _R.PARAMETERS),
    0x42: _no("RINVSUBREP", _R.PARAMETERS),
    0x43: _no("RINVESMCLASS", _R.PARAMETERS),
    0x44: _no("RCNTSUBDL", _R.PARAMETERS),
    0x45: _later("RSUBMITFAIL", _R.PROVIDER_FAULT, 1.0),
    # Type and numbering plan of the sender belong to the alpha-name, those of the destination to the number.
    0x48: _no("RINVSRCTON", _R.SENDER),
    0x49: _no("RINVSRCNPI", _R.SENDER),
    0x50: _no("RINVDSTTON", _R.INVALID_NUMBER),
    0x51: _no("RINVDSTNPI", _R.INVALID_NUMBER),
    0x53: _no("RINVSYSTYP", _R.NOT_AUTHORISED, stops_bind=True),
    0x54: _no("RINVREPFLAG", _R.PARAMETERS),
    0x55: _no("RINVNUMMSGS", _R.PARAMETERS),
    0x58: _later("RTHROTTLED", _R.THROTTLED, 1.0),
    0x61: _no("RINVSCHED", _R.PARAMETERS),
    0x62: _no("RINVEXPIRY", _R.PARAMETERS),
    0x63: _no("RINVDFTMSGID", _R.PARAMETERS),
    # 64..66 are meant for answers to deliver_sm; SMSCs that proxy other SMSCs give them to submit_sm as well.
    0x64: _later("RX_T_APPN", _R.PROVIDER_FAULT, 1.0),
    0x65: _no("RX_P_APPN", _R.OPERATOR),
    0x66: _later("RX_R_APPN", _R.PROVIDER_FAULT, 1.0),
    0x67: _no("RQUERYFAIL", _R.PARAMETERS),
    0xC0: _no("RINVOPTPARSTREAM", _R.PARAMETERS),
    0xC1: _no("ROPTPARNOTALLWD", _R.PARAMETERS),
    0xC2: _no("RINVPARLEN", _R.PARAMETERS),
    0xC3: _no("RMISSINGOPTPARAM", _R.PARAMETERS),
    0xC4: _no("RINVOPTPARAMVAL", _R.PARAMETERS),
    0xFE: _later("RDELIVERYFAILURE", _R.PROVIDER_FAULT, 1.0),
    0xFF: _later("RUNKNOWNERR", _R.PROVIDER_FAULT, 1.0),
}
"""Every status of SMPP 3.4 §5.1.3 but zero."""

VENDOR_STATUSES = range(0x400, 0x500)
_VENDOR = _no("vendor", _R.OPERATOR)
_RESERVED = _no("reserved", _R.UNKNOWN)

_BIND_SETTINGS = frozenset({0x03, 0x04, 0x0D, 0x0E, 0x0F, 0x15, 0x53})
# RALYBND (5) is not among them: after a lost link it is our own old bind, which the SMSC has yet to notice is dead.
# RINVCMDID (3) is: an SMSC that does not know bind_transceiver will not learn it.


def status_meaning(status: int) -> StatusMeaning:
    """Row of a status that is not zero. Any such status says that the message was not accepted, whatever the number."""
    if status in VENDOR_STATUSES:
        return _VENDOR
    return STATUSES.get(status, _RESERVED)


def status_text(status: int) -> str:
    """How a status is shown: its number as the specification writes it, and its name."""
    return f"0x{status:08X} {status_meaning(status).name}"


def is_misconfigured(bind_status: int) -> bool:
    """Whether a refused bind will be refused again until somebody changes a setting, here or at the operator."""
    return bind_status in _BIND_SETTINGS


def read_refusal(status: int) -> Refused | TryLater:
    """What a status that is not zero means for the message."""
    meaning = status_meaning(status)
    if meaning.later_s is None:
        return Refused(meaning.reason, status_text(status))
    return TryLater(meaning.reason, meaning.later_s, status_text(status))


def read_answer(account: SmppAccount, status: int, message_id: str) -> Result:
    """What a submit_sm_resp means for one part."""
    if status:
        return read_refusal(status)
    accepted_id = answer_id(account, message_id)
    if not accepted_id:
        # It may well be on its way, but no receipt can ever be matched to it.
        return Unknown(Reason.PROVIDER_FAULT, "submit_sm_resp without message_id")
    return Accepted((accepted_id,))


def combine(parts: Sequence[Result]) -> Result:
    """Result of a message out of those of its parts, in order.

    One part that was surely not taken means that the person cannot have the whole text, whatever became of the others:
    it outranks an unknown part. Only all accepted is accepted.
    """
    if len(parts) == 1:
        return parts[0]
    accepted = [part for part in parts if isinstance(part, Accepted)]
    tally = f"{len(accepted)} of {len(parts)} parts accepted"
    for part in parts:
        if isinstance(part, Refused):
            return Refused(part.reason, f"{part.detail}; {tally}")
    for part in parts:
        if isinstance(part, TryLater):
            return TryLater(part.reason, part.retry_after_s, f"{part.detail}; {tally}")
    for part in parts:
        if isinstance(part, Unknown):
            return Unknown(part.reason, f"{part.detail}; {tally}")
    return Accepted(tuple(message_id for part in accepted for message_id in part.message_ids))


# --- submit --------------------------------------------------------------------------------------------------------


def validity_period(validity_s: float) -> str:
    """Relative time of SMPP 3.4 §7.1.1.2, rounded down to whole seconds; at most VALIDITY_MAX_S.

    Raises ValueError under VALIDITY_MIN_S: a period of zero would be read as the SMSC's own default of days.
    """
    if validity_s < VALIDITY_MIN_S:
        raise ValueError(f"validity_s must be at least {VALIDITY_MIN_S}")
    minutes, seconds = divmod(int(min(validity_s, VALIDITY_MAX_S)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"0000{days:02}{hours:02}{minutes:02}{seconds:02}000R"


def submit_bodies(account: SmppAccount, message: OutboundMessage, reference: int) -> tuple[ShortMessage, ...] | Refused:
    """The submit_sm of each part of a message, in order; Refused when it can never be one.

    ``reference``: 0..255, the number of this text among the recent long texts to the same phone.
    """
    if message.phone is None:
        return Refused(Reason.INVALID_NUMBER, "no phone")
    if message.validity_s < VALIDITY_MIN_S:
        return Refused(Reason.VALIDITY, "no life left")
    try:
        parts = split(message.text, reference)
    except ValueError as error:
        return Refused(Reason.CONTENT, str(error))
    period = validity_period(message.validity_s)
    return tuple(
        ShortMessage(
            source_addr=account.source_addr,
            source_addr_ton=TON_ALPHANUMERIC,
            source_addr_npi=NPI_UNKNOWN,
            destination_addr=message.phone.digits,
            dest_addr_ton=TON_INTERNATIONAL,
            dest_addr_npi=NPI_E164,
            esm_class=part.esm_class,
            data_coding=part.data_coding,
            short_message=part.short_message,
            validity_period=period,
            registered_delivery=FINAL_RECEIPT,
        )
        for part in parts
    )


# --- message ids ---------------------------------------------------------------------------------------------------


def answer_id(account: SmppAccount, message_id: str) -> str:
    """An id of submit_sm_resp in the form of the receipts; empty if there is none."""
    text = message_id.strip("\0 ")
    match account.id_format:
        case IdFormat.HEX_TO_DEC if _HEX.fullmatch(text):
            text = str(int(text, 16))
        case IdFormat.DEC_TO_HEX if _DEC.fullmatch(text):
            text = f"{int(text):x}"
        case _:
            pass  # as it is, or not a number of the kind promised: kept, so that it is at least found by eye
    return _stripped(account, text)


def receipt_id(account: SmppAccount, message_id: str) -> str:
    """An id of a receipt in the form in which ``answer_id`` gives it; empty if there is none."""
    return _stripped(account, message_id.strip("\0 "))


_HEX = re.compile(r"[0-9A-Fa-f]{1,64}")
_DEC = re.compile(r"[0-9]{1,64}")


def _stripped(account: SmppAccount, text: str) -> str:
    if account.id_format is IdFormat.DEC_TO_HEX:
        text = text.lower()
    return text.lstrip("0") or text[:1]
