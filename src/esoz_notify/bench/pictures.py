"""Charts of the results as PNG, set by typst, which the product has anyway for its printed page.

What belongs here: which figures a chart has. What does not: how it looks (``charts.typ``), figures that are not in the
results.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

from esoz_notify.bench.parts import Result

PIXELS_PER_INCH = 144.0
SMALLEST = 0.1
"""Of a logarithmic scale."""

_HERE = Path(__file__).parent
_FONTS = _HERE.parent / "render" / "fonts"

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart. ``rows``: by name, each with its parts. ``marks``: on a logarithmic scale; otherwise parts add up."""

    file: str
    title: str
    note: str
    rows: Mapping[str, Figures]
    marks: bool = False
    digits: int

    def as_json(self) -> str:
        """What ``charts.typ`` reads."""
        rows = [
            {
                "name": name,
                "parts": [{"name": part, "value": value} for part, value in row.items()],
                "words": " / ".join(
                    self._words(value) for value in (row.values() if self.marks else [sum(row.values())])
                ),
            }
            for name, row in self.rows.items()
        ]
        legend = dict.fromkeys(part for row in self.rows.values() for part in row)
        told = {"title": self.title, "note": self.note, "marks": self.marks, "legend": list(legend), "rows": rows}
        return json.dumps(told | self._scale(), ensure_ascii=False)

    def _words(self, value: float) -> str:
        return f"{value:,.{self.digits}f}"

    def _scale(self) -> dict[str, float]:
        """The longest bar, and the powers of ten between which all values lie."""
        values = [max(value, SMALLEST) for row in self.rows.values() for value in row.values()]
        powers = floor(log10(min(values))), ceil(log10(max(values)))
        longest = max(sum(row.values()) for row in self.rows.values())
        return {"longest": longest or 1.0, "from": powers[0], "until": max(powers[1], powers[0] + 1)}


def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Draw what the results have figures for; gives the files made."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for chart in charts(results):
        path = folder / chart.file
        path.write_bytes(_png(chart))
        drawn.append(path)
    return drawn


def charts(results: Sequence[Result]) -> list[Chart]:
    """The charts that have at least one row."""
    every = [
        Chart(
            file="rate.png",
            title="Notifications per second",
            note="Whole lives: accepted, handed over, delivered. Intake and batch: accepted only.",
            rows=_rates(results),
            digits=0,
        ),
        Chart(
            file="latency.png",
            title="Hand-over in ms: median, 95th and 99th percentile",
            note="From acceptance to the provider's recorded reply. Closed loops queue: there it is the backlog.",
            rows={_name(one): one.handover_ms for one in results if one.handover_ms},
            marks=True,
            digits=1,
        ),
        Chart(
            file="scale.png",
            title="CPU seconds per 1,000 notifications, as processes are added",
            note="User and system time of the processes named; lab and generator are not among them.",
            rows={_shape(step): step["cpu_s"] for one in results for step in one.more.get("scale", ())},
            digits=3,
        ),
        Chart(
            file="needs.png",
            title="Cores that a load needs, by the model of the measured shapes",
            note="Notifications per second; cores of this kind, planned to be busy 60 % of their time.",
            rows={_load(row): _cores(row) for one in results for row in one.more.get("needs", ())},
            digits=0,
        ),
        Chart(
            file="cpu.png",
            title="CPU seconds per 1,000 notifications",
            note="User and system time of the processes named; lab and generator are not among them.",
            rows=_cpu(results),
            digits=3,
        ),
    ]
    return [chart for chart in every if chart.rows]


def _rates(results: Sequence[Result]) -> dict[str, Figures]:
    rows: dict[str, Figures] = {}
    for one in results:
        for step in one.more.get("growth", ()):
            rows[f"growth, {step['rows']:,} rows"] = {"rate": step["lifecycles_per_s"] or 0.0}
        rate = one.lifecycles_per_s or one.accepted_per_s
        if rate is not None and "growth" not in one.more:
            rows[_name(one)] = {"rate": rate}
        if "kannel" in one.more:
            rows["peer, Kannel"] = {"rate": one.more["kannel"]["per_s"]["median"]}
    return rows


def _cpu(results: Sequence[Result]) -> dict[str, Figures]:
    rows: dict[str, Figures] = {}
    for one in results:
        if one.cpu_s_per_1000 is not None:
            rows[_name(one)] = _parts(one.cpu_s_per_1000)
        if "kannel" in one.more:
            rows["peer, Kannel"] = _parts(one.more["kannel"]["cpu_s_per_1000"])
    return rows


def _shape(step: Mapping[str, Any]) -> str:
    return f"API × {step['apis']}, worker × {step['workers']}"


def _load(row: Mapping[str, Any]) -> str:
    return f"{row['lives_per_s']:,.0f}/s"


def _cores(row: Mapping[str, Any]) -> Figures:
    return {part: row[f"{part}_cores"] for part in ("api", "worker", "postgres")}


def _name(result: Result) -> str:
    return f"{result.scenario}, ours" if "kannel" in result.more else result.scenario


def _parts(figures: Figures) -> Figures:
    return {name: value for name, value in figures.items() if name != "total"}


def _png(chart: Chart) -> bytes:
    import typst

    picture: bytes = typst.compile(
        str(_HERE / "charts.typ"),
        root=str(_HERE),
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=[str(_FONTS)]),
        sys_inputs={"chart": chart.as_json()},
        format="png",
        ppi=PIXELS_PER_INCH,
    )
    return picture
