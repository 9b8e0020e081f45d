"""TurboSMS: one call for each message and its key, codes by the registry, reports by webhook and by asking."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.channels.adapter_contract import MESSAGE, AdapterCase, AdapterContract, Conversation, json_reply, messages

from esoz_notify.channels import turbosms, turbosms_codes
from esoz_notify.channels.dialogue import HttpCall, HttpReply, NoReply, Receipt, ReceiptProblem
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.receipts import NEGATIVE, Reason, ReceiptState
from esoz_notify.core.results import Accepted, Refused, Result, TryLater, Unknown

KEY_OF_WEBHOOK = "KEY-OF-ACCOUNT"
VIBER = turbosms.TurboSmsAccount(
    name="turbo", channel=Channel.VIBER, token="KEY-OF-ACCOUNT", sender="ESOZ", signature_key=KEY_OF_WEBHOOK
)
SMS = replace(VIBER, channel=Channel.SMS)
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
ID = f"id-{MESSAGE.key}"


def body_of(call: HttpCall) -> dict[str, object]:
    body: dict[str, object] = json.loads(call.body)
    return body


def row(code: int, **parts: object) -> dict[str, object]:
    return {"phone": "380000000001", "response_code": code, "message_id": None, "response_status": "WORDS", **parts}


def envelope(code: object, result: object = None) -> dict[str, object]:
    return {"response_code": code, "response_status": "WORDS", "response_result": result}


def healthy(call: HttpCall) -> HttpReply:
    if call.path == "/message/status.json":
        return json_reply(envelope(0, []))
    taken = row(0, message_id=f"id-{body_of(call)['sequence_id']}")
    return json_reply(envelope(800, [taken]))


def event(kind: str, **data: object) -> bytes:
    said = {"message_id": ID, "dlr_date": "2026-03-01 12:00:00", **data}
    return json.dumps({"id": "event-1", "signature": "", "type": kind, "try": 1, "data": said}).encode()


def case_of(account: turbosms.TurboSmsAccount) -> AdapterCase:
    kind = turbosms.EVENT_TYPES[account.channel]
    states = {
        ReceiptState.DELIVERED: event(kind, status="DELIVRD"),
        ReceiptState.UNDELIVERABLE: event(kind, status="UNDELIV"),
    }
    if account.channel is Channel.VIBER:
        states[ReceiptState.SEEN] = event(kind, status="READ")
    return AdapterCase(
        adapter=turbosms.adapter(account),
        healthy=healthy,
        submits=lambda call: call.path == "/message/send.json",
        names=lambda call, key: body_of(call).get("sequence_id") == key,
        polls=lambda call: call.path == "/message/status.json",
        without_address=replace(MESSAGE, key="018f0000-0000-7000-8000-abcdefabcdef", phone=None),
        poll_id=ID,
        vocabulary=(
            *("response_code", "response_status", "response_result", "message_id", "phone", "recipient", "status"),
            *("type", "data", "id", "signature", "updated", "sent", "dlr_date", "rejected_status"),
        ),
        statuses=dict.fromkeys((400, 401, 402, 403, 404, 422), Refused)
        | dict.fromkeys((429, 503), TryLater)
        | dict.fromkeys((302, 500, 502, 504), Unknown),
        receipts=states,
    )


class TestViberContract(AdapterContract):
    """TurboSMS's Viber under the common contract."""

    case = case_of(VIBER)


class TestSmsContract(AdapterContract):
    """TurboSMS's SMS under the common contract."""

    case = case_of(SMS)


def sent(account: turbosms.TurboSmsAccount, **parts: object) -> dict[str, object]:
    conversation = Conversation(healthy)
    conversation.run(turbosms.adapter(account).submit([replace(MESSAGE, **parts)], {}))  # type: ignore[arg-type]
    return body_of(conversation.calls[0])


def result_of(value: object) -> Result:
    (result,), _ = case_of(VIBER).submit(messages(1), lambda _: json_reply(value))
    return result


def read(body: bytes, account: turbosms.TurboSmsAccount = VIBER) -> Receipt | ReceiptProblem:
    reader = turbosms.adapter(account).read_callback
    assert reader is not None
    (said,) = reader({}, body)
    return said


