"""Natural group commit: whatever comes in while one batch is being written goes into the next.

What belongs here: gathering items, handing them to one writer, and giving each its own answer. There is no timer:
lingering only adds latency.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from esoz_notify.core.errors import Unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """One writer task over a bounded queue.

    ``work`` gets a batch and returns one answer per item, in order; an answer that is an exception is raised to that
    item's caller alone. When ``work`` itself raises, the whole batch gets that exception.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        batch_max: int,
        queue_max: int,
    ) -> None:
        self._work = work
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many items wait for the next batch."""
        return len(self._waiting)

    async def do(self, item: Item) -> Answer:
        """Have ``item`` done in the next batch. Raises Unavailable at once when the queue is full."""
        return await self.put(item)

    def put(self, item: Item) -> "asyncio.Future[Answer]":
        """Queue ``item`` and return the future of its answer. Raises Unavailable when the queue is full."""
        if len(self._waiting) >= self._queue_max:
            raise Unavailable("too much is waiting for the ledger; try again in a moment", code="overloaded")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._wake.set()
        return future

    async def run(self) -> None:
        """Write batches until cancelled; what still waits then is answered Unavailable."""
        try:
            while True:
                await self._wake.wait()
                while self._waiting:
                    await self._one_batch()
                self._wake.clear()
        finally:
            while self._waiting:
                _, future = self._waiting.popleft()
                if not future.done():
                    future.set_exception(Unavailable("stopping; send it again"))

    async def _one_batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch_max))]
        try:
            answers = await self._work([item for item, _ in batch])
        except asyncio.CancelledError:
            self._waiting.extendleft(reversed(batch))
            raise
        except Exception as error:
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue  # its caller has gone away; the work is done all the same
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
