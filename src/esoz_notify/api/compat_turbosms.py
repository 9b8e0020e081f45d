"""The calls of TurboSMS's HTTP API that send a text and ask what became of it, on top of our own use cases.

What belongs here: its bodies and answers. What does not: its codes and failures (``compat_turbosms_envelope``), what is
done (engine). docs/migrating.md tells what differs, and why. What would change what a person gets and cannot be done
here is refused; what only says how it should travel is taken and not used, because the policy decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Response

from esoz_notify.api.compat_shapes import IDS_MAX, RECIPIENTS_MAX, SEQUENCE_LENGTH_MAX
from esoz_notify.api.compat_turbosms_envelope import Code, row, told
from esoz_notify.api.edge import Asking, caller, edge, read_object
from esoz_notify.api.recording import TRACEPARENT
from esoz_notify.api.routing import answers
from esoz_notify.core.errors import Conflict, InvalidInput, LimitReached, Unavailable
from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.phone import Phone, spelled_phone
from esoz_notify.core.status import Outcome, Status
from esoz_notify.engine.esoz import read_body
from esoz_notify.engine.views import Json

_CHANNELS = ("sms", "viber")
_WHOLE = frozenset({"recipients", "sequence_id", "sender", "text", "token", *_CHANNELS})
_PART = frozenset({"sender", "text", "ttl", "is_transactional"})
_TEXT_CODES: Mapping[str, Code] = {
    "required": Code.REQUIRED_MESSAGE_TEXT,
    "empty": Code.REQUIRED_MESSAGE_TEXT,
    "too_long": Code.NOT_ALLOWED_MESSAGE_TEXT_LENGTH,
}

STATUSES: Mapping[Status, str] = {
    Status.ACCEPTED: "Queued",
    Status.PRINT_REQUIRED: "Queued",
    Status.IN_DELIVERY: "Sent",
    Status.DELIVERED: "Delivered",
    Status.PRINTED: "Delivered",
    Status.UNDELIVERED: "Undelivered",
    Status.EXPIRED: "Expired",
    Status.CANCELLED: "Cancelled",
}
"""What a status is called here; a message that was seen is ``READ``."""

READ = "Read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A checked request. ``phones``: in its order, None for what is no Ukrainian mobile number."""

    phones: tuple[Phone | None, ...]
    body: str = field(repr=False)
    sequence_id: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused whole, for programs and for whoever reads it."""

    code: Code
    detail: str


@answers("turbosms_ping")
async def ping(request: Asking) -> Response[bytes]:  # noqa: ARG001 - the gate has looked at it
    """Tell that the key is good."""
    return told(Code.PONG)


@answers("turbosms_send")
async def send(request: Asking) -> Response[bytes]:
    """Have a text sent to everybody listed, each by itself."""
    read = read_sending(await read_object(request))
    if isinstance(read, Refusal):
        return told(read.code, None, read.detail)
    rows: list[dict[str, Any]] = []
    taken = replayed = 0
    is_away = False
    for number, phone in enumerate(read.phones):
        if is_away:
            rows.append(row(Code.FAILED_SMS_SEND, None, phone=None if phone is None else phone.digits))
            continue
        try:
            said, is_replay = await _send_one(request, read, number, phone)
        except Unavailable:
            if not taken:
                raise
            # Those before it will be sent, and their ids must be told; of this one nobody knows, and none waits for it.
            is_away = True
            said, is_replay = row(Code.FATAL_ERROR, None, phone=None if phone is None else phone.digits), False
        rows.append(said)
        taken += said["message_id"] is not None
        replayed += is_replay
    if not taken:
        return told(Code(rows[0]["response_code"]), rows)
    if replayed == len(rows):
        return told(Code.FAILED_DUPLICATE_REQUEST, rows)
    whole = Code.SUCCESS_MESSAGE_ACCEPTED if taken == len(rows) else Code.SUCCESS_MESSAGE_PARTIAL_ACCEPTED
    return told(whole, rows)


async def _send_one(request: Asking, read: Sending, number: int, phone: Phone | None) -> tuple[dict[str, Any], bool]:
    """Its row, and whether it was sent by an earlier request of this ``sequence_id``. Raises Unavailable."""
    if phone is None:
        return row(Code.INVALID_PHONE, None, phone=None), False
    said = {"phone": phone.digits}
    if phone in read.phones[:number]:
        return row(Code.NOT_ALLOWED_RECIPIENT_DUPLICATE, None, **said), False
    key = None if read.sequence_id is None else f"turbosms/{read.sequence_id}#{number}"
    try:
        taken = await edge(request).service.esoz.send_plain(
            caller(request).client_id, phone, read.body, key=key, traceparent=request.scope["state"][TRACEPARENT]
        )
    except LimitReached:
        return row(Code.NOT_ALLOWED_MESSAGE_DUPLICATE, None, **said), False
    except Conflict:
        return row(Code.FAILED_DUPLICATE_REQUEST, None, **said), False
    return row(Code.OK, str(taken.stored.id), **said), taken.replayed


def read_sending(asked: Mapping[str, object]) -> Sending | Refusal:
    """What is asked for, or why it cannot be done."""
    if asked.get("start_time"):
        return Refusal(Code.NOT_ALLOWED_START_TIME, "start_time: nothing is sent later; send it when it is due")
    parts = [(name, asked[name]) for name in _CHANNELS if asked.get(name) is not None]
    if not parts or not all(isinstance(part, Mapping) for _, part in parts):
        return Refusal(Code.NOT_ALLOWED_MESSAGE_DATA, "give sms, viber or both, each an object")
    strange = [name for name in asked if name not in _WHOLE and asked[name]]
    strange += [
        name for _, part in parts if isinstance(part, Mapping) for name in part if name not in _PART and part[name]
    ]
    if strange:
        known = ", ".join(sorted(_PART))
        return Refusal(Code.NOT_ALLOWED_MESSAGE_DATA, f"only a text can be sent; a part may have: {known}")
    sequence_id = asked.get("sequence_id")
    if sequence_id is not None and not _is_sequence(sequence_id):
        rule = f"sequence_id: 1 to {SEQUENCE_LENGTH_MAX} printable characters"
        return Refusal(Code.NOT_ALLOWED_MESSAGE_DATA, rule)
    phones = _read_phones(asked.get("recipients"))
    if isinstance(phones, Refusal):
        return phones
    # Of two texts it is that of the SMS: it can be read whichever channel it comes by.
    texts = [part["text"] for _, part in parts if isinstance(part, Mapping) and part.get("text") is not None]
    try:
        body = read_body(texts[0] if texts else asked.get("text"))
    except InvalidInput as error:
        first = error.problems[0]
        return Refusal(_TEXT_CODES.get(first.code, Code.INVALID_MESSAGE_TEXT), f"text: {first.detail}")
    return Sending(phones=phones, body=body, sequence_id=None if sequence_id is None else str(sequence_id))


def _is_sequence(value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return isinstance(value, str) and 0 < len(value) <= SEQUENCE_LENGTH_MAX and value.isprintable()


def _read_phones(value: object) -> tuple[Phone | None, ...] | Refusal:
    if not isinstance(value, list) or not value:
        return Refusal(Code.REQUIRED_MESSAGE_RECIPIENT, "recipients: an array of phones")
    if len(value) > RECIPIENTS_MAX:
        return Refusal(Code.NOT_ALLOWED_RECIPIENTS_LIMIT, f"recipients: {RECIPIENTS_MAX} at most in one call")
    return tuple(spelled_phone(one) if isinstance(one, str) else None for one in value)


@answers("turbosms_status")
async def status(request: Asking) -> Response[bytes]:
    """What became of some messages."""
    read = read_ids(await read_object(request))
    if isinstance(read, Refusal):
        return told(read.code, None, read.detail)
    views = await edge(request).service.several(caller(request), [one for one in read if one is not None])
    return told(Code.OK, [_status(one, None if one is None else views.get(one)) for one in read])


def read_ids(asked: Mapping[str, object]) -> Sequence[UUID | None] | Refusal:
    """Ids of messages in the order asked, None for what cannot be one of ours; or why nothing can be told."""
    given = asked.get("messages")
    if not isinstance(given, list) or not given:
        return Refusal(Code.INVALID_REQUEST, "messages: an array of message_id")
    if len(given) > IDS_MAX:
        return Refusal(Code.INVALID_REQUEST, f"messages: {IDS_MAX} at most in one call")
    return tuple(_read_id(one) for one in given)


def _read_id(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _status(message_id: UUID | None, view: Json | None) -> dict[str, object]:
    shown_id = None if message_id is None else str(message_id)
    if view is None:
        return row(Code.NOT_ALLOWED_MESSAGE_ID, shown_id)
    last = view["attempts"][-1] if view["attempts"] else None
    is_read = any(one["outcome"] == Outcome.READ.value for one in view["attempts"])
    word = STATUSES[Status(view["status"])]
    return row(
        Code.OK,
        shown_id,
        recipient=view["recipient"]["phone"],
        sent=_kyiv(last["submitted_at"]) if last else None,
        updated=_kyiv(view["ended_at"] or view["created_at"]),
        status=READ if is_read and view["status"] == Status.DELIVERED.value else word,
        type=view["delivered_by"] or (last["channel"] if last else None),
    )


def _kyiv(moment: str | None) -> str | None:
    """A time as TurboSMS writes it: of Kyiv, without a zone."""
    return None if moment is None else f"{datetime.fromisoformat(moment).astimezone(KYIV):%Y-%m-%d %H:%M:%S}"
