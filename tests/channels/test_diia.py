import json
from base64 import urlsafe_b64encode
from dataclasses import replace

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

from esoz_notify.channels import diia
from esoz_notify.channels.dialogue import HttpCall, HttpReply, Keep, NoReply, Receipt, ReceiptProblem
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown

TEMPLATE = diia.DiiaTemplate(title="Рецепт", short_text="Виписано рецепт", full_text="Номер {request_number}")
ACCOUNT = diia.DiiaAccount(
    partner_token="KEY-OF-ACCOUNT",
    templates={
        "prescription_issued": TEMPLATE,
        "referral_issued": replace(TEMPLATE, title="Направлення"),
        "by_hand": replace(TEMPLATE, template_id="5f3c00000000000000000009"),
    },
)
ADAPTER = diia.adapter(ACCOUNT)
KEY = MESSAGE.key
SIGN_IN, PUBLISH, DISTRIBUTE = "diia sign in", "diia template", "diia distribute"


def keys_of(call: HttpCall) -> list[str]:
    return [recipient["id"] for recipient in json.loads(call.body).get("recipients", [])]


def healthy(call: HttpCall) -> HttpReply:
    match call.label:
        case "diia sign in":
            return json_reply({"token": "bearer-1"})
        case "diia template":
            return json_reply({"templateId": "5f3c00000000000000000001"}, status=201)
        case "diia distribute":
            return json_reply({"distributionId": "d1"})
        case _:
            return json_reply({"recipients": []})


CASE = AdapterCase(
    adapter=ADAPTER,
    healthy=healthy,
    submits=lambda call: call.label == DISTRIBUTE,
    names=lambda call, key: key in keys_of(call),
    without_address=replace(MESSAGE, key="018f0000-0000-7000-8000-abcdefabcdef", tax_id=None),
    poll_id=f"d1:{KEY}",
    vocabulary=(
        "token",
        "templateId",
        "distributionId",
        "recipients",
        "id",
        "rnokpp",
        "status",
        "devices",
        "name",
        "message",
        "code",
        "data",
        "field",
        "exp",
        "iat",
    ),
    statuses={
        400: Refused,
        403: Refused,
        404: Refused,
        413: Refused,
        422: Refused,
        401: Refused,
        429: TryLater,
        503: TryLater,
        500: Unknown,
        502: Unknown,
        504: Unknown,
        302: Unknown,
    },
)


class TestDiiaContract(AdapterContract):
    """Diia under the common contract."""

    case = CASE


def labels(conversation: Conversation) -> list[str]:
    return [call.label for call in conversation.calls]


def test_what_it_can_do_is_declared() -> None:
    """Diia, same key again, 200 at once, polled soon and often, needs a tax id, no callbacks."""
    can = ADAPTER.capabilities
    assert (can.channel, can.recovery, can.batch_max) == (Channel.DIIA, Recovery.SAME_KEY, 200)
    assert (can.callback, can.needs_phone, can.needs_tax_id) == (False, False, True)
    assert can.poll_after_s == (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0)
    assert ADAPTER.read_callback is None


def test_the_whole_dialogue_is_as_documented() -> None:
    """Sign in by POST (never with the secret in a path), publish the template, distribute; keep what may be kept."""
    results, conversation = CASE.submit([MESSAGE], healthy)
    sign_in, publish, distribute = conversation.calls
    assert (sign_in.method, sign_in.path, sign_in.idempotent) == ("POST", "/api/v2/auth/partner", True)
    assert json.loads(sign_in.body) == {"bearerToken": "KEY-OF-ACCOUNT"}
    assert "authorization" not in sign_in.headers
    assert (publish.method, publish.path, publish.idempotent) == ("POST", "/api/v1/notification/template", True)
    assert json.loads(publish.body) == {
        "actionType": "message",
        "templateType": "attention",
        "title": "Рецепт",
        "shortText": "Виписано рецепт",
        "fullText": "Номер {request_number}",
        "timeToLiveInSec": 86_400,
        "removePrevious": True,
        "needAuth": True,
    }
    assert (distribute.path, distribute.idempotent) == ("/api/v1/notification/distribution/push", False)
    assert distribute.headers["authorization"] == "Bearer bearer-1"
    assert json.loads(distribute.body) == {
        "templateId": "5f3c00000000000000000001",
        "recipients": [
            {
                "rnokpp": "0000000001",
                "id": KEY,
                "resourceId": KEY,
                "parameters": [{"key": "request_number", "value": PARAMETER}],
            }
        ],
    }
    bearer, template = [saying for saying in conversation.said if isinstance(saying, Keep)]
    assert (bearer.name, bearer.value, bearer.ttl_s) == ("bearer", "bearer-1", 7_140.0)
    assert template.name.startswith("template:prescription_issued:")
    assert (len(template.name.rsplit(":", 1)[1]), template.value) == (16, "5f3c00000000000000000001")
    assert results == (Accepted((f"d1:{KEY}",)),)


