"""Viber Business Messages through Infobip: what is sent, what an answer, a report and a log mean.

What belongs here: this provider's contract and nothing else. What does not: any other provider, the route, the network.
Source of the contract: Infobip OpenAPI 3.210.0 (2026-07-23), paths /viber/2/messages and /viber/2/logs, and Infobip's
"Response status and error codes" (2026-07-25). Reasons for each choice: docs/providers/infobip.md.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from urllib.parse import quote

from esoz_notify.channels.accounts import check_texts
from esoz_notify.channels.dialogue import (
    Adapter,
    Capabilities,
    Hearing,
    HttpCall,
    HttpReply,
    NoReply,
    OutboundMessage,
    PollDialogue,
    Receipt,
    ReceiptProblem,
    Saying,
    SubmitDialogue,
)
from esoz_notify.channels.http_status import by_status, told
from esoz_notify.channels.infobip_codes import ERRORS, GROUPS, STATUSES, Meaning
from esoz_notify.channels.json_reading import (
    ask,
    elements,
    identifier,
    integer,
    json_body,
    member,
    moment,
    parse,
    price,
)
from esoz_notify.channels.sending import life_s
from esoz_notify.core.channel import Channel
from esoz_notify.core.receipts import NEGATIVE, Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown

VALIDITY_MIN_S = 30
"""Viber's own floor of a message's life (Rakuten rules, as its partners publish them)."""
VALIDITY_MAX_S = 172_800
"""Infobip cuts a longer validity to 48 h by itself; we say so first, so that the ledger and the provider agree."""
BATCH_MAX = 50
POLL_IDS_MAX = 50
"""The messageId query takes at most 2048 characters: 50 UUIDs with commas are 1849."""
POLL_AFTER_S = (15.0, 45.0, 120.0, 600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class InfobipAccount:
    """One account. ``templates``: our template name to the templateId that Viber approved for this sender.

    ``callback_url``: where Infobip posts reports; without it they are only polled. It may hold a secret: not in the
    repr. ``primary_device_only`` keeps a medical text off other devices, ``activation_check`` off a phone number that
    changed hands lately (Infobip must enable it for the sender). Raises ConfigError on an empty key or sender.
    """

    name: str = "infobip"
    api_key: str = field(repr=False)
    sender: str
    templates: Mapping[str, str]
    callback_url: str | None = field(default=None, repr=False)
    primary_device_only: bool = True
    activation_check: bool = False

    def __post_init__(self) -> None:
        check_texts(self, self.name, "api_key", "sender")


SPOILED_BY_ONE = frozenset({400, 413, 422})
"""Statuses by which one bad message may have refused a whole batch."""


def adapter(account: InfobipAccount) -> Adapter:
    """The dialogues of this provider bound to one account."""
    return Adapter(
        name=account.name,
        capabilities=Capabilities(
            channel=Channel.VIBER,
            recovery=Recovery.SAME_KEY,
            validity_min_s=VALIDITY_MIN_S,
            validity_max_s=VALIDITY_MAX_S,
            batch_max=BATCH_MAX,
            callback=account.callback_url is not None,
            message_id_is_key=True,
            poll_after_s=POLL_AFTER_S,
            needs_phone=True,
            key_field="messageId",
            template_ids=True,
            seen=True,
            price=True,
            sender="a name that Viber verified",
        ),
        submit=partial(_submit, account),
        poll=partial(_poll, account),
        read_callback=_read_callback,
    )


def _submit(account: InfobipAccount, messages: Sequence[OutboundMessage], _kept: Mapping[str, str]) -> SubmitDialogue:
    results: dict[int, Result] = {}
    elements_of_call: dict[int, dict[str, object]] = {}
    for place, message in enumerate(messages):
        made = _element(account, message)
        if isinstance(made, Refused):
            results[place] = made
        else:
            elements_of_call[place] = made
    if elements_of_call:
        keys = {place: messages[place].key for place in elements_of_call}
        results |= yield from _send(account, elements_of_call, keys)
    return tuple(results[place] for place in range(len(messages)))


def _send(
    account: InfobipAccount, batch: Mapping[int, Mapping[str, object]], keys: Mapping[int, str]
) -> Generator[Saying, Hearing, dict[int, Result]]:
    reply = yield from ask(_send_call(account, list(batch.values())))
    if len(batch) == 1 or isinstance(reply, NoReply) or reply.status not in SPOILED_BY_ONE:
        return _results(reply, keys)
    results: dict[int, Result] = {}
    left_out: Result | None = None
    for place, element in batch.items():
        if left_out is None:
            reply = yield from ask(_send_call(account, [element]))
            results |= _results(reply, {place: keys[place]})
            if isinstance(reply, NoReply) or reply.status not in SPOILED_BY_ONE | {HTTPStatus.OK}:
                left_out = _for_those_not_sent(results[place])
        else:
            results[place] = left_out
    return results


def _for_those_not_sent(result: Result) -> Result:
    """The result of the messages that come after a failure which is not about one message: they never left."""
    return TryLater(result.reason, detail="not sent") if isinstance(result, Unknown) else result


def _send_call(account: InfobipAccount, messages: list[Mapping[str, object]]) -> HttpCall:
    # Links in a medical text are neither shortened nor counted; Infobip does both unless told not to.
    options = {"tracking": {"shortenUrl": False, "trackClicks": False}}
    return HttpCall(
        label=f"{account.name} send",
        method="POST",
        path="/viber/2/messages",
        headers=_headers(account) | {"content-type": "application/json"},
        body=json_body({"messages": messages, "options": options}),
    )


def _headers(account: InfobipAccount) -> dict[str, str]:
    return {"authorization": f"App {account.api_key}", "accept": "application/json"}


def _element(account: InfobipAccount, message: OutboundMessage) -> dict[str, object] | Refused:
    template_id = account.templates.get(message.template)
    if template_id is None:
        return Refused(Reason.TEMPLATE, "no templateId for this template")
    if message.phone is None:
        return Refused(Reason.INVALID_NUMBER, "no phone")
    options: dict[str, object] = {
        "validityPeriod": {
            "amount": life_s(message.validity_s, (VALIDITY_MIN_S, VALIDITY_MAX_S)),
            "timeUnit": "SECONDS",
        },
        "toPrimaryDeviceOnly": account.primary_device_only,
    }
    if account.activation_check:
        options["activationCheck"] = True
    content: dict[str, object] = {"type": "TEMPLATE", "templateId": template_id, "language": message.language}
    if message.parameters:  # to be left out where the template has none
        content["parameters"] = dict(message.parameters)
    element: dict[str, object] = {
        "sender": account.sender,
        "destinations": [{"to": message.phone.digits, "messageId": message.key}],
        "content": content,
        "options": options,
    }
    if account.callback_url is not None:
        element["webhooks"] = {
            "delivery": {"url": account.callback_url, "intermediateReport": False},
            "seen": {"url": account.callback_url},
            "contentType": "application/json",
        }
    return element


def _results(reply: HttpReply | NoReply, keys: Mapping[int, str]) -> dict[int, Result]:
    """One result per place for one answer."""
    if isinstance(reply, NoReply) or reply.status != HTTPStatus.OK:
        result = by_status(reply)
        return dict.fromkeys(keys, result)
    said: dict[str, Meaning] = {}
    for element in elements(member(parse(reply.body), "messages")):
        message_id = identifier(member(element, "messageId"))
        if message_id is not None:
            said.setdefault(message_id, _meaning(element))
    return {place: _result(key, said.get(key)) for place, key in keys.items()}


def _result(key: str, meaning: Meaning | None) -> Result:
    if meaning is None:
        return Unknown(detail="the answer does not name this message")
    if meaning.reason is Reason.DUPLICATE:
        return Accepted((key,), meaning.name)
    if meaning.state is ReceiptState.UNKNOWN:
        return Unknown(detail=meaning.name)
    if meaning.state in NEGATIVE:
        return Refused(meaning.reason or Reason.UNKNOWN, meaning.name)
    return Accepted((key,), meaning.name)


def _meaning(element: object) -> Meaning:
    """The status of one element, made precise by its error where the status is a negative."""
    group_id, status_id = integer(member(element, "status", "groupId")), integer(member(element, "status", "id"))
    if group_id not in GROUPS:
        return Meaning("no status known to us", ReceiptState.UNKNOWN)
    meaning = STATUSES.get((group_id, -1 if status_id is None else status_id), GROUPS[group_id])
    error_id = integer(member(element, "error", "id"))
    if meaning.state not in NEGATIVE or not error_id:
        return meaning
    if error_id in ERRORS:
        return ERRORS[error_id]
    if meaning.reason is None and member(element, "error", "permanent") is False:
        return Meaning(meaning.name, meaning.state, Reason.PROVIDER_FAULT)
    return meaning


def _read_callback(_headers: Mapping[str, str], body: bytes) -> tuple[Receipt | ReceiptProblem, ...]:
    return _receipts(body, "callback")


def _receipts(body: bytes, where: str) -> tuple[Receipt | ReceiptProblem, ...]:
    results = member(parse(body), "results")
    if not isinstance(results, list):
        return (ReceiptProblem(f"{where}: not JSON with an array of results"),)
    return tuple(_receipt(element, where) for element in results)


def _receipt(element: object, where: str) -> Receipt | ReceiptProblem:
    """One delivery report, seen report or log row: the three have one shape, but a seen report has no status."""
    message_id = identifier(member(element, "messageId"))
    if message_id is None:
        return ReceiptProblem(f"{where}: messageId must be text of 1 to 200 plain characters")
    seen = member(element, "seenAt")
    if seen is not None:
        return Receipt(
            provider_message_id=message_id, state=ReceiptState.SEEN, at=moment(seen), raw_status="SEEN", detail="seenAt"
        )
    if not isinstance(member(element, "status"), dict):
        return ReceiptProblem(f"{where}: neither a status nor seenAt")
    meaning = _meaning(element)
    numbers = [integer(member(element, *path)) for path in (("status", "groupId"), ("status", "id"), ("error", "id"))]
    reason = meaning.reason
    if meaning.state in NEGATIVE and reason is None:
        reason = Reason.UNKNOWN
    return Receipt(
        provider_message_id=message_id,
        state=meaning.state,
        reason=reason,
        at=moment(member(element, "doneAt")) or moment(member(element, "sentAt")),
        raw_status=meaning.name,
        detail="status {}/{} error {}".format(*("?" if number is None else number for number in numbers)),
        price=price(member(element, "price", "pricePerMessage"), member(element, "price", "currency")),
        segment_count=integer(member(element, "messageCount")),
    )


def _poll(account: InfobipAccount, message_ids: Sequence[str], _kept: Mapping[str, str]) -> PollDialogue:
    heard: list[Receipt | ReceiptProblem] = []
    for start in range(0, len(message_ids), POLL_IDS_MAX):
        ids = ",".join(quote(message_id, safe="") for message_id in message_ids[start : start + POLL_IDS_MAX])
        reply = yield from ask(
            HttpCall(
                label=f"{account.name} logs",
                method="GET",
                path=f"/viber/2/logs?messageId={ids}&limit=1000",
                headers=_headers(account),
                idempotent=True,
            )
        )
        body = told(reply, "logs")
        if isinstance(body, ReceiptProblem):
            heard.append(body)
            break
        heard += _receipts(body, "logs")
    return tuple(heard)
