"""Vonage: one call for each message, signed or with a key; errors by the registry, statuses that prove themselves."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.channels.adapter_contract import MESSAGE, AdapterCase, AdapterContract, Conversation, json_reply, messages

from esoz_notify.channels import vonage, vonage_codes
from esoz_notify.channels.dialogue import HttpCall, HttpReply, Receipt, ReceiptProblem
from esoz_notify.core.callback_credentials import Signed
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.receipts import NEGATIVE, Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown

SECRET = "KEY-OF-ACCOUNT-that-signs-statuses"
APPLICATION = "0a0a0a0a-0b0b-4c0c-8d0d-0e0e0e0e0e0e"
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
PROBLEM = "https://developer.vonage.com/api-errors/messages#"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
VIBER = vonage.VonageAccount(
    name="vonage-viber",
    channel=Channel.VIBER,
    sender="22353",
    signature_secret=SECRET,
    application_id=APPLICATION,
    private_key=pem(KEY),
)
SMS = vonage.VonageAccount(
    name="vonage-sms", channel=Channel.SMS, sender="E-health", signature_secret=SECRET,
    api_key="a1b2c3d4", api_secret="KEY-OF-ACCOUNT",
)  # fmt: skip


def body_of(call: HttpCall) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(call.body)
    return body


def healthy(_: HttpCall) -> HttpReply:
    return json_reply({"message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"}, status=202)


def status(account: vonage.VonageAccount, said: object, **parts: object) -> bytes:
    told = {
        "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
        "to": "380000000001",
        "from": account.sender,
        "timestamp": "2026-03-01T10:00:00.000Z",
        "status": said,
        "channel": vonage.CHANNELS[account.channel],
        "client_ref": MESSAGE.key,
    }
    return json.dumps(told | parts).encode()


@cache
def case_of(account: vonage.VonageAccount) -> AdapterCase:
    states = {
        ReceiptState.DELIVERED: status(account, "delivered"),
        ReceiptState.UNDELIVERABLE: status(account, "undeliverable"),
    }
    if account.channel is Channel.VIBER:
        states[ReceiptState.SEEN] = status(account, "read")
    return AdapterCase(
        adapter=vonage.adapter(account),
        healthy=healthy,
        submits=lambda call: call.path == "/v1/messages",
        names=lambda call, key: body_of(call).get("client_ref") == key,
        without_address=replace(MESSAGE, key="018f0000-0000-7000-8000-abcdefabcdef", phone=None),
        poll_id="",
        vocabulary=(
            *("message_uuid", "client_ref", "type", "title", "detail", "instance", "invalid_parameters", "name"),
            *("reason", "channel", "status", "timestamp", "to", "from", "error", "usage", "price", "currency", "sms"),
        ),
        statuses=dict.fromkeys((400, 401, 402, 403, 404, 422), Refused)
        | dict.fromkeys((429, 503), TryLater)
        | dict.fromkeys((200, 302, 500, 502, 504), Unknown),
        receipts=states,
        priced=status(account, "submitted", usage={"currency": "UAH", "price": "0.3800"}),
    )


class TestViberContract(AdapterContract):
    """Vonage's Viber under the common contract."""

    case = case_of(VIBER)


class TestSmsContract(AdapterContract):
    """Vonage's SMS under the common contract."""

    case = case_of(SMS)


def call_of(account: vonage.VonageAccount, **parts: Any) -> HttpCall:
    conversation = Conversation(healthy)
    conversation.run(vonage.adapter(account).submit([replace(MESSAGE, **parts)], {}))
    return conversation.calls[0]


def result_of(value: object, code: int = 422, account: vonage.VonageAccount = VIBER) -> Result:
    (result,), _ = case_of(account).submit(messages(1), lambda _: json_reply(value, status=code))
    return result


def read(body: bytes, account: vonage.VonageAccount = VIBER) -> Receipt | ReceiptProblem:
    reader = case_of(account).adapter.read_callback
    assert reader is not None
    (said,) = reader({}, body)
    return said


# --- calls ------------------------------------------------------------------------------------------------------------


