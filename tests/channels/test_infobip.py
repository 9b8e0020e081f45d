import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.channels.adapter_contract import (
    MESSAGE,
    PARAMETER,
    AdapterCase,
    AdapterContract,
    Conversation,
    json_reply,
    messages,
)

from esoz_notify.channels import infobip, infobip_codes
from esoz_notify.channels.dialogue import HttpCall, HttpReply, NoReply, Receipt, ReceiptProblem
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.receipts import NEGATIVE, Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown

ACCOUNT = infobip.InfobipAccount(
    api_key="KEY-OF-ACCOUNT",
    sender="ESOZ",
    templates={"prescription_issued": "tpl-77"},
    callback_url="https://notify.example/callbacks/infobip?s=KEY-OF-ACCOUNT",
)
ADAPTER = infobip.adapter(ACCOUNT)
KEY = MESSAGE.key


def body_of(call: HttpCall) -> dict[str, object]:
    body: dict[str, object] = json.loads(call.body)
    return body


def keys_of(call: HttpCall) -> list[str]:
    return [element["destinations"][0]["messageId"] for element in json.loads(call.body)["messages"]]


def status(group_id: int, status_id: int) -> dict[str, object]:
    return {"groupId": group_id, "groupName": "G", "id": status_id, "name": "NAME", "description": "Some words"}


def report_body(**parts: object) -> bytes:
    return json.dumps({"results": [{"messageId": KEY, **parts}]}).encode()


def healthy(call: HttpCall) -> HttpReply:
    if call.method == "GET":
        return json_reply({"results": []})
    taken = [
        {"messageId": key, "status": status(1, 26), "destination": "380000000001"} for key in reversed(keys_of(call))
    ]
    return json_reply({"bulkId": "b", "messages": taken})


CASE = AdapterCase(
    adapter=ADAPTER,
    healthy=healthy,
    submits=lambda call: call.method == "POST",
    names=lambda call, key: key in keys_of(call),
    without_address=replace(MESSAGE, key="018f0000-0000-7000-8000-abcdefabcdef", phone=None),
    poll_id=KEY,
    vocabulary=(
        "messages",
        "results",
        "messageId",
        "status",
        "groupId",
        "id",
        "name",
        "error",
        "permanent",
        "seenAt",
        "doneAt",
        "sentAt",
        "price",
        "pricePerMessage",
        "currency",
        "messageCount",
        "errorCode",
        "description",
        "to",
        "from",
    ),
    statuses={
        400: Refused,
        401: Refused,
        402: Refused,
        403: Refused,
        404: Refused,
        413: Refused,
        422: Refused,
        429: TryLater,
        503: TryLater,
        500: Unknown,
        502: Unknown,
        504: Unknown,
        302: Unknown,
    },
    receipts={
        ReceiptState.DELIVERED: report_body(status=status(3, 5)),
        ReceiptState.UNDELIVERABLE: report_body(status=status(2, 9), error={"id": 7002, "permanent": True}),
        ReceiptState.SEEN: report_body(seenAt="2026-03-01T10:00:00.000+0000"),
    },
    priced=report_body(status=status(3, 5), price={"pricePerMessage": 0.38, "currency": "UAH"}),
)


class TestInfobipContract(AdapterContract):
    """Infobip under the common contract."""

    case = CASE


def submit_one(element: object, *, status_code: int = 200) -> Result:
    reply = json_reply({"messages": [element]}, status=status_code)
    return CASE.submit([MESSAGE], lambda _: reply)[0][0]


def callback(value: object) -> tuple[Receipt | ReceiptProblem, ...]:
    assert ADAPTER.read_callback is not None
    return ADAPTER.read_callback({}, json.dumps(value).encode())


def report(group_id: int, status_id: int, error: object = None) -> Receipt:
    result: dict[str, object] = {"messageId": KEY, "status": status(group_id, status_id)}
    if error is not None:
        result["error"] = error
    (receipt,) = callback({"results": [result]})
    assert isinstance(receipt, Receipt)
    return receipt


def test_what_it_can_do_is_declared() -> None:
    """Viber, same key again, 30 s to 48 h, 50 at once, callbacks and polling, needs a phone."""
    can = ADAPTER.capabilities
    assert (can.channel, can.recovery) == (Channel.VIBER, Recovery.SAME_KEY)
    assert (can.validity_min_s, can.validity_max_s, can.batch_max) == (30, 172_800, 50)
    assert (can.callback, can.needs_phone, can.needs_tax_id) == (True, True, False)
    assert can.poll_after_s == (15.0, 45.0, 120.0, 600.0)


