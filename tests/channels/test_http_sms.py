"""A gateway of a description: each field does what it says, and each that breaks its rule is named."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.channels.adapter_contract import MESSAGE, AdapterCase, AdapterContract, Conversation, json_reply, messages

from esoz_notify.channels import http_sms
from esoz_notify.channels.dialogue import HttpCall, HttpReply, NoReply, Receipt, ReceiptProblem
from esoz_notify.channels.http_sms_form import HttpSmsAccount, read_account
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown
from esoz_notify.core.toml import read_toml

FULL = """
id = "messages.0.id"
repeat_known = true
validity_min_s = 60
validity_max_s = 86400
headers = { Authorization = "Bearer KEY-OF-ACCOUNT" }

[send]
method = "POST"
path = "/v1/sms"

[send.fields]
from = "E-health"
ttl = "{validity_s}"
flags = [1, true]
message = { to = "+{phone}", body = ["{text}"], reference = "{key}" }

[[answer]]
status = 409
member = "error.code"
is = "duplicate"
result = "accepted"

[[answer]]
member = "error.code"
is = ["number", 12]
result = "refused"
reason = "invalid_number"

[[answer]]
status = [200, 202]
member = "error.code"
is = "busy"
result = "later"
reason = "throttled"

[[answer]]
status = 299
result = "unknown"

[states]
ENROUTE = "submitted"
DELIVRD = "delivered"
UNDELIV = "undeliverable absent"
5 = "rejected stoplist"

[report]
rows = "reports"
id = "id"
status = "state"

