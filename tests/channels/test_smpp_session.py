"""Rules of one SMPP bind, played with values only."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.channels.smpp import SmppAccount
from esoz_notify.channels.smpp_pdu import (
    SEQUENCE_MAX,
    BindResp,
    Body,
    Command,
    FrameReader,
    Pdu,
    ShortMessage,
    ShortMessageResp,
    decode,
    encode,
)
from esoz_notify.channels.smpp_session import (
    LATE_MAX,
    AccountRefused,
    Alive,
    BindRefused,
    Bound,
    Broken,
    Delivered,
    Event,
    LateAnswer,
    Session,
    State,
    Strange,
    SubmitAnswered,
    Unbound,
)
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Accepted, Refused, TryLater, Unknown

BODY = ShortMessage(source_addr="MOZ", destination_addr="380000000001", short_message=b"x")
TIME_OUT = Unknown(Reason.NO_ANSWER, "no submit_sm_resp in time")
LINK_ENDED = Unknown(Reason.NO_ANSWER, "the link ended before submit_sm_resp")


def account(**settings: Any) -> SmppAccount:
    """Window 3, silence 30 s, answers 10 s, bind 5 s."""
    given_settings: dict[str, Any] = {"window_size": 3, "enquire_link_s": 30.0, "bind_timeout_s": 5.0}
    return SmppAccount(
        name="operator",
        host="localhost",
        port=2775,
        system_id="esoz",
        password="secret",
        source_addr="MOZ",
        **(given_settings | settings),
    )


def pdu(command_id: int, sequence_number: int, status: int = 0, body: Body = b"") -> bytes:
    """Octets of a PDU of the SMSC."""
    return encode(Pdu(command_id=command_id, sequence_number=sequence_number, command_status=status, body=body))


def answer(sequence_number: int, message_id: str = "", status: int = 0) -> bytes:
    """Octets of a submit_sm_resp."""
    return pdu(Command.SUBMIT_SM_RESP, sequence_number, status, ShortMessageResp(message_id=message_id))


def broken(command_id: int, sequence_number: int) -> bytes:
    """Octets of a PDU whose body does not end as it must."""
    return b"".join(value.to_bytes(4) for value in (18, command_id, 0, sequence_number)) + b"ab"


def said(session: Session[str]) -> list[Pdu]:
    """What the session has to write."""
    return [decode(frame) for frame in FrameReader().feed(session.take_output())]


def bound(now: float = 0.0, *, first_sequence: int = 1, **settings: Any) -> Session[str]:
    """A session whose bind was accepted at ``now``; its next sequence number is 2."""
    session: Session[str] = Session(account(**settings), now=now, first_sequence=first_sequence)
    session.bind()
    (request,) = said(session)
    body = BindResp(system_id="SMSC")
    assert session.receive(pdu(Command.BIND_TRANSCEIVER_RESP, request.sequence_number, body=body), now) == [Bound()]
    return session


# --- binding ---


def test_bind_is_the_first_word() -> None:
    """A session binds as transceiver with the account's name and secret."""
    session: Session[str] = Session(account(), now=0.0)
    assert (session.state, session.take_output(), session.next_tick_at) == (State.OPEN, b"", None)
    session.bind()
    (request,) = said(session)
    assert (request.command_id, request.sequence_number, session.state) == (Command.BIND_TRANSCEIVER, 1, State.BINDING)


@pytest.mark.parametrize(
    ("heard", "status"),
    [
        (pdu(Command.BIND_TRANSCEIVER_RESP, 1, 0x0E), 0x0E),
        (pdu(Command.GENERIC_NACK, 1, 0x08), 0x08),
        (pdu(Command.GENERIC_NACK, 1, 0), 0x03),
    ],
)
def test_a_refused_bind_closes(heard: bytes, status: int) -> None:
    """A bind may be refused by its answer or by a generic_nack; both close the session."""
    session: Session[str] = Session(account(), now=0.0)
    session.bind()
    assert session.receive(heard, 1.0) == [BindRefused(status)]
    assert (session.state, session.room, session.next_tick_at) == (State.CLOSED, 0, None)


def test_a_bind_has_its_time() -> None:
    """No answer to the bind within bind_timeout_s breaks the session, not before."""
    session: Session[str] = Session(account(), now=100.0)
    session.bind()
    assert session.next_tick_at == 105.0
    assert session.tick(104.9) == []
    assert session.tick(105.0) == [Broken("no answer while binding")]
    assert session.state is State.CLOSED