def test_kept_values_save_the_preparing_calls() -> None:
    """With a bearer and a template kept, one call is enough."""
    _, first = CASE.submit([MESSAGE], healthy)
    second = Conversation(healthy)
    assert second.run(ADAPTER.submit([MESSAGE], first.kept)) == (Accepted((f"d1:{KEY}",)),)
    assert labels(second) == [DISTRIBUTE]


def test_a_changed_template_is_published_again() -> None:
    """The kept name holds the hash of all that was published, so another text or another life is another template."""
    _, first = CASE.submit([MESSAGE], healthy)
    for changed in (
        replace(ACCOUNT, time_to_live_s=600),
        replace(ACCOUNT, templates={"prescription_issued": replace(TEMPLATE, full_text="Інше {request_number}")}),
    ):
        conversation = Conversation(healthy)
        conversation.run(diia.adapter(changed).submit([MESSAGE], first.kept))
        assert labels(conversation) == [PUBLISH, DISTRIBUTE]


def test_a_template_published_by_hand_is_used_as_it_is() -> None:
    """A template id in the account is never published again."""
    _, conversation = CASE.submit([replace(MESSAGE, template="by_hand")], healthy)
    assert labels(conversation) == [SIGN_IN, DISTRIBUTE]
    assert json.loads(conversation.calls[1].body)["templateId"] == "5f3c00000000000000000009"


def test_one_distribution_per_template() -> None:
    """A batch of mixed templates makes one distribution for each, and results stay in the order of the messages."""
    first, second, third = messages(3)
    batch = [first, replace(second, template="referral_issued"), third]
    results, conversation = CASE.submit(batch, healthy)
    assert labels(conversation) == [SIGN_IN, PUBLISH, DISTRIBUTE, PUBLISH, DISTRIBUTE]
    assert [keys_of(call) for call in conversation.calls if call.label == DISTRIBUTE] == [
        [first.key, third.key],
        [second.key],
    ]
    assert results == tuple(Accepted((f"d1:{message.key}",)) for message in batch)


@pytest.mark.parametrize("tax_id", ["", "123", "00000000011", "АБ00000001", "00000 0001", "٠٠٠٠٠٠٠٠٠١"])
def test_a_tax_id_that_is_not_ten_digits_is_refused_alone(tax_id: str) -> None:
    """Passport numbers and the like cannot be addressed, and must not spoil the others."""
    good, bad = messages(2)
    results, _ = CASE.submit([replace(bad, tax_id=tax_id), good], healthy)
    assert results == (Refused(Reason.INVALID_NUMBER, "the tax id is not ten digits"), Accepted((f"d1:{good.key}",)))


class Bearers:
    """Diia whose call labelled ``refuse_at`` is answered by a 401 so many ``times``, whatever the bearer."""

    def __init__(self, refuse_at: str, times: int) -> None:
        self.refuse_at, self.times, self.issued = refuse_at, times, 0

    def __call__(self, call: HttpCall) -> HttpReply:
        if call.label == SIGN_IN:
            self.issued += 1
            return json_reply({"token": f"bearer-{self.issued}"})
        if call.label == self.refuse_at and self.times:
            self.times -= 1
            return json_reply({"name": "UnauthorizedError", "code": 401}, status=401)
        return healthy(call)