[poll]
method = "GET"
path = "/v1/sms/{id}"
status = "state"
after_s = [15, 60]
"""
PLAIN = """
id = "1"
headers = { Idempotency-Key = "{key}" }
unicode = false
send = { method = "GET", path = "/send/{phone}", fields = { msg = "{text}", user = "us" } }
states = { read = "seen" }
report = { format = "form", id = "msgid", status = "s" }
"""


def account_of(text: str, **parts: object) -> HttpSmsAccount:
    return replace(read_account("gate", read_toml(text)), **parts)  # type: ignore[arg-type]


def healthy(call: HttpCall) -> HttpReply:
    if call.method == "GET":
        return json_reply({"state": "ENROUTE"})
    reference = json.loads(call.body)["message"]["reference"]
    return json_reply({"messages": [{"id": f"id-{reference}"}]}, status=202)


def report(state: object) -> bytes:
    return json.dumps({"reports": [{"id": f"id-{MESSAGE.key}", "state": state}]}).encode()


CASE = AdapterCase(
    adapter=http_sms.adapter(account_of(FULL)),
    healthy=healthy,
    submits=lambda call: call.method == "POST",
    names=lambda call, key: key in call.body.decode(),
    without_address=replace(MESSAGE, key="018f0000-0000-7000-8000-abcdefabcdef", phone=None),
    poll_id="u-1",
    vocabulary=("messages", "id", "error", "code", "state", "reports"),
    statuses=dict.fromkeys((400, 401, 402, 403, 404, 422), Refused)
    | dict.fromkeys((429, 503), TryLater)
    | dict.fromkeys((200, 302, 500, 502, 504), Unknown),
    receipts={ReceiptState.DELIVERED: report("DELIVRD"), ReceiptState.UNDELIVERABLE: report("undeliv")},
)


class TestHttpSmsContract(AdapterContract):
    """A described gateway under the common contract."""

    case = CASE


def result_of(value: object, status: int = 200) -> Result:
    (result,), _ = CASE.submit(messages(1), lambda _: json_reply(value, status, {"retry-after": "9"}))
    return result


def sent(described: str, **parts: object) -> HttpCall:
    conversation = Conversation(lambda _: HttpReply(status=500))
    conversation.run(http_sms.adapter(account_of(described)).submit([replace(MESSAGE, **parts)], {}))  # type: ignore[arg-type]
    return conversation.calls[0]


def test_a_json_call_is_filled_as_described() -> None:
    """Places are filled anywhere in the tree, once; seconds alone are a number; what has no place is sent as it is."""
    call = sent(FULL, text="{key} {phone}")
    assert (call.method, call.path) == ("POST", "/v1/sms")
    assert call.headers == {"content-type": "application/json", "authorization": "Bearer KEY-OF-ACCOUNT"}
    assert json.loads(call.body) == {
        "from": "E-health",
        "ttl": 900,
        "flags": [1, True],
        "message": {"to": "+380000000001", "body": ["{key} {phone}"], "reference": MESSAGE.key},
    }


@pytest.mark.parametrize(("validity_s", "ttl"), [(1.0, 60), (61.9, 61), (1e6, 86_400)])
def test_validity_stays_within_its_bounds(validity_s: float, ttl: int) -> None:
    """Whole seconds, rounded down, between those that the gateway takes."""
    assert json.loads(sent(FULL, validity_s=validity_s).body)["ttl"] == ttl


def test_a_query_and_a_form_are_encoded() -> None:
    """No text can add a parameter or a step of the path, in a query as in a form; the key may go in a header."""
    call = sent(PLAIN, text="a&b=c/?#")
    assert (call.method, call.body, call.headers) == ("GET", b"", {"idempotency-key": MESSAGE.key})
    assert urlsplit(call.path).path == "/send/380000000001"
    assert parse_qs(urlsplit(call.path).query) == {"msg": ["a&b=c/?#"], "user": ["us"]}
    form = sent(PLAIN.replace('"GET"', '"POST", format = "form"'), text="a&b=c/?#")
    assert parse_qs(form.body.decode()) == {"msg": ["a&b=c/?#"], "user": ["us"]}
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    in_path = PLAIN.replace('/send/{phone}", fields = { msg = "{text}", user = "us" }', '/{phone}/{text}"')
    bare = sent(in_path, text="a&b=c/?#")
    assert (bare.path, bare.body) == ("/380000000001/a%26b%3Dc%2F%3F%23", b"")


def test_letters_that_are_not_carried_are_refused_here() -> None:
    """A gateway without Unicode is not given Ukrainian text, of which it would make question marks."""
    dialogue = http_sms.adapter(account_of(PLAIN)).submit([MESSAGE], {})
    refused = (Refused(Reason.CONTENT, "letters that this gateway does not carry"),)
    assert Conversation(healthy).run(dialogue) == refused


@pytest.mark.parametrize(
    ("body", "status", "result"),
    [
        ({"messages": [{"id": 17}]}, 200, Accepted(("17",), "http 200")),
        ({"messages": [{"id": "u-1"}], "error": {"code": "Duplicate"}}, 409, Accepted(("u-1",), "http 409 Duplicate")),
        ({"error": {"code": "duplicate"}}, 409, Unknown(detail="http 409 duplicate without an id")),
        ({"error": {"code": 12}}, 200, Refused(Reason.INVALID_NUMBER, "http 200 12")),
        ({"error": {"code": "busy"}}, 200, TryLater(Reason.THROTTLED, 9.0, "http 200 busy")),
        ({"messages": [{"id": "u-1"}], "error": {"code": "busy"}}, 201, Accepted(("u-1",), "http 201")),
        ({"messages": [{"id": "u-1"}]}, 299, Unknown(detail="http 299")),
        ({"messages": [{"id": True}]}, 200, Unknown(detail="http 200 without an id")),
        ({"messages": []}, 200, Unknown(detail="http 200 without an id")),
        ({"messages": {"0": {"id": "u-1"}}}, 200, Accepted(("u-1",), "http 200")),
        ({}, 409, Unknown(Reason.PROVIDER_FAULT, "http 409")),
    ],
)
def test_answers_by_the_first_rule_that_fits(body: object, status: int, result: Result) -> None:
    """By status, by word or by both; without a rule by HTTP; and nothing is accepted without an id."""
    assert result_of(body, status) == result


def heard(text: str, body: bytes) -> tuple[Receipt | ReceiptProblem, ...]:
    reader = http_sms.adapter(account_of(text)).read_callback
    assert reader is not None
    return reader({}, body)


@pytest.mark.parametrize(
    ("text", "body", "said"),
    [
        (PLAIN, b"msgid=7&s=READ", Receipt(provider_message_id="7", state=ReceiptState.SEEN, raw_status="READ")),
        (PLAIN, b"msgid=7&s=new", Receipt(provider_message_id="7", state=ReceiptState.UNKNOWN, raw_status="new")),
        (PLAIN, b"msgid=7", ReceiptProblem("callback: no status where the description says")),
        (PLAIN, b"s=READ", ReceiptProblem("callback: no id of a message where the description says")),
        (PLAIN, b"\xff", ReceiptProblem("callback: not form with reports where the description says")),
        (FULL, b"[]", ReceiptProblem("callback: not json with reports where the description says")),
        (
            FULL,
            report(5),
            Receipt(
                provider_message_id=f"id-{MESSAGE.key}",
                state=ReceiptState.REJECTED,
                reason=Reason.STOPLIST,
                raw_status="5",
            ),
        ),
    ],
)
def test_reports_are_read_where_the_description_says(text: str, body: bytes, said: object) -> None:
    """Words in any case, numbers as well; a word that is not described proves nothing."""
    assert heard(text, body) == (said,)


def test_polls_go_on_past_one_unknown_message_alone() -> None:
    """One call for each message; 404 is about one, anything else ends the asking."""
    answers = iter([HttpReply(status=404), json_reply({"state": "DELIVRD"}), HttpReply(status=500)])
    poll = CASE.adapter.poll
    assert poll is not None
    conversation = Conversation(lambda _: next(answers))
    said = conversation.run(poll(["a/b", "b", "c", "d"], {}))
    assert [call.path for call in conversation.calls] == ["/v1/sms/a%2Fb", "/v1/sms/b", "/v1/sms/c"]
    assert [getattr(one, "what", "") or getattr(one, "state", "") for one in said] == [
        "poll: http 404",
        ReceiptState.DELIVERED,
        "poll: http 500",
    ]
    assert Conversation(lambda _: NoReply(sent=True)).run(poll(["a"], {})) == (ReceiptProblem("poll: no answer"),)


def test_what_is_described_is_declared() -> None:
    """Whether a repeat is known, where the key stands, and what reports tell."""
    plain = http_sms.adapter(account_of(PLAIN, repeat_known=True)).capabilities
    assert (plain.key_field, plain.seen, plain.callback, plain.poll_after_s) == ("Idempotency-Key", True, True, ())
    assert http_sms.adapter(account_of(PLAIN)).capabilities.recovery is Recovery.WAIT_THEN_OTHER
    in_path = PLAIN.replace("Idempotency-Key", "x").replace('"{key}"', '"y"').replace("/{phone}", "/{phone}/{key}")
    assert http_sms.adapter(account_of(in_path, repeat_known=True)).capabilities.key_field == "path"
    no_reports = http_sms.adapter(account_of(PLAIN, report=None))
    assert (no_reports.read_callback, no_reports.poll) == (None, None)
    in_list = account_of(FULL.replace('reference = "{key}" }', 'more = [{ ref = "{key}" }, "x"] }'))
    assert http_sms.adapter(in_list).capabilities.key_field == "ref"


def changed(**parts: Any) -> Mapping[str, Any]:
    """The full description with some of its fields changed; None takes one out; dots lead into tables."""
    table = read_toml(FULL)
    for name, value in parts.items():
        *within, last = name.split("__")
        place = table
        for step in within:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return table


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"id": None}, "id: must be names of members"),
        ({"id": "a..b"}, "id: must be names of members"),
        ({"send": None}, r"send: is missing: a table \[provider.send\]"),
        ({"send": 5}, r"send: must be a table \[provider.send\]"),
        ({"send__method": "DELETE"}, "send.method: must be one of POST, GET, PUT"),
        ({"send__method": "GET", "send__format": "json"}, "send.format: must be query where the method is GET"),
        ({"send__format": "xml"}, "send.format: must be one of json, form, query"),
        ({"send__path": "v1"}, "send.path: must begin with /"),
        ({"send__path": 5}, "send.path: must be a text"),
        ({"send__path": "/v1?x=1"}, "send.path: must begin with /"),
        ({"send__path": "/{id}"}, r"send.path: {id} is no place; there are {phone}, {text}, {key}, {validity_s}"),
        ({"send__fields": {"a": "{txt}"}}, "send.fields: {txt} is no place"),
        ({"send__fields": {"a": "{phone}"}}, "send: {phone} and {text} must stand somewhere"),
        ({"send__fields": [1]}, "send.fields: must be a table of texts, numbers, lists and tables"),
        ({"send__fields": {"a": [[[[[[[[["deep"]]]]]]]]]}}, "at most 8 deep"),
        ({"send__format": "form"}, "send.fields: must be a table of texts at most"),
        ({"send__stray": 1}, "send.stray: is no field here"),
        ({"headers": {"a": "ї"}}, "headers: must be printable ASCII"),
        ({"headers": {"a": 1}}, "headers: must be a table of texts"),
        ({"headers": {"a": "{text}"}}, "headers: {text} is no place; there are {key}"),
        ({"stray": 1}, "stray: is no field here"),
        ({"repeat_known": "yes"}, "repeat_known: must be true or false"),
        ({"send__fields__message": {"to": "{phone}", "body": "{text}"}}, "repeat_known: true needs {key}"),
        ({"validity_max_s": 0, "validity_min_s": 0}, "validity_max_s: must be given exactly if {validity_s}"),
        ({"validity_min_s": 90_000}, "validity_min_s: must not be more than validity_max_s"),
        ({"validity_min_s": True}, "validity_min_s: must be seconds"),
        ({"answer": {"a": 1}}, r"answer: must be tables \[\[provider.answer\]\]"),
        ({"answer": [{"result": "maybe", "status": 1}]}, "answer 1: result: must be one of accepted, refused"),
        ({"answer": [{"result": "accepted"}]}, "answer 1: status: needs a number"),
        ({"answer": [{"result": "accepted", "member": "a"}]}, "answer 1: is: needs the words"),
        ({"answer": [{"result": "accepted", "status": [{}]}]}, "answer 1: status: must be a text or a number"),
        ({"answer": [{"result": "refused", "status": 1}]}, "answer 1: reason: is needed"),
        ({"answer": [{"result": "refused", "status": 1, "reason": "mood"}]}, "answer 1: reason: must be one of"),
        ({"answer": [{"result": "unknown", "status": 1, "to": 1}]}, "answer 1: to: is no field here"),
        ({"states": None}, "states: is needed to read reports"),
        ({"states": {"A": "arrived"}}, "states.A: must be accepted, submitted, delivered or seen"),
        ({"states": {"A": "undeliverable"}}, "states.A: must be .* and a reason"),
        ({"states": {"A": "delivered absent"}}, "states.A: must be"),
        ({"states": {"A": "rejected mood"}}, "states.A: must be"),
        ({"report__format": "xml"}, "report.format: must be one of json, form"),
        ({"report__id": None}, "report.id: must be names"),
        ({"report__more": 1}, "report.more: is no field here"),
        ({"poll__path": "/all"}, "poll: {id} must stand somewhere"),
        ({"poll__after_s": []}, "poll.after_s: must be a list of seconds"),
        ({"poll__status": None}, "poll.status: must be names"),
    ],
)
def test_a_field_that_breaks_its_rule_is_named(parts: dict[str, Any], fault: str) -> None:
    """The provider, the field and the rule; values are not repeated, for some are keys."""
    with pytest.raises(ConfigError, match=fault) as raised:
        read_account("gate", changed(**parts))
    assert raised.value.detail.startswith("provider gate: ")
    assert "KEY-OF-ACCOUNT" not in raised.value.detail
