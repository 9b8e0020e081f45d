"""The Python client of the API: tokens, repeats without doubles, typed answers, problems as exceptions.

What belongs here: the names that programs import. What does not: anything that only the service itself can know.
"""

from esoz_notify.client.codes_shapes import PurposeName, Verification
from esoz_notify.client.notify import Asked, Confirmation, NotifyClient, order
from esoz_notify.client.problems import NotifyProblem, NotOver
from esoz_notify.client.shapes import (
    Accepted,
    Attempt,
    BatchResult,
    ChannelName,
    InlineRecipient,
    Invalid,
    Notification,
    NotificationRequest,
    PatientDocument,
    Problem,
    PublicKindName,
    Route,
    Search,
    StatusName,
    StoredPatient,
)
from esoz_notify.client.streams import Event

__all__ = [
    "Accepted",
    "Asked",
    "Attempt",
    "BatchResult",
    "ChannelName",
    "Confirmation",
    "Event",
    "InlineRecipient",
    "Invalid",
    "NotOver",
    "Notification",
    "NotificationRequest",
    "NotifyClient",
    "NotifyProblem",
    "PatientDocument",
    "Problem",
    "PublicKindName",
    "PurposeName",
    "Route",
    "Search",
    "StatusName",
    "StoredPatient",
    "Verification",
    "order",
]
