"""Hyber: one call for each message and one channel in it, few numbers with a meaning, reports asked for and pushed."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.channels.adapter_contract import MESSAGE, AdapterCase, AdapterContract, Conversation, json_reply, messages

from esoz_notify.channels import hyber
from esoz_notify.channels.dialogue import HttpCall, HttpReply, NoReply, Receipt, ReceiptProblem
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown

VIBER = hyber.HyberAccount(
    name="hyber-viber",
    channel=Channel.VIBER,
    client_id="2157",
    login="esoz",
    password="KEY-OF-ACCOUNT",
    sender="E-health",
    callback_url="https://notify.example/callbacks/hyber-viber",
)
SMS = replace(VIBER, name="hyber-sms", channel=Channel.SMS, callback_url="")
TAKEN = {"message_id": "9f60ac8f", "phone_number": "380000000001", "processed": True, "accepted": True}


def body_of(call: HttpCall) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(call.body)
    return body


def report(by_channel: object = "sent_via", **parts: object) -> dict[str, object]:
    told = {"number": 380000000001, "time": 1772359200000, "status": 2, "substatus": 23, "hyber_status": 23033}
    return told | {"message_id": "9f60ac8f", "extra_id": MESSAGE.key, str(by_channel): "viber"} | parts


def pushed(**parts: object) -> bytes:
    return json.dumps(report(**parts)).encode()


def healthy(call: HttpCall) -> HttpReply:
    return json_reply(report("last_partner", status=-1) if call.method == "GET" else TAKEN)


def case_of(account: hyber.HyberAccount) -> AdapterCase:
    states = {
        ReceiptState.DELIVERED: pushed(),
        ReceiptState.UNDELIVERABLE: pushed(status=3, substatus=36, hyber_status=36001),
    }
    return AdapterCase(
        adapter=hyber.adapter(account),
        healthy=healthy,
        submits=lambda call: call.path == "/2157",
        names=lambda call, key: body_of(call).get("extra_id") == key,
        without_address=replace(MESSAGE, key="018f0000-0000-7000-8000-abcdefabcdef", phone=None),
        poll_id=MESSAGE.key,
        vocabulary=(
            *("message_id", "extra_id", "phone_number", "number", "job_id", "processed", "accepted", "error_code"),
            *("error_text", "status", "substatus", "hyber_status", "sent_via", "last_partner", "time"),
            *("total_sms_parts", "delivered_sms_parts", "matching_template_id"),
        ),
        statuses=dict.fromkeys((400, 401, 402, 403, 404, 422), Refused)
        | dict.fromkeys((429, 503), TryLater)
        | dict.fromkeys((302, 500, 502, 504), Unknown),
        receipts=states if account.callback_url else {},
    )


class TestViberContract(AdapterContract):
    """Hyber's Viber under the common contract, with reports pushed."""

    case = case_of(VIBER)


class TestSmsContract(AdapterContract):
    """Hyber's SMS under the common contract, with reports only asked for."""

    case = case_of(SMS)


def call_of(account: hyber.HyberAccount, **parts: Any) -> HttpCall:
    conversation = Conversation(healthy)
    conversation.run(hyber.adapter(account).submit([replace(MESSAGE, **parts)], {}))
    return conversation.calls[0]


def result_of(value: object) -> Result:
    (result,), _ = case_of(SMS).submit(messages(1), lambda _: json_reply(value))
    return result


def read(body: bytes) -> tuple[Receipt | ReceiptProblem, ...]:
    reader = hyber.adapter(VIBER).read_callback
    assert reader is not None
    return reader({}, body)


def test_one_channel_is_named_and_no_link_is_counted() -> None:
    """Never a cascade, by which GMS would send an SMS of its own when Viber did not deliver; the phone is a number."""
    common = {"phone_number": 380000000001, "extra_id": MESSAGE.key}
    part = {"text": MESSAGE.text, "alpha_name": "E-health", "ttl": 900, "ctr": False}
    assert body_of(call_of(SMS)) == common | {"channels": ["sms"], "channel_options": {"sms": part}}
    assert body_of(call_of(VIBER)) == common | {
        "channels": ["viber"],
        "channel_options": {"viber": part | {"device": "phone"}},
        "callback_url": "https://notify.example/callbacks/hyber-viber",
    }


