"""People and their passwords, against a real ledger."""

from collections.abc import AsyncIterator

import pytest

from esoz_notify.core.errors import InvalidInput, NotFound
from esoz_notify.engine.access import Access
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.people import People, Role
from esoz_notify.settings import ROLES
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


async def test_rules_of_passwords(people: People) -> None:
    """Too short and too long are refused naming the rule, and nobody is made; an unknown person has no password."""
    for password in ("elevenchars", "x" * 201):
        with pytest.raises(InvalidInput, match="12 to 200"):
            await people.add("o.koval", "Оксана", "doctor", "mis-1", password)
    assert await people.list() == ()
    assert not await people.has_password("o.koval", "four words are good")
    with pytest.raises(NotFound):
        await people.set_password("o.koval")


def test_roles_of_the_settings() -> None:
    """The settings name the same roles as the engine, of which they may not know."""
    assert set(ROLES) == set(Role)


async def test_logins_go_into_the_audit(people: People) -> None:
    """So none may be a phone or a tax number, which would stay there for ever."""
    with pytest.raises(InvalidInput, match="no phone"):
        await people.add("0000000001", "Оксана", "doctor", "mis-1")
