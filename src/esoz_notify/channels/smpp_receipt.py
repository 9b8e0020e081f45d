"""Delivery receipts of an SMSC: optional parameters and the customary text, read into our vocabulary.

What belongs here: how a deliver_sm becomes a receipt. What does not: octets (``smpp_pdu``) and what a receipt does to a
notification (``core``). Source: SMPP Protocol Specification v3.4, issue 1.2, §5.2.12, §5.2.28, §5.3.2 and appendix B;
deviations seen at SMSCs are in docs/providers/smpp.md.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from esoz_notify.channels.dialogue import Receipt, ReceiptProblem
from esoz_notify.channels.smpp import SmppAccount, receipt_id
from esoz_notify.channels.smpp_pdu import ESM_CLASS_RECEIPT, ESM_CLASS_TYPE_MASK, ShortMessage, Tag
from esoz_notify.core.receipts import NEGATIVE, Reason, ReceiptState

_STATE_WORDS: Mapping[int, str] = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
"""message_state (SMPP 3.4 §5.2.28) by the words that the text of a receipt uses for the same."""

_STATES: Mapping[str, tuple[ReceiptState, Reason | None]] = {
    "ENROUTE": (ReceiptState.SUBMITTED, None),
    # Somebody at the operator's read it on the subscriber's behalf, or took it on: no proof that the phone has it.
    "ACCEPTD": (ReceiptState.SUBMITTED, None),
    "DELIVRD": (ReceiptState.DELIVERED, None),
    "EXPIRED": (ReceiptState.EXPIRED, Reason.VALIDITY),
    "DELETED": (ReceiptState.REJECTED, Reason.OPERATOR),
    "UNDELIV": (ReceiptState.UNDELIVERABLE, Reason.UNKNOWN),
    "REJECTD": (ReceiptState.REJECTED, Reason.OPERATOR),
    # The SMSC lost track; the message may arrive yet.
    "UNKNOWN": (ReceiptState.UNKNOWN, None),
}
"""Word of a receipt to our state and the reason that holds unless the operator's err code says a better one."""

_KEY = re.compile(r"(?:^|\s)(id|sub|dlvrd|submit[ _]date|done[ _]date|stat|err|text)\s*:", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]{1,20}")
_ERROR = re.compile(r"[0-9A-Za-z]{1,6}")
"""Codes are short; what is longer may be a phone in the wrong place, so it is not read."""
_DATE = re.compile(r"[0-9]{10}(?:[0-9]{2})?")
_NETWORK_ERROR_BYTES = 3


def read_deliver(account: SmppAccount, body: ShortMessage | None) -> Receipt | ReceiptProblem:
    """What a deliver_sm says about a part; None: it could not be decoded.

    Optional parameters are believed before the text, which is a habit and not a format (SMPP 3.4 appendix B). What is
    not a receipt (somebody's answer to our message) is a problem without its text.
    """
    if body is None:
        return ReceiptProblem("malformed_pdu")
    if body.esm_class & ESM_CLASS_TYPE_MASK != ESM_CLASS_RECEIPT:
        return ReceiptProblem("not_a_receipt")
    fields = _text_fields(body.short_message or body.tlv(Tag.MESSAGE_PAYLOAD) or b"")
    message_id = receipt_id(account, (body.tlv(Tag.RECEIPTED_MESSAGE_ID) or b"").decode("latin-1"))
    message_id = message_id or receipt_id(account, fields.get("id", ""))
    if not message_id:
        return ReceiptProblem("no_message_id")
    word = _state_word(body.tlv(Tag.MESSAGE_STATE), fields.get("stat", ""))
    if not word:
        return ReceiptProblem("no_status")
    state, reason = _STATES.get(word, (ReceiptState.UNKNOWN, None))
    error = _error(body.tlv(Tag.NETWORK_ERROR_CODE), fields.get("err", ""))
    if state in NEGATIVE:
        reason = _error_reason(account, error) or reason
    return Receipt(
        provider_message_id=message_id,
        state=state,
        reason=reason,
        at=_date(account, fields.get("done date", "")),
        raw_status=word,
        detail=f"err={error}" if error else "",
    )


def _text_fields(octets: bytes) -> dict[str, str]:
    """The ``key:value`` pairs of the text in any order; ends at ``text:``, behind which is the patient's text."""
    text = octets.decode("latin-1")
    keys = list(_KEY.finditer(text))
    fields: dict[str, str] = {}
    ends = [key.start() for key in keys[1:]] + [len(text)]
    for key, end in zip(keys, ends, strict=False):  # without a key there is still an end
        name = key[1].lower().replace("_", " ")
        if name == "text":
            break
        value = text[key.end() : end].split()
        fields.setdefault(name, value[0] if value else "")
    return fields


def _state_word(message_state: bytes | None, stat: str) -> str:
    if message_state:
        return _STATE_WORDS.get(message_state[0], f"message_state {message_state[0]}")
    return stat.upper() if _WORD.fullmatch(stat) else ""


def _error(network_error_code: bytes | None, err: str) -> str:
    if network_error_code and len(network_error_code) == _NETWORK_ERROR_BYTES:
        return str(int.from_bytes(network_error_code[1:]))  # the first octet is the type of the network
    return err if _ERROR.fullmatch(err) else ""


def _error_reason(account: SmppAccount, error: str) -> Reason | None:
    if not error:
        return None
    bare = error.lstrip("0")
    return next((reason for key, reason in account.err_reasons.items() if key.lstrip("0") == bare), None)


def _date(account: SmppAccount, digits: str) -> datetime | None:
    if account.receipt_zone is None or not _DATE.fullmatch(digits):
        return None
    year, month, day, hour, minute, second = (int(digits[at : at + 2] or "0") for at in range(0, 12, 2))
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=account.receipt_zone)
    except ValueError:
        return None
