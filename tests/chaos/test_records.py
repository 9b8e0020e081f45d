"""The judge of the crash test sees what it is there to see: each kind of wrong is put before it once."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.chaos.load import Sent, number
from tests.chaos.records import Decision, Entry, judge
from tests.chaos.rounds import WORKER_1, Choice, Kill, Past

REPEAT = "repeat_after_unknown"
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ID = UUID("01980000-0000-7000-8000-000000000001")


def at(seconds: float) -> datetime:
    """A moment of the run."""
    return START + timedelta(seconds=seconds)


def past(kill_s: float = 1.0, outages: tuple[tuple[float, float], ...] = ()) -> Past:
    """One kill of a worker."""
    choice = Choice(kind=WORKER_1, before_s=0, down_s=0)
    kill = Kill(choice=choice, began_at=START, at=at(kill_s), reached=True)
    return Past(kills=[kill], outages=[(at(since), at(until)) for since, until in outages])


def sent() -> Sent:
    """A request that was answered 202."""
    return Sent(position=0, key="chaos-0", kind="confirmation_code", phone_kind="viber", id=ID)


def started(seconds: float, no: int, channel: str = "viber", provider: str = "p") -> Decision:
    """An attempt is about to be submitted."""
    record = {"no": no, "channel": channel, "provider": provider, "because": "first_step"}
    return Decision(at(seconds), "AttemptStarted", record)


def entry(*history: Decision, status: str = "delivered") -> Entry:
    """The notification in the ledger."""
    return Entry(
        id=ID,
        reference="chaos-0",
        status=status,
        is_code=True,
        accepted_at=at(0.5),
        submitting=0,
        history=list(history),
    )


def by_key(no: int) -> Mapping[str, Any]:
    """A provider accepted an attempt under its key."""
    return {"provider": "viber", "client_reference": f"{ID}.{no}", "provider_message_id": "x"}


def by_phone(provider: str, part: int = 1) -> Mapping[str, Any]:
    """An operator accepted a part of an SMS."""
    return {"provider": provider, "msisdn": number(0), "part": part}


ACCEPTED = Decision(at(1.1), "AttemptAccepted", {"no": 0})
GOOD = entry(started(0.6, 0), ACCEPTED)
SHOWN = {number(0): 1}


def test_what_is_right_passes() -> None:
    """A notification that ended, submitted as often as decided, is counted and nothing is said of it."""
    verdict = judge([sent()], [GOOD], [by_key(0)], SHOWN, past())

    assert verdict.faults == []
    assert (verdict.total.accepted, verdict.total.ended, verdict.total.lost) == (1, 1, 0)


@pytest.mark.parametrize("found", [[], [entry(started(0.6, 0), status="in_delivery")]])
def test_what_is_missing_or_not_over_is_lost(found: list[Entry]) -> None:
    """Answered 202, and not in the ledger or without an end: lost."""
    verdict = judge([sent()], found, [by_key(0)] if found else [], SHOWN, past())

    assert verdict.total.lost == 1
    assert any(fault.startswith("lost: ") for fault in verdict.faults)


def test_a_person_who_was_told_nothing_is_seen() -> None:
    """Every phone of the run can be reached: an end without a message is as bad as none, unless it was cancelled."""
    cancelled = entry(started(0.6, 0), ACCEPTED, status="cancelled")

    assert judge([sent()], [GOOD], [by_key(0)], {number(0): 0}, past()).total.untold == 1
    assert judge([sent()], [cancelled], [by_key(0)], {}, past()).faults == []


def test_an_sms_whose_repeat_is_unknown_too_is_counted_and_no_fault() -> None:
    """Two kills of the SMSCs within one life: the rule allows one repeat, and only a receipt helps after it."""
    lost = Decision(at(0.7), "AttemptUnknown", {"no": 0})
    repeat = Decision(at(4.7), "AttemptStarted", {"no": 1, "channel": "sms", "provider": "q", "because": REPEAT})
    lost_too = Decision(at(4.9), "AttemptUnknown", {"no": 1})
    first = started(0.6, 0, "sms", "p")

    spent = judge([sent()], [entry(first, lost, repeat, lost_too, status="expired")], [], {}, past())
    unspent = judge([sent()], [entry(first, lost, repeat, status="expired")], [], {}, past())

    assert (spent.faults, spent.total.untold) == ([], 1)
    assert [fault.partition(":")[0] for fault in unspent.faults] == ["the phone shows nothing"]


def test_more_submissions_than_decisions_are_doubles() -> None:
    """Twice under one key, or twice to one phone by one operator, for one decision each."""
    texted = entry(started(0.6, 0, "sms", "smsc-a"), ACCEPTED)

    assert judge([sent()], [GOOD], [by_key(0), by_key(0)], SHOWN, past()).total.undecided == 1
    assert judge([sent()], [texted], [by_phone("smsc-a"), by_phone("smsc-a")], SHOWN, past()).total.undecided == 1


def test_repeats_that_were_decided_are_no_doubles() -> None:
    """A recorded repeat allows one more; parts of one text are one submission; operators are counted apart."""
    repeated = entry(started(0.6, 0), Decision(at(0.9), "AttemptRepeated", {"no": 0}), ACCEPTED)
    texted = entry(started(0.6, 0, "sms", "smsc-a"), started(0.9, 1, "sms", "smsc-b"))
    parts = [by_phone("smsc-a", 1), by_phone("smsc-a", 2), by_phone("smsc-b", 1), by_phone("smsc-b", 2)]

    of_key = judge([sent()], [repeated], [by_key(0), by_key(0)], SHOWN, past())
    of_text = judge([sent()], [texted], parts, SHOWN, past())

    assert (of_key.faults, of_key.total.repeats) == ([], 1)
    assert of_text.faults == []


def test_submissions_that_nobody_decided_are_seen() -> None:
    """A key, or a phone at an operator, that the ledger knows nothing of."""
    faults = judge([sent()], [GOOD], [by_key(0), by_key(1), by_phone("smsc-b")], SHOWN, past()).faults

    assert sum(fault.startswith("a provider accepted what nobody decided") for fault in faults) == 2


def test_acceptance_that_the_provider_does_not_know_is_seen() -> None:
    """The ledger may not say accepted of what no provider has."""
    faults = judge([sent()], [GOOD], [], SHOWN, past()).faults

    assert len(faults) == 1
    assert faults[0].startswith("no provider accepted")


def test_answers_that_do_not_fit_the_ledger_are_seen() -> None:
    """No answer, a refusal, two notifications of one key, and one that nobody asked for."""
    unanswered = Sent(position=0, key="chaos-0", kind="referral_issued", phone_kind="viber")
    refused = Sent(position=0, key="chaos-0", kind="referral_issued", phone_kind="viber", refused="invalid_input")

    assert "got no answer" in judge([unanswered], [], [], SHOWN, past()).faults[0]
    assert "was refused" in judge([refused], [], [], SHOWN, past()).faults[0]
    assert any("2 notifications" in fault for fault in judge([sent()], [GOOD, GOOD], [by_key(0)], SHOWN, past()).faults)
    assert "never asked for" in judge([], [GOOD], [by_key(0)], SHOWN, past()).faults[0]


def test_rescue_counts_to_the_decision_and_codes_to_the_move() -> None:
    """Finding a dead worker's attempt is a decision; a code has moved when something is done, outages left out."""
    found = Decision(at(5.6), "AttemptUnknown", {"no": 0, "reason": "worker_lost"})
    waits = Decision(at(5.6), "RetryPlanned", {"because": "repeat_after_unknown"})
    rescued = entry(started(0.6, 0), found, waits, started(9.6, 1))

    plain = judge([sent()], [rescued], [], SHOWN, past()).total
    away = judge([sent()], [rescued], [], SHOWN, past(outages=((2.0, 3.5), (20.0, 30.0)))).total

    assert (plain.in_hand, round(plain.rescue_s, 3), round(plain.code_rescue_s, 3)) == (1, 4.6, 8.6)
    assert round(away.code_rescue_s, 3) == 7.1


def test_what_was_over_before_a_kill_needed_no_rescue() -> None:
    """A call that had its answer before the kill was not in hand."""
    total = judge([sent()], [GOOD], [by_key(0)], SHOWN, past(kill_s=3.0)).total

    assert (total.in_hand, total.rescue_s, total.code_rescue_s) == (0, 0.0, 0.0)
