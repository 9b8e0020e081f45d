"""The one vocabulary into which every provider's words are translated: receipt states and reasons.

What belongs here: the closed sets, how two receipts about the same message part merge, and what a reason means for
the route. What does not: any provider's own word (``channels``).
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from msgspec import Struct


class ReceiptState(IntEnum):
    """What a provider says about one message part; the value is its rank in a merge.

    A proof of delivery outranks every negative, because a late delivery is a delivery; a negative outranks every
    intermediate word. Merging is ``max``, hence commutative, associative and idempotent: the order and the number of
    receipts cannot matter.
    """

    UNKNOWN = 5
    ACCEPTED = 10
    SUBMITTED = 20
    EXPIRED = 60
    UNDELIVERABLE = 61
    REJECTED = 62
    DELIVERED = 80
    SEEN = 90


NEGATIVE = frozenset({ReceiptState.EXPIRED, ReceiptState.UNDELIVERABLE, ReceiptState.REJECTED})
POSITIVE = frozenset({ReceiptState.DELIVERED, ReceiptState.SEEN})


class Reason(StrEnum):
    """Why an attempt did not deliver, in words that no provider owns."""

    NOT_ON_CHANNEL = "not_on_channel"
    BLOCKED_BY_USER = "blocked_by_user"
    NO_DEVICE = "no_device"
    INVALID_NUMBER = "invalid_number"
    NUMBER_INACTIVE = "number_inactive"
    STOPLIST = "stoplist"
    ABSENT = "absent"
    MEMORY_FULL = "memory_full"
    OPERATOR = "operator"
    COUNTRY = "country"
    CONTENT = "content"
    TEMPLATE = "template"
    PARAMETERS = "parameters"
    SENDER = "sender"
    NOT_AUTHORISED = "not_authorised"
    BALANCE = "balance"
    THROTTLED = "throttled"
    FLOOD = "flood"
    DUPLICATE = "duplicate"
    VALIDITY = "validity"
    PROVIDER_FAULT = "provider_fault"
    UNREACHABLE = "unreachable"
    NO_ANSWER = "no_answer"
    WORKER_LOST = "worker_lost"
    UNKNOWN = "unknown"


class Fault(StrEnum):
    """Whose fault a reason is: decides whether another provider of the same channel can help."""

    PERSON = "person"
    """The number or the person on this channel: no provider of the channel will do better now."""
    PROVIDER = "provider"
    """This provider or its operator: another provider of the channel may do better at once."""
    MESSAGE = "message"
    """What we sent: another provider may judge it differently, once; a person of ours must look."""
    TIME = "time"
    """The phone is out of reach for now: worth another try later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonMeaning:
    """One row of the reason table."""

    fault: Fault
    alarm: bool = False


REASONS: dict[Reason, ReasonMeaning] = {
    Reason.NOT_ON_CHANNEL: ReasonMeaning(fault=Fault.PERSON),
    Reason.BLOCKED_BY_USER: ReasonMeaning(fault=Fault.PERSON),
    Reason.NO_DEVICE: ReasonMeaning(fault=Fault.PERSON),
    Reason.INVALID_NUMBER: ReasonMeaning(fault=Fault.PERSON),
    Reason.NUMBER_INACTIVE: ReasonMeaning(fault=Fault.PERSON),
    Reason.STOPLIST: ReasonMeaning(fault=Fault.PERSON),
    Reason.ABSENT: ReasonMeaning(fault=Fault.TIME),
    Reason.MEMORY_FULL: ReasonMeaning(fault=Fault.TIME),
    Reason.OPERATOR: ReasonMeaning(fault=Fault.PROVIDER),
    Reason.COUNTRY: ReasonMeaning(fault=Fault.PROVIDER, alarm=True),
    Reason.CONTENT: ReasonMeaning(fault=Fault.MESSAGE, alarm=True),
    Reason.TEMPLATE: ReasonMeaning(fault=Fault.MESSAGE, alarm=True),
    Reason.PARAMETERS: ReasonMeaning(fault=Fault.MESSAGE, alarm=True),
    Reason.SENDER: ReasonMeaning(fault=Fault.PROVIDER, alarm=True),
    Reason.NOT_AUTHORISED: ReasonMeaning(fault=Fault.PROVIDER, alarm=True),
    Reason.BALANCE: ReasonMeaning(fault=Fault.PROVIDER, alarm=True),
    Reason.THROTTLED: ReasonMeaning(fault=Fault.PROVIDER),
    Reason.FLOOD: ReasonMeaning(fault=Fault.PROVIDER),
    Reason.DUPLICATE: ReasonMeaning(fault=Fault.PROVIDER),
    Reason.VALIDITY: ReasonMeaning(fault=Fault.TIME),
    Reason.PROVIDER_FAULT: ReasonMeaning(fault=Fault.PROVIDER),
    Reason.UNREACHABLE: ReasonMeaning(fault=Fault.PROVIDER),
    Reason.NO_ANSWER: ReasonMeaning(fault=Fault.PROVIDER),
    Reason.WORKER_LOST: ReasonMeaning(fault=Fault.PROVIDER),
    Reason.UNKNOWN: ReasonMeaning(fault=Fault.PROVIDER),
}


class PartState(Struct, frozen=True):
    """What is known of one part of a message: the merge of all its receipts."""

    state: ReceiptState = ReceiptState.UNKNOWN
    reason: Reason | None = None

    def merge(self, other: "PartState") -> "PartState":
        """The stronger of the two; equal states keep the alphabetically first reason, so that order cannot matter."""
        return max(self, other, key=_strength)


def _strength(part: PartState) -> tuple[int, list[int]]:
    # Inverted code points make the alphabetically first reason the largest; a missing reason is the weakest.
    return part.state, [-ord(letter) for letter in part.reason] if part.reason else [-0x110000]
