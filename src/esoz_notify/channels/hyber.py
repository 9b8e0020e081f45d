"""Viber and SMS through GMS's Hyber, each as a channel of its own: what is sent, what answers and reports mean.

What belongs here: this provider's contract and nothing else. What does not: any other provider, the route, the network.
Source of the contract: GMS's "Hyber API, JSON v2" (read 2026). Its table of codes is not public, so hardly any number
has a meaning here; what that leaves open: docs/providers/hyber.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
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
from esoz_notify.channels.json_reading import ask, identifier, integer, json_body, member, parse
from esoz_notify.channels.sending import basic, life_s, one_by_one, too_long
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, Unknown
from esoz_notify.core.sms_text import count

VALIDITY_S: Mapping[Channel, tuple[int, int]] = {Channel.VIBER: (40, 86_400), Channel.SMS: (300, 259_200)}
VIBER_TEXT_MAX = 1_000
SMS_PARTS_MAX = 5
"""335 letters of Cyrillic or 765 of Latin, as the document says, are five parts."""
ALPHA_NAME_MAX = 11
CALLBACK_URL_MAX = 256
POLL_AFTER_S = (15.0, 45.0, 120.0, 600.0)

PENDING, DELIVERED, FAILED = -1, 2, 3
DELIVERED_TO_PHONE = 23
"""The substatus of each delivery in the document; what status 2 means with another is not said."""
EXPIRED = 35015
"""Of the detailed numbers the only one of a failure whose words are in the document."""
BLOCKED = "hyber"
"""In the place of a channel: the platform blocked the message itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HyberAccount:
    """One account on one channel. ``client_id``: the number in its addresses; ``sender``: the alpha-name.

    ``callback_url``: where GMS reports; without it reports are only polled. Raises ConfigError naming the field.
    """

    name: str = "hyber"
    channel: Channel
    client_id: str
    login: str
    password: str = field(repr=False)
    sender: str
    callback_url: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        check_texts(self, self.name, "client_id", "login", "password", "sender")
        if self.channel not in VALIDITY_S:
            raise ConfigError(f"{self.name}: channel must be {' or '.join(VALIDITY_S)}")
        if not (self.client_id.isascii() and self.client_id.isdigit()):
            raise ConfigError(f"{self.name}: client_id must be a number, in quotes")
        if len(self.sender) > ALPHA_NAME_MAX or not self.sender.isascii():
            raise ConfigError(f"{self.name}: sender must be at most {ALPHA_NAME_MAX} characters of ASCII")
        if len(self.callback_url) > CALLBACK_URL_MAX:
            raise ConfigError(f"{self.name}: callback_url must be at most {CALLBACK_URL_MAX} characters")


def adapter(account: HyberAccount) -> Adapter:
    """The dialogues of this provider bound to one account."""
    shortest, longest = VALIDITY_S[account.channel]
    return Adapter(
        name=account.name,
        capabilities=Capabilities(
            channel=account.channel,
            recovery=Recovery.WAIT_THEN_OTHER,
            validity_min_s=shortest,
            validity_max_s=longest,
            callback=bool(account.callback_url),
            message_id_is_key=True,
            poll_after_s=POLL_AFTER_S,
            needs_phone=True,
            sender=f"an alpha-name of at most {ALPHA_NAME_MAX} characters",
        ),
        submit=partial(_submit, account),
        poll=partial(_poll, account),
        read_callback=_read_callback if account.callback_url else None,
    )


def _submit(account: HyberAccount, messages: Sequence[OutboundMessage], _kept: Mapping[str, str]) -> SubmitDialogue:
    return one_by_one(messages, partial(_send_call, account), lambda message, reply: _result(message.key, reply))


def _refused_here(account: HyberAccount, message: OutboundMessage) -> Refused | None:
    if account.channel is Channel.VIBER:
        return too_long(message.text, VIBER_TEXT_MAX)
    many = count(message.text).segment_count > SMS_PARTS_MAX
    return Refused(Reason.CONTENT, f"more than {SMS_PARTS_MAX} parts") if many else None


