"""Files of many notifications as people and programs make them: encoding, form and separator found, rows one by one.

What belongs here: bytes to records, in memory that does not grow with the file. What does not: what a record means
(``bulk_rows``).
"""

import codecs
import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, cast

from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.core.limits import BODY_BYTES_MAX
from esoz_notify.render.bulk_faults import Fault, told

ENCODINGS = ("utf-8", "cp1251")
SEPARATORS = (";", ",", "\t")
LINE_BYTES_MAX = BODY_BYTES_MAX

_BLOCK = 1 << 20
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GZIP = b"\x1f\x8b"
_SEPARATOR_LINE = "sep="
_LETTERS_OF_UTF8 = 8
"""After so many letters it is UTF-8 for sure: by chance two of another encoding look like one, but not eight times."""


class Form(StrEnum):
    """How a file holds its rows."""

    CSV = "csv"
    NDJSON = "ndjson"


class BadFile(InvalidInput):
    """The file as a whole cannot be used; ``fault`` says why."""

    code = "bad_file"

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        what, mend = told(fault, "en")
        super().__init__([Problem("/file", fault.code, f"{what} {mend}")], detail=f"{what} {mend}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a first look found. ``digest``: SHA-256 of the content, the same whether it is packed or not."""

    digest: str
    size_bytes: int
    encoding: str
    was_found: bool
    form: Form
    separator: str


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its number, and its cells, its object, or what is wrong with it."""

    row: int
    content: list[str] | dict[str, object] | Fault


def opened(path: Path) -> BinaryIO:
    """The file's content, unpacked when it is gz. Raises OSError."""
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
    return cast("BinaryIO", gzip.open(path, "rb")) if packed else path.open("rb")


def survey(file: BinaryIO, *, encoding: str | None = None, separator: str | None = None) -> Survey:
    """Read it once from its beginning. ``encoding``, ``separator``: None: to be found. Raises BadFile."""
    digest, size, first = hashlib.sha256(), 0, b""
    found = _Encoding(encoding)
    try:
        for block in iter(lambda: file.read(_BLOCK), b""):
            first = first or block
            digest.update(block)
            size += len(block)
            if first.startswith(_UTF16):
                raise BadFile(Fault(None, "", "utf16"))
            found.feed(block)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise BadFile(Fault(None, "", "bad_gzip")) from None
    name = found.end()
    head = first.decode(name, "replace").removeprefix("\ufeff").lstrip()
    if not head:
        raise BadFile(Fault(None, "", "empty_file"))
    form = Form.NDJSON if head.startswith("{") else Form.CSV
    return Survey(
        digest=digest.hexdigest(),
        size_bytes=size,
        encoding=name,
        was_found=encoding is None,
        form=form,
        separator=separator or _separator(head.split("\n", 1)[0]),
    )


class _Encoding:
    """Finds out how a text is written. UTF-8 has a form that other texts break at their first letter beyond ASCII."""

    def __init__(self, told_name: str | None) -> None:
        self._told = told_name
        self._name = told_name or "utf-8"
        self._decoder = codecs.getincrementaldecoder(self._name)("strict")
        self._letters = 0

    def feed(self, block: bytes) -> None:
        """Look at more of it. Raises BadFile."""
        if b"\0" in block:
            raise BadFile(Fault(None, "", "not_text"))
        try:
            text = self._decoder.decode(block)
        except UnicodeDecodeError as error:
            letters = self._letters + _letters(error.object[: error.start].decode(self._name))
            if self._told is not None or self._name != "utf-8" or letters >= _LETTERS_OF_UTF8:
                raise BadFile(Fault(None, "", "bad_encoding", self._name)) from None
            self._name = "cp1251"
            self._decoder = codecs.getincrementaldecoder(self._name)("strict")
            self.feed(block)
        else:
            self._letters += _letters(text)

    def end(self) -> str:
        """The name of it. Raises BadFile when the text ends within a letter."""
        try:
            self._decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise BadFile(Fault(None, "", "bad_encoding", self._name)) from None
        return self._name


def _letters(text: str) -> int:
    """How many beyond ASCII; only whether they are a few matters."""
    return 0 if text.isascii() else sum(letter > "\x7f" for letter in text)


def _separator(line: str) -> str:
    """What parts the names of columns: the sign that the first line has most of, outside of quotes."""
    if line.lower().startswith(_SEPARATOR_LINE):
        return line[len(_SEPARATOR_LINE) :].rstrip("\r") or SEPARATORS[0]
    plain = "".join(line.split('"')[::2])
    return max(SEPARATORS, key=plain.count)


def records(file: BinaryIO, seen: Survey) -> Iterator[Record]:
    """Every row that is not empty, in order; of CSV the header first. Raises BadFile where it cannot be read on."""
    lines = _lines(file, seen.encoding)
    yield from _json_records(lines) if seen.form is Form.NDJSON else _csv_records(lines, seen.separator)


def _lines(file: BinaryIO, encoding: str) -> Iterator[str]:
    for number, raw in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX + 1), b""), 1):
        if len(raw) > LINE_BYTES_MAX:
            raise BadFile(Fault(number, "", "line_too_long", str(LINE_BYTES_MAX)))
        text = raw.decode(encoding)
        yield text.removeprefix("\ufeff") if number == 1 else text


def _csv_records(lines: Iterable[str], separator: str) -> Iterator[Record]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    row = 0
    while True:
        row += 1
        try:
            cells = next(reader, None)
        except csv.Error:
            raise BadFile(Fault(row, "", "quotes")) from None
        if cells is None:
            return
        if row == 1 and separator.join(cells).lower().startswith(_SEPARATOR_LINE):
            continue
        if any(cell.strip() for cell in cells):
            yield Record(row, cells)


def _json_records(lines: Iterable[str]) -> Iterator[Record]:
    for row, line in enumerate(lines, 1):
        if line.strip():
            yield Record(row, _json_object(line, row))


def _json_object(line: str, row: int) -> dict[str, object] | Fault:
    try:
        document = json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)
    except _Twice:
        return Fault(row, "", "name_twice")
    except (ValueError, RecursionError):
        return Fault(row, "", "not_json")
    return document if isinstance(document, dict) else Fault(row, "", "not_json")


class _Twice(Exception):
    """A member is named twice."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise _Twice
    return document


def _no_constant(_: str) -> object:
    raise ValueError
