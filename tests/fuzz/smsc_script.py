"""An SMPP session driven by octets: what an SMSC may send, in any order, between anything that we may do.

What belongs here: how octets become such a script. What does not: which other functions are fuzzed (``targets``).
"""

from collections import Counter

from esoz_notify.channels.smpp import SmppAccount
from esoz_notify.channels.smpp_pdu import Command, FrameReader, ShortMessage, decode
from esoz_notify.channels.smpp_session import Delivered, Event, LateAnswer, Session, State, SubmitAnswered
from esoz_notify.core.results import Accepted

_BODY = ShortMessage(source_addr="MOZ", destination_addr="380000000001", short_message=b"x")
_COMMANDS = (*Command, 0x00000103, 0x80000103)
_STATUSES = (0x00, 0x01, 0x0D, 0x14, 0x45, 0x58, 0x64, 0xFFFFFFFF)


class Script:
    """One session and what it has said so far."""

    def __init__(self, account: SmppAccount) -> None:
        self.now = 0.0
        self.session: Session[int] = Session(account, now=0.0)
        self.submitted = 0
        self.settled: Counter[int] = Counter()
        self.late: Counter[int] = Counter()
        self.said_yes = False

    def step(self, act: int, argument: int, octets: bytes) -> None:
        """Do one thing of the table below."""
        session = self.session
        match act % 8:
            case 0:
                self.hear(session.receive(octets, self.now), octets)
            case 1 if session.state is State.OPEN:
                session.bind()
            case 2 if session.room:
                session.submit(_BODY, self.submitted, self.now)
                self.submitted += 1
            case 3:
                self.now += argument
                self.hear(session.tick(self.now))
            case 4:
                session.unbind(self.now)
            case 5 if argument == 0:
                self.hear(session.lose())
            case 6 | 7:
                frame = _frame(argument, octets)
                self.hear(session.receive(frame, self.now), frame)

    def hear(self, events: list[Event[int]], octets: bytes = b"") -> None:
        """Count what was settled; nothing is accepted that no submit_sm_resp accepts, and all we say is SMPP."""
        self.said_yes = self.said_yes or Command.SUBMIT_SM_RESP.to_bytes(4) in octets or len(octets) < 16
        for event in events:
            match event:
                case SubmitAnswered(token, result):
                    self.settled[token] += 1
                case LateAnswer(token, result):
                    self.late[token] += 1
                case Delivered(number):
                    self.session.acknowledge(number)
                    continue
                case _:
                    continue
            assert not isinstance(result, Accepted) or (self.said_yes and result.message_ids[0])
        for frame in FrameReader().feed(self.session.take_output()):
            decode(frame)


def play_session(account: SmppAccount, data: bytes) -> None:
    """Play a script to its end: every submit gets exactly one result, and a late answer once at most."""
    script, at = Script(account), 0
    while at + 3 <= len(data):
        act, argument, size = data[at : at + 3]
        script.step(act, argument, data[at + 3 : at + 3 + size])
        at += 3 + size
    script.hear(script.session.lose())
    assert script.session.state is State.CLOSED
    assert script.settled == Counter(range(script.submitted)), "one result per submit"
    assert max(script.late.values(), default=1) == 1


def _frame(argument: int, octets: bytes) -> bytes:
    """A whole PDU: the argument picks its command and status, the first octet is its sequence number."""
    command = _COMMANDS[argument % len(_COMMANDS)]
    status = _STATUSES[argument // len(_COMMANDS) % len(_STATUSES)]
    body = octets[1:]
    head = (16 + len(body), command, status, octets[0] if octets else 0)
    return b"".join(number.to_bytes(4) for number in head) + body
