"""What a row of a bulk file asks for: columns by their many names, cells as people write them, checked as the API does.

What belongs here: from a record to a body of POST /v1/notifications, or to faults in a clerk's words. What does not:
bytes and separators (``bulk_file``), sending.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.core.kinds import KINDS, PUBLIC_KINDS, Lane
from esoz_notify.core.kyiv import KYIV, parse_moment
from esoz_notify.core.numbers import NumberProblem
from esoz_notify.core.phone import spelled_phone
from esoz_notify.engine.bulk_file import BadFile, Form, Record, Survey, records
from esoz_notify.engine.requests import Order, read_order
from esoz_notify.render.bulk_faults import Fault

Body = dict[str, object]

CHUNK = 200
"""Rows of one call: what intake writes in one transaction. A part of the key, which is of a place in a call."""

IGNORED = "-"
"""In a map: a column that is not read."""

KINDS_IN_BULK = tuple(name for name in PUBLIC_KINDS if KINDS[name].lane is not Lane.CODES)

_RECIPIENT = ("phone", "tax_id", "language")
_PLAIN = ("patient_id", "inform_with", "reference", "valid_until", "notifications_off", "region", "programme")
_DATA = tuple(
    dict.fromkeys(
        name for kind in KINDS_IN_BULK for field in KINDS[kind].fields for name in (field.name, *field.aliases)
    )
)
FIELDS = ("kind", *_RECIPIENT, *_PLAIN, *_DATA)
"""What a column may be; details of the printed summary are ``summary.NAME`` besides."""

ALIASES: Mapping[str, str] = {
    "вид": "kind",
    "вид сповіщення": "kind",
    "телефон": "phone",
    "номер телефону": "phone",
    "мобільний": "phone",
    "рнокпп": "tax_id",
    "іпн": "tax_id",
    "мова": "language",
    "пацієнт": "patient_id",
    "спосіб": "inform_with",
    "ваш номер": "reference",
    "дійсно до": "valid_until",
    "без повідомлень": "notifications_off",
    "регіон": "region",
    "область": "region",
    "програма": "programme",
    "номер": "request_number",
    "номер рецепта": "request_number",
    "номер направлення": "request_number",
    "код": "verification_code",
    "створено": "created_at",
}
"""Names of columns as clerks write them, in small letters."""

_TITLES = {KINDS[name].title_uk.casefold(): name for name in KINDS_IN_BULK}
_YES, _NO = frozenset({"так", "true", "yes", "1"}), frozenset({"ні", "false", "no", "0"})
_LANGUAGES = {"ua": "uk", "укр": "uk", "українська": "uk", "англійська": "en"}
_DAY = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})(?: ([0-9]{1,2}):([0-9]{2}))?", re.ASCII)
_DAYS = frozenset({"created_at", "started_at", "ended_at", "valid_to", "dispense_valid_to"})
_SHORTENED = re.compile(r"[0-9]+[.,]?[0-9]*[eEеЕ]\+?[0-9]+|[0-9]{9}", re.ASCII)
_CODED = frozenset({"kind", "phone", "tax_id", "language", "patient_id", "valid_until"})
"""Fields whose faults have words of their own."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that may be sent. ``body``: of POST /v1/notifications."""

    number: int
    body: Body
    order: Order


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of this file: its name there, and what it is: a field, ``summary.`` and a detail, or nothing."""

    name: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How rows are read. ``kind``: of rows that name none; ``names``: columns and what they are, as the caller says."""

    kind: str | None
    names: Mapping[str, str]


def rows(file: BinaryIO, seen: Survey, how: Reading, now: datetime) -> Iterator[Row | list[Fault]]:
    """Every row, checked. Raises BadFile for its columns, or where it cannot be read on."""
    given = records(file, seen)
    if seen.form is Form.NDJSON:
        if how.names:
            raise BadFile(Fault(None, "", "map_unused", ", ".join(how.names)))
        columns: Sequence[_Column] = ()
    else:
        columns = _columns(next(given, None), how)
    for record in given:
        yield _row(record, columns, how, now)


def bodies(file: BinaryIO, seen: Survey, how: Reading) -> Iterator[tuple[int, Body]]:
    """The same rows, of a file that was checked before: each with its number, unchecked."""
    given = records(file, seen)
    columns = () if seen.form is Form.NDJSON else _columns(next(given, None), how)
    for record in given:
        body = _body(record, columns, how)
        if isinstance(body, dict):
            yield record.row, body


def key_of(digest: str, chunk: int) -> str:
    """The idempotency key of a chunk: the same however often, and from wherever, the same content is sent."""
    return f"bulk-{digest[:40]}-{CHUNK}-{chunk}"


def named(digest: str, row: int, body: Body) -> Body:
    """The row with a reference by which it can be found when its key is forgotten; its own goes before."""
    return {"reference": f"bulk-{digest[:16]}-{row}", **body}


def _columns(header: Record | None, how: Reading) -> list[_Column]:
    """What each column is. Raises BadFile."""
    if header is None or not isinstance(header.content, list):
        raise BadFile(Fault(None, "", "empty_file"))
    row, names = header.row, [" ".join(cell.split()) for cell in header.content]
    unused = [name for name in how.names if name not in names]
    if unused:
        raise BadFile(Fault(row, "", "map_unused", ", ".join(unused)))
    columns = [_Column(name, _field(name, how.names.get(name, name), row)) for name in names]
    used: dict[str, str] = {}
    for column in columns:
        if column.field != IGNORED and column.field in used:
            raise BadFile(Fault(row, column.name, "column_twice", f"{used[column.field]}, {column.name}"))
        used[column.field] = column.name
    if "kind" not in used and how.kind is None:
        raise BadFile(Fault(row, "", "column_missing", "kind"))
    if "phone" not in used and "patient_id" not in used:
        raise BadFile(Fault(row, "", "column_missing", "phone / patient_id"))
    return columns


