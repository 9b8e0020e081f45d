"""A ledger with rows becomes one in parts: nothing is lost, nothing is refused, and what guards it guards each part."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from esoz_notify.cli.checks import State, check_partitions
from esoz_notify.store import migrations
from esoz_notify.store.embedded import RunningPostgres

FIRST = "0170"
ROWS = 500


@pytest.fixture
def old_dsn(pg_server: RunningPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A ledger of the version before."""
    name = sql.Identifier(f"ledger_{uuid4().hex}")
    files = migrations.migration_files()
    with psycopg.connect(pg_server.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    dsn = make_conninfo(pg_server.dsn, dbname=name.as_string().strip('"'))
    with monkeypatch.context() as patch:
        before = {file: text for file, text in files.items() if file < FIRST}
        patch.setattr(migrations, "migration_files", lambda: before)
        migrations.migrate(dsn)
    yield dsn
    with psycopg.connect(pg_server.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


_PUT = """
WITH new AS (
  SELECT (left(first_id_of(ledger_now() + %(later)s::interval)::text, 14) || '7' || lpad(n::text, 3, '0')
          || right(gen_random_uuid()::text, 18))::uuid AS id
  FROM generate_series(1, %(count)s) n),
r AS (INSERT INTO receipt (id, provider, received_at, raw) SELECT id, 'p', ledger_now(), 'sealed' FROM new)
INSERT INTO history (notification_id, seq, at, fact, record) SELECT id, 1, ledger_now(), 'Ended', '{}' FROM new
"""


def _counts(connection: psycopg.Connection[tuple[str, int]], table: str) -> dict[str, int]:
    """Rows by kind of part."""
    rows = connection.execute(
        f"SELECT substring(tableoid::regclass::text FROM '_(first|rest|2)'), count(*) FROM {table} GROUP BY 1".encode()  # noqa: S608
    ).fetchall()
    return dict(rows)


def test_what_is_there_goes_along(old_dsn: str, tmp_path: Path) -> None:
    """What was there, what comes while it is done, and what comes for no part, all is found; no row may change."""
    with psycopg.connect(old_dsn, autocommit=True) as connection:
        for later in ("-100 days", "0 days"):
            connection.execute(_PUT, {"later": later, "count": ROWS})
        files = migrations.migration_files()
        for name in sorted(file for file in files if FIRST <= file < "0172"):  # between two of them the service goes on
            connection.execute(files[name].encode())
            connection.execute(_PUT, {"later": "0 days", "count": ROWS})
        connection.execute(files["0172_pre_partition_swap.sql"].encode())
        for later in ("0 days", "70 days", "4000 days"):
            connection.execute(_PUT, {"later": later, "count": ROWS})
        assert _counts(connection, "history") == {"first": 5 * ROWS, "2": ROWS, "rest": ROWS}
        assert sum(_counts(connection, "receipt").values()) == 7 * ROWS
        parts = [row[0] for row in connection.execute("SELECT name FROM ledger_partition").fetchall()]
        for part in (*parts, "history", "receipt", "history_rest", "receipt_rest"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(f"TRUNCATE {part}".encode())
        for part in ("history_first", "receipt_first", "history_rest", "receipt_rest", "history", "receipt"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(f"DELETE FROM {part}".encode())  # noqa: S608
        found = check_partitions(old_dsn)
        assert (found.state, "history_rest, receipt_rest" in found.said) == (State.NOTE, True)
        assert connection.execute(
            "SELECT add_partition('history', ledger_now() + interval '4000 days')"
        ).fetchone() == (None,)


def test_the_next_part_is_asked_for(ledger_dsn: str) -> None:
    """The doctor says when the next period has no part; a ledger as it is made has them ready."""
    assert check_partitions(ledger_dsn).state is State.OK
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(
            "DELETE FROM ledger_partition WHERE parent = 'receipt' AND ends > ledger_now() + interval '7 d'"
        )
    late = check_partitions(ledger_dsn)
    assert (late.state, "receipt has none" in late.said) == (State.NOTE, True)
