"""Random worlds for the cascade: whatever happens in whatever order, the promises hold after every step."""

import json
from collections.abc import Iterable
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.core.deliveries import T0

from esoz_notify.core.cascade import (
    TABLE,
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
from esoz_notify.core.channel import GUARANTEED, Channel, Providers, ProviderView, Step
from esoz_notify.core.delivery import (
    AttemptRepeated,
    AttemptStarted,
    Because,
    Delivery,
    Ended,
    Fact,
    StepWaits,
    due_at,
    evolve,
    lease_ends_at,
)
from esoz_notify.core.errors import LimitReached, RefusedTransition
from esoz_notify.core.history import from_record, replay, to_record
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Refused, Result, TryLater, Unknown
from esoz_notify.core.status import LIVE, Outcome, Status, is_terminal

LOOKS_MAX = 3000
_windows = st.sampled_from([2.0, 20.0, 90.0, 600.0])
_recoveries = st.sampled_from(Recovery)
_reasons = st.sampled_from(Reason)
_results: st.SearchStrategy[Result] = st.one_of(
    st.integers(1, 3).map(lambda count: Accepted(tuple(map(str, range(count))))),
    st.builds(Refused, _reasons),
    st.builds(TryLater, _reasons, st.sampled_from([0.0, 0.5, 7.0, 1e300])),
    st.builds(Unknown, st.sampled_from([Reason.NO_ANSWER, Reason.PROVIDER_FAULT])),
)


@st.composite
def _steps(draw: st.DrawFn) -> tuple[Step, ...]:
    first = draw(st.lists(st.sampled_from([Channel.DIIA, Channel.VIBER]), unique=True))
    return (*(Step(channel, draw(_windows)) for channel in first), Step(Channel.SMS))


@st.composite
def _providers(draw: st.DrawFn) -> Providers:
    return {
        channel: tuple(
            ProviderView(
                name=f"{channel}-{number}",
                recovery=draw(_recoveries),
                validity_min_s=draw(st.sampled_from([0.0, 15.0, 300.0])),
            )
            for number in range(draw(st.integers(1, 3)))
        )
        for channel in (Channel.DIIA, Channel.VIBER, Channel.SMS)
    }


def _history_of(facts: Iterable[Fact]) -> Iterable[Fact]:
    """Facts as they come back from the ledger, through JSON."""
    for fact in facts:
        name, record = to_record(fact)
        yield from_record(name, fact.at, json.loads(json.dumps(record)))


class CascadeWorld(RuleBasedStateMachine):
    """One delivery among providers, callers, doctors and clocks that do as they please."""

    state: Delivery

    @initialize(
        steps=_steps(),
        providers=_providers(),
        validity_s=st.sampled_from([1.0, 10.0, 40.0, 300.0, 1500.0]),
        on_paper=st.booleans(),
        has_code=st.booleans(),
        is_code=st.booleans(),
        knows_all=st.booleans(),
    )
    def accept(  # noqa: PLR0917 - all that differs between deliveries
        self,
        steps: tuple[Step, ...],
        providers: Providers,
        validity_s: float,
        on_paper: bool,
        has_code: bool,
        is_code: bool,
        knows_all: bool,
    ) -> None:
        self.start = self.state = Delivery(
            status=Status.PRINT_REQUIRED if on_paper else Status.ACCEPTED,
            steps=(Step(Channel.PRINT),) if on_paper else steps,
            accepted_at=T0,
            valid_until=T0 + timedelta(seconds=validity_s),
            has_code=has_code,
            is_code=is_code,
        )
        self.all_providers, self.up = providers, providers
        self.configured = frozenset(providers) if knows_all else frozenset()
        self.remembered: dict[Channel, Reason] = {}
        self.now = T0
        self.facts: list[Fact] = []

    # --- what may happen ----------------------------------------------------------------------------------------------

    @rule(pause_s=st.sampled_from([0.001, 0.6, 3.0, 5.0, 31.0, 200.0]))
    def time_passes(self, pause_s: float) -> None:
        self.now += timedelta(seconds=pause_s)

    @rule()
    def somebody_looks(self) -> None:
        self.happen(Due())

    @rule()
    def agenda_is_kept(self) -> None:
        agenda = due_at(self.state)
        if agenda is not None:
            self.now = max(self.now, agenda)
            self.happen(Due())

    @rule(data=st.data())
    def providers_fall_and_rise(self, data: st.DataObject) -> None:
        self.up = {
            channel: tuple(view for view in views if data.draw(st.booleans()))
            for channel, views in self.all_providers.items()
        }

    @rule(lessons=st.dictionaries(st.sampled_from(Channel), st.just(Reason.NOT_ON_CHANNEL)))
    def somebody_remembers(self, lessons: dict[Channel, Reason]) -> None:
        self.remembered = lessons

    @precondition(lambda self: self.state.attempts)
    @rule(data=st.data(), result=_results)
    def provider_replies(self, data: st.DataObject, result: Result) -> None:
        self.happen(Replied(self.some_attempt(data), result))

    @precondition(lambda self: self.state.attempts)
    @rule(
        data=st.data(),
        part=st.integers(0, 2),
        said=st.sampled_from(ReceiptState),
        reason=st.none() | _reasons,
    )
    def receipt_comes(self, data: st.DataObject, part: int, said: ReceiptState, reason: Reason | None) -> None:
        self.happen(Reported(self.some_attempt(data), part, said, reason))

    @rule()
    def receipt_of_nothing(self) -> None:
        self.happen(Reported(len(self.state.attempts), 0, ReceiptState.DELIVERED))

    @rule(event=st.sampled_from([CancelAsked(), ResendAsked(), ResendAsked(), Printed()]))
    def people_act(self, event: Event) -> None:
        self.happen(event)

    def some_attempt(self, data: st.DataObject) -> int:
        """The number of an attempt; mostly of the last one."""
        last = len(self.state.attempts) - 1
        return data.draw(st.one_of(st.just(last), st.integers(0, last)))

    # --- what must hold -----------------------------------------------------------------------------------------------

    def happen(self, event: Event) -> None:
        before = self.state
        row = TABLE.get((before.status, type(event)))
        try:
            after, facts = advance(before, event, World(self.now, self.up, self.configured, self.remembered))
        except (RefusedTransition, LimitReached):
            assert row is None or isinstance(event, ResendAsked | Reported)
            return
        assert row is not None, "what is not in the table is refused"
        assert after.status in row.leads_to
        state = before
        for fact in facts:
            self.check(state, fact)
            state = evolve(state, fact)
        assert sum(isinstance(fact, AttemptStarted | AttemptRepeated) for fact in facts) <= 1
        self.state, self.facts = state, [*self.facts, *facts]
        if isinstance(event, Due) and not is_terminal(state.status):
            agenda = due_at(state)
            assert agenda is not None
            assert agenda >= self.now, "a look must not ask for a look in the past, or it would be taken for ever"

    def check(self, state: Delivery, fact: Fact) -> None:
        """Promises about single facts, judged by the state just before them."""
        if isinstance(fact, AttemptStarted):
            assert self.now < state.valid_until
            assert state.status in {Status.ACCEPTED, Status.IN_DELIVERY}
            assert fact.no == len(state.attempts)
            self.check_choice(state, fact)
        if isinstance(fact, StepWaits):
            assert not state.is_code, "a code does not wait for a provider while another way is open"
            assert fact.channel not in GUARANTEED
            assert not any(view.validity_min_s == 0 for view in self.up.get(fact.channel, ()))
        if isinstance(fact, AttemptRepeated):
            assert self.now < state.valid_until
            assert state.current == state.attempts[fact.no]
            assert state.attempts[fact.no].recovery is Recovery.SAME_KEY
            assert state.attempts[fact.no].outcome is Outcome.UNKNOWN
        if isinstance(fact, Ended) and fact.status is Status.UNDELIVERED:
            assert any(attempt.channel in GUARANTEED for attempt in state.attempts)
        if isinstance(fact, Ended) and fact.status is Status.DELIVERED:
            assert any(attempt.outcome in {Outcome.DELIVERED, Outcome.READ} for attempt in state.attempts)

    def check_choice(self, state: Delivery, fact: AttemptStarted) -> None:
        """Promises about who is given the message."""
        life_s = (state.valid_until - self.now).total_seconds()
        able = {view.name for view in self.up.get(fact.channel, ()) if view.validity_min_s <= life_s}
        assert fact.provider in able
        assert fact.channel in GUARANTEED or fact.channel not in self.remembered
        earlier = [attempt for attempt in state.attempts if attempt.step == fact.step]
        if earlier and able - {earlier[-1].provider}:
            assert fact.provider != earlier[-1].provider, "not the one that has just failed while another is up"
        if fact.because is Because.REPEAT_AFTER_UNKNOWN and fact.step == state.step:
            assert earlier[-1].recovery is Recovery.WAIT_THEN_OTHER
            assert [one.outcome for one in earlier].count(Outcome.UNKNOWN) == 1, "one repeat for an unknown"
        if earlier and earlier[-1] == state.current and earlier[-1].recovery is Recovery.SAME_KEY:
            assert fact.because is not Because.REPEAT_AFTER_UNKNOWN

    @invariant()
    def history_replays_to_the_state(self) -> None:
        assert replay(self.start, _history_of(self.facts)) == self.state

    @invariant()
    def ends_are_dated_exactly_when_they_are_ends(self) -> None:
        assert (self.state.ended_at is not None) == is_terminal(self.state.status)
        for attempt in self.state.attempts:
            assert (attempt.ended_at is not None) == (attempt.outcome not in LIVE)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        agenda = due_at(self.state)
        if not is_terminal(self.state.status):
            assert agenda is not None
            assert agenda <= self.state.valid_until
        for attempt in self.state.attempts:
            if attempt.outcome is Outcome.SUBMITTING:
                assert agenda is not None
                assert agenda <= lease_ends_at(attempt)

    @invariant()
    def only_the_last_attempt_is_waited_for(self) -> None:
        current = self.state.current
        assert current is None or current == self.state.attempts[-1]
        assert current is None or current.outcome in LIVE

    def teardown(self) -> None:
        """Left to its agenda alone, it ends by its validity, its code is erased, and then nobody looks any more."""
        latest = max(self.now, self.state.valid_until)
        for _ in range(LOOKS_MAX):
            agenda = due_at(self.state)
            if agenda is None:
                break
            self.now = max(self.now, agenda)
            self.happen(Due())
        assert due_at(self.state) is None
        assert is_terminal(self.state.status)
        assert self.state.ended_at is not None
        assert self.state.ended_at <= latest
        assert self.state.erased == self.state.has_code
        assert all(attempt.outcome is not Outcome.SUBMITTING for attempt in self.state.attempts)
        self.history_replays_to_the_state()


TestCascadeWorld = CascadeWorld.TestCase
TestCascadeWorld.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
