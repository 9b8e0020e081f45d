"""The health of providers in the ledger: states that cannot be, and a history that cannot be rewritten."""

import re
from importlib import resources

import psycopg
import pytest

from esoz_notify.core.breaker import BreakerState

MIGRATION = "0002_pre_health.sql"


@pytest.mark.parametrize("change", ["UPDATE {} SET at = now()", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_happened_to_a_provider_cannot_be_rewritten(ledger_dsn: str, change: str) -> None:
    """Changes of health, and who held what and why, are append-only for everybody."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO provider_change (provider, change, reason, by) VALUES ('x', 'held', 'y', 'z')")
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            connection.execute(change.format("provider_change").encode())


@pytest.mark.parametrize("hold", [("olena", None, None), (None, "numbers", None), ("olena", "numbers", None)])
def test_a_hold_says_who_why_and_when(ledger_dsn: str, hold: tuple[str | None, str | None, None]) -> None:
    """Half a hold is refused by the ledger itself."""
    insert = "INSERT INTO provider_health (provider, held_by, held_why, held_at) VALUES ('x', %s, %s, %s)"
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            connection.execute(insert, hold)
        assert refused.value.diag.constraint_name == "hold_says_who_and_why"


def test_states_of_core_and_ledger_are_the_same() -> None:
    """A state that only one side knows would be refused in production."""
    text = (resources.files("esoz_notify.store") / "migrations_sql" / MIGRATION).read_text()
    lists = [set(re.findall(r"'(\w+)'", found)) for found in re.findall(r"CHECK \((?:\w+) IN \(([^)]+)\)", text)]
    states = {state.value for state in BreakerState}
    assert states in lists
    assert any(states < known for known in lists), "every state is also a change for the history"
