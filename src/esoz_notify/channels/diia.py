"""Push notifications of the Diia application: sign in, publish a template, distribute, ask what became of each.

What belongs here: this provider's contract and nothing else. What does not: any other provider, the route, the network.
Source of the contract: "Diia notifications API" in the documents of DDM platform 1.9.7 (epam/edp-ddm-architecture) and
the routes of Diia's own gateway (diia-open-source/be-gateway-service, 2024-07-23). Reasons: docs/providers/diia.md.
"""

import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import TypeAlias

from esoz_notify.channels.dialogue import (
    Adapter,
    Capabilities,
    Hearing,
    HttpCall,
    HttpReply,
    Keep,
    NoReply,
    OutboundMessage,
    PollDialogue,
    Receipt,
    ReceiptProblem,
    Saying,
    SubmitDialogue,
)
from esoz_notify.channels.json_reading import (
    ask,
    elements,
    identifier,
    json_body,
    member,
    parse,
    retry_after_s,
    word,
)
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown

BATCH_MAX = 200
"""Recipients in one distribution of ours; Diia takes 10,000, but a lost answer makes all of one call unknown."""
POLL_AFTER_S = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0)
BEARER_TTL_S = 7_200.0
"""The life of a bearer when it does not say itself (the document: two hours)."""
BEARER_TTL_MAX_S = 86_400.0
BEARER_MARGIN_S = 60.0
"""A bearer is renewed so long before its end: a dialogue that starts with it must be able to finish."""
TEMPLATE_TTL_S = 30 * 86_400.0
RECIPIENTS_PATH_TTL_S = 86_400.0
TAX_ID_DIGITS = 10
SHORT_TEXT_MAX, FULL_TEXT_MAX, TITLE_MAX = 200, 2_048, 60

SIGN_IN_PATH = "/api/v2/auth/partner"
TEMPLATE_PATH = "/api/v1/notification/template"
DISTRIBUTION_PATH = "/api/v1/notification/distribution/push"
RECIPIENTS_PATHS = (f"{DISTRIBUTION_PATH}/{{id}}", f"{DISTRIBUTION_PATH}/{{id}}/status")
"""Where the result per recipient is: in the document, and in Diia's own gateway. Told apart by the answer."""

ANOTHER_PATH = frozenset({200, 404, 405})
"""Answers after which the next of the paths is worth a try: something else is there, or nothing."""

