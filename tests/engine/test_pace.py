"""The pace of tries, against a real ledger."""

import asyncio
from datetime import timedelta

import pytest
from tests.engine.doors import HERE, LOGIN, some_doors

from esoz_notify.core.errors import LimitReached
from esoz_notify.engine import pace
from esoz_notify.engine.people import WrongPassword


@pytest.mark.parametrize("one", [pace.LOGIN, pace.DEVICE, pace.ADDRESS, pace.FACTOR])
def test_pauses_grow_and_end(one: pace.Pace) -> None:
    """The first tries are free, then each costs twice the wait, up to a bound that shuts nobody out."""
    pauses = [one.pause_s(tries) for tries in range(one.free + 40)]
    assert pauses[: one.free] == [0.0] * one.free
    assert pauses[one.free : one.free + 3] == [1.0, 2.0, 4.0]
    assert max(pauses) == one.pause_max_s
    assert timedelta(seconds=one.pause_max_s) < timedelta(seconds=one.forgotten_after_s)


async def test_many_tries_at_once_gain_nothing(ledger_dsn: str) -> None:
    """Tries are counted before passwords are checked: of many at once only the free ones are looked at."""
    async with some_doors(ledger_dsn) as doors:
        sign_in = doors.entrance.sessions.sign_in
        tries = [sign_in(LOGIN, f"wrong password {number}", HERE) for number in range(4 * pace.LOGIN.free)]
        ends = [type(one) for one in await asyncio.gather(*tries, return_exceptions=True)]
        assert ends.count(LimitReached) >= 2 * pace.LOGIN.free
        assert ends.count(WrongPassword) + ends.count(LimitReached) == len(ends)


async def test_tries_are_forgotten(ledger_dsn: str) -> None:
    """After a while one counts from nothing; a day later nobody's try is kept once somebody signs in."""
    async with some_doors(ledger_dsn) as doors:
        for _ in range(2):
            with pytest.raises(WrongPassword):
                await doors.entrance.sessions.sign_in("nobody", "a wrong one", HERE)
        await doors.rows("UPDATE sign_in_try SET tries = 99, last_at = last_at - interval '16 minutes'")
        with pytest.raises(WrongPassword):
            await doors.entrance.sessions.sign_in("nobody", "a wrong one", HERE)
        assert await doors.rows("SELECT tries FROM sign_in_try") == [(1,), (1,)]
        await doors.rows("UPDATE sign_in_try SET last_at = last_at - interval '25 hours'")
        await doors.sign_in()
        assert await doors.rows("SELECT sum(tries) FROM sign_in_try") == [(0,)]