def test_the_call_is_as_documented() -> None:
    """One POST with the sender, digits, our key as messageId, the approved template, validity and webhooks."""
    _, conversation = CASE.submit([MESSAGE], healthy)
    (call,) = conversation.calls
    assert (call.method, call.path, call.idempotent) == ("POST", "/viber/2/messages", False)
    assert call.headers == {
        "authorization": "App KEY-OF-ACCOUNT",
        "accept": "application/json",
        "content-type": "application/json",
    }
    url = "https://notify.example/callbacks/infobip?s=KEY-OF-ACCOUNT"
    assert body_of(call) == {
        "messages": [
            {
                "sender": "ESOZ",
                "destinations": [{"to": "380000000001", "messageId": KEY}],
                "content": {
                    "type": "TEMPLATE",
                    "templateId": "tpl-77",
                    "parameters": {"request_number": PARAMETER},
                    "language": "uk",
                },
                "options": {
                    "validityPeriod": {"amount": 900, "timeUnit": "SECONDS"},
                    "toPrimaryDeviceOnly": True,
                },
                "webhooks": {
                    "delivery": {"url": url, "intermediateReport": False},
                    "seen": {"url": url},
                    "contentType": "application/json",
                },
            }
        ],
        "options": {"tracking": {"shortenUrl": False, "trackClicks": False}},
    }


def test_without_callback_nothing_is_asked_to_call() -> None:
    """No callback URL: no webhooks in the call, and the capability says so. The activation check is asked when set."""
    account = replace(ACCOUNT, callback_url=None, activation_check=True, primary_device_only=False)
    adapter = infobip.adapter(account)
    conversation = Conversation(healthy)
    conversation.run(adapter.submit([MESSAGE], {}))
    (element,) = json.loads(conversation.calls[0].body)["messages"]
    assert "webhooks" not in element
    assert element["options"]["activationCheck"] is True
    assert element["options"]["toPrimaryDeviceOnly"] is False
    assert adapter.capabilities.callback is False


@pytest.mark.parametrize(
    ("validity_s", "amount"),
    [(1.0, 30), (30.0, 30), (59.99, 59), (172_800.0, 172_800), (1e9, 172_800), (float("inf"), 172_800)],
)
def test_validity_is_whole_seconds_within_limits(validity_s: float, amount: int) -> None:
    """Never below Viber's 30 s, never above 48 h, and never longer than asked."""
    _, conversation = CASE.submit([replace(MESSAGE, validity_s=validity_s)], healthy)
    (element,) = json.loads(conversation.calls[0].body)["messages"]
    assert element["options"]["validityPeriod"] == {"amount": amount, "timeUnit": "SECONDS"}


def test_a_template_without_parameters_is_sent_without_them() -> None:
    """The provider wants the member left out, not empty."""
    _, conversation = CASE.submit([replace(MESSAGE, parameters={})], healthy)
    (element,) = json.loads(conversation.calls[0].body)["messages"]
    assert element["content"] == {"type": "TEMPLATE", "templateId": "tpl-77", "language": "uk"}


def test_text_that_no_encoding_takes_is_still_sent() -> None:
    """A parameter with half a surrogate pair does not stop the batch."""
    results, _ = CASE.submit([replace(MESSAGE, parameters={"request_number": "\ud83d"})], healthy)
    assert [type(result) for result in results] == [Accepted]


