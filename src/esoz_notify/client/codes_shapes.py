"""One-time codes: types of bodies and answers, for callers of the client.

Written by scripts/generate_docs.py from ``esoz_notify.api.codes_shapes``: change that and run it again.
"""

from typing import Literal, TypedDict

from esoz_notify.client.shapes import ChannelName, Explanation, Moment, Recipient, StatusName

PurposeName = Literal[
    "action",
    "phone_number",
    "person_registration",
    "declaration",
    "data_access",
    "care_plan",
    "record_merge",
    "authentication_method",
    "confidant_relationship",
    "third_person_method",
]
PartyName = Literal["third_person", "patient"]


class CodeDelivery(TypedDict):
    """Where the message with the code is."""

    status: StatusName
    route: list[ChannelName]
    delivered_by: ChannelName | None


class VerificationLinks(TypedDict):
    """Where to go on, relative to the API."""

    self: str
    check: str
    resend: str
    events: str
    summary: str


class Verification(TypedDict):
    """A verification as it is now. The code itself is never shown."""

    id: str
    """Also of the notification that brings the code."""
    purpose: PurposeName
    entity_id: str
    confirms: PartyName
    status: Literal["pending", "verified", "failed", "superseded", "expired"]
    attempts_left: int
    created_at: Moment
    expires_at: Moment
    """Moves on when the code is sent again or by the next channel."""
    verified_at: Moment | None
    next: PartyName | None
    """Whose confirmation is to be asked for now."""
    recipient: Recipient
    delivery: CodeDelivery
    advice: Explanation | None
    """What to do; null: wait for the code."""
    links: VerificationLinks


class VerificationAlarm(TypedDict):
    """A person got many codes in a day that nobody used."""

    at: Moment
    client_id: str
    """Who had the last of them sent."""
    verification_id: str
    unrequested: int


class VerificationAlarms(TypedDict):
    """The last alarms, newest first."""

    data: list[VerificationAlarm]
