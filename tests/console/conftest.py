"""A desk with a doctor and the doctor's browser, and two operators where four eyes are needed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from tests.api.desk import Desk, a_desk
from tests.console.visitor import FIRST, LOGIN, PASSWORD, SECOND, Visitor, a_visitor


@pytest.fixture
async def desk(ledger_dsn: str) -> AsyncIterator[Desk]:
    """The API and the console over an empty ledger, and one doctor of mis-1."""
    async with a_desk(ledger_dsn) as opened:
        await opened.people.add(LOGIN, "Оксана Коваль", "doctor", "mis-1", PASSWORD)
        yield opened


@pytest.fixture
async def visitor(desk: Desk) -> AsyncIterator[Visitor]:
    """A browser that is not signed in."""
    async with a_visitor(desk) as one:
        yield one


@pytest.fixture
async def doctor(visitor: Visitor) -> Visitor:
    """A browser in which the doctor has signed in."""
    await visitor.sign_in()
    return visitor


@pytest.fixture
async def operators(desk: Desk) -> AsyncIterator[tuple[Visitor, Visitor]]:
    """The browsers of two operators."""
    async with AsyncExitStack() as stack:
        both = []
        for login in (FIRST, SECOND):
            await desk.people.add(login, f"Оператор {login}", "operator", "mis-1", PASSWORD)
            one = await stack.enter_async_context(a_visitor(desk))
            await one.sign_in(login)
            both.append(one)
        yield both[0], both[1]