def test_an_answer_to_another_bind_is_strange() -> None:
    """Only the answer with the number of our bind counts."""
    session: Session[str] = Session(account(), now=0.0)
    session.bind()
    assert session.receive(pdu(Command.BIND_TRANSCEIVER_RESP, 2), 1.0) == [Strange("answer 0x80000009 to nothing")]
    assert session.state is State.BINDING


def test_nothing_is_submitted_before_the_bind() -> None:
    """Without a bind there is no room, and submitting is a mistake of ours."""
    session: Session[str] = Session(account(), now=0.0)
    assert session.room == 0
    with pytest.raises(ValueError, match="no room in the window, or not bound"):
        session.submit(BODY, "a", 0.0)


# --- submitting ---


def test_the_window_counts_unanswered_submits() -> None:
    """Room shrinks with each submit and returns with each answer; over the window is a mistake of ours."""
    session = bound()
    assert [session.submit(BODY, token, 1.0) for token in "abc"] == [2, 3, 4]
    assert (session.room, session.unanswered_count) == (0, 3)
    with pytest.raises(ValueError, match="no room"):
        session.submit(BODY, "d", 1.0)
    assert [request.command_id for request in said(session)] == [Command.SUBMIT_SM] * 3
    session.receive(answer(3, "B"), 2.0)
    assert (session.room, session.unanswered_count) == (1, 2)


def test_answers_may_come_in_any_order() -> None:
    """An answer belongs to the submit with its number; each submit is answered once."""
    session = bound()
    for token in "abc":
        session.submit(BODY, token, 1.0)
    heard = answer(4, "C") + answer(2, status=0x58) + answer(3, status=0x0B)
    assert session.receive(heard, 2.0) == [
        SubmitAnswered("c", Accepted(("C",))),
        SubmitAnswered("a", TryLater(Reason.THROTTLED, 1.0, "0x00000058 RTHROTTLED")),
        SubmitAnswered("b", Refused(Reason.INVALID_NUMBER, "0x0000000B RINVDSTADR")),
    ]
    assert session.receive(answer(4, "C"), 3.0) == [Strange("answer 0x80000004 to nothing")]


@pytest.mark.parametrize(("status", "detail"), [(0x02, "0x00000002 RINVCMDLEN"), (0, "0x00000003 RINVCMDID")])
def test_a_generic_nack_answers_a_submit(status: int, detail: str) -> None:
    """What was not understood was not taken, whatever the status of the generic_nack says."""
    session = bound()
    session.submit(BODY, "a", 1.0)
    assert session.receive(pdu(Command.GENERIC_NACK, 2, status), 2.0) == [
        SubmitAnswered("a", Refused(Reason.PARAMETERS, detail))
    ]


def test_a_generic_nack_to_nothing_is_strange() -> None:
    """A generic_nack with a number that nothing waits for changes nothing."""
    assert bound().receive(pdu(Command.GENERIC_NACK, 0, 0x02), 1.0) == [Strange("answer 0x80000000 to nothing")]


def test_an_unreadable_answer_is_unknown() -> None:
    """The SMSC answered something: whether it has the message nobody knows."""
    session = bound()
    session.submit(BODY, "a", 1.0)
    first, second = session.receive(broken(Command.SUBMIT_SM_RESP, 2), 2.0)
    assert first == SubmitAnswered("a", Unknown(Reason.PROVIDER_FAULT, "unreadable submit_sm_resp"))
    assert isinstance(second, Strange)


@pytest.mark.parametrize("status", [0x0E, 0x04])
def test_an_account_fault_is_told_beside_the_answer(status: int) -> None:
    """A status about the account or the bind answers the submit and tells that the bind is of no use."""
    session = bound()
    session.submit(BODY, "a", 1.0)
    answered, refused = session.receive(answer(2, status=status), 2.0)
    assert isinstance(answered, SubmitAnswered)
    assert refused == AccountRefused(status)


def test_a_field_over_its_limit_leaves_the_session_as_it_was() -> None:
    """A submit that cannot be encoded takes neither a number nor room."""
    session = bound()
    with pytest.raises(ValueError, match="destination_addr"):
        session.submit(ShortMessage(source_addr="MOZ", destination_addr="3" * 21), "a", 1.0)
    assert (session.room, session.take_output(), session.submit(BODY, "b", 1.0)) == (3, b"", 2)


def test_sequence_numbers_wrap_to_one() -> None:
    """After 0x7FFFFFFF comes 1; answers still find their submits."""
    session = bound(first_sequence=SEQUENCE_MAX - 1)
    assert [session.submit(BODY, token, 1.0) for token in "ab"] == [SEQUENCE_MAX, 1]
    assert session.receive(answer(1, "B"), 2.0) == [SubmitAnswered("b", Accepted(("B",)))]


