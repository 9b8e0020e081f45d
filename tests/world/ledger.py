"""The played ledger: rows, and transactions that happen wholly or not at all, at one moment each.

What belongs here: what the statements of the product's ledger do to rows, so that crashes around commits can be played.
What does not: decisions. It stands for no ledger in tests of the product; those use PostgreSQL.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from msgspec import structs
from tests.world.checks import Checks
from tests.world.stage import SECOND, Action, Stage

from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import Delivery, Fact, due_at
from esoz_notify.core.errors import Unavailable
from esoz_notify.core.reach import Lesson
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.status import Status
from esoz_notify.store.receiving import MessageId, Poll, TakenReceipt
from esoz_notify.store.saving import Content

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery. ``version``: facts in its history so far."""

    id: UUID
    lane: str
    state: Delivery
    version: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a transaction makes of a row. ``state`` is decided on and sets the agenda, ``written`` is stored."""

    row: Row
    state: Delivery
    facts: tuple[Fact, ...]
    written: Delivery


@dataclass(frozen=True, slots=True)
class InboxRow:
    """What a receipt says, waiting to be applied."""

    provider: str
    message_id: str
    notification: UUID | None
    attempt_no: int | None
    state: ReceiptState
    reason: Reason | None
    detail: str
    orphan: bool = False


@dataclass(frozen=True, slots=True)
class PollRow:
    """When to ask a provider about an attempt."""

    poll: Poll
    due_at: datetime


class Ledger:
    """Rows of one world. ``listeners``: called after each commit, as hints that something may have become due."""

    def __init__(self, stage: Stage, checks: Checks, transaction: "type[Transaction]") -> None:
        self.stage = stage
        self.checks = checks
        self.rows: dict[UUID, Row] = {}
        self.contents: dict[UUID, Content] = {}
        self.phones: dict[UUID, int] = {}
        self.memory: dict[tuple[int, Channel], tuple[Reason, datetime]] = {}
        self.keys: dict[str, UUID] = {}
        self.inbox: dict[int, InboxRow] = {}
        self.received: list[tuple[int, InboxRow]] = []
        self.messages: dict[tuple[str, str], MessageId] = {}
        self.polls: dict[tuple[UUID, int], PollRow] = {}
        self.spared_us: dict[str, int] = {}
        self.away_until_us = 0
        self.listeners: list[Action] = []
        self.next_inbox_id = 1
        self.transaction = transaction

    def run(self, work: Callable[["Transaction"], T]) -> T:
        """Run ``work`` as one transaction. Raises Unavailable when the ledger is away, or its answer was lost."""
        stage = self.stage
        if stage.timeline.now_us < self.away_until_us:
            stage.count("ledger away")
            raise Unavailable("the ledger is away")
        transaction = self.transaction(self)
        result = work(transaction)
        lost = stage.chance(stage.temper.commit_lost)
        if lost and stage.chance(0.5):
            self.checks.trouble()
            stage.count("commits rolled back")
            raise Unavailable("the transaction was rolled back")
        transaction.commit()
        for listener in self.listeners:
            listener()
        if lost:
            self.checks.trouble()
            stage.count("commits without answer")
            raise Unavailable("the answer to a commit was lost")
        return result

    def fall(self, for_s: float) -> None:
        """Be away for so long."""
        until_us = self.stage.timeline.now_us + int(for_s * SECOND)
        self.away_until_us = max(self.away_until_us, until_us)
        self.stage.count("ledger outages")
        self.stage.note(None, "the ledger is away for", f"{for_s:.2f} s")

    def next_due(self) -> datetime | None:
        """The earliest agenda of all rows."""
        return min((row.due_at for row in self.rows.values() if row.due_at is not None), default=None)

    def next_poll(self, provider: str) -> datetime | None:
        """The earliest poll of a provider."""
        return min((row.due_at for row in self.polls.values() if row.poll.provider == provider), default=None)


class Transaction:
    """Statements of one transaction: what they write becomes true at the commit. No statement reads what it wrote."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._writes: list[Action] = []
        self.now = ledger.stage.timeline.now

    def commit(self) -> None:
        """Make everything true at once."""
        for write in self._writes:
            write()

    # --- deliveries ---------------------------------------------------------------------------------------------------

    def intake(self, key: str, row: Row, content: Content, phone: int) -> UUID:
        """Write an accepted notification unless its key was used; gives the id that the key stands for."""
        ledger = self._ledger
        if key in ledger.keys:
            return ledger.keys[key]

        def write() -> None:
            ledger.keys[key] = row.id
            ledger.rows[row.id] = row
            ledger.contents[row.id] = content
            ledger.phones[row.id] = phone
            ledger.checks.accepted(row.id, row.state)

        self._writes.append(write)
        return row.id

    def claim(self, lane: str, count_max: int) -> list[Row]:
        """Rows of a lane that are due, the longest due first."""
        due = [row for row in self._ledger.rows.values() if row.lane == lane and _is_due(row.due_at, self.now)]
        return sorted(due, key=lambda row: str(row.due_at))[:count_max]

    def lock(self, ids: Iterable[UUID]) -> list[Row]:
        """These rows, if they exist."""
        rows = self._ledger.rows
        return [rows[one] for one in ids if one in rows]

    def save(self, changes: Sequence[Change]) -> None:
        """Write new states and their history."""
        for change in changes:
            if change.facts:
                self._writes.append(partial(self._save, change))

    def _save(self, change: Change) -> None:
        ledger, row, state = self._ledger, change.row, change.state
        version = row.version + len(change.facts)
        ledger.rows[row.id] = replace(row, state=change.written, version=version, due_at=due_at(state))
        if state.erased:
            ledger.contents[row.id] = structs.replace(ledger.contents[row.id], code=None)
        ledger.checks.committed(row.id, row.state, change.written, change.facts)

    def put_back(self, unchanged: Sequence[Row]) -> None:
        """Give claimed rows that there was nothing to do for their own agenda back."""
        for row in unchanged:
            self._writes.append(partial(self._set_due, row.id, due_at(row.state)))

    def renew(self, ids: Sequence[UUID], lease_s: float) -> None:
        """Push the leases of what a worker is submitting; nothing else on the agenda is pushed."""
        for one in ids:
            state = self._ledger.rows[one].state
            if state.status is Status.IN_DELIVERY:
                moments = (
                    self.now + timedelta(seconds=lease_s),
                    state.step_ends_at,
                    state.retry_at,
                    state.valid_until,
                )
                self._writes.append(partial(self._set_due, one, min(one for one in moments if one is not None)))

    def _set_due(self, notification: UUID, due: datetime | None) -> None:
        self._ledger.rows[notification] = replace(self._ledger.rows[notification], due_at=due)

    # --- memory -------------------------------------------------------------------------------------------------------

    def remembered(self, notification: UUID) -> dict[Channel, Reason]:
        """Channels on which the phone of a notification was not to be reached lately."""
        phone = self._ledger.phones[notification]
        return {
            channel: reason
            for (whose, channel), (reason, until) in self._ledger.memory.items()
            if whose == phone and until > self.now
        }

    def learn(self, notification: UUID, lesson: Lesson) -> None:
        """Remember, or forget, what a change teaches of a phone."""
        place = (self._ledger.phones[notification], lesson.channel)
        memory, reason = self._ledger.memory, lesson.reason
        if reason is None:
            self._writes.append(lambda: memory.pop(place, None))
        else:
            until = self.now + timedelta(seconds=lesson.life_s)
            self._writes.append(lambda: memory.update({place: (reason, until)}))

    # --- receipts and polls -------------------------------------------------------------------------------------------

    def keep(self, said: Sequence[InboxRow]) -> None:
        """Store what a callback or PDU says."""

        def write() -> None:
            ledger = self._ledger
            for one in said:
                ledger.inbox[ledger.next_inbox_id] = one
                ledger.received.append((ledger.stage.timeline.now_us, one))
                ledger.next_inbox_id += 1

        self._writes.append(write)

    def take(self, count_max: int) -> list[TakenReceipt]:
        """Take receipts whose attempt is known out of the inbox; the others become orphans."""
        ledger = self._ledger
        taken = []
        for inbox_id, row in [item for item in ledger.inbox.items() if not item[1].orphan][:count_max]:
            known = self.attempt_of(row)
            if known is None:
                self._writes.append(partial(self._orphan, inbox_id, row))
                continue
            notification, no, part = known
            one = TakenReceipt(
                notification_id=notification,
                attempt_no=no,
                part=part,
                state=row.state,
                reason=row.reason,
                detail=row.detail,
            )
            self._writes.append(partial(ledger.inbox.pop, inbox_id, None))
            self._writes.append(partial(ledger.checks.received, one))
            taken.append(one)
        return taken

    def attempt_of(self, row: InboxRow) -> tuple[UUID, int, int] | None:
        """Notification, attempt and part that a receipt speaks of, if they are known by now."""
        if row.notification is not None and row.attempt_no is not None:
            known = self._ledger.rows.get(row.notification)
            attempts = known.state.attempts if known else ()
            fits = row.attempt_no < len(attempts) and attempts[row.attempt_no].provider == row.provider
            return (row.notification, row.attempt_no, 0) if fits else None
        message = self._ledger.messages.get((row.provider, row.message_id))
        return (message.notification_id, message.attempt_no, message.part) if message else None

    def _orphan(self, at: int, row: InboxRow) -> None:
        self._ledger.inbox[at] = replace(row, orphan=True)
        self._ledger.stage.count("orphaned receipts")

    def know(self, ids: Sequence[MessageId]) -> None:
        """Remember provider message ids; receipts that came before them are orphans no more."""

        def write() -> None:
            for one in ids:
                self._ledger.messages.setdefault((one.provider, one.provider_message_id), one)
            self._adopt(lambda row: any((row.provider, row.message_id) == _name(one) for one in ids))

        self._writes.append(write)

    def adopt(self) -> None:
        """Janitor: orphans whose submission has become known."""
        self._writes.append(lambda: self._adopt(lambda row: self.attempt_of(row) is not None))

    def _adopt(self, fits: Callable[[InboxRow], bool]) -> None:
        inbox = self._ledger.inbox
        for inbox_id, row in inbox.items():
            if row.orphan and fits(row):
                inbox[inbox_id] = replace(row, orphan=False)
                self._ledger.stage.count("adopted receipts")

    def plan_polls(self, polls: Sequence[tuple[Poll, float]]) -> None:
        """Put attempts on the agenda of polling, unless they are there."""
        for poll, pause_s in polls:
            row = PollRow(poll, self.now + timedelta(seconds=pause_s))
            place = (poll.notification_id, poll.attempt_no)
            self._writes.append(partial(self._ledger.polls.setdefault, place, row))

    def due_polls(self, provider: str, count_max: int, lease_s: float) -> list[Poll]:
        """Take due polls; they come due again after the lease."""
        due = [row for row in self._ledger.polls.values() if row.poll.provider == provider and row.due_at <= self.now]
        taken = [structs.replace(row.poll, tries=row.poll.tries + 1) for row in due[:count_max]]
        for poll in taken:
            self._writes.append(partial(self._replan, poll, lease_s))
        return taken

    def _replan(self, poll: Poll, pause_s: float) -> None:
        place = (poll.notification_id, poll.attempt_no)
        if place in self._ledger.polls:
            self._ledger.polls[place] = PollRow(poll, self.now + timedelta(seconds=pause_s))

    def replan_polls(self, again: Sequence[tuple[Poll, float]], over: Sequence[Poll]) -> None:
        """Ask again after a pause, or never again."""
        for poll, pause_s in again:
            self._writes.append(partial(self._replan, poll, pause_s))
        self.unplan_polls([(poll.notification_id, poll.attempt_no) for poll in over])

    def unplan_polls(self, attempts: Sequence[tuple[UUID, int]]) -> None:
        """Attempts that are final need no asking any more."""
        for place in attempts:
            self._writes.append(partial(self._ledger.polls.pop, place, None))


def _is_due(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _name(message: MessageId) -> tuple[str, str]:
    return message.provider, message.provider_message_id