JSON = {"accept": "application/json", "content-type": "application/json"}
BEARER, RECIPIENTS_PATH = "bearer", "recipients_path"
"""Names of kept values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiiaTemplate:
    """One template. ``full_text`` and ``short_text`` may hold placeholders in single braces, ``{key}``.

    ``template_id``: set it if the template was published by hand; then nothing is published by us. Raises ConfigError
    if a text is empty or longer than Diia takes (title 60, short text 200, full text 2048 characters).
    """

    title: str
    short_text: str
    full_text: str
    template_id: str | None = None

    def __post_init__(self) -> None:
        for name, length_max in (("title", TITLE_MAX), ("short_text", SHORT_TEXT_MAX), ("full_text", FULL_TEXT_MAX)):
            if not 1 <= len(getattr(self, name)) <= length_max:
                raise ConfigError(f"template {name} must be 1 to {length_max} characters; change the template")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiiaAccount:
    """One authorised partner. ``templates``: by our template name.

    ``time_to_live_s``: how long Diia shows a notification; one value for all, since it is a part of the template.
    ``need_auth``: the person must authenticate in the application to read the full text; medical texts need it.
    ``recipients_paths``: tried in order until one answers with recipients. Raises ConfigError on an empty token.
    """

    name: str = "diia"
    partner_token: str = field(repr=False)
    templates: Mapping[str, DiiaTemplate]
    need_auth: bool = True
    action_type: str = "message"
    template_type: str = "attention"
    time_to_live_s: int = 86_400
    recipients_paths: tuple[str, ...] = RECIPIENTS_PATHS

    def __post_init__(self) -> None:
        if not self.partner_token.strip():
            raise ConfigError(f"{self.name}: partner_token must not be empty; set it in the settings")


RECIPIENT_STATUSES: dict[str, tuple[ReceiptState, Reason | None]] = {
    "read": (ReceiptState.SEEN, None),
    "sent": (ReceiptState.SUBMITTED, None),  # handed to Apple or Google: no proof that a phone showed it
    "notification-generation-error": (ReceiptState.REJECTED, Reason.TEMPLATE),
    "send-error": (ReceiptState.UNDELIVERABLE, Reason.PROVIDER_FAULT),
    "error": (ReceiptState.UNDELIVERABLE, Reason.PROVIDER_FAULT),
    "not-found": (ReceiptState.UNDELIVERABLE, Reason.NOT_ON_CHANNEL),
}
"""The words of a recipient and of each of its devices, the best first: one device that read it is enough."""
UNKNOWN_WORD = (ReceiptState.UNKNOWN, None)

_BEST_FIRST = {status: rank for rank, status in enumerate(RECIPIENT_STATUSES)}
_UNKNOWN_RANK = 1.5
"""A word we do not know stands after ``sent`` and before every negative: it may be a new word for success."""

Call: TypeAlias = Generator[Saying, Hearing, "HttpReply | NoReply | Result"]
"""A call that needs a bearer: its answer, or, if there was no bearer to be had, the result that follows from that."""


@dataclass(slots=True)
class _Session:
    """What one dialogue learns as it goes. The bearer is renewed once at most."""

    bearer: str | None
    renewed: bool = False
    recipients_path: str | None = None


def adapter(account: DiiaAccount) -> Adapter:
    """The dialogues of this provider bound to one account."""
    return Adapter(
        name=account.name,
        capabilities=Capabilities(
            channel=Channel.DIIA,
            recovery=Recovery.SAME_KEY,
            batch_max=BATCH_MAX,
            poll_after_s=POLL_AFTER_S,
            needs_tax_id=True,
            key_field="resourceId",
            template_ids=True,
            seen=True,
            sender="the partner of the token",
        ),
        submit=partial(_submit, account),
        poll=partial(_poll, account),
    )


def _submit(account: DiiaAccount, messages: Sequence[OutboundMessage], kept: Mapping[str, str]) -> SubmitDialogue:
    results: dict[int, Result] = {}
    groups: dict[str, dict[int, OutboundMessage]] = {}
    for place, message in enumerate(messages):
        refused = _refused_here(account, message)
        if refused is None:
            groups.setdefault(message.template, {})[place] = message
        else:
            results[place] = refused
    session = _Session(kept.get(BEARER))
    left_out: Result | None = None
    for name, group in groups.items():
        if left_out is None:
            done = yield from _distribute(account, session, kept, name, group)
            results |= done
            left_out = _for_those_not_sent(done[max(done)])
        else:
            results |= dict.fromkeys(group, left_out)
    return tuple(results[place] for place in range(len(messages)))


def _refused_here(account: DiiaAccount, message: OutboundMessage) -> Refused | None:
    """What Diia would refuse anyway, said without a call, so that it cannot spoil the others of its batch."""
    if message.template not in account.templates:
        return Refused(Reason.TEMPLATE, "no such template in the account")
    if message.tax_id is None:
        return Refused(Reason.INVALID_NUMBER, "no tax id")
    if len(message.tax_id) != TAX_ID_DIGITS or not (message.tax_id.isascii() and message.tax_id.isdigit()):
        return Refused(Reason.INVALID_NUMBER, "the tax id is not ten digits")
    return None


def _for_those_not_sent(result: Result) -> Result | None:
    """What befalls the messages after ``result``: None if it was about its own message, else they do not leave now."""
    match result:
        case TryLater(reason, retry_after):
            return TryLater(reason, retry_after, "not sent")
        case Unknown(reason):
            return TryLater(reason, detail="not sent")
        case Refused(Reason.NOT_AUTHORISED):
            return result
        case _:
            return None


def _distribute(
    account: DiiaAccount,
    session: _Session,
    kept: Mapping[str, str],
    name: str,
    group: Mapping[int, OutboundMessage],
) -> Generator[Saying, Hearing, dict[int, Result]]:
    """Send the messages of one template."""
    template_id = yield from _template_id(account, session, kept, name)
    if not isinstance(template_id, str):
        return dict.fromkeys(group, template_id)
    reply = yield from _send(account, session, template_id, list(group.values()))
    if len(group) == 1 or not _spoiled_by_one(reply):
        return _results(reply, group)
    results: dict[int, Result] = {}
    left_out: Result | None = None
    for place, message in group.items():
        if left_out is None:
            reply = yield from _send(account, session, template_id, [message])
            results |= _results(reply, {place: message})
            left_out = _for_those_not_sent(results[place])
        else:
            results[place] = left_out
    return results


def _send(account: DiiaAccount, session: _Session, template_id: str, messages: Sequence[OutboundMessage]) -> Call:
    body = json_body({"templateId": template_id, "recipients": [_recipient(message) for message in messages]})
    call = HttpCall(label=f"{account.name} distribute", method="POST", path=DISTRIBUTION_PATH, body=body)
    return (yield from _authorised(account, session, call))


def _recipient(message: OutboundMessage) -> dict[str, object]:
    return {
        "rnokpp": message.tax_id,
        "id": message.key,
        # Diia removes an earlier notification of the same template and resource, so the same key again cannot double.
        "resourceId": message.key,
        "parameters": [{"key": key, "value": value} for key, value in message.parameters.items()],
    }


def _spoiled_by_one(reply: HttpReply | NoReply | Result) -> bool:
    """Whether one bad recipient may have refused the whole call."""
    return (
        isinstance(reply, HttpReply)
        and reply.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
        and not _is_database_error(reply)
    )


def _is_database_error(reply: HttpReply) -> bool:
    """422 is also how the gateway says that its database failed, which says nothing about our message."""
    return reply.status == HTTPStatus.UNPROCESSABLE_ENTITY and member(parse(reply.body), "name") == "DatabaseError"


def _results(reply: HttpReply | NoReply | Result, group: Mapping[int, OutboundMessage]) -> dict[int, Result]:
    """One result per message of one distribution call."""
    if isinstance(reply, HttpReply) and reply.status in {HTTPStatus.OK, HTTPStatus.CREATED}:
        distribution_id = identifier(member(parse(reply.body), "distributionId"))
        if distribution_id is not None:
            return {place: Accepted((f"{distribution_id}:{message.key}",)) for place, message in group.items()}
        return dict.fromkeys(group, Unknown(detail="the answer has no distributionId"))
    return dict.fromkeys(group, _distribution_failed(reply))


def _distribution_failed(reply: HttpReply | NoReply | Result) -> Result:
    if not isinstance(reply, HttpReply | NoReply):
        return reply
    if isinstance(reply, NoReply):
        return Unknown(Reason.NO_ANSWER) if reply.sent else TryLater(Reason.UNREACHABLE)
    if _is_database_error(reply):
        return Unknown(Reason.PROVIDER_FAULT, "http 422 DatabaseError")
    # 500, 502, 504 and whatever nobody documented: the call may have been taken and its answer lost on the way.
    return _refused_or_later(reply) or Unknown(Reason.PROVIDER_FAULT, f"http {reply.status}")


def _refused_or_later(reply: HttpReply) -> Refused | TryLater | None:
    """The documented answers that say the call was not taken; None for the rest."""
    detail = f"http {reply.status}"
    match reply.status:
        case 401 | 403:
            return Refused(Reason.NOT_AUTHORISED, detail)
        case 400 | 404 | 405 | 413 | 415 | 422:
            return Refused(Reason.PARAMETERS, detail)
        case 429:
            return TryLater(Reason.THROTTLED, retry_after_s(reply), detail)
        case 503:
            return TryLater(Reason.PROVIDER_FAULT, retry_after_s(reply), detail)
        case _:
            return None


def _preparation_failed(reply: HttpReply | NoReply, step: str, refused: Reason) -> Refused | TryLater:
    """What a failed sign-in or publication means: no message has left, so nothing is unknown."""
    if isinstance(reply, NoReply):
        return TryLater(Reason.NO_ANSWER if reply.sent else Reason.UNREACHABLE, detail=step)
    result = _refused_or_later(reply)
    if isinstance(result, Refused):
        reason = refused if result.reason is Reason.PARAMETERS else result.reason
        return Refused(reason, f"{step}: {result.detail}")
    if isinstance(result, TryLater):
        return TryLater(result.reason, result.retry_after_s, f"{step}: {result.detail}")
    return TryLater(Reason.PROVIDER_FAULT, detail=f"{step}: http {reply.status}")


def _template_id(
    account: DiiaAccount, session: _Session, kept: Mapping[str, str], name: str
) -> Generator[Saying, Hearing, str | Result]:
    """The id under which Diia knows a template; publishes it first if its text is new."""
    template = account.templates[name]
    if template.template_id is not None:
        return template.template_id
    body = json_body(
        {
            "actionType": account.action_type,
            "templateType": account.template_type,
            "title": template.title,
            "shortText": template.short_text,
            "fullText": template.full_text,
            "timeToLiveInSec": account.time_to_live_s,
            "removePrevious": True,
            "needAuth": account.need_auth,
        }
    )
    kept_as = f"template:{name}:{hashlib.sha256(body).hexdigest()[:16]}"
    if kept_as in kept:
        return kept[kept_as]
    # Publishing twice makes a second template and sends nothing: it may be repeated.
    call = HttpCall(label=f"{account.name} template", method="POST", path=TEMPLATE_PATH, body=body, idempotent=True)
    reply = yield from _authorised(account, session, call)
    if isinstance(reply, HttpReply) and reply.status in {HTTPStatus.OK, HTTPStatus.CREATED}:
        template_id = identifier(member(parse(reply.body), "templateId"))
        if template_id is None:
            return TryLater(Reason.PROVIDER_FAULT, detail="template: the answer has no templateId")
        yield Keep(kept_as, template_id, TEMPLATE_TTL_S)
        return template_id
    return _preparation_failed(reply, "template", Reason.TEMPLATE) if isinstance(reply, HttpReply | NoReply) else reply


def _authorised(account: DiiaAccount, session: _Session, call: HttpCall) -> Call:
    """Make one call with the bearer. A 401 means that nothing was done: sign in once more and repeat it."""
    while True:
        if session.bearer is None:
            failure = yield from _sign_in(account, session)
            if failure is not None:
                return failure
        reply = yield from ask(replace(call, headers=JSON | {"authorization": f"Bearer {session.bearer}"}))
        if isinstance(reply, NoReply) or reply.status != HTTPStatus.UNAUTHORIZED or session.renewed:
            return reply
        session.bearer, session.renewed = None, True


def _sign_in(account: DiiaAccount, session: _Session) -> Generator[Saying, Hearing, Refused | TryLater | None]:
    """Fetch a bearer into the session and have it kept; None if it went well."""
    reply = yield from ask(
        HttpCall(
            label=f"{account.name} sign in",
            method="POST",
            path=SIGN_IN_PATH,
            headers=JSON,
            body=json_body({"bearerToken": account.partner_token}),
            idempotent=True,
        )
    )
    if isinstance(reply, NoReply) or reply.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
        return _preparation_failed(reply, "sign in", Reason.NOT_AUTHORISED)
    token = member(parse(reply.body), "token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token.strip():
        return TryLater(Reason.PROVIDER_FAULT, detail="sign in: the answer has no token")
    session.bearer = token
    yield Keep(BEARER, token, _bearer_ttl_s(token))
    return None


def _bearer_ttl_s(token: str) -> float:
    """How long to keep a bearer: by its own claims if it is a JWT with both times, else as the document says.

    The difference of ``exp`` and ``iat`` is a duration by the issuer's own clock, so no clock of ours is needed.
    """
    lifetime_s = BEARER_TTL_S
    claims = _claims(token)
    issued, expires = member(claims, "iat"), member(claims, "exp")
    if isinstance(issued, int) and isinstance(expires, int) and expires > issued:
        lifetime_s = min(expires - issued, BEARER_TTL_MAX_S)
    return max(lifetime_s - BEARER_MARGIN_S, 1.0)


def _claims(token: str) -> object:
    """The claims of a JWT, unverified: they only say how long to keep it."""
    payload = [*token.split("."), ""][1]
    try:
        return parse(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return None


def _poll(account: DiiaAccount, message_ids: Sequence[str], kept: Mapping[str, str]) -> PollDialogue:
    asked: dict[str, set[str]] = {}
    heard: list[Receipt | ReceiptProblem] = []
    for message_id in message_ids:
        distribution_id, colon, key = message_id.rpartition(":")
        if colon and identifier(distribution_id):
            asked.setdefault(distribution_id, set()).add(key)
        else:
            heard.append(ReceiptProblem("poll: a message id must be distribution:key"))
    session = _Session(kept.get(BEARER), recipients_path=kept.get(RECIPIENTS_PATH))
    for distribution_id, keys in asked.items():
        recipients = yield from _recipients(account, session, distribution_id)
        if isinstance(recipients, ReceiptProblem):
            heard.append(recipients)
            break
        heard += _receipts(recipients, distribution_id, keys)
    return tuple(heard)


def _recipients(
    account: DiiaAccount, session: _Session, distribution_id: str
) -> Generator[Saying, Hearing, list[object] | ReceiptProblem]:
    """The recipients of one distribution, from the first path that has them; the one that had them last goes first."""
    for path in sorted(account.recipients_paths, key=lambda path: path != session.recipients_path):
        call = HttpCall(
            label=f"{account.name} recipients",
            method="GET",
            path=path.replace("{id}", distribution_id),
            idempotent=True,
        )
        reply = yield from _authorised(account, session, call)
        if not isinstance(reply, HttpReply):
            return ReceiptProblem("poll: no answer" if isinstance(reply, NoReply) else f"poll: {reply.detail}")
        recipients = member(parse(reply.body), "recipients") if reply.status == HTTPStatus.OK else None
        if isinstance(recipients, list):
            if path != session.recipients_path:
                session.recipients_path = path
                yield Keep(RECIPIENTS_PATH, path, RECIPIENTS_PATH_TTL_S)
            return recipients
        if reply.status not in ANOTHER_PATH:
            return ReceiptProblem(f"poll: http {reply.status}")
    return ReceiptProblem("poll: no path answered with recipients")


def _receipts(recipients: list[object], distribution_id: str, keys: set[str]) -> list[Receipt | ReceiptProblem]:
    """Receipts of those recipients that were asked for; a distribution holds others too."""
    heard: list[Receipt | ReceiptProblem] = []
    for recipient in recipients:
        key = identifier(member(recipient, "id"))
        if key is None:
            heard.append(ReceiptProblem("poll: a recipient without a readable id"))
        elif key in keys:
            heard.append(_receipt(f"{distribution_id}:{key}", recipient))
    return heard


def _receipt(message_id: str, recipient: object) -> Receipt | ReceiptProblem:
    said = [member(recipient, "status")] + [
        member(device, "status") for device in elements(member(recipient, "devices"))
    ]
    words = [word(status) for status in said if status is not None]
    if not words:
        return ReceiptProblem("poll: a recipient without a status")
    best = min(words, key=lambda status: _BEST_FIRST.get(status, _UNKNOWN_RANK))
    state, reason = RECIPIENT_STATUSES.get(best, UNKNOWN_WORD)
    return Receipt(provider_message_id=message_id, state=state, reason=reason, raw_status=best)