# --- time ---


def test_a_submit_has_its_time_and_its_late_answer_is_not_lost() -> None:
    """After response_timeout_s a submit is unknown; an answer later still gives the message id."""
    session = bound()
    session.submit(BODY, "a", 1.0)
    session.submit(BODY, "b", 2.0)
    assert session.next_tick_at == 11.0
    assert session.tick(10.9) == []
    assert session.tick(11.0) == [SubmitAnswered("a", TIME_OUT)]
    assert session.unanswered_count == 1
    assert session.receive(answer(2, "A"), 11.5) == [Alive(), LateAnswer("a", Accepted(("A",)))]
    assert session.receive(answer(2, "A"), 11.6) == [Strange("answer 0x80000004 to nothing")]
    assert session.room == 2


def test_a_late_refusal_is_told_too() -> None:
    """A late answer may also say that the message was never taken."""
    session = bound()
    session.submit(BODY, "a", 0.0)
    session.tick(10.0)
    _, late, refused = session.receive(answer(2, status=0x0D), 11.0)
    assert isinstance(late, LateAnswer)
    assert isinstance(late.result, Refused)
    assert refused == AccountRefused(0x0D)


def test_late_submits_are_remembered_within_a_limit() -> None:
    """Only the newest are kept; an answer to an older one is strange, and memory does not grow."""
    session = bound(window_size=LATE_MAX + 1)
    for token in range(LATE_MAX + 1):
        session.submit(BODY, str(token), 0.0)
    assert len(session.tick(10.0)) == LATE_MAX + 1
    assert session.receive(answer(2, "A"), 11.0) == [Alive(), Strange("answer 0x80000004 to nothing")]
    assert session.receive(answer(3, "A"), 11.0) == [LateAnswer("1", Accepted(("A",)))]


def test_a_number_that_came_round_belongs_to_the_new_submit() -> None:
    """When numbers have wrapped, an answer means the submit that uses the number now."""
    session = bound()
    session.submit(BODY, "old", 0.0)
    session.tick(10.0)
    session.receive(pdu(Command.ENQUIRE_LINK_RESP, 3), 11.0)
    session._next_sequence = 2
    session.submit(BODY, "new", 11.0)
    assert session.receive(answer(2, "N"), 12.0) == [SubmitAnswered("new", Accepted(("N",)))]
    assert session.receive(answer(2, "O"), 12.0) == [Strange("answer 0x80000004 to nothing")]


def test_silence_is_asked_about_and_then_ends_the_session() -> None:
    """After enquire_link_s without an octet the peer is asked; without an answer within its time the session breaks."""
    session = bound()
    assert session.next_tick_at == 30.0
    assert session.tick(29.9) == []
    assert session.tick(30.0) == []
    assert [request.command_id for request in said(session)] == [Command.ENQUIRE_LINK]
    assert session.next_tick_at == 40.0
    assert session.tick(35.0) == []
    assert session.take_output() == b""
    assert session.tick(40.0) == [Broken("no answer to enquire_link")]
    assert session.state is State.CLOSED


@pytest.mark.parametrize("heard", [pdu(Command.ENQUIRE_LINK_RESP, 2), pdu(Command.ENQUIRE_LINK, 7)])
def test_any_pdu_proves_life(heard: bytes) -> None:
    """The answer, or any other PDU, ends the doubt and starts the silence anew."""
    session = bound()
    session.tick(30.0)
    assert session.receive(heard, 31.0) == [Alive()]
    assert (session.tick(45.0), session.next_tick_at) == ([], 61.0)


def test_octets_that_end_nowhere_prove_nothing() -> None:
    """A peer that sends a PDU octet by octet and never ends it is as good as silent."""
    session = bound()
    session.tick(30.0)
    assert session.receive(b"\0", 31.0) == []
    assert session.receive(b"\0", 39.0) == []
    assert session.tick(40.0) == [Broken("no answer to enquire_link")]


def test_nothing_is_submitted_to_a_doubtful_peer() -> None:
    """While an enquire_link waits for its answer there is no room, lest messages end as unknown one by one."""
    session = bound()
    session.tick(30.0)
    assert session.room == 0
    session.receive(pdu(Command.ENQUIRE_LINK_RESP, 2), 31.0)
    assert session.room == 3