def _send_call(account: HyberAccount, message: OutboundMessage, phone: Phone) -> HttpCall | Refused:
    if refused := _refused_here(account, message):
        return refused
    options: dict[str, object] = {
        "text": message.text,
        "alpha_name": account.sender,
        "ttl": life_s(message.validity_s, VALIDITY_S[account.channel]),
        # Links of a medical text are neither changed nor counted.
        "ctr": False,
    }
    if account.channel is Channel.VIBER:
        options["device"] = "phone"  # and on no tablet or desktop beside it
    # One channel and never both: with both, GMS would decide on the SMS, and nobody here would know of it.
    body: dict[str, object] = {
        "phone_number": int(phone.digits),
        "extra_id": message.key,
        "channels": [account.channel.value],
        "channel_options": {account.channel.value: options},
    }
    if account.callback_url:
        body["callback_url"] = account.callback_url
    return HttpCall(
        label=f"{account.name} send",
        method="POST",
        path=f"/{account.client_id}",
        headers=_headers(account) | {"content-type": "application/json"},
        body=json_body(body),
    )


def _headers(account: HyberAccount) -> dict[str, str]:
    return {"authorization": basic(account.login, account.password)}


def _result(key: str, reply: HttpReply | NoReply) -> Result:
    if isinstance(reply, NoReply) or reply.status != HTTPStatus.OK:
        return by_status(reply)
    body = parse(reply.body)
    message_id, accepted = identifier(member(body, "message_id")), member(body, "accepted")
    code = integer(member(body, "error_code"))
    detail = "" if code is None else f", code {code}"
    if accepted is True and message_id and code is None:
        # By our own reference its reports name the message; the provider's id is for whoever asks GMS about it.
        return Accepted((key,), f"message_id {message_id}")
    if accepted is False:
        return Refused(Reason.UNKNOWN, f"not accepted{detail}")
    return Unknown(Reason.PROVIDER_FAULT, f"neither accepted nor not{detail}")


def _poll(account: HyberAccount, message_ids: Sequence[str], _kept: Mapping[str, str]) -> PollDialogue:
    heard: list[Receipt | ReceiptProblem] = []
    for message_id in message_ids:
        reply = yield from ask(
            HttpCall(
                label=f"{account.name} report",
                method="GET",
                path=f"/{account.client_id}/api/dr/external/{message_id}/simple",
                headers=_headers(account),
                idempotent=True,
                about_reports=True,
            )
        )
        answer = told(reply, "report")
        if not isinstance(answer, ReceiptProblem):
            heard.append(_receipt(parse(answer), "last_partner", "report"))
            continue
        heard.append(answer)
        if isinstance(reply, NoReply) or reply.status != HTTPStatus.NOT_FOUND:
            break  # it is not about one message
    return tuple(heard)


def _read_callback(_headers: Mapping[str, str], body: bytes) -> tuple[Receipt | ReceiptProblem, ...]:
    """One report, or those that GMS has gathered."""
    said = parse(body)
    return tuple(_receipt(one, "sent_via", "callback") for one in (said if isinstance(said, list) else [said]))


def _receipt(report: object, by_channel: str, where: str) -> Receipt | ReceiptProblem:
    """One report, pushed or asked for: the two have one shape but for the name of the channel."""
    key = identifier(member(report, "extra_id"))
    if key is None:
        return ReceiptProblem(f"{where}: extra_id must be text of 1 to 200 plain characters")
    said = [member(report, name) for name in ("status", "substatus", "hyber_status")]
    status, substatus, detailed = (PENDING if one == PENDING else integer(one) for one in said)
    if status is None:
        return ReceiptProblem(f"{where}: status must be a number")
    state, reason = _end(status, substatus, detailed, blocked=member(report, by_channel) == BLOCKED)
    template = integer(member(report, "matching_template_id"))
    return Receipt(
        provider_message_id=key,
        state=state,
        reason=reason,
        at=_moment(member(report, "time")),
        raw_status="/".join("?" if one is None else str(one) for one in (status, substatus, detailed)),
        # It is billed dearer, and Viber may refuse the next.
        detail="fits no template" if template == 0 else "",
        segment_count=integer(member(report, "total_sms_parts")),
    )


def _end(
    status: int, substatus: int | None, detailed: int | None, *, blocked: bool
) -> tuple[ReceiptState, Reason | None]:
    if status == PENDING:
        return ReceiptState.SUBMITTED, None
    if (status, substatus) == (DELIVERED, DELIVERED_TO_PHONE):
        return ReceiptState.DELIVERED, None
    if status != FAILED:
        return ReceiptState.UNKNOWN, None
    if detailed == EXPIRED:
        return ReceiptState.EXPIRED, Reason.VALIDITY
    return (ReceiptState.REJECTED if blocked else ReceiptState.UNDELIVERABLE), Reason.UNKNOWN


def _moment(value: object) -> datetime | None:
    """Milliseconds since 1970, as GMS writes times."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
