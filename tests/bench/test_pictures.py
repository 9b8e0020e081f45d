"""Charts of results."""

import json
from pathlib import Path

from esoz_notify.bench.parts import Result
from esoz_notify.bench.pictures import charts, draw

SPREAD = {"p50": 5.0, "p95": 20.0, "p99": 140.0}
CPU = {"api": 0.3, "worker": 0.4, "postgres": 0.2, "total": 0.9}
KANNEL = {"per_s": {"median": 1000.0}, "cpu_s_per_1000": {"bearerbox": 0.2, "smsbox": 0.1, "total": 0.3}}
GROWTH = [{"rows": 0, "lifecycles_per_s": 400.0}, {"rows": 1000, "lifecycles_per_s": 380.0}]
RESULTS = [
    Result(scenario="steady", notifications=1, machine={}, handover_ms=SPREAD, cpu_s_per_1000=CPU),
    Result(scenario="intake", notifications=1, machine={}, accepted_per_s=900.0, cpu_s_per_1000=CPU),
    Result(scenario="growth", notifications=1, machine={}, lifecycles_per_s=380.0, more={"growth": GROWTH}),
    Result(scenario="peer", notifications=1, machine={}, lifecycles_per_s=500.0, more={"kannel": KANNEL}),
    Result(scenario="rest", notifications=0, machine={}),
]


def test_charts_have_every_scenario_with_figures() -> None:
    """Each chart has a row per scenario that has such figures, growth one per ledger, the peer one of its own."""
    rate, latency, cpu = charts(RESULTS)
    assert list(rate.rows) == ["intake", "growth, 0 rows", "growth, 1,000 rows", "peer, ours", "peer, Kannel"]
    assert list(latency.rows) == ["steady"]
    assert list(cpu.rows) == ["steady", "intake", "peer, Kannel"]


def test_figures_stand_behind_their_rows() -> None:
    """A total is the sum of the parts that are shown; marks lie between the powers of ten of their scale."""
    _, latency, cpu = (json.loads(chart.as_json()) for chart in charts(RESULTS))
    assert [row["words"] for row in cpu["rows"]] == ["0.900", "0.900", "0.300"]
    assert cpu["longest"] == sum(part["value"] for part in cpu["rows"][0]["parts"])
    assert cpu["legend"] == ["api", "worker", "postgres", "bearerbox", "smsbox"]
    assert latency["rows"][0]["words"] == "5.0 / 20.0 / 140.0"
    assert (latency["from"], latency["until"]) == (0, 3)


def test_pictures_are_png(tmp_path: Path) -> None:
    """Every chart becomes a file, whatever its figures: nothing at all, and the same value three times."""
    same = Result(scenario="odd", notifications=1, machine={}, handover_ms=dict.fromkeys(SPREAD, 0.0))
    idle = Result(scenario="idle", notifications=1, machine={}, accepted_per_s=0.0)
    drawn = draw([*RESULTS, same, idle], tmp_path / "charts")
    assert [path.name for path in drawn] == ["rate.png", "latency.png", "cpu.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG\r\n") for path in drawn)


def test_nothing_to_draw_makes_no_file(tmp_path: Path) -> None:
    """Results without such figures make no chart."""
    assert draw([Result(scenario="rest", notifications=0, machine={})], tmp_path) == []