def test_an_unanswered_submit_makes_the_link_doubtful() -> None:
    """A submit whose time ran out asks at once whether the peer lives; without an answer the link is given up."""
    session = bound()
    session.submit(BODY, "a", 1.0)
    session.submit(BODY, "b", 5.0)
    said(session)
    session.tick(11.0)
    assert [request.command_id for request in said(session)] == [Command.ENQUIRE_LINK]
    assert session.tick(21.0) == [Broken("no answer to enquire_link"), SubmitAnswered("b", LINK_ENDED)]


# --- what the peer asks ---


def test_the_peers_enquire_link_is_answered() -> None:
    """Answered with its own number, bound or not."""
    for session in (bound(), Session[str](account(), now=0.0)):
        assert session.receive(pdu(Command.ENQUIRE_LINK, 77), 1.0) == []
        assert said(session) == [Pdu(command_id=Command.ENQUIRE_LINK_RESP, sequence_number=77)]


def test_a_deliver_sm_is_answered_when_we_say_so() -> None:
    """Nothing is written when it comes; the acknowledgement has its number and our status."""
    session = bound()
    frame = pdu(Command.DELIVER_SM, 50, body=BODY)
    assert session.receive(frame, 1.0) == [Delivered(50, frame, BODY)]
    assert session.take_output() == b""
    session.acknowledge(50)
    session.acknowledge(51, 0x64)
    expected = [
        Pdu(command_id=Command.DELIVER_SM_RESP, sequence_number=50, body=ShortMessageResp()),
        Pdu(command_id=Command.DELIVER_SM_RESP, sequence_number=51, command_status=0x64, body=ShortMessageResp()),
    ]
    assert said(session) == expected


def test_a_receipt_may_come_before_the_answer_to_its_submit() -> None:
    """SMSCs do that; both events come out, in the order of the wire."""
    session = bound()
    session.submit(BODY, "a", 1.0)
    frame = pdu(Command.DELIVER_SM, 1, body=BODY)
    assert session.receive(frame + answer(2, "A"), 2.0) == [
        Delivered(1, frame, BODY),
        SubmitAnswered("a", Accepted(("A",))),
    ]


def test_an_unreadable_deliver_sm_is_handed_on_raw() -> None:
    """Refused it would come again for ever: it is kept raw and can be acknowledged."""
    frame = broken(Command.DELIVER_SM, 9)
    assert bound().receive(frame, 1.0) == [Delivered(9, frame, None)]


def test_a_deliver_sm_before_the_bind_is_refused() -> None:
    """Nobody may deliver to a session that is not bound."""
    session: Session[str] = Session(account(), now=0.0)
    session.bind()
    said(session)
    assert session.receive(pdu(Command.DELIVER_SM, 5, body=BODY), 1.0) == [Strange("deliver_sm before the bind")]
    (refusal,) = said(session)
    assert (refusal.command_id, refusal.command_status) == (Command.DELIVER_SM_RESP, 0x04)


@pytest.mark.parametrize(
    ("heard", "status"),
    [
        (pdu(0x00000103, 6, body=b"data_sm"), 0x03),
        (pdu(Command.SUBMIT_SM, 6, body=BODY), 0x03),
        (broken(Command.BIND_TRANSMITTER, 6), 0xC2),
    ],
)
def test_an_unknown_or_broken_request_is_nacked(heard: bytes, status: int) -> None:
    """What we cannot do is answered with generic_nack and its number; the session goes on."""
    session = bound()
    (event,) = session.receive(heard, 1.0)
    assert isinstance(event, Strange)
    (nack,) = said(session)
    assert (nack.command_id, nack.sequence_number, nack.command_status) == (Command.GENERIC_NACK, 6, status)
    assert session.state is State.BOUND


@pytest.mark.parametrize("command_id", [Command.SUBMIT_SM_RESP, Command.BIND_TRANSCEIVER_RESP])
def test_a_broken_answer_to_nothing_is_not_answered(command_id: int) -> None:
    """An answer is never answered."""
    session = bound()
    (event,) = session.receive(broken(command_id, 99), 1.0)
    assert (isinstance(event, Strange), session.take_output()) == (True, b"")


def test_lost_frames_end_the_session() -> None:
    """An impossible length is answered with generic_nack 2 and number 0; what was whole before it counts."""
    session = bound()
    session.submit(BODY, "a", 1.0)
    session.submit(BODY, "b", 1.0)
    said(session)
    first, second, third = session.receive(answer(2, "A") + b"\0\0\0\1", 2.0)
    assert first == SubmitAnswered("a", Accepted(("A",)))
    assert isinstance(second, Broken)
    assert third == SubmitAnswered("b", LINK_ENDED)
    assert said(session) == [Pdu(command_id=Command.GENERIC_NACK, sequence_number=0, command_status=0x02)]


# --- the end ---


