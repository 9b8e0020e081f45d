"""Vonage's registry of error codes in our vocabulary: data only, every odd row with its reason.

What belongs here: the tables. What does not: the dialogue (``vonage``).
Source: Vonage's pages "API Errors" and "API Errors: Messages" (2026). Reasons: docs/providers/vonage.md.
"""

from collections.abc import Mapping

from esoz_notify.core.receipts import Reason, ReceiptState

_S, _R = ReceiptState, Reason

_NUMBERS: Mapping[int, Reason] = (
    dict.fromkeys((1010, 1020, 1021, 1130, 1150), _R.PARAMETERS)
    | dict.fromkeys((1040, 1170), _R.INVALID_NUMBER)
    | dict.fromkeys((1060, 1080, 1110, 1140, 1160, 1370), _R.NOT_AUTHORISED)
    | dict.fromkeys((1090, 1210), _R.CONTENT)
    | dict.fromkeys((1120, 1340), _R.SENDER)
    | dict.fromkeys((1180, 1220), _R.ABSENT)
    # Of the network and not of the person: another provider has other roads.
    | dict.fromkeys((1200, 1230, 1250, 1270, 1280, 1290), _R.OPERATOR)
    | dict.fromkeys((1030, 1100), _R.PROVIDER_FAULT)
    | {
        1000: _R.THROTTLED,
        1022: _R.TEMPLATE,
        1050: _R.STOPLIST,
        1070: _R.BALANCE,
        1190: _R.NUMBER_INACTIVE,
        1240: _R.BLOCKED_BY_USER,  # the person answered STOP to this sender
        1241: _R.FLOOD,
        1260: _R.COUNTRY,
        1300: _R.NOT_ON_CHANNEL,
        1310: _R.NO_DEVICE,
        1320: _R.DUPLICATE,
        1330: _R.UNKNOWN,
        1360: _R.VALIDITY,
    }
)
_OF_ALL_APIS = (
    *("unauthorized", "forbidden", "unprovisioned", "account-suspended"),
    *("jwt-expired", "jwt-revoked", "invalid-api-key", "invalid-signature"),
)
CODES: Mapping[str, Reason] = (
    {str(number): reason for number, reason in _NUMBERS.items()}
    | dict.fromkeys(_OF_ALL_APIS, _R.NOT_AUTHORISED)
    | {"low-balance": _R.BALANCE, "invalid-params": _R.PARAMETERS}
)
"""By the number or the word in an error's type or title."""

FIELDS: Mapping[str, Reason] = {"to": _R.INVALID_NUMBER, "from": _R.SENDER, "text": _R.CONTENT}
"""What it is about when the parameters that are wrong are named."""

LATER = frozenset({"1000", "1100"})
"""Too many at once, and a message that was not submitted, as it says itself."""
PROVES_NOTHING = frozenset({"1320", "1330"})
"""Sent already, which may be our own first call; and an operator's word that Vonage does not know."""
UNSURE = PROVES_NOTHING | {"1030"}
"""Answers after which the message may be on its way all the same."""

STATES: Mapping[str, ReceiptState] = {
    "submitted": _S.SUBMITTED,
    "delivered": _S.DELIVERED,
    "read": _S.SEEN,
    "rejected": _S.REJECTED,
    "undeliverable": _S.UNDELIVERABLE,
}
"""Words of a status."""
REASONS: Mapping[ReceiptState, Reason] = {_S.REJECTED: _R.UNKNOWN, _S.UNDELIVERABLE: _R.PROVIDER_FAULT}
"""Why a message ended when its status names no code that we know."""
