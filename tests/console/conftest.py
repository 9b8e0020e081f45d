"""A desk with a doctor, and the doctor's browser."""

from collections.abc import AsyncIterator

import pytest
from tests.api.desk import Desk, a_desk
from tests.console.visitor import LOGIN, PASSWORD, Visitor, a_visitor


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
