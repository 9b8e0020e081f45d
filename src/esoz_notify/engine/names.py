"""Names looked up by threads of their own, so that a name server that hangs keeps nobody else's names waiting.

What does not belong here: where a name may lead (``outgoing``).
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self

from aiohttp.abc import AbstractResolver, ResolveResult

_THREADS_MAX = 32
_FLAGS = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class OwnResolver(AbstractResolver):
    """The system's resolver in a pool of threads; use it as a context manager."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS_MAX, "names")

    async def __aenter__(self) -> Self:
        """Nothing is opened: threads are made when they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the threads go."""
        await self.close()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of a name. Raises OSError."""
        look = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        found = await asyncio.get_running_loop().run_in_executor(self._pool, look)
        return [
            ResolveResult(
                hostname=host, host=str(place[0]), port=int(place[1]), family=kind, proto=protocol, flags=_FLAGS
            )
            for kind, _, protocol, _, place in found
        ]

    async def close(self) -> None:
        """Let the threads go; one that hangs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
