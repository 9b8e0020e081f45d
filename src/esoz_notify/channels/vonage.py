"""Viber and SMS through Vonage's Messages API, each as a channel of its own: what is sent, what answers mean.

What belongs here: this provider's contract and nothing else. What does not: any other provider, the route, the network.
Source of the contract: Vonage's pages on the Messages API, version 1 (2026). Reasons: docs/providers/vonage.md.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from esoz_notify.channels.accounts import check_texts
from esoz_notify.channels.dialogue import (
    Adapter,
    Capabilities,
    HttpCall,
    HttpReply,
    NoReply,
    OutboundMessage,
    Receipt,
    ReceiptProblem,
    SubmitDialogue,
)
from esoz_notify.channels.http_status import by_status
from esoz_notify.channels.json_reading import (
    elements,
    identifier,
    integer,
    json_body,
    member,
    moment,
    parse,
    price,
    retry_after_s,
    word,
)
from esoz_notify.channels.sending import basic, life_s, one_by_one, too_long
from esoz_notify.channels.vonage_codes import CODES, FIELDS, LATER, PROVES_NOTHING, REASONS, STATES, UNSURE
from esoz_notify.core.callback_credentials import REPLAY_WINDOW, SECRET_LENGTH_MIN, Signed
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import NEGATIVE, Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown

CHANNELS: Mapping[Channel, str] = {Channel.VIBER: "viber_service", Channel.SMS: "sms"}
VALIDITY_S: Mapping[Channel, tuple[int, int]] = {Channel.VIBER: (30, 259_200), Channel.SMS: (20, 259_200)}
"""Shortest and longest life of a message; of SMS what Vonage's SMS API takes, and how long it tries by itself."""
TEXT_MAX = 1_000
SENDER_MAX: Mapping[Channel, int] = {Channel.VIBER: 50, Channel.SMS: 15}
ALPHA_NAME_MAX = 11
TOKEN_LIFE = timedelta(minutes=15)
"""How long a token of ours is good; it is made anew for each call."""
STATUS_LIFE = timedelta(days=1)
"""For so long Vonage tries to bring a status; whether a later try is signed anew is not documented."""

