"""What the database itself promises, whatever the program does."""

import re
from importlib import resources

import psycopg
import pytest

from esoz_notify.core.kinds import Lane
from esoz_notify.core.status import STATUSES, Outcome, Status
from esoz_notify.store.migrations import migrate, migration_files, pending

NOW = "2026-11-23 10:00:00+00"
DELIVERY = (
    "INSERT INTO delivery (notification_id, lane, status, route, has_code, is_code, accepted_at, valid_until, ended_at,"
    " due_at) VALUES (gen_random_uuid(), 'codes', %s, 'sms', false, true, %s, %s, %s, %s)"
)


def a_row(**more: str | None) -> list[str | None]:
    """Values of a delivery that is just accepted."""
    given = {"status": "accepted", "accepted_at": NOW, "valid_until": "2026-11-23 11:00:00+00", "ended_at": None}
    return list({**given, "due_at": NOW, **more}.values())


@pytest.mark.parametrize(
    ("broken", "constraint"),
    [
        ({"status": "delivered", "due_at": None}, "ended_exactly_when_terminal"),
        ({"status": "in_delivery", "ended_at": NOW}, "ended_exactly_when_terminal"),
        ({"due_at": None}, "open_is_on_the_agenda"),
        ({"valid_until": NOW}, "valid_until_after_accepted"),
        ({"status": "sent"}, "delivery_status_check"),
    ],
)
def test_states_that_cannot_be_are_refused(ledger_dsn: str, broken: dict[str, str], constraint: str) -> None:
    """Status, times and agenda must fit each other, in both directions."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(DELIVERY, a_row())
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            connection.execute(DELIVERY, a_row(**broken))

        assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize("table", ["history", "receipt"])
@pytest.mark.parametrize("change", ["UPDATE {} SET at = now()", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_happened_cannot_be_rewritten(ledger_dsn: str, table: str, change: str) -> None:
    """History and raw receipts are append-only for everybody, the owner included."""
    fill = {
        "history": "INSERT INTO history VALUES (gen_random_uuid(), 1, now(), 'Ended', '{}')",
        "receipt": "INSERT INTO receipt VALUES (gen_random_uuid(), 'x', now(), '\\x00')",
    }
    statement = change.format(table).replace("SET at", "SET received_at" if table == "receipt" else "SET at")
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(fill[table].encode())
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            connection.execute(statement.encode())


def test_statuses_of_core_and_ledger_are_the_same() -> None:
    """A status or outcome that only one side knows would be refused in production, so the lists must be equal."""
    text = (resources.files("esoz_notify.store") / "migrations_sql" / "0001_pre_ledger.sql").read_text()
    lists = [set(re.findall(r"'(\w+)'", found)) for found in re.findall(r"CHECK \((?:\w+) IN \(([^)]+)\)", text)]

    assert set(Lane) in lists
    assert set(Status) in lists
    assert set(Outcome) in lists
    terminal = {status.value for status, meaning in STATUSES.items() if meaning.terminal}
    assert text.count(f"({', '.join(repr(one) for one in _in_order(terminal))})") == 2


def _in_order(terminal: set[str]) -> list[str]:
    return [one for one in ("delivered", "undelivered", "expired", "cancelled", "printed") if one in terminal]


def test_migrations_run_once_and_know_what_is_missing(ledger_dsn: str) -> None:
    """A migrated ledger needs nothing more; a forgotten migration is named."""
    assert migrate(ledger_dsn) == []
    assert pending(ledger_dsn) == []
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM migration")
    assert pending(ledger_dsn) == list(migration_files())


def test_business_time_can_be_moved_only_on_purpose(ledger_dsn: str) -> None:
    """ledger_now() is the clock, unless a session says otherwise for itself."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        real = connection.execute("SELECT abs(extract(epoch FROM ledger_now() - clock_timestamp())) < 5").fetchone()
        connection.execute("SELECT set_config('esoz_notify.now', %s, false)", [NOW])
        moved = connection.execute("SELECT ledger_now() = %s::timestamptz", [NOW]).fetchone()

    assert (real, moved) == ((True,), (True,))