def test_one_channel_is_asked_for_and_no_other_after_it() -> None:
    """No failover, by which Vonage would send an SMS of its own; our key is the reference of every status."""
    common = {
        "message_type": "text", "to": "380000000001", "text": MESSAGE.text, "client_ref": MESSAGE.key,
        "webhook_version": "v1",
    }  # fmt: skip
    viber = {"channel": "viber_service", "from": "22353", "viber_service": {"category": "transaction", "ttl": 900}}
    assert body_of(call_of(VIBER)) == common | viber
    assert body_of(call_of(SMS)) == common | {"channel": "sms", "from": "E-health", "ttl": 900}


def test_what_an_account_may_say_of_its_messages() -> None:
    """Another class, approved patterns, and another address for statuses, each only when it is asked for."""
    url = "https://notify.example/callbacks/vonage-viber"
    said = body_of(call_of(replace(VIBER, transactional=False, templates=True, webhook_url=url)))
    assert said["viber_service"] == {"category": "promotion", "ttl": 900, "type": "template"}
    assert said["webhook_url"] == url


@pytest.mark.parametrize(
    ("account", "validity_s", "ttl"),
    [
        (VIBER, 1.0, 30),
        (VIBER, 61.9, 61),
        (VIBER, 1e6, 259_200),
        (SMS, 1.0, 20),
        (SMS, 300.5, 300),
        (SMS, 1e6, 259_200),
    ],
)
def test_ttl_is_whole_seconds_within_the_bounds(account: vonage.VonageAccount, validity_s: float, ttl: int) -> None:
    """No message lives longer than we wait for it, unless Vonage takes no shorter life."""
    said = body_of(call_of(account, validity_s=validity_s))
    assert said.get("viber_service", said)["ttl"] == ttl


def test_a_text_too_long_is_refused_here() -> None:
    """More than 1000 characters never leave, by either channel."""
    for account in (VIBER, SMS):
        results, conversation = case_of(account).submit([replace(MESSAGE, text="я" * 1001)], healthy)
        assert (results, conversation.calls) == ((Refused(Reason.CONTENT, "more than 1000 characters"),), [])


def test_a_call_is_signed_when_it_leaves() -> None:
    """RS256 by the application's key, of the time that the gateway gives, for a quarter of an hour and never twice."""
    call = call_of(VIBER)
    assert call.timed_headers is not None
    assert "authorization" not in call.headers

    def token(now: datetime, made: HttpCall = call) -> dict[str, Any]:
        assert made.timed_headers is not None
        scheme, _, text = made.timed_headers(now)["authorization"].partition(" ")
        assert (scheme, jwt.get_unverified_header(text)["alg"]) == ("Bearer", "RS256")
        read: dict[str, Any] = jwt.decode(text, KEY.public_key(), algorithms=["RS256"], options=ANY_TIME)
        return read

    said = token(NOW)
    assert said | {"jti": ""} == {
        "application_id": APPLICATION, "iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) + 900, "jti": "",
    }  # fmt: skip
    others = (token(NOW + timedelta(milliseconds=1)), token(NOW, call_of(VIBER, key="another")))
    assert len({one["jti"] for one in (said, *others)}) == 3


ANY_TIME: Any = {"verify_exp": False, "verify_iat": False}


def test_or_it_shows_key_and_secret() -> None:
    """HTTP Basic, and then nothing is signed."""
    call = call_of(SMS)
    assert call.headers["authorization"] == f"Basic {base64.b64encode(b'a1b2c3d4:KEY-OF-ACCOUNT').decode()}"
    assert call.timed_headers is None


# --- answers ----------------------------------------------------------------------------------------------------------


def test_a_repeat_is_not_known() -> None:
    """No document says that a second call with a client_ref sends nothing: a lost answer is waited for."""
    can = vonage.adapter(SMS).capabilities
    assert (can.recovery, can.key_field, can.message_id_is_key) == (Recovery.WAIT_THEN_OTHER, "", True)


def test_accepted_needs_an_id() -> None:
    """Statuses name our key; Vonage's id is kept beside it. Without one it was not accepted."""
    key = messages(1)[0].key
    assert result_of({"message_uuid": "u-1"}, 202) == Accepted((key,), "message_uuid u-1")
    assert result_of({"message_uuid": "a b"}, 202) == Unknown(detail="http 202 without message_uuid")