_DECIMAL = re.compile(r"[0-9]{1,4}(\.[0-9]{1,12})?", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,3}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    **{f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")},
}
"""Claims about time are looked at here, by the time that is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VonageAccount:
    """One account on one channel. ``sender``: the alpha-name, or the id of the Viber service.

    Calls are signed by the key of an application (``application_id``, ``private_key`` as PEM), or go with ``api_key``
    and ``api_secret``. ``signature_secret`` proves statuses: without it nobody would tell what became of a message.
    ``webhook_url``: where these messages are reported; else where the application says. ``transactional``: Viber's
    class of informative messages; ``templates``: Vonage was told the approved patterns of this sender, and texts are
    sent as such. Raises ConfigError naming the field and the rule.
    """

    name: str = "vonage"
    channel: Channel
    sender: str
    signature_secret: str = field(repr=False)
    application_id: str = ""
    private_key: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    api_secret: str = field(default="", repr=False)
    webhook_url: str = field(default="", repr=False)
    transactional: bool = True
    templates: bool = False

    def __post_init__(self) -> None:
        check_texts(self, self.name, "sender", "signature_secret")
        if self.channel not in CHANNELS:
            raise ConfigError(f"{self.name}: channel must be {' or '.join(CHANNELS)}")
        alpha = self.channel is Channel.SMS and not self.sender.isdigit()
        longest = ALPHA_NAME_MAX if alpha else SENDER_MAX[self.channel]
        if len(self.sender) > longest or not self.sender.isascii():
            raise ConfigError(f"{self.name}: sender must be at most {longest} characters of ASCII on this channel")
        if len(self.signature_secret) < SECRET_LENGTH_MIN:
            raise ConfigError(f"{self.name}: signature_secret must have {SECRET_LENGTH_MIN} characters or more")
        signed, shown = bool(self.application_id or self.private_key), bool(self.api_key or self.api_secret)
        if signed is shown:
            raise ConfigError(f"{self.name}: either application_id and private_key, or api_key and api_secret")
        check_texts(self, self.name, *(("application_id",) if signed else ("api_key", "api_secret")))
        if signed:
            _read_key(self)


def _read_key(account: VonageAccount) -> RSAPrivateKey:
    """The key of the application. Raises ConfigError, without a word of the key."""
    try:
        key = load_pem_private_key(account.private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError(f"{account.name}: private_key must be the PEM file of the application, an RSA key") from None
    return key


def adapter(account: VonageAccount) -> Adapter:
    """The dialogues of this provider bound to one account."""
    viber = account.channel is Channel.VIBER
    shortest, longest = VALIDITY_S[account.channel]
    key = _read_key(account) if account.private_key else None
    return Adapter(
        name=account.name,
        capabilities=Capabilities(
            channel=account.channel,
            recovery=Recovery.WAIT_THEN_OTHER,
            validity_min_s=shortest,
            validity_max_s=longest,
            callback=True,
            message_id_is_key=True,
            needs_phone=True,
            seen=viber,
            price=True,
            sender="the id of a Viber service" if viber else f"an alpha-name of at most {ALPHA_NAME_MAX} characters",
        ),
        submit=partial(_submit, account, key),
        read_callback=partial(_read_callback, account),
        prove=partial(_prove, account),
    )


def _submit(
    account: VonageAccount, key: RSAPrivateKey | None, messages: Sequence[OutboundMessage], _kept: Mapping[str, str]
) -> SubmitDialogue:
    return one_by_one(messages, partial(_send_call, account, key), lambda message, reply: _result(message.key, reply))


def _send_call(
    account: VonageAccount, key: RSAPrivateKey | None, message: OutboundMessage, phone: Phone
) -> HttpCall | Refused:
    if refused := too_long(message.text, TEXT_MAX):
        return refused
    # No failover: with it Vonage would decide on the SMS, and nobody here would know of it.
    body: dict[str, object] = {
        "message_type": "text",
        "channel": CHANNELS[account.channel],
        "to": phone.digits,
        "from": account.sender,
        "text": message.text,
        "client_ref": message.key,
        "webhook_version": "v1",
    }
    ttl = life_s(message.validity_s, VALIDITY_S[account.channel])
    if account.channel is Channel.VIBER:
        category = "transaction" if account.transactional else "promotion"
        body["viber_service"] = {"category": category, "ttl": ttl} | ({"type": "template"} if account.templates else {})
    else:
        body["ttl"] = ttl
    if account.webhook_url:
        body["webhook_url"] = account.webhook_url
    headers = {"content-type": "application/json", "accept": "application/json"}
    if key is None:
        headers["authorization"] = basic(account.api_key, account.api_secret)
    return HttpCall(
        label=f"{account.name} send",
        method="POST",
        path="/v1/messages",
        headers=headers,
        body=json_body(body),
        timed_headers=partial(_bearer, account.application_id, key, message.key) if key is not None else None,
    )


def _bearer(application_id: str, key: RSAPrivateKey, about: str, now: datetime) -> Mapping[str, str]:
    """The header of one call: a token of the application that is good for a while, and that no other call has."""
    at_s = int(now.timestamp())
    claims = {
        "application_id": application_id,
        "iat": at_s,
        "exp": at_s + int(TOKEN_LIFE.total_seconds()),
        "jti": str(uuid5(NAMESPACE_URL, f"{application_id} {about} {now.isoformat()}")),
    }
    return {"authorization": f"Bearer {jwt.encode(claims, key, algorithm='RS256')}"}


def _result(key: str, reply: HttpReply | NoReply) -> Result:
    if isinstance(reply, NoReply):
        return by_status(reply)
    body = parse(reply.body)
    if reply.status == HTTPStatus.ACCEPTED:
        # By our own reference its statuses name the message; the provider's id is for whoever asks Vonage about it.
        uuid = identifier(member(body, "message_uuid"))
        return Accepted((key,), f"message_uuid {uuid}") if uuid else Unknown(detail="http 202 without message_uuid")
    code = _code(body)
    by_code = HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if not code or not by_code or reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return by_status(reply)
    reason, detail = _reason(code, body), f"code {code}"
    if code in LATER:
        return TryLater(reason, retry_after_s(reply), detail)
    return Unknown(reason, detail) if code in UNSURE else Refused(reason, detail)


def _code(problem: object) -> str:
    """The number of an error, or its word, from its type or its title; empty if there is none that we know."""
    kind, title = member(problem, "type"), member(problem, "title")
    found = kind.rpartition("#")[2] if isinstance(kind, str) else ""
    return next((said for said in (found, str(title)) if said in CODES), "")


def _reason(code: str, problem: object) -> Reason:
    reason = CODES[code]
    if reason is not Reason.PARAMETERS:
        return reason
    named = [word(member(one, "name")) for one in elements(member(problem, "invalid_parameters"))]
    return next((FIELDS[name] for name in named if name in FIELDS), reason)


def _read_callback(
    account: VonageAccount, _headers: Mapping[str, str], body: bytes
) -> tuple[Receipt | ReceiptProblem, ...]:
    status = parse(body)
    if member(status, "channel") != CHANNELS[account.channel]:
        return (ReceiptProblem(f"callback: not JSON, or not of the channel {CHANNELS[account.channel]}"),)
    key = identifier(member(status, "client_ref"))
    if key is None:
        return (ReceiptProblem("callback: client_ref must be text of 1 to 200 plain characters"),)
    said = word(member(status, "status"))
    if not said:
        return (ReceiptProblem("callback: no status"),)
    state, reason, code = _end(account, said, member(status, "error"))
    amount, count = member(status, "usage", "price"), member(status, "sms", "count_total")
    return (
        Receipt(
            provider_message_id=key,
            state=state,
            reason=reason,
            at=moment(member(status, "timestamp")),
            raw_status=said,
            detail=f"code {code}" if code else "",
            price=price(_number(amount), member(status, "usage", "currency")),
            segment_count=int(count) if isinstance(count, str) and _COUNT.fullmatch(count) else integer(count),
        ),
    )


def _end(account: VonageAccount, said: str, error: object) -> tuple[ReceiptState, Reason | None, str]:
    """State and reason of a status word and the error beside it, and the code of that."""
    state = STATES.get(said, ReceiptState.UNKNOWN)
    if state not in NEGATIVE:
        return state, None, ""
    code = _code(error)
    if code in PROVES_NOTHING:
        return ReceiptState.UNKNOWN, None, code
    reason = _reason(code, error) if code else REASONS[state]
    if reason is Reason.VALIDITY:
        return ReceiptState.EXPIRED, reason, code
    if reason is Reason.NOT_ON_CHANNEL and account.channel is Channel.SMS:
        reason = Reason.OPERATOR  # a number that one network does not have says nothing about SMS
    return state, reason, code


def _number(value: object) -> object:
    """An amount, which Vonage writes as text."""
    return float(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else value


def _prove(account: VonageAccount, headers: Mapping[str, str], body: bytes, now: datetime) -> Signed | None:
    """Whether a status bears a token that the account's secret signed, about this very body and of these days."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        claims = jwt.decode(token, account.signature_secret, algorithms=["HS256"], options=_SIGNATURE_ONLY)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None
    payload_hash, digest = claims.get("payload_hash"), hashlib.sha256(body)
    if not isinstance(payload_hash, str) or not _SHA256.fullmatch(payload_hash.lower()):
        return None
    if not hmac.compare_digest(payload_hash.lower(), digest.hexdigest()):
        return None
    # The mark is of the body: the same status says the same by whichever token it comes.
    return Signed(digest.digest(), now + STATUS_LIFE + 2 * REPLAY_WINDOW, _is_of_these_days(claims, now))


def _is_of_these_days(claims: Mapping[str, object], now: datetime) -> bool:
    at_s, slack_s = now.timestamp(), REPLAY_WINDOW.total_seconds()
    issued_s, expires_s = _seconds(claims.get("iat")), _seconds(claims.get("exp", at_s))
    if issued_s is None or expires_s is None:
        return False
    return -slack_s <= at_s - issued_s <= STATUS_LIFE.total_seconds() + slack_s and at_s <= expires_s + slack_s


def _seconds(value: object) -> float | None:
    """A NumericDate (RFC 7519 §2)."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
