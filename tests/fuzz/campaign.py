"""Every target under libFuzzer for its share of the time, as many at once as there are cores, in a table that moves.

What belongs here: shares, the table and the end. What does not: one run (``libfuzzer``), the API (``test_api``).
"""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from tests.fuzz.libfuzzer import Run
from tests.fuzz.targets import Target


class Campaign:
    """Runs of many targets. ``crashed``: those that broke a promise."""

    def __init__(self, targets: list[Target], minutes: float, console: Console) -> None:
        self._targets = targets
        self._at_once = min(os.cpu_count() or 1, len(targets))
        self._seconds = minutes * 60 * self._at_once / len(targets)
        self._console = console
        self._runs: dict[str, Run] = {}
        self._kept: dict[str, int] = {}
        self._stopping = threading.Event()

    @property
    def crashed(self) -> list[Run]:
        """Runs that ended by a crash, in the order of the table."""
        return [run for run in self._runs.values() if run.progress.trace]

    def run(self) -> int:
        """Fuzz to the end of the time; the number of inputs that were tried."""
        with self._shown(), ThreadPoolExecutor(self._at_once) as threads:
            try:
                list(threads.map(self._one, self._targets))
            except BaseException:
                self._stopping.set()
                for run in self._runs.values():
                    run.stop()
                raise
        return sum(run.progress.executions for run in self._runs.values())

    def _one(self, target: Target) -> None:
        if self._stopping.is_set():
            return
        run = self._runs[target.name] = Run(target, self._seconds)
        try:
            run.watch()
            if not run.progress.trace:
                self._kept[target.name] = run.keep()
        finally:
            run.stop()

    @contextmanager
    def _shown(self) -> Iterator[None]:
        """The table while it works; where nobody watches, only what it came to."""
        if self._console.is_terminal:
            with Live(console=self._console, get_renderable=self._table, refresh_per_second=2):
                yield
        else:
            yield
            self._console.print(self._table())

    def _table(self) -> Table:
        table = Table("target", *(_RIGHT), box=None, pad_edge=False, header_style="bold")
        for column in table.columns[1:6]:
            column.justify = "right"
        for target in self._targets:
            run = self._runs.get(target.name)
            if run is None:
                table.add_row(target.name, *[""] * 5, "[dim]waits[/]")
                continue
            told = run.progress
            new = told.edges - told.edges_at_start
            state = "[red]CRASH[/]" if told.trace else "[green]well[/]" if told.ended else "runs"
            row = (told.executions, told.per_s, self._kept.get(target.name, told.inputs), told.edges, new)
            table.add_row(target.name, *(f"{number:,}" for number in row), state)
        return table


_RIGHT = ("executions", "per s", "corpus", "edges", "new", "")
