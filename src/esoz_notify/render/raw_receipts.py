"""A receipt as its provider sent it, for people to read: only what speaks of one message, and no code.

What belongs here: from bytes to text. What does not: who may read it (engine), what a receipt means (channels).
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from esoz_notify.render.texts import HIDDEN

# A receipt by SMPP repeats the beginning of the message after this word, which is its last (SMPP 3.4, appendix B).
_REPEATED = re.compile(rb"(?is)(\btext:).*")
_UNREADABLE = re.compile(r"[^\n\x20-\x7e\u0400-\u04ff]")
GAP = "·"


@dataclass(frozen=True, slots=True)
class Shown:
    """``left_out``: how many entries of the same call spoke of other messages."""

    text: str
    left_out: int


def shown(raw: bytes, message_id: str, code: str | None) -> Shown:
    """The receipt about the message that its provider knows by ``message_id``. ``code``: is hidden wherever it is."""
    try:
        document = json.loads(raw)
    except ValueError:
        text = _REPEATED.sub(rb"\1", raw)
        found = Shown(_UNREADABLE.sub(GAP, text.decode("latin-1")), 0)
    else:
        kept, left_out = _about(document, message_id) if _speaks(document, message_id) else (None, 1)
        found = Shown("" if kept is None else json.dumps(kept, ensure_ascii=False, indent=2), left_out)
    return Shown(found.text.replace(code, HIDDEN), found.left_out) if code else found


def _about(value: Any, message_id: str) -> tuple[Any, int]:
    """A value without entries of its lists that speak of other messages, where one speaks of this."""
    if isinstance(value, dict):
        parts = {name: _about(one, message_id) for name, one in value.items()}
        return {name: kept for name, (kept, _) in parts.items()}, sum(count for _, count in parts.values())
    if not isinstance(value, list) or not _speaks(value, message_id):
        return value, 0
    entries = [_about(one, message_id) for one in value if _speaks(one, message_id)]
    return [kept for kept, _ in entries], len(value) - len(entries) + sum(count for _, count in entries)


def _speaks(value: Any, message_id: str) -> bool:
    return message_id in json.dumps(value, ensure_ascii=False)
