"""The words of FHIR R4 for ours, as tables: systems, statuses, reasons, ways to a person.

What belongs here: which code stands for which; docs/fhir.md shows the same tables and a test holds them together. What
does not: making resources (``fhir_resources``) and reading them (``fhir_reading``).
"""

from collections.abc import Mapping
from typing import Any

from esoz_notify.core.channel import Channel
from esoz_notify.core.receipts import Reason
from esoz_notify.core.status import Outcome, Status

FHIR_TYPE = "application/fhir+json"
PATCH_TYPE = "application/json-patch+json"
FHIR_VERSION = "4.0.1"
PLACE = "/fhir"
REQUEST, EVENT = "CommunicationRequest", "Communication"

_OURS = "urn:esoz-notify:"
KIND, STATUS, OUTCOME, REASON, CHANNEL, RELATION, WHY, ATTEMPT, PROBLEM, TAX_ID = (
    f"{_OURS}{name}"
    for name in (
        "kind", "status", "outcome", "reason", "channel", "relation", "why", "attempt", "problem", "tax-id",
    )
)  # fmt: skip
DATA = f"{_OURS}data:"
"""Before the name of a datum of a kind: the system of the identifier that holds it."""
EXTENSION = f"{_OURS}extension:"

_MODES = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"
_NOT_DONE = "http://terminology.hl7.org/CodeSystem/communication-not-done-reason"

REQUEST_STATUSES: Mapping[Status, str] = {
    Status.ACCEPTED: "active",
    Status.IN_DELIVERY: "active",
    Status.PRINT_REQUIRED: "active",
    Status.DELIVERED: "completed",
    Status.PRINTED: "completed",
    Status.UNDELIVERED: "completed",
    Status.EXPIRED: "completed",
    Status.CANCELLED: "revoked",
}
ALL_REQUEST_STATUSES = ("draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown")
"""The standard's value set, of which we use three."""

EVENT_STATUSES: Mapping[Outcome, str] = {
    Outcome.SUBMITTING: "in-progress",
    Outcome.SUBMITTED: "in-progress",
    Outcome.DELIVERED: "completed",
    Outcome.READ: "completed",
    Outcome.FAILED: "not-done",
    Outcome.EXPIRED: "not-done",
    Outcome.UNKNOWN: "unknown",
}
PAPER_STATUSES: Mapping[Status, str] = {
    Status.PRINT_REQUIRED: "preparation",
    Status.PRINTED: "completed",
    Status.EXPIRED: "not-done",
    Status.CANCELLED: "not-done",
}
"""Of a notification that goes by paper alone: nobody attempts anything, somebody prints it."""
SKIPPED = "not-done"
ALL_EVENT_STATUSES = (
    "preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown",
)  # fmt: skip

_UNAVAILABLE, _OBJECTION, _SYSTEM, _NUMBER, _UNKNOWN = (
    "recipient-unavailable", "patient-objection", "system-error", "invalid-phone-number", "unknown",
)  # fmt: skip
NOT_DONE_REASONS: Mapping[Reason, str] = {
    Reason.NOT_ON_CHANNEL: _UNAVAILABLE,
    Reason.BLOCKED_BY_USER: _OBJECTION,
    Reason.NO_DEVICE: _UNAVAILABLE,
    Reason.INVALID_NUMBER: _NUMBER,
    Reason.NUMBER_INACTIVE: _NUMBER,
    Reason.STOPLIST: _OBJECTION,
    Reason.ABSENT: _UNAVAILABLE,
    Reason.MEMORY_FULL: _UNAVAILABLE,
    Reason.OPERATOR: _SYSTEM,
    Reason.COUNTRY: _SYSTEM,
    Reason.CONTENT: _SYSTEM,
    Reason.TEMPLATE: _SYSTEM,
    Reason.PARAMETERS: _SYSTEM,
    Reason.SENDER: _SYSTEM,
    Reason.NOT_AUTHORISED: _SYSTEM,
    Reason.BALANCE: _SYSTEM,
    Reason.THROTTLED: _SYSTEM,
    Reason.FLOOD: _SYSTEM,
    Reason.DUPLICATE: _SYSTEM,
    Reason.VALIDITY: _UNAVAILABLE,
    Reason.PROVIDER_FAULT: _SYSTEM,
    Reason.UNREACHABLE: _SYSTEM,
    Reason.NO_ANSWER: _SYSTEM,
    Reason.WORKER_LOST: _SYSTEM,
    Reason.UNKNOWN: _UNKNOWN,
}
"""The standard's own reason beside each of ours, for whoever does not know ours."""

MODES: Mapping[Channel, str] = {
    Channel.DIIA: "ELECTRONIC",
    Channel.VIBER: "ELECTRONIC",
    Channel.SMS: "ELECTRONIC",
    Channel.PRINT: "WRITTEN",
}

ISSUES: Mapping[int, str] = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "conflict",
    412: "multiple-matches",
    413: "too-long",
    415: "not-supported",
    422: "business-rule",
    429: "throttled",
    500: "exception",
    503: "transient",
}
"""The standard's type of an issue, by status."""

RULE_ISSUES: Mapping[str, str] = {
    "missing": "required",
    "required": "required",
    "unknown_element": "structure",
    "unknown_field": "structure",
    "type": "structure",
    "wrong_type": "structure",
    "unknown_kind": "code-invalid",
    "unknown_code": "code-invalid",
    "not_supported": "not-supported",
    "free_text": "not-supported",
}
"""The same of a broken rule, by its code; of any other it is ``value``."""


def concept(system: str, code: str, en: str | None = None, uk: str | None = None) -> dict[str, Any]:
    """A CodeableConcept: our code, English beside it, and Ukrainian as its text."""
    coding = {"system": system, "code": code} | ({"display": en} if en else {})
    return {"coding": [coding]} | ({"text": uk} if uk else {})


def medium(channel: Channel) -> dict[str, Any]:
    """A way to a person: our channel, and the standard's mode."""
    made = concept(CHANNEL, channel.value)
    made["coding"].append({"system": _MODES, "code": MODES[channel]})
    return made


def not_done(reason: str) -> dict[str, Any]:
    """Why nothing came of an attempt: our reason, and the standard's."""
    made = concept(REASON, reason)
    made["coding"].append({"system": _NOT_DONE, "code": NOT_DONE_REASONS[Reason(reason)]})
    return made
