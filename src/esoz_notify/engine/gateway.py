"""The one place that talks HTTP to providers: drives their dialogues over real sockets.

What belongs here: sending calls, hearing replies, keeping what a dialogue asks to keep. What does not: a provider's
vocabulary.
"""

import logging
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TypeVar

import aiohttp

from esoz_notify.channels.dialogue import Hearing, HttpCall, HttpReply, Keep, NoReply, Saying
from esoz_notify.core.errors import Unavailable
from esoz_notify.core.limits import PROVIDER_TIMEOUT_S
from esoz_notify.engine.connection_faults import fault_text
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.outgoing import RefusedAddress, chosen_by_settings, guarded_session
from esoz_notify.store import registry
from esoz_notify.store.vault import Vault, field_aad

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

_REPLY_BYTES_MAX = 4 * 1024 * 1024
_CONNECT_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a provider's API is. ``ca_file``: whom its certificate is from; ``networks``: where inside it may be."""

    base_url: str
    ca_file: Path | None = None
    networks: Sequence[IPv4Network | IPv6Network] = ()


def reports_of(provider: str) -> str:
    """Under which name an endpoint is given where a provider tells what became of messages, if that is elsewhere."""
    return f"{provider} reports"


class Gateway:
    """Drives dialogues. ``endpoints``: where each provider's API is."""

    def __init__(self, ledger: Ledger, vault: Vault, endpoints: Mapping[str, Endpoint]) -> None:
        self._ledger = ledger
        self._vault = vault
        self._endpoints = dict(endpoints)
        self._kept: dict[str, dict[str, tuple[str, float]]] = {}
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def open(self) -> None:
        """Open a client session per provider and recall what was kept."""
        timeout = aiohttp.ClientTimeout(total=PROVIDER_TIMEOUT_S, sock_connect=_CONNECT_TIMEOUT_S)
        for provider, endpoint in self._endpoints.items():
            bounds = chosen_by_settings(endpoint.base_url, endpoint.networks)
            self._sessions[provider] = guarded_session(bounds, timeout=timeout, ca_file=endpoint.ca_file, limit=0)
        async with self._ledger.transaction() as connection:
            rows = await registry.get_kept(connection)
        for provider, name, sealed, expires_at in rows:
            value = self._vault.open(sealed, aad=field_aad("kept", provider, name)).decode()
            life_s = (expires_at - self._ledger.clock.now()).total_seconds()
            self._kept.setdefault(provider, {})[name] = (value, time.monotonic() + life_s)

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()

    def kept(self, provider: str) -> dict[str, str]:
        """What the provider's dialogues asked to keep and what still lives."""
        now_s = time.monotonic()
        return {name: value for name, (value, until_s) in self._kept.get(provider, {}).items() if until_s > now_s}

    async def converse(self, provider: str, dialogue: Generator[Saying, Hearing, Answer]) -> Answer:
        """Play the network for one dialogue and return what it came to."""
        heard: Hearing = None
        while True:
            try:
                saying = dialogue.send(heard)
            except StopIteration as end:
                answer: Answer = end.value
                return answer
            if isinstance(saying, Keep):
                await self._keep(provider, saying)
                heard = None
            else:
                heard = await self._call(provider, saying)

    async def _call(self, provider: str, call: HttpCall) -> HttpReply | NoReply:
        to = reports_of(provider) if call.about_reports and reports_of(provider) in self._endpoints else provider
        url, session = self._endpoints[to].base_url.rstrip("/") + call.path, self._sessions[to]
        if session.closed:  # a process that stops closes these before it ends the loops that use them
            return NoReply(sent=False, detail="stopping")
        timed = call.timed_headers(self._ledger.clock.now()) if call.timed_headers else {}
        try:
            async with session.request(
                call.method, url, headers={**call.headers, **timed}, data=call.body or None, allow_redirects=False
            ) as reply:
                body = await _read(reply)
                headers = {name.lower(): value for name, value in reply.headers.items()}
                return HttpReply(status=reply.status, headers=headers, body=body)
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.InvalidURL,
            RefusedAddress,
        ) as error:
            log.warning(
                "%s: %s did not leave: %s", provider, call.label, fault_text(error), extra={"provider": provider}
            )
            return NoReply(sent=False, detail=fault_text(error))
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            ids = {"provider": provider}
            log.warning("%s: %s got no answer: %s", provider, call.label, type(error).__name__, extra=ids)
            return NoReply(sent=True, detail=type(error).__name__)

    async def _keep(self, provider: str, keep: Keep) -> None:
        self._kept.setdefault(provider, {})[keep.name] = (keep.value, time.monotonic() + keep.ttl_s)
        sealed = self._vault.seal(keep.value.encode(), aad=field_aad("kept", provider, keep.name))
        try:
            async with self._ledger.transaction() as connection:
                await registry.put_kept(connection, provider, keep.name, sealed, keep.ttl_s)
        except Unavailable as error:
            # This process has it; after a restart the dialogue asks for another. Not worth breaking it off for.
            log.warning("%s: %s is kept by this process only: %s", provider, keep.name, error)


async def _read(reply: aiohttp.ClientResponse) -> bytes:
    """The body up to the limit; what is longer is cut, and will not parse."""
    body = bytearray()
    async for chunk in reply.content.iter_any():
        body += chunk
        if len(body) > _REPLY_BYTES_MAX:
            break
    return bytes(body)
