"""The checks of the played world bite: an engine with one rule broken is found within a few hundred worlds."""

import pytest
from tests.world.mutants import MUTANTS
from tests.world.simulation import Failure, play

SEEDS_MAX = 800


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_found(name: str) -> None:
    """The rule that the mutant breaks is named by a world, with its seed, a trail and how to play it again."""
    cast, rule = MUTANTS[name]
    told = []
    for seed in range(SEEDS_MAX):
        try:
            play(seed, cast)
        except Failure as failure:
            told = str(failure).splitlines()
            if told[0].startswith(f"seed {seed}: {rule}"):
                break
    assert told[0].partition(": ")[2].startswith(rule)
    assert any("is accepted as" in line for line in told)
    assert told[-1].endswith(told[0].partition(":")[0].removeprefix("seed"))
