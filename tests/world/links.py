"""One worker's link to one SMSC: the product's session without I/O, over a played connection.

What belongs here: what the product's sender and link do around a session, as callbacks in virtual time. What does not:
what an SMSC does (``smsc``), and what becomes of a result (``worker``).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from tests.world.smsc import Smsc
from tests.world.stage import Stage
from tests.world.wire import Wire

from esoz_notify.channels.dialogue import OutboundMessage, Receipt, ReceiptProblem
from esoz_notify.channels.smpp import (
    VALIDITY_MIN_S,
    SmppAccount,
    combine,
    read_refusal,
    submit_bodies,
    validity_period,
)
from esoz_notify.channels.smpp_pace import Pace
from esoz_notify.channels.smpp_pdu import ShortMessage, Status
from esoz_notify.channels.smpp_receipt import read_deliver
from esoz_notify.channels.smpp_session import (
    AccountRefused,
    Alive,
    Bound,
    Broken,
    Delivered,
    Event,
    LateAnswer,
    Session,
    State,
    SubmitAnswered,
    Unbound,
)
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Refused, Result, TryLater, Unknown
from esoz_notify.engine.smpp_sender import PART_PAUSES_S, ROOM_WAIT_MAX_S, Letter

RECONNECT_S = (0.25, 4.0)
_UNREACHABLE = TryLater(Reason.UNREACHABLE, 1.0, "not bound")
_NO_ROOM = TryLater(Reason.THROTTLED, 1.0, "no room in the window in time")


class Host(Protocol):
    """The worker whose link it is."""

    def later(self, delay_s: float, action: Callable[[], object]) -> None:
        """Plan something for this life of the worker."""

    def keep_receipt(self, provider: str, said: Receipt | ReceiptProblem, kept: Callable[[bool], None]) -> None:
        """Store a receipt; ``kept`` is told whether it is on disk."""

    def answered_late(self, key: str, result: Result) -> None:
        """A result that had been given as unknown is known."""


@dataclass(slots=True, eq=False)
class Sending:
    """One message under way: the product's letter, and who waits for its end."""

    letter: Letter
    bodies: tuple[ShortMessage, ...]
    since_s: float
    valid_until_s: float
    done: Callable[[Result], object]
    pauses_s: Iterator[float]
    waiting: int = 0


@dataclass(slots=True, eq=False)
class Part:
    """One part in the queue or in the window."""

    sending: Sending
    index: int
    body: ShortMessage
    is_answered: bool = False
    is_written: bool = False


