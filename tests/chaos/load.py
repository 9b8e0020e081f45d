"""The load of the crash test: a bounded stream of requests, each repeated under its key until it is answered.

What belongs here: what is asked of the API and of the lab's phones. What does not: judging what became of it
(``records``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from random import Random
from typing import Any, Protocol, TypeVar, Unpack
from uuid import UUID

import aiohttp

from esoz_notify.client import (
    Accepted,
    Asked,
    InlineRecipient,
    Notification,
    NotifyClient,
    NotifyProblem,
    PublicKindName,
)
from esoz_notify.engine.clock import LedgerClock

Answer = TypeVar("Answer")

LIFE_S = 60.0
"""Validity of what is sent: over a provider's shortest (30 s), and short, so that the end of a run is near."""
OPEN_MAX = 300
"""Requests without an answer; the stream pauses beyond it."""
PAUSE_MAX_S = 0.3
REPEATED = frozenset({0, 429, 502, 503, 504})
CANCEL_SHARE, RESEND_SHARE = 0.03, 0.03

PHONES: dict[str, tuple[int, dict[str, Any]]] = {
    "viber": (30, {}),
    "no viber": (20, {"viber": False}),
    "silent viber": (10, {"viber_silent": True}),
    "late viber": (10, {"viber_latency_ms": [2200, 5000]}),
    "diia": (20, {"diia": True}),
    "absent": (10, {"viber": False, "sms_absent": True}),
}
"""Kinds of phones: how many of a hundred, and how they differ from one that has everything on."""


def number(position: int) -> str:
    """The phone of the request at this position: each has its own, so that messages are told apart by it."""
    return f"+38000{position + 1:07d}"


class Caller(Protocol):
    """What of the published client is used here."""

    async def send(
        self,
        kind: PublicKindName,
        data: Mapping[str, str],
        *,
        idempotency_key: str | None = None,
        **asked: Unpack[Asked],
    ) -> Accepted:
        """Have somebody informed."""

    async def cancel(self, notification_id: str | UUID) -> Notification:
        """Withdraw it."""

    async def resend(self, notification_id: str | UUID) -> Notification:
        """Send it again."""


@dataclass(slots=True, kw_only=True)
class Sent:
    """One request. ``id``: what the API answered 202 with, and when; ``refused``: what no repeat would change."""

    position: int
    key: str
    kind: PublicKindName
    phone_kind: str
    id: UUID | None = None
    answered_at: datetime | None = None
    refused: str = ""


@dataclass(slots=True)
class Load:
    """Sends until it is finished; each try goes to the next of ``clients``.

    ``rate``: requests a second; ``life_s``: validity of each.
    """

    clients: Sequence[Caller]
    lab: aiohttp.ClientSession
    clock: LedgerClock
    random: Random
    rate: float
    life_s: float = LIFE_S
    sent: list[Sent] = field(default_factory=list)
    _turn: Iterator[Caller] = field(init=False)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._turn = cycle(self.clients)

    @property
    def accepted(self) -> int:
        """Requests that were answered 202."""
        return sum(one.id is not None for one in self.sent)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await asyncio.sleep(self.random.expovariate(self.rate))
            if len(self._tasks) < OPEN_MAX:
                task = asyncio.create_task(self._one(self._new()))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def finish(self, limit_s: float) -> None:
        """Wait until everything asked is answered, at most so long, and give up the rest. Raises what broke one."""
        asked = set(self._tasks)
        if asked:
            await asyncio.wait(asked, timeout=limit_s)
        await self.give_up()
        for task in asked:
            if not task.cancelled():
                task.result()

    async def give_up(self) -> None:
        """Ask nothing more: what has no answer yet stays without."""
        left = set(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _new(self) -> Sent:
        position = len(self.sent)
        phone_kind = self.random.choices(list(PHONES), [share for share, _ in PHONES.values()])[0]
        kinds: list[PublicKindName] = ["prescription_issued", "referral_issued"]
        if phone_kind != "diia":
            kinds += ["confirmation_code", "confirmation_code"]
        sent = Sent(position=position, key=f"chaos-{position}", kind=self.random.choice(kinds), phone_kind=phone_kind)
        self.sent.append(sent)
        return sent

    async def _one(self, sent: Sent) -> None:
        behaviour = PHONES[sent.phone_kind][1]
        tax_id = f"{sent.position + 1:010d}"
        if behaviour:
            await self._phone(sent, **behaviour, **({"tax_id": tax_id} if sent.phone_kind == "diia" else {}))
        recipient: InlineRecipient = {"phone": number(sent.position)}
        if sent.phone_kind == "diia":
            recipient["tax_id"] = tax_id
        fate, absent_s, later_s = self.random.random(), self.random.uniform(1, 4), self.random.uniform(0, 3)
        valid_until = self.clock.now() + timedelta(seconds=self.life_s)
        try:
            answer = await _until_answered(
                lambda: next(self._turn).send(
                    sent.kind,
                    _data(sent),
                    recipient=recipient,
                    reference=sent.key,
                    valid_until=valid_until,
                    idempotency_key=sent.key,
                )
            )
        except NotifyProblem as problem:
            sent.refused = problem.code
            return
        sent.id, sent.answered_at = UUID(answer["id"]), self.clock.now()
        if sent.phone_kind == "absent":
            await asyncio.sleep(absent_s)
            await self._phone(sent, sms_absent=False)
        elif fate < CANCEL_SHARE + RESEND_SHARE:
            await asyncio.sleep(later_s)
            with suppress(NotifyProblem):  # delivered already, resent too often, or the one answer of a resend is lost
                if fate < CANCEL_SHARE:
                    await _until_answered(lambda: next(self._turn).cancel(answer["id"]))
                else:
                    await next(self._turn).resend(answer["id"])

    async def _phone(self, sent: Sent, **behaviour: Any) -> None:
        """Make the handset behave, as soon as the lab answers."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self.lab.put(f"/phones/{number(sent.position)}", json=behaviour) as reply:
                    reply.raise_for_status()
                    return
            await asyncio.sleep(PAUSE_MAX_S)


def a_client(base_url: str, client_id: str, secret: str) -> NotifyClient:
    """The published client, less patient between its tries: an outage here lasts a second."""
    return NotifyClient(base_url, client_id, secret, sleep=lambda pause_s: asyncio.sleep(min(pause_s, PAUSE_MAX_S)))


async def _until_answered(call: Callable[[], Awaitable[Answer]]) -> Answer:
    while True:
        try:
            return await call()
        except NotifyProblem as problem:
            if problem.status not in REPEATED and problem.code != "idempotency_in_flight":
                raise
        await asyncio.sleep(PAUSE_MAX_S)


def _data(sent: Sent) -> dict[str, str]:
    if sent.kind == "confirmation_code":
        return {"verification_code": f"{sent.position % 10_000:04d}"}
    if sent.kind == "prescription_issued":
        return {"request_number": "0000-243P-1X53-EH38", "verification_code": f"{sent.position % 10_000:04d}"}
    return {"request_number": "0123-4567-89AB-CEIK"}