@pytest.mark.parametrize("refuse_at", [PUBLISH, DISTRIBUTE])
def test_an_ended_bearer_is_renewed_once_and_the_call_repeated(refuse_at: str) -> None:
    """A 401 in the middle: sign in again, repeat that call with the new bearer, and keep the new one."""
    conversation = Conversation(Bearers(refuse_at, times=1))
    assert conversation.run(ADAPTER.submit([MESSAGE], {"bearer": "old"})) == (Accepted((f"d1:{KEY}",)),)
    refused = [call for call in conversation.calls if call.label == refuse_at]
    assert [call.headers["authorization"] for call in refused] == ["Bearer old", "Bearer bearer-1"]
    assert refused[0].body == refused[1].body
    assert conversation.kept["bearer"] == "bearer-1"


def test_a_new_bearer_that_is_refused_too_is_a_refusal() -> None:
    """Not twice: a second 401 says that the partner itself is not let in."""
    conversation = Conversation(Bearers(DISTRIBUTE, times=2))
    assert conversation.run(ADAPTER.submit([MESSAGE], {"bearer": "old"})) == (
        Refused(Reason.NOT_AUTHORISED, "http 401"),
    )


def test_no_new_bearer_in_the_middle_leaves_nothing_unknown() -> None:
    """The refused distribution was not taken, so a sign-in that then fails means later, not unknown."""

    def answer(call: HttpCall) -> HttpReply:
        return HttpReply(status=401) if call.label == DISTRIBUTE else HttpReply(status=502)

    conversation = Conversation(answer)
    dialogue = ADAPTER.submit([replace(MESSAGE, template="by_hand")], {"bearer": "old"})
    assert conversation.run(dialogue) == (TryLater(Reason.PROVIDER_FAULT, 0.0, "sign in: http 502"),)
    assert labels(conversation) == [DISTRIBUTE, SIGN_IN]


@pytest.mark.parametrize(
    ("at", "reply", "expected"),
    [
        (SIGN_IN, NoReply(sent=True), TryLater(Reason.NO_ANSWER, 0.0, "sign in")),
        (SIGN_IN, NoReply(sent=False), TryLater(Reason.UNREACHABLE, 0.0, "sign in")),
        (SIGN_IN, HttpReply(status=404), Refused(Reason.NOT_AUTHORISED, "sign in: http 404")),
        (SIGN_IN, HttpReply(status=401), Refused(Reason.NOT_AUTHORISED, "sign in: http 401")),
        (SIGN_IN, HttpReply(status=500), TryLater(Reason.PROVIDER_FAULT, 0.0, "sign in: http 500")),
        (
            SIGN_IN,
            HttpReply(status=429, headers={"retry-after": "5"}),
            TryLater(Reason.THROTTLED, 5.0, "sign in: http 429"),
        ),
        (SIGN_IN, json_reply({"token": ""}), TryLater(Reason.PROVIDER_FAULT, 0.0, "sign in: the answer has no token")),
        (
            SIGN_IN,
            json_reply({"token": "a\r\nb"}),
            TryLater(Reason.PROVIDER_FAULT, 0.0, "sign in: the answer has no token"),
        ),
        (
            SIGN_IN,
            json_reply({"token": "жетон"}),
            TryLater(Reason.PROVIDER_FAULT, 0.0, "sign in: the answer has no token"),
        ),
        (PUBLISH, HttpReply(status=403), Refused(Reason.NOT_AUTHORISED, "template: http 403")),
        (PUBLISH, HttpReply(status=422), Refused(Reason.TEMPLATE, "template: http 422")),
        (PUBLISH, HttpReply(status=503), TryLater(Reason.PROVIDER_FAULT, 0.0, "template: http 503")),
        (PUBLISH, NoReply(sent=True), TryLater(Reason.NO_ANSWER, 0.0, "template")),
        (PUBLISH, json_reply({}), TryLater(Reason.PROVIDER_FAULT, 0.0, "template: the answer has no templateId")),
        (DISTRIBUTE, HttpReply(status=403), Refused(Reason.NOT_AUTHORISED, "http 403")),
        (
            DISTRIBUTE,
            json_reply({"name": "DatabaseError"}, status=422),
            Unknown(Reason.PROVIDER_FAULT, "http 422 DatabaseError"),
        ),
        (DISTRIBUTE, json_reply({"name": "ValidationError"}, status=422), Refused(Reason.PARAMETERS, "http 422")),
        (DISTRIBUTE, json_reply({"distributionId": 5}), Unknown(detail="the answer has no distributionId")),
    ],
)
def test_what_each_failure_means(at: str, reply: HttpReply | NoReply, expected: Result) -> None:
    """Before the distribution nothing is unknown; at the distribution only what may have been taken is."""
    results, _ = CASE.submit([MESSAGE], lambda call: reply if call.label == at else healthy(call))
    assert results == (expected,)


