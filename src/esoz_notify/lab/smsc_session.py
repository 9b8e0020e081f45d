"""One TCP connection to the lab's SMSC: frames, binds, answers, its window of receipts. Messages are smsc.py's matter.

Source: SMPP v3.4 Issue 1.2, §2 and §4.
"""

import asyncio
import socket
import time
from typing import TYPE_CHECKING, cast

from esoz_notify.lab.faults import Fault, Rule
from esoz_notify.lab.pdus import (
    HEADER_BYTES,
    PDU_BYTES_MAX,
    RESPONSE,
    SEQUENCE_MAX,
    Code,
    Command,
    Header,
    bind_credentials,
    bind_response,
    header,
    pdu,
    submit,
    submit_response,
)
from esoz_notify.lab.timers import now

if TYPE_CHECKING:
    from esoz_notify.lab.smsc import Receipt, Sm, Smsc

_BINDS = {Command.BIND_RECEIVER, Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER}
_SENDING = {Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER}
_RECEIVING = {Command.BIND_RECEIVER, Command.BIND_TRANSCEIVER}
_REQUESTS = {*_BINDS, Command.SUBMIT_SM, Command.ENQUIRE_LINK, Command.UNBIND}
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux's own


class Session(asyncio.Protocol):
    """The SMSC's end of one connection. ``outstanding``: receipts by sequence number, with the time they were sent."""

    def __init__(self, smsc: "Smsc") -> None:
        self._smsc = smsc
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._reading = False
        self._ended = False
        self._bound: int | None = None
        self._sequence = 0
        self._heard_at = now()
        self.outstanding: dict[int, tuple[Receipt, float]] = {}
        self._late: dict[int, Receipt] = {}

    # The connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller has come; nothing is said before its bind."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class does not say that it is one
        self._smsc.sessions.append(self)
        self._smsc.timers.later(self._smsc.settings.enquire_link_s, self._enquire)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """The caller has gone; its unanswered receipts go back."""
        self._transport = None
        self._bound = None
        if self in self._smsc.sessions:
            self._smsc.sessions.remove(self)
        unanswered = [receipt for receipt, _ in self.outstanding.values()]
        self.outstanding.clear()
        self._smsc.lost(unanswered)

    def cut(self) -> None:
        """Break the connection without a word."""
        self._ended = True
        self._out.clear()
        if self._transport is not None:
            self._transport.abort()

    def _close(self) -> None:
        self._flush()
        self._ended = True
        self._bound = None
        if self._transport is not None:
            self._transport.close()

    def _write(self, data: bytes) -> None:
        self._out.append(data)
        if not self._reading:
            self._flush()

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._smsc.journal.flush()
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def data_received(self, data: bytes) -> None:
        """Handle every whole PDU; the answers of one read go out in one write."""
        self._heard_at = now()
        if self._smsc.settings.ack_at_once:
            self._acknowledge()
        self._buffer += data
        self._reading = True
        at = 0
        while len(self._buffer) - at >= HEADER_BYTES and not self._ended:
            head = header(self._buffer, at)
            if not HEADER_BYTES <= head.length <= PDU_BYTES_MAX:
                self._write(pdu(Command.GENERIC_NACK, Code.INVALID_COMMAND_LENGTH, head.sequence))
                self._close()
                break
            if len(self._buffer) - at < head.length:
                break
            self._handle(head, bytes(self._buffer[at : at + head.length]))
            at += head.length
        del self._buffer[:at]
        self._reading = False
        self._flush()

    def _acknowledge(self) -> None:
        """Have the kernel acknowledge now. It forgets after a while that it was told to, so once for each read."""
        if _QUICKACK is not None and self._transport is not None:
            self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    # Requests and answers of the caller.

    def _handle(self, head: Header, frame: bytes) -> None:
        if head.command in _REQUESTS and self._played(head, frame):
            return
        self._obey(head, frame)

    def _obey(self, head: Header, frame: bytes) -> None:
        if head.command == Command.SUBMIT_SM:
            self._submit(head, frame)
        elif head.command == Command.DELIVER_SM | RESPONSE:
            self._delivered(head)
        elif head.command == Command.ENQUIRE_LINK:
            self._write(pdu(head.command | RESPONSE, Code.OK, head.sequence))
        elif head.command in _BINDS:
            self._bind(head, frame)
        elif head.command == Command.UNBIND:
            self._write(pdu(head.command | RESPONSE, Code.OK, head.sequence))
            self._close()
        elif not head.command & RESPONSE:
            self._write(pdu(Command.GENERIC_NACK, Code.INVALID_COMMAND_ID, head.sequence))

    def _played(self, head: Header, frame: bytes) -> bool:
        """Whether a fault took the request's place."""
        name, faults = self._smsc.settings.name, self._smsc.faults
        if faults.quiet(name):
            return False
        if faults.hit(name, Fault.DISCONNECT):
            self.cut()
        elif faults.hit(name, Fault.SILENT):
            return True
        elif rule := faults.hit(name, Fault.GARBAGE):
            self._babble(rule)
        elif head.command == Command.SUBMIT_SM and faults.hit(name, Fault.THROTTLE):
            self._write(pdu(head.command | RESPONSE, Code.THROTTLED, head.sequence))
        elif rule := faults.hit(name, Fault.SLOW):
            self._smsc.timers.later(rule.delay_s, self._obey, head, frame)
        else:
            return False
        return True

    def _babble(self, rule: Rule) -> None:
        """A length that cannot be, then noise; then the connection ends."""
        self._write(b"\xff\xff" + rule.random.randbytes(62))
        self._close()

    def _bind(self, head: Header, frame: bytes) -> None:
        code = self._bind_code(frame)
        if code is not Code.OK:
            self._write(pdu(head.command | RESPONSE, code, head.sequence))
            return
        self._bound = head.command
        self._smsc.counts.binds(self._smsc.bound)
        self._write(bind_response(head.command, head.sequence, self._smsc.settings.name))
        self._smsc.pump()

    def _bind_code(self, frame: bytes) -> Code:
        settings = self._smsc.settings
        credentials = bind_credentials(frame[HEADER_BYTES:])
        if credentials is None:
            return Code.INVALID_COMMAND_LENGTH
        if credentials[0] != settings.system_id:
            return Code.INVALID_SYSTEM_ID
        if credentials[1] != settings.password:
            return Code.INVALID_PASSWORD
        if self._bound is not None or self._smsc.bound >= settings.bind_limit:
            self._smsc.counts.bind_refused()
            return Code.ALREADY_BOUND
        refusing = [
            rule for rule in self._smsc.faults.all() if rule.provider == settings.name and rule.reason == "bind"
        ]
        return Code.BIND_FAILED if any(rule.decide() for rule in refusing) else Code.OK

    def _submit(self, head: Header, frame: bytes) -> None:
        answer = head.command | RESPONSE
        if self._bound not in _SENDING:
            self._write(pdu(answer, Code.INVALID_BIND_STATUS, head.sequence))
            return
        self._smsc.counts.submit(time.monotonic())
        message = submit(frame)
        if message is None:
            self._write(pdu(answer, Code.INVALID_PARAMETER_LENGTH, head.sequence))
            return
        taken = self._smsc.take(message)
        if isinstance(taken, Code):
            self._write(pdu(answer, taken, head.sequence))
            return
        self._accepted(taken, head.sequence)

    def _accepted(self, sm: "Sm", sequence: int) -> None:
        name, faults = self._smsc.settings.name, self._smsc.faults
        quiet = faults.quiet(name)
        early = not quiet and faults.hit(name, Fault.RECEIPT_BEFORE_REPLY) is not None
        mute = not quiet and faults.hit(name, Fault.TIMEOUT_AFTER_ACCEPT) is not None
        if early:
            self._smsc.route(sm, at_once=True)
        if not mute:
            self._write(submit_response(sequence, self._smsc.response_id(sm)))
        if not early:
            self._smsc.route(sm)

    # Receipts and the link.

    @property
    def is_bound(self) -> bool:
        """Whether it counts among the account's binds."""
        return self._bound is not None

    @property
    def may_receive(self) -> bool:
        """Whether it is bound as a receiver or transceiver."""
        return self._bound in _RECEIVING and self._transport is not None

    @property
    def room(self) -> int:
        """How many receipts may still be sent before an answer."""
        return self._smsc.settings.receipt_window - len(self.outstanding)

    def deliver(self, receipt: "Receipt") -> None:
        """Send a receipt and wait for its answer."""
        sequence = self._next_sequence()
        self.outstanding[sequence] = (receipt, now())
        self._write(self._smsc.receipt_pdu(receipt.sm, sequence))

    def unanswered(self, longer_than_s: float) -> list["Receipt"]:
        """Receipts sent longer ago than this; their late answers still count."""
        before = now() - longer_than_s
        overdue = [(number, receipt) for number, (receipt, sent_at) in self.outstanding.items() if sent_at <= before]
        for number, receipt in overdue:
            del self.outstanding[number]
            self._late[number] = receipt
        return [receipt for _, receipt in overdue]

    def _delivered(self, head: Header) -> None:
        found = self.outstanding.pop(head.sequence, None)
        receipt = found[0] if found else self._late.pop(head.sequence, None)
        if receipt is not None and (found or head.status == Code.OK):
            self._smsc.answered(receipt, head.status)

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % SEQUENCE_MAX + 1
        return self._sequence

    def _enquire(self) -> None:
        """Ask after silence; end the connection after three of its times without a word."""
        if self._transport is None:
            return
        period_s = self._smsc.settings.enquire_link_s
        silent_s = now() - self._heard_at
        if silent_s >= 3 * period_s:
            self._close()
            return
        if silent_s >= period_s * 0.9:
            self._write(pdu(Command.ENQUIRE_LINK, Code.OK, self._next_sequence()))
        self._smsc.timers.later(period_s, self._enquire)
