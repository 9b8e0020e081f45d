"""Passwords: their rules, and their Argon2id hashes.

What belongs here: what a password must be, making and checking hashes. What does not: whose it is (``people``), how
often one may try (``pace``).

The rules are those of NIST SP 800-63B: long, not guessed easily, nothing about which signs. What is guessed easily is
told by zxcvbn: of the lists of the commonest passwords hardly one has twelve characters, and what people choose instead
(a common one with digits behind it, a row of keys, their own name) is what it finds.
"""

import asyncio
import re
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from esoz_notify.core.errors import Problem

PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 12, 200
GUESSES_MIN = 10**10
"""What zxcvbn calls hard to guess also for whoever has stolen the hashes."""

_PASSWORD_BYTES = 15
_CHECKS_AT_ONCE = 2
"""Each takes 64 MiB and some 50 ms of a core: strangers must not be able to take more of them."""
_JUDGED_LENGTH_MAX = 72
"""Judging takes the square of the length, and what is good in its beginning is good."""
_NAMED_LENGTH_MIN = 4
"""Shorter parts of a name are in half of all words."""

_COMMON_HERE = (
    "пароль мійпароль користувач адміністратор оператор лікар лікарня поліклініка медицина здоров'я рецепт "
    "україна украина україни україні слава героям київ львів одеса харків дніпро шевченко динамо любов кохання "
    "привіт сонечко йцукен йцукенгшщзхї фівапролджє ячсмитьбю qwerty ukraine ukraina slava heroyam kyiv kiev lviv "
    "odesa kharkiv dnipro shevchenko dynamo parol likar likarnya medicine esoz eszoz notify ehealth operator doctor"
)
"""Words that are common here and unknown to lists made elsewhere."""


class Passwords:
    """Makes and checks hashes, a few at once."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()  # Argon2id as RFC 9106 §4 recommends second: 64 MiB, 3 passes, 4 lanes
        self._checks = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Give the hash to keep."""
        async with self._checks:
            return await asyncio.to_thread(self._hasher.hash, _spelled(password))

    async def matches(self, hashed: str | None, password: str) -> bool:
        """Whether it is the password of that hash; takes as long when there is none, that is, nobody of that login."""
        if self._nobody is None:
            self._nobody = await self.hash(new_password())
        async with self._checks:
            is_right = await asyncio.to_thread(self._verify, hashed or self._nobody, password)
        return is_right and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Whether a hash was made with less work than is the rule now."""
        return self._hasher.check_needs_rehash(hashed)

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, _spelled(password)[:PASSWORD_LENGTH_MAX])
        except (VerificationError, InvalidHashError):
            return False


def new_password() -> str:
    """120 random bits in 20 letters and digits."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def password_problems(password: str, *, login: str, name: str) -> list[Problem]:
    """Which rules a password breaks; none of them is about the kinds of its signs."""
    spelled = _spelled(password)
    if not PASSWORD_LENGTH_MIN <= len(spelled) <= PASSWORD_LENGTH_MAX:
        rule = f"must have {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters; four words are a good one"
        return [Problem("/password", "wrong_length", rule)]
    own = _words(f"{login} {name}")
    if spelled.casefold() in own or _rest(spelled, own) < PASSWORD_LENGTH_MIN // 2:
        return [Problem("/password", "own_name", "must not be the login or the name; four words are a good one")]
    known = [*own, *_COMMON_HERE.split()]
    judged = zxcvbn(spelled.casefold()[:_JUDGED_LENGTH_MAX], user_inputs=known)
    if judged["guesses"] < GUESSES_MIN:
        return [Problem("/password", "guessed_easily", "is among the first guesses; four words are a good one")]
    return []


def _words(text: str) -> list[str]:
    """The words of a login and a name, and each whole."""
    parts = re.split(r"[\W_]+", text.casefold())
    return [one for one in (*text.casefold().split(), *parts) if len(one) >= _NAMED_LENGTH_MIN]


def _rest(password: str, own: list[str]) -> int:
    """How many characters are left of a password without the words of its person."""
    left = password.casefold()
    for one in sorted(own, key=len, reverse=True):
        left = left.replace(one, "")
    return len(left)


def _spelled(password: str) -> str:
    """One spelling of what keyboards write in two (NIST SP 800-63B §3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
