"""A played process: what it has in memory, how it lives, dies and sleeps, and when its loops look.

What belongs here: the life around the work. What does not: the work (``worker``). A step is what happens at one moment;
what one step leaves for the next is lost with the process.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from tests.world.checks import Checks
from tests.world.engine import Sight
from tests.world.ledger import Ledger
from tests.world.links import Link
from tests.world.network import Server
from tests.world.stage import SECOND, Action, Stage

from esoz_notify.channels.dialogue import Adapter, Capabilities, OutboundMessage
from esoz_notify.core import limits
from esoz_notify.core.cascade import Event
from esoz_notify.core.channel import Channel, Providers, ProviderView
from esoz_notify.core.kinds import Lane
from esoz_notify.engine.worker import LOOK_S


class Died(Exception):
    """The process ends at this point of its code."""


@dataclass(slots=True)
class Provider:
    """One provider as a worker has it: by HTTP with an adapter and a server, or by SMPP with a link."""

    name: str
    capabilities: Capabilities
    adapter: Adapter | None = None
    server: Server | None = None
    link: Link | None = None

    @property
    def is_up(self) -> bool:
        """Whether it may be used now."""
        return self.link is None or self.link.is_up


@dataclass(frozen=True, slots=True)
class Queued:
    """A message waiting for its turn, since when, how long it is worth sending, and whether it was called before."""

    message: OutboundMessage
    since_us: int
    dies_us: int
    repeat: bool


@dataclass(slots=True)
class Outbox:
    """Messages of one provider and lane that wait for their turn."""

    queue: deque[Queued] = field(default_factory=deque)
    running: int = 0


@dataclass(slots=True)
class Life:
    """What a process has in its memory: gone when it dies."""

    in_hand: dict[tuple[UUID, int], int] = field(default_factory=dict)
    outboxes: dict[tuple[str, Lane], Outbox] = field(default_factory=dict)
    outcomes: list[tuple[UUID, Event]] = field(default_factory=list)
    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    looks_us: dict[str, int] = field(default_factory=dict)
    is_recording: bool = False
    is_beating: bool = False


class Process:
    """One process that may work, die and sleep. ``make_providers``: its providers, with links of its own."""

    def __init__(self, name: str, ledger: Ledger) -> None:
        self.name = name
        self.stage: Stage = ledger.stage
        self.ledger = ledger
        self.checks: Checks = ledger.checks
        self.providers: dict[str, Provider] = {}
        self.make_providers: Callable[[], Sequence[Provider]] = tuple
        self.life: Life | None = None
        self.asleep_until_us = 0
        ledger.listeners.append(self.plan)

    def plan(self) -> None:
        """See to it that every loop looks soon after there is something for it."""

    @property
    def is_working(self) -> bool:
        """Whether it is alive and awake."""
        return self.life is not None and self.stage.timeline.now_us >= self.asleep_until_us

    def has(self, attempt: tuple[UUID, int]) -> bool:
        """Whether an attempt is in its hands."""
        return self.life is not None and attempt in self.life.in_hand

    def start(self) -> None:
        """Begin a life."""
        if self.life is not None:
            return
        self.life = Life()
        self.asleep_until_us = 0
        self.providers = {provider.name: provider for provider in self.make_providers()}
        self.stage.note(None, self.name, "starts")
        for provider in self.providers.values():
            if provider.link is not None:
                self.later(self.stage.between(0.0, 0.2), provider.link.connect)
        self.checks.trouble()
        self.plan()

    def kill(self, where: str) -> None:
        """Die."""
        if self.life is None:
            return
        self.life = None
        self.stage.count("crashes")
        self.stage.count(f"crashed: {where}")
        self.stage.note(None, self.name, "dies:", where)
        for provider in self.providers.values():
            if provider.link is not None:
                provider.link.die()
        self.stage.timeline.after(self.stage.between(0.2, 15.0), self.start)

    def sleep(self, for_s: float) -> None:
        """Stop as a process that gets no processor, and go on later as if nothing had been."""
        if self.is_working:
            self.asleep_until_us = self.stage.timeline.now_us + int(for_s * SECOND)
            self.stage.count("pauses past the lease" if for_s > limits.LEASE_S else "pauses")
            self.stage.note(None, self.name, "sleeps for", f"{for_s:.2f} s")
            self.stage.timeline.at(self.asleep_until_us, self.checks.trouble)

    def point(self, where: str) -> None:
        """A point of the code at which a process may die, or fall asleep before its next step."""
        if self.stage.chance(self.stage.temper.crash):
            raise Died(where)
        if self.stage.chance(self.stage.temper.pause):
            self.sleep(self.stage.pick((0.5, 4.0, 7.0, 20.0, 60.0)) * self.stage.between(0.5, 1.5))

    def later(self, delay_s: float, action: Action) -> None:
        """Plan a step of this life; it does not happen in another, and not while asleep."""
        self.stage.timeline.after(delay_s, partial(self._step, self.life, action))

    def _step(self, life: Life | None, action: Action) -> None:
        if life is None or self.life is not life:
            return
        if self.stage.timeline.now_us < self.asleep_until_us:
            self.stage.timeline.at(self.asleep_until_us, partial(self._step, life, action))
            return
        try:
            action()
        except Died as death:
            self.kill(str(death))

    # --- when to look, and at what ----------------------------------------------------------------------------------

    def look_at(self, loop: str, at_us: int, look: Action) -> None:
        """Plan one look, unless one is planned that is soon enough."""
        assert self.life is not None
        life, now_us = self.life, self.stage.timeline.now_us
        at_us = max(at_us, now_us) + int(self.stage.between(0.0, LOOK_S) * SECOND)
        planned_us = life.looks_us.get(loop)
        if planned_us is not None and now_us <= planned_us <= at_us:
            return
        life.looks_us[loop] = at_us

        def turn() -> None:
            if life.looks_us.get(loop) == at_us:  # else an earlier look took its place
                del life.looks_us[loop]
                look()
                self.plan()

        self.later((at_us - now_us) / SECOND, turn)

    def sight(self) -> Sight:
        assert self.life is not None
        in_hand = self.life.in_hand
        configured = frozenset(provider.capabilities.channel for provider in self.providers.values())
        return Sight(self._usable(), configured, lambda notification, no: (notification, no) in in_hand)

    def _usable(self) -> Providers:
        up: dict[Channel, tuple[ProviderView, ...]] = {}
        for provider in self.providers.values():
            if provider.is_up and self.stage.timeline.now_us >= self.ledger.spared_us.get(provider.name, 0):
                able = provider.capabilities
                view = ProviderView(name=provider.name, recovery=able.recovery, validity_min_s=able.validity_min_s)
                up[able.channel] = (*up.get(able.channel, ()), view)
        return up
