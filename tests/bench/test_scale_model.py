"""The model of scale: it finds what made the figures, says how far it is off, and reckons no host too few."""

from dataclasses import replace

import pytest

from esoz_notify.bench.scale_model import BUSY, PARTS, Cost, Model, Shape, errors, evened, fit, need

COSTS = {
    "api": Cost(life_cpu_s=0.5, process_cores=0.0),
    "worker": Cost(life_cpu_s=0.8, process_cores=0.1),
    "postgres": Cost(life_cpu_s=0.4, process_cores=0.05),
}
MODEL = Model(costs=COSTS, load_cpu_s=0.5, cores=2, busy=0.9)


def measured(apis: int, workers: int) -> Shape:
    """What a machine that keeps to MODEL would give."""
    rate = MODEL.lives_per_s(apis, workers)
    number = {"api": apis, "worker": workers, "postgres": workers}
    cpu_s = {part: COSTS[part].life_cpu_s + 1000 * number[part] * COSTS[part].process_cores / rate for part in PARTS}
    return Shape(apis=apis, workers=workers, lives_per_s=rate, cpu_s=cpu_s, load_cpu_s=0.5)


SHAPES = [measured(1, 1), measured(1, 2), measured(2, 2), measured(2, 4)]


def test_it_finds_what_made_the_figures() -> None:
    """Fitted to exact figures it gives them back, and has no error where it had not looked."""
    model = fit(SHAPES, 2)
    for part in PARTS:
        assert model.costs[part].life_cpu_s == pytest.approx(COSTS[part].life_cpu_s)
        assert model.costs[part].process_cores == pytest.approx(COSTS[part].process_cores)
    assert model.busy == pytest.approx(0.9)
    assert errors(SHAPES, 2) == pytest.approx([0.0] * len(SHAPES))


def test_it_says_how_far_it_is_off() -> None:
    """A shape that does worse than the others foretell is shown as foretold too high, by as much."""
    worse = replace(measured(1, 4), lives_per_s=measured(1, 4).lives_per_s / 2)
    assert errors([*SHAPES, worse], 2)[-1] == pytest.approx(1.0)


def test_a_slow_minute_of_the_machine_is_taken_out() -> None:
    """What the machine did at half its speed, by the lab's own CPU, counts as if it had been as fast as otherwise."""
    exact = measured(1, 4)
    slow = Shape(
        apis=1,
        workers=4,
        lives_per_s=exact.lives_per_s / 2,
        cpu_s={part: cpu_s * 2 for part, cpu_s in exact.cpu_s.items()},
        load_cpu_s=1.0,
    )
    assert errors(evened([*SHAPES, slow]), 2) == pytest.approx([0.0] * (len(SHAPES) + 1))


def test_costs_do_not_fall() -> None:
    """That more processes make a life cheaper is chance: nobody may be promised a country by it."""
    cheaper = [
        Shape(apis=number, workers=number, lives_per_s=100, cpu_s=dict.fromkeys(PARTS, 1.0 / number), load_cpu_s=1.0)
        for number in (1, 2, 4)
    ]
    assert [cost.process_cores for cost in fit(cheaper, 2).costs.values()] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("lives_per_s", [1, 12, 500, 2_000, 100_000])
def test_the_cores_are_enough_and_not_many_more(lives_per_s: float) -> None:
    """By the model's own costs each part is as busy as was said at most, and with one core less it would be busier."""
    found = need(MODEL, lives_per_s, wal_bytes=10_000)
    cores = dict(zip(PARTS, (found.api_cores, found.worker_cores, found.postgres_cores), strict=True))
    processes = {"api": found.api_cores, "worker": found.worker_cores, "postgres": found.worker_cores}
    for part, cost in COSTS.items():
        carried = lives_per_s * cost.life_cpu_s / 1000
        assert carried + processes[part] * cost.process_cores <= cores[part] * BUSY + 1e-9
        fewer = cores[part] - 1
        standing = (processes[part] if part == "postgres" else fewer) * cost.process_cores
        assert fewer == 0 or carried + standing > fewer * BUSY
    assert found.wal_mb_per_s == pytest.approx(lives_per_s / 100, abs=0.05)


def test_a_process_that_can_carry_nothing_is_said() -> None:
    """Where a process is busy with itself, no number of them carries a load, and none is named."""
    steep = COSTS | {"worker": Cost(life_cpu_s=1.0, process_cores=BUSY)}
    with pytest.raises(ValueError, match=r"takes 0\.60 of its core"):
        need(replace(MODEL, costs=steep), 100, wal_bytes=1)
