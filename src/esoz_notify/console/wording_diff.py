"""What changed between two texts, word by word, as people read it.

What belongs here: the comparison. What does not: how it looks (templates).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

_TOKENS = re.compile(r"\{\w+\}|[\w'’]+|\s+|.")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words. ``kind``: ``same``, ``gone`` or ``new``."""

    kind: str
    text: str


def pieces(before: str, after: str) -> list[Piece]:
    """Both texts as one, in the order of reading: what is gone stands before what came instead."""
    return list(_pieces(_TOKENS.findall(before), _TOKENS.findall(after)))


def _pieces(before: list[str], after: list[str]) -> Iterator[Piece]:
    gone = new = ""
    runs = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    for _, left, right, start, end in [*runs, ("equal", 0, 0, 0, 0)]:
        same = "".join(before[left:right]) if before[left:right] == after[start:end] else ""
        if (gone or new) and same.isspace():
            gone, new = gone + same, new + same  # two changed words side by side are one change
        elif same or left == right == start == end:
            yield from _changed(gone, new)
            gone = new = ""
            if same:
                yield Piece("same", same)
        else:
            gone, new = gone + "".join(before[left:right]), new + "".join(after[start:end])


def _changed(gone: str, new: str) -> Iterator[Piece]:
    """A change, without the blanks at its end that did not change."""
    kept = ""
    while gone and new and gone[-1] == new[-1] and gone[-1].isspace():
        kept, gone, new = gone[-1] + kept, gone[:-1], new[:-1]
    yield from (Piece(kind, text) for kind, text in (("gone", gone), ("new", new), ("same", kept)) if text)
