"""ESOZ's numbers and codes: parsed and normalised once, so that every later reader sees one canonical spelling.

What belongs here: formats, alphabets and look-alike letters. What does not: which datum has which format (``kinds``)
and how a number is shown or spoken (``render``).
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache


class NumberFormat(StrEnum):
    """How a datum of a notification is parsed and normalised."""

    PRESCRIPTION = "prescription"
    REQUISITION = "requisition"
    DECLARATION = "declaration"
    DEVICE_REQUEST = "device_request"
    CODE = "code"
    DATE = "date"


class NumberProblem(ValueError):
    """A text is not a number of its format. ``detail`` states the rule and never repeats the text."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """One row of the table of grouped numbers: how many symbols, and which."""

    alphabet: str
    length: int


_PRESCRIPTION_ALPHABET = "0123456789AEHKMPTX"
_REQUISITION_ALPHABET = "0123456789ABCEHIKMOPTX"

GROUPED: dict[NumberFormat, Symbols] = {
    # ESOZ integration layer, number generator (2019): 18 symbols; the version block in front is theirs to change.
    NumberFormat.PRESCRIPTION: Symbols(alphabet=_PRESCRIPTION_ALPHABET, length=16),
    # ESOZ wiki, requisition number (page 583402257): digits and the letters that look the same in both alphabets.
    NumberFormat.REQUISITION: Symbols(alphabet=_REQUISITION_ALPHABET, length=16),
    NumberFormat.DECLARATION: Symbols(alphabet=_PRESCRIPTION_ALPHABET, length=12),
    # Care plans, device requests and specimens get their numbers from the same service as referrals.
    NumberFormat.DEVICE_REQUEST: Symbols(alphabet=_REQUISITION_ALPHABET, length=16),
}
GROUP_LENGTH = 4

# An explicit table and not str.upper(): upper() would turn a dotless i into a Latin I, which is somebody else's letter.
_LOOK_ALIKES = str.maketrans("АВСЕНІКМОРТХавсенікмортх", "ABCEHIKMOPTX" * 2)
_CAPITALS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SPACES = "\t \u00a0\u2007\u2009\u202f"
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"
_SEPARATORS = str.maketrans("", "", _SPACES + _DASHES)
_TO_CANONICAL = _CAPITALS | _LOOK_ALIKES | _SEPARATORS

CODE_LENGTH_MIN, CODE_LENGTH_MAX = 4, 8
_CODE_RULE = re.compile(rf"[0-9]{{{CODE_LENGTH_MIN},{CODE_LENGTH_MAX}}}", re.ASCII)
_DATE_RULE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def parse(number_format: NumberFormat, text: str) -> str:
    """Give the canonical spelling of a number, code or date; parsing it again changes nothing.

    Grouped numbers become upper-case Latin in groups of four joined by hyphens, whatever the spaces, dashes, case and
    Cyrillic look-alikes were. Codes are kept as they are: they are compared symbol by symbol at the pharmacy.

    Raises:
        NumberProblem: the text is not of that format; the reason repeats nothing of it.

    """
    if number_format is NumberFormat.CODE:
        return _parse_code(text)
    if number_format is NumberFormat.DATE:
        return parse_date(text).isoformat()
    return _parse_grouped(GROUPED[number_format], text)


def parse_date(text: str) -> date:
    """Read ``YYYY-MM-DD``. Raises NumberProblem for any other ISO 8601 spelling and for days that do not exist."""
    try:
        if _DATE_RULE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass  # a day such as 31 February: told by the same rule below
    raise NumberProblem("not_a_date", "must be an existing calendar date written YYYY-MM-DD")


@cache
def _canonical(symbols: Symbols) -> re.Pattern[str]:
    group = f"[{symbols.alphabet}]{{{GROUP_LENGTH}}}"
    return re.compile("-".join([group] * (symbols.length // GROUP_LENGTH)), re.ASCII)


def _parse_code(text: str) -> str:
    if not _CODE_RULE.fullmatch(text):
        raise NumberProblem(
            "not_a_code", f"must be {CODE_LENGTH_MIN} to {CODE_LENGTH_MAX} digits 0-9, without spaces, as a string"
        )
    return text


def _parse_grouped(symbols: Symbols, text: str) -> str:
    if _canonical(symbols).fullmatch(text):
        return text  # as most that come: nothing more is to be done to them
    plain = text.translate(_TO_CANONICAL)
    rule = f"{symbols.length} symbols in groups of {GROUP_LENGTH}, each one of {symbols.alphabet}"
    if not set(plain) <= set(symbols.alphabet):
        raise NumberProblem("wrong_symbol", f"holds a symbol that such numbers never have; must be {rule}")
    if len(plain) != symbols.length:
        raise NumberProblem("wrong_length", f"is too short or too long; must be {rule}")
    return "-".join(plain[start : start + GROUP_LENGTH] for start in range(0, symbols.length, GROUP_LENGTH))