@pytest.mark.parametrize(
    ("group_id", "status_id", "expected"),
    [
        (1, 26, Accepted((KEY,), "PENDING_ACCEPTED")),
        (1, 7, Accepted((KEY,), "PENDING_ENROUTE")),
        (1, 4999, Accepted((KEY,), "PENDING")),
        (3, 5, Accepted((KEY,), "DELIVERED_TO_HANDSET")),
        (5, 23, Accepted((KEY,), "REJECTED_DUPLICATE_MESSAGE_ID")),
        (5, 12, Refused(Reason.BALANCE, "REJECTED_NOT_ENOUGH_CREDITS")),
        (5, 52, Refused(Reason.INVALID_NUMBER, "REJECTED_DESTINATION")),
        (5, 21, Refused(Reason.PROVIDER_FAULT, "REJECTED_SYSTEM_ERROR")),
        (5, 4999, Refused(Reason.UNKNOWN, "REJECTED")),
        (2, 9, Refused(Reason.UNKNOWN, "UNDELIVERABLE_NOT_DELIVERED")),
        (4, 15, Refused(Reason.VALIDITY, "EXPIRED_EXPIRED")),
        (4, 29, Unknown(detail="EXPIRED_DLR_UNKNOWN")),
        (0, 0, Unknown(detail="no status known to us")),
        (77, 5, Unknown(detail="no status known to us")),
    ],
)
def test_status_in_the_answer(group_id: int, status_id: int, expected: Result) -> None:
    """A taken message is accepted, so is a repeated key; a rejection has its reason; the rest is unknown."""
    assert submit_one({"messageId": KEY, "status": status(group_id, status_id)}) == expected


def test_error_in_the_answer_gives_the_reason() -> None:
    """An error object beside a negative status is more precise than the status."""
    element = {"messageId": KEY, "status": status(2, 9), "error": {"id": 7002, "permanent": True}}
    assert submit_one(element) == Refused(Reason.NOT_ON_CHANNEL, "EC_UNKNOWN_USER")


def test_message_missing_in_the_answer_is_unknown() -> None:
    """An answer that does not name one of our messages leaves that one unknown and only that one."""
    batch = messages(3)

    def forgetful(call: HttpCall) -> HttpReply:
        taken = [{"messageId": key, "status": status(1, 26)} for key in keys_of(call) if key != batch[1].key]
        return json_reply({"messages": [*taken, {"messageId": "somebody-else", "status": status(1, 26)}, 5, {}]})

    results, _ = CASE.submit(batch, forgetful)
    assert [type(result) for result in results] == [Accepted, Unknown, Accepted]


def test_the_first_word_about_a_message_counts() -> None:
    """A message named twice in one answer is taken by the first: a doubled element cannot undo an acceptance."""
    elements = [{"messageId": KEY, "status": status(1, 26)}, {"messageId": KEY, "status": status(5, 12)}]
    results, _ = CASE.submit([MESSAGE], lambda _: json_reply({"messages": elements}))
    assert results == (Accepted((KEY,), "PENDING_ACCEPTED"),)


def test_every_row_of_the_registry_is_consistent() -> None:
    """A status belongs to a known group; a negative error always has a reason; delivered is proved by one id only."""
    assert {group_id for group_id, _ in infobip_codes.STATUSES} <= set(infobip_codes.GROUPS)
    assert all(row.reason is not None for row in infobip_codes.ERRORS.values())
    assert all(row.state in NEGATIVE or row.reason is Reason.DUPLICATE for row in infobip_codes.ERRORS.values())
    assert [ids for ids, row in infobip_codes.STATUSES.items() if row.state is ReceiptState.DELIVERED] == [(3, 5)]


