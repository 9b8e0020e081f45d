"""A played SMSC: takes submits, loses nothing that it took, brings it to phones, and tells by receipts, more or less.

What belongs here: one operator's side of SMPP. What does not: octets (``wire``) and the worker's side (``links``).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from tests.world.checks import Checks
from tests.world.people import Person
from tests.world.stage import SECOND, T0, Stage
from tests.world.wire import (
    BIND_TRANSCEIVER,
    DELIVER_SM,
    ENQUIRE_LINK,
    RESPONSE,
    SUBMIT_SM,
    UNBIND,
    Wire,
    deliver_body,
    pdu,
    read,
    read_submit,
)

from esoz_notify.channels.smpp import VALIDITY_MIN_S
from esoz_notify.core.channel import Channel

TRANSIENT, PERMANENT = (0x58, 0x14, 0x08, 0x45, 0x64), (0x0A, 0x0B, 0x401)
RECEIPT_TRIES_MAX = 8
RECEIPT_PATIENCE_S = 4.0
_SM_RESP = SUBMIT_SM | RESPONSE


@dataclass(slots=True, eq=False)
class Sms:
    """One part that was taken. ``key`` and ``part``: which attempt of ours it is, known to the referee only."""

    id: str
    key: str
    part: int
    total: int
    text: str
    person: Person
    dead_us: int
    is_over: bool = False


@dataclass(slots=True)
class Smsc:
    """One operator. ``hexadecimal``: ids are hexadecimal in answers and decimal in receipts."""

    stage: Stage
    checks: Checks
    name: str
    people: dict[str, Person]
    hexadecimal: bool
    down_until_us: int = 0
    wires: list[Wire] = field(default_factory=list)
    shown: dict[str, dict[int, str]] = field(default_factory=dict)
    _next_id: int = 1000

    # --- connections --------------------------------------------------------------------------------------------------

    def connect(self, hear: Callable[[bytes], None], lost: Callable[[], object]) -> Wire | None:
        """A new connection; None while the SMSC is down."""
        if self.stage.timeline.now_us < self.down_until_us:
            return None
        wire = Wire(self.stage, hear, lost)
        self.wires.append(wire)
        return wire

    def fall(self, for_s: float) -> None:
        """Be down for so long: every connection is cut, messages are kept."""
        self.down_until_us = self.stage.timeline.now_us + int(for_s * SECOND)
        for wire in list(self.wires):
            self.cut(wire)

    def cut(self, wire: Wire) -> None:
        """End a connection; receipts without an acknowledgement will come again."""
        wire.cut()
        self.forget(wire)

    def forget(self, wire: Wire) -> None:
        """A connection is gone."""
        if wire in self.wires:
            self.wires.remove(wire)
        for again in wire.unacknowledged.values():
            self.stage.timeline.after(self.stage.between(0.5, 2.0), again)
        wire.unacknowledged.clear()

    def hear(self, wire: Wire, octets: bytes, left_us: int) -> None:
        """Octets of a worker."""
        for command, status, sequence, body in read(octets):
            match command:
                case _ if command == BIND_TRANSCEIVER:
                    wire.is_bound = True
                    wire.to_worker(pdu(command | RESPONSE, sequence, b"smsc\0"))
                case _ if command == ENQUIRE_LINK:
                    wire.to_worker(pdu(command | RESPONSE, sequence))
                case _ if command == UNBIND:
                    wire.is_bound = False
                    wire.to_worker(pdu(command | RESPONSE, sequence))
                case _ if command == SUBMIT_SM:
                    self._submit(wire, sequence, body, left_us)
                case _ if command == DELIVER_SM | RESPONSE:
                    self._acknowledged(wire, sequence, status)
                case _:
                    pass
            if not wire.is_open:
                return

    # --- submits ------------------------------------------------------------------------------------------------------

    def _submit(self, wire: Wire, sequence: int, body: bytes, left_us: int) -> None:
        stage, temper = self.stage, self.stage.temper
        if stage.chance(temper.throttle):
            self._refuse(wire, sequence, stage.pick(TRANSIENT), "throttled submits")
        elif stage.chance(temper.refuse):
            status = stage.pick(PERMANENT) if stage.chance(0.2) else stage.pick(TRANSIENT)
            self._refuse(wire, sequence, status, "refused submits")
        elif stage.chance(temper.lose_request):
            stage.count("submits lost")
        elif stage.chance(temper.cut):
            stage.count("binds cut before the submit was taken")
            self.cut(wire)
        else:
            self._take(wire, sequence, body, left_us)

    def _refuse(self, wire: Wire, sequence: int, status: int, what: str) -> None:
        self.stage.count(what)
        wire.to_worker(pdu(_SM_RESP, sequence, status=status))

    def _take(self, wire: Wire, sequence: int, body: bytes, left_us: int) -> None:
        stage, (key, part) = self.stage, wire.letters[sequence]
        read_of = read_submit(body)
        left_at = T0 + timedelta(microseconds=left_us)
        self.checks.taken(key, part, read_of.validity_s, VALIDITY_MIN_S, left_at)
        self._next_id += 1
        now_us = stage.timeline.now_us
        sms = Sms(
            id=str(self._next_id),
            key=key,
            part=part,
            total=read_of.part[1] if read_of.part else 1,
            text=read_of.text,
            person=self.people[read_of.to],
            dead_us=now_us + int(read_of.validity_s * SECOND),
        )
        early = stage.chance(0.1)
        stage.timeline.after(0.0 if early else stage.between(0.01, 2.0), lambda: self._bring(sms))
        self._answer(wire, sequence, sms, stage.between(1.0, 3.0) if early else stage.between(0.001, 0.3))

    def _answer(self, wire: Wire, sequence: int, sms: Sms, delay_s: float) -> None:
        stage, temper = self.stage, self.stage.temper
        if stage.chance(temper.lose_answer):
            stage.count("submit answers lost")
            if stage.chance(0.3):
                stage.count("binds cut before the answer")
                self.cut(wire)
            return
        if stage.chance(temper.slow_answer):
            delay_s = stage.between(4.0, 14.0)
            stage.count("submit answers late")
        named = b"" if stage.chance(temper.garbage_receipt * 0.3) else self._answer_id(sms).encode()
        answer = pdu(_SM_RESP, sequence, named + b"\0")
        stage.timeline.after(delay_s, lambda: wire.to_worker(answer))

    def _answer_id(self, sms: Sms) -> str:
        return f"{int(sms.id):X}" if self.hexadecimal else sms.id

    # --- phones -------------------------------------------------------------------------------------------------------

    def _bring(self, sms: Sms) -> None:
        """Bring a part to its phone now, when the phone is back, or never."""
        timeline = self.stage.timeline
        reached_us = sms.person.reached_us(timeline.now_us)
        if sms.is_over:
            return
        if min(reached_us, sms.dead_us) > timeline.now_us:
            timeline.at(min(reached_us, sms.dead_us), lambda: self._bring(sms))
            return
        sms.is_over = True
        if timeline.now_us >= sms.dead_us:
            self._tell(sms, "EXPIRED", "000")
        elif self.stage.chance(self.stage.temper.refuse * 0.3):
            self._tell(sms, "UNDELIV", self.stage.pick(("001", "011", "000")))
        else:
            self._show(sms)
            self._tell(sms, "DELIVRD", "000")

    def _show(self, sms: Sms) -> None:
        """A phone shows a text when it has all its parts."""
        there = self.shown.setdefault(sms.key, {})
        there[sms.part] = sms.text
        if len(there) == sms.total:
            text = "".join(there[part] for part in range(sms.total))
            self.checks.shown(sms.key, Channel.SMS, sms.person.index, text, T0 + timedelta(microseconds=sms.dead_us))

    # --- receipts -----------------------------------------------------------------------------------------------------

    def _tell(self, sms: Sms, word: str, error: str) -> None:
        stage, temper = self.stage, self.stage.temper
        if stage.chance(temper.garbage_receipt):
            stage.timeline.after(stage.between(0.0, 2.0), partial(self._push, self._body(sms, "ENROUTE", error), 1))
            stage.timeline.after(stage.between(0.0, 2.0), partial(self._push, b"\0", 1))
            stage.count("receipts that cannot be read")
        if stage.chance(temper.lose_receipt):
            stage.count("receipts lost")
            return
        times = 1
        if stage.chance(temper.double_receipt):
            stage.count("receipts doubled")
            times = 3
        for _ in range(times):
            delay_s = 0.0005
            if stage.chance(temper.delay_receipt):
                stage.count("receipts delayed")
                delay_s = stage.between(0.1, 40.0)
            stage.timeline.after(delay_s, partial(self._push, self._body(sms, word, error), 1))

    def _body(self, sms: Sms, word: str, error: str) -> bytes:
        return deliver_body(sms.id, word, error, by_tlv=self.stage.chance(0.5))

    def _push(self, body: bytes, tries: int) -> None:
        """Say a receipt over any bind, again and again until it is acknowledged."""
        stage = self.stage
        if tries > RECEIPT_TRIES_MAX:
            return
        again = partial(self._push, body, tries + 1)
        bound = [wire for wire in self.wires if wire.is_bound]
        if not bound:
            stage.timeline.after(stage.between(1.0, 4.0), again)
            return
        wire = stage.pick(bound)
        sequence, wire.next_sequence = wire.next_sequence, wire.next_sequence + 1
        wire.unacknowledged[sequence] = again
        wire.to_worker(pdu(DELIVER_SM, sequence, body))
        stage.timeline.after(RECEIPT_PATIENCE_S, lambda: self._impatient(wire, sequence))

    def _impatient(self, wire: Wire, sequence: int) -> None:
        again = wire.unacknowledged.pop(sequence, None)
        if again is not None:
            self.stage.count("receipts repeated by the SMSC")
            again()

    def _acknowledged(self, wire: Wire, sequence: int, status: int) -> None:
        again = wire.unacknowledged.pop(sequence, None)
        if again is not None and status:
            self.stage.timeline.after(self.stage.between(0.5, 2.0), again)
