"""What a run of ``bulk`` leaves beside its file: a journal, so that the next run goes on, and the result, row by row.

What belongs here: writing both so that a stop at any moment leaves them whole or to be cut. What does not: whether a
row is sent twice (the keys of the API's calls see to that; without a journal a run only takes longer).
"""

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from esoz_notify.core.errors import InvalidInput, Problem

RESULT_HEAD = ("row", "id", "status", "code", "why", "channel", "final")
"""``status``: the HTTP status of the row; ``code`` and ``why``: of a refusal; the last two only after ``--wait``."""

_VERSION = 1
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """How far a file has come. ``asked``: what the rows mean besides the file: where, by whom, kind and columns.

    ``chunks``: handed over and answered, in order. ``begun_at``: when the one after them was begun, seconds since 1970.
    """

    digest: str
    asked: dict[str, Any]
    chunks: int = 0
    accepted: int = 0
    replayed: int = 0
    refused: int = 0
    result_bytes: int = 0
    begun_at: float = 0.0
    done: bool = False
    version: int = field(default=_VERSION)


def journal_of(file: Path) -> Path:
    """Where the journal of a file is."""
    return file.with_name(f"{file.name}.bulk.json")


def result_of(file: Path) -> Path:
    """Where the result of a file is."""
    return file.with_name(f"{file.name}.result.csv")


def read_journal(file: Path, fresh: Journal) -> tuple[Journal, bool]:
    """Where the file's earlier run stopped, or ``fresh``; and whether there was one.

    Raises InvalidInput when the journal is of another content or of other options.
    """
    path = journal_of(file)
    try:
        known = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return fresh, False
    except (OSError, ValueError):
        known = None
    names = {one.name for one in fields(Journal)}
    if not isinstance(known, dict) or set(known) != names or known["version"] != _VERSION:
        rule = f"{path} is not a journal of this version; delete it: rows that were accepted are not sent twice"
    elif known["digest"] != fresh.digest:
        rule = (
            f"{file} was changed after a part of it had been sent ({path} tells of it). Put the old file back, or move"
            " the rows that are still to be sent to a new file: rows of a changed file would be sent again"
        )
    elif known["asked"] != fresh.asked:
        changed = ", ".join(sorted(name for name in fresh.asked if known["asked"].get(name) != fresh.asked[name]))
        rule = f"{file} was begun with another {changed}; repeat the command as it was the first time"
    else:
        return Journal(**known), True
    raise InvalidInput([Problem("/file", "journal", rule)], detail=rule)


def write_journal(file: Path, journal: Journal) -> None:
    """Replace the journal in one step."""
    path = journal_of(file)
    temporary = path.with_name(f"{path.name}.new")
    with _private(temporary) as written:
        written.write(json.dumps(asdict(journal), ensure_ascii=False).encode())
        written.flush()
        os.fsync(written.fileno())
    temporary.replace(path)


class Result:
    """The result file, for as long as rows are added. What an earlier run wrote after its journal is cut off."""

    def __init__(self, file: Path, journal: Journal) -> None:
        self._path = result_of(file)
        known = journal.result_bytes if self._path.exists() else 0
        if journal.result_bytes > (self._path.stat().st_size if known else 0):
            rule = f"{self._path} is shorter than its journal says; delete {journal_of(file)} and start again"
            raise InvalidInput([Problem("/file", "result", rule)], detail=rule)
        self._written = _private(self._path, keep=known)
        if not known:
            self._write([RESULT_HEAD], _BOM)

    def add(self, rows: Sequence[Sequence[str]], journal: Journal) -> Journal:
        """Write rows to the disk, and give the journal that knows of them."""
        self._write(rows)
        os.fsync(self._written.fileno())
        return replace(journal, result_bytes=self._written.tell())

    def _write(self, rows: Sequence[Sequence[str]], first: str = "") -> None:
        self._written.write((first + csv_text(rows)).encode())
        self._written.flush()

    def close(self) -> None:
        """Nothing more is added."""
        self._written.close()


def csv_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows as spreadsheets in Ukraine read them. Nothing here comes from a file, so no cell can be a formula."""
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows)
    return text.getvalue()


def read_result(file: Path) -> Iterator[list[str]]:
    """Rows of a result, without its head."""
    with result_of(file).open(encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, delimiter=";")
        next(reader, None)
        yield from reader


@contextmanager
def rewritten(path: Path, head: Sequence[str]) -> Iterator[Callable[[Sequence[Sequence[str]]], None]]:
    """Write a table anew, in pieces; the old file stays until the end, and for good if that does not come."""
    temporary = path.with_name(f"{path.name}.new")

    def write(rows: Sequence[Sequence[str]]) -> None:
        written.write(csv_text(rows).encode())

    try:
        with _private(temporary) as written:
            written.write((_BOM + csv_text([head])).encode())
            yield write
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _private(path: Path, *, keep: int = 0) -> io.BufferedRandom:
    """A file that only its owner may read, from its first ``keep`` bytes on."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(descriptor, keep)
    file = os.fdopen(descriptor, "r+b")
    file.seek(keep)
    return file
