"""A delivery that a test can drive: routes, providers, and a story that keeps every fact it was told.

What belongs here: the short hand of the tests of the cascade beside this file. What does not: rules and expectations.
"""

from datetime import UTC, datetime, timedelta

from esoz_notify.core.cascade import (
    CancelAsked,
    Due,
    Event,
    Printed,
    Replied,
    Reported,
    ResendAsked,
    World,
    advance,
)
from esoz_notify.core.channel import Channel, Providers, ProviderView, Step
from esoz_notify.core.delivery import Attempt, Delivery, Fact, RetryPlanned, StepWaits, due_at
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Result
from esoz_notify.core.status import Status

T0 = datetime(2026, 1, 10, 12, tzinfo=UTC)

DIIA, VIBER, SMS, PRINT = Step(Channel.DIIA, 120.0), Step(Channel.VIBER, 90.0), Step(Channel.SMS), Step(Channel.PRINT)

PUSH = ProviderView(name="push", recovery=Recovery.SAME_KEY)
CHAT = ProviderView(name="chat", recovery=Recovery.SAME_KEY, validity_min_s=15.0)
CHAT_2 = ProviderView(name="chat-2", recovery=Recovery.SAME_KEY)
TEXT_A = ProviderView(name="text-a", recovery=Recovery.WAIT_THEN_OTHER)
TEXT_B = ProviderView(name="text-b", recovery=Recovery.WAIT_THEN_OTHER)
KEYED = ProviderView(name="keyed", recovery=Recovery.SAME_KEY)

ALL: Providers = {Channel.DIIA: (PUSH,), Channel.VIBER: (CHAT,), Channel.SMS: (TEXT_A, TEXT_B)}


def delivery(
    *steps: Step, validity_s: float = 3600.0, status: Status = Status.ACCEPTED, is_code: bool = False
) -> Delivery:
    """A delivery as intake writes it at T0."""
    return Delivery(
        status=status,
        steps=steps or (VIBER, SMS),
        accepted_at=T0,
        valid_until=T0 + timedelta(seconds=validity_s),
        has_code=is_code,
        is_code=is_code,
    )


class Story:
    """One delivery, the time, the providers that are up, what else the world knows, and all facts so far."""

    def __init__(self, state: Delivery, providers: Providers | None = None) -> None:
        self.start = self.state = state
        self.providers = ALL if providers is None else providers
        self.configured: frozenset[Channel] = frozenset()
        self.remembered: dict[Channel, Reason] = {}
        self.facts: tuple[Fact, ...] = ()
        self.now = T0

    def tell(self, event: Event, *, at_s: float | None = None) -> tuple[Fact, ...]:
        """Let something happen, at a later time if it is given; gives the new facts."""
        if at_s is not None:
            self.now = at(at_s)
        self.state, facts = advance(
            self.state, event, World(self.now, self.providers, self.configured, self.remembered)
        )
        self.facts += facts
        return facts

    def due(self, at_s: float | None = None) -> tuple[Fact, ...]:
        """Somebody looks: at the given time, or else when the agenda says."""
        agenda = due_at(self.state)
        if at_s is None and agenda is not None:
            self.now = max(self.now, agenda)
        return self.tell(Due(), at_s=at_s)

    def reply(self, result: Result, no: int | None = None, *, at_s: float | None = None) -> tuple[Fact, ...]:
        """The provider of the last attempt, or of another, answers."""
        return self.tell(Replied(self.last.no if no is None else no, result), at_s=at_s)

    def accept(self, part_count: int = 1, no: int | None = None, *, at_s: float | None = None) -> tuple[Fact, ...]:
        """The provider takes the message."""
        return self.reply(Accepted(tuple(f"id-{part}" for part in range(part_count))), no, at_s=at_s)

    def receipt(
        self,
        state: ReceiptState,
        reason: Reason | None = None,
        no: int | None = None,
        part: int = 0,
        at_s: float | None = None,
    ) -> tuple[Fact, ...]:
        """A receipt about the last attempt, or about another."""
        return self.tell(Reported(self.last.no if no is None else no, part, state, reason), at_s=at_s)

    def cancel(self, at_s: float | None = None) -> tuple[Fact, ...]:
        """The caller withdraws it."""
        return self.tell(CancelAsked(), at_s=at_s)

    def resend(self, at_s: float | None = None) -> tuple[Fact, ...]:
        """The caller asks for it once more."""
        return self.tell(ResendAsked(), at_s=at_s)

    def fetch_for_print(self, at_s: float | None = None) -> tuple[Fact, ...]:
        """The summary is fetched for print."""
        return self.tell(Printed(), at_s=at_s)

    @property
    def last(self) -> Attempt:
        """The last attempt."""
        return self.state.attempts[-1]

    @property
    def due_s(self) -> float | None:
        """When the agenda says to look, in seconds since T0."""
        agenda = due_at(self.state)
        return None if agenda is None else (agenda - T0).total_seconds()

    @property
    def channels(self) -> list[Channel]:
        """Channels of the attempts, in order."""
        return [attempt.channel for attempt in self.state.attempts]

    @property
    def tried(self) -> list[str]:
        """Providers of the attempts, in order."""
        return [attempt.provider for attempt in self.state.attempts]


def at(seconds: float) -> datetime:
    """So many seconds after T0."""
    return T0 + timedelta(seconds=seconds)


def names(facts: tuple[Fact, ...]) -> list[str]:
    """Facts by name."""
    return [type(fact).__name__ for fact in facts]


def pause_s(facts: tuple[Fact, ...]) -> float:
    """The pause that the last of these facts plans, in seconds."""
    planned = facts[-1]
    assert isinstance(planned, RetryPlanned | StepWaits)
    return (planned.retry_at - planned.at).total_seconds()
