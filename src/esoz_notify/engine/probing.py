"""Synthetic probes inside the product: a real message to a test phone, by one provider, in one lane, to its receipt.

What belongs here: when a probe begins, sending it by the way of every message, following it. What does not: judging
(``core.probe``), the SQL (store), showing (console, ``api.metrics``).

A probe is accepted by intake like any notification, of a caller that nobody can register, and its route names its
provider. Its row is written first and its id is the idempotency key, so whoever sends it again sends nothing new.
"""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from esoz_notify.core.cascade import CancelAsked
from esoz_notify.core.channel import GUARANTEED, Channel, Step
from esoz_notify.core.errors import NotFound, NotifyError, RefusedTransition, Unavailable
from esoz_notify.core.kinds import Lane, PolicyColumn
from esoz_notify.core.probe import FAILURES_ALARM, NOT_SENT, Judged, failures_in_row, judge
from esoz_notify.engine.applying import apply_events
from esoz_notify.engine.audit import Action, Deed, note
from esoz_notify.engine.clock import new_id
from esoz_notify.engine.intake import Asked, Intake
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.policies import PolicyBook
from esoz_notify.engine.requests import Order, read_order
from esoz_notify.store import health, probes, reading
from esoz_notify.store.ledger import Connection
from esoz_notify.store.probes import Probe

log = logging.getLogger(__name__)

CLIENT = "_probe"
"""Whose notifications probes are: ids of callers cannot begin so."""
TURN_S = 1.0
KEPT = timedelta(days=35)
_LIFE_AFTER_S = 300.0
"""A message lives so much longer than it is waited for: some providers take none with less life."""
_FORGET_TURNS = 3600

