"""The first half of ``bulk``: the whole file is looked at, and everything that is wrong with it is told at once.

What belongs here: what is asked of a run, checking, the file of faults. What does not: sending.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from rich.console import Console

from esoz_notify.cli import bulk_shown
from esoz_notify.cli.bulk_journal import rewritten
from esoz_notify.console.spreadsheets import harmless
from esoz_notify.engine.bulk_file import BadFile, Survey, survey
from esoz_notify.engine.bulk_rows import Reading, Row, rows
from esoz_notify.engine.bulk_trial import Tally
from esoz_notify.render.bulk_faults import Fault, told
from esoz_notify.render.texts import builtin_texts

FAULTS_SHOWN = 20
FAULTS_KEPT = 10_000
"""In the file of faults; whoever has more has one cause for all of them."""

_SHOWN_EVERY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What the command line asks for. ``follow_s``: how long what was sent is followed; None: it is not."""

    file: Path
    how: Reading
    encoding: str | None
    separator: str | None
    rate: int
    dry_run: bool
    yes: bool
    again: bool
    follow_s: float | None
    language: str
    as_json: bool

    @property
    def errors_file(self) -> Path:
        """Where faults go."""
        return self.file.with_name(f"{self.file.name}.errors.csv")

    @property
    def console(self) -> Console:
        """Where a person reads; whoever asked for JSON gets that alone."""
        return Console(stderr=True, quiet=self.as_json)

    def say(self, text: object) -> None:
        """Tell a person."""
        self.console.print(text, highlight=False)


@dataclass(slots=True)
class Checked:
    """What a look at every row found. ``seen`` None: not even that the file is text. ``faults``: the first ones."""

    tally: Tally
    seen: Survey | None = None
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    is_whole: bool = True
    """False: it could not be read to its end."""

    def note(self, faults: list[Fault]) -> None:
        """Count faults, and keep them while there is room."""
        self.fault_count += len(faults)
        self.faults += faults[: FAULTS_KEPT - len(self.faults)]


def checked(call: Call, source: BinaryIO) -> Checked:
    """Look at every row, and say how the file is read."""
    found = Checked(Tally(builtin_texts()))
    try:
        found.seen = survey(source, encoding=call.encoding, separator=call.separator)
        source.seek(0)
        call.say(bulk_shown.read(found.seen, call.language))
        with bulk_shown.Bar(
            call.console, call.language, "checking", found.seen.size_bytes, ("checked", "faults_found")
        ) as bar:
            _look(call, found, source, bar.came_to)
        if not found.tally.count and not found.fault_count:
            raise BadFile(Fault(None, "", "empty_file"))
    except BadFile as error:
        found.is_whole = False
        found.note([error.fault])
    return found


def _look(call: Call, found: Checked, source: BinaryIO, came_to: Callable[[float, int, int], None]) -> None:
    assert found.seen is not None
    for number, row in enumerate(rows(source, found.seen, call.how, datetime.now(UTC))):
        if isinstance(row, Row):
            found.tally.add(row)
        else:
            found.note(row)
        if number % _SHOWN_EVERY == 0:
            came_to(source.tell(), found.tally.count, found.fault_count)
    came_to(found.seen.size_bytes, found.tally.count, found.fault_count)


def tell_faults(call: Call, found: Checked) -> None:
    """Write all faults into their file, and show the first of them."""
    words = bulk_shown.WORDS[call.language]
    with rewritten(call.errors_file, [words[one] for one in ("row", "column", "what", "mend")]) as write:
        for one in found.faults:
            row = "" if one.row is None else str(one.row)
            write([(row, harmless(one.column), *told(one, call.language))])
    call.say(bulk_shown.faults(found.faults[:FAULTS_SHOWN], call.language))
    cut = words["faults_cut"].format(kept=FAULTS_KEPT) if found.fault_count > len(found.faults) else ""
    call.say(words["faults"].format(count=found.fault_count, file=call.errors_file) + cut)
