"""Passwords: what they must be, and their hashes."""

import pytest

from esoz_notify.engine.passwords import PASSWORD_LENGTH_MAX, Passwords, new_password, password_problems


def _codes(password: str) -> list[str]:
    return [one.code for one in password_problems(password, login="o.kovalenko", name="Оксана Коваленко")]


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("elevenchars", "wrong_length"),
        ("x" * (PASSWORD_LENGTH_MAX + 1), "wrong_length"),
        ("o.kovalenko!", "own_name"),
        ("Оксана Коваленко", "own_name"),
        ("kovalenko2024", "own_name"),
        ("passwordpassword", "guessed_easily"),
        ("password1234", "guessed_easily"),
        ("Password123!", "guessed_easily"),
        ("123456789012", "guessed_easily"),
        ("qwertyuiop[]", "guessed_easily"),
        ("йцукенгшщзхї", "guessed_easily"),
        ("адміністратор1", "guessed_easily"),
        ("Слава Україні!", "guessed_easily"),
        ("aaaaaaaaaaaaaaaa", "guessed_easily"),
    ],
)
def test_what_is_refused(password: str, code: str) -> None:
    """Short, one's own name, and what is guessed first, in Ukrainian too, whatever signs it has."""
    assert _codes(password) == [code]


@pytest.mark.parametrize(
    "password",
    ["four words are good", "коліно свічка равлик дах", "aqzkvmwtbxhr", "x9" * 6 + "koval-ja vdoma"],
)
def test_what_is_taken(password: str) -> None:
    """What is hard to guess is good, with or without capitals, digits and signs; a name may stand in it."""
    assert _codes(password) == []


def test_what_is_made_is_good() -> None:
    """A password that the product makes keeps the product's own rules."""
    assert [one for one in (new_password() for _ in range(50)) if _codes(one)] == []


async def test_one_password_in_two_spellings() -> None:
    """A letter that keyboards write in two ways is one letter."""
    passwords = Passwords()
    hashed = await passwords.hash("пароль із літерою й")
    assert await passwords.matches(hashed, "пароль із літерою и\u0306")
    assert not await passwords.matches(hashed, "пароль із літерою и")
    assert not passwords.is_outdated(hashed)


async def test_nobody_has_a_password() -> None:
    """Without a hash, or with one that is none, nothing matches."""
    passwords = Passwords()
    assert not await passwords.matches(None, "four words are good")
    assert not await passwords.matches("not a hash", "four words are good")
