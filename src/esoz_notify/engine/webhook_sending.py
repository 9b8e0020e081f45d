"""Tells receivers what happened: claims what is due, signs it, calls, and writes down what came of it.

What belongs here: the loops and the call. What does not: which events there are (``webhook_events``), what follows from
an answer (``core.webhooks``), the SQL (store).
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import aiohttp
import msgspec
from yarl import URL

from esoz_notify import __version__
from esoz_notify.core import limits
from esoz_notify.core.webhooks import (
    FAILING_MAX_S,
    TYPE_PREFIX,
    Answer,
    Disabled,
    Fault,
    State,
    Verdict,
    judge,
    signature,
)
from esoz_notify.engine import audit
from esoz_notify.engine.audit import Action, Deed
from esoz_notify.engine.ledgers import Ledger, Steady
from esoz_notify.engine.names import OwnResolver
from esoz_notify.engine.outgoing import CHOSEN_BY_CALLERS, RefusedAddress, guarded_session
from esoz_notify.engine.receiving import until
from esoz_notify.engine.views import Json, rfc3339
from esoz_notify.engine.webhook_requests import LOOPBACK, is_loopback
from esoz_notify.store import webhook_log, webhooks
from esoz_notify.store.ledger import Connection
from esoz_notify.store.vault import Vault, VaultError, field_aad
from esoz_notify.store.webhook_log import Claimed, Settled

log = logging.getLogger(__name__)

BODY_TYPE = "application/cloudevents+json"
WORKER = "worker:webhooks"
"""Who disables a webhook that is gone or fails, as the audit names it."""

LOOK_S = 1.0
"""How often it is looked for what has become due: so long an event may wait at the most when its receiver is well."""

PAUSE_S = 1.0
DRAIN_S = 5.0
SETTLE_MAX = 200
_CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came of a call."""

    claimed: Claimed
    verdict: Verdict
    settled: Settled


