"""The worker: claims what is due, has it sent, records what came of it, applies receipts, renews leases.

What belongs here: the loops and what one hands to the next. What does not: decisions (core), SQL (store), sockets
(gateway, links).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from esoz_notify.channels.dialogue import OutboundMessage, Receipt
from esoz_notify.core import limits
from esoz_notify.core.cascade import Event, Replied, Reported
from esoz_notify.core.errors import NotifyError, Unavailable
from esoz_notify.core.kinds import Lane
from esoz_notify.core.receipts import NEGATIVE, POSITIVE, Reason
from esoz_notify.core.results import Accepted, Refused, Result, TryLater
from esoz_notify.engine import fault_points
from esoz_notify.engine.applying import Applied, Submission, apply_due, apply_events, read_attempt_key
from esoz_notify.engine.batcher import Batcher
from esoz_notify.engine.gateway import Gateway
from esoz_notify.engine.health import Health
from esoz_notify.engine.ledgers import Ledger, Steady
from esoz_notify.engine.messages import Composer
from esoz_notify.engine.outlook import IN_HAND_MAX, InHand, Outlook
from esoz_notify.engine.providers import Outbox, Provider
from esoz_notify.engine.receiving import Receiver, until
from esoz_notify.store import reach, reading, receiving, wake
from esoz_notify.store.ledger import Connection, renew
from esoz_notify.store.receiving import Poll

log = logging.getLogger(__name__)

CLAIM_MAX = 200
LOOK_S = 0.25
POLL_BATCH_MAX = 100
POLL_LEASE_S = 30.0
JANITOR_S = 2.0
DRAIN_S = 15.0
ORPHAN_LIFE = timedelta(days=3)
_BATCH_MAX = 500
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
    ) -> None:
        self._ledger = ledger
        self._composer = composer
        self._providers = {provider.name: provider for provider in providers}
        self._gateway = gateway
        self._receiver = receiver
        self._outboxes = {
            (provider.name, lane): Outbox(provider, health, self._answered) for provider in providers for lane in Lane
        }
        health.when_spared = self._spare
        self._in_hand = InHand()
        self._outlook = Outlook(providers, health, self._in_hand)
        self._outcomes: Batcher[tuple[UUID, Event], None] = Batcher(
            self._record, batch_max=_BATCH_MAX, queue_max=10 * sum(IN_HAND_MAX.values())
        )
        self._recording = ledger.steady()
        self._agenda = {lane: asyncio.Event() for lane in Lane}
        self._inbox = asyncio.Event()
        self._stopping = False
        self._nothing_in_hand = asyncio.Event()

    # --- life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for lane in Lane:
                    group.create_task(self._loop(f"agenda of {lane}", partial(self._claim, lane)))
                group.create_task(self._loop("inbox", self._apply_receipts))
                group.create_task(self._loop("heartbeat", self._heartbeat))
                group.create_task(self._loop("janitor", self._tidy))
                for provider in self._providers.values():
                    if provider.adapter is not None and provider.adapter.poll is not None:
                        group.create_task(self._loop(f"polls of {provider.name}", partial(self._poll, provider)))
                group.create_task(self._hear_hints())
                group.create_task(self._outcomes.run())
        finally:
            await self._recording.close()

    async def drain(self) -> None:
        """Claim nothing more, and finish what is in hand, for at most DRAIN_S; what is left is rescued by its lease."""
        self._stopping = True
        fault_points.hit("in_drain")
        if self._in_hand:
            self._nothing_in_hand.clear()
            await until(self._nothing_in_hand, DRAIN_S)
        if self._in_hand:
            log.warning("stopping with %d attempts in hand; their leases will free them", len(self._in_hand))

    def wake_agenda(self) -> None:
        """Something has become due."""
        for event in self._agenda.values():
            event.set()

    def wake_inbox(self) -> None:
        """Receipts have come."""
        self._inbox.set()

    async def _loop(self, name: str, turn: Callable[[Steady], Awaitable[None]]) -> None:
        """Run ``turn`` for ever on a connection of its own; a turn that fails is logged and tried again."""
        steady = self._ledger.steady()
        try:
            while True:
                try:
                    await turn(steady)
                except Unavailable as error:
                    log.warning("%s: %s", name, error)
                    await asyncio.sleep(LOOK_S)
                except Exception:
                    log.exception("%s: a turn failed; trying again", name)
                    await asyncio.sleep(LOOK_S)
        finally:
            await steady.close()

    def _spare(self, provider: str) -> None:
        for lane in Lane:
            self._outboxes[provider, lane].give_back()

    # --- claim and send -----------------------------------------------------------------------------------------------

    async def _claim(self, lane: Lane, steady: Steady) -> None:
        room = IN_HAND_MAX[lane] - self._in_hand.in_lane(lane)
        wanted = 0 if self._stopping else min(room, CLAIM_MAX)
        if wanted > 0:
            applied = await steady.run(
                lambda connection: apply_due(connection, lane.value, wanted, self._outlook.look())
            )
            if applied.submissions:
                fault_points.hit("after_claim_commit")
            self._dispatch(applied)
            all_busy = applied.postponed and not applied.submissions
            if len(applied.changes) + applied.postponed == wanted and not all_busy:
                return
        await until(self._agenda[lane], LOOK_S)

    def _dispatch(self, applied: Applied) -> None:
        for submission in applied.submissions:
            attempt = submission.state.attempts[submission.attempt_no]
            self._in_hand.take((submission.id, submission.attempt_no), attempt.provider, submission.lane)
            provider = self._providers.get(attempt.provider)
            if provider is None:
                gone = TryLater(Reason.UNREACHABLE, detail="provider not configured here")
                self._note(submission.id, submission.attempt_no, gone)
                continue
            message = self._compose(submission, provider)
            if message is None:
                self._note(submission.id, submission.attempt_no, Refused(Reason.CONTENT, "cannot be composed"))
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
            log.error("notification %s cannot be composed: %s", submission.id, type(error).__name__)  # noqa: TRY400
            return None

    def _answered(self, message: OutboundMessage, result: Result) -> None:
        attempt = read_attempt_key(message.key)
        assert attempt is not None
        self._note(*attempt, result)

    def take_late_answer(self, key: str, result: Result) -> None:
        """A provider answered a call that had been given up: its message id lets the receipts find their attempt."""
        attempt = read_attempt_key(key)
        if attempt is not None:
            self._note(*attempt, result)

    def _note(self, notification_id: UUID, no: int, result: Result) -> None:
        future = self._outcomes.put((notification_id, Replied(no, result)))
        future.add_done_callback(_forget)

    async def _record(self, events: Sequence[tuple[UUID, Event]]) -> list[Exception | None]:
        """Record replies; waits out a ledger that is away, because what a provider said may not be lost."""

        async def work(connection: Connection) -> Applied:
            applied = await apply_events(connection, events, self._outlook.look())
            await receiving.plan_polls(connection, self._polls(events, applied))
            fault_points.hit("before_reply_recorded")
            return applied

        applied = await self._recording.run_until_done(work)
        fault_points.hit("after_reply_recorded")
        for notification_id, event in events:
            assert isinstance(event, Replied)
            self._in_hand.drop((notification_id, event.no))
        self._log_refused(applied.refused)
        self._dispatch(applied)
        if not self._in_hand:
            self._nothing_in_hand.set()
        self._inbox.set()  # receipts that were faster than this reply may have found their attempt
        return [None] * len(events)

    def _polls(self, events: Sequence[tuple[UUID, Event]], applied: Applied) -> list[tuple[Poll, float]]:
        states = {change.locked.id: change.state for change in applied.changes}
        polls = []
        for notification_id, event in events:
            if not isinstance(event, Replied) or not isinstance(event.result, Accepted):
                continue
            state = states.get(notification_id)
            provider = self._providers.get(state.attempts[event.no].provider) if state else None
            if provider is not None and provider.capabilities.poll_after_s:
                poll = Poll(notification_id, event.no, provider.name, event.result.message_ids[0], 0)
                polls.append((poll, provider.capabilities.poll_after_s[0]))
        return polls

    # --- receipts -----------------------------------------------------------------------------------------------------

    async def _apply_receipts(self, steady: Steady) -> None:
        async def work(connection: Connection) -> tuple[Applied, int]:
            taken, looked_at = await receiving.take(connection, _BATCH_MAX)
            events: list[tuple[UUID, Event]] = [
                (one.notification_id, Reported(one.attempt_no, one.part, one.state, one.reason, one.detail))
                for one in taken
            ]
            applied = await apply_events(connection, events, self._outlook.look())
            if events:
                fault_points.hit("before_receipt_applied")
            return applied, looked_at

        applied, looked_at = await steady.run(work)
        if applied.changes:
            fault_points.hit("after_receipts_applied")
        self._log_refused(applied.refused)
        self._dispatch(applied)
        if looked_at < _BATCH_MAX or not applied.changes:
            await until(self._inbox, LOOK_S)

    async def _poll(self, provider: Provider, steady: Steady) -> None:
        polls = await steady.run(
            lambda connection: receiving.due_polls(connection, provider.name, POLL_BATCH_MAX, POLL_LEASE_S)
        )
        if not polls:
            await asyncio.sleep(LOOK_S)
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
            self._ledger.clock.set(await steady.run(reading.ledger_now))

    async def _tidy(self, steady: Steady) -> None:
        for _ in range(_HEARTBEATS_PER_FORGETTING):
            await asyncio.sleep(JANITOR_S)
            adopted, given_up = await steady.run(lambda connection: receiving.adopt(connection, ORPHAN_LIFE))
            if adopted:
                self._inbox.set()
            if given_up:
                log.warning("%d receipts were given up: no submission of ours fits them", given_up)
        await steady.run(lambda connection: reading.forget_keys(connection, limits.IDEMPOTENCY_LIFE_S))
        await steady.run(reach.forget_over)

    async def _hear_hints(self) -> None:
        """Shorten the waits of the loops by hints; without hints they look by themselves."""
        while True:
            try:
                async with self._ledger.listening() as connection:
                    async for channel in wake.hints(connection):
                        if channel == wake.INBOX:
                            self.wake_inbox()
                        else:
                            self.wake_agenda()
            except Unavailable as error:
                log.warning("hints: %s", error)
            await asyncio.sleep(1.0)

    def _log_refused(self, refused: dict[int, NotifyError]) -> None:
        for error in refused.values():
            log.warning("an event was refused: %s", error)


def _forget(future: "asyncio.Future[None]") -> None:
    """Answers of the recording are not waited for; a failure was logged where it happened."""
    if not future.cancelled() and future.exception() is not None:
        log.warning("a reply was not recorded: %s", future.exception())