def test_a_database_error_is_not_retried_one_by_one() -> None:
    """A 422 that is the provider's own failure may have been taken: nothing is sent again."""
    reply = json_reply({"name": "DatabaseError"}, status=422)
    results, conversation = CASE.submit(messages(3), CASE.instead(reply))
    assert {type(result) for result in results} == {Unknown}
    assert labels(conversation).count(DISTRIBUTE) == 1


@pytest.mark.parametrize(
    ("reply", "first", "second"),
    [
        (NoReply(sent=True), Unknown(Reason.NO_ANSWER), TryLater(Reason.NO_ANSWER, 0.0, "not sent")),
        (HttpReply(status=403), Refused(Reason.NOT_AUTHORISED, "http 403"), Refused(Reason.NOT_AUTHORISED, "http 403")),
        (
            HttpReply(status=429, headers={"retry-after": "9"}),
            TryLater(Reason.THROTTLED, 9.0, "http 429"),
            TryLater(Reason.THROTTLED, 9.0, "not sent"),
        ),
    ],
)
def test_a_failing_provider_is_not_asked_for_the_next_template(
    reply: HttpReply | NoReply, first: Result, second: Result
) -> None:
    """When the failure is not about one message, the other templates of the batch do not leave now."""
    batch = [MESSAGE, replace(messages(2)[1], template="referral_issued")]
    results, conversation = CASE.submit(batch, CASE.instead(reply))
    assert results == (first, second)
    assert labels(conversation).count(DISTRIBUTE) == 1


def test_a_bad_template_does_not_stop_the_next() -> None:
    """A template that Diia refuses is its own trouble."""
    batch = [MESSAGE, replace(messages(2)[1], template="by_hand")]
    results, _ = CASE.submit(batch, lambda call: HttpReply(status=422) if call.label == PUBLISH else healthy(call))
    assert results == (Refused(Reason.TEMPLATE, "template: http 422"), Accepted((f"d1:{batch[1].key}",)))


def jwt(claims: bytes) -> str:
    return f"e30.{urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"


@pytest.mark.parametrize(
    ("token", "ttl_s"),
    [
        (jwt(b'{"iat":1700000000,"exp":1700003600}'), 3_540.0),
        (jwt(b'{"iat":1700000000,"exp":1800000000}'), 86_340.0),
        (jwt(b'{"iat":1700000000,"exp":1700000030}'), 1.0),
        (jwt(b'{"iat":1,"exp":1' + b"0" * 400 + b"}"), 86_340.0),
        (jwt(b'{"exp":1700003600}'), 7_140.0),
        (jwt(b'{"iat":1700003600,"exp":1700000000}'), 7_140.0),
        (jwt(b'{"iat":"a","exp":1}'), 7_140.0),
        (jwt(b"not json"), 7_140.0),
        ("a.b.c", 7_140.0),
        ("a.bc%%d.c", 7_140.0),
        ("opaque", 7_140.0),
    ],
)
def test_a_bearer_is_kept_until_just_before_its_end(token: str, ttl_s: float) -> None:
    """By the token's own times if it says both, else two hours; always a minute less, and a day at most."""
    _, conversation = CASE.submit(
        [MESSAGE], lambda call: json_reply({"token": token}) if call.label == SIGN_IN else healthy(call)
    )
    (bearer,) = [saying for saying in conversation.said if isinstance(saying, Keep) and saying.name == "bearer"]
    assert bearer.ttl_s == ttl_s