class Sender:
    """Tells all receivers from one worker process. ``source``: who we are, in events.

    Each receiver has calls of its own, so that a slow one takes nothing from another. ``loopback``: receivers on this
    very machine may be called, by http too. ``chance``: 0 to 1, for the jitter of waits.
    """

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        *,
        source: str,
        loopback: bool = False,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._source = source
        self._loopback = loopback
        self._chance = chance
        self._calls: dict[tuple[UUID, UUID], asyncio.Task[None]] = {}
        self._told: deque[Told] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._nothing_in_hand = asyncio.Event()
        self._stopping = False

    async def run(self) -> None:
        """Tell until cancelled."""
        timeout = aiohttp.ClientTimeout(total=limits.WEBHOOK_TIMEOUT_S, sock_connect=_CONNECT_TIMEOUT_S)
        # Names are looked up by threads of its own: a name server that hangs keeps nothing else of the process.
        async with OwnResolver() as resolver:
            outside = guarded_session(CHOSEN_BY_CALLERS, timeout=timeout, limit=0, resolver=resolver)
            here = guarded_session(LOOPBACK, timeout=timeout, limit=0, resolver=resolver)
            async with outside, here:
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(
                            self._ledger.turning("webhooks due", self._claim_with(outside, here), PAUSE_S)
                        )
                        group.create_task(self._ledger.turning("webhooks told", self._settle, PAUSE_S))
                finally:
                    calls = list(self._calls.values())
                    for call in calls:
                        call.cancel()
                    await asyncio.gather(*calls, return_exceptions=True)

    async def drain(self) -> None:
        """Begin nothing more and finish the calls in hand, for at most DRAIN_S; the leases free the others."""
        self._stopping = True
        if self._calls or self._told:
            self._nothing_in_hand.clear()
            await until(self._nothing_in_hand, DRAIN_S)

    # --- calling ------------------------------------------------------------------------------------------------------

    def _claim_with(
        self, outside: aiohttp.ClientSession, here: aiohttp.ClientSession
    ) -> Callable[[Steady], Awaitable[None]]:
        async def claim(steady: Steady) -> None:
            # What was called and is not yet recorded is in hand too: it must not be called again.
            in_hand = [*self._calls, *((one.claimed.webhook_id, one.claimed.event_id) for one in self._told)]
            claimed = (
                []
                if self._stopping
                else await steady.run_loose(
                    lambda connection: webhook_log.claim(
                        connection, in_hand, limits.WEBHOOK_CALLS_MAX, limits.WEBHOOK_LEASE_S
                    )
                )
            )
            for one in claimed:
                key = (one.webhook_id, one.event_id)
                self._calls[key] = asyncio.create_task(self._tell(one, outside, here))
            if not claimed:
                await until(self._room, LOOK_S)

        return claim

    async def _tell(self, one: Claimed, outside: aiohttp.ClientSession, here: aiohttp.ClientSession) -> None:
        """One call, whatever comes of it; what cannot even be tried is left to its lease."""
        try:
            url = self._vault.open(one.url, aad=field_aad("webhook", "url", one.webhook_id)).decode()
            keys = [
                self._vault.open(sealed, aad=field_aad("webhook_secret", "secret", secret_id))
                for secret_id, sealed in one.secrets
            ]
            session = here if self._loopback and is_loopback(URL(url)) else outside
            body = msgspec.json.encode(event(one, self._source))
            started_s = time.monotonic()
            answer = await _call(session, url, self._headers(one, keys, body), body)
            answered_ms = int((time.monotonic() - started_s) * 1000)
            self._told.append(self.judged(one, answer, answered_ms))
        except VaultError as error:
            log.error("webhook %s cannot be told: %s", one.webhook_id, error)  # noqa: TRY400 - a traceback tells no more
        except Exception as error:
            # The traceback could hold the address, which may be a secret.
            log.error("webhook %s cannot be told: %s", one.webhook_id, type(error).__name__)  # noqa: TRY400
        finally:
            del self._calls[one.webhook_id, one.event_id]
            self._news.set()

    def judged(self, one: Claimed, answer: Answer, answered_ms: int) -> Told:
        """What follows from an answer, ready to be written down."""
        tries = one.tries + 1
        verdict = judge(answer, tries, self._chance(), self._ledger.clock.now())
        settled = Settled(
            webhook_id=one.webhook_id,
            event_id=one.event_id,
            state=verdict.state.value,
            wait_s=verdict.wait_s,
            tries=tries,
            status=answer.status,
            fault=answer.fault.value if answer.fault else None,
            answered_ms=answered_ms,
        )
        return Told(claimed=one, verdict=verdict, settled=settled)

    def _headers(self, one: Claimed, keys: list[bytes], body: bytes) -> dict[str, str]:
        message_id, at_s = str(one.event_id), int(self._ledger.clock.now().timestamp())
        return {
            "content-type": BODY_TYPE,
            "accept-encoding": "identity",
            "user-agent": f"esoz-notify/{__version__}",
            "webhook-id": message_id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": " ".join(signature(key, message_id, at_s, body) for key in keys),
        }

    # --- writing down -------------------------------------------------------------------------------------------------

    async def _settle(self, steady: Steady) -> None:
        """Write down what came of calls; they leave the queue when that is on disk."""
        told = [self._told[index] for index in range(min(len(self._told), SETTLE_MAX))]
        if told:
            await steady.run(lambda connection: self._settle_in(connection, told))
            for _ in told:
                self._told.popleft()
            self._room.set()
        if not self._calls and not self._told:
            self._nothing_in_hand.set()
        if not self._told:
            await until(self._news, LOOK_S)

    async def _settle_in(self, connection: Connection, told: list[Told]) -> None:
        # Locked before their deliveries, as whoever changes a webhook does: so none waits for the other in a ring.
        await webhooks.lock(connection, {one.claimed.webhook_id for one in told})
        await webhook_log.settle(connection, [one.settled for one in told])
        fine = {one.claimed.webhook_id for one in told if one.verdict.state is State.DELIVERED}
        bad = [one for one in told if one.verdict.state is not State.DELIVERED]
        await webhooks.succeeded(connection, fine)
        if not bad:
            return
        pauses = [(one.claimed.webhook_id, one.verdict.pause_s) for one in bad]
        await webhooks.failed(connection, pauses)
        long = await webhooks.failing(connection, [webhook_id for webhook_id, _ in pauses], FAILING_MAX_S)
        whys = dict.fromkeys(long, Disabled.FAILING.value)
        whys |= {one.claimed.webhook_id: Disabled.GONE.value for one in bad if one.verdict.gone}
        if not whys:
            return
        disabled = await webhooks.disable(connection, whys)
        for webhook_id, _, _ in disabled:
            await webhook_log.give_up_waiting(connection, webhook_id)
        for webhook_id, client_id, why in disabled:
            details = {"client": client_id, "because": why}
            deed = Deed(actor=WORKER, action=Action.WEBHOOK_DISABLED, subject=f"webhook:{webhook_id}", details=details)
            await audit.note(connection, deed)
            log.warning("webhook %s of %s is disabled: %s", webhook_id, client_id, why)


def event(one: Claimed, source: str) -> Json:
    """What happened, as a CloudEvent (version 1.0, structured JSON): the same at every try."""
    about = f"{source}/openapi.json#/components/schemas/"
    made: Json = {
        "specversion": "1.0",
        "id": str(one.event_id),
        "source": source,
        "type": f"{TYPE_PREFIX}{one.name}",
        "time": rfc3339(one.at),
        "datacontenttype": "application/json",
    }
    if one.notification_id is not None:
        made |= {"subject": str(one.notification_id), "dataschema": f"{about}StatusChange"}
    if one.traceparent is not None:
        made["traceparent"] = one.traceparent
    return {**made, "data": one.data}


async def _call(session: aiohttp.ClientSession, url: str, headers: dict[str, str], body: bytes) -> Answer:
    """One call. Nothing of the answer's body is read, and no redirect is followed."""
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as reply:
            return Answer(status=reply.status, retry_after=reply.headers.get("Retry-After"))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Answer(fault=_fault(error))


def _fault(error: Exception) -> Fault:
    at_socket = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    match error:
        case _ if isinstance(at_socket, RefusedAddress):
            return Fault.ADDRESS_REFUSED
        case aiohttp.InvalidURL():
            return Fault.ADDRESS_REFUSED
        case aiohttp.ClientSSLError():
            return Fault.CERTIFICATE
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Fault.NOT_CONNECTED
        case TimeoutError():
            return Fault.TIMED_OUT
    return Fault.BROKEN_OFF
