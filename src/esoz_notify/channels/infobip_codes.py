"""Infobip's registry of statuses and errors in our vocabulary: data only, every odd row with its reason.

What belongs here: the tables. What does not: the dialogue and the reading of reports (``infobip``).
Source: Infobip OpenAPI 3.210.0 and its public registry of error codes (2026-07).
"""

from dataclasses import dataclass

from esoz_notify.core.receipts import Reason, ReceiptState

_S, _R = ReceiptState, Reason


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a status or an error says in our vocabulary; ``name``: the provider's own word for it."""

    name: str
    state: ReceiptState
    reason: Reason | None = None


STATUSES: dict[tuple[int, int], Meaning] = {
    (1, 3): Meaning("PENDING_WAITING_DELIVERY", _S.SUBMITTED),
    (1, 7): Meaning("PENDING_ENROUTE", _S.SUBMITTED),
    (1, 26): Meaning("PENDING_ACCEPTED", _S.ACCEPTED),
    (2, 4): Meaning("UNDELIVERABLE_REJECTED_OPERATOR", _S.UNDELIVERABLE, _R.OPERATOR),
    (2, 9): Meaning("UNDELIVERABLE_NOT_DELIVERED", _S.UNDELIVERABLE),
    (2, 31): Meaning("UNDELIVERABLE_NOT_SENT", _S.UNDELIVERABLE),
    (2, 96): Meaning("NO_ANSWER", _S.UNDELIVERABLE, _R.ABSENT),  # 96 to 99: voice calls, here because the registry
    (2, 97): Meaning("BUSY", _S.UNDELIVERABLE, _R.ABSENT),  # is one for all channels
    (2, 98): Meaning("CANCELLED", _S.UNDELIVERABLE, _R.PROVIDER_FAULT),
    (3, 2): Meaning("DELIVERED_TO_OPERATOR", _S.SUBMITTED),  # its group says delivered, its text says on the way
    (3, 5): Meaning("DELIVERED_TO_HANDSET", _S.DELIVERED),
    (4, 15): Meaning("EXPIRED_EXPIRED", _S.EXPIRED, _R.VALIDITY),
    (4, 29): Meaning("EXPIRED_DLR_UNKNOWN", _S.UNKNOWN),  # "delivery status is unknown": proves nothing either way
    (4, 87): Meaning("SIGNALS_BLOCKED", _S.REJECTED, _R.FLOOD),
    (5, 6): Meaning("REJECTED_NETWORK", _S.REJECTED, _R.COUNTRY),
    (5, 8): Meaning("REJECTED_PREFIX_MISSING", _S.REJECTED, _R.INVALID_NUMBER),
    (5, 10): Meaning("REJECTED_DND", _S.REJECTED, _R.STOPLIST),
    (5, 11): Meaning("REJECTED_SOURCE", _S.REJECTED, _R.SENDER),
    (5, 12): Meaning("REJECTED_NOT_ENOUGH_CREDITS", _S.REJECTED, _R.BALANCE),
    (5, 13): Meaning("REJECTED_SENDER", _S.REJECTED, _R.SENDER),
    (5, 14): Meaning("REJECTED_DESTINATION_BLOCKLISTED", _S.REJECTED, _R.STOPLIST),
    (5, 17): Meaning("REJECTED_PREPAID_PACKAGE_EXPIRED", _S.REJECTED, _R.BALANCE),
    (5, 18): Meaning("REJECTED_DESTINATION_NOT_REGISTERED", _S.REJECTED, _R.NOT_AUTHORISED),  # a trial account
    (5, 19): Meaning("REJECTED_ROUTE_NOT_AVAILABLE", _S.REJECTED, _R.COUNTRY),
    (5, 20): Meaning("REJECTED_FLOODING_FILTER", _S.REJECTED, _R.FLOOD),
    (5, 21): Meaning("REJECTED_SYSTEM_ERROR", _S.REJECTED, _R.PROVIDER_FAULT),
    # Not a negative: the first call with this messageId was taken, and its own reports tell what became of it.
    (5, 23): Meaning("REJECTED_DUPLICATE_MESSAGE_ID", _S.UNKNOWN, _R.DUPLICATE),
    (5, 24): Meaning("REJECTED_INVALID_UDH", _S.REJECTED, _R.CONTENT),
    (5, 25): Meaning("REJECTED_MESSAGE_TOO_LONG", _S.REJECTED, _R.CONTENT),
    (5, 51): Meaning("MISSING_TO", _S.REJECTED, _R.INVALID_NUMBER),
    (5, 52): Meaning("REJECTED_DESTINATION", _S.REJECTED, _R.INVALID_NUMBER),
    (5, 87): Meaning("SIGNALS_BLOCKED", _S.REJECTED, _R.FLOOD),
    (5, 99): Meaning("REJECTED", _S.REJECTED),
    (5, 100): Meaning("UNDELIVERABLE_REJECTED_PLATFORM", _S.REJECTED, _R.PROVIDER_FAULT),
}
"""The general status registry, every id of it, by (groupId, id): 87 stands in two groups."""

GROUPS: dict[int, Meaning] = {
    1: Meaning("PENDING", _S.ACCEPTED),
    2: Meaning("UNDELIVERABLE", _S.UNDELIVERABLE),
    3: Meaning("DELIVERED", _S.SUBMITTED),  # an id we do not know is no proof of delivery
    4: Meaning("EXPIRED", _S.EXPIRED, _R.VALIDITY),
    5: Meaning("REJECTED", _S.REJECTED),
}
"""What a status id outside the registry means by its group alone."""

