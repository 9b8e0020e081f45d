"""SMS through any gateway that is reached by HTTP and described by settings: calls, answers and reports by description.

What belongs here: doing what a description says. What does not: reading and checking one (``http_sms_form``), and any
one gateway. How to describe one: docs/providers/http-sms.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

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
from esoz_notify.channels.http_sms_form import AnswerRule, CallForm, HttpSmsAccount, ReportForm, places_of, put, said
from esoz_notify.channels.http_status import by_status
from esoz_notify.channels.json_reading import ask, elements, identifier, integer, json_body, parse, retry_after_s, word
from esoz_notify.core.channel import Channel
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown
from esoz_notify.core.sms_text import Encoding, count

ID_MAX = 10**18
TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
UNKNOWN_WORD = (ReceiptState.UNKNOWN, None)


def adapter(account: HttpSmsAccount) -> Adapter:
    """The dialogues of the described gateway."""
    return Adapter(
        name=account.name,
        capabilities=Capabilities(
            channel=Channel.SMS,
            recovery=Recovery.SAME_KEY if account.repeat_known else Recovery.WAIT_THEN_OTHER,
            validity_min_s=account.validity_min_s,
            validity_max_s=account.validity_max_s,
            callback=account.report is not None,
            poll_after_s=account.poll_after_s,
            needs_phone=True,
            key_field=next(_key_fields({**account.headers, **account.send.fields}), "path")
            if account.repeat_known
            else "",
            seen=any(state is ReceiptState.SEEN for state, _ in account.states.values()),
            sender="what the description says",
        ),
        submit=partial(_submit, account),
        poll=None if account.poll is None else partial(_poll, account),
        read_callback=None if account.report is None else partial(_read_callback, account, account.report),
    )


def _key_fields(tree: Mapping[str, Any]) -> Iterator[str]:
    """Names of the fields in which our key stands."""
    for name, value in tree.items():
        for inner in [value] if isinstance(value, Mapping) else elements(value):
            if isinstance(inner, Mapping):
                yield from _key_fields(inner)
        if "key" in places_of(value) and isinstance(value, str):
            yield name


# --- sending ----------------------------------------------------------------------------------------------------------


def _submit(account: HttpSmsAccount, messages: Sequence[OutboundMessage], _kept: Mapping[str, str]) -> SubmitDialogue:
    results: list[Result] = []
    for message in messages:
        if message.phone is None:
            results.append(Refused(Reason.INVALID_NUMBER, "no phone"))
        elif not account.unicode and count(message.text).encoding is Encoding.UCS2:
            results.append(Refused(Reason.CONTENT, "letters that this gateway does not carry"))
        else:
            reply = yield from ask(_send_call(account, message, message.phone))
            results.append(_result(account, reply))
    return tuple(results)


def _send_call(account: HttpSmsAccount, message: OutboundMessage, phone: Phone) -> HttpCall:
    # Whole seconds, rounded down: a message must not live longer than we wait for it.
    validity_s = int(min(max(message.validity_s, account.validity_min_s), account.validity_max_s))
    values = {"phone": phone.digits, "text": message.text, "key": message.key, "validity_s": str(validity_s)}
    return _call(account, "send", account.send, values)


def _call(
    account: HttpSmsAccount, label: str, form: CallForm, values: Mapping[str, str], *, idempotent: bool = False
) -> HttpCall:
    in_path = {name: quote(value, safe="") for name, value in values.items()}
    path, body, content = put(form.path, in_path), b"", {}
    if form.format == "json":
        body = json_body(_filled(form.fields, values))
    elif form.fields:
        pairs = urlencode([(name, put(value, values)) for name, value in form.fields.items()])
        path, body = (f"{path}?{pairs}", b"") if form.format == "query" else (path, pairs.encode("ascii"))
    if form.format in TYPES:
        content = {"content-type": TYPES[form.format]}
    headers = {name.lower(): put(value, values) for name, value in account.headers.items()}
    return HttpCall(
        label=f"{account.name} {label}",
        method=form.method,
        path=path,
        headers=content | headers,
        body=body,
        idempotent=idempotent,
    )


def _filled(tree: object, values: Mapping[str, str]) -> object:
    """A tree with its places filled. A text that is the place of seconds and nothing else becomes a number."""
    if isinstance(tree, str):
        return int(values["validity_s"]) if tree == "{validity_s}" else put(tree, values)
    if isinstance(tree, Mapping):
        return {name: _filled(value, values) for name, value in tree.items()}
    return [_filled(value, values) for value in tree] if isinstance(tree, list) else tree


def _result(account: HttpSmsAccount, reply: HttpReply | NoReply) -> Result:
    if isinstance(reply, NoReply):
        return by_status(reply)
    body = parse(reply.body)
    rule = next((one for one in account.answers if _fits(one, reply.status, body)), None)
    taken = HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES
    if rule is None and not taken:
        return by_status(reply)
    detail = f"http {reply.status} {_shown(at(body, rule.member)) if rule else ''}".rstrip()
    if rule is not None and rule.result == "refused":
        return Refused(rule.reason, detail)
    if rule is not None and rule.result == "later":
        return TryLater(rule.reason, retry_after_s(reply), detail)
    message_id = identifier_of(at(body, account.id))
    if message_id is None or (rule is not None and rule.result == "unknown"):
        return Unknown(detail=f"{detail} without an id" if message_id is None else detail)
    return Accepted((message_id,), detail)


def _fits(rule: AnswerRule, status: int, body: object) -> bool:
    if rule.statuses and status not in rule.statuses:
        return False
    return not rule.member or said(at(body, rule.member)) in rule.words


def at(value: object, path: Sequence[str]) -> object:
    """What stands at a path of members and numbers of elements; None where a step is missing."""
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def identifier_of(value: object) -> str | None:
    """An id that is a text or a number."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < ID_MAX
    return str(value) if is_number else identifier(value)


