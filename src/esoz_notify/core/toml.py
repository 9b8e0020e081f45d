"""Reads TOML so that every text that cannot be read is a ValueError.

What belongs here: what the standard library's reader leaves to its callers. What does not: what a file holds.
"""

import tomllib
from typing import Any


def read_toml(text: str) -> dict[str, Any]:
    """The tables of a file. Raises ValueError (TOMLDecodeError where the line is known) and nothing else."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("arrays or tables stand too deep inside each other") from None