_FINGERPRINT = b"probe"
_COLUMNS = {Lane.CODES: (PolicyColumn.CODES,), Lane.DOCUMENTS: (PolicyColumn.DOCUMENTS, PolicyColumn.REST)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom to probe a provider with. ``tax_id``: for Diia."""

    provider: str
    channel: Channel
    phone: str
    tax_id: str | None = None

    def __repr__(self) -> str:
        # A test phone is somebody's phone.
        return f"Target(provider={self.provider!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeStanding:
    """A provider in a lane, as its probes have it. ``last``: the newest with a result; ``under_way``: one is."""

    provider: str
    lane: str
    last: Probe | None
    failures: int
    under_way: bool

    @property
    def is_alarm(self) -> bool:
        """Whether it has failed so often in a row that a person should look."""
        return self.failures >= FAILURES_ALARM


class Probing:
    """Sends and follows probes. ``targets``: none, and nothing is ever probed."""

    def __init__(  # noqa: PLR0913 - what it works with, and its times
        self,
        ledger: Ledger,
        intake: Intake,
        policies: PolicyBook,
        targets: Sequence[Target],
        *,
        every_s: float,
        limit_s: float,
    ) -> None:
        self._ledger = ledger
        self._intake = intake
        self._policies = policies
        self._targets = {target.provider: target for target in targets}
        self._every = timedelta(seconds=every_s)
        self._limit_s = limit_s
        self.known: tuple[ProbeStanding, ...] = ()

    @property
    def providers(self) -> frozenset[str]:
        """Those that are probed."""
        return frozenset(self._targets)

    async def standings(self) -> tuple[ProbeStanding, ...]:
        """Every provider and lane that is probed. Raises Unavailable."""
        pairs = self._pairs(self._ledger.clock.now())
        async with self._ledger.transaction() as connection:
            return _standings(pairs, await probes.latest(connection, pairs))

    async def ask(self, provider: str, *, actor: str) -> None:
        """Begin probes of a provider now, in each lane in which none is under way.

        Raises NotFound when it is not probed, RefusedTransition while a person holds it.
        """
        if provider not in self._targets:
            raise NotFound("this provider is not probed; see ESOZ_NOTIFY_PROBES", code="probe_unknown")
        now = self._ledger.clock.now()
        async with self._ledger.transaction() as connection:
            await probes.wait_alone(connection)
            if provider in await self._held(connection):
                raise RefusedTransition("it is held: nothing new is given to it", code="probe_held")
            pairs = [pair for pair in self._pairs(now) if pair[0] == provider]
            known = _standings(pairs, await probes.latest(connection, pairs))
            free = [one for one in known if not one.under_way]
            for one in free:
                await _begin(connection, one, now)
            if free:
                deed = Deed(actor=actor, action=Action.PROVIDER_PROBED, subject=f"provider:{provider}")
                await note(connection, deed)

    async def run(self) -> None:
        """Probe for ever."""
        turns = 0
        while True:
            try:
                await self.turn()
                turns += 1
                if turns % _FORGET_TURNS == 0:
                    async with self._ledger.transaction() as connection:
                        await probes.forget(connection, KEPT)
            except Unavailable as error:
                log.warning("probes: %s", error)
            except Exception:
                log.exception("probes: a turn failed; trying again")
            await asyncio.sleep(TURN_S)

    async def turn(self) -> None:
        """Begin what is due, judge what is under way, send what is not sent yet; one process at a time."""
        now = self._ledger.clock.now()
        pairs, waiting = self._pairs(now), []
        async with self._ledger.transaction() as connection:
            if await probes.is_alone(connection):
                await self._begin_due(connection, pairs, now)
                waiting = await self._follow(connection, now)
            self.known = _standings(pairs, await probes.latest(connection, pairs))
        for probe in waiting:
            await self._send(probe)

    # --- parts of a turn ----------------------------------------------------------------------------------------------

    async def _begin_due(self, connection: Connection, pairs: Sequence[tuple[str, str]], now: datetime) -> None:
        held = await self._held(connection)
        for one in _standings(pairs, await probes.latest(connection, pairs)):
            is_due = one.last is None or now - one.last.begun_at >= self._every
            if is_due and not one.under_way and one.provider not in held:
                await _begin(connection, one, now)

    async def _follow(self, connection: Connection, now: datetime) -> list[Probe]:
        """Judge those under way; gives those that are still to be sent."""
        waiting = []
        for probe in await probes.under_way(connection):
            target = self._targets.get(probe.provider)
            if probe.notification_id is not None:
                await self._judge(connection, probe, now)
            elif target is None or (now - probe.begun_at).total_seconds() >= self._limit_s:
                await probes.end(connection, probe.id, Judged(ok=False, reason=NOT_SENT), now)
            else:
                waiting.append(probe)
        return waiting

    async def _judge(self, connection: Connection, probe: Probe, now: datetime) -> None:
        assert probe.notification_id is not None
        stored = await reading.one(connection, probe.notification_id)
        target = self._targets.get(probe.provider)
        proves = target is None or target.channel is not Channel.DIIA
        judged: Judged | None = Judged(ok=False, reason=NOT_SENT)
        if stored is not None:
            judged = judge(stored.state, now, self._limit_s, proves=proves)
        if judged is None:
            return
        await probes.end(connection, probe.id, judged, now)
        if not judged.ok or judged.receipt_s is None:
            # Nobody waits for it any more; what is over already refuses that, and it does not matter.
            await apply_events(connection, [(probe.notification_id, CancelAsked())], dict)
        if not judged.ok:
            ids = {"provider": probe.provider, "lane": probe.lane, "notification_id": str(probe.notification_id)}
            log.warning("probe of %s for %s failed: %s", probe.provider, probe.lane, judged.reason, extra=ids)

    async def _send(self, probe: Probe) -> None:
        order = _order(self._targets[probe.provider], Lane(probe.lane), self._ledger.clock.now(), self._limit_s)
        asked = Asked(client_id=CLIENT, key=str(probe.id), fingerprint=_FINGERPRINT, order=order)
        try:
            taken = await self._intake.accept(asked)
        except NotifyError as error:
            log.warning("probe of %s for %s was not accepted: %s", probe.provider, probe.lane, error.code)
            return
        async with self._ledger.transaction() as connection:
            await probes.sent(connection, probe.id, taken.stored.id)

    async def _held(self, connection: Connection) -> set[str]:
        found, _ = await health.read(connection, self._targets)
        return {name for name, one in found.items() if one.hold is not None}

    def _pairs(self, now: datetime) -> list[tuple[str, str]]:
        """Providers and the lanes in which the policy of the day uses their channels."""
        routes = self._policies.in_force(now).routes
        return [
            (target.provider, lane.value)
            for target in self._targets.values()
            for lane, columns in _COLUMNS.items()
            if any(step.channel is target.channel for column in columns for step in routes[column])
        ]


def _standings(pairs: Sequence[tuple[str, str]], latest: Sequence[Probe]) -> tuple[ProbeStanding, ...]:
    found = []
    for provider, lane in pairs:
        own = [one for one in latest if (one.provider, one.lane) == (provider, lane)]
        ended = [one for one in own if one.judged is not None]
        results = [one.judged.ok for one in ended if one.judged is not None]
        found.append(
            ProbeStanding(
                provider=provider,
                lane=lane,
                last=ended[0] if ended else None,
                failures=failures_in_row(results),
                under_way=len(ended) < len(own),
            )
        )
    return tuple(found)


async def _begin(connection: Connection, one: ProbeStanding, now: datetime) -> None:
    await probes.begin(connection, Probe(id=new_id(now), provider=one.provider, lane=one.lane, begun_at=now))


def _order(target: Target, lane: Lane, now: datetime, limit_s: float) -> Order:
    """A message as patients get them, by this provider alone; paper would follow, which nobody prints."""
    recipient = {"phone": target.phone, **({"tax_id": target.tax_id} if target.tax_id else {})}
    asked: dict[str, object] = {"recipient": recipient, **_CONTENT[lane]}
    if lane is Lane.CODES:
        code = f"{secrets.randbelow(10_000):04}"
        asked["data"] = {"verification_code": code, "purpose": "перевірка каналу"}
    asked["valid_until"] = (now + timedelta(seconds=limit_s + _LIFE_AFTER_S)).isoformat()
    own = Step(target.channel, None if target.channel in GUARANTEED else limit_s, provider=target.provider)
    steps = (own,) if target.channel in GUARANTEED else (own, Step(Channel.PRINT))
    return replace(read_order(asked, now), steps=steps)


_CONTENT: dict[Lane, dict[str, object]] = {
    Lane.CODES: {"kind": "confirmation_code"},
    Lane.DOCUMENTS: {"kind": "referral_issued", "data": {"request_number": "0000-0000-0000-0000"}},
}
