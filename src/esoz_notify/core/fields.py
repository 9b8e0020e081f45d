"""Reads one JSON object field by field and remembers every broken rule, so that a caller is told all of them at once.

What belongs here: names, aliases, types and plain text. What does not: which fields an object has (``kinds``,
``patient``) and how a body becomes an object (``api``).
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from esoz_notify.core.errors import Problem
from esoz_notify.core.kyiv import parse_moment
from esoz_notify.core.numbers import NumberProblem

_SHOWABLE_NAME = re.compile(r"(?!.*[0-9]{7})[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
HIDDEN_NAME = "(a name that is not shown)"
"""Stands for a field name that may itself be personal data: a phone number typed as a key must not reach an answer."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Findings:
    """What reading a document has found so far: broken rules, and the fields that were not needed."""

    problems: list[Problem] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)

    def add(self, pointer: str, code: str, detail: str) -> None:
        """Remember one broken rule."""
        self.problems.append(Problem(pointer, code, detail))


def shown(name: str) -> str:
    """Give a field name as it may be shown: itself if it looks like a name, else a stand-in."""
    return name if _SHOWABLE_NAME.fullmatch(name) else HIDDEN_NAME


class Fields:
    """One JSON object at ``pointer``. A field that is null counts as absent, as in ESOZ's own answers."""

    __slots__ = ("_document", "_used", "findings", "path", "pointer")

    def __init__(self, document: Mapping[str, object], pointer: str, findings: Findings, path: str = "") -> None:
        """``path`` is put before the names of ignored fields, such as ``authentication_methods.``."""
        self._document = document
        self._used: set[str] = set()
        self.pointer = pointer
        self.findings = findings
        self.path = path

    def at(self, name: str) -> str:
        """Pointer of a field of this object; of the object itself when the name may not be shown."""
        return f"{self.pointer}/{name}" if _SHOWABLE_NAME.fullmatch(name) else self.pointer

    def problem(self, name: str, code: str, detail: str) -> None:
        """Remember a broken rule of one field."""
        self.findings.add(self.at(name), code, detail)

    def has_problem(self, name: str) -> bool:
        """Whether a broken rule of one field is known already."""
        return any(problem.pointer == self.at(name) for problem in self.findings.problems)

    def find(self, *names: str) -> tuple[str, object]:
        """Name and value of the field under the first of its names that is given; (first name, None) if none is.

        Two of the names given at once are a problem: nobody could tell which one was meant.
        """
        self._used.update(names)
        given = [name for name in names if self._document.get(name) is not None]
        if len(given) > 1:
            self.problem(given[1], "given_twice", f"is another name of {given[0]}; give only one of them")
        return (given[0], self._document[given[0]]) if given else (names[0], None)

    def text(self, *names: str) -> tuple[str, str | None]:
        """Like ``find`` for a JSON string; anything else is a problem and counts as absent."""
        name, value = self.find(*names)
        if value is None or isinstance(value, str):
            return name, value
        self.problem(name, "wrong_type", "must be a JSON string; put the value in quotes")
        return name, None

    def flag(self, *names: str) -> bool | None:
        """Read true, false or nothing."""
        name, value = self.find(*names)
        if value is None or isinstance(value, bool):
            return value
        self.problem(name, "wrong_type", "must be true or false")
        return None

    def items(self, *names: str, count_max: int) -> tuple[str, list[object] | None]:
        """Read an array of at most ``count_max`` items; one that is longer is told once and not read."""
        name, value = self.find(*names)
        if value is None:
            return name, None
        if not isinstance(value, (list, tuple)):
            self.problem(name, "wrong_type", "must be a JSON array")
        elif len(value) > count_max:
            self.problem(name, "too_many", f"must hold at most {count_max} items; leave out those that ended long ago")
        else:
            return name, list(value)
        return name, []

    def inner(self, value: object, pointer: str, path: str) -> "Fields | None":
        """Read a value inside this object as an object of its own; not an object: a problem and None."""
        if isinstance(value, Mapping):
            return Fields(value, pointer, self.findings, path)
        self.findings.add(pointer, "wrong_type", "must be a JSON object")
        return None

    def moment(self, name: str, *, day_end: bool = False) -> datetime | None:
        """Read a time with a zone or a date alone; see ``kyiv.parse_moment``."""
        name, text = self.text(name)
        return None if text is None else self.parsed(name, lambda: parse_moment(text, day_end=day_end))

    def plain(self, name: str, text: str, length_max: int) -> str | None:
        """Check a plain text of 1 to ``length_max`` characters; the spaces around it are dropped."""
        stripped = text.strip(" ")
        if not stripped:
            self.problem(name, "empty", "must not be empty; leave the field out instead")
        elif len(stripped) > length_max:
            self.problem(name, "too_long", f"must be at most {length_max} characters; shorten it")
        elif any(_is_control(letter) for letter in stripped):
            self.problem(
                name, "control_character", "must be one line without control or invisible characters; remove them"
            )
        else:
            return stripped
        return None

    def parsed(self, name: str, parse: Callable[[], Value]) -> Value | None:
        """Give what ``parse`` gives, or remember why it could not."""
        try:
            return parse()
        except NumberProblem as problem:
            self.problem(name, problem.code, problem.detail)
            return None

    def left(self) -> tuple[str, ...]:
        """Names of fields that nobody asked for, in the order of the document."""
        return tuple(name for name in self._document if name not in self._used)

    def ignore(self, *names: str) -> None:
        """Say that these fields were given and are not kept."""
        self.findings.ignored.update(self.path + shown(name) for name in names)


def _is_control(letter: str) -> bool:
    # Cc, Cf, Cs, Co, Cn and the two separators that break lines: they spoof or break what a person reads.
    category = unicodedata.category(letter)
    return category.startswith("C") or category in {"Zl", "Zp"}
