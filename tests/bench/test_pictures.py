"""Charts of results."""

import re
from pathlib import Path

from esoz_notify.bench.pictures import draw
from esoz_notify.bench.parts import Result

SPREAD = {"p50": 5.0, "p95": 20.0, "p99": 40.0}
CPU = {"api": 0.3, "worker": 0.4, "postgres": 0.2, "total": 0.9}


def test_charts_show_every_scenario_with_figures(tmp_path: Path) -> None:
    """Each chart has a row per scenario that has such figures; the total is the sum of the parts."""
    results = [
        Result(scenario="steady", notifications=1, machine={}, handover_ms=SPREAD, cpu_s_per_1000=CPU),
        Result(scenario="intake", notifications=1, machine={}, cpu_s_per_1000=CPU),
        Result(scenario="rest", notifications=0, machine={}),
    ]
    latency, cpu = draw(results, tmp_path / "charts")
    texts = {path: re.findall("<text[^>]*>([^<]*)</text>", path.read_text("utf-8")) for path in (latency, cpu)}
    assert [name for name in ("steady", "intake", "rest") if name in texts[latency]] == ["steady"]
    assert [name for name in ("steady", "intake", "rest") if name in texts[cpu]] == ["steady", "intake"]
    assert "0.900" in texts[cpu]


def test_nothing_to_draw_makes_no_file(tmp_path: Path) -> None:
    """Results without such figures make no chart."""
    assert draw([Result(scenario="rest", notifications=0, machine={})], tmp_path) == []
