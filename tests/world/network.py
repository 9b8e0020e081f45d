"""The network between a worker and a provider that speaks HTTP: it loses, delays and doubles what it carries.

What belongs here: the fate of one request and its answer. What does not: what they say.
"""

from collections.abc import Callable
from typing import Protocol

from tests.world.aggregators import Handle
from tests.world.stage import Action, Stage

from esoz_notify.channels.dialogue import HttpCall, HttpReply, NoReply
from esoz_notify.core.limits import PROVIDER_TIMEOUT_S

Answered = Callable[[HttpReply | NoReply], object]


class Server(Protocol):
    """A provider with an address."""

    down_until_us: int

    @property
    def handle(self) -> Handle: ...


class Later(Protocol):
    """Plans something for a process that may be dead or asleep by then."""

    def __call__(self, delay_s: float, action: Action) -> None: ...


class Exchange:
    """One request and its answer. ``later``: of the worker that asks; ``answered`` is called once."""

    def __init__(self, stage: Stage, later: Later, server: Server, call: HttpCall, answered: Answered) -> None:
        self._stage = stage
        self._later = later
        self._server = server
        self._call = call
        self._answered: Answered | None = answered
        self._left_at = stage.timeline.now

    def start(self) -> None:
        """Send the request."""
        stage, temper = self._stage, self._stage.temper
        down = stage.timeline.now_us < self._server.down_until_us
        if down or stage.chance(temper.refuse_connection):
            stage.count("connections refused")
            self._later(stage.between(0.0, 0.5), lambda: self._settle(NoReply(sent=False, detail="refused")))
            return
        self._later(PROVIDER_TIMEOUT_S, lambda: self._settle(NoReply(sent=True, detail="timeout")))
        if stage.chance(temper.lose_request):
            stage.count("requests lost")
            self._break()
            return
        stage.timeline.after(stage.between(0.001, 0.2), self._arrive)
        if stage.chance(temper.double_request):
            stage.count("requests doubled")
            stage.timeline.after(stage.between(0.001, 3.0), self._echo)

    def _arrive(self) -> None:
        stage, temper = self._stage, self._stage.temper
        reply = self._server.handle(self._call, self._left_at)
        if reply is None or stage.chance(temper.lose_answer):
            stage.count("answers lost")
            self._break()
            return
        delay_s = stage.between(0.001, 0.3)
        if stage.chance(temper.slow_answer):
            stage.count("answers late")
            delay_s = stage.between(2.0, 14.0)
        self._later(delay_s, lambda: self._settle(reply))

    def _echo(self) -> None:
        self._stage.is_echo = True
        self._server.handle(self._call, self._left_at)
        self._stage.is_echo = False

    def _break(self) -> None:
        """Sometimes the connection breaks and the worker knows at once, sometimes it waits in vain."""
        if self._stage.chance(0.5):
            self._later(self._stage.between(0.0, 1.0), lambda: self._settle(NoReply(sent=True, detail="reset")))

    def _settle(self, heard: HttpReply | NoReply) -> None:
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(heard)