@dataclass
class Link:
    """Connects, binds, submits, mends itself."""

    stage: Stage
    host: Host
    smsc: Smsc
    account: SmppAccount
    wire: Wire | None = None
    session: Session[Part] | None = None
    queue: deque[Part] = field(default_factory=deque)
    pace: Pace = field(default_factory=lambda: Pace(None))
    references: dict[str, int] = field(default_factory=dict)
    _tick_at_s: float | None = None
    _pump_is_planned: bool = False

    # --- the life of the link -----------------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Whether a message may be submitted now."""
        return self.session is not None and self.session.state is State.BOUND

    def connect(self) -> None:
        """Connect and ask for the bind."""
        wire = self.smsc.connect(
            lambda octets: self.host.later(0.0, lambda: self._hear(wire, octets)),
            lambda: self.host.later(0.0, lambda: self._lost(wire)),
        )
        if wire is None:
            self._connect_later()
            return
        self.wire, self._tick_at_s = wire, None
        self.session = Session(self.account, now=self.stage.timeline.now_s)
        self.session.bind()
        self._flush()

    def die(self) -> None:
        """The process is gone, and with it the connection."""
        if self.wire is not None:
            self.wire.is_open = self.wire.is_bound = False
            self.smsc.forget(self.wire)

    def _connect_later(self) -> None:
        self.host.later(self.stage.between(*RECONNECT_S), self.connect)

    def _hear(self, wire: Wire | None, octets: bytes) -> None:
        if wire is self.wire and self.session is not None:
            self._hand_on(self.session.receive(octets, self.stage.timeline.now_s))
            self._flush()

    def _lost(self, wire: Wire | None) -> None:
        if wire is self.wire and self.session is not None:
            self._hand_on(self.session.lose())
            self._close()

    def _close(self) -> None:
        """The session is over: what waits is given back, and a new one is tried."""
        wire, self.wire, self.session = self.wire, None, None
        if wire is not None:
            wire.is_open = wire.is_bound = False
            self.smsc.forget(wire)
        self._refuse_waiting()
        self._connect_later()

    def _flush(self) -> None:
        """Write what the session has to say, and see to its timers."""
        session, wire = self.session, self.wire
        if session is None or wire is None:
            return
        octets = session.take_output()
        if octets:
            wire.to_smsc(self.smsc.hear, octets)
        if session.state is State.CLOSED:
            self._close()
            return
        tick_at_s = session.next_tick_at
        if tick_at_s is not None and (self._tick_at_s is None or tick_at_s < self._tick_at_s):
            self._tick_at_s = tick_at_s
            self.host.later(max(0.0, tick_at_s - self.stage.timeline.now_s) + 1e-6, lambda: self._tick(session))

    def _tick(self, session: Session[Part]) -> None:
        if session is self.session:
            self._tick_at_s = None
            self._hand_on(session.tick(self.stage.timeline.now_s))
            self._flush()

    def _hand_on(self, events: Iterable[Event[Part]]) -> None:
        for event in events:
            self._react(event)

    def _react(self, event: Event[Part]) -> None:
        match event:
            case SubmitAnswered(part, result):
                self._answered(part, result)
            case LateAnswer(part, result):
                self.stage.count("late answers of an SMSC")
                self._learn(part, result)
            case Delivered(sequence_number, _, body):
                session = self.session
                said = read_deliver(self.account, body)
                self.host.keep_receipt(
                    self.smsc.name, said, lambda kept: self._acknowledge(session, sequence_number, kept)
                )
            case Bound():
                self.stage.count("binds")
            case Alive():
                self._pump()
            case AccountRefused(status) if self.session is not None:
                assert isinstance(read_refusal(status), TryLater | Refused)
                self.session.unbind(self.stage.timeline.now_s)
                self._refuse_waiting()
            case Broken() | Unbound():
                self.stage.count("binds ended")
            case _:
                pass

    def _acknowledge(self, session: Session[Part] | None, sequence_number: int, kept: bool) -> None:
        if session is not None:
            session.acknowledge(sequence_number, Status.OK if kept else Status.TEMPORARY_APPLICATION_ERROR)
            if session is self.session:
                self._flush()

    # --- messages -----------------------------------------------------------------------------------------------------

    def submit(self, message: OutboundMessage, done: Callable[[Result], object]) -> None:
        """Submit all parts of a message; ``done`` gets what became of it."""
        bodies = submit_bodies(self.account, message, self._reference(message)) if self.is_up else _UNREACHABLE
        if not isinstance(bodies, tuple):
            done(bodies)
            return
        sending = Sending(
            letter=Letter(message.key, len(bodies), is_code=False),
            bodies=bodies,
            since_s=self.stage.timeline.now_s,
            valid_until_s=self.stage.timeline.now_s + message.validity_s,
            done=done,
            pauses_s=iter(PART_PAUSES_S if len(bodies) > 1 else ()),
        )
        self._send(sending, range(len(bodies)))

    def _reference(self, message: OutboundMessage) -> int:
        phone = message.phone.digits if message.phone else ""
        self.references[phone] = (self.references.get(phone, self.stage.seed) + 1) & 0xFF
        return self.references[phone]

    def _send(self, sending: Sending, indexes: Iterable[int]) -> None:
        parts = [Part(sending, index, sending.bodies[index]) for index in indexes]
        sending.waiting = len(parts)
        self.queue.extend(parts)
        self._pump()
        self._flush()
        room_wait_s = min(ROOM_WAIT_MAX_S, self.account.response_timeout_s / 2)
        for part in parts:
            if not part.is_written and not part.is_answered:
                self.host.later(room_wait_s, partial(self._give_up, part))

    def _give_up(self, part: Part) -> None:
        if not part.is_written and not part.is_answered:
            self._settle(part, _NO_ROOM)

    def _settle(self, part: Part, result: Result) -> None:
        sending = part.sending
        sending.letter.results[part.index] = result
        if not part.is_answered:
            part.is_answered = True
            sending.waiting -= 1
            if sending.waiting == 0:
                self.host.later(0.0, lambda: self._round_is_over(sending))

    def _round_is_over(self, sending: Sending) -> None:
        letter = sending.letter
        again = letter.to_repeat()
        pause_s = next(sending.pauses_s, None) if again else None
        if pause_s is not None:
            self.stage.count("parts repeated that were not taken")
            self.host.later(pause_s, lambda: self._send(sending, again))
            return
        letter.over = True
        sending.done(combine(letter.results))

    def _answered(self, part: Part, result: Result) -> None:
        if isinstance(result, TryLater) and result.reason is Reason.THROTTLED:
            self.pace.throttled(self.stage.timeline.now_s)
        self._learn(part, result)
        self._pump()

    def _learn(self, part: Part, result: Result) -> None:
        letter = part.sending.letter
        before = combine(letter.results)
        self._settle(part, result)
        after = combine(letter.results)
        if letter.over and isinstance(before, Unknown) and not isinstance(after, Unknown):
            self.host.answered_late(letter.key, after)

    def _pump(self) -> None:
        """Write waiting parts as far as the window and the pace allow."""
        while self.queue:
            session = self.session
            if session is None or not self.is_up:
                self._refuse_waiting()
                return
            if not session.room:
                return
            delay_s = self.pace.delay_s(self.stage.timeline.now_s)
            if delay_s and not self.queue[0].is_answered:
                self._pump_later(delay_s)
                return
            part = self.queue.popleft()
            if not part.is_answered:
                self._write(session, part)

    def _pump_later(self, delay_s: float) -> None:
        if not self._pump_is_planned:
            self._pump_is_planned = True
            self.host.later(delay_s, self._pump_again)

    def _pump_again(self) -> None:
        self._pump_is_planned = False
        self._pump()
        self._flush()

    def _write(self, session: Session[Part], part: Part) -> None:
        now_s = self.stage.timeline.now_s
        left_s = part.sending.valid_until_s - now_s
        if left_s < VALIDITY_MIN_S:
            self._settle(part, Refused(Reason.VALIDITY, "no life left"))
            return
        if now_s >= part.sending.since_s + 1:
            part.body = replace(part.body, validity_period=validity_period(left_s))
        sequence = session.submit(part.body, part, now_s)
        assert self.wire is not None
        self.wire.letters[sequence] = (part.sending.letter.key, part.index)
        part.sending.letter.results[part.index] = Unknown(detail="written")
        part.is_written = True
        self.pace.sent(now_s)

    def _refuse_waiting(self) -> None:
        while self.queue:
            self._settle(self.queue.popleft(), _UNREACHABLE)
