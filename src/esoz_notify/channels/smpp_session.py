"""The rules of one SMPP bind as a state machine without I/O: octets and times in, events and octets out.

What belongs here: who may say what when, which answer belongs to which request, the window, the timers. What does not:
how fast to go (``smpp_pace``), sockets and reading the clock (``engine``): every ``now`` is seconds of one monotonic
clock, handed in.
Source: SMPP Protocol Specification v3.4, issue 1.2, §2 and §7.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

from esoz_notify.channels.smpp import (
    SmppAccount,
    bind_body,
    read_answer,
    read_refusal,
    status_meaning,
)
from esoz_notify.channels.smpp_pdu import (
    RESPONSE_BIT,
    SEQUENCE_MAX,
    BadPdu,
    Body,
    Command,
    FrameReader,
    Pdu,
    ShortMessage,
    ShortMessageResp,
    Status,
    decode,
    encode,
)
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Result, Unknown

LATE_MAX = 10_000
"""So many submits whose time ran out are remembered, the newest; an answer to an older one is reported as strange."""

T = TypeVar("T")


class State(StrEnum):
    """Where a session is; it only goes forward."""

    OPEN = "open"
    BINDING = "binding"
    BOUND = "bound"
    UNBINDING = "unbinding"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Bound:
    """The SMSC accepted the bind."""


@dataclass(frozen=True, slots=True)
class BindRefused:
    """The SMSC refused the bind; the session is closed."""

    status: int


@dataclass(frozen=True, slots=True)
class SubmitAnswered(Generic[T]):
    """What became of one submit: an answer, or unknown when its time or its link ended. Given once per submit."""

    token: T
    result: Result


@dataclass(frozen=True, slots=True)
class LateAnswer(Generic[T]):
    """The answer to a submit that had been reported as unknown by its time."""

    token: T
    result: Result


@dataclass(frozen=True, slots=True)
class AccountRefused:
    """An answer to a submit says that the account or the bind is wrong; nothing more should be sent over it."""

    status: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """A deliver_sm, to be answered by ``acknowledge``. ``body``: None if it could not be decoded."""

    sequence_number: int
    frame: bytes
    body: ShortMessage | None

    def __repr__(self) -> str:
        return f"Delivered({self.sequence_number}, {len(self.frame)} octets)"


@dataclass(frozen=True, slots=True)
class Alive:
    """The peer was silent, was asked whether it lives, and was heard: there may be room again."""


@dataclass(frozen=True, slots=True)
class Unbound:
    """The bind was ended in order, at our wish or the peer's; the session is closed."""

    by_peer: bool


@dataclass(frozen=True, slots=True)
class Broken:
    """The session cannot go on and is closed: silence, or octets that are no frames. ``what``: which rule broke."""

    what: str


@dataclass(frozen=True, slots=True)
class Strange:
    """The peer said what nobody asked for; noted, and the session goes on."""

    what: str


Event: TypeAlias = (
    Bound
    | BindRefused
    | SubmitAnswered[T]
    | LateAnswer[T]
    | AccountRefused
    | Delivered
    | Alive
    | Unbound
    | Broken
    | Strange
)


@dataclass(frozen=True, slots=True)
class _Pending(Generic[T]):
    token: T
    sent_at: float