def test_delivery_report_is_read_whole() -> None:
    """State, the provider's own time as UTC, its word, codes, price and the number of messages."""
    results = [
        {
            "bulkId": "b",
            "price": {"pricePerMessage": 0.15, "currency": "EUR"},
            "status": {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"},
            "error": {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "permanent": False},
            "messageId": KEY,
            "to": "380000000001",
            "sender": "ESOZ",
            "sentAt": "2026-11-23T09:59:58.000+0000",
            "doneAt": "2026-11-23T12:00:00.250+0200",
            "messageCount": 1,
        }
    ]
    assert callback({"results": results}) == (
        Receipt(
            provider_message_id=KEY,
            state=ReceiptState.DELIVERED,
            at=datetime(2026, 11, 23, 10, 0, 0, 250_000, tzinfo=UTC),
            raw_status="DELIVERED_TO_HANDSET",
            detail="status 3/5 error 0",
            price="0.15 EUR",
            segment_count=1,
        ),
    )


def test_seen_report_has_no_status() -> None:
    """A seen report is told by its seenAt; the patient's number in it is not kept."""
    seen = {
        "messageId": KEY,
        "from": "380000000001",
        "to": "ESOZ",
        "sentAt": "x",
        "seenAt": "2026-11-23T10:00:00.000+0000",
    }
    assert callback({"results": [seen]}) == (
        Receipt(
            provider_message_id=KEY,
            state=ReceiptState.SEEN,
            at=datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
            raw_status="SEEN",
            detail="seenAt",
        ),
    )


@pytest.mark.parametrize(
    ("group_id", "status_id", "error_id", "state", "reason"),
    [
        (1, 26, 0, ReceiptState.ACCEPTED, None),
        (1, 3, 0, ReceiptState.SUBMITTED, None),
        (3, 2, 0, ReceiptState.SUBMITTED, None),
        (3, 5, 0, ReceiptState.DELIVERED, None),
        (3, 5, 7002, ReceiptState.DELIVERED, None),
        (3, 4999, 0, ReceiptState.SUBMITTED, None),
        (2, 9, 7002, ReceiptState.UNDELIVERABLE, Reason.NOT_ON_CHANNEL),
        (2, 9, 7003, ReceiptState.UNDELIVERABLE, Reason.BLOCKED_BY_USER),
        (2, 9, 7030, ReceiptState.UNDELIVERABLE, Reason.BLOCKED_BY_USER),
        (2, 9, 7201, ReceiptState.UNDELIVERABLE, Reason.NO_DEVICE),
        (2, 9, 7025, ReceiptState.UNDELIVERABLE, Reason.NO_DEVICE),
        (2, 9, 7008, ReceiptState.REJECTED, Reason.TEMPLATE),
        (2, 9, 7009, ReceiptState.REJECTED, Reason.TEMPLATE),
        (2, 9, 7007, ReceiptState.REJECTED, Reason.CONTENT),
        (2, 9, 7027, ReceiptState.REJECTED, Reason.CONTENT),
        (2, 9, 7017, ReceiptState.UNDELIVERABLE, Reason.THROTTLED),
        (2, 9, 7050, ReceiptState.UNDELIVERABLE, Reason.PROVIDER_FAULT),
        (2, 9, 7051, ReceiptState.UNDELIVERABLE, Reason.PROVIDER_FAULT),
        (2, 4, 0, ReceiptState.UNDELIVERABLE, Reason.OPERATOR),
        (2, 9, 0, ReceiptState.UNDELIVERABLE, Reason.UNKNOWN),
        (4, 15, 0, ReceiptState.EXPIRED, Reason.VALIDITY),
        (4, 29, 0, ReceiptState.UNKNOWN, None),
        (5, 14, 0, ReceiptState.REJECTED, Reason.STOPLIST),
        (5, 23, 0, ReceiptState.UNKNOWN, Reason.DUPLICATE),
        (5, 100, 7280, ReceiptState.UNKNOWN, Reason.DUPLICATE),
        (9, 9, 7002, ReceiptState.UNKNOWN, None),
    ],
)
def test_report_by_status_and_error(
    group_id: int, status_id: int, error_id: int, state: ReceiptState, reason: Reason | None
) -> None:
    """The status says the state, a known error makes a negative precise, and an unknown word proves nothing."""
    receipt = report(group_id, status_id, {"id": error_id, "permanent": True})
    assert (receipt.state, receipt.reason) == (state, reason)


def test_unknown_error_is_judged_by_its_permanent_flag() -> None:
    """An error id that the registry does not have: temporary is the provider's fault, permanent has no known reason."""
    assert report(2, 9, {"id": 7999, "permanent": False}).reason is Reason.PROVIDER_FAULT
    assert report(2, 9, {"id": 7999, "permanent": True}).reason is Reason.UNKNOWN
    assert report(2, 9, {"id": 7999}).reason is Reason.UNKNOWN
    assert report(5, 12, {"id": 7999, "permanent": False}).reason is Reason.BALANCE
    assert report(2, 9, {"id": 7999, "permanent": False}).detail == "status 2/9 error 7999"


def test_one_bad_report_never_spoils_the_others() -> None:
    """Each element of a callback is read for itself."""
    good = {"messageId": KEY, "status": status(3, 5)}
    heard = callback({"results": [good, {"status": status(3, 5)}, 7, {"messageId": KEY}, {"messageId": "a b"}, good]})
    assert [type(item) for item in heard] == [
        Receipt,
        ReceiptProblem,
        ReceiptProblem,
        ReceiptProblem,
        ReceiptProblem,
        Receipt,
    ]
    assert heard[3] == ReceiptProblem("callback: neither a status nor seenAt")


@pytest.mark.parametrize("body", [b"", b"<xml/>", b"[]", b"{}", b'{"results": {}}', b"\xff"])
def test_a_callback_that_is_no_report_is_one_problem(body: bytes) -> None:
    """A body that is not a list of results is one problem, never an exception."""
    assert ADAPTER.read_callback is not None
    assert ADAPTER.read_callback({}, body) == (ReceiptProblem("callback: not JSON with an array of results"),)


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ({"pricePerMessage": 0, "currency": "UAH"}, "0 UAH"),
        ({"pricePerMessage": 0.0123, "currency": "EUR"}, "0.0123 EUR"),
        ({"pricePerMessage": True, "currency": "EUR"}, None),
        ({"pricePerMessage": "0.15", "currency": "EUR"}, None),
        ({"pricePerMessage": 380000000001, "currency": "EUR"}, None),
        ({"pricePerMessage": -1, "currency": "EUR"}, None),
        ({"pricePerMessage": 0.1, "currency": "euro"}, None),
        ({"pricePerMessage": 0.1}, None),
        (None, None),
    ],
)
def test_price(price: object, expected: str | None) -> None:
    """A price is kept with its currency; what is not a price is not."""
    (receipt,) = callback({"results": [{"messageId": KEY, "status": status(3, 5), "price": price}]})
    assert isinstance(receipt, Receipt)
    assert receipt.price == expected


