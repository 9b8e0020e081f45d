"""Shows what a run came to: a table for people, one JSON object for programs. Judges nothing."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from tests.chaos.report import FAULTS_SHOWN, rounded, show_faults, table
from tests.cluster.judging import Verdict

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
            **rounded(self.verdict.total),
            "submissions": self.submissions,
            "events": {name: rounded(row) for name, row in self.verdict.rows.items()},
            "faults": self.verdict.faults[:FAULTS_SHOWN],
            "errors_logged": self.logged,
        }

    def show(self, console: Console) -> None:
        """The table, and whatever is wrong."""
        title = f"seed {self.seed}, {self.rate:g} requests a second, {self.seconds:.0f} s"
        console.print(table(title, "event", COLUMNS, self.verdict.rows, self.verdict.total))
        show_faults(console, self.logged, self.verdict.faults, ok=self.ok)