class Session(Generic[T]):
    """One bind_transceiver over one connection. ``T`` is whatever the caller wants back with the answer to a submit.

    Octets to write gather inside and are taken by ``take_output``, so that one write carries all of a turn.
    """

    def __init__(self, account: SmppAccount, *, now: float, first_sequence: int = 1) -> None:
        self.state = State.OPEN
        self._account = account
        self._reader = FrameReader()
        self._output = bytearray()
        self._next_sequence = first_sequence
        self._pending: dict[int, _Pending[T]] = {}
        self._late: dict[int, T] = {}
        self._bind_sequence = 0
        self._probed_at: float | None = None
        self._heard_at = now
        self._give_up_at = now + account.bind_timeout_s

    # --- what we say ---

    def bind(self) -> None:
        """Ask for the bind; Bound or BindRefused follows, or Broken when the time of a bind ends."""
        self._bind_sequence = self._request(Command.BIND_TRANSCEIVER, bind_body(self._account))
        self.state = State.BINDING

    @property
    def room(self) -> int:
        """How many submits may be written now without their number passing the window.

        None unless bound, and none while nobody knows whether the peer lives: they would all end as unknown.
        """
        if self.state is not State.BOUND or self._probed_at is not None:
            return 0
        return self._account.window_size - len(self._pending)

    @property
    def unanswered_count(self) -> int:
        """Submits that still wait for their answer or for the end of their time."""
        return len(self._pending)

    def submit(self, body: ShortMessage, token: T, now: float) -> int:
        """Write one submit_sm and return its sequence number.

        Raises ValueError when there is no ``room`` or a field breaks its limit; nothing is written then.
        """
        if self.room < 1:
            raise ValueError("no room in the window, or not bound: ask for room first")
        sequence_number = self._request(Command.SUBMIT_SM, body)
        self._late.pop(sequence_number, None)  # the numbers went round: an answer now means the new one
        self._pending[sequence_number] = _Pending(token, now)
        return sequence_number

    def acknowledge(self, sequence_number: int, status: int = Status.OK) -> None:
        """Answer a Delivered; without effect when the session has closed meanwhile, so the SMSC will repeat it."""
        if self.state is not State.CLOSED:
            self._answer(Command.DELIVER_SM_RESP, sequence_number, status, ShortMessageResp())

    def unbind(self, now: float) -> None:
        """Ask for the end; no submit is possible any more, answers are still taken. Unbound or Broken follows."""
        if self.state is State.BOUND:
            self._request(Command.UNBIND)
            self.state = State.UNBINDING
            self._give_up_at = now + self._account.response_timeout_s

    def take_output(self) -> bytes:
        """Octets to write now; each is given once."""
        octets = bytes(self._output)
        self._output.clear()
        return octets

    # --- what we hear ---

    def receive(self, data: bytes, now: float) -> list[Event[T]]:
        """Take octets as they came and give what they mean. Never raises, whatever the octets are."""
        events: list[Event[T]] = []
        try:
            for frame in self._reader.feed(data):
                if self.state is State.CLOSED:
                    break
                self._heard_at = now
                if self._probed_at is not None:
                    self._probed_at = None  # any whole PDU proves that the peer lives; octets that end nowhere do not
                    events.append(Alive())
                events += self._hear(frame)
        except BadPdu as bad:
            self._answer(Command.GENERIC_NACK, bad.sequence_number, bad.answer_status)
            events += self._end(Broken(bad.detail))
        return events

    def tick(self, now: float) -> list[Event[T]]:
        """Let time pass: end what waited too long, and ask a silent peer whether it lives."""
        if self.state in {State.BINDING, State.UNBINDING} and now >= self._give_up_at:
            return list(self._end(Broken(f"no answer while {self.state}")))
        timeout_s = self._account.response_timeout_s
        if self._probed_at is not None and now >= self._probed_at + timeout_s:
            return list(self._end(Broken("no answer to enquire_link")))
        events = list(self._time_out(now - timeout_s))
        if self.state is State.BOUND and self._probed_at is None and (events or now >= self._quiet_until):
            # A submit without its answer is silence as well: find out at once whether anybody is there.
            self._request(Command.ENQUIRE_LINK)
            self._probed_at = now
        return events

    @property
    def next_tick_at(self) -> float | None:
        """When ``tick`` has something to do if nothing is heard before; None: never."""
        timeout_s = self._account.response_timeout_s
        moments = [pending.sent_at + timeout_s for pending in self._oldest()]
        match self.state:
            case State.BINDING | State.UNBINDING:
                moments.append(self._give_up_at)
            case State.BOUND:
                moments.append(self._quiet_until if self._probed_at is None else self._probed_at + timeout_s)
            case _:
                pass
        return min(moments, default=None)

    def lose(self) -> list[Event[T]]:
        """The connection is gone: every submit without an answer is unknown. Idempotent."""
        if self.state in {State.OPEN, State.CLOSED}:
            self.state = State.CLOSED
            return []
        return list(self._end(Broken("the connection ended")))

    # --- inside ---

    @property
    def _quiet_until(self) -> float:
        return self._heard_at + self._account.enquire_link_s

    def _oldest(self) -> Iterator[_Pending[T]]:
        """The submit that was written first, if any: a dict keeps the order of writing."""
        yield from list(self._pending.values())[:1]

    def _request(self, command_id: int, body: Body = b"") -> int:
        sequence_number = self._next_sequence
        self._output += encode(Pdu(command_id=command_id, sequence_number=sequence_number, body=body))
        self._next_sequence = sequence_number % SEQUENCE_MAX + 1
        return sequence_number

    def _answer(self, command_id: int, sequence_number: int, status: int = Status.OK, body: Body = b"") -> None:
        pdu = Pdu(command_id=command_id, sequence_number=sequence_number, command_status=status, body=body)
        self._output += encode(pdu)

    def _hear(self, frame: bytes) -> Iterator[Event[T]]:
        try:
            pdu = decode(frame)
        except BadPdu as bad:
            return self._hear_bad(bad, frame)
        if pdu.command_id & RESPONSE_BIT:
            return self._hear_answer(pdu)
        return self._hear_request(pdu, frame)

    def _hear_request(self, pdu: Pdu, frame: bytes) -> Iterator[Event[T]]:
        match pdu.command_id, pdu.body:
            case Command.DELIVER_SM, ShortMessage() as body:
                yield from self._hear_deliver(pdu.sequence_number, frame, body)
            case Command.ENQUIRE_LINK, _:
                self._answer(Command.ENQUIRE_LINK_RESP, pdu.sequence_number)
            case Command.UNBIND, _:
                self._answer(Command.UNBIND_RESP, pdu.sequence_number)
                yield from self._end(Unbound(by_peer=True))
            case _:
                self._answer(Command.GENERIC_NACK, pdu.sequence_number, Status.INVALID_COMMAND_ID)
                yield Strange(f"request {pdu.command_id:#010x}")

    def _hear_deliver(self, sequence_number: int, frame: bytes, body: ShortMessage | None) -> Iterator[Event[T]]:
        if self.state in {State.BOUND, State.UNBINDING}:
            yield Delivered(sequence_number, frame, body)
        else:
            self._answer(Command.DELIVER_SM_RESP, sequence_number, Status.INVALID_BIND_STATUS, ShortMessageResp())
            yield Strange("deliver_sm before the bind")

    def _hear_answer(self, pdu: Pdu) -> Iterator[Event[T]]:
        sequence_number, status = pdu.sequence_number, pdu.command_status
        nack = pdu.command_id == Command.GENERIC_NACK
        match pdu.command_id, pdu.body:
            case ((Command.BIND_TRANSCEIVER_RESP | Command.GENERIC_NACK), _) if self._awaits_bind(sequence_number):
                yield from self._hear_bind(status or (Status.INVALID_COMMAND_ID if nack else Status.OK))
            case Command.SUBMIT_SM_RESP, ShortMessageResp(message_id=message_id) if self._knows(sequence_number):
                yield from self._settle(sequence_number, status, read_answer(self._account, status, message_id))
            case Command.GENERIC_NACK, _ if self._knows(sequence_number):
                # Not understood is not taken, even if the status says nothing.
                status = status or Status.INVALID_COMMAND_ID
                yield from self._settle(sequence_number, status, read_refusal(status))
            case Command.UNBIND_RESP, _ if self.state is State.UNBINDING:
                yield from self._end(Unbound(by_peer=False))
            case Command.ENQUIRE_LINK_RESP, _:
                pass  # that it came was what we wanted to know
            case _:
                yield Strange(f"answer {pdu.command_id:#010x} to nothing")

    def _hear_bad(self, bad: BadPdu, frame: bytes) -> Iterator[Event[T]]:
        if bad.command_id == Command.DELIVER_SM:
            # To be kept raw and acknowledged: refused, it would come again for ever.
            yield from self._hear_deliver(bad.sequence_number, frame, None)
            return
        if bad.command_id == Command.SUBMIT_SM_RESP and self._knows(bad.sequence_number):
            yield from self._settle(bad.sequence_number, 0, Unknown(Reason.PROVIDER_FAULT, "unreadable submit_sm_resp"))
        elif not bad.command_id & RESPONSE_BIT:
            self._answer(Command.GENERIC_NACK, bad.sequence_number, bad.answer_status)
        yield Strange(bad.detail)

    def _awaits_bind(self, sequence_number: int) -> bool:
        return self.state is State.BINDING and sequence_number == self._bind_sequence

    def _hear_bind(self, status: int) -> Iterator[Event[T]]:
        if status:
            yield from self._end(BindRefused(status))
        else:
            self.state = State.BOUND
            yield Bound()

    def _knows(self, sequence_number: int) -> bool:
        return sequence_number in self._pending or sequence_number in self._late

    def _settle(self, sequence_number: int, status: int, result: Result) -> Iterator[Event[T]]:
        pending = self._pending.pop(sequence_number, None)
        if pending:
            yield SubmitAnswered(pending.token, result)
        else:
            yield LateAnswer(self._late.pop(sequence_number), result)
        if status and status_meaning(status).stops_bind:
            yield AccountRefused(status)

    def _time_out(self, sent_before: float) -> Iterator[Event[T]]:
        for sequence_number, pending in list(self._pending.items()):
            if pending.sent_at > sent_before:
                break  # the rest were written later
            del self._pending[sequence_number]
            self._late[sequence_number] = pending.token
            if len(self._late) > LATE_MAX:
                del self._late[next(iter(self._late))]
            yield SubmitAnswered(pending.token, Unknown(Reason.NO_ANSWER, "no submit_sm_resp in time"))

    def _end(self, event: BindRefused | Unbound | Broken) -> Iterator[Event[T]]:
        self.state = State.CLOSED
        yield event
        while self._pending:
            pending = self._pending.pop(next(iter(self._pending)))
            yield SubmitAnswered(pending.token, Unknown(Reason.NO_ANSWER, "the link ended before submit_sm_resp"))
