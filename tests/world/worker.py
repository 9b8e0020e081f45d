"""A played worker: what the product's worker does, in steps between which it may die, or sleep past its leases.

What belongs here: the loops as steps in virtual time. What does not: decisions (core, through ``engine``), the links,
and the life of the process (``process``).
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar
from uuid import UUID

from tests.world.engine import Applied, Engine
from tests.world.ledger import InboxRow, Ledger, Transaction
from tests.world.network import Exchange
from tests.world.process import Outbox, Process, Provider, Queued
from tests.world.stage import SECOND, to_us

from esoz_notify.channels.dialogue import Hearing, Keep, OutboundMessage, Receipt, ReceiptProblem, Saying
from esoz_notify.core import limits
from esoz_notify.core.attempt_keys import read_attempt_key
from esoz_notify.core.cascade import Event, Replied, Reported
from esoz_notify.core.errors import Unavailable
from esoz_notify.core.kinds import Lane
from esoz_notify.core.receipts import NEGATIVE, POSITIVE, Reason
from esoz_notify.core.results import Accepted, Result, TryLater, Unknown
from esoz_notify.engine.messages import Composer
from esoz_notify.engine.providers import WAITED_S
from esoz_notify.engine.worker import CLAIM_MAX, JANITOR_S, POLL_BATCH_MAX, POLL_LEASE_S
from esoz_notify.store.receiving import Poll

Answer = TypeVar("Answer")
_A_MOMENT_S = 0.002
_BATCH_MAX = 500


class Worker(Process):
    """One process that works."""

    def __init__(self, name: str, ledger: Ledger, *, engine: Engine, composer: Composer, calls_at_once: int) -> None:
        super().__init__(name, ledger)
        self.engine = engine
        self.composer = composer
        self.calls_at_once = calls_at_once

    def plan(self) -> None:
        """See to it that every loop looks soon after there is something for it, as hints and short waits do."""
        if self.life is None:
            return
        ledger, now_us = self.ledger, self.stage.timeline.now_us
        due = ledger.next_due()
        if due is not None:
            self.look_at("agenda", to_us(due), self._claim)
        if any(not row.orphan for row in ledger.inbox.values()):
            self.look_at("inbox", now_us, self._apply_receipts)
        if any(row.orphan for row in ledger.inbox.values()):
            self.look_at("janitor", now_us + int(JANITOR_S * SECOND), self._tidy)
        for provider in self.providers.values():
            due = ledger.next_poll(provider.name) if provider.adapter is not None else None
            if due is not None:
                self.look_at(f"polls of {provider.name}", to_us(due), partial(self._poll, provider))

    # --- claim and send -----------------------------------------------------------------------------------------------

    def _claim(self) -> None:
        for lane in Lane:
            self.point("before the claim")
            try:
                applied = self.ledger.run(partial(self._claim_of, lane))
            except Unavailable:
                continue
            for change in applied.changes:
                if not change.facts:
                    self.checks.looked_idly(change.row.id)
            if applied.submissions:
                self.point("between the claim's commit and the call")
                self.later(self.stage.between(0.0, _A_MOMENT_S), partial(self.dispatch, applied))

    def _claim_of(self, lane: Lane, transaction: Transaction) -> Applied:
        return self.engine.apply_due(transaction, lane.value, CLAIM_MAX, self.sight())

    def dispatch(self, applied: Applied) -> None:
        """Take submissions in hand and put each into the outbox of its provider."""
        assert self.life is not None
        now_us = self.stage.timeline.now_us
        for submission in applied.submissions:
            place = (submission.id, submission.attempt_no)
            attempt = submission.state.attempts[submission.attempt_no]
            self.life.in_hand[place] = now_us
            self._beat_later()
            provider = self.providers[attempt.provider]
            message = self.composer.compose(submission, self.stage.timeline.now, provider.capabilities.validity_min_s)
            dies_us = to_us(submission.state.valid_until)
            box = self.life.outboxes.setdefault((attempt.provider, Lane(submission.lane)), Outbox())
            box.queue.append(Queued(message, now_us, dies_us, attempt.calls > 1))
            self.later(0.0, partial(self._leave, provider, box))

    def spare(self, name: str) -> None:
        """A provider may be given nothing any more: what waits for it is given back, unsent."""
        for (provider, _), box in self.life.outboxes.items() if self.life else ():
            while provider == name and box.queue:
                self._return(box.queue.popleft(), Reason.UNREACHABLE, "not sent: the provider is spared")

    def _leave(self, provider: Provider, box: Outbox) -> None:
        """Hand over what waits, as far as calls at once allow."""
        while box.queue and box.running < self.calls_at_once:
            messages = self._next_batch(provider, box)
            if messages:
                box.running += 1
                self._send(provider, messages, partial(self._sent, provider, box, messages))

    def _next_batch(self, provider: Provider, box: Outbox) -> list[OutboundMessage]:
        now_us, able = self.stage.timeline.now_us, provider.capabilities
        batch: list[OutboundMessage] = []
        while box.queue and len(batch) < able.batch_max:
            queued = box.queue.popleft()
            if self.is_dead(queued, able.validity_min_s):
                self._return(queued, Reason.VALIDITY, "not sent: no life left")
                continue
            waited_s = (now_us - queued.since_us) / SECOND
            left_s = max(queued.message.validity_s - waited_s, able.validity_min_s)
            batch.append(queued.message if waited_s < WAITED_S else replace(queued.message, validity_s=left_s))
        return batch

    def is_dead(self, queued: Queued, least_s: float) -> bool:
        """Whether a message that waited has not the life left that its provider wants."""
        return (queued.dies_us - self.stage.timeline.now_us) / SECOND <= least_s

    def _return(self, queued: Queued, reason: Reason, detail: str) -> None:
        self.stage.count("messages given back unsent")
        unsent = Unknown(reason, detail) if queued.repeat else TryLater(reason, 0.0, detail)
        self.answered_late(queued.message.key, unsent)

    def _send(
        self, provider: Provider, messages: list[OutboundMessage], done: Callable[[Sequence[Result]], None]
    ) -> None:
        self.point("before the call")
        for message in messages:
            self.checks.calling(message)
        if provider.link is not None:
            provider.link.submit(messages[0], lambda result: done((result,)))
        elif provider.adapter is not None:
            self._converse(provider, provider.adapter.submit(messages, self._kept(provider)), done)
        self.point("after the call has left")

    def _sent(
        self, provider: Provider, box: Outbox, messages: list[OutboundMessage], results: Sequence[Result]
    ) -> None:
        box.running -= 1
        for message, result in zip(messages, results, strict=True):
            self.answered_late(message.key, result)
        self.point("between the reply and its record")
        self.later(0.0, partial(self._leave, provider, box))

    def answered_late(self, key: str, result: Result) -> None:
        """A provider answered, in time or after it had been given up."""
        attempt = read_attempt_key(key)
        assert attempt is not None
        self.note_result(*attempt, result)

    def note_result(self, notification: UUID, no: int, result: Result) -> None:
        """Have a result recorded."""
        assert self.life is not None
        self.stage.count(f"results: {type(result).__name__}")
        self.life.outcomes.append((notification, Replied(no, result)))
        self._record_later(self.stage.between(0.0, 0.01))

    def _record_later(self, pause_s: float) -> None:
        assert self.life is not None
        if not self.life.is_recording:
            self.life.is_recording = True
            self.later(pause_s, self._record)

    def _record(self) -> None:
        """Record replies; again and again while the ledger is away."""
        assert self.life is not None
        self.life.is_recording = False
        events = self.life.outcomes[:_BATCH_MAX]
        self.point("before the record")
        try:
            applied = self.ledger.run(partial(self._record_of, events))
        except Unavailable:
            self._record_later(self.stage.between(0.1, 2.0))
            return
        del self.life.outcomes[: len(events)]
        for notification, event in events:
            assert isinstance(event, Replied)
            self.life.in_hand.pop((notification, event.no), None)
        self.point("after the record")
        self.later(self.stage.between(0.0, _A_MOMENT_S), partial(self.dispatch, applied))
        if self.life.outcomes:
            self._record_later(0.0)

    def _record_of(self, events: Sequence[tuple[UUID, Event]], transaction: Transaction) -> Applied:
        # The product settles receipts in the same transaction: many a receipt is as fast as its reply.
        both = [*events, *self._reports(transaction)]
        applied = self.engine.apply_events(transaction, both, self.sight())
        transaction.plan_polls(self._polls(events, applied))
        return applied

    def _polls(self, events: Sequence[tuple[UUID, Event]], applied: Applied) -> list[tuple[Poll, float]]:
        states = {change.row.id: change.state for change in applied.changes}
        polls = []
        for notification, event in events:
            if not isinstance(event, Replied) or not isinstance(event.result, Accepted) or notification not in states:
                continue
            provider = self.providers.get(states[notification].attempts[event.no].provider)
            if provider is not None and provider.capabilities.poll_after_s:
                poll = Poll(notification, event.no, provider.name, event.result.message_ids[0], 0)
                polls.append((poll, provider.capabilities.poll_after_s[0]))
        return polls

    def _converse(
        self, provider: Provider, dialogue: Generator[Saying, Hearing, Answer], done: Callable[[Answer], None]
    ) -> None:
        self._go_on(provider, dialogue, done, None)

    def _go_on(
        self,
        provider: Provider,
        dialogue: Generator[Saying, Hearing, Answer],
        done: Callable[[Answer], None],
        heard: Hearing,
    ) -> None:
        """Play the network for one dialogue until it has to wait."""
        while True:
            try:
                saying = dialogue.send(heard)
            except StopIteration as end:
                done(end.value)
                return
            if not isinstance(saying, Keep):
                break
            self._kept(provider)[saying.name] = saying.value
            heard = None
        assert provider.server is not None
        hears = partial(self._go_on, provider, dialogue, done)
        Exchange(self.stage, self.later, provider.server, saying, hears).start()

    def _kept(self, provider: Provider) -> dict[str, str]:
        assert self.life is not None
        return self.life.kept.setdefault(provider.name, {})

    # --- receipts -----------------------------------------------------------------------------------------------------

    def keep_receipt(self, provider: str, said: Receipt | ReceiptProblem, kept: Callable[[bool], None]) -> None:
        """Store a receipt that came over a link."""
        self.later(self.stage.between(0.0, 0.01), lambda: self._keep(provider, said, kept))

    def _keep(self, provider: str, said: Receipt | ReceiptProblem, kept: Callable[[bool], None]) -> None:
        self.point("while holding a receipt")
        done = self._receive(provider, [said], ids_are_keys=False)
        self.point("after a receipt was kept, before its acknowledgement")
        kept(done)

    def _receive(self, provider: str, said: Sequence[Receipt | ReceiptProblem], *, ids_are_keys: bool) -> bool:
        rows = inbox_rows(provider, said, ids_are_keys=ids_are_keys)
        try:
            self.ledger.run(lambda transaction: transaction.keep(rows))
        except Unavailable:
            return False
        return True

    def _apply_receipts(self) -> None:
        try:
            applied = self.ledger.run(self._apply_receipts_of)
        except Unavailable:
            return
        self.point("after receipts were applied")
        self.later(self.stage.between(0.0, _A_MOMENT_S), partial(self.dispatch, applied))

    def _apply_receipts_of(self, transaction: Transaction) -> Applied:
        events = self._reports(transaction)
        self.point("with receipts in hand")
        return self.engine.apply_events(transaction, events, self.sight())

    def _reports(self, transaction: Transaction) -> list[tuple[UUID, Event]]:
        return [
            (one.notification_id, Reported(one.attempt_no, one.part, one.state, one.reason, one.detail))
            for one in transaction.take(_BATCH_MAX)
        ]

    def _poll(self, provider: Provider) -> None:
        try:
            polls = self.ledger.run(
                lambda transaction: transaction.due_polls(provider.name, POLL_BATCH_MAX, POLL_LEASE_S)
            )
        except Unavailable:
            return
        if not polls:
            return
        self.stage.count("polls")
        self.point("with polls in hand")
        assert provider.adapter is not None
        assert provider.adapter.poll is not None
        ids = [poll.provider_message_id for poll in polls]
        dialogue = provider.adapter.poll(ids, self._kept(provider))
        self._converse(provider, dialogue, partial(self._polled, provider, polls))

    def _polled(self, provider: Provider, polls: list[Poll], said: Sequence[Receipt | ReceiptProblem]) -> None:
        self.point("in the middle of a poll")
        final = [one for one in said if isinstance(one, Receipt) and one.state in POSITIVE | NEGATIVE]
        for one in final:
            if not self._receive(provider.name, [one], ids_are_keys=provider.capabilities.message_id_is_key):
                return
            self.stage.count("receipts by polling")
        self.point("after a poll, before the next is planned")
        over = {one.provider_message_id for one in final}
        gaps_s = provider.capabilities.poll_after_s
        again = [(one, gaps_s[min(one.tries, len(gaps_s) - 1)]) for one in polls if one.provider_message_id not in over]
        done = [poll for poll in polls if poll.provider_message_id in over]
        try:
            self.ledger.run(lambda transaction: transaction.replan_polls(again, done))
        except Unavailable:
            return

    # --- upkeep -------------------------------------------------------------------------------------------------------

    def _beat_later(self) -> None:
        assert self.life is not None
        if not self.life.is_beating:
            self.life.is_beating = True
            self.later(limits.HEARTBEAT_S * self.stage.between(0.1, 1.0), self._beat)

    def _beat(self) -> None:
        """Renew the leases of what is in hand for more than a moment."""
        assert self.life is not None
        life, now_us = self.life, self.stage.timeline.now_us
        since_us = now_us - int(limits.HEARTBEAT_S / 2 * SECOND)
        held = sorted({place[0] for place, started_us in life.in_hand.items() if started_us < since_us})
        if held:
            self.stage.count("leases renewed")
            with suppress(Unavailable):
                self.ledger.run(lambda transaction: transaction.renew(held, limits.LEASE_S))
        life.is_beating = bool(life.in_hand)
        if life.is_beating:
            self.later(limits.HEARTBEAT_S, self._beat)

    def _tidy(self) -> None:
        try:
            self.ledger.run(lambda transaction: transaction.adopt())
        except Unavailable:
            return


def inbox_rows(provider: str, said: Sequence[Receipt | ReceiptProblem], *, ids_are_keys: bool) -> list[InboxRow]:
    """What is put into the inbox of a callback, a PDU or a poll."""
    rows = []
    for one in said:
        if isinstance(one, Receipt):
            attempt = read_attempt_key(one.provider_message_id) if ids_are_keys else None
            rows.append(
                InboxRow(
                    provider=provider,
                    message_id=one.provider_message_id,
                    notification=attempt[0] if attempt else None,
                    attempt_no=attempt[1] if attempt else None,
                    state=one.state,
                    reason=one.reason,
                    detail=f"{one.raw_status} {one.detail}".strip()[:200],
                )
            )
    return rows
