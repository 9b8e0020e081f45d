"""Charts of the results as SVG, drawn by hand: bars need no library, and the files ask nobody for fonts.

What belongs here: the two charts. What does not: figures that are not in the results.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from esoz_notify.bench.parts import Result

WIDTH, LEFT, BAR, GAP = 760, 170, 16, 10
TOP = 56
COLOURS = {
    "api": "#2b6cb0",
    "worker": "#dd6b20",
    "postgres": "#2f855a",
    "p50": "#90cdf4",
    "p95": "#4299e1",
    "p99": "#2c5282",
}


def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Draw what the results have figures for; gives the files made."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = {
        "latency.svg": _chart(
            "Hand-over: accepted to provider's reply, ms",
            _rows(results, lambda result: result.handover_ms),
            stacked=False,
        ),
        "cpu.svg": _chart("CPU seconds per 1,000 notifications", _rows(results, _product_cpu), stacked=True),
    }
    drawn = []
    for name, svg in charts.items():
        if svg:
            (folder / name).write_text(svg, encoding="utf-8")
            drawn.append(folder / name)
    return drawn


Figures = Mapping[str, float]


def _product_cpu(result: Result) -> Figures | None:
    figures = result.cpu_s_per_1000
    return None if figures is None else {name: value for name, value in figures.items() if name != "total"}


def _rows(results: Iterable[Result], figures_of: Callable[[Result], Figures | None]) -> dict[str, Figures]:
    return {result.scenario: figures for result in results if (figures := figures_of(result))}


def _chart(title: str, rows: Mapping[str, Figures], *, stacked: bool) -> str:
    """Horizontal bars: one per row with its parts one after another, or one per part."""
    if not rows:
        return ""
    longest = max(sum(row.values()) if stacked else max(row.values()) for row in rows.values())
    scale = (WIDTH - LEFT - 80) / (longest or 1.0)
    y = TOP
    shapes: list[str] = []
    for name, row in rows.items():
        shapes.append(_text(8, y + BAR - 4, name))
        x = float(LEFT)
        for part, value in row.items():
            shapes.append(_bar(x, y, value * scale, COLOURS[part]))
            x += value * scale if stacked else 0.0
            if not stacked:
                shapes.append(_text(LEFT + value * scale + 4, y + BAR - 4, f"{part} {value:g}"))
                y += BAR
        if stacked:
            shapes.append(_text(x + 4, y + BAR - 4, f"{sum(row.values()):.3f}"))
            y += BAR
        y += GAP
    legend = [*next(iter(rows.values()))]
    shapes += _legend(legend)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
        f'font-family="sans-serif" font-size="12" role="img" aria-label="{escape(title, quote=True)}">'
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="8" y="20" font-size="15" font-weight="bold">{escape(title)}</text>{"".join(shapes)}</svg>\n'
    )


def _legend(parts: Iterable[str]) -> list[str]:
    shapes: list[str] = []
    for position, part in enumerate(parts):
        x = LEFT + position * 110
        shapes += [_bar(x, 30, 12, COLOURS[part]), _text(x + 18, 42, part)]
    return shapes


def _bar(x: float, y: float, width: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y + 1}" width="{max(width, 1):.1f}" height="{BAR - 3}" fill="{colour}"/>'


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y}">{escape(text)}</text>'