def test_every_call_shows_login_and_password() -> None:
    """HTTP Basic, to send and to ask."""
    wanted = f"Basic {base64.b64encode(b'esoz:KEY-OF-ACCOUNT').decode()}"
    poll = hyber.adapter(SMS).poll
    assert poll is not None
    conversation = Conversation(healthy)
    conversation.run(poll([MESSAGE.key], {}))
    assert [call.headers["authorization"] for call in (call_of(SMS), *conversation.calls)] == [wanted] * 2


@pytest.mark.parametrize(
    ("account", "validity_s", "ttl"),
    [
        (VIBER, 1.0, 40),
        (VIBER, 61.9, 61),
        (VIBER, 1e6, 86_400),
        (SMS, 1.0, 300),
        (SMS, 301.5, 301),
        (SMS, 1e6, 259_200),
    ],
)
def test_ttl_is_whole_seconds_within_the_bounds(account: hyber.HyberAccount, validity_s: float, ttl: int) -> None:
    """No message lives longer than we wait for it, unless GMS takes no shorter life."""
    (part,) = body_of(call_of(account, validity_s=validity_s))["channel_options"].values()
    assert part["ttl"] == ttl


@pytest.mark.parametrize(
    ("account", "text", "detail"),
    [
        (VIBER, "я" * 1000, ""),
        (VIBER, "я" * 1001, "more than 1000 characters"),
        (SMS, "я" * 335, ""),
        (SMS, "я" * 336, "more than 5 parts"),
        (SMS, "a" * 765, ""),
        (SMS, "a" * 766, "more than 5 parts"),
    ],
)
def test_a_text_too_long_is_refused_here(account: hyber.HyberAccount, text: str, detail: str) -> None:
    """The lengths of the document: characters of Viber; of SMS five parts, whatever the alphabet."""
    results, conversation = case_of(account).submit([replace(MESSAGE, text=text)], healthy)
    assert [result for result in results if isinstance(result, Refused)] == [Refused(Reason.CONTENT, detail)] * bool(
        detail
    )
    assert len(conversation.calls) == (not detail)


def test_a_repeat_is_not_known() -> None:
    """No document says that a second call with an extra_id sends nothing: a lost answer is waited for."""
    can = hyber.adapter(SMS).capabilities
    assert (can.recovery, can.key_field, can.message_id_is_key) == (Recovery.WAIT_THEN_OTHER, "", True)


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (TAKEN, Accepted((messages(1)[0].key,), "message_id 9f60ac8f")),
        (TAKEN | {"message_id": "a b"}, Unknown(Reason.PROVIDER_FAULT, "neither accepted nor not")),
        (TAKEN | {"accepted": 1}, Unknown(Reason.PROVIDER_FAULT, "neither accepted nor not")),
        (TAKEN | {"error_code": 1154}, Unknown(Reason.PROVIDER_FAULT, "neither accepted nor not, code 1154")),
        (TAKEN | {"accepted": False}, Refused(Reason.UNKNOWN, "not accepted")),
        ({"accepted": False, "error_code": 1154}, Refused(Reason.UNKNOWN, "not accepted, code 1154")),
        (
            {"error_code": 7, "error_text": "3800000"},
            Unknown(Reason.PROVIDER_FAULT, "neither accepted nor not, code 7"),
        ),
    ],
)
def test_answers(answer: object, result: Result) -> None:
    """Only the word accepted decides; a code, whose meaning is not public, proves neither."""
    assert result_of(answer) == result


@pytest.mark.parametrize(
    ("parts", "state", "reason"),
    [
        ({"status": -1, "substatus": None}, ReceiptState.SUBMITTED, None),
        ({"status": 1, "substatus": 12}, ReceiptState.UNKNOWN, None),
        ({"hyber_status": 23011}, ReceiptState.DELIVERED, None),
        ({"hyber_status": "unheard of"}, ReceiptState.DELIVERED, None),
        ({"substatus": 26, "hyber_status": 26000}, ReceiptState.UNKNOWN, None),
        ({"status": 3, "substatus": 23}, ReceiptState.UNDELIVERABLE, Reason.UNKNOWN),
        ({"status": 3, "substatus": 35, "hyber_status": 35015}, ReceiptState.EXPIRED, Reason.VALIDITY),
        ({"status": 3, "substatus": 35, "hyber_status": 35016}, ReceiptState.UNDELIVERABLE, Reason.UNKNOWN),
        ({"status": 3, "substatus": 36, "sent_via": "hyber"}, ReceiptState.REJECTED, Reason.UNKNOWN),
        ({"status": 9, "substatus": 23}, ReceiptState.UNKNOWN, None),
    ],
)
def test_only_documented_numbers_say_something(
    parts: dict[str, object], state: ReceiptState, reason: Reason | None
) -> None:
    """A delivery is status and substatus both; a failure whose number is not known is one without a reason."""
    (said,) = read(pushed(**parts))
    assert isinstance(said, Receipt)
    assert (said.state, said.reason) == (state, reason)


