"""How the client calls: connections, tokens, repeats, streams that go on where they broke.

What belongs here: what is the same for every call. What does not: which calls there are (``notify`` and its kin).
"""

import asyncio
import io
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import aiohttp

from esoz_notify.client.problems import NotifyProblem, Reply, problem_of, unreachable
from esoz_notify.client.streams import Event, events_of

TRIES_MAX = 8
PAUSE_FIRST_S = 0.1
PAUSE_MAX_S = 5.0
"""Between tries the pause doubles; a Retry-After of the service counts when it is longer."""

REQUEST_TIMEOUT_S = 30.0
SILENCE_MAX_S = 30.0
"""A stream that says nothing for so long is broken: the service says every few seconds that it is there."""

_TOKEN_RENEWED_S = 60.0
"""A token is renewed so long before its end."""

_TOKEN_REFUSED = "invalid_token"  # noqa: S105 - a code of refusals
_TRY_AGAIN = frozenset({0, 502, 503, 504})
_PASSING = frozenset({"idempotency_in_flight", "rate_limited"})


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What a caller may replace. ``session``: the caller's own, which stays open; ``timeout_s``: of one try."""

    session: aiohttp.ClientSession | None = None
    timeout_s: float = REQUEST_TIMEOUT_S
    pause: Callable[[float], Awaitable[Any]] = asyncio.sleep
    now_s: Callable[[], float] = time.monotonic


class Calls:
    """Calls to one service as one client."""

    def __init__(self, base_url: str, client_id: str, client_secret: str, how: How) -> None:
        self.how = how
        self._base_url = base_url.rstrip("/")
        self._login = aiohttp.encode_basic_auth(client_id, client_secret, encoding="utf-8")
        self._session = how.session
        self._token = ""
        self._token_ends_s = 0.0
        self._renewing = asyncio.Lock()

    def open(self) -> None:
        """Open connections, unless the caller brought its own."""
        self._session = self.how.session or aiohttp.ClientSession()

    async def close(self) -> None:
        """Close what ``open`` opened."""
        if self._session is not None and self._session is not self.how.session:
            await self._session.close()

    async def json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        repeatable: bool = True,
    ) -> Any:
        """Call with JSON, for JSON. Raises NotifyProblem."""
        headers = {"content-type": "application/json"} if body is not None else {}
        if idempotency_key is not None:
            headers["idempotency-key"] = idempotency_key
        sent = json.dumps(body, ensure_ascii=False).encode() if body is not None else None
        reply = await self.call(method, path, body=sent, headers=headers, repeatable=repeatable)
        try:
            return reply.json
        except ValueError:
            raise problem_of(reply) from None

    async def call(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        repeatable: bool = True,
        timeout_s: float | None = None,
    ) -> Reply:
        """Call until there is an answer that repeating would not change. Raises NotifyProblem."""
        renewed = False
        tried = 0
        while True:
            tried += 1
            try:
                authorised = {**(headers or {}), "authorization": f"Bearer {await self._fresh_token()}"}
                return await self._once(method, path, body, authorised, query, timeout_s or self.how.timeout_s)
            except NotifyProblem as problem:
                if problem.code == _TOKEN_REFUSED and not renewed:
                    # Its end was misjudged, or the service has new keys: one try with a new token.
                    self._token_ends_s, renewed = 0.0, True
                    continue
                if not (_passes(problem) and repeatable) or tried >= TRIES_MAX:
                    raise
                await self.how.pause(max(pause_s(tried), problem.retry_after_s or 0.0))

    async def events(self, path: str, after: int) -> AsyncGenerator[Event, None]:
        """The events of a stream until the one named ``end``, however often it breaks. Raises NotifyProblem."""
        failures = 0
        while True:
            seen, asked_s = after, 0.0
            try:
                async with aclosing(self._stream(path, after)) as stream:
                    async for event in stream:
                        after = event.seq if event.seq is not None else after
                        yield event
                        if event.name == "end":
                            return
                failures = 0
            except aiohttp.ClientError as error:
                failures = 0 if after > seen else failures + 1
                if failures >= TRIES_MAX:
                    raise unreachable(error) from error
            except NotifyProblem as problem:
                failures += 1
                if problem.code == _TOKEN_REFUSED:
                    self._token_ends_s = 0.0
                elif not _passes(problem):
                    raise
                if failures >= TRIES_MAX:
                    raise
                asked_s = problem.retry_after_s or 0.0
            await self.how.pause(max(pause_s(failures), asked_s))

    async def _once(  # noqa: PLR0913, PLR0917 - the parts of a request
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None,
        timeout_s: float,
    ) -> Reply:
        session = self._opened()
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        sent = io.BytesIO(body) if body is not None else None  # a file is not copied before it is sent
        try:
            async with session.request(
                method, f"{self._base_url}{path}", data=sent, headers=headers, params=query, timeout=timeout
            ) as response:
                reply = Reply(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unreachable(error) from error
        if not response.ok:
            raise problem_of(reply)
        return reply

    async def _stream(self, path: str, after: int) -> AsyncGenerator[Event, None]:
        headers = {"authorization": f"Bearer {await self._fresh_token()}", "last-event-id": str(after)}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.how.timeout_s, sock_read=SILENCE_MAX_S)
        async with self._opened().get(f"{self._base_url}{path}", headers=headers, timeout=timeout) as response:
            if not response.ok:
                raise problem_of(Reply(response.status, response.headers, await response.read()))
            async with aclosing(events_of(response.content)) as events:
                async for event in events:
                    yield event

    async def _fresh_token(self) -> str:
        async with self._renewing:
            if self.how.now_s() >= self._token_ends_s:
                asked_s = self.how.now_s()
                reply = await self._once(
                    "POST",
                    "/oauth/token",
                    b"grant_type=client_credentials",
                    {"authorization": self._login, "content-type": "application/x-www-form-urlencoded"},
                    None,
                    self.how.timeout_s,
                )
                given = reply.json
                self._token = given["access_token"]
                self._token_ends_s = asked_s + max(given["expires_in"] - _TOKEN_RENEWED_S, 1.0)
            return self._token

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use the client as a context manager: async with NotifyClient(…) as client")
        return self._session


def _passes(problem: NotifyProblem) -> bool:
    """Whether the same call may be answered a moment later."""
    return problem.status in _TRY_AGAIN or problem.code in _PASSING


def pause_s(tried: int) -> float:
    """How long to wait before the next try."""
    waited_s: float = min(PAUSE_FIRST_S * 2.0 ** max(tried - 1, 0), PAUSE_MAX_S)
    return waited_s
