"""Receipts: how they merge, what reasons mean, and that their order and number cannot matter."""

from itertools import permutations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.core.deliveries import SMS, TEXT_A, VIBER, Story, delivery

from esoz_notify.core.cascade import Reported
from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import AttemptStarted, Delivery
from esoz_notify.core.receipts import NEGATIVE, POSITIVE, REASONS, Fault, PartState, Reason, ReceiptState
from esoz_notify.core.status import LIVE, Outcome, Status

_parts = st.builds(PartState, st.sampled_from(ReceiptState), st.none() | st.sampled_from(Reason))
S = ReceiptState


@given(_parts, _parts, _parts)
def test_merge_is_a_maximum(one: PartState, other: PartState, third: PartState) -> None:
    """Merging is commutative, associative and idempotent, and what is merged in is never forgotten."""
    assert one.merge(other) == other.merge(one)
    assert one.merge(other).merge(third) == one.merge(other.merge(third))
    assert one.merge(one) == one
    assert one.merge(other).merge(other) == one.merge(other)
    assert one.merge(other).state == max(one.state, other.state)


@given(_parts)
def test_nothing_known_is_neutral(part: PartState) -> None:
    """The state of a part nobody has spoken of changes nothing that is known."""
    assert part.merge(PartState()) == part


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        (PartState(S.UNDELIVERABLE, Reason.ABSENT), PartState(S.DELIVERED), PartState(S.DELIVERED)),
        (PartState(S.DELIVERED), PartState(S.SEEN), PartState(S.SEEN)),
        (PartState(S.SUBMITTED), PartState(S.EXPIRED), PartState(S.EXPIRED)),
        (PartState(S.REJECTED), PartState(S.REJECTED, Reason.SENDER), PartState(S.REJECTED, Reason.SENDER)),
        (
            PartState(S.REJECTED, Reason.SENDER),
            PartState(S.REJECTED, Reason.BALANCE),
            PartState(S.REJECTED, Reason.BALANCE),
        ),
        (PartState(S.ACCEPTED), PartState(S.SUBMITTED), PartState(S.SUBMITTED)),
    ],
)
def test_which_word_is_stronger(one: PartState, other: PartState, merged: PartState) -> None:
    """A proof beats a failure, a failure beats an intermediate word, a told reason beats none, then the alphabet."""
    assert one.merge(other) == other.merge(one) == merged


def test_every_reason_has_a_meaning() -> None:
    """The table of reasons is whole, and what calls for a person of ours is never the patient's own matter."""
    assert set(REASONS) == set(Reason)
    assert {meaning.fault for meaning in REASONS.values()} == set(Fault)
    assert all(not meaning.alarm for meaning in REASONS.values() if meaning.fault in {Fault.PERSON, Fault.TIME})


def test_proofs_outrank_failures_outrank_the_rest() -> None:
    """The ranks of the states keep the three kinds apart."""
    rest = set(ReceiptState) - NEGATIVE - POSITIVE
    assert max(rest) < min(NEGATIVE)
    assert max(NEGATIVE) < min(POSITIVE)


# --- the order of receipts --------------------------------------------------------------------------------------------


def _two_attempts() -> Story:
    """Viber was accepted and its window ended; an SMS in two parts is accepted; nobody else could send."""
    story = Story(delivery(VIBER, SMS))
    story.providers = {**story.providers, Channel.SMS: (TEXT_A,)}
    story.due()
    story.accept()
    story.due()
    story.accept(2)
    return story


def _reasons(*faults: Fault) -> list[Reason]:
    return [reason for reason in Reason if REASONS[reason].fault in faults]


@st.composite
def _receipts(draw: st.DrawFn) -> list[Reported]:
    """A few receipts about both attempts. Failures of one set are all for good or all for now: see the test."""
    for_good = draw(st.booleans())
    reasons = _reasons(Fault.PERSON, Fault.MESSAGE) if for_good else _reasons(Fault.PROVIDER, Fault.TIME)
    states = sorted(ReceiptState)
    return draw(
        st.lists(
            st.sampled_from([(0, 0), (1, 0), (1, 1)]).flatmap(
                lambda place: st.sampled_from(states).flatmap(
                    lambda state: st.builds(
                        Reported,
                        no=st.just(place[0]),
                        part=st.just(place[1]),
                        state=st.just(state),
                        reason=st.sampled_from(reasons) if state in NEGATIVE else st.none(),
                    )
                )
            ),
            min_size=1,
            max_size=5,
        )
    )


def _ends_in(receipts: list[Reported]) -> tuple[Status, list[tuple[Outcome, Reason | None, tuple[PartState, ...]]]]:
    story = _two_attempts()
    for receipt in receipts:
        assert not any(isinstance(fact, AttemptStarted) for fact in story.tell(receipt))
    return story.state.status, _known(story.state)


def _known(state: Delivery) -> list[tuple[Outcome, Reason | None, tuple[PartState, ...]]]:
    return [(attempt.outcome, attempt.reason, attempt.parts) for attempt in state.attempts]


@given(receipts=_receipts(), data=st.data())
def test_the_order_and_number_of_receipts_do_not_matter(receipts: list[Reported], data: st.DataObject) -> None:
    """Every order of the same receipts, any of them doubled, ends in the same status and the same attempts.

    Two limits, because a decision that was taken is not taken back: the failures of one set agree on whether anybody
    may try again, and a lost part that was found after all counts when every other part has been heard of too.
    """
    expected = _ends_in(receipts)
    failures = [receipt for receipt in receipts if receipt.no == 1 and receipt.state in NEGATIVE]
    assume(not failures or expected[1][1][0] not in LIVE)
    doubled = receipts + data.draw(st.lists(st.sampled_from(receipts), max_size=3))
    assert _ends_in(data.draw(st.permutations(doubled))) == expected


def test_every_order_of_a_full_set() -> None:
    """All 120 orders of a late Viber proof and the parts of an SMS, one of them lost at first, end the same."""
    receipts = [
        Reported(0, 0, S.SUBMITTED),
        Reported(0, 0, S.SEEN),
        Reported(1, 0, S.DELIVERED),
        Reported(1, 1, S.UNDELIVERABLE, Reason.NUMBER_INACTIVE),
        Reported(1, 1, S.DELIVERED),
    ]
    ends = [_ends_in(list(order)) for order in permutations(receipts)]
    assert {status for status, _ in ends} == {Status.DELIVERED}
    assert all(end == ends[0] for end in ends)
    assert [outcome for outcome, _, _ in ends[0][1]] == [Outcome.READ, Outcome.DELIVERED]


@given(receipts=st.lists(_receipts(), min_size=2, max_size=2).map(lambda two: two[0] + two[1]), data=st.data())
def test_attempts_are_the_same_even_when_failures_disagree(receipts: list[Reported], data: st.DataObject) -> None:
    """Whatever the receipts say, what is known of the attempts does not depend on their order."""
    assert _ends_in(data.draw(st.permutations(receipts)))[1] == _ends_in(receipts)[1]
