"""Infobip's Viber words: statuses, errors, the message the aggregator holds, and how reports and logs show it.

Source: Infobip OpenAPI 3.210.0 (2026-07-23) and its response status and error code registry. No I/O here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Status = dict[str, object]

GROUPS = {1: "PENDING", 2: "UNDELIVERABLE", 3: "DELIVERED", 4: "EXPIRED", 5: "REJECTED"}
_ERROR_GROUPS = {0: "OK", 1: "HANDSET_ERRORS", 2: "USER_ERRORS", 3: "OPERATOR_ERRORS"}
VALIDITY_MAX_S = 48 * 3600.0


def _status(group: int, number: int, name: str, description: str) -> Status:
    return {"groupId": group, "groupName": GROUPS[group], "id": number, "name": name, "description": description}


def _error(group: int, number: int, name: str, description: str, *, permanent: bool) -> Status:
    return {
        "groupId": group,
        "groupName": _ERROR_GROUPS[group],
        "id": number,
        "name": name,
        "description": description,
        "permanent": permanent,
    }


ACCEPTED = _status(1, 26, "PENDING_ACCEPTED", "Message sent to next instance")
DUPLICATE = _status(5, 23, "REJECTED_DUPLICATE_MESSAGE_ID", "Message with this id was sent before")
NO_ERROR = _error(0, 0, "NO_ERROR", "No Error", permanent=False)
_NOT_DELIVERED = _status(2, 9, "UNDELIVERABLE_NOT_DELIVERED", "Message sent not delivered")
_REJECTED = _status(5, 99, "REJECTED", "Message rejected")


class End(StrEnum):
    """How a message ended; the value is what the journal keeps."""

    DELIVERED = "delivered"
    EXPIRED = "expired"
    NOT_A_USER = "not_a_user"
    BLOCKED = "blocked"
    NO_DEVICE = "no_device"
    TEMPLATE = "template"
    TEMPLATE_ARGUMENTS = "template_arguments"
    CONTENT = "content"
    SPAM = "spam"
    PROVIDER = "provider"


REPORTS: dict[End, tuple[Status, Status]] = {
    End.DELIVERED: (_status(3, 5, "DELIVERED_TO_HANDSET", "Message delivered to handset"), NO_ERROR),
    End.EXPIRED: (_status(4, 15, "EXPIRED_EXPIRED", "Message expired"), NO_ERROR),
    End.NOT_A_USER: (_NOT_DELIVERED, _error(2, 7002, "EC_UNKNOWN_USER", "Unknown user", permanent=True)),
    End.BLOCKED: (_NOT_DELIVERED, _error(2, 7003, "EC_BLOCKED_USER", "Blocked user", permanent=True)),
    End.NO_DEVICE: (_NOT_DELIVERED, _error(1, 7201, "EC_UNSUPPORTED_DEVICE", "Unsupported device", permanent=True)),
    End.TEMPLATE: (_REJECTED, _error(2, 7009, "EC_INVALID_TEMPLATE", "Invalid template", permanent=True)),
    End.TEMPLATE_ARGUMENTS: (
        _REJECTED,
        _error(2, 7008, "EC_INVALID_TEMPLATE_ARGS", "Invalid template arguments", permanent=True),
    ),
    End.CONTENT: (_REJECTED, _error(2, 7027, "EC_BLOCKED_CONTENT", "Blocked content", permanent=True)),
    End.SPAM: (_NOT_DELIVERED, _error(2, 7016, "EC_SPAM_RATE", "Spam rate", permanent=True)),
    End.PROVIDER: (
        _NOT_DELIVERED,
        _error(3, 7050, "EC_PROVIDER_INTERNAL_ERROR", "Provider internal error", permanent=False),
    ),
}
"""Final statuses with the error that a report carries beside them."""

REFUSED_AT_ONCE: dict[str, Status] = {
    "invalid_number": _status(5, 52, "REJECTED_DESTINATION", "Invalid destination address"),
    "route": _status(5, 19, "REJECTED_ROUTE_NOT_AVAILABLE", "Route not available"),
    "sender": _status(5, 13, "REJECTED_SENDER", "Sender is not allowed"),
    "balance": _status(5, 12, "REJECTED_NOT_ENOUGH_CREDITS", "Not enough credits"),
}
"""Refusals in the answer to the submission itself: nothing was accepted and no report follows."""


@dataclass(slots=True, kw_only=True)
class ViberMessage:
    """A message the aggregator has accepted. Times are seconds since the epoch; ``end`` None while it is on its way."""

    id: str
    bulk_id: str
    to: str
    sender: str
    content: dict[str, Any]
    text: str
    sent_at: float
    valid_until: float
    mcc_mnc: str
    delivery_url: str | None
    seen_url: str | None
    callback_data: str | None
    platform: dict[str, Any] | None
    campaign: str | None
    doomed: End | None
    """Settled at acceptance: a wrong template, or a refusal that only the report tells."""
    end: End | None = None
    done_at: float | None = None
    reported: bool = False
    """The delivery report reached a webhook, was fetched, or was lost on purpose."""
    seen_reported: bool = False


def stamp(at: float) -> str:
    """``yyyy-MM-dd'T'HH:mm:ss.SSSZ`` with the zone as ``+0000``, without a colon."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "+0000"


def report(message: ViberMessage) -> dict[str, object]:
    """One entry of ``results`` in a delivery report, of a message that has ended."""
    return {"bulkId": message.bulk_id, "messageId": message.id, "to": message.to} | _common(message)


def log(message: ViberMessage) -> dict[str, object]:
    """One entry of ``results`` in ``GET /viber/2/logs``; it says ``destination`` where a report says ``to``."""
    shown = {"bulkId": message.bulk_id, "messageId": message.id, "destination": message.to} | _common(message)
    return shown | {"content": message.content}


def seen_report(message: ViberMessage, at: float) -> dict[str, object]:
    """One entry of ``results`` in a seen report; it has no status object."""
    shown: dict[str, object] = {
        "messageId": message.id,
        "from": message.to,
        "to": message.sender,
        "sentAt": stamp(message.sent_at),
        "seenAt": stamp(at),
    }
    if message.campaign is not None:
        shown["campaignReferenceId"] = message.campaign
    return shown | (message.platform or {})


def _common(message: ViberMessage) -> dict[str, object]:
    status, error = (ACCEPTED, NO_ERROR) if message.end is None else REPORTS[message.end]
    billed = 0.02 if message.end is End.DELIVERED else 0.0
    shown: dict[str, object] = {
        "sender": message.sender,
        "sentAt": stamp(message.sent_at),
        "doneAt": None if message.done_at is None else stamp(message.done_at),
        "messageCount": 1,
        "mccMnc": message.mcc_mnc,
        "price": {"pricePerMessage": billed, "currency": "EUR"},
        "status": status,
        "error": error,
        "platform": message.platform or {},
    }
    if message.callback_data is not None:
        shown["callbackData"] = message.callback_data
    if message.campaign is not None:
        shown["campaignReferenceId"] = message.campaign
    return shown


def general_status(message: ViberMessage) -> str:
    """The group's name, which ``generalStatus`` filters by."""
    return str(ACCEPTED["groupName"] if message.end is None else REPORTS[message.end][0]["groupName"])


def problem(code: str, description: str, action: str, violations: Sequence[dict[str, str]] = ()) -> dict[str, object]:
    """Infobip's error object, the same for 400, 401, 404, 429 and 500."""
    return {
        "errorCode": code,
        "description": description,
        "action": action,
        "violations": list(violations),
        "resources": [],
    }
