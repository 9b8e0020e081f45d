"""The crisis switch in the ledger: what the database refuses whatever the program does."""

import re
from importlib import resources
from typing import Any
from uuid import UUID

import psycopg
import pytest

from esoz_notify.core.crisis import Scope
from esoz_notify.core.crisis_proposal import CRISIS_LENGTH_MAX_S

MIGRATION = "0030_pre_crisis.sql"
ID = UUID("0198c0de-0000-7000-8000-000000000001")
ROW: dict[str, Any] = {
    "id": ID,
    "scope": "operator",
    "covered": ["+38000"],
    "starts_at": "2026-03-01T10:00:00Z",
    "ends_at": "2026-03-02T10:00:00Z",
    "reason": "nothing arrives",
    "proposed_by": "olena",
    "proposed_at": "2026-03-01T09:00:00Z",
}
PROPOSE = (
    "INSERT INTO crisis (id, scope, covered, starts_at, ends_at, reason, proposed_by, proposed_at) VALUES (%(id)s,"
    " %(scope)s, %(covered)s, %(starts_at)s, %(ends_at)s, %(reason)s, %(proposed_by)s, %(proposed_at)s)"
)
CONFIRM = (
    "INSERT INTO crisis_confirmation (crisis_id, proposed_by, confirmed_by, confirmed_at) VALUES (%s, %s, %s, now())"
)
WITHDRAW = "INSERT INTO crisis_withdrawal (crisis_id, withdrawn_by, withdrawn_at, reason) VALUES (%s, 'x', now(), 'y')"


@pytest.mark.parametrize(
    ("broken", "constraint"),
    [
        ({"ends_at": ROW["starts_at"]}, "crisis_ends_after_it_starts"),
        ({"ends_at": "2026-03-15T10:00:00.001Z"}, "crisis_is_bounded"),
        ({"covered": []}, "crisis_names_whom_it_covers"),
        ({"scope": "everything"}, "crisis_names_whom_it_covers"),
        ({"scope": "city"}, "crisis_scope_check"),
        ({"reason": " "}, "crisis_says_why"),
    ],
)
def test_switches_that_cannot_be_are_refused(ledger_dsn: str, broken: dict[str, Any], constraint: str) -> None:
    """A switch ends, soon enough, says why and whom it is for."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            connection.execute(PROPOSE, {**ROW, **broken})
        assert refused.value.diag.constraint_name == constraint
        connection.execute(PROPOSE, ROW)


@pytest.mark.parametrize(("proposed_by", "confirmed_by"), [("olena", "olena"), ("olena", " Olena "), ("ivan", "olena")])
def test_the_ledger_itself_asks_for_two(ledger_dsn: str, proposed_by: str, confirmed_by: str) -> None:
    """No row says that who proposed it confirmed it, not even one that lies about who proposed; one confirms."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(PROPOSE, ROW)
        with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.ForeignKeyViolation)):
            connection.execute(CONFIRM, [ID, proposed_by, confirmed_by])
        connection.execute(CONFIRM, [ID, "olena", "taras"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(CONFIRM, [ID, "olena", "ivan"])


@pytest.mark.parametrize("table", ["crisis", "crisis_confirmation", "crisis_withdrawal"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_who_did_what_cannot_be_rewritten(ledger_dsn: str, table: str, change: str) -> None:
    """Proposals, confirmations and withdrawals are append-only for everybody."""
    column = "id" if table == "crisis" else "crisis_id"
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(PROPOSE, ROW)
        connection.execute(CONFIRM, [ID, "olena", "taras"])
        connection.execute(WITHDRAW, [ID])
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            connection.execute(change.format(table, column, column).encode())


def test_scopes_and_bounds_of_core_and_ledger_are_the_same() -> None:
    """A scope or a length that only one side allows would be refused in production."""
    text = (resources.files("esoz_notify.store") / "migrations_sql" / MIGRATION).read_text()
    lists = [set(re.findall(r"'(\w+)'", found)) for found in re.findall(r"CHECK \((?:\w+) IN \(([^)]+)\)", text)]

    assert {scope.value for scope in Scope} in lists
    assert f"interval '{CRISIS_LENGTH_MAX_S / 86_400:.0f} days'" in text
