"""The model of scale: it finds what made the figures, says how far it is off, and reckons no host too few."""

import pytest

from esoz_notify.bench.scale_model import BUSY, PARTS, Line, Model, Shape, errors, fit, need

LINES = {
    "api": Line(at_first=0.5, each_more=0.0),
    "worker": Line(at_first=0.8, each_more=0.05),
    "postgres": Line(at_first=0.4, each_more=0.02),
}
MODEL = Model(lines=LINES, load_cpu_s=0.5, cores=2, busy=0.9)


def measured(apis: int, workers: int, *, off: float = 1.0) -> Shape:
    """What a machine that keeps to MODEL would give, but for ``off``."""
    more = apis + workers - 2
    cpu_s = {part: LINES[part].at(more) for part in PARTS}
    return Shape(apis=apis, workers=workers, lives_per_s=MODEL.lives_per_s(more) * off, cpu_s=cpu_s, load_cpu_s=0.5)


SHAPES = [measured(1, 1), measured(1, 2), measured(2, 2), measured(2, 4)]


def test_it_finds_what_made_the_figures() -> None:
    """Fitted to exact figures it gives them back, and has no error where it had not looked."""
    model = fit(SHAPES, 2)
    for part in PARTS:
        assert model.lines[part].at_first == pytest.approx(LINES[part].at_first)
        assert model.lines[part].each_more == pytest.approx(LINES[part].each_more)
    assert model.busy == pytest.approx(0.9)
    assert errors(SHAPES, 2) == pytest.approx([0.0] * len(SHAPES))


def test_it_says_how_far_it_is_off() -> None:
    """A shape that does worse than the others foretell is shown as foretold too high, by as much."""
    worse = measured(1, 4, off=0.5)
    assert errors([*SHAPES, worse], 2)[-1] == pytest.approx(1.0)


def test_costs_do_not_fall() -> None:
    """That more processes make a life cheaper is chance: nobody may be promised a country by it."""
    cheaper = [
        Shape(apis=1, workers=workers, lives_per_s=100, cpu_s=dict.fromkeys(PARTS, 1.0 / workers), load_cpu_s=1.0)
        for workers in (1, 2, 4)
    ]
    assert [line.each_more for line in fit(cheaper, 2).lines.values()] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("lives_per_s", [1, 12, 500, 2_000])
def test_the_cores_are_enough(lives_per_s: float) -> None:
    """By the model's own costs no part is planned to be busier than was said; the log grows with the load."""
    found = need(MODEL, lives_per_s, wal_bytes=10_000)
    more = found.api_cores + found.worker_cores - 2
    for part, cores in zip(PARTS, (found.api_cores, found.worker_cores, found.postgres_cores), strict=True):
        assert lives_per_s * LINES[part].at(more) / 1000 <= cores * BUSY + 1e-9
    assert found.wal_mb_per_s == pytest.approx(lives_per_s / 100, abs=0.05)


def test_a_load_that_runs_away_still_ends() -> None:
    """Where each process more costs more than it brings, the sum is given up, and is more than anybody has."""
    steep = {part: Line(at_first=1.0, each_more=1.0) for part in PARTS}
    model = Model(lines=steep, load_cpu_s=0.5, cores=2, busy=0.9)
    assert need(model, 100_000, wal_bytes=1).postgres_cores > 10_000
