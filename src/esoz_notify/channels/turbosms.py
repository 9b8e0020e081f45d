"""Viber and SMS through TurboSMS, each as a channel of its own: what is sent, what an answer and a report mean.

What belongs here: this provider's contract and nothing else. What does not: any other provider, the route, the network.
Source of the contract: TurboSMS's pages "HTTP API" and "Webhooks" (2026). Reasons: docs/providers/turbosms.md.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus

from esoz_notify.channels.accounts import check_texts
from esoz_notify.channels.dialogue import (
    Adapter,
    Capabilities,
    HttpCall,
    HttpReply,
    NoReply,
    OutboundMessage,
    PollDialogue,
    Receipt,
    ReceiptProblem,
    SubmitDialogue,
)
from esoz_notify.channels.http_status import by_status, told
from esoz_notify.channels.json_reading import ask, elements, identifier, integer, json_body, member, parse, word
from esoz_notify.channels.sending import life_s, one_by_one, too_long
from esoz_notify.channels.turbosms_codes import (
    ACCEPTED,
    DUPLICATE_REQUEST,
    NOT_SENT,
    REFUSED,
    UNKNOWN,
    UNKNOWN_WORD,
    WORDS,
)
from esoz_notify.core.callback_credentials import Signed
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown

VIBER_VALIDITY_S = (60, 86_400)
VIBER_TEXT_MAX = 1_000
POLL_IDS_MAX = 50
POLL_AFTER_S = (15.0, 45.0, 120.0, 600.0)
EVENT_TYPES: Mapping[Channel, str] = {Channel.VIBER: "DLR_VIBER_API", Channel.SMS: "DLR_SMS_API"}
EVENT_KEPT = timedelta(days=1)
"""For so long the first event of an id is the only one: its signature covers the id alone, and not what it says."""

_SHA1 = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurboSmsAccount:
    """One account on one channel. ``sender``: the alpha-name, or the name that Viber verified.

    ``signature_key``: the secret of its webhook; without it reports are only polled. ``transactional``: Viber's cheaper
    class, whose text must fit an approved pattern. Raises ConfigError naming the field and the rule.
    """

    name: str = "turbosms"
    channel: Channel
    token: str = field(repr=False)
    sender: str
    signature_key: str = field(default="", repr=False)
    transactional: bool = True

    def __post_init__(self) -> None:
        check_texts(self, self.name, "token", "sender")
        if self.channel not in EVENT_TYPES:
            raise ConfigError(f"{self.name}: channel must be {' or '.join(EVENT_TYPES)}")


def adapter(account: TurboSmsAccount) -> Adapter:
    """The dialogues of this provider bound to one account."""
    viber = account.channel is Channel.VIBER
    shortest, longest = VIBER_VALIDITY_S if viber else (0, 0)
    return Adapter(
        name=account.name,
        capabilities=Capabilities(
            channel=account.channel,
            recovery=Recovery.SAME_KEY,
            validity_min_s=shortest,
            validity_max_s=longest,
            callback=bool(account.signature_key),
            poll_after_s=POLL_AFTER_S,
            needs_phone=True,
            key_field="sequence_id",
            seen=viber,
            sender="a name that Viber verified" if viber else "an alpha-name",
        ),
        submit=partial(_submit, account),
        poll=partial(_poll, account),
        read_callback=partial(_read_callback, account) if account.signature_key else None,
        prove=partial(_prove, account) if account.signature_key else None,
    )


def _submit(account: TurboSmsAccount, messages: Sequence[OutboundMessage], _kept: Mapping[str, str]) -> SubmitDialogue:
    # One call for each: a sequence_id is of a whole request, and every text of ours is another.
    return one_by_one(messages, partial(_send_call, account), lambda _, reply: _result(reply))


def _send_call(account: TurboSmsAccount, message: OutboundMessage, phone: Phone) -> HttpCall | Refused:
    said: dict[str, object] = {"sender": account.sender, "text": message.text}
    if account.channel is Channel.VIBER:
        if refused := too_long(message.text, VIBER_TEXT_MAX):
            return refused
        said["ttl"] = life_s(message.validity_s, VIBER_VALIDITY_S)
        said["is_transactional"] = int(account.transactional)
    # One channel and never both: with both, TurboSMS would decide on the SMS, and nobody here would know of it.
    body = {"recipients": [phone.digits], "sequence_id": message.key, account.channel.value: said}
    return _call(account, "send", "/message/send.json", body)


def _call(account: TurboSmsAccount, label: str, path: str, body: object, *, idempotent: bool = False) -> HttpCall:
    return HttpCall(
        label=f"{account.name} {label}",
        method="POST",
        path=path,
        headers={"authorization": f"Bearer {account.token}", "content-type": "application/json"},
        body=json_body(body),
        idempotent=idempotent,
    )


def _result(reply: HttpReply | NoReply) -> Result:
    if isinstance(reply, NoReply) or reply.status != HTTPStatus.OK:
        return by_status(reply)
    body = parse(reply.body)
    whole = integer(member(body, "response_code"))
    recipients = elements(member(body, "response_result"))
    message_id = identifier(member(recipients[0], "message_id")) if recipients else None
    own = integer(member(recipients[0], "response_code")) if recipients else None
    # What is said of the recipient outranks what is said of the request.
    code = whole if own is None else own
    if code is None:
        return Unknown(detail="the answer has no code")
    detail = f"code {code}" if whole in {None, code} else f"code {code} of {whole}"
    if code in ACCEPTED or code == DUPLICATE_REQUEST:
        return Accepted((message_id,), detail) if message_id else Unknown(detail=f"{detail} without message_id")
    if code in REFUSED:
        return Refused(REFUSED[code], detail)
    if code in NOT_SENT:
        return TryLater(Reason.PROVIDER_FAULT, detail=detail)
    return Unknown(UNKNOWN.get(code, Reason.UNKNOWN), detail)


def _poll(account: TurboSmsAccount, message_ids: Sequence[str], _kept: Mapping[str, str]) -> PollDialogue:
    heard: list[Receipt | ReceiptProblem] = []
    for start in range(0, len(message_ids), POLL_IDS_MAX):
        body = {"messages": list(message_ids[start : start + POLL_IDS_MAX])}
        reply = yield from ask(_call(account, "status", "/message/status.json", body, idempotent=True))
        answer = told(reply, "status")
        if isinstance(answer, ReceiptProblem):
            heard.append(answer)
            break
        rows = member(parse(answer), "response_result")
        if not isinstance(rows, list):
            heard.append(ReceiptProblem("status: no array of results"))
            break
        heard += [_receipt(row, "updated", "status") for row in rows]
    return tuple(heard)


def _read_callback(
    account: TurboSmsAccount, _headers: Mapping[str, str], body: bytes
) -> tuple[Receipt | ReceiptProblem, ...]:
    event = parse(body)
    if member(event, "type") != EVENT_TYPES[account.channel]:
        return (ReceiptProblem(f"callback: not JSON, or not of the type {EVENT_TYPES[account.channel]}"),)
    return (_receipt(member(event, "data"), "dlr_date", "callback"),)


def _receipt(row: object, when: str, where: str) -> Receipt | ReceiptProblem:
    """One report or one row of statuses: the two have one shape but for the name of their time."""
    message_id = identifier(member(row, "message_id"))
    if message_id is None:
        return ReceiptProblem(f"{where}: message_id must be text of 1 to 200 plain characters")
    said = member(row, "status")
    status = word(said.replace(" ", "_")) if isinstance(said, str) else ""
    if not status:
        return ReceiptProblem(f"{where}: no status")
    state, reason = WORDS.get(status.lower(), UNKNOWN_WORD)
    return Receipt(
        provider_message_id=message_id,
        state=state,
        reason=reason,
        at=_moment(member(row, when)),
        raw_status=status,
    )


def _moment(value: object) -> datetime | None:
    """``YYYY-MM-DD HH:MM:SS`` of Kyiv, as TurboSMS writes times, in UTC."""
    try:
        at = datetime.strptime(value, "%Y-%m-%d %H:%M:%S") if isinstance(value, str) else None  # noqa: DTZ007
        return None if at is None else at.replace(tzinfo=KYIV).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _prove(account: TurboSmsAccount, _headers: Mapping[str, str], body: bytes, now: datetime) -> Signed | None:
    """Whether an event bears the account's signature. The first of an id is the only one that is taken."""
    event = parse(body)
    event_id, given = identifier(member(event, "id")), member(event, "signature")
    if event_id is None or not isinstance(given, str) or not _SHA1.fullmatch(given.lower()):
        return None
    # The document does not say in which order the two stand, so both are right. An id of plain characters only: in it
    # nobody can hide the padding by which SHA-1 of key and id could be lengthened without the key.
    key = account.signature_key
    wanted = [hashlib.sha1(said.encode()).hexdigest() for said in (key + event_id, event_id + key)]  # noqa: S324
    if not sum(hmac.compare_digest(one, given.lower()) for one in wanted):
        return None
    return Signed(hashlib.sha256(event_id.encode()).digest(), now + EVENT_KEPT, fresh=True)
