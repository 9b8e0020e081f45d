"""The contract that every HTTP adapter keeps, whatever its provider says: one class of tests, run once per provider.

A test file makes an ``AdapterCase`` and a subclass of ``AdapterContract`` that holds it.
"""

import json
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esoz_notify.channels.dialogue import (
    Adapter,
    Capabilities,
    Hearing,
    HttpCall,
    HttpReply,
    Keep,
    NoReply,
    OutboundMessage,
    Receipt,
    ReceiptProblem,
    Saying,
)
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import POSITIVE, Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown

Returned = TypeVar("Returned")
Answer = Callable[[HttpCall], HttpReply | NoReply]

PARAMETER = "NUMBER-0000-243P"
SECRETS = ("+380000000001", "380000000001", "0000000001", PARAMETER, "Ваш рецепт виписано", "KEY-OF-ACCOUNT")
"""What no repr and no detail may show: phone, tax id, parameter value, text, credential."""

MESSAGE = OutboundMessage(
    key="018f0000-0000-7000-8000-abcdef000001",
    phone=Phone("+380000000001"),
    tax_id="0000000001",
    kind="prescription_issued",
    template="prescription_issued",
    parameters={"request_number": PARAMETER},
    text="Ваш рецепт виписано",
    language="uk",
    validity_s=900.0,
)


def messages(count: int) -> list[OutboundMessage]:
    """So many healthy messages, each with its own key and person."""
    return [
        replace(
            MESSAGE,
            key=f"018f0000-0000-7000-8000-abcdef{number:06d}",
            phone=Phone(f"+38000000{number:04d}"),
            tax_id=f"{number:010d}",
        )
        for number in range(1, count + 1)
    ]


@dataclass(slots=True)
class Conversation:
    """The other side of a dialogue: answers each call by a function, and remembers what was said and kept."""

    answer: Answer
    calls: list[HttpCall] = field(default_factory=list)
    said: list[Saying] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)

    def run(self, dialogue: Generator[Saying, Hearing, Returned]) -> Returned:
        """Play the dialogue to its end and return what it returned."""
        heard: Hearing = None
        while True:
            try:
                saying = dialogue.send(heard)
            except StopIteration as end:
                returned: Returned = end.value
                return returned
            self.said.append(saying)
            if isinstance(saying, Keep):
                self.kept[saying.name] = saying.value
                heard = None
            else:
                self.calls.append(saying)
                heard = self.answer(saying)


