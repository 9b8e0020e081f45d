"""Twenty kills of a running service: nothing accepted is lost, nothing is submitted without a decision."""

import asyncio
import time
from random import SystemRandom

import pytest
from tests.chaos.rounds import KINDS, POINTS, plan
from tests.chaos.run import chaos, dice

from esoz_notify.engine import fault_points

ROUNDS = 20
LIMIT_S = 480.0
"""Against hanging for ever; the run has bounds of its own and takes about 80 s on two free cores."""


@pytest.mark.chaos
async def test_nothing_is_lost_or_doubled_by_kills(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is killed, what was answered 202 ends, and every submission has its decision; codes move within 10 s.

    The seed is printed: ``python -m tests.chaos --seed`` chooses the same victims again.
    """
    seed = SystemRandom().randrange(10**6)
    began_s = time.monotonic()

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"chaos {seed} {time.monotonic() - began_s:6.1f}  {line}")  # noqa: T201 - progress of a long test

    async with asyncio.timeout(LIMIT_S):
        report = await chaos(ROUNDS, seed, say=say)

    total = report.verdict.total
    assert report.verdict.faults == []
    assert (total.lost, total.undecided) == (0, 0)
    assert total.accepted > 0
    assert {kind for kind, row in report.verdict.rows.items() if row.rounds} == set(KINDS)


def test_every_fault_point_has_a_victim() -> None:
    """The rounds know every fault point of the product and no other, and twenty rounds arm each at least once."""
    chosen = {choice.point for choice in plan(ROUNDS, dice(1)) if choice.point}

    assert chosen == set(POINTS) == set(fault_points.POINTS)


def test_the_same_seed_chooses_the_same_victims() -> None:
    """A printed seed is worth something: the plan of a run is its function."""
    assert plan(50, dice(7)) == plan(50, dice(7))
    assert plan(50, dice(7)) != plan(50, dice(8))
