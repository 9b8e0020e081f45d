"""The worker: claims what is due, has it sent, settles replies and receipts, renews leases.

What belongs here: the loops and what one hands to the next. What does not: decisions (core), SQL (store), sockets
(gateway, links).
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from math import inf
from uuid import UUID

from esoz_notify.channels.dialogue import OutboundMessage, Receipt
from esoz_notify.core import limits
from esoz_notify.core.attempt_keys import read_attempt_key
from esoz_notify.core.cascade import Event, Replied, Reported
from esoz_notify.core.errors import NotifyError, Unavailable
from esoz_notify.core.kinds import Lane
from esoz_notify.core.receipts import NEGATIVE, POSITIVE, Reason
from esoz_notify.core.results import Accepted, Refused, Result, TryLater
from esoz_notify.core.retention import DEFAULT_DAYS
from esoz_notify.core.status import LIVE
from esoz_notify.engine import clientele, fault_points
from esoz_notify.engine.applying import (
    Applied,
    Reply,
    Submission,
    apply_due,
    apply_events,
    know_message_ids,
)
from esoz_notify.engine.gateway import Gateway
from esoz_notify.engine.health import Health
from esoz_notify.engine.ledgers import Ledger, Steady
from esoz_notify.engine.measuring import Measures, needs_trace
from esoz_notify.engine.messages import Composer
from esoz_notify.engine.outlook import IN_HAND_MAX, InHand, Outlook
from esoz_notify.engine.overview import TALLIES_KEPT, count_minutes, newest_minute
from esoz_notify.engine.provider_board import KEPT, count_providers
from esoz_notify.engine.providers import Outbox, Provider
from esoz_notify.engine.receiving import Receiver, until
from esoz_notify.engine.spans import Trace, kept
from esoz_notify.store import caller_hours, provider_minutes, reach, reading, receiving, tallies, verifications, wake
from esoz_notify.store.ledger import Connection, next_due, renew
from esoz_notify.store.receiving import Poll
from esoz_notify.store.saving import Change

log = logging.getLogger(__name__)

CLAIM_MAX = 100
CLAIM_MIN = 20
"""A claim is for twice as many as found a hand the last time, so that what has none waits untouched."""
LOOK_S = 0.25
IDLE_S = 1.0
"""Hints wake a loop that has nothing to do; without them it looks so often, and when the agenda says so."""
POLL_BATCH_MAX = 100
POLL_LEASE_S = 30.0
JANITOR_S = 2.0
DRAIN_S = 15.0
BATCH_MAX = 200
"""Replies, and as many receipts, that one transaction settles: a code waits while the loop works on them."""
CODES_PASS_S = 1.0
"""For so long after a code another one is expected, and documents leave it room."""
_HEARTBEATS_PER_FORGETTING = 1800


class Worker:
    """All loops of one worker process over its own connections."""

    def __init__(  # noqa: PLR0913 - the parts it puts together, each by name
        self,
        *,
        ledger: Ledger,
        composer: Composer,
        providers: Sequence[Provider],
        gateway: Gateway,
        receiver: Receiver,
        health: Health,
        measures: Measures,
        keep_days: Mapping[str, int] = DEFAULT_DAYS,
        elsewhere: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self._measures = measures
        self._keep = {name: timedelta(days=days) for name, days in keep_days.items()}
        self._ledger = ledger
        self._composer = composer
        self._providers = {provider.name: provider for provider in providers}
        self._gateway = gateway
        self._receiver = receiver
        self._outboxes = {
            (provider.name, lane): Outbox(
                provider, health, partial(self._answered, provider.name), partial(self._called, provider.name)
            )
            for provider in providers
            for lane in Lane
        }
        health.when_spared = self._spare
        self._in_hand = InHand()
        self._outlook = Outlook(providers, health, self._in_hand, elsewhere)
        self._replies: deque[Reply] = deque()
        self._batch_max = BATCH_MAX
        self._agenda = {lane: asyncio.Event() for lane in Lane}
        self._claim_max = dict.fromkeys(Lane, CLAIM_MIN)
        self._waits_for_hands = dict.fromkeys(Lane, False)
        self._news = asyncio.Event()
        self._receipts_wait = True
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._code_at_s = -CODES_PASS_S
        self._counted: datetime | None = None
        self._stopping = False
        self._nothing_in_hand = asyncio.Event()

    # --- life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in Lane:
                claim = partial(self._claim, lane)
                group.create_task(self._ledger.turning(f"agenda of {lane}", claim, LOOK_S, vital=True))
            group.create_task(self._ledger.turning("replies and receipts", self._settle, LOOK_S, vital=True))
            group.create_task(self._ledger.turning("heartbeat", self._heartbeat, LOOK_S, vital=True))
            group.create_task(self._ledger.turning("janitor", self._tidy, LOOK_S))
            for provider in self._providers.values():
                if provider.adapter is not None and provider.adapter.poll is not None:
                    group.create_task(
                        self._ledger.turning(f"polls of {provider.name}", partial(self._poll, provider), LOOK_S)
                    )
            group.create_task(self._hear_hints())

    async def drain(self) -> None:
        """Claim nothing more, and finish what is in hand, for at most DRAIN_S; what is left is rescued by its lease."""
        self._stopping = True
        fault_points.hit("in_drain")
        if self._in_hand:
            self._nothing_in_hand.clear()
            await until(self._nothing_in_hand, DRAIN_S)
        if self._in_hand:
            log.warning("stopping with %d attempts in hand; their leases will free them", len(self._in_hand))

    def in_hand(self) -> dict[tuple[str, str], int]:
        """How many attempts are between claim and recorded outcome, by provider and lane."""
        return self._in_hand.counts()

    def wake_agenda(self, hint: str = "") -> None:
        """Something has become due in a lane, or in any; of ``lane@provider`` for those who can use that provider."""
        lane, _, provider = hint.partition("@")
        if provider and provider in self.away:
            return
        for one, event in self._agenda.items():
            if lane in {"", one}:
                event.set()

    @property
    def away(self) -> frozenset[str]:
        """Providers that another worker can use now and this one cannot."""
        return self._outlook.away()

    def wake_inbox(self) -> None:
        """Receipts have come."""
        self._receipts_wait = True
        self._news.set()

    def _spare(self, provider: str) -> None:
        for lane in Lane:
            self._outboxes[provider, lane].give_back()

    # --- claim and send -----------------------------------------------------------------------------------------------

    async def _claim(self, lane: Lane, steady: Steady) -> None:
        if lane is Lane.DOCUMENTS and time.monotonic() - self._code_at_s < CODES_PASS_S:
            # While codes pass, documents that have begun are finished first: replies and receipts of more of them would
            # only stand before those of codes. Without codes, sending comes first.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._caught_up.wait(), LOOK_S)
        room = IN_HAND_MAX[lane] - self._in_hand.in_lane(lane)
        wanted = 0 if self._stopping else min(room, self._claim_max[lane])
        if wanted > 0:
            applied = await steady.run(
                lambda connection: apply_due(connection, lane.value, wanted, self._outlook.look())
            )
            if applied.submissions:
                fault_points.hit("after_claim_commit")
            self._dispatch(applied)
            await self._measure(applied, {}, steady)
            found = len(applied.changes) + applied.postponed + applied.handed
            self._claim_max[lane] = min(max(2 * (found - applied.postponed), CLAIM_MIN), CLAIM_MAX)
            self._waits_for_hands[lane] = applied.postponed > 0
            idle = (applied.postponed or applied.handed) and not applied.submissions
            if found == wanted and not idle:
                return
            if not found:
                await self._rest(lane, steady)
                return
        if not await until(self._agenda[lane], LOOK_S):
            # No hand was freed: behind those that wait for one there may be others whose provider has one.
            self._claim_max[lane] = CLAIM_MAX

    async def _rest(self, lane: Lane, steady: Steady) -> None:
        """Leave a lane alone in which nothing is due, until something is; what others hold is due and not ours."""
        while True:
            due_at = await steady.run_loose(lambda connection: next_due(connection, lane.value))
            left_s = inf if due_at is None else (due_at - self._ledger.clock.now()).total_seconds()
            wait_s = min(left_s, IDLE_S) if left_s > 0 else LOOK_S
            if await until(self._agenda[lane], wait_s) or left_s <= IDLE_S:
                return

    def _dispatch(self, applied: Applied) -> None:
        for submission in applied.submissions:
            if submission.lane == Lane.CODES:
                self._code_at_s = time.monotonic()
            attempt = submission.state.attempts[submission.attempt_no]
            trace = kept(submission.content.traceparent)
            self._in_hand.take((submission.id, submission.attempt_no), attempt.provider, submission.lane, trace)
            provider = self._providers.get(attempt.provider)
            if provider is None:
                gone = TryLater(Reason.UNREACHABLE, detail="provider not configured here")
                self._note(submission.id, submission.attempt_no, gone, attempt.provider)
                continue
            message = self._compose(submission, provider)
            if message is None:
                refused = Refused(Reason.CONTENT, "cannot be composed")
                self._note(submission.id, submission.attempt_no, refused, attempt.provider)
            else:
                life_s = (submission.state.valid_until - self._ledger.clock.now()).total_seconds()
                outbox = self._outboxes[provider.name, Lane(submission.lane)]
                outbox.put(message, life_s=life_s, repeat=attempt.calls > 1)

    def _compose(self, submission: Submission, provider: Provider) -> OutboundMessage | None:
        try:
            now = self._ledger.clock.now()
            return self._composer.compose(submission, now, provider.capabilities.validity_min_s)
        except Exception as error:
            # The traceback could hold what was opened; the type and the id are enough to find the template at fault.
            says, ids = "notification %s cannot be composed: %s", {"notification_id": str(submission.id)}
            log.error(says, submission.id, type(error).__name__, extra=ids)  # noqa: TRY400
            return None

    def _answered(self, provider: str, message: OutboundMessage, result: Result) -> None:
        self.take_late_answer(provider, message.key, result)

    def take_late_answer(self, provider: str, key: str, result: Result) -> None:
        """A provider answered, perhaps a call that had been given up: then its receipts find their attempt by it."""
        attempt = read_attempt_key(key)
        assert attempt is not None, "every message has a key of ours"
        self._note(*attempt, result, provider)

    def _note(self, notification_id: UUID, no: int, result: Result, provider: str) -> None:
        self._replies.append(Reply(notification_id, provider, Replied(no, result)))
        self._news.set()

    # --- replies and receipts -----------------------------------------------------------------------------------------

    async def _settle(self, steady: Steady) -> None:
        """Record replies and apply receipts, both in one transaction: many a receipt is as fast as its reply.

        Replies leave the queue when they are recorded, so a ledger that is away loses none. A batch that fails for
        another reason is tried again one by one, and what fails alone is left to its lease.
        """
        replies = [self._replies[index] for index in range(min(len(self._replies), self._batch_max))]
        try:
            applied, looked_at = await steady.run(partial(self._settle_in, replies))
        except Unavailable:
            self._receipts_wait = True
            raise
        except Exception:
            self._receipts_wait = True
            if self._batch_max == 1 and replies:
                self._leave_to_lease(self._replies.popleft())
            self._batch_max = 1
            raise
        traces = {
            reply.notification_id: self._in_hand.trace(reply.notification_id, reply.event.no) for reply in replies
        }
        for reply in replies:
            self._replies.popleft()
            self._in_hand.drop((reply.notification_id, reply.event.no))
        if replies:
            for lane, waits in self._waits_for_hands.items():
                if waits:
                    self._agenda[lane].set()
            fault_points.hit("after_reply_recorded")
        if looked_at and applied.changes:
            fault_points.hit("after_receipts_applied")
        self._log_refused(applied.refused)
        self._dispatch(applied)
        await self._measure(applied, {one: trace for one, trace in traces.items() if trace is not None}, steady)
        if not self._in_hand:
            self._nothing_in_hand.set()
        full = looked_at >= self._batch_max
        self._receipts_wait |= full
        more = bool(self._replies or (full and applied.changes))
        if more:
            self._caught_up.clear()
        else:
            self._caught_up.set()
        self._batch_max = min(2 * self._batch_max, BATCH_MAX)
        while not more and not await until(self._news, IDLE_S):
            more = self._receipts_wait = await steady.run_loose(receiving.is_waited_on)  # nobody said so

    async def _measure(self, applied: Applied, traces: Mapping[UUID, Trace], steady: Steady) -> None:
        """Count what was committed. What came of calls of other processes has its traces looked up, if any are told."""
        known = dict(traces)
        if self._measures.is_tracing:
            ids = [one.locked.id for one in applied.changes if one.locked.id not in known and needs_trace(one)]
            with suppress(Unavailable):  # then these are missing in their traces, and nowhere else
                found = await steady.run_loose(lambda connection: reading.traceparents(connection, ids)) if ids else {}
                known |= {one: trace for one, text in found.items() if (trace := kept(text)) is not None}
        self._measures.applied(applied.changes, known)

    def _called(
        self,
        provider: str,
        messages: Sequence[OutboundMessage],
        results: Sequence[Result],
        began: datetime,
        ended: datetime,
    ) -> None:
        """A call was made, of which those tell whose callers keep a trace."""
        if not self._measures.is_tracing:
            return
        told = [
            (*attempt, trace, result)
            for message, result in zip(messages, results, strict=True)
            if (attempt := read_attempt_key(message.key)) is not None
            if (trace := self._in_hand.trace(*attempt)) is not None
        ]
        self._measures.called(told, provider, (began, ended))

    async def _settle_in(self, replies: Sequence[Reply], connection: Connection) -> tuple[Applied, int]:
        if await know_message_ids(connection, replies):
            self._receipts_wait = True  # some came before these replies
        alone = replies and self._batch_max == 1  # so that a reply is not left for the fault of a receipt
        looks = self._receipts_wait and not alone
        if looks:
            self._receipts_wait = False
        taken, looked_at = await receiving.take(connection, self._batch_max) if looks else ([], 0)
        self._receipts_wait |= looked_at > len(taken)  # their replies may come next
        events: list[tuple[UUID, Event]] = [(reply.notification_id, reply.event) for reply in replies]
        events += [
            (one.notification_id, Reported(one.attempt_no, one.part, one.state, one.reason, one.detail))
            for one in taken
        ]
        if not events:
            return Applied((), (), {}), looked_at
        applied = await apply_events(connection, events, self._outlook.look(), partial(self._polls, replies))
        if replies:
            fault_points.hit("before_reply_recorded")
        if taken:
            fault_points.hit("before_receipt_applied")
        return applied, looked_at

    def _leave_to_lease(self, reply: Reply) -> None:
        ids = {"notification_id": str(reply.notification_id), "provider": reply.provider}
        log.error("notification %s: a reply of %s cannot be recorded", *ids.values(), extra=ids)
        self._in_hand.drop((reply.notification_id, reply.event.no))

    def _polls(self, replies: Sequence[Reply], changes: Sequence[Change]) -> list[tuple[Poll, float]]:
        """Polls of what was taken and is not known to have come to an end."""
        states = {change.locked.id: change.state for change in changes}
        polls = []
        for reply in replies:
            no, result, state = reply.event.no, reply.event.result, states.get(reply.notification_id)
            provider = self._providers.get(reply.provider)
            if not isinstance(result, Accepted) or provider is None or not provider.capabilities.poll_after_s:
                continue
            if state is not None and no < len(state.attempts) and state.attempts[no].outcome in LIVE:
                poll = Poll(reply.notification_id, no, provider.name, result.message_ids[0], 0)
                polls.append((poll, provider.capabilities.poll_after_s[0]))
        return polls

    async def _poll(self, provider: Provider, steady: Steady) -> None:
        polls = await steady.run_loose(
            lambda connection: receiving.due_polls(connection, provider.name, POLL_BATCH_MAX, POLL_LEASE_S)
        )
        if not polls:
            await asyncio.sleep(IDLE_S)
            return
        assert provider.adapter is not None
        assert provider.adapter.poll is not None
        ids = [poll.provider_message_id for poll in polls]
        said = await self._gateway.converse(
            provider.name, provider.adapter.poll(ids, self._gateway.kept(provider.name))
        )
        final = [one for one in said if isinstance(one, Receipt) and one.state in POSITIVE | NEGATIVE]
        for one in final:
            await self._receiver.receive(
                provider.name,
                f"polled: {one.raw_status}".encode(),
                [one],
                ids_are_keys=provider.capabilities.message_id_is_key,
                polled=True,
            )
        over = {one.provider_message_id for one in final}
        gaps_s = provider.capabilities.poll_after_s
        again = [
            (poll, gaps_s[min(poll.tries, len(gaps_s) - 1)]) for poll in polls if poll.provider_message_id not in over
        ]
        done = [poll for poll in polls if poll.provider_message_id in over]
        await steady.run(lambda connection: receiving.replan_polls(connection, again, done))

    # --- upkeep -------------------------------------------------------------------------------------------------------

    async def _heartbeat(self, steady: Steady) -> None:
        await asyncio.sleep(limits.HEARTBEAT_S)
        ids = self._in_hand.older_than(limits.HEARTBEAT_S / 2)
        if ids:
            await steady.run(lambda connection: renew(connection, list(ids), limits.LEASE_S))
        else:
            # Nothing to renew: use the turn to keep this process's clock true to the ledger's.
            self._ledger.clock.set(await steady.run_loose(reading.ledger_now))

    async def _tidy(self, steady: Steady) -> None:
        for _ in range(_HEARTBEATS_PER_FORGETTING):
            await asyncio.sleep(JANITOR_S)
            adopted, given_up = await steady.run(lambda connection: receiving.adopt(connection, self._keep["orphans"]))
            if adopted:
                self.wake_inbox()
            if given_up:
                self._measures.metrics.count("receipts_given_up", by=given_up)
                log.warning("%d receipts were given up: no submission of ours fits them", given_up)
            await self._count_minutes(steady)
        await steady.run(lambda connection: reading.forget_keys(connection, self._keep["idempotency"].total_seconds()))
        await steady.run(reach.forget_over)
        await steady.run(verifications.forget)
        await steady.run(lambda connection: tallies.forget(connection, TALLIES_KEPT))
        await steady.run(lambda connection: provider_minutes.forget(connection, KEPT))
        await steady.run(lambda connection: caller_hours.forget(connection, clientele.HOURS_KEPT))

    async def _count_minutes(self, steady: Steady) -> None:
        minute = newest_minute(self._ledger.clock.now())
        if minute != self._counted:
            await steady.run(lambda connection: count_minutes(connection, minute))
            await steady.run(lambda connection: count_providers(connection, minute))
            of_callers = clientele.newest_minute(self._ledger.clock.now())
            await steady.run(lambda connection: clientele.count_callers(connection, of_callers))
            self._counted = minute

    async def _hear_hints(self) -> None:
        """Shorten the waits of the loops by hints; without hints they look by themselves."""
        while True:
            try:
                async with self._ledger.listening() as connection:
                    async for channel, lane in wake.hints(connection):
                        if channel == receiving.INBOX:
                            self.wake_inbox()
                        else:
                            self.wake_agenda(lane)
            except Unavailable as error:
                log.warning("hints: %s", error)
            await asyncio.sleep(1.0)

    def _log_refused(self, refused: dict[int, NotifyError]) -> None:
        for error in refused.values():
            log.warning("an event was refused: %s", error)
