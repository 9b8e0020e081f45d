"""People's passwords and the pace of tries, against a real ledger."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from esoz_notify.core.errors import InvalidInput, LimitReached, NotFound
from esoz_notify.engine.access import Access
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.people import FREE_TRIES, PAUSE_MAX_S, NotSignedIn, People, WrongPassword, pause_s
from esoz_notify.store.vault import Keys, Vault

KEYS = Keys(data_keys={1: b"d" * 32}, current_id=1, index_key=b"i" * 32, code_key=b"c" * 32, token_key=b"t" * 32)


@pytest.fixture
async def people(ledger_dsn: str) -> AsyncIterator[People]:
    """People over an empty ledger that knows one caller."""
    ledger = Ledger(ledger_dsn, LedgerClock())
    await ledger.open()
    await Access(ledger, KEYS).callers.create("mis-1", "A hospital's system", ["notifications:read"])
    yield People(ledger, Vault(KEYS))
    await ledger.close()


def test_pauses_grow_and_end() -> None:
    """The first tries are free, then each costs twice the wait, up to a bound that shuts nobody out."""
    pauses = [pause_s(tries) for tries in range(FREE_TRIES + 10)]
    assert pauses[:FREE_TRIES] == [0.0] * FREE_TRIES
    assert pauses[FREE_TRIES : FREE_TRIES + 3] == [1.0, 2.0, 4.0]
    assert max(pauses) == PAUSE_MAX_S


async def test_many_tries_at_once_gain_nothing(people: People) -> None:
    """Tries are counted before passwords are checked: of many at once only the free ones are looked at."""
    await people.add("o.koval", "Оксана", "doctor", "mis-1")
    tries = [people.sign_in("o.koval", f"wrong password {number}") for number in range(4 * FREE_TRIES)]
    ends = [type(one) for one in await asyncio.gather(*tries, return_exceptions=True)]
    assert ends.count(LimitReached) >= 2 * FREE_TRIES
    assert ends.count(WrongPassword) + ends.count(LimitReached) == len(ends)


async def test_one_password_in_two_spellings(people: People) -> None:
    """A letter that keyboards write in two ways is one letter."""
    await people.add("o.koval", "Оксана", "doctor", "mis-1", "пароль із літерою й")
    token = await people.sign_in("o.koval", "пароль із літерою и\u0306")
    assert (await people.session(token)).person.name == "Оксана"


@pytest.mark.parametrize("token", [None, "", "x", "\udc80", "0" * 10_000])
async def test_no_session(people: People, token: str | None) -> None:
    """What is no token of ours opens no session."""
    with pytest.raises(NotSignedIn):
        await people.session(token)


async def test_rules_of_passwords(people: People) -> None:
    """Too short and too long are refused naming the rule, and nobody is made; an unknown person has no password."""
    for password in ("elevenchars", "x" * 201):
        with pytest.raises(InvalidInput, match="12 to 200"):
            await people.add("o.koval", "Оксана", "doctor", "mis-1", password)
    assert await people.list() == ()
    assert not await people.has_password("o.koval", "four words are good")
    with pytest.raises(NotFound):
        await people.set_password("o.koval")