def test_only_the_channel_asked_for_is_named() -> None:
    """Never both parts, by which TurboSMS would send an SMS of its own when Viber did not deliver."""
    common = {"recipients": ["380000000001"], "sequence_id": MESSAGE.key}
    part = {"sender": "ESOZ", "text": MESSAGE.text}
    assert sent(SMS) == common | {"sms": part}
    assert sent(VIBER) == common | {"viber": part | {"ttl": 900, "is_transactional": 1}}


@pytest.mark.parametrize(("validity_s", "ttl"), [(1.0, 60), (61.9, 61), (1e6, 86_400)])
def test_ttl_is_whole_seconds_within_the_bounds(validity_s: float, ttl: int) -> None:
    """TurboSMS refuses a ttl that is a text, a fraction or outside 60 to 86400."""
    viber = sent(VIBER, validity_s=validity_s)["viber"]
    assert isinstance(viber, dict)
    assert viber["ttl"] == ttl


def test_a_text_too_long_for_viber_is_refused_here() -> None:
    """More than 1000 characters never leave; an SMS of that length does."""
    long = [replace(MESSAGE, text="я" * 1001)]
    assert case_of(VIBER).submit(long, healthy)[0] == (Refused(Reason.CONTENT, "more than 1000 characters"),)
    assert isinstance(case_of(SMS).submit(long, healthy)[0][0], Accepted)


def test_every_code_has_one_meaning() -> None:
    """No code stands in two tables, and each refused one is refused for its reason, of the request or the recipient."""
    tables = (turbosms_codes.ACCEPTED, turbosms_codes.NOT_SENT, turbosms_codes.REFUSED, turbosms_codes.UNKNOWN)
    assert sum(map(len, tables)) == len({code for table in tables for code in table})
    for code, reason in turbosms_codes.REFUSED.items():
        assert result_of(envelope(code)) == Refused(reason, f"code {code}")
        assert result_of(envelope(802, [row(code)])) == Refused(reason, f"code {code} of 802")


def test_a_repeat_of_the_same_sequence_is_the_first_one() -> None:
    """507 repeats the earlier result: its id is the message's. Without the id its fate stays unknown."""
    assert result_of(envelope(507, [row(0, message_id="u-1")])) == Accepted(("u-1",), "code 0 of 507")
    assert result_of(envelope(507, [row(404)])) == Refused(Reason.STOPLIST, "code 404 of 507")
    assert result_of(envelope(507)) == Unknown(detail="code 507 without message_id")


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (envelope(801, [row(801, message_id="u-1")]), Accepted(("u-1",), "code 801")),
        (envelope(800, [row(0)]), Unknown(detail="code 0 of 800 without message_id")),
        (envelope(504), TryLater(Reason.PROVIDER_FAULT, detail="code 504")),
        (envelope(427), Unknown(Reason.DUPLICATE, "code 427")),
        (envelope(999), Unknown(Reason.PROVIDER_FAULT, "code 999")),
        (envelope(666), Unknown(Reason.UNKNOWN, "code 666")),
        (envelope("800"), Unknown(detail="the answer has no code")),
    ],
)
def test_other_codes(answer: object, result: Result) -> None:
    """What was not done is later, what may have been done is unknown, and an id is needed to be accepted."""
    assert result_of(answer) == result


def test_words_are_read_in_both_spellings() -> None:
    """The words of the status call and of webhooks, in any case; a new word proves nothing."""
    for word, (state, reason) in turbosms_codes.WORDS.items():
        said = read(event("DLR_VIBER_API", status=word.replace("_", " ").title()))
        assert isinstance(said, Receipt)
        assert (said.state, said.reason) == (state, reason)
        assert (said.reason is not None) is (said.state in NEGATIVE)
    new = read(event("DLR_VIBER_API", status="Teleported"))
    assert isinstance(new, Receipt)
    assert (new.state, new.reason, new.raw_status) == (ReceiptState.UNKNOWN, None, "Teleported")


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-03-01 12:00:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-07-01 12:00:00", datetime(2026, 7, 1, 9, tzinfo=UTC)),
        ("soon", None),
        ("0001-01-01 00:00:00", None),
        (17, None),
    ],
)
def test_times_are_of_kyiv(written: object, at: datetime | None) -> None:
    """TurboSMS writes Kyiv's time without a zone, in winter and in summer."""
    said = read(event("DLR_VIBER_API", status="READ", dlr_date=written))
    assert isinstance(said, Receipt)
    assert said.at == at


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (event("DLR_SMS_API", status="READ"), "callback: not JSON, or not of the type DLR_VIBER_API"),
        (b"id=1&type=DLR_VIBER_API", "callback: not JSON, or not of the type DLR_VIBER_API"),
        (event("DLR_VIBER_API", status=5), "callback: no status"),
        (event("DLR_VIBER_API", status="+380000000001"), "callback: no status"),
        (event("DLR_VIBER_API", message_id="a b"), "callback: message_id must be text of 1 to 200 plain characters"),
    ],
)
def test_events_that_cannot_be_read(body: bytes, what: str) -> None:
    """An event of another channel or without what a report needs is said to be one, with the rule that it breaks."""
    assert read(body) == ReceiptProblem(what)


