"""What one call to a provider can come to: accepted, refused, try later, or unknown. There is no fifth.

What belongs here: the four values and what a provider can promise about repeating a call. What does not: how a reply
becomes one of them (``channels``) and what the cascade does about it (``cascade``).
"""

from enum import StrEnum

from msgspec import Struct

from esoz_notify.core.receipts import Reason


class Recovery(StrEnum):
    """What may be done about a call whose outcome is unknown; a capability each provider declares."""

    SAME_KEY = "same_key"
    """The provider recognises our key: the same call again cannot double (Infobip messageId, Diia resourceId)."""
    WAIT_THEN_OTHER = "wait_then_other"
    """Nothing recognises a repeat (SMPP): wait for a receipt, then one recorded repeat by another provider."""


class Accepted(Struct, frozen=True):
    """The provider took the message. ``message_ids``: its id for each part, in order, as receipts will name them."""

    message_ids: tuple[str, ...]
    detail: str = ""


class Refused(Struct, frozen=True):
    """The provider refused for ever. ``detail``: its own code, never personal data."""

    reason: Reason
    detail: str = ""


class TryLater(Struct, frozen=True):
    """The provider did not take the message and says (or we know) that later may be better."""

    reason: Reason
    retry_after_s: float = 0.0
    detail: str = ""


class Unknown(Struct, frozen=True):
    """The request left and no readable answer came: the provider may or may not have the message."""

    reason: Reason = Reason.NO_ANSWER
    detail: str = ""


Result = Accepted | Refused | TryLater | Unknown
