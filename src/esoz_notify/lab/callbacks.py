"""Calls a caller's webhooks with reports: in batches while many wait, again after a failure, until it has them.

The shape of one report is not known here.
"""

import asyncio
import base64
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import aiohttp
import msgspec

from esoz_notify.lab.settings import LabSettings
from esoz_notify.lab.timers import Timers

_TIMEOUT_S = 10.0
_FIRST_TRY_S = 3.0
_BURST_CONNECTIONS = 64
_OK_MAX = 300
_ENCODE = msgspec.json.Encoder().encode


@dataclass(slots=True, kw_only=True, eq=False)
class Callback:
    """One report on its way to ``url``. ``kind`` keeps unlike reports out of one call; ``tried`` ends the first try."""

    url: str
    kind: str
    body: dict[str, object]
    done: Callable[[], None]
    given_up: Callable[[], None]
    alone: bool = False
    attempt: int = 0
    tried: asyncio.Event = field(default_factory=asyncio.Event)


def nothing() -> None:
    """For a provider that does not remember which of its reports were taken."""


async def first_tries(callbacks: Iterable[Callback]) -> None:
    """Wait until each had its first try, but not for ever: a fault may have taken it away."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FIRST_TRY_S):
            for callback in list(callbacks):
                await callback.tried.wait()


def _in_results(bodies: list[dict[str, object]]) -> bytes:
    return _ENCODE({"results": bodies})


class CallbackSender:
    """Holds one queue for each address and kind, and a few calls under way for each.

    ``encode`` makes a call's body; ``sign`` its own headers of that body, instead of the Basic credential.
    """

    def __init__(
        self,
        settings: LabSettings,
        timers: Timers,
        encode: Callable[[list[dict[str, object]]], bytes] = _in_results,
        sign: Callable[[bytes], Mapping[str, str]] = lambda _: {},
    ) -> None:
        self._settings = settings
        self._encode = encode
        self._sign = sign
        self._timers = timers
        self._queues: dict[tuple[str, str], deque[Callback]] = {}
        self._calls: dict[tuple[str, str], set[asyncio.Task[None]]] = {}
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Must be awaited before the first report."""
        credential = base64.b64encode(self._settings.callback_credential.encode()).decode()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, use_dns_cache=True),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
            headers={
                "Authorization": f"Basic {credential}",
                "Content-Type": "application/json",
            },
        )

    async def close(self) -> None:
        """Drop what is on its way; the journal still owes it."""
        tasks = [task for tasks in self._calls.values() for task in tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def send(self, callback: Callback) -> None:
        """Put the report on its way."""
        key = (callback.url, callback.kind)
        queue = self._queues.setdefault(key, deque())
        queue.append(callback)
        calls = self._calls.setdefault(key, set())
        if len(calls) < (_BURST_CONNECTIONS if callback.alone else self._settings.callback_connections):
            task = asyncio.get_running_loop().create_task(self._drain(callback.url, queue))
            calls.add(task)
            task.add_done_callback(calls.discard)

    async def _drain(self, url: str, queue: deque[Callback]) -> None:
        while queue:
            batch = [queue.popleft()]
            while (
                queue and not batch[0].alone and not queue[0].alone and len(batch) < self._settings.callback_batch_max
            ):
                batch.append(queue.popleft())
            taken = await self._post(url, batch)
            for callback in batch:
                callback.tried.set()
                if taken:
                    callback.done()
                else:
                    self._again(callback)

    async def _post(self, url: str, batch: list[Callback]) -> bool:
        assert self._session is not None
        try:
            body = self._encode([callback.body for callback in batch])
            async with self._session.post(url, data=body, headers=self._sign(body)) as response:
                return response.status < _OK_MAX
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _again(self, callback: Callback) -> None:
        callback.attempt += 1
        if callback.attempt > self._settings.callback_retries_max:
            callback.given_up()
            return
        number = callback.attempt - 1
        self._timers.later(self._settings.callback_retry_s * (1 + number * number), self.send, callback)
