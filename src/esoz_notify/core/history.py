"""Facts as plain records and back, for the append-only history in the ledger.

What belongs here: the translation between a fact and ``(name, JSON object)``. What does not: deciding facts.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from functools import cache
from typing import Any, get_args, get_type_hints

from esoz_notify.core.delivery import Delivery, Fact, evolve

Record = dict[str, str | int | None]

_FACTS: dict[str, type[Fact]] = {fact.__name__: fact for fact in get_args(Fact)}
_HINTS = {name: get_type_hints(fact) for name, fact in _FACTS.items()}
_FIELDS = {name: tuple(field for field in fact.__struct_fields__ if field != "at") for name, fact in _FACTS.items()}


def to_record(fact: Fact) -> tuple[str, Record]:
    """Name of the fact and its fields as JSON values; ``at`` is a column of its own, None is left out."""
    name = type(fact).__name__
    record: Record = {}
    for field in _FIELDS[name]:
        value = getattr(fact, field)
        if value is not None:
            record[field] = value if type(value) in _PLAIN_ALREADY else _plain(value)
    return name, record


def from_record(name: str, at: datetime, record: Mapping[str, str | int | None]) -> Fact:
    """The fact that ``to_record`` wrote down."""
    hints = _HINTS[name]
    arguments: dict[str, Any] = {field: _rich(hints[field], record.get(field)) for field in _FIELDS[name]}
    return _FACTS[name](at=at, **arguments)


def replay(start: Delivery, facts: Iterable[Fact]) -> Delivery:
    """Fold a whole history over the state at intake; equals the stored state."""
    for fact in facts:
        start = evolve(start, fact)
    return start


_PLAIN_ALREADY = (str, int)


def _plain(value: object) -> str:
    match value:
        case StrEnum():
            return str(value)
        case datetime():
            return value.isoformat()
        case IntEnum():
            return _word(value)
    raise TypeError(type(value).__name__)


@cache
def _word(value: IntEnum) -> str:
    return value.name.lower()


def _rich(hint: Any, value: str | int | None) -> Any:
    choices = [choice for choice in (get_args(hint) or (hint,)) if choice is not type(None)]
    kind: type[Any] = choices[0]
    if value is None:
        return "" if kind is str else None
    if issubclass(kind, datetime):
        return datetime.fromisoformat(str(value))
    if issubclass(kind, IntEnum):
        return kind[str(value).upper()]
    return kind(value)
