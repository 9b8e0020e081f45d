"""Columns packed as PostgreSQL's binary arrays, for statements that write many rows by ``unnest``.

What belongs here: the bytes of an array. What does not: statements and what their columns mean (the other files of this
room). psycopg packs lists by itself and is right for every other statement; for these, it asks each list for its type
and each element for its bytes, which was a tenth of all that a worker did. Formats: PostgreSQL's ``array_send`` and the
``_send`` function of each type (src/backend/utils/adt).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_NULL = b"\xff\xff\xff\xff"
_HEAD = Struct("!IIIII").pack
"""One dimension, there may be NULLs, the type of elements, how many, the first is number 1."""
_EMPTY = Struct("!III").pack
_LENGTH = Struct("!I").pack
_UUID_LENGTH = _LENGTH(16)
_SMALLINT = Struct("!Ih").pack
_INT = Struct("!Ii").pack
_BIGINT = Struct("!Iq").pack
_INTERVAL = Struct("!Iqii").pack
_BOOLEAN = {True: _LENGTH(1) + b"\x01", False: _LENGTH(1) + b"\x00"}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class _Packed(bytes):
    """An array ready to be sent."""

    __slots__ = ()


class _AsItIs(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> _Packed:
        packed: _Packed = obj
        return packed


def _uuid(value: UUID) -> bytes:
    return _UUID_LENGTH + value.bytes


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


def _bytea(value: bytes) -> bytes:
    return _LENGTH(len(value)) + value


def _smallint(value: int) -> bytes:
    return _SMALLINT(2, value)


def _int(value: int) -> bytes:
    return _INT(4, value)


def _bigint(value: int) -> bytes:
    return _BIGINT(8, value)


def _time(value: datetime) -> bytes:
    since = value - _EPOCH
    return _BIGINT(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _interval(value: timedelta) -> bytes:
    return _INTERVAL(16, value.seconds * 1_000_000 + value.microseconds, value.days, 0)


def _jsonb(value: Any) -> bytes:
    encoded = msgspec.json.encode(value)
    return _LENGTH(len(encoded) + 1) + b"\x01" + encoded


class _Kind(NamedTuple):
    """How arrays of one type are packed. ``element_oid``: of pg_type, as that of the array in ``array``."""

    element_oid: int
    array: type[_Packed]
    pack: Callable[[Any], bytes]


def _kind(element_oid: int, array_oid: int, pack: Callable[[Any], bytes]) -> _Kind:
    array = type(f"_{pack.__name__.strip('_').title()}Array", (_Packed,), {"__slots__": ()})
    psycopg.adapters.register_dumper(array, type(f"{array.__name__}Dumper", (_AsItIs,), {"oid": array_oid}))
    return _Kind(element_oid, array, pack)


_KINDS: Mapping[str, _Kind] = {
    "uuid": _kind(2950, 2951, _uuid),
    "text": _kind(25, 1009, _text),
    "bytea": _kind(17, 1001, _bytea),
    "smallint": _kind(21, 1005, _smallint),
    "int": _kind(23, 1007, _int),
    "bigint": _kind(20, 1016, _bigint),
    "boolean": _kind(16, 1000, _BOOLEAN.__getitem__),
    "timestamptz": _kind(1184, 1185, _time),
    "interval": _kind(1186, 1187, _interval),
    "jsonb": _kind(3802, 3807, _jsonb),
}
"""By the names that statements cast to; numbers from PostgreSQL's pg_type.dat, the same in every version."""

_PARAMETERS = re.compile(r"unnest\(((?:\s*%b::\w+\[\],?)+)\)|%b::(\w+)\[\]|%[sb]")
_TYPE = re.compile(r"%b::(\w+)\[\]")


@lru_cache(maxsize=64)
def _kinds(statement: str) -> tuple[tuple[_Kind, ...] | _Kind, ...]:
    """What each table, and each column that stands alone, of a statement is made of."""
    found = _PARAMETERS.findall(statement)
    assert all(table or alone for table, alone in found), "every parameter is an array: %b::type[]"
    return tuple(
        tuple(_KINDS[name] for name in _TYPE.findall(table)) if table else _KINDS[alone] for table, alone in found
    )


def packed(statement: str, *given: Sequence[Any]) -> list[bytes]:
    """The parameters of a statement all of whose parameters are arrays, ``%b::type[]``.

    ``given``, in the order of the statement: the rows of each ``unnest``, and the values of each array that stands
    alone. None is NULL; members of a StrEnum may stand for their text, anything that JSON can hold for ``jsonb``.
    Raises ValueError when a row has more or fewer values than its table has columns.
    """
    arrays = []
    for kinds, values in zip(_kinds(statement), given, strict=True):
        if isinstance(kinds, _Kind):
            arrays.append(_array(kinds, values))
        elif values:
            arrays += [_array(*column) for column in zip(kinds, zip(*values, strict=True), strict=True)]
        else:
            arrays += [_array(kind, ()) for kind in kinds]
    return arrays


def _array(kind: _Kind, values: Sequence[Any]) -> bytes:
    if not values:
        return kind.array(_EMPTY(0, 0, kind.element_oid))
    pack = kind.pack
    elements = [_NULL if one is None else pack(one) for one in values]
    return kind.array(_HEAD(1, 1, kind.element_oid, len(values), 1) + b"".join(elements))