def test_every_code_has_its_meaning() -> None:
    """In the type or in the title, a number as number or text, whatever HTTP status of a refusal is beside it."""
    for code, reason in vonage_codes.CODES.items():
        wanted: Result = Refused(reason, f"code {code}")
        if code in vonage_codes.LATER:
            wanted = TryLater(reason, detail=f"code {code}")
        elif code in vonage_codes.UNSURE:
            wanted = Unknown(reason, f"code {code}")
        title: object = int(code) if code.isdigit() else code
        assert result_of({"type": PROBLEM + code, "title": "Some words"}) == wanted
        assert result_of({"type": PROBLEM, "title": title}, 400) == wanted
    assert set(vonage_codes.CODES) >= vonage_codes.LATER | vonage_codes.UNSURE


@pytest.mark.parametrize(
    ("answer", "code", "result"),
    [
        ({"type": "https://a.example/api-errors#low-balance"}, 402, Refused(Reason.BALANCE, "code low-balance")),
        ({"type": PROBLEM + "9999", "title": "New"}, 422, Refused(Reason.PARAMETERS, "http 422")),
        ({"type": 5, "title": {}}, 401, Refused(Reason.NOT_AUTHORISED, "http 401")),
        ({"type": PROBLEM + "1000"}, 429, TryLater(Reason.THROTTLED, detail="http 429")),
        ({"type": PROBLEM + "1000"}, 400, TryLater(Reason.THROTTLED, detail="code 1000")),
        ({"type": PROBLEM + "1100"}, 422, TryLater(Reason.PROVIDER_FAULT, detail="code 1100")),
        ({"type": PROBLEM + "1030"}, 422, Unknown(Reason.PROVIDER_FAULT, "code 1030")),
        ({"type": PROBLEM + "1320"}, 422, Unknown(Reason.DUPLICATE, "code 1320")),
        ({"type": PROBLEM + "1170"}, 500, Unknown(Reason.PROVIDER_FAULT, "http 500")),
        ({"type": PROBLEM + "1170"}, 303, Unknown(Reason.PROVIDER_FAULT, "http 303")),
        ({"message_uuid": "u-1"}, 200, Unknown(Reason.PROVIDER_FAULT, "http 200")),
    ],
)  # fmt: skip
def test_what_a_status_says_over_a_code(answer: object, code: int, result: Result) -> None:
    """A refusal is read by its code; what may have been taken stays unknown, and a 429 is what it is everywhere."""
    assert result_of(answer, code) == result


def test_later_is_as_late_as_it_says() -> None:
    """Retry-After beside a code of a throttled account is kept."""
    reply = json_reply({"type": PROBLEM + "1000"}, status=400, headers={"retry-after": "9"})
    assert case_of(SMS).submit(messages(1), lambda _: reply)[0] == (TryLater(Reason.THROTTLED, 9.0, "code 1000"),)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["to"], Reason.INVALID_NUMBER),
        (["ttl", "from"], Reason.SENDER),
        (["text"], Reason.CONTENT),
        (["ttl"], Reason.PARAMETERS),
        ([5], Reason.PARAMETERS),
        ([], Reason.PARAMETERS),
    ],
)
def test_the_parameter_that_is_wrong_says_whose_fault_it_is(names: list[object], reason: Reason) -> None:
    """A number that Vonage does not take is the number's, not ours; and only where parameters are what is wrong."""
    wrong = [{"name": name, "reason": "Some words"} for name in names]
    assert result_of({"type": PROBLEM + "1150", "invalid_parameters": wrong}) == Refused(reason, "code 1150")
    assert result_of({"type": PROBLEM + "1022", "invalid_parameters": wrong}) == Refused(Reason.TEMPLATE, "code 1022")


# --- statuses ---------------------------------------------------------------------------------------------------------


def test_a_status_is_read_whole() -> None:
    """State, reason, time, code, price and parts; the person's number and Vonage's words stay out."""
    body = status(
        SMS, "rejected", error={"type": PROBLEM + "1280", "title": 1280, "detail": "380000000001"},
        usage={"currency": "EUR", "price": "0.0333"}, sms={"count_total": "2"},
    )  # fmt: skip
    assert read(body, SMS) == Receipt(
        provider_message_id=MESSAGE.key,
        state=ReceiptState.REJECTED,
        reason=Reason.OPERATOR,
        at=NOW,
        raw_status="rejected",
        detail="code 1280",
        price="0.0333 EUR",
        segment_count=2,
    )