def poll(
    ids: list[str], pages: dict[str, HttpReply | NoReply], kept: dict[str, str] | None = None
) -> tuple[tuple[Receipt | ReceiptProblem, ...], Conversation]:
    def answer(call: HttpCall) -> HttpReply | NoReply:
        return pages[call.path] if call.method == "GET" else healthy(call)

    conversation = Conversation(answer)
    assert ADAPTER.poll is not None
    return conversation.run(ADAPTER.poll(ids, {"bearer": "b"} if kept is None else kept)), conversation


def page(*recipients: object) -> HttpReply:
    return json_reply({"recipients": list(recipients)})


PATH = "/api/v1/notification/distribution/push/"


def state_of(recipient: dict[str, object]) -> Receipt | ReceiptProblem:
    heard, _ = poll([f"d1:{KEY}"], {f"{PATH}d1": page({"id": KEY, "rnokpp": "0000000001", **recipient})})
    (receipt,) = heard
    return receipt


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        ("sent", ReceiptState.SUBMITTED, None),
        ("read", ReceiptState.SEEN, None),
        ("not-found", ReceiptState.UNDELIVERABLE, Reason.NOT_ON_CHANNEL),
        ("notification-generation-error", ReceiptState.REJECTED, Reason.TEMPLATE),
        ("send-error", ReceiptState.UNDELIVERABLE, Reason.PROVIDER_FAULT),
        ("error", ReceiptState.UNDELIVERABLE, Reason.PROVIDER_FAULT),
        ("delivered", ReceiptState.UNKNOWN, None),
    ],
)
def test_a_recipient_in_our_words(status: str, state: ReceiptState, reason: Reason | None) -> None:
    """Handed to the phone's maker is not delivered, read is seen, and a new word proves nothing but is kept."""
    assert state_of({"status": status}) == Receipt(
        provider_message_id=f"d1:{KEY}", state=state, reason=reason, raw_status=status
    )


@pytest.mark.parametrize(
    ("statuses", "best"),
    [
        (["not-found", "sent", "read"], "read"),
        (["not-found", "send-error", "sent"], "sent"),
        (["not-found", "send-error"], "send-error"),
        (["send-error", "notification-generation-error"], "notification-generation-error"),
        (["not-found", "displayed"], "displayed"),
        (["displayed", "sent"], "sent"),
        (["not-found", None], "not-found"),
    ],
)
def test_the_best_device_speaks_for_the_person(statuses: list[str | None], best: str) -> None:
    """One device that got it is enough; a word we do not know weighs more than a failure elsewhere."""
    receipt = state_of({"devices": [{"status": status} for status in statuses]})
    assert isinstance(receipt, Receipt)
    assert receipt.raw_status == best


def test_a_status_that_is_no_word_is_not_repeated() -> None:
    """What is not a short word is unknown, and its text goes nowhere."""
    assert state_of({"status": "+380000000001"}) == Receipt(
        provider_message_id=f"d1:{KEY}", state=ReceiptState.UNKNOWN, raw_status=""
    )
    assert state_of({}) == ReceiptProblem("poll: a recipient without a status")