@pytest.mark.parametrize(
    ("element", "at"),
    [
        ({"doneAt": "2026-11-23T10:00:00.000+0000"}, datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ({"doneAt": "2026-11-23T10:00:00Z"}, datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ({"sentAt": "2026-11-23T12:00:00.000+02:00"}, datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ({"doneAt": "2026-11-23T10:00:00"}, None),
        ({"doneAt": "yesterday"}, None),
        ({"doneAt": 1_700_000_000}, None),
        ({"doneAt": "0001-01-01T00:00:00+1400"}, None),
        ({}, None),
    ],
)
def test_times_are_aware_or_absent(element: dict[str, object], at: datetime | None) -> None:
    """A time without an offset, or one that cannot be, is no time."""
    (receipt,) = callback({"results": [{"messageId": KEY, "status": status(3, 5), **element}]})
    assert isinstance(receipt, Receipt)
    assert receipt.at == at


def test_poll_asks_the_log_by_fifties() -> None:
    """Logs are asked by up to 50 ids in one query, whose value stays under 2048 characters; nothing is consumed."""
    ids = [message.key for message in messages(51)]

    def log(call: HttpCall) -> HttpReply:
        asked = call.path.split("messageId=")[1].split("&")[0].split(",")
        return json_reply({"results": [{"messageId": key, "status": status(3, 5)} for key in asked]})

    conversation = Conversation(log)
    assert ADAPTER.poll is not None
    heard = conversation.run(ADAPTER.poll(ids, {}))
    assert [item.provider_message_id for item in heard if isinstance(item, Receipt)] == ids
    assert [(call.method, call.idempotent) for call in conversation.calls] == [("GET", True)] * 2
    assert conversation.calls[1].path == f"/viber/2/logs?messageId={ids[50]}&limit=1000"
    assert len(",".join(ids[:50])) <= 2048


@pytest.mark.parametrize(
    ("reply", "what"),
    [(NoReply(sent=True), "no answer"), (HttpReply(status=429), "http 429"), (HttpReply(status=500), "http 500")],
)
def test_poll_stops_at_the_first_failure(reply: HttpReply | NoReply, what: str) -> None:
    """A failed query is one problem, and the rest is asked another time."""
    conversation = Conversation(lambda _: reply)
    assert ADAPTER.poll is not None
    assert conversation.run(ADAPTER.poll([message.key for message in messages(60)], {})) == (
        ReceiptProblem(f"logs: {what}"),
    )
    assert len(conversation.calls) == 1


def test_the_account_refuses_what_cannot_work() -> None:
    """An empty key or sender stops the start and names the setting."""
    with pytest.raises(ConfigError, match="api_key"):
        replace(ACCOUNT, api_key=" ")
    with pytest.raises(ConfigError, match="sender"):
        replace(ACCOUNT, sender="a\nb")


def test_nothing_secret_in_the_account() -> None:
    """Neither the key nor the callback URL is in the repr."""
    assert "KEY-OF-ACCOUNT" not in repr(ACCOUNT)
