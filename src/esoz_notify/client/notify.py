"""The client of programs that have people informed: one method per call.

What belongs here: the calls of a medical system. What does not: tokens and repeats (``calls``), webhooks
(``webhook_client``), what only operators may (``operator_client``).
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack, cast
from uuid import UUID, uuid4

import aiohttp

from esoz_notify.client.calls import REQUEST_TIMEOUT_S, TRIES_MAX, Calls, How, pause_s
from esoz_notify.client.codes_shapes import PartyName, PurposeName, Verification
from esoz_notify.client.lines import batches, lines_of
from esoz_notify.client.problems import NotOver
from esoz_notify.client.shapes import (
    Accepted,
    BatchResult,
    InlineRecipient,
    Notification,
    NotificationRequest,
    Page,
    PatientDocument,
    PublicKindName,
    Route,
    Search,
    StoredPatient,
)
from esoz_notify.client.streams import Event

Id = str | UUID

BATCH_TIMEOUT_S = 300.0
"""How long the service may take for a batch."""

_SUMMARY_TYPES = {"pdf": "application/pdf", "html": "text/html", "text": "text/plain"}
_UNAVAILABLE = 503


class Asked(TypedDict, total=False):
    """What may be said of a notification besides its kind and data; a datetime must be aware."""

    patient_id: Id | None
    recipient: InlineRecipient | None
    inform_with: str | None
    summary: Mapping[str, str] | None
    reference: str | None
    valid_until: datetime | str | None
    notifications_off: bool
    region: str | None
    programme: str | None


class Confirmation(TypedDict, total=False):
    """What may be said of a verification besides its purpose and entity."""

    patient_id: Id | None
    recipient: InlineRecipient | None
    confirms: PartyName | None
    third_person_id: Id | None
    authorize_with: str | None
    doctor_id: str | None


class NotifyClient:
    """Calls one service as one client; use it as a context manager.

    Every call that could have somebody informed carries an Idempotency-Key, so it is repeated without doubles when a
    connection breaks or the service is not ready. Calls raise NotifyProblem. ``session`` (yours, which stays open),
    ``timeout_s`` (of one try), ``sleep``, ``monotonic`` and ``new_key`` are the caller's to replace.
    """

    def __init__(  # noqa: PLR0913 - what the caller may replace, each by name
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        session: aiohttp.ClientSession | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        new_key: Callable[[], object] = uuid4,
    ) -> None:
        how = How(session=session, timeout_s=timeout_s, pause=sleep, now_s=monotonic)
        self._calls = Calls(base_url, client_id, client_secret, how)
        self._new_key = new_key

    async def __aenter__(self) -> Self:
        """Open connections."""
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        await self.close()

    async def open(self) -> Self:
        """Open connections, for who cannot use it as a context manager: ``close`` it afterwards."""
        self._calls.open()
        return self

    async def close(self) -> None:
        """Close connections. A session of the caller's own stays open."""
        await self._calls.close()

    # --- notifications ------------------------------------------------------------------------------------------------

    async def send(
        self,
        kind: PublicKindName,
        data: Mapping[str, str],
        *,
        idempotency_key: str | None = None,
        **asked: Unpack[Asked],
    ) -> Accepted:
        """Have somebody informed; exactly one of ``patient_id`` and ``recipient``.

        Give ``idempotency_key`` when your program may itself send the same thing twice; otherwise one is made.
        """
        body = order(kind, data, **asked)
        key = self._key(idempotency_key)
        return cast("Accepted", await self._calls.json("POST", "/v1/notifications", body, idempotency_key=key))

    async def send_many(
        self, orders: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> list[BatchResult]:
        """Have many people informed (10,000 at most): a result per order, with ``notification`` or ``problem``.

        Orders are bodies of POST /v1/notifications; ``order`` makes them.
        """
        return await self._batch(lines_of(orders), self._key(idempotency_key))

    async def send_stream(
        self,
        orders: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        *,
        idempotency_key: str | None = None,
    ) -> AsyncGenerator[BatchResult, None]:
        """Have any number of people informed, a batch at a time: a result per order, in order, as batches are answered.

        Orders are read as they are needed. Lines that the service could not take just now are tried again. Give
        ``idempotency_key`` when the same orders may be sent by another run: what was accepted is not sent twice.
        """
        key, done = self._key(idempotency_key), 0
        async with aclosing(batches(orders)) as found:
            async for lines in found:
                for result in await self._settled(lines, f"{key}.{done}"):
                    yield {**result, "line": done + result["line"]}
                done += len(lines)

    async def _settled(self, lines: Sequence[bytes], key: str) -> list[BatchResult]:
        """Results of a batch, sent again under its key while some lines wait for the service."""
        tried = 1
        while True:
            results = await self._batch(lines, key)
            if tried >= TRIES_MAX or not any(map(_passes, results)):
                return results
            await self._calls.how.pause(pause_s(tried))
            tried += 1

    async def _batch(self, lines: Iterable[bytes], key: str) -> list[BatchResult]:
        reply = await self._calls.call(
            "POST",
            "/v1/notifications/batch",
            body=b"".join(lines),
            headers={"content-type": "application/x-ndjson", "idempotency-key": key},
            timeout_s=BATCH_TIMEOUT_S,
        )
        return [json.loads(line) for line in reply.body.splitlines()]

    async def get(self, notification_id: Id) -> Notification:
        """One notification with attempts, receipts and decisions."""
        return cast("Notification", await self._calls.json("GET", f"/v1/notifications/{notification_id}"))

    async def find(self, **wanted: Unpack[Search]) -> AsyncGenerator[Notification, None]:
        """Notifications by ``reference``, ``status``, ``kind``, ``phone``, ``crisis``; the newest first, by pages."""
        asked = wanted.copy()
        while True:
            page: Page = await self._calls.json("POST", "/v1/notifications/search", asked)
            for one in page["data"]:
                yield one
            if page["next_cursor"] is None:
                return
            asked["cursor"] = page["next_cursor"]

    async def cancel(self, notification_id: Id) -> Notification:
        """Withdraw it; repeating it changes nothing."""
        return cast("Notification", await self._calls.json("POST", f"/v1/notifications/{notification_id}/cancel"))

    async def resend(self, notification_id: Id) -> Notification:
        """Send it again by the next channel. Not repeated by itself: a second resend would be a second message."""
        path = f"/v1/notifications/{notification_id}/resend"
        return cast("Notification", await self._calls.json("POST", path, repeatable=False))

    async def summary(
        self,
        notification_id: Id,
        form: Literal["pdf", "html", "text"] = "pdf",
        *,
        paper: Literal["a4", "a5"] = "a4",
        variant: Literal["standard", "large", "plain"] = "standard",
        together_with: Sequence[Id] = (),
    ) -> bytes:
        """The printed summary, with others of the same patient on its sheet if they fit."""
        query: dict[str, str] = {"paper": paper, "variant": variant}
        if together_with:
            query["with"] = ",".join(map(str, together_with))
        headers = {"accept": _SUMMARY_TYPES[form]}
        path = f"/v1/notifications/{notification_id}/summary"
        return (await self._calls.call("GET", path, headers=headers, query=query)).body

    async def wait(self, notification_id: Id, timeout_s: float = 60.0) -> Notification:
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

    async def events(self, notification_id: Id, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """Facts as they are recorded, until the one named ``end``; a broken stream is taken up where it broke."""
        async with aclosing(self._calls.events(f"/v1/notifications/{notification_id}/events", after)) as events:
            async for event in events:
                yield event

    async def route(self, kind: PublicKindName, data: Mapping[str, str], **asked: Unpack[Asked]) -> Route:
        """Who would be informed and how; sends nothing."""
        return cast("Route", await self._calls.json("POST", "/v1/route", order(kind, data, **asked)))

    # --- one-time codes -----------------------------------------------------------------------------------------------

    async def verify(
        self, purpose: PurposeName, entity_id: str, *, idempotency_key: str | None = None, **asked: Unpack[Confirmation]
    ) -> Verification:
        """Have a code sent that confirms something; exactly one of ``patient_id`` and ``recipient``."""
        body = _plain({**asked, "purpose": purpose, "entity_id": entity_id})
        key = self._key(idempotency_key)
        return cast("Verification", await self._calls.json("POST", "/v1/verifications", body, idempotency_key=key))

    async def verification(self, verification_id: Id) -> Verification:
        """A verification as it is now."""
        return cast("Verification", await self._calls.json("GET", f"/v1/verifications/{verification_id}"))

    async def check(self, verification_id: Id, code: str) -> Verification:
        """Check a code; returns only when it is right. Not repeated by itself: each check may spend an attempt.

        Raises NotifyProblem: ``code_wrong`` with ``attempts_left``, ``code_expired``, ``attempts_exhausted``,
        ``code_superseded``, ``code_used``. When no answer came, look at the verification before asking again.
        """
        path = f"/v1/verifications/{verification_id}/check"
        return cast("Verification", await self._calls.json("POST", path, {"code": code}, repeatable=False))

    async def resend_code(self, verification_id: Id) -> Verification:
        """Send the same code by the next channel. Not repeated by itself."""
        path = f"/v1/verifications/{verification_id}/resend"
        return cast("Verification", await self._calls.json("POST", path, repeatable=False))

    async def code_events(self, verification_id: Id, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """What happens to the message with the code, until the event named ``end``."""
        async with aclosing(self._calls.events(f"/v1/verifications/{verification_id}/events", after)) as events:
            async for event in events:
                yield event

    # --- patients -----------------------------------------------------------------------------------------------------

    async def put_patient(self, patient_id: Id, document: PatientDocument | Mapping[str, Any]) -> StoredPatient:
        """Store the minimum of a patient; ESOZ's own person may be given as it is."""
        return cast("StoredPatient", await self._calls.json("PUT", f"/v1/patients/{patient_id}", document))

    async def get_patient(self, patient_id: Id) -> StoredPatient:
        """What is stored of a patient, masked."""
        return cast("StoredPatient", await self._calls.json("GET", f"/v1/patients/{patient_id}"))

    async def delete_patient(self, patient_id: Id) -> None:
        """Forget a patient. Status 404: there is none, which after a lost answer may be this call's own work."""
        await self._calls.call("DELETE", f"/v1/patients/{patient_id}")

    def _key(self, given: str | None) -> str:
        return given if given is not None else str(self._new_key())


def order(kind: PublicKindName, data: Mapping[str, str], **asked: Unpack[Asked]) -> NotificationRequest:
    """The body of POST /v1/notifications; what is None is left out."""
    return cast("NotificationRequest", _plain({"kind": kind, "data": dict(data), **asked}))


def _plain(members: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has it; what is None is left out."""
    return {name: _text(value) for name, value in members.items() if value is not None}


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _passes(result: BatchResult) -> bool:
    """Whether the service may take this line a moment later."""
    in_flight = result.get("problem", {}).get("code") == "idempotency_in_flight"
    return result["status"] == _UNAVAILABLE or in_flight
