"""A network on which the answer to a call is lost: the service did it, and the caller never hears so.

What belongs here: passing octets on, and breaking off. What does not: who calls.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(slots=True)
class Loss:
    """``url``: the service behind it; ``left``: so many answers with 202 will still be lost."""

    url: str
    left: int
    lost: int = 0


@asynccontextmanager
async def losing(url: str, left: int = 1) -> AsyncIterator[Loss]:
    """A way to the service ``url`` that loses its first answers with 202."""
    there = urlsplit(url)

    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, onward = await asyncio.open_connection(there.hostname, there.port)
        asking = asyncio.create_task(_pass_on(reader, onward))
        try:
            while said := await back.read(65_536):
                if loss.left and said.startswith(b"HTTP/1.1 202"):
                    loss.left, loss.lost = loss.left - 1, loss.lost + 1
                    break
                writer.write(said)
                await writer.drain()
        finally:
            asking.cancel()
            for one in (onward, writer):
                one.transport.abort()
            await asyncio.gather(asking, onward.wait_closed(), writer.wait_closed(), return_exceptions=True)

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.get_running_loop().create_task(serve(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    loss = Loss(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", left)
    try:
        yield loss
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while said := await reader.read(65_536):
            writer.write(said)
            await writer.drain()