def json_reply(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpReply:
    """A reply with a JSON body."""
    return HttpReply(status=status, headers=headers or {}, body=json.dumps(value).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterCase:
    """One provider under the contract.

    ``healthy`` answers any call as the provider does when all is well; ``submits`` tells the call that hands messages
    over, ``polls`` the one that asks what became of them; ``names`` tells whether such a call names a message;
    ``vocabulary``: member names of the provider's answers. ``receipts``: bodies of callbacks by the state that each
    tells, ``priced``: one that tells a price; what the capabilities promise, these must hold.
    """

    adapter: Adapter
    healthy: Callable[[HttpCall], HttpReply]
    submits: Callable[[HttpCall], bool]
    names: Callable[[HttpCall, str], bool]
    without_address: OutboundMessage
    poll_id: str
    vocabulary: tuple[str, ...]
    statuses: Mapping[int, type[Result]]
    polls: Callable[[HttpCall], bool] = lambda call: call.method == "GET"
    receipts: Mapping[ReceiptState, bytes] = field(default_factory=dict)
    priced: bytes | None = None

    @property
    def can(self) -> Capabilities:
        """What the adapter declares."""
        return self.adapter.capabilities

    def submit(self, batch: list[OutboundMessage], answer: Answer) -> tuple[tuple[Result, ...], Conversation]:
        """Submit as the engine does: at most ``batch_max`` messages in a dialogue."""
        conversation, size = Conversation(answer), self.can.batch_max
        results: list[Result] = []
        for start in range(0, max(len(batch), 1), size):
            results += conversation.run(self.adapter.submit(batch[start : start + size], {}))
        return tuple(results), conversation

    def instead(self, reply: HttpReply | NoReply) -> Answer:
        """A provider that is well except for the call that hands messages over."""
        return lambda call: reply if self.submits(call) else self.healthy(call)

    def poll(self, answer: Answer) -> tuple[tuple[Receipt | ReceiptProblem, ...], Conversation]:
        conversation = Conversation(answer)
        if self.adapter.poll is None:
            return (), conversation
        return conversation.run(self.adapter.poll([self.poll_id], {})), conversation


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ANY_JSON = st.recursive(
    SCALARS | st.text(), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)
ID_NAMES = frozenset(
    {"id", "messageId", "message_id", "message_uuid", "client_ref", "extra_id", "distributionId", "templateId", "token"}
)
"""Members whose text is an id by contract: a provider that put a phone there would have made the phone its id."""


def adversary(vocabulary: tuple[str, ...]) -> st.SearchStrategy[object]:
    """JSON in the shape of the provider's answers, with a secret wherever there may be text."""

    def honest_ids(value: dict[str, object]) -> dict[str, object]:
        return {k: f"id-{k}" if k in ID_NAMES and isinstance(v, str) else v for k, v in value.items()}

    return st.recursive(
        SCALARS | st.sampled_from(SECRETS) | st.integers(0, 10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(vocabulary), inner, max_size=5).map(honest_ids)
        ),
        max_leaves=20,
    )


def assert_no_secret(*shown: object) -> None:
    """No repr of these shows a secret."""
    text = "\n".join(repr(value) for value in shown)
    assert [secret for secret in SECRETS if secret in text] == []


contract = settings(
    max_examples=60,
    deadline=None,
    # The tests are inherited by one class per provider, on purpose.
    suppress_health_check=[HealthCheck.differing_executors],
)


class AdapterContract:
    """Inherit, set ``case``, and the contract is checked."""

    case: AdapterCase

    def test_one_result_per_message_in_order(self) -> None:
        """Each message gets its own result, in the order of the messages, and its id names its own key."""
        batch = messages(5)
        results, _ = self.case.submit(batch, self.case.healthy)
        assert [type(result) for result in results] == [Accepted] * 5
        ids = [result.message_ids[0] for result in results if isinstance(result, Accepted)]
        assert all(message.key in message_id for message_id, message in zip(ids, batch, strict=True))

    def test_an_empty_batch_says_nothing(self) -> None:
        """No messages: no calls and no results."""
        results, conversation = self.case.submit([], self.case.healthy)
        assert (results, conversation.said) == ((), [])

    def test_a_message_without_address_is_refused_alone(self) -> None:
        """What cannot be addressed is refused without a call, and the others still go."""
        first, last = messages(2)
        results, conversation = self.case.submit([first, self.case.without_address, last], self.case.healthy)
        assert [type(result) for result in results] == [Accepted, Refused, Accepted]
        assert results[1] == Refused(Reason.INVALID_NUMBER, results[1].detail)
        assert not any(self.case.names(call, self.case.without_address.key) for call in conversation.calls)

    def test_a_message_without_template_is_refused_alone(self) -> None:
        """A message whose template the account does not have is refused without a call, and the others still go."""
        if not self.case.can.template_ids:
            return  # it is sent as text
        first, last = messages(2)
        odd = replace(MESSAGE, key="odd", template="nobody-made-it")
        results, conversation = self.case.submit([first, odd, last], self.case.healthy)
        assert [type(result) for result in results] == [Accepted, Refused, Accepted]
        assert results[1] == Refused(Reason.TEMPLATE, results[1].detail)
        assert not any(self.case.names(call, "odd") for call in conversation.calls)

    def test_nothing_left(self) -> None:
        """A request that certainly did not leave may be made again."""
        results, _ = self.case.submit(messages(2), self.case.instead(NoReply(sent=False)))
        assert results == (TryLater(Reason.UNREACHABLE),) * 2

    def test_nothing_left_at_the_first_call(self) -> None:
        """It is the same when the first call of several does not leave."""
        results, _ = self.case.submit(messages(2), lambda _: NoReply(sent=False))
        assert {type(result) for result in results} == {TryLater}
        assert {result.reason for result in results if isinstance(result, TryLater)} == {Reason.UNREACHABLE}

    def test_a_lost_answer_is_unknown(self) -> None:
        """A request that left and was not answered is unknown, never a failure and never a success."""
        results, _ = self.case.submit(messages(2), self.case.instead(NoReply(sent=True)))
        assert results == (Unknown(Reason.NO_ANSWER),) * 2

    def test_a_lost_answer_before_the_messages_left_is_later(self) -> None:
        """A lost answer of a call that carried no message leaves nothing unknown about the message."""
        results, conversation = self.case.submit(messages(2), lambda _: NoReply(sent=True))
        expected = Unknown if self.case.submits(conversation.calls[0]) else TryLater
        assert [type(result) for result in results] == [expected] * 2

    def test_statuses_by_their_documented_meaning(self) -> None:
        """Each HTTP status means what the provider documents, for one message and for many, whatever the body says."""
        for status, expected in self.case.statuses.items():
            for body in (b"", b"<html>Bad Gateway</html>", b"{}"):
                reply = HttpReply(status=status, body=body)
                for count in (1, 3):
                    results, _ = self.case.submit(messages(count), self.case.instead(reply))
                    assert {type(result) for result in results} == {expected}, status

    def test_throttled_with_seconds(self) -> None:
        """429 with Retry-After: later, by so many seconds."""
        reply = HttpReply(status=429, headers={"retry-after": "17"})
        results, _ = self.case.submit(messages(2), self.case.instead(reply))
        assert results == (TryLater(Reason.THROTTLED, 17.0, "http 429"),) * 2

    @pytest.mark.parametrize("header", ["", "soon", "-1", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 40])
    def test_throttled_without_readable_seconds(self, header: str) -> None:
        """429 without readable seconds: later, and the engine's own back-off says when."""
        reply = HttpReply(status=429, headers={"retry-after": header})
        results, _ = self.case.submit(messages(1), self.case.instead(reply))
        assert results == (TryLater(Reason.THROTTLED, 0.0, "http 429"),)

    def test_one_bad_message_never_spoils_the_others(self) -> None:
        """A batch refused for one message is sent again one by one; only the bad one is refused."""
        batch = messages(4)

        def answer(call: HttpCall) -> HttpReply:
            bad = self.case.submits(call) and self.case.names(call, batch[2].key)
            return HttpReply(status=400) if bad else self.case.healthy(call)

        results, _ = self.case.submit(batch, answer)
        assert [type(result) for result in results] == [Accepted, Accepted, Refused, Accepted]

    @pytest.mark.parametrize(
        ("reply", "first", "rest"),
        [
            (NoReply(sent=True), Unknown, TryLater),
            (NoReply(sent=False), TryLater, TryLater),
            (HttpReply(status=500), Unknown, TryLater),
            (HttpReply(status=429), TryLater, TryLater),
            (HttpReply(status=403), Refused, Refused),
        ],
    )
    def test_one_by_one_stops_when_it_is_not_about_one_message(
        self, reply: HttpReply | NoReply, first: type[Result], rest: type[Result]
    ) -> None:
        """While sending one by one, a failure of the provider ends it: the messages after it did not leave."""
        if self.case.can.batch_max == 1:
            return  # each message has a dialogue of its own, which knows of no other
        sent_before = 0

        def answer(call: HttpCall) -> HttpReply | NoReply:
            nonlocal sent_before
            if not self.case.submits(call):
                return self.case.healthy(call)
            sent_before += 1
            return HttpReply(status=400) if sent_before == 1 else reply

        results, _ = self.case.submit(messages(4), answer)
        assert [type(result) for result in results] == [first, rest, rest, rest]
        assert sent_before == 2

    @contract
    @given(body=st.binary(max_size=200))
    def test_arbitrary_bytes_are_unknown(self, body: bytes) -> None:
        """An answer that cannot be read leaves the message unknown, and raises nothing."""
        results, _ = self.case.submit(messages(2), self.case.instead(HttpReply(status=200, body=body)))
        assert [type(result) for result in results] == [Unknown] * 2

    @contract
    @given(value=ANY_JSON)
    def test_arbitrary_json_is_unknown(self, value: object) -> None:
        """JSON that is not the provider's answer leaves the message unknown, and raises nothing."""
        results, _ = self.case.submit(messages(2), self.case.instead(json_reply(value)))
        assert [type(result) for result in results] == [Unknown] * 2

    @pytest.mark.parametrize("body", [b"[" * 100_000, b"1" * 10_000, b"NaN", b"\xff\xfe{}", b'{"a":1e999}'])
    def test_hostile_json_is_unknown(self, body: bytes) -> None:
        """Bodies that break parsers (depth, long numbers, NaN, other encodings) are unknown as well."""
        results, _ = self.case.submit(messages(1), self.case.instead(HttpReply(status=200, body=body)))
        assert [type(result) for result in results] == [Unknown]

    @contract
    @given(status=st.integers(100, 599), body=st.binary(max_size=50) | ANY_JSON.map(lambda v: json.dumps(v).encode()))
    def test_garbage_everywhere_is_never_accepted(self, status: int, body: bytes) -> None:
        """Garbage with any status on any call, the preparing ones too: never accepted, never an exception."""
        reply = HttpReply(status=status, body=body)
        for answer in (lambda _: reply, self.case.instead(reply)):
            results, _ = self.case.submit(messages(2), answer)
            assert not any(isinstance(result, Accepted) for result in results)

    @contract
    @given(status=st.sampled_from([200, 201, 404, 429, 500]), body=st.binary(max_size=50) | ANY_JSON.map(json.dumps))
    def test_garbage_proves_no_delivery(self, status: int, body: bytes | str) -> None:
        """Garbage in a poll or a callback proves nothing, and raises nothing."""
        raw = body if isinstance(body, bytes) else body.encode()
        heard, _ = self.case.poll(lambda _: HttpReply(status=status, body=raw))
        again, _ = self.case.poll(
            lambda call: HttpReply(status=status, body=raw) if self.case.polls(call) else self.case.healthy(call)
        )
        called = self.case.adapter.read_callback({}, raw) if self.case.adapter.read_callback else ()
        for receipt in (*heard, *again, *called):
            assert isinstance(receipt, ReceiptProblem) or receipt.state not in POSITIVE

    @contract
    @given(data=st.data(), status=st.sampled_from([200, 201, 400, 401, 422, 500]))
    def test_no_secret_is_shown(self, data: st.DataObject, status: int) -> None:
        """No phone, tax id, parameter, text or credential in a repr or a detail, even if the provider repeats them."""
        reply = json_reply(data.draw(adversary(self.case.vocabulary)), status=status)
        for answer in (lambda _: reply, self.case.instead(reply)):
            results, conversation = self.case.submit(messages(2), answer)
            assert_no_secret(results, conversation.said, messages(2), self.case.adapter)
        for poll in (
            lambda _: reply,
            lambda call: reply if self.case.polls(call) else self.case.healthy(call),
        ):
            heard, conversation = self.case.poll(poll)
            assert_no_secret(heard, conversation.said)
        if self.case.adapter.read_callback:
            assert_no_secret(self.case.adapter.read_callback({}, reply.body))

    def test_the_key_goes_where_the_capabilities_say(self) -> None:
        """A provider that is asked again with the same key is given the key, in the field that is declared."""
        assert (self.case.can.recovery is Recovery.SAME_KEY) is bool(self.case.can.key_field)
        _, conversation = self.case.submit(messages(1), self.case.healthy)
        (call,) = [call for call in conversation.calls if self.case.submits(call)]
        field_, key = self.case.can.key_field, messages(1)[0].key
        assert not field_ or re.search(rf'"{field_}": ?"{re.escape(key)}"', call.body.decode())

    def test_receipts_hold_what_the_capabilities_promise(self) -> None:
        """A provider that calls back is read; ``seen`` and ``price`` are declared exactly if its receipts tell them."""
        read = self.case.adapter.read_callback
        assert (read is not None) is self.case.can.callback
        heard = {state: read({}, body)[0] for state, body in self.case.receipts.items()} if read else {}
        assert {state: said.state for state, said in heard.items() if isinstance(said, Receipt)} == {
            state: state for state in self.case.receipts
        }
        assert not read or {ReceiptState.DELIVERED, ReceiptState.UNDELIVERABLE} <= set(heard)
        assert not read or (ReceiptState.SEEN in heard) is self.case.can.seen
        assert (self.case.priced is not None) is self.case.can.price
        if read and self.case.priced is not None:
            (said,) = read({}, self.case.priced)
            assert isinstance(said, Receipt)
            assert said.price == "0.38 UAH"

    def test_what_is_polled_can_be_polled(self) -> None:
        """Times of polls are declared exactly where there is a dialogue for them."""
        assert (self.case.adapter.poll is not None) is bool(self.case.can.poll_after_s)

    def test_a_gateway_that_answers_none_to_a_call_is_told_so(self) -> None:
        """None answers a Keep only; a gateway that confuses the two is our bug and is named."""
        dialogue = self.case.adapter.submit(messages(1), {})
        next(dialogue)
        with pytest.raises(TypeError, match="must be answered by an HttpReply"):
            dialogue.send(None)