def test_a_report_is_read_whole() -> None:
    """Our key, time, numbers, parts, and that a text fitted no approved template; not the person's number."""
    (said,) = read(pushed(total_sms_parts=3, matching_template_id=0))
    assert said == Receipt(
        provider_message_id=MESSAGE.key,
        state=ReceiptState.DELIVERED,
        at=datetime(2026, 3, 1, 10, tzinfo=UTC),
        raw_status="2/23/23033",
        detail="fits no template",
        segment_count=3,
    )
    (other,) = read(pushed(matching_template_id=6349599, substatus=None))
    assert isinstance(other, Receipt)
    assert (other.detail, other.raw_status) == ("", "2/?/23033")


@pytest.mark.parametrize("time", [True, "1772359200000", None, 10**30, -(10**17)])
def test_a_time_that_is_none_is_left_out(time: object) -> None:
    """The report stays a report."""
    (said,) = read(pushed(time=time))
    assert isinstance(said, Receipt)
    assert (said.state, said.at) == (ReceiptState.DELIVERED, None)


def test_reports_come_alone_or_gathered() -> None:
    """GMS can be asked to gather them; one that cannot be read does not take the others with it."""
    both = read(json.dumps([report(), report(extra_id="a b"), report(status="2")]).encode())
    assert [type(one) for one in both] == [Receipt, ReceiptProblem, ReceiptProblem]
    assert both[1:] == (
        ReceiptProblem("callback: extra_id must be text of 1 to 200 plain characters"),
        ReceiptProblem("callback: status must be a number"),
    )
    assert read(b"[]") == ()


def test_reports_are_asked_for_by_our_key() -> None:
    """One call a message, at the address of reports; an unknown one is passed over, and a failure ends the asking."""
    statuses = {"k-1": 404, "k-2": 200, "k-3": 500, "k-4": 200}

    def answer(call: HttpCall) -> HttpReply:
        key = call.path.split("/")[-2]
        return json_reply(report("last_partner", extra_id=key), status=statuses[key])

    poll = hyber.adapter(SMS).poll
    assert poll is not None
    conversation = Conversation(answer)
    said = conversation.run(poll(list(statuses), {}))
    assert [getattr(one, "what", getattr(one, "provider_message_id", "")) for one in said] == [
        "report: http 404", "k-2", "report: http 500",
    ]  # fmt: skip
    assert conversation.calls[0].path == "/2157/api/dr/external/k-1/simple"
    assert all((call.idempotent, call.about_reports) == (True, True) for call in conversation.calls)
    assert Conversation(lambda _: NoReply(sent=True)).run(poll(["k-1", "k-2"], {})) == (
        ReceiptProblem("report: no answer"),
    )


def test_without_an_address_nothing_calls_back() -> None:
    """Reports are only asked for then."""
    bare = hyber.adapter(SMS)
    assert (bare.read_callback, bare.prove, bare.capabilities.callback) == (None, None, False)


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"login": ""}, "login must be non-empty"),
        ({"password": " "}, "password must be non-empty"),
        ({"client_id": "2157/api"}, "client_id must be a number"),
        ({"client_id": "²"}, "client_id must be a number"),
        ({"sender": "E-health-long"}, "sender must be at most 11"),
        ({"sender": "Рецепт"}, "sender must be at most 11"),
        ({"callback_url": "https://a.example/" + "a" * 256}, "callback_url must be at most 256"),
        ({"channel": Channel.DIIA}, "channel must be viber or sms"),
    ],
)
def test_accounts_that_cannot_be(parts: dict[str, Any], named: str) -> None:
    """What is missing or wrong is named, and no secret is shown."""
    with pytest.raises(ConfigError, match=named) as raised:
        replace(VIBER, **parts)
    assert "KEY-OF-ACCOUNT" not in raised.value.detail