@pytest.mark.parametrize(
    ("said", "error", "state", "reason"),
    [
        ("submitted", None, ReceiptState.SUBMITTED, None),
        ("read", {"title": 1030}, ReceiptState.SEEN, None),
        ("Delivered", None, ReceiptState.UNKNOWN, None),
        ("undeliverable", None, ReceiptState.UNDELIVERABLE, Reason.PROVIDER_FAULT),
        ("rejected", None, ReceiptState.REJECTED, Reason.UNKNOWN),
        ("rejected", {"title": "9999"}, ReceiptState.REJECTED, Reason.UNKNOWN),
        ("rejected", {"title": "1300"}, ReceiptState.REJECTED, Reason.NOT_ON_CHANNEL),
        ("rejected", {"title": 1360}, ReceiptState.EXPIRED, Reason.VALIDITY),
        ("rejected", {"title": 1320}, ReceiptState.UNKNOWN, None),
        ("rejected", {"title": 1330}, ReceiptState.UNKNOWN, None),
    ],
)
def test_words_and_the_error_beside_them(said: str, error: object, state: ReceiptState, reason: Reason | None) -> None:
    """The word tells the state, the code the reason; the end of a life is an expiry, and a new word proves nothing."""
    receipt = read(status(VIBER, said, error=error))
    assert isinstance(receipt, Receipt)
    assert (receipt.state, receipt.reason) == (state, reason)


def test_every_code_can_end_a_message() -> None:
    """Each code has a state and, where that is a negative, a reason; no network of SMS says who has no SMS."""
    for account in (VIBER, SMS):
        for code in vonage_codes.CODES:
            receipt = read(status(account, "rejected", error={"type": PROBLEM + code}), account)
            assert isinstance(receipt, Receipt)
            assert (receipt.reason is not None) is (receipt.state in NEGATIVE), code
            assert receipt.detail == f"code {code}"
    on_sms = read(status(SMS, "rejected", error={"title": 1300}), SMS)
    assert isinstance(on_sms, Receipt)
    assert on_sms.reason is Reason.OPERATOR


@pytest.mark.parametrize(
    ("parts", "price", "count"),
    [
        ({}, None, None),
        ({"usage": {"price": "free", "currency": "EUR"}, "sms": {"count_total": "many"}}, None, None),
        ({"usage": {"price": "0.1", "currency": "euro"}, "sms": {"count_total": 3}}, None, 3),
        ({"usage": {"price": 0.5, "currency": "EUR"}, "sms": {"count_total": "380000000001"}}, "0.5 EUR", None),
    ],
)  # fmt: skip
def test_price_and_parts_are_kept_if_they_are_some(
    parts: dict[str, object], price: str | None, count: int | None
) -> None:
    """What is no amount and no count is not kept."""
    receipt = read(status(SMS, "submitted", **parts), SMS)
    assert isinstance(receipt, Receipt)
    assert (receipt.price, receipt.segment_count) == (price, count)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (status(SMS, "delivered"), "callback: not JSON, or not of the channel viber_service"),
        (b"status=delivered", "callback: not JSON, or not of the channel viber_service"),
        (status(VIBER, "delivered", client_ref=None), "callback: client_ref must be text of 1 to 200 plain characters"),
        (status(VIBER, "+380000000001"), "callback: no status"),
    ],
)
def test_statuses_that_cannot_be_read(body: bytes, what: str) -> None:
    """A status of another channel or without what a report needs is said to be one, with the rule that it breaks."""
    assert read(body) == ReceiptProblem(what)


# --- whose they are ---------------------------------------------------------------------------------------------------

BODY = status(VIBER, "delivered")
CLAIMS: dict[str, object] = {
    "iat": int(NOW.timestamp()),
    "jti": "j-1",
    "iss": "Vonage",
    "payload_hash": hashlib.sha256(BODY).hexdigest(),
    "api_key": "a1b2c3d4",
    "application_id": APPLICATION,
}


def header(claims: Mapping[str, object], key: str = SECRET, algorithm: str = "HS256") -> str:
    return f"Bearer {jwt.encode(dict(claims), key, algorithm=algorithm)}"


def proof_of(authorization: str, body: bytes = BODY, now: datetime = NOW) -> Signed | None:
    prove = case_of(VIBER).adapter.prove
    assert prove is not None
    return prove({"authorization": authorization}, body, now)


