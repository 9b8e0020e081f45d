"""Orders as lines of NDJSON, in batches as large as the service takes them.

What belongs here: cutting. What does not: sending (``notify``).
"""

import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from esoz_notify.core.limits import BATCH_BODY_BYTES_MAX

BATCH_LINES = 1000
"""Orders of one batch of a stream. Which order is in which batch must not change: keys go by it."""


def lines_of(orders: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """A line per order."""
    return (f"{json.dumps(one, ensure_ascii=False)}\n".encode() for one in orders)


async def batches(
    orders: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
) -> AsyncGenerator[list[bytes], None]:
    """Lines in batches, read as they are needed."""
    batch: list[bytes] = []
    size = 0
    async for one in _each(orders):
        (line,) = lines_of([one])
        if len(batch) == BATCH_LINES or size + len(line) > BATCH_BODY_BYTES_MAX:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


async def _each(
    orders: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
) -> AsyncIterator[Mapping[str, Any]]:
    if isinstance(orders, AsyncIterable):
        async for one in orders:
            yield one
    else:
        for one in orders:
            yield one