def test_the_peers_unbind_ends_the_session() -> None:
    """It is answered, every submit without an answer is unknown, and what follows is not read."""
    session = bound()
    session.submit(BODY, "a", 1.0)
    said(session)
    assert session.receive(pdu(Command.UNBIND, 8) + answer(2, "A"), 2.0) == [
        Unbound(by_peer=True),
        SubmitAnswered("a", LINK_ENDED),
    ]
    assert said(session) == [Pdu(command_id=Command.UNBIND_RESP, sequence_number=8)]
    session.acknowledge(1)
    assert session.take_output() == b""


def test_our_unbind_lets_answers_and_receipts_in() -> None:
    """After unbind nothing is submitted, but what comes before its answer still counts."""
    session = bound()
    session.submit(BODY, "a", 1.0)
    said(session)
    session.unbind(2.0)
    assert (session.room, session.next_tick_at) == (0, 11.0)
    frame = pdu(Command.DELIVER_SM, 3, body=BODY)
    events = session.receive(answer(2, "A") + frame + pdu(Command.UNBIND_RESP, 3), 3.0)
    assert events == [SubmitAnswered("a", Accepted(("A",))), Delivered(3, frame, BODY), Unbound(by_peer=False)]
    assert [request.command_id for request in said(session)] == [Command.UNBIND]


def test_an_unbind_has_its_time() -> None:
    """A peer that does not answer unbind does not keep us."""
    session = bound()
    session.unbind(2.0)
    assert (session.tick(11.9), session.tick(12.0)) == ([], [Broken("no answer while unbinding")])


def test_unbind_needs_a_bind() -> None:
    """Unbinding what is not bound says nothing."""
    session: Session[str] = Session(account(), now=0.0)
    session.unbind(0.0)
    assert (session.take_output(), session.state) == (b"", State.OPEN)
    assert bound().receive(pdu(Command.UNBIND_RESP, 2), 1.0) == [Strange("answer 0x80000006 to nothing")]


def test_a_lost_link_makes_every_unanswered_submit_unknown() -> None:
    """Each is reported once; losing twice, or what was never bound, reports nothing more."""
    session = bound()
    for token in "ab":
        session.submit(BODY, token, 1.0)
    assert session.lose() == [
        Broken("the connection ended"),
        SubmitAnswered("a", LINK_ENDED),
        SubmitAnswered("b", LINK_ENDED),
    ]
    assert session.lose() == []
    assert session.receive(answer(2, "A"), 2.0) == []
    assert Session[str](account(), now=0.0).lose() == []


def test_repr_of_a_delivery_hides_it() -> None:
    """An event may reach a log; the patient's number and words may not."""
    assert repr(Delivered(5, b"380000000001", BODY)) == "Delivered(5, 12 octets)"


# --- properties ---

STEPS = st.lists(
    st.one_of(
        st.just(("submit", 0)),
        st.tuples(st.just("answer"), st.integers(1, 12)),
        st.tuples(st.just("wait"), st.integers(1, 15)),
        st.just(("alive", 0)),
    ),
    max_size=40,
)


@given(STEPS)
def test_every_submit_is_reported_exactly_once(steps: list[tuple[str, int]]) -> None:
    """Whatever answers come, whenever: each submit ends once, late answers only follow an unknown, the window holds."""
    session, now, submitted = bound(), 0.0, 0
    events: list[Event[str]] = []
    for step, number in steps:
        if step == "submit" and session.room:
            submitted += 1
            session.submit(BODY, str(submitted), now)
        elif step == "answer":
            events += session.receive(answer(number, "A"), now)
        elif step == "wait":
            now += number
            events += session.tick(now)
        else:
            events += session.receive(pdu(Command.ENQUIRE_LINK, 1), now)
        assert session.unanswered_count <= 3
    events += session.lose()
    ended = [event.token for event in events if isinstance(event, SubmitAnswered)]
    timed_out = {event.token for event in events if isinstance(event, SubmitAnswered) and event.result == TIME_OUT}
    late = [event.token for event in events if isinstance(event, LateAnswer)]
    assert sorted(ended) == sorted(str(number) for number in range(1, submitted + 1))
    assert len(late) == len(set(late))
    assert set(late) <= timed_out


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_garbage_never_raises(pieces: list[bytes]) -> None:
    """Whatever a peer sends, hearing it gives events and at worst a closed session."""
    session = bound()
    for piece in pieces:
        session.receive(piece, 1.0)
        session.receive(len(piece + b"x" * 16).to_bytes(4) + piece + b"x" * 12, 1.0)
    assert session.lose() in ([], [Broken("the connection ended")])
