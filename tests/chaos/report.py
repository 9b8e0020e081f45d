"""Shows what a crash test came to: a table for people, one JSON object for programs. Judges nothing."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from tests.chaos.records import Verdict

FAULTS_SHOWN = 20
_NOT_THE_PRODUCT = ("lab", "postgresql")
_LOG_LINE = re.compile(r"^\S+ \S+ (WARNING|ERROR|CRITICAL) (.*)$")
_VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+(\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run. ``logged``: kinds of error lines in the product's logs, and how often each was written."""

    seed: int
    rounds: int
    seconds: float
    verdict: Verdict
    points: dict[str, tuple[int, int]]
    logged: dict[str, int]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.verdict.faults

    def as_json(self) -> dict[str, Any]:
        """The whole report."""
        return {
            "ok": self.ok,
            "seed": self.seed,
            "rounds": self.rounds,
            "seconds": round(self.seconds, 1),
            **rounded(self.verdict.total),
            "submissions": self.verdict.submissions,
            "statuses": self.verdict.statuses,
            "kinds": {kind: rounded(row) for kind, row in self.verdict.rows.items()},
            "points": {point: {"armed": armed, "reached": reached} for point, (armed, reached) in self.points.items()},
            "faults": self.verdict.faults[:FAULTS_SHOWN],
            "errors_logged": self.logged,
        }

    def show(self, console: Console) -> None:
        """The table, and whatever is wrong."""
        title = f"{self.rounds} rounds, seed {self.seed}, {self.seconds:.0f} s"
        console.print(table(title, "victim", COLUMNS, self.verdict.rows, self.verdict.total))
        points = ", ".join(f"{point} {reached}/{armed}" for point, (armed, reached) in self.points.items())
        console.print(f"fault points, reached of armed: {points or 'none'}", highlight=False)
        console.print(f"submissions {self.verdict.submissions}, statuses {self.verdict.statuses}", highlight=False)
        show_faults(console, self.logged, self.verdict.faults, ok=self.ok)


COLUMNS = {
    "rounds": "rounds",
    "accepted": "accepted",
    "ended": "ended",
    "lost": "lost",
    "untold": "untold",
    "undecided": "doubled\nundecided",
    "repeats": "repeats\ndecided",
    "in_hand": "in hand\nat the kill",
    "rescue_s": "longest\nrescue, s",
    "code_rescue_s": "code moved\nwithin, s",
}


def table(title: str, called: str, columns: Mapping[str, str], rows: Mapping[str, Any], total: object) -> Table:
    """A line for each row and one for all. ``called``: what a row is of; ``columns``: heads by the field of a row."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, title=title)
    made.add_column(called, no_wrap=True)
    for head in columns.values():
        made.add_column(head, justify="right")
    for name, row in rows.items():
        made.add_row(name, *_cells(row, columns))
    made.add_section()
    made.add_row("all", *_cells(total, columns), style="bold")
    return made


def _cells(row: object, columns: Iterable[str]) -> list[str]:
    values = (getattr(row, name) for name in columns)
    return ["-" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value) for value in values]


def show_faults(console: Console, logged: Mapping[str, int], faults: Sequence[str], *, ok: bool) -> None:
    """Whatever is wrong, and the judgement."""
    for line, count in logged.items():
        console.print(f"logged {count}×: {line}", style="yellow", highlight=False, markup=False)
    for fault in faults[:FAULTS_SHOWN]:
        console.print(fault, style="red", highlight=False, markup=False)
    if len(faults) > FAULTS_SHOWN:
        console.print(f"and {len(faults) - FAULTS_SHOWN} more", style="red")
    console.print("[bold green]nothing lost, nothing doubled" if ok else "[bold red]not well")


def rounded(row: Any) -> dict[str, Any]:
    """The fields of a row, seconds to the hundredth."""
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in asdict(row).items()}


def errors_logged(folder: Path, but: Iterable[str] = _NOT_THE_PRODUCT) -> dict[str, int]:
    """Error lines of the product's logs by their wording, numbers and ids left out; tracebacks by their last line.

    ``but``: logs that are not the product's.
    """
    found: Counter[str] = Counter()
    for log in sorted(set(folder.glob("*.log")) - {folder / f"{name}.log" for name in but}):
        in_traceback = False
        for line in log.read_text(errors="replace").splitlines():
            match = _LOG_LINE.match(line)
            if match is not None:
                in_traceback = False
                if match[1] != "WARNING":
                    found[f"{log.stem}: {_VARYING.sub('…', match[2])}"] += 1
            elif line.startswith("Traceback"):
                in_traceback = True
            elif in_traceback and line and not line.startswith(" "):
                found[f"{log.stem}: {_VARYING.sub('…', line)}"] += 1
    return dict(found.most_common(15))
