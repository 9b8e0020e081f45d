"""Every TOML that cannot be read is a ValueError, so that whoever reads a file has one error to tell."""

import tomllib

import pytest

from esoz_notify.core.toml import read_toml


def test_tables_are_read() -> None:
    """What is TOML is given as plain values."""
    assert read_toml('[a]\nb = "c"') == {"a": {"b": "c"}}


@pytest.mark.parametrize(
    ("text", "error"),
    [("a = ", tomllib.TOMLDecodeError), ("a = " + "[" * 5_000, ValueError), ("a = " + "1" * 5_000, ValueError)],
    ids=["no value", "too deep", "a number of 5,000 digits"],
)
def test_what_cannot_be_read_is_a_value_error(text: str, error: type[ValueError]) -> None:
    """A value that is missing, arrays that nest too deep, and a number longer than Python reads."""
    with pytest.raises(error):
        read_toml(text)