def test_statuses_are_asked_fifty_at_a_time() -> None:
    """Rows are read like reports, ids that are not known any more say nothing, and an error ends the asking."""
    ids = [f"u-{number}" for number in range(51)]

    def answer(call: HttpCall) -> HttpReply:
        asked = body_of(call)["messages"]
        assert isinstance(asked, list)
        rows = [{"message_id": one, "response_code": 0, "status": "Delivered", "type": "viber"} for one in asked]
        return json_reply(envelope(0, rows)) if len(asked) == 50 else HttpReply(status=500)

    poll = turbosms.adapter(VIBER).poll
    assert poll is not None
    conversation = Conversation(answer)
    said = conversation.run(poll(ids, {}))
    assert [one.provider_message_id for one in said if isinstance(one, Receipt)] == ids[:50]
    assert said[50:] == (ReceiptProblem("status: http 500"),)
    assert [call.idempotent for call in conversation.calls] == [True, True]
    assert len(Conversation(answer).run(poll(ids[:50], {}))) == 50
    for reply, what in ((NoReply(sent=True), "no answer"), (json_reply(envelope(414)), "no array of results")):
        assert Conversation(lambda _, reply=reply: reply).run(poll(ids, {})) == (ReceiptProblem(f"status: {what}"),)  # type: ignore[misc]


def proof_of(**event_parts: object) -> object:
    prove = turbosms.adapter(VIBER).prove
    assert prove is not None
    return prove({}, json.dumps({"id": "event-1", "data": {}, **event_parts}).encode(), NOW)


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - the provider's


@pytest.mark.parametrize("said", [KEY_OF_WEBHOOK + "event-1", "event-1" + KEY_OF_WEBHOOK])
def test_a_signature_is_of_key_and_id(said: str) -> None:
    """In either order; and the same id is the same event whatever else it says, so it is taken once."""
    first = proof_of(signature=sha1(said))
    other = proof_of(signature=sha1(said).upper(), data={"status": "READ"})
    assert first is not None
    assert first == other


@pytest.mark.parametrize(
    "parts",
    [
        {"signature": sha1("event-1")},
        {"signature": sha1(KEY_OF_WEBHOOK)},
        {"signature": sha1(KEY_OF_WEBHOOK + "event-1"), "id": "event-2"},
        {"signature": sha1(KEY_OF_WEBHOOK + "event-1\x80"), "id": "event-1\x80"},
        {"signature": 5},
        {"signature": ""},
        {"signature": sha1(KEY_OF_WEBHOOK + "1"), "id": 1},
        {},
    ],
)
def test_a_forged_signature_proves_nothing(parts: dict[str, object]) -> None:
    """Nothing but the key and this very id, of plain characters."""
    assert proof_of(**parts) is None


def test_without_a_key_nothing_calls_back() -> None:
    """Reports are only polled then, and a callback could prove nothing."""
    bare = turbosms.adapter(replace(VIBER, signature_key=""))
    assert (bare.read_callback, bare.prove, bare.capabilities.callback) == (None, None, False)


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"token": " "}, "token"),
        ({"sender": ""}, "sender"),
        ({"channel": Channel.DIIA}, "channel must be viber or sms"),
    ],
)
def test_accounts_that_cannot_be(parts: dict[str, object], named: str) -> None:
    """What is missing is named."""
    with pytest.raises(ConfigError, match=named):
        replace(VIBER, **parts)  # type: ignore[arg-type]
