"""Files as people make them are read as they were meant, and what cannot be read is said."""

import gzip
import hashlib
import io
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest

from esoz_notify.engine.bulk_file import LINE_BYTES_MAX, BadFile, Form, opened, records, survey
from esoz_notify.engine.bulk_rows import Reading, Row, rows
from esoz_notify.engine.bulk_trial import Tally
from esoz_notify.render.texts import builtin_texts

NOW = datetime(2026, 11, 27, tzinfo=UTC)
CSV = 'Вид;Телефон;Номер\r\nНаправлення створено;067 000 00 01;"0123-4567\n89AB-CEIK"\r\n;;\r\n'


def _read(content: bytes, encoding: str | None = None) -> tuple[str, str, list[tuple[int, object]]]:
    file = io.BytesIO(content)
    seen = survey(file, encoding=encoding)
    file.seek(0)
    return seen.encoding, seen.separator, [(one.row, one.content) for one in records(file, seen)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_encodings_and_separators_of_spreadsheets(encoding: str, separator: str) -> None:
    """Whichever a spreadsheet in Ukraine writes; a line end in quotes is of the cell; empty rows are left out."""
    name, found, read = _read(CSV.replace(";", separator).encode(encoding))
    assert (name, found) == (encoding.removesuffix("-sig"), separator)
    assert read == [
        (1, ["Вид", "Телефон", "Номер"]),
        (2, ["Направлення створено", "067 000 00 01", "0123-4567\n89AB-CEIK"]),
    ]


def test_the_line_of_a_spreadsheet_names_the_separator() -> None:
    """``sep=`` goes before what was counted, and rows are numbered as the spreadsheet does."""
    assert _read(b"sep=,\r\nkind,phone;x\r\n1,2\r\n")[1:] == (",", [(2, ["kind", "phone;x"]), (3, ["1", "2"])])


def test_letters_that_look_like_another_encoding() -> None:
    """«Рі» in cp1251 is a letter in UTF-8; what follows tells. A spoilt UTF-8 is not taken for cp1251."""
    assert _read("phone;kind\n;Рівненщина\n".encode("cp1251"))[0] == "cp1251"
    with pytest.raises(BadFile) as refused:
        _read("phone;Рівненщина\n".encode() + b"\xd0\n")
    assert (refused.value.fault.code, refused.value.fault.rule) == ("bad_encoding", "utf-8")


def test_ndjson() -> None:
    """One object a line; a line that is none, or names a member twice, is told by its number."""
    lines = b'{"kind": "a"}\n\n[1]\n{"a": 1, "a": 2}\n{"a": NaN}\n{'
    _, _, read = _read(lines)
    assert read[0] == (1, {"kind": "a"})
    assert [(row, getattr(content, "code", content)) for row, content in read[1:]] == [
        (3, "not_json"),
        (4, "name_twice"),
        (5, "not_json"),
        (6, "not_json"),
    ]


@pytest.mark.parametrize(
    ("content", "encoding", "code", "row"),
    [
        (b"", None, "empty_file", None),
        (b" \r\n", None, "empty_file", None),
        ("kind;phone".encode("utf-16"), None, "utf16", None),
        (b"PK\x03\x04\x00\x00", None, "not_text", None),
        ("вид".encode("cp1251"), "utf-8", "bad_encoding", None),
        (b"\xd1\x98\x98", None, "bad_encoding", None),
        ("kind;вид".encode()[:-1], "utf-8", "bad_encoding", None),
        (b'kind;phone\n"a;b\nc', None, "quotes", 2),
        (b'kind;phone\n"a"b;c\n', None, "quotes", 2),
        (b"kind;phone\n" + b"a" * LINE_BYTES_MAX + b"\n", None, "line_too_long", 2),
    ],
)
def test_what_cannot_be_read(content: bytes, encoding: str | None, code: str, row: int | None) -> None:
    """The file as a whole is refused with one reason, and with the row if there is one."""
    with pytest.raises(BadFile) as refused:
        _read(content, encoding)
    assert (refused.value.fault.code, refused.value.fault.row) == (code, row)


def test_a_packed_file_is_the_same_file(tmp_path: Path) -> None:
    """Its digest is of what it holds, so that keys do not depend on packing; a broken one is told."""
    plain, packed, broken = (tmp_path / name for name in ("rows.csv", "rows.csv.gz", "broken.gz"))
    plain.write_bytes(CSV.encode())
    packed.write_bytes(gzip.compress(CSV.encode()))
    broken.write_bytes(gzip.compress(CSV.encode())[:-9])
    with opened(plain) as one, opened(packed) as two:
        seen = survey(one)
        assert survey(two) == seen
    assert seen.digest == hashlib.sha256(CSV.encode()).hexdigest()
    with opened(broken) as file, pytest.raises(BadFile) as refused:
        survey(file)
    assert refused.value.fault.code == "bad_gzip"


class _Long(io.RawIOBase):
    """A CSV of so many rows that nobody wrote down: each is made when it is read."""

    def __init__(self, rows_count: int) -> None:
        self._left = self._made(rows_count)
        self._rest = b""

    @staticmethod
    def _made(count: int) -> Iterator[bytes]:
        yield "kind;phone;request_number;примітки\n".encode()
        for number in range(count):
            padding = b"x" * 20_000
            yield b"referral_issued;+38000%07d;0123-4567-89AB-CEIK;%s\n" % (number, padding)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        self._rest = self._rest or next(self._left, b"")
        given, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(given)] = given
        return len(given)


def _peak_bytes(count: int) -> tuple[int, int]:
    """Bytes that checking so many rows holds at most, and how large the file was."""

    def file() -> BinaryIO:
        return io.BufferedReader(_Long(count))

    tally = Tally(builtin_texts())
    tracemalloc.start()
    seen = survey(file())
    for row in rows(file(), seen, Reading(kind=None, names={"примітки": "-"}), NOW):
        assert isinstance(row, Row)
        tally.add(row)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tally.count, seen.form) == (count, Form.CSV)
    return peak, seen.size_bytes


def test_memory_does_not_grow_with_the_file() -> None:
    """Checking 100 MB takes no more of it than checking 10 MB."""
    _peak_bytes(10)
    (small_peak, small), (large_peak, large) = _peak_bytes(500), _peak_bytes(5_000)
    assert (small > 10_000_000, large > 100_000_000) == (True, True)
    assert large_peak < small_peak + 1_000_000
