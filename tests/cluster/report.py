"""Shows what a run came to: a table for people, one JSON object for programs. Judges nothing."""

from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from tests.cluster.judging import Row, Verdict

FAULTS_SHOWN = 20
COLUMNS = {
    "accepted": "accepted",
    "delivered": "delivered",
    "lost": "lost",
    "untold": "untold",
    "undecided": "doubled\nundecided",
    "repeats": "repeats\ndecided",
    "took_pause_s": "no code\ntaken, s",
    "gave_pause_s": "none handed\nover, s",
    "slowest_code_s": "slowest\ncode, s",
    "led_s": "new\nprimary, s",
    "whole_s": "whole\nagain, s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run. ``logged``: kinds of error lines in the product's logs, and how often each was written."""

    seed: int
    rate: float
    seconds: float
    verdict: Verdict
    submissions: int
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
            "rate": self.rate,
            "seconds": round(self.seconds, 1),
            **_rounded(self.verdict.total),
            "submissions": self.submissions,
            "events": {name: _rounded(row) for name, row in self.verdict.rows.items()},
            "faults": self.verdict.faults[:FAULTS_SHOWN],
            "errors_logged": self.logged,
        }

    def show(self, console: Console) -> None:
        """The table, and whatever is wrong."""
        title = f"seed {self.seed}, {self.rate:g} requests a second, {self.seconds:.0f} s"
        table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title)
        table.add_column("event", no_wrap=True)
        for name in COLUMNS.values():
            table.add_column(name, justify="right")
        for name, row in self.verdict.rows.items():
            table.add_row(name, *_cells(row))
        table.add_section()
        table.add_row("all", *_cells(self.verdict.total), style="bold")
        console.print(table)
        for line, count in self.logged.items():
            console.print(f"logged {count}×: {line}", style="yellow", highlight=False, markup=False)
        for fault in self.verdict.faults[:FAULTS_SHOWN]:
            console.print(fault, style="red", highlight=False, markup=False)
        if len(self.verdict.faults) > FAULTS_SHOWN:
            console.print(f"and {len(self.verdict.faults) - FAULTS_SHOWN} more", style="red")
        console.print("[bold green]nothing lost, nothing doubled" if self.ok else "[bold red]not well")


def _cells(row: Row) -> list[str]:
    values = (getattr(row, name) for name in COLUMNS)
    return ["-" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value) for value in values]


def _rounded(row: Row) -> dict[str, Any]:
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in asdict(row).items()}