def _field(name: str, meant: str, row: int) -> str:
    plain = meant.strip().casefold()
    found = ALIASES.get(plain, plain.removeprefix("data."))
    if found == IGNORED or not plain:
        return IGNORED
    if found in FIELDS or re.fullmatch("summary[.][a-z_]+", found, re.ASCII):
        return found
    raise BadFile(Fault(row, name, "column_unknown", ", ".join(FIELDS)))


def _row(record: Record, columns: Sequence[_Column], how: Reading, now: datetime) -> Row | list[Fault]:
    body = _body(record, columns, how)
    if isinstance(body, Fault):
        return [body]
    kind = body.get("kind")
    if isinstance(kind, str) and kind in KINDS and kind not in KINDS_IN_BULK and not KINDS[kind].internal:
        return [Fault(record.row, _called("kind", columns), "kind_code")]
    try:
        return Row(record.row, body, read_order(body, now))
    except InvalidInput as error:
        return [_fault(record.row, problem, body, columns) for problem in error.problems]


def _body(record: Record, columns: Sequence[_Column], how: Reading) -> Body | Fault:
    content = record.content
    if isinstance(content, Fault):
        return content
    if isinstance(content, dict):
        return content if how.kind is None or content.get("kind") is not None else {"kind": how.kind, **content}
    if any(cell.strip() for cell in content[len(columns) :]):
        return Fault(record.row, "", "cells_many")
    cells = {
        column.field: value
        for column, cell in zip(columns, content, strict=False)
        if column.field != IGNORED and (value := cell.strip())
    }
    return _assembled(cells, how)


def _assembled(cells: Mapping[str, str], how: Reading) -> Body:
    read = {name: _cell(name.removeprefix("summary."), value) for name, value in cells.items()}
    kind = read.pop("kind", None) or how.kind
    body: Body = {"kind": kind} if kind is not None else {}
    parts: tuple[tuple[str, Iterable[str]], ...] = (("recipient", _RECIPIENT), ("data", _DATA))
    for part, fields in parts:
        found = {name: read[name] for name in fields if name in read}
        if found or part == "data":
            body[part] = found
    summary = {name.removeprefix("summary."): value for name, value in read.items() if name.startswith("summary.")}
    if summary:
        body["summary"] = summary
    return body | {name: read[name] for name in _PLAIN if name in read}


def _cell(field: str, value: str) -> object:
    """A value as the API has it, of one as people write it; what cannot be read so is left for the check to tell."""
    if field == "phone":
        phone = spelled_phone(value)
        return phone.e164 if phone else value
    if field == "kind":
        return _TITLES.get(value.casefold(), value)
    if field == "language":
        return _LANGUAGES.get(value.casefold(), value.casefold())
    if field == "notifications_off":
        plain = value.casefold()
        return plain in _YES if plain in _YES | _NO else value
    if field == "valid_until":
        return _moment(value)
    return _day(value) if field in _DAYS else value


def _day(value: str) -> str:
    found = _DAY.fullmatch(value)
    return f"{found[3]}-{found[2]}-{found[1]}" if found and found[4] is None else value


def _moment(value: str) -> str:
    """A time of Kyiv, or a day of which the last moment is meant."""
    found = _DAY.fullmatch(value)
    try:
        if found and found[4]:
            day, month, year, hour, minute = (int(part) for part in found.groups())
            return datetime(year, month, day, hour, minute, tzinfo=KYIV).isoformat()
        return parse_moment(_day(value), day_end=True).isoformat()
    except (NumberProblem, ValueError):
        return value


def _fault(row: int, problem: Problem, body: Body, columns: Sequence[_Column]) -> Fault:
    parts = problem.pointer.removeprefix("/").split("/")
    field = ".".join(parts) if parts[0] == "summary" else parts[-1]
    code, rule = problem.code, problem.detail
    if field in _CODED:
        code = f"{field}_{code}"
    if field == "kind":
        rule = ", ".join(KINDS_IN_BULK)
    elif code == "unknown_field":
        kind = KINDS.get(str(body.get("kind")))
        rule = ", ".join(one.name for one in kind.fields) if kind and parts[0] == "data" else ", ".join(FIELDS)
    elif field == "notifications_off":
        code = "flag"
    elif code == "phone_format" and _was_shortened(body):
        code = "phone_spreadsheet"
    return Fault(row, _called(field, columns), code, rule)


def _was_shortened(body: Body) -> bool:
    recipient = body.get("recipient")
    phone = recipient.get("phone") if isinstance(recipient, dict) else None
    return isinstance(phone, str) and _SHORTENED.fullmatch(phone) is not None


def _called(field: str, columns: Sequence[_Column]) -> str:
    """The field as this file names it; a name that a file made up itself is not shown."""
    named = next((one.name for one in columns if one.field == field), None)
    known = field in FIELDS or re.fullmatch("summary(?:[.][a-z_]{1,40})?|recipient|data", field, re.ASCII)
    return named or (field if known else "")
