"""A desk for every test of the API."""

from collections.abc import AsyncIterator

import pytest
from tests.api.desk import Desk, a_desk


@pytest.fixture
async def desk(ledger_dsn: str) -> AsyncIterator[Desk]:
    """The API over an empty ledger."""
    async with a_desk(ledger_dsn) as opened:
        yield opened
