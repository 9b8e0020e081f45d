"""The judge of the cluster sees what it is there to see, and puts it to the event that it belongs to."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.chaos.load import Sent, number
from tests.chaos.records import Decision, Entry, join
from tests.cluster.events import Past
from tests.cluster.judging import CALM, PAUSE_LIMIT_S, Verdict, judge
from tests.cluster.servers import Member

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KILL, CUT = "kill-primary", "cut-worker"


def at(seconds: float) -> datetime:
    """A moment of the run."""
    return START + timedelta(seconds=seconds)


PAST = [
    Past(name=KILL, began_at=at(10), led_at=at(22), undone_at=at(23), whole_at=at(30)),
    Past(name=CUT, began_at=at(40), undone_at=at(60), whole_at=at(61)),
]


@dataclass(frozen=True, kw_only=True)
class Code:
    """A code: answered 202 at ``taken_s``, accepted by a provider at ``given_s``, submitted by ``starts`` decisions."""

    taken_s: float
    given_s: float
    starts: int = 1
    is_kept: bool = True


def a_code(taken_s: float, **more: Any) -> Code:
    """One that went well in a second, but for what is said."""
    return Code(**{"taken_s": taken_s, "given_s": taken_s + 1, **more})


def sent(position: int, code: Code) -> Sent:
    """Its request."""
    return Sent(
        position=position,
        key=f"chaos-{position}",
        kind="referral_issued",
        phone_kind="viber",
        id=UUID(int=position + 1),
        answered_at=at(code.taken_s),
    )


def entry(position: int, code: Code) -> Entry:
    """Its notification in the ledger."""
    started = {"no": 0, "channel": "viber", "provider": "p", "because": "first_step"}
    again = [Decision(at(code.taken_s), "AttemptRepeated", {"no": 0})] * (code.starts - 1)
    return Entry(
        id=UUID(int=position + 1),
        reference=f"chaos-{position}",
        status="delivered",
        is_code=True,
        accepted_at=at(code.taken_s),
        submitting=0,
        history=[
            Decision(at(code.taken_s), "AttemptStarted", started),
            *again,
            Decision(at(code.given_s), "AttemptAccepted", {"no": 0}),
        ],
    )


def submission(position: int, code: Code) -> dict[str, Any]:
    """What the provider accepted of it."""
    return {
        "provider": "viber",
        "msisdn": number(position),
        "client_reference": f"{UUID(int=position + 1)}.0",
        "provider_message_id": "x",
        "accepted_at": at(code.given_s).isoformat(),
    }


def judged(*codes: Code, times: int = 1) -> Verdict:
    """The verdict over these, each accepted by its provider so many times."""
    kept = [(position, code) for position, code in enumerate(codes) if code.is_kept]
    submissions = [submission(position, code) for position, code in kept for _ in range(times)]
    asked = [sent(position, code) for position, code in enumerate(codes)]
    entries = [entry(position, code) for position, code in kept]
    joined, faults = join(asked, entries, submissions, {number(position): 1 for position, _ in kept})
    return judge(joined, faults, submissions, PAST)


def test_what_is_right_passes_and_belongs_to_its_event() -> None:
    """Accepted before, during and between events: each counts for the event that had begun last."""
    verdict = judged(a_code(1), a_code(10), a_code(39), a_code(41))

    assert verdict.faults == []
    assert [verdict.rows[name].accepted for name in (CALM, KILL, CUT)] == [1, 2, 1]
    assert (verdict.rows[KILL].led_s, verdict.rows[KILL].whole_s) == (12, 7)
    assert (verdict.rows[CUT].led_s, verdict.rows[CUT].whole_s) == (None, 1)
    assert (verdict.total.accepted, verdict.total.delivered, verdict.total.lost, verdict.total.led_s) == (4, 4, 0, 12)


def test_what_was_answered_202_and_is_gone_is_lost() -> None:
    """As after a failover to a server that had not got it."""
    verdict = judged(a_code(1), a_code(2, is_kept=False))

    assert verdict.total.lost == 1
    assert any(fault.startswith("lost: ") for fault in verdict.faults)


def test_a_second_submission_that_nobody_decided_is_a_double() -> None:
    """As when a worker calls on the strength of a claim that the new primary knows nothing of."""
    undecided = judged(a_code(12), times=2)
    decided = judged(a_code(12, starts=2), times=2)

    assert (undecided.rows[KILL].undecided, len(undecided.faults)) == (1, 1)
    assert (decided.rows[KILL].undecided, decided.rows[KILL].repeats, decided.faults) == (0, 1, [])


@pytest.mark.parametrize(("gap_s", "is_well"), [(PAUSE_LIMIT_S - 1, True), (PAUSE_LIMIT_S + 1, False)])
def test_codes_may_not_stand_still_too_long(gap_s: float, *, is_well: bool) -> None:
    """Neither taken nor handed over: the longer of both pauses counts, for the event in which it ended."""
    taken = judged(a_code(7), a_code(7 + gap_s, given_s=8.1))
    given = judged(a_code(7), a_code(7.5, given_s=8 + gap_s))

    for verdict in (taken, given):
        row = verdict.rows[KILL]
        assert row.pause_s == pytest.approx(gap_s)
        assert (verdict.faults == []) is is_well
    assert given.rows[CALM].took_pause_s == pytest.approx(0.5)
    assert given.rows[CALM].slowest_code_s == pytest.approx(0.5 + gap_s)


def test_a_standby_that_only_says_it_runs_is_not_well() -> None:
    """One that is starting calls itself running; what counts is the leader's timeline and a known lag."""
    leader = Member("pg1", "leader", "running", 3, None)

    assert Member("pg2", "sync_standby", "streaming", 3, 0).follows(leader)
    assert Member("pg2", "replica", "running", 3, 8192).follows(leader)
    assert not Member("pg2", "replica", "running", 2, 0).follows(leader)
    assert not Member("pg2", "replica", "running", 3, None).follows(leader)
    assert not Member("pg2", "replica", "running", 3, 1 << 30).follows(leader)
    assert not Member("pg2", "replica", "starting", 3, 0).follows(leader)