ERRORS: dict[int, Meaning] = {
    7001: Meaning("EC_UNKNOWN_APPLICATION", _S.REJECTED, _R.NOT_AUTHORISED),
    7002: Meaning("EC_UNKNOWN_USER", _S.UNDELIVERABLE, _R.NOT_ON_CHANNEL),
    7003: Meaning("EC_BLOCKED_USER", _S.UNDELIVERABLE, _R.BLOCKED_BY_USER),
    7004: Meaning("EC_UNAUTHORIZED_ACCESS", _S.REJECTED, _R.NOT_AUTHORISED),
    7005: Meaning("EC_FORBIDDEN_ACCESS", _S.REJECTED, _R.NOT_AUTHORISED),
    7006: Meaning("EC_BAD_REQUEST", _S.REJECTED, _R.PARAMETERS),
    7007: Meaning("EC_ILLEGAL_TRAFFIC_TYPE", _S.REJECTED, _R.CONTENT),
    7008: Meaning("EC_INVALID_TEMPLATE_ARGS", _S.REJECTED, _R.TEMPLATE),
    7009: Meaning("EC_INVALID_TEMPLATE", _S.REJECTED, _R.TEMPLATE),
    7010: Meaning("EC_NO_SESSION", _S.REJECTED, _R.SENDER),
    7011: Meaning("EC_ACCOUNT_ISSUE", _S.REJECTED, _R.NOT_AUTHORISED),
    7012: Meaning("EC_DEPLOYMENT_CONFIGURATION_ERROR", _S.UNDELIVERABLE, _R.PROVIDER_FAULT),
    7013: Meaning("EC_MEDIA_HOSTING_ERROR", _S.UNDELIVERABLE, _R.PROVIDER_FAULT),
    7014: Meaning("EC_MEDIA_UPLOAD_ERROR", _S.UNDELIVERABLE, _R.PROVIDER_FAULT),
    7015: Meaning("EC_MEDIA_METADATA_ERROR", _S.REJECTED, _R.CONTENT),
    7016: Meaning("EC_SPAM_RATE", _S.REJECTED, _R.SENDER),
    7017: Meaning("EC_TOO_MANY_REQUESTS", _S.UNDELIVERABLE, _R.THROTTLED),
    7018: Meaning("EC_INTERNAL_BAD_MAPPING", _S.REJECTED, _R.PARAMETERS),
    7019: Meaning("EC_PROVIDER_BILLING_ERROR", _S.REJECTED, _R.BALANCE),
    7020: Meaning("EC_DEVICE_REPRODUCTION_ERROR", _S.UNDELIVERABLE, _R.NO_DEVICE),
    7021: Meaning("EC_LIMITED_FUNCTIONALITY", _S.REJECTED, _R.SENDER),
    7022: Meaning("EC_MEDIA_UNSUPPORTED", _S.REJECTED, _R.CONTENT),
    7023: Meaning("EC_DATA_MISMATCH", _S.REJECTED, _R.PARAMETERS),
    7024: Meaning("EC_NOT_ALLOWED_SENDING_TIME", _S.UNDELIVERABLE, _R.VALIDITY),
    7025: Meaning("EC_UNSUPPORTED_MOBILE_APP_VERSION", _S.UNDELIVERABLE, _R.NO_DEVICE),
    7026: Meaning("EC_MESSAGE_TYPE_EXHAUSTED", _S.REJECTED, _R.SENDER),
    7027: Meaning("EC_BLOCKED_CONTENT", _S.REJECTED, _R.CONTENT),
    # The person of this number may be another one now: as with a blocked sender, Viber is not the way to them.
    7029: Meaning("EC_USER_IDENTITY_CHANGED", _S.UNDELIVERABLE, _R.BLOCKED_BY_USER),
    7030: Meaning("EC_TEMPLATE_BLOCKED_BY_USER", _S.UNDELIVERABLE, _R.BLOCKED_BY_USER),
    7050: Meaning("EC_PROVIDER_INTERNAL_ERROR", _S.UNDELIVERABLE, _R.PROVIDER_FAULT),
    7051: Meaning("EC_PROVIDER_TIMEOUT", _S.UNDELIVERABLE, _R.PROVIDER_FAULT),
    7052: Meaning("EC_PROVIDER_DR_ERROR", _S.UNDELIVERABLE, _R.PROVIDER_FAULT),
    7080: Meaning("EC_INTERNAL_ERROR", _S.REJECTED, _R.PROVIDER_FAULT),
    7081: Meaning("EC_CONFIGURATION_ERROR", _S.REJECTED, _R.SENDER),
    7082: Meaning("EC_TEMPORARY_GATEWAY_ERROR", _S.REJECTED, _R.PROVIDER_FAULT),
    7083: Meaning("EC_SERVICE_NOT_ACTIVATED", _S.REJECTED, _R.NOT_AUTHORISED),
    7084: Meaning("EC_MISSING_SENDER_METADATA", _S.REJECTED, _R.SENDER),
    7102: Meaning("EC_PHONE_MATCHING_DISABLED", _S.UNDELIVERABLE, _R.NOT_ON_CHANNEL),
    7201: Meaning("EC_UNSUPPORTED_DEVICE", _S.UNDELIVERABLE, _R.NO_DEVICE),
    7280: Meaning("EC_DUPLICATE_REQUEST", _S.UNKNOWN, _R.DUPLICATE),  # as status 23
    7281: Meaning("EC_BAD_ORIGIN", _S.REJECTED, _R.NOT_AUTHORISED),
}
"""The chat-channel error registry (7031 to 7038 are WhatsApp's own and cannot come here)."""
