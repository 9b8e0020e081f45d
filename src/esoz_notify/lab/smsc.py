"""Plays one operator's SMSC: messages, their lives on phones, and receipts until they are acknowledged.

Sources: SMPP v3.4 Issue 1.2 (appendix B for the receipt's text). One TCP connection is smsc_session.py.
"""

from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import IntEnum
from functools import partial
from zoneinfo import ZoneInfo

import smpp34

from esoz_notify.lab.counts import Counts
from esoz_notify.lab.faults import Fault
from esoz_notify.lab.gate import ReceiptGate
from esoz_notify.lab.ground import Ground
from esoz_notify.lab.journal import Record
from esoz_notify.lab.memory import Submission
from esoz_notify.lab.pdus import Code, Optional, parse_time, tlvs
from esoz_notify.lab.phones import Message, Phone, e164
from esoz_notify.lab.settings import IdFormat, SmscSettings
from esoz_notify.lab.sms_text import Assembly, Part, read_part
from esoz_notify.lab.smsc_session import Session
from esoz_notify.lab.timers import now, seeded

_KYIV = ZoneInfo("Europe/Kyiv")
_ALPHANUMERIC = 5
_ALPHANUMERIC_MAX = 11
_RECEIPT_FLAG = 0x04
_RECEIPT_BITS = 0x03
_RECEIPT_ALWAYS = 1
_RECEIPT_ON_FAILURE = 2
_GSM_NETWORK = b"\x03"
_RECEIPT_TEXT_CHARS = 20

REFUSALS: dict[str, Code] = {
    "invalid_number": Code.INVALID_DESTINATION,
    "invalid_source": Code.INVALID_SOURCE,
    "queue_full": Code.QUEUE_FULL,
    "submit_failed": Code.SUBMIT_FAILED,
    "system_error": Code.SYSTEM_ERROR,
}
"""Refusals in submit_sm_resp; ``bind`` is the session's matter, ``undelivered`` and ``rejected`` come as receipts."""


class State(IntEnum):
    """message_state (§5.2.28)."""

    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    UNDELIVERABLE = 5
    REJECTED = 8


_STAT = {
    State.DELIVERED: ("DELIVRD", 0),
    State.EXPIRED: ("EXPIRED", 27),
    State.UNDELIVERABLE: ("UNDELIV", 1),
    State.REJECTED: ("REJECTD", 8),
}
"""Words of the receipt's text with the network's own error: 27 absent subscriber, 1 unknown subscriber (GSM MAP)."""


@dataclass(slots=True, kw_only=True)
class Sm:
    """One accepted short message, or one part of a long one. Times are seconds since the epoch."""

    id: int
    msisdn: str
    source: str
    source_ton: int
    source_npi: int
    dest_ton: int
    dest_npi: int
    text: str
    part: int
    parts: int
    ref: int | None
    registered: int
    accepted_at: float
    valid_until: float
    not_before: float
    doomed: State | None
    state: State = State.ENROUTE
    done_at: float = 0.0
    acknowledged: bool = False


@dataclass(slots=True, eq=False)
class Receipt:
    """One copy of a receipt on its way; ``acknowledged`` when this copy was taken with status 0."""

    sm: Sm
    acknowledged: bool = False