# --- reports ----------------------------------------------------------------------------------------------------------


def _read_callback(
    account: HttpSmsAccount, form: ReportForm, _headers: Mapping[str, str], body: bytes
) -> tuple[Receipt | ReceiptProblem, ...]:
    whole = parse(body) if form.format == "json" else _form(body)
    rows = at(whole, form.rows) if form.rows else [whole]
    if not isinstance(rows, list) or whole is None:
        return (ReceiptProblem(f"callback: not {form.format} with reports where the description says"),)
    return tuple(_receipt(account, at(row, form.id), at(row, form.status), "callback") for row in rows)


def _form(body: bytes) -> Mapping[str, str] | None:
    try:
        return dict(parse_qsl(body.decode(), strict_parsing=True, max_num_fields=100))
    except ValueError:
        return None


def _receipt(account: HttpSmsAccount, message_id: object, status: object, where: str) -> Receipt | ReceiptProblem:
    known = identifier_of(message_id)
    if known is None:
        return ReceiptProblem(f"{where}: no id of a message where the description says")
    if not said(status):
        return ReceiptProblem(f"{where}: no status where the description says")
    state, reason = account.states.get(said(status), UNKNOWN_WORD)
    return Receipt(provider_message_id=known, state=state, reason=reason, raw_status=_shown(status))


def _shown(value: object) -> str:
    """A code or a word of a gateway as it may be told: short, and nothing that could be a number of a person."""
    number = integer(value)
    return word(value) if number is None else str(number)


def _poll(account: HttpSmsAccount, message_ids: Sequence[str], _kept: Mapping[str, str]) -> PollDialogue:
    assert account.poll is not None
    assert account.polled is not None
    heard: list[Receipt | ReceiptProblem] = []
    for message_id in message_ids:
        reply = yield from ask(_call(account, "poll", account.poll, {"id": message_id}, idempotent=True))
        if isinstance(reply, HttpReply) and reply.status == HTTPStatus.OK:
            status = at(parse(reply.body), account.polled.status)
            heard.append(_receipt(account, message_id, status, "poll"))
            continue
        heard.append(ReceiptProblem("poll: no answer" if isinstance(reply, NoReply) else f"poll: http {reply.status}"))
        if isinstance(reply, NoReply) or reply.status != HTTPStatus.NOT_FOUND:
            break  # it is not about one message
    return tuple(heard)