def test_a_token_of_the_secret_about_this_body_is_a_proof() -> None:
    """The same status is the same by whichever token it comes, another is another, and both are remembered."""
    first, again = proof_of(header(CLAIMS)), proof_of(header(CLAIMS | {"jti": "j-2"}))
    assert first is not None
    assert (first, first.fresh) == (again, True)
    assert first.until - NOW > vonage.STATUS_LIFE
    other = status(VIBER, "read")
    second = proof_of(header(CLAIMS | {"payload_hash": hashlib.sha256(other).hexdigest().upper()}), other)
    assert second is not None
    assert second.mark != first.mark


@pytest.mark.parametrize(
    ("authorization", "body"),
    [
        ("", BODY),
        ("Basic a1b2", BODY),
        ("Bearer", BODY),
        ("Bearer a.b.c", BODY),
        (header(CLAIMS, "another-secret-that-is-long-enough"), BODY),
        (header(CLAIMS, SECRET + "x" * 40, "HS512"), BODY),
        (header(CLAIMS, "", "none"), BODY),
        (header(CLAIMS), BODY + b" "),
        (header(CLAIMS | {"payload_hash": ""}), BODY),
        (header(CLAIMS | {"payload_hash": 5}), BODY),
        (header({"iat": CLAIMS["iat"]}), BODY),
    ],
)
def test_a_forged_token_proves_nothing(authorization: str, body: bytes) -> None:
    """Nothing but HS256 by this secret, with the hash of these very octets."""
    assert proof_of(authorization, body) is None


@pytest.mark.parametrize(
    ("iat", "more", "fresh"),
    [
        (timedelta(minutes=4), {}, True),
        (timedelta(minutes=6), {}, False),
        (timedelta(hours=-24), {}, True),
        (timedelta(hours=-24, minutes=-6), {}, False),
        (timedelta(0), {"exp": NOW.timestamp() - 299}, True),
        (timedelta(0), {"exp": NOW.timestamp() - 301}, False),
        (timedelta(0), {"exp": "soon"}, False),
        (timedelta(0), {"iat": None}, False),
        (timedelta(0), {"iat": True}, False),
    ],
)
def test_a_token_is_of_these_days(iat: timedelta, more: dict[str, object], fresh: bool) -> None:
    """Not of tomorrow, not older than Vonage goes on trying, and not after the end that it names."""
    claims = CLAIMS | {"iat": int((NOW + iat).timestamp())} | more
    token = jwt.api_jws.encode(json.dumps(claims).encode(), SECRET, algorithm="HS256")
    found = proof_of(f"Bearer {token}")
    assert found is not None
    assert found.fresh is fresh


@pytest.mark.parametrize(
    ("account", "parts", "named"),
    [
        (SMS, {"sender": " "}, "sender must be non-empty"),
        (SMS, {"sender": "E-health-long"}, "sender must be at most 11"),
        (SMS, {"sender": "Рецепт"}, "sender must be at most 11"),
        (SMS, {"sender": "4" * 16}, "sender must be at most 15"),
        (VIBER, {"sender": "4" * 51}, "sender must be at most 50"),
        (SMS, {"channel": Channel.DIIA}, "channel must be viber or sms"),
        (SMS, {"signature_secret": ""}, "signature_secret must be non-empty"),
        (SMS, {"signature_secret": "short"}, "signature_secret must have 16"),
        (SMS, {"api_secret": ""}, "api_secret"),
        (SMS, {"api_key": "", "api_secret": ""}, "either application_id and private_key, or"),
        (SMS, {"application_id": APPLICATION}, "either application_id and private_key, or"),
        (VIBER, {"application_id": ""}, "application_id"),
        (VIBER, {"private_key": ""}, "private_key must be the PEM"),
        (VIBER, {"private_key": "-----BEGIN KEY-OF-ACCOUNT"}, "private_key must be the PEM"),
        (VIBER, {"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "private_key must be the PEM"),
    ],
)
def test_accounts_that_cannot_be(account: vonage.VonageAccount, parts: dict[str, Any], named: str) -> None:
    """What is missing or wrong is named, and no secret is shown."""
    with pytest.raises(ConfigError, match=named) as raised:
        replace(account, **parts)
    assert "KEY-OF-ACCOUNT" not in raised.value.detail


def test_a_number_may_be_the_sender() -> None:
    """As long as a phone number can be, where an alpha-name may not."""
    assert replace(SMS, sender="4" * 15).sender == "4" * 15