class Smsc:
    """One SMSC. Receipts go to any session of the system_id that may receive, in order, until acknowledged with 0."""

    def __init__(self, settings: SmscSettings, ground: Ground) -> None:
        self.settings = settings
        self.faults = ground.faults
        self.timers = ground.timers
        self.sessions: list[Session] = []
        self._lab = ground.settings
        self._memory = ground.memory
        self.journal = ground.journal
        self._random = seeded(ground.settings.seed)
        self._messages: dict[int, Sm] = {}
        self._assembly = Assembly()
        self._outbox: deque[Receipt] = deque()
        self._turn = 0
        self._next_id = int(now() * 1000) * 100
        self._sweeping = False
        self.counts = Counts()
        self.gate: ReceiptGate[Sm] = ReceiptGate(
            settings.name, ground.faults, ground.timers, send=self._queue, lost=self._acknowledged
        )

    @property
    def bound(self) -> int:
        """Sessions that are bound now."""
        return sum(session.is_bound for session in self.sessions)

    # Taking messages.

    def take(self, message: smpp34.SubmitSm) -> Sm | Code:
        """Accept a submit_sm, or say with which status it is refused. ``route`` must follow an acceptance."""
        rule = self.faults.hit(self.settings.name, Fault.REFUSE)
        reason = rule.reason if rule else None
        if reason in REFUSALS:
            return REFUSALS[reason]
        msisdn = e164(message.destination_addr)
        if msisdn is None:
            return Code.INVALID_DESTINATION
        source = message.source_addr
        if not source or (message.source_addr_ton == _ALPHANUMERIC and len(source) > _ALPHANUMERIC_MAX):
            return Code.INVALID_SOURCE
        at = now()
        try:
            not_before = parse_time(message.schedule_delivery_time, at) or at
        except ValueError:
            return Code.INVALID_SCHEDULE
        try:
            valid_until = parse_time(message.validity_period, at) or at + self.settings.validity_default_s
        except ValueError:
            return Code.INVALID_EXPIRY
        optional = tlvs(message)
        try:
            part = read_part(message, optional)
        except ValueError:
            return Code.INVALID_ESM_CLASS
        self._next_id += 1
        sm = Sm(
            id=self._next_id,
            msisdn=msisdn,
            source=source,
            source_ton=message.source_addr_ton,
            source_npi=message.source_addr_npi,
            dest_ton=message.dest_addr_ton,
            dest_npi=message.dest_addr_npi,
            text=part.text,
            part=part.part,
            parts=part.parts,
            ref=part.ref,
            registered=message.registered_delivery & _RECEIPT_BITS,
            accepted_at=at,
            valid_until=valid_until,
            not_before=not_before,
            doomed={"undelivered": State.UNDELIVERABLE, "rejected": State.REJECTED}.get(reason or ""),
        )
        self._remember(sm, optional.get(Optional.USER_MESSAGE_REFERENCE))
        return sm

    def _remember(self, sm: Sm, reference: bytes | None) -> None:
        self._keep(sm)
        self.journal.append("sm", {"smsc": self.settings.name, "sm": asdict(sm)})
        self._memory.submitted(
            Submission(
                provider=self.settings.name,
                client_reference=None if reference is None else str(int.from_bytes(reference, "big")),
                provider_message_id=self.response_id(sm),
                msisdn=sm.msisdn,
                accepted_at=sm.accepted_at,
                text=sm.text,
                more={"part": sm.part, "parts": sm.parts, "ref": sm.ref, "source": sm.source},
            )
        )

    def _keep(self, sm: Sm) -> None:
        self._messages[sm.id] = sm
        if self._lab.history_max is not None and len(self._messages) > self._lab.history_max:
            del self._messages[next(iter(self._messages))]

    def response_id(self, sm: Sm) -> str:
        """The message id as submit_sm_resp writes it."""
        return _written(sm.id, self.settings.response_ids)

    # Lives on phones.

    def route(self, sm: Sm, *, at_once: bool = False) -> None:
        """Decide by the phone as it is now; an absent phone's messages come back here when it returns."""
        if sm.state is not State.ENROUTE:
            return
        phone = self._memory.phone(sm.msisdn)
        left_s = sm.valid_until - now()
        latency_s = 0.0 if at_once else phone.latency_s(self._random, phone.sms_latency_ms)
        latency_s += max(sm.not_before - now(), 0.0)
        end = sm.doomed or (State.DELIVERED if phone.sms else State.UNDELIVERABLE)
        if phone.sms_absent and sm.doomed is None:
            phone.waiting.append(partial(self.route, sm))
            self.timers.later(left_s, self._settle, sm, State.EXPIRED)
        elif latency_s > left_s:
            self.timers.later(left_s, self._settle, sm, State.EXPIRED)
        elif at_once:
            self._settle(sm, end)
        else:
            self.timers.later(latency_s, self._settle, sm, end)

    def _settle(self, sm: Sm, state: State) -> None:
        """The message ends, once."""
        if sm.state is not State.ENROUTE:
            return
        sm.state, sm.done_at = state, now()
        self.journal.append("sm_end", {"smsc": self.settings.name, "id": sm.id, "state": state, "at": sm.done_at})
        if state is State.DELIVERED:
            self._deliver(sm, self._memory.phone(sm.msisdn))
        if self._wants_receipt(sm):
            self.gate.offer(sm)

    def _deliver(self, sm: Sm, phone: Phone) -> None:
        text = self._assembled(sm)
        if text is not None:
            self._memory.receive(phone, Message("sms", text, now(), self.settings.name, self.response_id(sm)))

    def _assembled(self, sm: Sm) -> str | None:
        return self._assembly.add((sm.msisdn, sm.source), Part(sm.text, sm.part, sm.parts, sm.ref))

    # Receipts.

    def _wants_receipt(self, sm: Sm) -> bool:
        failed = sm.state is not State.DELIVERED
        return sm.registered == _RECEIPT_ALWAYS or (sm.registered == _RECEIPT_ON_FAILURE and failed)

    def _queue(self, sm: Sm, _alone: bool) -> None:
        self._outbox.append(Receipt(sm))
        self.pump()

    def pump(self) -> None:
        """Hand waiting receipts to sessions that may receive and have room, in turn."""
        receivers = [session for session in self.sessions if session.may_receive]
        while self._outbox and receivers:
            session = receivers[self._turn % len(receivers)]
            if session.room <= 0:
                receivers.remove(session)
                continue
            self._turn += 1
            receipt = self._outbox.popleft()
            if not receipt.acknowledged:
                session.deliver(receipt)
                self._sweep_later()

    def answered(self, receipt: Receipt, status: int) -> None:
        """A session's deliver_sm_resp: 0 ends it, anything else has it sent again after the retry gap."""
        if status == Code.OK:
            receipt.acknowledged = True
            self._acknowledged(receipt.sm)
        elif not receipt.acknowledged:
            self.timers.later(self.settings.receipt_retry_s, self._requeue, receipt)
        self.pump()

    def lost(self, receipts: list[Receipt]) -> None:
        """A session ended without answers: these are the first to be sent again."""
        self._outbox.extendleft(reversed([receipt for receipt in receipts if not receipt.acknowledged]))
        self.pump()

    def _requeue(self, receipt: Receipt) -> None:
        self._outbox.append(receipt)
        self.pump()

    def _acknowledged(self, sm: Sm) -> None:
        if not sm.acknowledged:
            sm.acknowledged = True
            self.journal.append("sm_ack", {"smsc": self.settings.name, "id": sm.id})

    def _sweep_later(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            self.timers.later(self.settings.receipt_retry_s / 2, self._sweep)

    def _sweep(self) -> None:
        """Receipts without an answer for longer than the retry gap are sent again."""
        self._sweeping = False
        for session in self.sessions:
            self._outbox.extend(session.unanswered(self.settings.receipt_retry_s))
        self.pump()
        if any(session.outstanding for session in self.sessions):
            self._sweep_later()

    def receipt_pdu(self, sm: Sm, sequence: int) -> bytes:
        """deliver_sm with the receipt both as text (appendix B) and as TLVs; times are the SMSC's own, Kyiv."""
        stat, err = _STAT[sm.state]
        delivered = int(sm.state is State.DELIVERED)
        message_id = _written(sm.id, self.settings.receipt_ids)
        extract = sm.text[:_RECEIPT_TEXT_CHARS].encode("ascii", "replace").decode()
        text = (
            f"id:{message_id} sub:001 dlvrd:{delivered:03} submit date:{_local(sm.accepted_at)}"
            f" done date:{_local(sm.done_at)} stat:{stat} err:{err:03} text:{extract}"
        )
        optional = [
            smpp34.Tlv(Optional.RECEIPTED_MESSAGE_ID, message_id.encode() + b"\0"),
            smpp34.Tlv(Optional.MESSAGE_STATE, bytes([sm.state])),
        ]
        if not delivered:
            optional.append(smpp34.Tlv(Optional.NETWORK_ERROR_CODE, _GSM_NETWORK + err.to_bytes(2, "big")))
        return smpp34.DeliverSm(
            sm.msisdn[1:],
            sm.source,
            text.encode("ascii"),
            source_addr_ton=sm.dest_ton,
            source_addr_npi=sm.dest_npi,
            dest_addr_ton=sm.source_ton,
            dest_addr_npi=sm.source_npi,
            esm_class=_RECEIPT_FLAG,
            tlvs=optional,
            sequence_number=sequence,
        ).encode()

    # After a restart.

    def restore(self, kind: str, record: Record) -> bool:
        """Take back one line of the journal; False when it is another kind or another SMSC's."""
        if record.get("smsc") != self.settings.name:
            return False
        if kind == "sm":
            given = record["sm"]
            doomed = None if given["doomed"] is None else State(given["doomed"])
            self._keep(Sm(**(given | {"doomed": doomed, "state": State(given["state"])})))
            self._next_id = max(self._next_id, given["id"])
            return True
        sm = self._messages.get(record["id"])
        if sm is None:
            return True
        if kind == "sm_ack":
            sm.acknowledged = True
        else:
            sm.state, sm.done_at = State(record["state"]), record["at"]
            if sm.state is State.DELIVERED:
                self._assembled(sm)
        return True

    def resume(self) -> None:
        """Take up what a killed lab left: messages on their way, receipts not acknowledged."""
        for sm in self._messages.values():
            if sm.state is State.ENROUTE:
                self.route(sm)
            elif not sm.acknowledged and self._wants_receipt(sm):
                self._outbox.append(Receipt(sm))


def _written(number: int, form: IdFormat) -> str:
    return f"{number:x}" if form is IdFormat.HEX else str(number)


def _local(at: float) -> str:
    return datetime.fromtimestamp(at, _KYIV).strftime("%y%m%d%H%M")
