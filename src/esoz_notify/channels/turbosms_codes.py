"""TurboSMS's registry of response codes and its words of a message's fate, in our vocabulary: data only.

What belongs here: the tables, every odd row with its reason. What does not: the dialogue (``turbosms``).
Source: TurboSMS's HTTP API page and public clients that list the newer codes (2026).
"""

from collections.abc import Mapping

from esoz_notify.core.receipts import Reason, ReceiptState

_S, _R = ReceiptState, Reason

ACCEPTED = frozenset({0, 800, 801, 802, 803})
"""OK, accepted, sent, and the same two of a request of which only a part was: what each recipient has counts."""
DUPLICATE_REQUEST = 507
"""The request of this ``sequence_id`` was executed before; the answer repeats its result."""

REFUSED: Mapping[int, Reason] = (
    dict.fromkeys((103, 105, 106, 301, 421, 424), _R.NOT_AUTHORISED)
    | dict.fromkeys((200, 302, 400, 401, 415, 425, 426), _R.SENDER)
    | dict.fromkeys((201, 304, 410, 412, 413), _R.CONTENT)
    | dict.fromkeys((202, 305), _R.INVALID_NUMBER)
    | dict.fromkeys((104, 107, 204, 205, 206, 300, 303, *range(306, 314)), _R.PARAMETERS)
    | dict.fromkeys((402, 403, 405, 407, 408, 409, 411, 417, 418, 419, 420, 423, 502, 505, 506), _R.PARAMETERS)
    | {
        203: _R.BALANCE,
        404: _R.STOPLIST,
        406: _R.COUNTRY,
        416: _R.TEMPLATE,  # the text fits no pattern that Viber approved for this sender
        422: _R.FLOOD,
    }
)
NOT_SENT: frozenset[int] = frozenset({503, 504})
"""The request was read and the message did not go out: said of SMS and of Viber."""
UNKNOWN: Mapping[int, Reason] = {
    # The same text to the same number within 90 seconds: it may be a repeat of our own, whose message is on its way.
    427: _R.DUPLICATE,
    500: _R.PROVIDER_FAULT,  # the answer could not be written, whatever was done
    501: _R.PROVIDER_FAULT,
    999: _R.PROVIDER_FAULT,
}

WORDS: Mapping[str, tuple[ReceiptState, Reason | None]] = {
    "in_queue": (_S.ACCEPTED, None),
    "queued": (_S.ACCEPTED, None),
    "in_process": (_S.SUBMITTED, None),
    "sent": (_S.SUBMITTED, None),
    "acceptd": (_S.SUBMITTED, None),
    "enroute": (_S.SUBMITTED, None),
    "delivered": (_S.DELIVERED, None),
    "delivrd": (_S.DELIVERED, None),
    "read": (_S.SEEN, None),
    "undelivered": (_S.UNDELIVERABLE, _R.UNKNOWN),
    "undeliv": (_S.UNDELIVERABLE, _R.UNKNOWN),
    "rejected": (_S.REJECTED, _R.UNKNOWN),
    "rejectd": (_S.REJECTED, _R.UNKNOWN),
    "expired": (_S.EXPIRED, _R.VALIDITY),
    "failed": (_S.UNDELIVERABLE, _R.PROVIDER_FAULT),
    "cancelled": (_S.REJECTED, _R.PROVIDER_FAULT),
    "deleted": (_S.REJECTED, _R.PROVIDER_FAULT),
}
"""Those of the status call and those of webhooks, in small letters with ``_`` for a space."""
UNKNOWN_WORD = (_S.UNKNOWN, None)
