"""Phones: one value that cannot be wrong, shown masked, and read from the spellings that people use."""

import pytest

from esoz_notify.core.phone import Phone, spelled_phone

ONE = Phone("+380000000001")


@pytest.mark.parametrize(
    "text",
    [
        "+380000000001",
        "380000000001",
        "80000000001",
        "0000000001",
        " 000 000 00 01 ",
        "(000) 000-00-01",
        "+38 (000) 000.00.01",
        "000\u00a0000\u201100\u201101",
    ],
)
def test_every_common_spelling_is_the_same_phone(text: str) -> None:
    """With and without the country, with blanks, hyphens, brackets and dots between the digits."""
    assert spelled_phone(text) == ONE


@pytest.mark.parametrize("text", ["", "000000001", "00000000011", "+48000000000", "0000000001a", "٠000000001", "+"])
def test_what_is_no_phone_is_none(text: str) -> None:
    """Too short, too long, of another country, or not digits."""
    assert spelled_phone(text) is None


def test_a_phone_is_never_shown_whole() -> None:
    """Neither printed nor quoted in an error."""
    assert (ONE.masked, str(ONE), ONE.digits) == ("+38000*****01", "Phone(+38000*****01)", "380000000001")
    with pytest.raises(ValueError, match="phone must match") as refused:
        Phone("0671234567")
    assert "0671234567" not in str(refused.value)
