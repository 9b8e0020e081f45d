"""Facts as records: nothing is lost on the way to the ledger and back."""

import json
from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.deliveries import Story, at, delivery

from esoz_notify.core.delivery import AttemptAccepted, AttemptFailed, Because, Fact, PartReported, RetryPlanned
from esoz_notify.core.history import from_record, replay, to_record
from esoz_notify.core.receipts import Reason, ReceiptState

_moments = st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


def _values(hint: Any) -> st.SearchStrategy[Any]:
    choices = get_args(hint)
    if choices:
        return st.one_of(*map(_values, choices))
    known = {datetime: _moments, int: st.integers(0, 200), str: st.text(max_size=20), type(None): st.none()}
    return known[hint] if hint in known else st.sampled_from(hint)


_facts = st.sampled_from(get_args(Fact)).flatmap(
    lambda fact: st.builds(fact, **{name: _values(hint) for name, hint in get_type_hints(fact).items()})
)


@given(fact=_facts)
def test_every_fact_comes_back_from_its_record(fact: Fact) -> None:
    """A record is plain JSON, and the fact made from it equals the one that was written, for every kind of fact."""
    name, record = to_record(fact)
    assert from_record(name, fact.at, json.loads(json.dumps(record))) == fact


def test_what_a_record_looks_like() -> None:
    """Values are words, not numbers of ours: whoever reads the ledger understands them; what is absent is left out."""
    fact = PartReported(at=at(1), no=0, part=1, state=ReceiptState.UNDELIVERABLE, reason=Reason.ABSENT, detail="27")
    assert to_record(fact) == (
        "PartReported",
        {"no": 0, "part": 1, "state": "undeliverable", "reason": "absent", "detail": "27"},
    )
    planned = RetryPlanned(at=at(1), retry_at=at(2), because=Because.RETRY)
    assert to_record(planned) == ("RetryPlanned", {"retry_at": "2026-01-10T12:00:02+00:00", "because": "retry"})


def test_a_record_of_an_older_version_is_still_read() -> None:
    """A text that was not written down reads as empty, a reason as none."""
    assert from_record("AttemptFailed", at(1), {"no": 0, "reason": "absent"}) == AttemptFailed(
        at=at(1), no=0, reason=Reason.ABSENT, detail=""
    )


def test_a_value_that_is_no_json_is_a_mistake_of_ours() -> None:
    """A fact that holds anything else than texts, whole numbers, times and our words is not written."""
    with pytest.raises(TypeError, match="float"):
        to_record(AttemptAccepted(at=at(1), no=0, part_count=1.5))  # type: ignore[arg-type] # what must be refused


def test_replaying_a_whole_story_gives_its_state() -> None:
    """The state is what its facts make of the state at intake, also through the records."""
    story = Story(delivery())
    story.due()
    story.accept()
    story.receipt(ReceiptState.UNDELIVERABLE, Reason.NOT_ON_CHANNEL, at_s=1)
    story.accept(2, at_s=2)
    story.resend(at_s=20)
    story.due()
    story.accept()
    story.receipt(ReceiptState.DELIVERED, at_s=30)
    records = [(fact.at, *to_record(fact)) for fact in story.facts]
    assert replay(story.start, [from_record(name, moment, record) for moment, name, record in records]) == story.state
