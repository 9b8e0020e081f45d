"""Webhooks: which events there are, how they are signed, and what follows from a receiver's answer.

What belongs here: the rules of Standard Webhooks (its specification, version 1) as values and pure functions. What does
not: calling receivers (engine), what an event says (``engine.webhook_events``).
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from esoz_notify.core.limits import WEBHOOK_FAILING_DAYS, WEBHOOK_WAIT_MAX_S
from esoz_notify.core.status import Status

if TYPE_CHECKING:  # a receiver that checks signatures by this file needs nothing of what makes deliveries
    from esoz_notify.core.delivery import Delivery

TYPE_PREFIX = "ua.gov.ehealth.notify."
"""Before the name of an event, in its CloudEvents type."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - not a secret: what one begins with
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
_SCHEME = "v1"

WAITS_S = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""After each failed try, the wait before the next one; the first try is at once. Three days in all."""

TRIES_MAX = len(WAITS_S) + 1
JITTER = 0.1
"""A wait is longer by up to this share, so that what failed together does not come back together."""

FAILING_MAX_S = WEBHOOK_FAILING_DAYS * 86_400.0


class EventName(StrEnum):
    """What a receiver may be told; the value is the name in filters, and after TYPE_PREFIX the type of the event."""

    IN_DELIVERY = "notification.in_delivery"
    FALLBACK = "notification.fallback"
    DELIVERED = "notification.delivered"
    UNDELIVERED = "notification.undelivered"
    EXPIRED = "notification.expired"
    CANCELLED = "notification.cancelled"
    PRINT_REQUIRED = "notification.print_required"
    PRINTED = "notification.printed"
    TEST = "webhook.test"


CHOOSABLE = tuple(name for name in EventName if name is not EventName.TEST)
"""What a filter may name. A test is told to whoever asked for it."""

_OF_STATUS = {
    Status.IN_DELIVERY: EventName.IN_DELIVERY,
    Status.DELIVERED: EventName.DELIVERED,
    Status.UNDELIVERED: EventName.UNDELIVERED,
    Status.EXPIRED: EventName.EXPIRED,
    Status.CANCELLED: EventName.CANCELLED,
    Status.PRINT_REQUIRED: EventName.PRINT_REQUIRED,
    Status.PRINTED: EventName.PRINTED,
}


def happened(before: "Delivery", after: "Delivery") -> EventName | None:
    """What a change of one notification is to its caller; None for what a caller need not be told.

    What one transaction does is one change: nobody could have seen what was in between.
    """
    if after.status is not before.status:
        return _OF_STATUS.get(after.status)
    if after.status is Status.IN_DELIVERY and after.step > before.step:
        return EventName.FALLBACK
    return None


# --- signatures -------------------------------------------------------------------------------------------------------


def secret_text(key: bytes) -> str:
    """A key as receivers are given it."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def secret_key(text: str) -> bytes:
    """The key in a secret, with or without its prefix. Raises ValueError, which never repeats the secret."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"a secret is {SECRET_PREFIX} and base64") from None
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise ValueError(f"the key in a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes")
    return key


def signature(key: bytes, message_id: str, at_s: int, body: bytes) -> str:
    """The signature of one message by one key: the scheme's name, a comma, and base64."""
    signed = f"{message_id}.{at_s}.".encode() + body
    return f"{_SCHEME},{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


# --- what follows from an answer --------------------------------------------------------------------------------------


class State(StrEnum):
    """Where the telling of one event to one receiver stands; the value is the text in the ledger and in the API."""

    WAITING = "waiting"
    """It will be tried, or tried again."""
    DELIVERED = "delivered"
    """The receiver answered 2xx."""
    FAILED = "failed"
    """Every try failed, or the receiver said that it is gone; a replay tries again."""
    DISABLED = "disabled"
    """The webhook was disabled before it was told; a replay tells it when it is enabled again."""


class Fault(StrEnum):
    """Why there was no answer."""

    ADDRESS_REFUSED = "address_refused"
    """Its address leads inside, or is no https URL: we do not go there."""
    NOT_CONNECTED = "not_connected"
    CERTIFICATE = "certificate"
    TIMED_OUT = "timed_out"
    BROKEN_OFF = "broken_off"


class Disabled(StrEnum):
    """Why a webhook is told nothing."""

    CALLER = "caller"
    """Its caller switched it off."""
    OPERATOR = "operator"
    """Somebody who runs the service did."""
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """It failed for days without one success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one call: a ``status``, or a ``fault``. ``retry_after``: the header as it came."""

    status: int | None = None
    fault: Fault | None = None
    retry_after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What follows. ``wait_s``: before the next try of this event, None when there is none.

    ``pause_s``: for so long the receiver asked to be told nothing at all. ``gone``: the webhook is to be disabled.
    """

    state: State
    wait_s: float | None = None
    pause_s: float | None = None
    gone: bool = False


_SUCCESS = range(200, 300)
_GONE = 410


def judge(answer: Answer, tries: int, chance: float, now: datetime) -> Verdict:
    """What follows from the answer to the try of this number, the first being 1. ``chance``: 0 to 1, for the jitter."""
    if answer.status in _SUCCESS:
        return Verdict(state=State.DELIVERED)
    if answer.status == _GONE:
        return Verdict(state=State.FAILED, gone=True)
    pause_s = read_retry_after(answer.retry_after, now)
    if tries >= TRIES_MAX:
        return Verdict(state=State.FAILED, pause_s=pause_s)
    wait_s = WAITS_S[tries - 1] * (1 + JITTER * chance)
    return Verdict(state=State.WAITING, wait_s=max(wait_s, pause_s or 0.0), pause_s=pause_s)


_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def read_retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After asks for (RFC 9110 §10.2.3), a day at most; None for none, and for what is no such."""
    if text is None:
        return None
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), WEBHOOK_WAIT_MAX_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    wait_s = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return min(max(wait_s, 0.0), WEBHOOK_WAIT_MAX_S)