def test_distributions_are_asked_once_each_and_only_for_ours() -> None:
    """Ids are grouped by distribution; recipients that nobody asked about are passed over."""
    pages: dict[str, HttpReply | NoReply] = {
        f"{PATH}d1": page({"id": "a", "status": "read"}, {"id": "b", "status": "sent"}, {"id": "x", "status": "sent"}),
        f"{PATH}d2": page({"id": "c", "status": "not-found"}, {"rnokpp": "0000000001", "status": "sent"}),
    }
    heard, conversation = poll(["d1:a", "d2:c", "d1:b"], pages)
    assert len(conversation.calls) == 2
    assert [call.idempotent for call in conversation.calls] == [True, True]
    assert [
        (item.provider_message_id, item.raw_status) if isinstance(item, Receipt) else item.what for item in heard
    ] == [("d1:a", "read"), ("d1:b", "sent"), ("d2:c", "not-found"), "poll: a recipient without a readable id"]


@pytest.mark.parametrize(
    "first", [json_reply({"status": "sent"}), HttpReply(status=404), HttpReply(status=405), HttpReply(status=200)]
)
def test_the_other_path_is_found_by_its_answer(first: HttpReply) -> None:
    """Where the first path has no recipients the second is asked, and what was found is kept for the next time."""
    found = page({"id": "a", "status": "sent"})
    pages: dict[str, HttpReply | NoReply] = {f"{PATH}{d}": first for d in ("d1", "d2")}
    pages |= {f"{PATH}{d}/status": found for d in ("d1", "d2")}
    heard, conversation = poll(["d1:a", "d2:a"], pages)
    assert [call.path for call in conversation.calls] == [f"{PATH}d1", f"{PATH}d1/status", f"{PATH}d2/status"]
    assert [type(item) for item in heard] == [Receipt, Receipt]
    heard, again = poll(["d1:a"], pages, {"bearer": "b", **conversation.kept})
    assert [call.path for call in again.calls] == [f"{PATH}d1/status"]
    assert again.kept == {}


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (NoReply(sent=True), "poll: no answer"),
        (HttpReply(status=500), "poll: http 500"),
        (HttpReply(status=429), "poll: http 429"),
        (HttpReply(status=403), "poll: http 403"),
        (HttpReply(status=404), "poll: no path answered with recipients"),
        (json_reply({"status": "pending"}), "poll: no path answered with recipients"),
    ],
)
def test_poll_stops_at_the_first_failure(reply: HttpReply | NoReply, what: str) -> None:
    """A failed query is one problem, and the rest is asked another time."""
    pages = {f"{PATH}d1": reply, f"{PATH}d1/status": reply}
    heard, _ = poll(["d1:a", "d2:b"], pages)
    assert heard == (ReceiptProblem(what),)


def test_poll_without_a_bearer_signs_in() -> None:
    """Polling signs in as submitting does, and says so when that fails."""
    heard, conversation = poll(["d1:a"], {f"{PATH}d1": page({"id": "a", "status": "sent"})}, {})
    assert labels(conversation) == [SIGN_IN, "diia recipients"]
    assert [type(item) for item in heard] == [Receipt]
    failed = Conversation(lambda _: HttpReply(status=500))
    assert ADAPTER.poll is not None
    assert failed.run(ADAPTER.poll(["d1:a"], {})) == (ReceiptProblem("poll: sign in: http 500"),)


@pytest.mark.parametrize("message_id", ["", "no-colon", ":a", "d 1:a", "d1/../x:a"])
def test_poll_of_an_id_that_is_not_ours_calls_nobody(message_id: str) -> None:
    """An id that was never given out is a problem, not a path."""
    heard, conversation = poll([message_id], {})
    assert (heard, conversation.calls) == ((ReceiptProblem("poll: a message id must be distribution:key"),), [])


def test_the_account_and_its_templates_refuse_what_cannot_work() -> None:
    """An empty token and texts outside Diia's lengths stop the start and name what to change."""
    with pytest.raises(ConfigError, match="partner_token"):
        replace(ACCOUNT, partner_token=" ")
    for field, length_max in (("title", 60), ("short_text", 200), ("full_text", 2048)):
        assert replace(TEMPLATE, **{field: "я" * length_max}) is not None
        for text in ("", "я" * (length_max + 1)):
            with pytest.raises(ConfigError, match=field):
                replace(TEMPLATE, **{field: text})
    assert "KEY-OF-ACCOUNT" not in repr(ACCOUNT)
