"""Natural group commit: one writer, answers to each, nothing lost when the writer fails or stops."""

import asyncio
from collections.abc import Sequence

import pytest

from esoz_notify.core.errors import Unavailable
from esoz_notify.engine.batcher import Batcher


async def _running(batcher: "Batcher[int, int]") -> "asyncio.Task[None]":
    task = asyncio.create_task(batcher.run())
    await asyncio.sleep(0)
    return task


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_comes_while_a_batch_is_written_goes_into_the_next() -> None:
    """No timer gathers a batch: the first goes alone, the rest together, each with its answer."""
    batches: list[list[int]] = []
    release = asyncio.Event()

    async def work(batch: Sequence[int]) -> list[int | Exception]:
        batches.append(list(batch))
        await release.wait()
        return [item * 10 for item in batch]

    batcher: Batcher[int, int] = Batcher(work, batch_max=10, queue_max=100)
    task = await _running(batcher)
    first = batcher.put(1)
    await asyncio.sleep(0)
    rest = [batcher.put(number) for number in (2, 3, 4)]
    release.set()

    assert await asyncio.gather(first, *rest) == [10, 20, 30, 40]
    assert batches == [[1], [2, 3, 4]]
    await _stop(task)


async def test_one_bad_item_fails_alone_and_a_broken_batch_fails_together() -> None:
    """An exception among the answers is its item's own; an exception of the writer is everybody's of that batch."""

    async def work(batch: Sequence[int]) -> list[int | Exception]:
        if 13 in batch:
            raise Unavailable("away")
        return [ValueError("odd") if item % 2 else item for item in batch]

    batcher: Batcher[int, int] = Batcher(work, batch_max=10, queue_max=100)
    task = await _running(batcher)
    answers = await asyncio.gather(batcher.do(1), batcher.do(2), return_exceptions=True)
    with pytest.raises(Unavailable):
        await batcher.do(13)

    assert [type(answer) for answer in answers] == [ValueError, int]
    await _stop(task)


async def test_a_full_queue_refuses_at_once() -> None:
    """The queue is bounded: what does not fit is told so instead of waiting for ever."""

    async def work(batch: Sequence[int]) -> list[int | Exception]:
        return list(batch)

    batcher: Batcher[int, int] = Batcher(work, batch_max=10, queue_max=2)
    waiting = [batcher.put(1), batcher.put(2)]
    with pytest.raises(Unavailable) as refused:
        batcher.put(3)

    assert refused.value.code == "overloaded"
    assert batcher.waiting == 2
    task = await _running(batcher)
    assert await asyncio.gather(*waiting) == [1, 2]
    await _stop(task)


async def test_stopping_answers_everybody() -> None:
    """Whoever still waits when the writer is stopped is told that nothing was written."""

    async def work(batch: Sequence[int]) -> list[int | Exception]:
        await asyncio.Event().wait()
        return list(batch)

    batcher: Batcher[int, int] = Batcher(work, batch_max=1, queue_max=10)
    task = await _running(batcher)
    futures = [batcher.put(1), batcher.put(2)]
    await asyncio.sleep(0)
    await _stop(task)

    answers = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]


async def test_a_caller_that_went_away_does_not_stop_the_others() -> None:
    """A cancelled request leaves its work to be done and its neighbours with their answers."""
    release = asyncio.Event()

    async def work(batch: Sequence[int]) -> list[int | Exception]:
        await release.wait()
        return list(batch)

    batcher: Batcher[int, int] = Batcher(work, batch_max=10, queue_max=10)
    gone, stays = batcher.put(1), batcher.put(2)
    task = await _running(batcher)
    gone.cancel()
    release.set()

    assert await stays == 2
    await _stop(task)
