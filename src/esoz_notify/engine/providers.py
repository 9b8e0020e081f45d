"""The providers of this process: which there are, which may be used now, and how a message is handed to one.

What belongs here: queues and concurrency per provider, so that a slow one holds nothing that another needs. What does
not: the dialogues (channels) and the sockets (gateway, SMPP link).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec import Struct

from esoz_notify.channels.dialogue import Adapter, Capabilities, OutboundMessage
from esoz_notify.core.breaker import Verdict
from esoz_notify.core.channel import Channel, Providers, ProviderView
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Result, TryLater, Unknown
from esoz_notify.engine import fault_points
from esoz_notify.engine.gateway import Gateway
from esoz_notify.engine.health import Health
from esoz_notify.engine.smpp_link import SmppLink

log = logging.getLogger(__name__)

Answered = Callable[[OutboundMessage, Result], None]
Called = Callable[[Sequence[OutboundMessage], Sequence[Result], datetime, datetime], None]
"""Hears of each call: what it carried, what came of it, when it began and ended."""


def _nobody_listens(*_: object) -> None:
    """Nobody has asked to be told of calls."""


HTTP_CALLS_AT_ONCE = 16
LINK_MESSAGES_AT_ONCE = 500
SLOWED_S = 1.0
"""Answers that ask for less within so long are one request: a window of them comes at once."""
WAITED_S = 1.0


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider ready for use. ``send`` takes a batch and returns a result per message, in order."""

    name: str
    capabilities: Capabilities
    send: Callable[[Sequence[OutboundMessage]], Awaitable[Sequence[Result]]]
    is_up: Callable[[], bool]
    at_once: int
    adapter: Adapter | None = None

    @property
    def view(self) -> ProviderView:
        """What core may know of it."""
        return ProviderView(
            name=self.name, recovery=self.capabilities.recovery, validity_min_s=self.capabilities.validity_min_s
        )


def http_provider(adapter: Adapter, gateway: Gateway) -> Provider:
    """A provider reached by HTTP through the gateway."""

    async def send(messages: Sequence[OutboundMessage]) -> Sequence[Result]:
        return await gateway.converse(adapter.name, adapter.submit(messages, gateway.kept(adapter.name)))

    return Provider(adapter.name, adapter.capabilities, send, lambda: True, HTTP_CALLS_AT_ONCE, adapter)


def smpp_provider(
    name: str, capabilities: Capabilities, link: SmppLink, *, at_once: int = LINK_MESSAGES_AT_ONCE
) -> Provider:
    """A provider reached by a bound SMPP session.

    ``at_once`` of a lane: two windows keep the session busy, and leave a code only so many documents to wait for.
    """

    async def send(messages: Sequence[OutboundMessage]) -> Sequence[Result]:
        return await asyncio.gather(*(link.submit(message) for message in messages))

    return Provider(name, capabilities, send, lambda: link.is_up, at_once)


def providers_now(providers: Sequence[Provider], away: Collection[str] = ()) -> Providers:
    """Providers of each channel that may be used now, here or ``away``, in the order they were configured."""
    up: dict[Channel, tuple[ProviderView, ...]] = {}
    for provider in providers:
        if provider.is_up() or provider.name in away:
            up[provider.capabilities.channel] = (*up.get(provider.capabilities.channel, ()), provider.view)
    return up


class Queued(Struct, frozen=True):
    """A message waiting for its turn; times are the loop's. ``repeat``: it has been called before."""

    message: OutboundMessage
    since_s: float
    dies_at_s: float
    repeat: bool


class Outbox:
    """Queue of one provider and lane: hands batches over, so many at once, and reports each message's result.

    Nothing dead is sent, and nothing to a provider that must be spared: what waits then is given back, unsent. A
    provider that asks for less gets half as many at once, and one more for every good answer.
    """

    def __init__(
        self, provider: Provider, health: Health, answered: Answered, called: Called = _nobody_listens
    ) -> None:
        self._called = called
        self._provider = provider
        self._health = health
        self._answered = answered
        self._room = provider.at_once
        self._slowed_s = 0.0
        self._queue: deque[Queued] = deque()
        self._running: set[asyncio.Task[None]] = set()

    @property
    def size(self) -> int:
        """Messages waiting for their turn."""
        return len(self._queue)

    def put(self, message: OutboundMessage, *, life_s: float, repeat: bool = False) -> None:
        """Queue a message that is worth sending for so long; it is sent as soon as there is room."""
        now_s = asyncio.get_running_loop().time()
        self._queue.append(Queued(message, now_s, now_s + life_s, repeat))
        asyncio.get_running_loop().call_soon(self._start)

    def give_back(self) -> None:
        """Return all that waits as not sent: another provider may take it at once."""
        while self._queue:
            self._return(self._queue.popleft(), Reason.UNREACHABLE, "not sent: the provider is spared")

    def _start(self) -> None:
        if self._queue and not self._health.may_send(self._provider.name):
            self.give_back()
        while self._queue and len(self._running) < self._room:
            batch = self._next_batch()
            if batch:
                task = asyncio.create_task(self._send(batch), name=f"send {self._provider.name}")
                self._running.add(task)
                task.add_done_callback(self._done)

    def _next_batch(self) -> list[OutboundMessage]:
        now_s = asyncio.get_running_loop().time()
        batch: list[OutboundMessage] = []
        least_s = self._provider.capabilities.validity_min_s
        while self._queue and len(batch) < self._provider.capabilities.batch_max:
            queued = self._queue.popleft()
            if queued.dies_at_s - now_s <= least_s:
                self._return(queued, Reason.VALIDITY, "not sent: no life left")
            else:
                batch.append(_aged(queued, now_s, least_s))
        return batch

    def _return(self, queued: Queued, reason: Reason, detail: str) -> None:
        # What was called before may have arrived then: that it was not called again leaves it unknown.
        self._answered(queued.message, Unknown(reason, detail) if queued.repeat else TryLater(reason, 0.0, detail))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    async def _send(self, batch: Sequence[OutboundMessage]) -> None:
        began = self._health.now()
        fault_points.hit("before_provider_call")
        try:
            results = await self._provider.send(batch)
        except Exception:
            log.exception("%s: sending broke; the outcome is unknown", self._provider.name)
            results = [Unknown(Reason.PROVIDER_FAULT)] * len(batch)
        fault_points.hit("after_provider_reply")
        self._called(batch, results, began, self._health.now())
        self._pace(self._health.note(self._provider.name, results, began))
        for message, result in zip(batch, results, strict=True):
            self._answered(message, result)

    def _pace(self, verdict: Verdict) -> None:
        now_s = asyncio.get_running_loop().time()
        if verdict is Verdict.WELL:
            self._room = min(self._provider.at_once, self._room + 1)
        elif verdict is Verdict.THROTTLED and now_s - self._slowed_s > SLOWED_S:
            self._room, self._slowed_s = max(1, self._room // 2), now_s


def _aged(queued: Queued, now_s: float, least_s: float) -> OutboundMessage:
    """The message with what is left of its validity, when it has waited for more than a moment."""
    waited_s = now_s - queued.since_s
    if waited_s < WAITED_S:
        return queued.message
    return replace(queued.message, validity_s=max(queued.message.validity_s - waited_s, least_s))
