"""What this worker has in hand, and which providers may be given more.

What belongs here: room per provider and lane, so that a slow one fills its own share and nothing that others need. What
does not: whether a provider works (``health``), sending (``providers``).
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from esoz_notify.core.channel import Channel, Providers
from esoz_notify.core.kinds import Lane
from esoz_notify.engine.health import Health
from esoz_notify.engine.providers import Provider, providers_now
from esoz_notify.engine.sight import Sight
from esoz_notify.engine.spans import Trace

IN_HAND_MAX = {Lane.CODES: 1000, Lane.DOCUMENTS: 2000}
"""Attempts of one worker between claim and recorded outcome; each provider may hold an equal share of them."""


class InHand:
    """Attempts that this worker has taken and whose outcome is not recorded yet."""

    def __init__(self) -> None:
        self._held: dict[tuple[UUID, int], tuple[str, str, float]] = {}
        self._traces: dict[tuple[UUID, int], Trace] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    def take(self, attempt: tuple[UUID, int], provider: str, lane: str, trace: Trace | None = None) -> None:
        """An attempt is handed over to be sent. ``trace``: of its caller, when that keeps one."""
        self.drop(attempt)
        if trace is not None:
            self._traces[attempt] = trace
        self._held[attempt] = (provider, lane, time.monotonic())
        self._counts[provider, lane] += 1

    def drop(self, attempt: tuple[UUID, int]) -> None:
        """Its outcome is recorded; nothing happens when it is not in hand."""
        self._traces.pop(attempt, None)
        held = self._held.pop(attempt, None)
        if held is not None:
            self._counts[held[0], held[1]] -= 1

    def holds(self, notification_id: UUID, no: int) -> bool:
        """Whether this attempt is in hand."""
        return (notification_id, no) in self._held

    def trace(self, notification_id: UUID, no: int) -> Trace | None:
        """The trace that it is part of, if anybody keeps it."""
        return self._traces.get((notification_id, no))

    def counts(self) -> dict[tuple[str, str], int]:
        """How many there are by provider and lane."""
        return dict(self._counts)

    def of(self, provider: str, lane: str) -> int:
        """How many a provider has of a lane."""
        return self._counts[provider, lane]

    def in_lane(self, lane: str) -> int:
        """How many there are of a lane."""
        return sum(count for (_, other), count in self._counts.items() if other == lane)

    def older_than(self, age_s: float) -> set[UUID]:
        """Notifications whose attempts have been in hand for so long."""
        before_s = time.monotonic() - age_s
        return {attempt[0] for attempt, (_, _, since_s) in self._held.items() if since_s < before_s}


class Outlook:
    """Looks at providers for decisions, one ``look`` for each batch. ``elsewhere``: those that others can use."""

    def __init__(
        self,
        providers: Sequence[Provider],
        health: Health,
        in_hand: InHand,
        elsewhere: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self._elsewhere = elsewhere
        self._providers = list(providers)
        self._health = health
        self._in_hand = in_hand
        self._configured: frozenset[Channel] = frozenset(one.capabilities.channel for one in providers)
        self._room = {lane.value: most // max(len(self._providers), 1) for lane, most in IN_HAND_MAX.items()}

    def away(self) -> frozenset[str]:
        """Providers that another worker can use and this one cannot: what goes by them is left to the other."""
        elsewhere = self._elsewhere()
        return frozenset(one.name for one in self._providers if one.name in elsewhere and not one.is_up())

    def look(self) -> Sight:
        """What a batch may know; what it takes counts at once, though it is handed over only when it is recorded.

        Worked out once for each lane, and anew only when a provider has taken its last one.
        """
        taken: Counter[tuple[str, str]] = Counter()
        seen: dict[tuple[str, bool, frozenset[str]], Providers] = {}
        away = self.away()

        def has(name: str, lane: str) -> int:
            return self._in_hand.of(name, lane) + taken[name, lane]

        def usable(name: str, lane: str) -> bool:
            return self._health.offered(name, lane, sum(has(name, one) for one in self._room))

        def free(name: str, lane: str) -> bool:
            return usable(name, lane) and has(name, lane) < self._room[lane]

        def of(lane: str, *, room: bool, more: frozenset[str] = frozenset()) -> Providers:
            if (lane, room, more) not in seen:
                may = free if room else usable
                listed = [one for one in self._providers if may(one.name, lane)]
                seen[lane, room, more] = providers_now(listed, more)
            return seen[lane, room, more]

        def took(name: str, lane: str) -> None:
            taken[name, lane] += 1
            self._health.given(name)
            if not free(name, lane):
                seen.clear()

        narrow = Sight(
            usable=lambda lane: of(lane, room=False),
            free=lambda lane: of(lane, room=True),
            took=took,
            configured=self._configured,
            holds=self._in_hand.holds,
        )
        if not away:
            return narrow
        wide = replace(
            narrow,
            usable=lambda lane: of(lane, room=False, more=away),
            free=lambda lane: of(lane, room=True, more=away),
        )
        return replace(narrow, away=away, wide=wide)
