"""A small asynchronous client of the API, for Python programs: tokens, repeats without doubles, problems as exceptions.

What belongs here: the API as its callers see it. What does not: anything that only the service itself can know.
"""

import asyncio
import io
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack
from uuid import UUID, uuid4

import aiohttp

from esoz_notify.core.errors import NotifyError

Json = dict[str, Any]

TRIES_MAX = 8
PAUSE_FIRST_S = 0.1
PAUSE_MAX_S = 5.0
"""Between tries the pause doubles; a Retry-After of the service counts when it is longer."""

REQUEST_TIMEOUT_S = 30.0
BATCH_TIMEOUT_S = 300.0
_TOKEN_RENEWED_S = 60.0
"""A token is renewed so long before its end."""

_SUMMARY_TYPES = {"pdf": "application/pdf", "html": "text/html", "text": "text/plain"}
_UNREACHABLE = {"code": "unreachable", "status": 0, "title": "No answer"}
_TRY_AGAIN = frozenset({0, 502, 503, 504})
_PASSING = frozenset({"idempotency_in_flight", "rate_limited"})


class NotifyProblem(NotifyError):
    """The service refused. ``document``: its problem document (RFC 9457); ``status`` 0: it could not be reached."""

    def __init__(self, document: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        self.document = dict(document)
        self.status = int(document.get("status", 0))
        self.retry_after_s = retry_after_s
        super().__init__(str(document.get("detail") or document.get("title")), code=str(document.get("code")))


class NotOver(NotifyError):
    """The notification was not over within the time that the caller would wait. ``view``: as it was seen last."""

    code = "not_over"

    def __init__(self, view: Json) -> None:
        super().__init__("the notification is not over yet; wait longer, or ask again later")
        self.view = view


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact of a notification's history. ``name``: the fact, or ``end``."""

    name: str
    seq: int | None
    data: Json = field(repr=False)


class Asked(TypedDict, total=False):
    """What may be said of a notification besides its kind and data; a datetime must be aware."""

    patient_id: str | UUID | None
    recipient: Mapping[str, str] | None
    inform_with: str | None
    summary: Mapping[str, str] | None
    reference: str | None
    valid_until: datetime | str | None
    notifications_off: bool
    region: str | None
    programme: str | None


class Confirmation(TypedDict, total=False):
    """What may be said of a verification besides its purpose and entity."""

    patient_id: str | UUID | None
    recipient: Mapping[str, str] | None
    confirms: Literal["third_person", "patient"] | None
    third_person_id: str | UUID | None
    authorize_with: str | None
    doctor_id: str | None


@dataclass(slots=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class NotifyClient:
    """Calls one service as one client; use it as a context manager.

    Every call that could have somebody informed carries an Idempotency-Key, so it is repeated without doubles when a
    connection breaks or the service is not ready. Calls raise NotifyProblem. ``sleep``, ``monotonic`` and ``new_key``
    are the caller's to replace.
    """

    def __init__(  # noqa: PLR0913 - what the caller may replace, each by name
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        new_key: Callable[[], object] = uuid4,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._login = aiohttp.encode_basic_auth(client_id, client_secret, encoding="utf-8")
        self._sleep = sleep
        self._monotonic = monotonic
        self._new_key = new_key
        self._session: aiohttp.ClientSession | None = None
        self._token = ""
        self._token_ends_s = 0.0
        self._renewing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Open connections."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        if self._session is not None:
            await self._session.close()

    # --- notifications ------------------------------------------------------------------------------------------------

    async def send(
        self, kind: str, data: Mapping[str, str], *, idempotency_key: str | None = None, **asked: Unpack[Asked]
    ) -> Json:
        """Have somebody informed; exactly one of ``patient_id`` and ``recipient``.

        Give ``idempotency_key`` when your program may itself send the same thing twice; otherwise one is made.
        """
        body = order(kind, data, **asked)
        return await self._json("POST", "/v1/notifications", body, idempotency_key=self._key(idempotency_key))

    async def send_many(self, orders: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None) -> list[Json]:
        """Have many people informed (10,000 at most): a result per order, with ``notification`` or ``problem``.

        Orders are bodies of POST /v1/notifications; ``order`` makes them.
        """
        lines = "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in orders)
        reply = await self._call(
            "POST",
            "/v1/notifications/batch",
            body=lines.encode(),
            headers={"content-type": "application/x-ndjson", "idempotency-key": self._key(idempotency_key)},
            timeout_s=BATCH_TIMEOUT_S,
        )
        return [json.loads(line) for line in reply.body.splitlines()]

    async def get(self, notification_id: str | UUID) -> Json:
        """One notification with attempts, receipts and decisions."""
        return await self._json("GET", f"/v1/notifications/{notification_id}")

    async def find(self, **wanted: str | int | None) -> AsyncIterator[Json]:
        """Notifications by ``reference``, ``status``, ``kind``, ``phone``, ``crisis``; the newest first, by pages."""
        cursor: str | None = None
        while True:
            asked = {name: value for name, value in {**wanted, "cursor": cursor}.items() if value is not None}
            page = await self._json("POST", "/v1/notifications/search", asked)
            for one in page["data"]:
                yield one
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def cancel(self, notification_id: str | UUID) -> Json:
        """Withdraw it; repeating it changes nothing."""
        return await self._json("POST", f"/v1/notifications/{notification_id}/cancel")

    async def resend(self, notification_id: str | UUID) -> Json:
        """Send it again by the next channel. Not repeated by itself: a second resend would be a second message."""
        return await self._json("POST", f"/v1/notifications/{notification_id}/resend", repeatable=False)

    async def summary(
        self,
        notification_id: str | UUID,
        form: Literal["pdf", "html", "text"] = "pdf",
        *,
        paper: Literal["a4", "a5"] = "a4",
        variant: Literal["standard", "large", "plain"] = "standard",
        together_with: Sequence[str | UUID] = (),
    ) -> bytes:
        """The printed summary, with others of the same patient on its sheet if they fit."""
        query: dict[str, str] = {"paper": paper, "variant": variant}
        if together_with:
            query["with"] = ",".join(map(str, together_with))
        reply = await self._call(
            "GET",
            f"/v1/notifications/{notification_id}/summary",
            headers={"accept": _SUMMARY_TYPES[form]},
            query=query,
        )
        return reply.body

    async def wait(self, notification_id: str | UUID, timeout_s: float = 60.0) -> Json:
        """Wait until nothing more will happen by itself, and return the notification. Raises NotOver."""
        try:
            async with asyncio.timeout(timeout_s), aclosing(self.events(notification_id)) as events:
                async for _ in events:
                    pass
        except TimeoutError:
            view = await self.get(notification_id)
            if view["terminal"]:
                return view
            raise NotOver(view) from None
        return await self.get(notification_id)

    async def events(self, notification_id: str | UUID, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """Facts as they are recorded, until the one named ``end``; a broken stream is taken up where it broke."""
        async with aclosing(self._events(f"/v1/notifications/{notification_id}/events", after)) as events:
            async for event in events:
                yield event

    async def _events(self, path: str, after: int) -> AsyncGenerator[Event, None]:
        failures = 0
        while True:
            seen = after
            try:
                async with aclosing(self._stream(path, after)) as stream:
                    async for event in stream:
                        after = event.seq if event.seq is not None else after
                        yield event
                        if event.name == "end":
                            return
            except aiohttp.ClientError as error:
                failures = 0 if after > seen else failures + 1
                if failures >= TRIES_MAX:
                    raise _unreachable(error) from error
            except NotifyProblem as problem:
                failures += 1
                if problem.status not in _TRY_AGAIN or failures >= TRIES_MAX:
                    raise
            await self._sleep(_pause_s(failures))

    # --- one-time codes -----------------------------------------------------------------------------------------------

    async def verify(
        self, purpose: str, entity_id: str, *, idempotency_key: str | None = None, **asked: Unpack[Confirmation]
    ) -> Json:
        """Have a code sent that confirms something; exactly one of ``patient_id`` and ``recipient``."""
        members: Json = {**asked, "purpose": purpose, "entity_id": entity_id}
        body = {
            name: str(value) if isinstance(value, UUID) else value
            for name, value in members.items()
            if value is not None
        }
        return await self._json("POST", "/v1/verifications", body, idempotency_key=self._key(idempotency_key))

    async def verification(self, verification_id: str | UUID) -> Json:
        """A verification as it is now."""
        return await self._json("GET", f"/v1/verifications/{verification_id}")

    async def check(self, verification_id: str | UUID, code: str) -> Json:
        """Check a code; returns only when it is right. Not repeated by itself: each check may spend an attempt.

        Raises NotifyProblem: ``code_wrong`` with ``attempts_left``, ``code_expired``, ``attempts_exhausted``,
        ``code_superseded``, ``code_used``. When no answer came, look at the verification before asking again.
        """
        path = f"/v1/verifications/{verification_id}/check"
        return await self._json("POST", path, {"code": code}, repeatable=False)

    async def resend_code(self, verification_id: str | UUID) -> Json:
        """Send the same code by the next channel. Not repeated by itself."""
        return await self._json("POST", f"/v1/verifications/{verification_id}/resend", repeatable=False)

    async def code_events(self, verification_id: str | UUID, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """What happens to the message with the code, until the event named ``end``."""
        async with aclosing(self._events(f"/v1/verifications/{verification_id}/events", after)) as events:
            async for event in events:
                yield event

    # --- patients and routes ------------------------------------------------------------------------------------------

    async def route(self, kind: str, data: Mapping[str, str], **asked: Unpack[Asked]) -> Json:
        """Who would be informed and how; sends nothing."""
        return await self._json("POST", "/v1/route", order(kind, data, **asked))

    async def put_patient(self, patient_id: str | UUID, document: Mapping[str, Any]) -> Json:
        """Store the minimum of a patient."""
        return await self._json("PUT", f"/v1/patients/{patient_id}", document)

    async def get_patient(self, patient_id: str | UUID) -> Json:
        """What is stored of a patient, masked."""
        return await self._json("GET", f"/v1/patients/{patient_id}")

    async def delete_patient(self, patient_id: str | UUID) -> None:
        """Forget a patient. Status 404: there is none, which after a lost answer may be this call's own work."""
        await self._call("DELETE", f"/v1/patients/{patient_id}")

    # --- how calls are made -------------------------------------------------------------------------------------------

    def _key(self, given: str | None) -> str:
        return given if given is not None else str(self._new_key())

    async def _json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        repeatable: bool = True,
    ) -> Json:
        headers = {"content-type": "application/json"} if body is not None else {}
        if idempotency_key is not None:
            headers["idempotency-key"] = idempotency_key
        sent = json.dumps(body, ensure_ascii=False).encode() if body is not None else None
        reply = await self._call(method, path, body=sent, headers=headers, repeatable=repeatable)
        answer: Json = reply.json
        return answer

    async def _call(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        repeatable: bool = True,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> _Reply:
        """Call until there is an answer that repeating would not change. Raises NotifyProblem."""
        renewed = False
        tried = 0
        while True:
            tried += 1
            try:
                authorised = {**(headers or {}), "authorization": f"Bearer {await self._fresh_token()}"}
                return await self._once(method, path, body, authorised, query, timeout_s)
            except NotifyProblem as problem:
                if problem.code == "invalid_token" and not renewed:
                    # Its end was misjudged, or the service has new keys: one try with a new token.
                    self._token_ends_s, renewed = 0.0, True
                    continue
                passes = problem.status in _TRY_AGAIN or problem.code in _PASSING
                if not (passes and repeatable) or tried >= TRIES_MAX:
                    raise
                await self._sleep(max(_pause_s(tried), problem.retry_after_s or 0.0))

    async def _once(  # noqa: PLR0913, PLR0917 - the parts of a request
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None,
        timeout_s: float,
    ) -> _Reply:
        session = self._opened()
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        sent = io.BytesIO(body) if body is not None else None  # a file is not copied before it is sent
        try:
            async with session.request(
                method, f"{self._base_url}{path}", data=sent, headers=headers, params=query, timeout=timeout
            ) as response:
                reply = _Reply(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(error) from error
        if not response.ok:
            raise _problem(reply)
        return reply

    async def _stream(self, path: str, after: int) -> AsyncGenerator[Event, None]:
        headers = {"authorization": f"Bearer {await self._fresh_token()}", "last-event-id": str(after)}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_TIMEOUT_S, sock_read=REQUEST_TIMEOUT_S)
        async with self._opened().get(f"{self._base_url}{path}", headers=headers, timeout=timeout) as response:
            if not response.ok:
                raise _problem(_Reply(response.status, response.headers, await response.read()))
            fields: dict[str, str] = {}
            async for raw in response.content:
                name, colon, value = raw.decode().rstrip("\r\n").partition(":")
                if name and colon:
                    fields[name] = value.removeprefix(" ")
                elif not name and not colon and "data" in fields:
                    number = fields.get("id")
                    yield Event(
                        name=fields.get("event", "message"),
                        seq=int(number) if number else None,
                        data=json.loads(fields["data"]),
                    )
                    fields = {}

    async def _fresh_token(self) -> str:
        async with self._renewing:
            if self._monotonic() >= self._token_ends_s:
                asked_s = self._monotonic()
                reply = await self._once(
                    "POST",
                    "/oauth/token",
                    b"grant_type=client_credentials",
                    {"authorization": self._login, "content-type": "application/x-www-form-urlencoded"},
                    None,
                    REQUEST_TIMEOUT_S,
                )
                given = reply.json
                self._token = given["access_token"]
                self._token_ends_s = asked_s + max(given["expires_in"] - _TOKEN_RENEWED_S, 1.0)
            return self._token

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use the client as a context manager: async with NotifyClient(…) as client")
        return self._session


def order(kind: str, data: Mapping[str, str], **asked: Unpack[Asked]) -> Json:
    """The body of POST /v1/notifications; what is None is left out."""
    valid_until = asked.get("valid_until")
    members: Json = {"kind": kind, "data": dict(data), **asked}
    if isinstance(valid_until, datetime):
        members["valid_until"] = valid_until.isoformat()
    if asked.get("patient_id") is not None:
        members["patient_id"] = str(asked["patient_id"])
    return {name: value for name, value in members.items() if value is not None}


def _problem(reply: _Reply) -> NotifyProblem:
    try:
        document = json.loads(reply.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        # Not our service: a proxy on the way.
        document = {"code": "unexpected_answer", "title": f"status {reply.status} without a problem document"}
    if "error" in document:  # OAuth's own shape, RFC 6749 §5.2
        document = {"code": document["error"], "title": document["error"], "detail": document.get("error_description")}
    after = reply.headers.get("Retry-After", "")
    return NotifyProblem({"status": reply.status, **document}, float(after) if after.isdigit() else None)


def _unreachable(error: Exception) -> NotifyProblem:
    return NotifyProblem({**_UNREACHABLE, "detail": f"the service did not answer ({type(error).__name__})"})


def _pause_s(tried: int) -> float:
    pause_s: float = min(PAUSE_FIRST_S * 2.0 ** max(tried - 1, 0), PAUSE_MAX_S)
    return pause_s
