"""The providers of this process: which there are, which may be used now, and how a message is handed to one.

What belongs here: queues and concurrency per provider, so that a slow one holds nothing that another needs. What does
not: the dialogues (channels) and the sockets (gateway, SMPP link).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from esoz_notify.channels.dialogue import Adapter, Capabilities, OutboundMessage
from esoz_notify.core.channel import Channel, Providers, ProviderView
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Result, Unknown
from esoz_notify.engine.gateway import Gateway
from esoz_notify.engine.smpp_link import SmppLink

log = logging.getLogger(__name__)

Answered = Callable[[OutboundMessage, Result], None]

HTTP_CALLS_AT_ONCE = 16
LINK_MESSAGES_AT_ONCE = 500


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


def smpp_provider(name: str, capabilities: Capabilities, link: SmppLink) -> Provider:
    """A provider reached by a bound SMPP session."""

    async def send(messages: Sequence[OutboundMessage]) -> Sequence[Result]:
        return await asyncio.gather(*(link.submit(message) for message in messages))

    return Provider(name, capabilities, send, lambda: link.is_up, LINK_MESSAGES_AT_ONCE)


def providers_now(providers: Sequence[Provider]) -> Providers:
    """Providers of each channel that may be used now, in the order they were configured."""
    up: dict[Channel, tuple[ProviderView, ...]] = {}
    for provider in providers:
        if provider.is_up():
            up[provider.capabilities.channel] = (*up.get(provider.capabilities.channel, ()), provider.view)
    return up


class Outbox:
    """Queue of one provider and lane: hands batches over, so many at once, and reports each message's result."""

    def __init__(self, provider: Provider, answered: Answered, *, at_once: int) -> None:
        self._provider = provider
        self._answered = answered
        self._at_once = at_once
        self._queue: deque[OutboundMessage] = deque()
        self._running: set[asyncio.Task[None]] = set()

    @property
    def size(self) -> int:
        """Messages waiting for their turn."""
        return len(self._queue)

    def put(self, message: OutboundMessage) -> None:
        """Queue a message; it is sent as soon as there is room."""
        self._queue.append(message)
        asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        while self._queue and len(self._running) < self._at_once:
            size = min(len(self._queue), self._provider.capabilities.batch_max)
            batch = [self._queue.popleft() for _ in range(size)]
            task = asyncio.create_task(self._send(batch), name=f"send {self._provider.name}")
            self._running.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    async def _send(self, batch: Sequence[OutboundMessage]) -> None:
        try:
            results = await self._provider.send(batch)
        except Exception:
            log.exception("%s: sending broke; the outcome is unknown", self._provider.name)
            results = [Unknown(Reason.PROVIDER_FAULT)] * len(batch)
        for message, result in zip(batch, results, strict=True):
            self._answered(message, result)
