"""A Ukrainian mobile number, parsed once into a value that cannot be wrong."""

import re
from dataclasses import dataclass

PHONE_RULE = re.compile(r"^\+380[0-9]{9}$", re.ASCII)
"""ESOZ's own rule for phone_number (OTP service JSON schema, 2019, unchanged in the 2026 contract)."""

_SPELLED = re.compile(r"(?:\+?3?8)?(0[0-9]{9})", re.ASCII)
_BETWEEN_DIGITS = re.compile(r"[\s().\u2010-\u2015-]+")


@dataclass(frozen=True, slots=True)
class Phone:
    """E.164 with the plus, ``+380XXXXXXXXX``; ``repr`` and ``str`` are masked, so that it cannot leak by accident."""

    e164: str

    def __post_init__(self) -> None:
        """Refuse anything that breaks the rule; raises ValueError without repeating the digits."""
        if not PHONE_RULE.fullmatch(self.e164):
            raise ValueError("phone must match ^\\+380[0-9]{9}$")

    @property
    def masked(self) -> str:
        """First six characters, five stars, last two: the form ESOZ itself shows."""
        return f"{self.e164[:6]}*****{self.e164[-2:]}"

    @property
    def digits(self) -> str:
        """``380XXXXXXXXX``: the form providers take."""
        return self.e164[1:]

    def __repr__(self) -> str:
        return f"Phone({self.masked})"

    __str__ = __repr__


def spelled_phone(text: str) -> Phone | None:
    """The phone that somebody wrote as people do: 067 000 00 01, 38067..., +38 (067) 000-00-01. None: it is none."""
    found = _SPELLED.fullmatch(_BETWEEN_DIGITS.sub("", text))
    return Phone(f"+38{found[1]}") if found else None
