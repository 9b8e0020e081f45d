"""Saying one JSON call and reading its answer without trusting it: what is not as hoped is read as None, or as nothing.

What belongs here: what any provider that speaks JSON over HTTP needs. What does not: any provider's field or code.
"""

import json
import re
from collections.abc import Generator
from datetime import UTC, datetime

from esoz_notify.channels.dialogue import Hearing, HttpCall, HttpReply, NoReply, Saying

INTEGER_MAX = 99_999
"""Codes and counts are short; what is longer may be a phone or a tax number in the wrong place, so it is not read."""

PRICE_MAX = 1_000
"""No message costs more in any currency: what is larger is not a price."""

_CURRENCY = re.compile("[A-Z]{3}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,200}")
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,59}")
_SECONDS = re.compile(r"[0-9]{1,6}")
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def ask(call: HttpCall) -> Generator[Saying, Hearing, HttpReply | NoReply]:
    """Yield one call and return its answer. Raises TypeError if the gateway answers it as if it were a Keep."""
    heard = yield call
    if heard is None:
        raise TypeError(f"{call.label}: an HttpCall must be answered by an HttpReply or a NoReply, not by None")
    return heard


def json_body(value: object) -> bytes:
    """The body of a call. ASCII only, so that no text of ours, however odd, can fail to be encoded."""
    return _ENCODER.encode(value).encode("ascii")


def parse(body: bytes) -> object:
    """The JSON value of a body, or None if it is not JSON at all (NaN and Infinity are not JSON)."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def member(value: object, *path: str) -> object:
    """The member of nested objects at ``path``, or None where any step is missing or is not an object."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def elements(value: object) -> list[object]:
    """The elements of an array; nothing if it is not one."""
    return value if isinstance(value, list) else []


def integer(value: object) -> int | None:
    """A code or a count, 0 to INTEGER_MAX."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INTEGER_MAX:
        return value
    return None


def identifier(value: object) -> str | None:
    """An id that is safe in a path, in a log line and in the ledger: 1 to 200 ASCII letters, digits and ``. _ : -``."""
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def word(value: object) -> str:
    """A status word as the provider spells it: ASCII letters, ``_`` and ``-`` only, so no number can hide in it."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


def moment(value: object) -> datetime | None:
    """An ISO 8601 time with an offset (``+0000`` and ``+00:00`` alike), as aware UTC; None without an offset."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def price(amount: object, currency: object) -> str | None:
    """``0.15 EUR``; None if either half is missing or strange."""
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount <= PRICE_MAX:
        return None
    # To the hundredth of a thousandth: no price needs more, and a longer row of digits could be anything.
    told = f"{amount:.5f}".rstrip("0").rstrip(".")
    return f"{told} {currency}" if isinstance(currency, str) and _CURRENCY.fullmatch(currency) else None


def retry_after_s(reply: HttpReply) -> float:
    """Seconds of the Retry-After header (RFC 9110 §10.2.3), 0 if there is none.

    Its other form, a date, is not read: it needs a clock, and the engine has its own back-off for a zero.
    """
    value = reply.headers.get("retry-after", "").strip()
    return float(value) if _SECONDS.fullmatch(value) else 0.0


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
