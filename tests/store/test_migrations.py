"""Migrations in two stages: what comes before new processes, and what waits until no older one lives."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from esoz_notify.core.errors import ConfigError
from esoz_notify.store import embedded, migrations
from esoz_notify.store.migrations import PROCESS_LIFE_S, Stage, migrate, migration_files, newer, pending

POST = "0051_post_client_secret.sql"


@pytest.fixture
def empty_dsn(pg_server: embedded.RunningPostgres) -> Iterator[str]:
    """The DSN of a database with nothing in it."""
    name = f"empty_{uuid4().hex}"
    with psycopg.connect(pg_server.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield make_conninfo(pg_server.dsn, dbname=name)
    with psycopg.connect(pg_server.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def seen(dsn: str, knows: list[str], ago_s: float) -> None:
    """A process said so long ago that it lives."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO process (id, role, host, version, knows, started_at, seen_at) VALUES"
            " (%s, 'worker', 'host-1', '0.0.9', %s, ledger_now(), ledger_now() - make_interval(secs => %s))",
            [uuid4(), knows, ago_s],
        )


def test_pre_alone_and_then_post(empty_dsn: str) -> None:
    """Every ``pre`` applies without any ``post``; then a program starts, and ``post`` waits for the older to end."""
    names = list(migration_files())
    assert migrate(empty_dsn, Stage.PRE) == [name for name in names if "_pre_" in name]
    assert (pending(empty_dsn, Stage.PRE), pending(empty_dsn)) == ([], [POST])

    older = [name for name in names if name != POST]
    seen(empty_dsn, older, 1.0)
    for stage in (Stage.POST, Stage.ALL):
        with pytest.raises(ConfigError, match=r"worker on host-1 \(0.0.9, seen 1 s ago\); stop them first"):
            migrate(empty_dsn, stage)
    assert migrate(empty_dsn, Stage.PRE) == []

    with psycopg.connect(empty_dsn) as connection:
        connection.execute("DELETE FROM process")
    seen(empty_dsn, older, PROCESS_LIFE_S + 1)  # it was killed
    seen(empty_dsn, names, 1.0)  # it knows that the column is gone
    assert migrate(empty_dsn, Stage.POST) == [POST]
    assert pending(empty_dsn) == []


def test_an_older_program_works_beside_what_a_newer_one_added(ledger_dsn: str) -> None:
    """An unknown ``pre`` is in nobody's way; an unknown ``post`` may have taken away what this program needs."""
    with psycopg.connect(ledger_dsn) as connection:
        connection.execute("INSERT INTO migration (name, sha256) VALUES ('9000_pre_more.sql', 'x')")
    assert (pending(ledger_dsn), migrate(ledger_dsn)) == ([], [])
    with psycopg.connect(ledger_dsn) as connection:
        connection.execute("INSERT INTO migration (name, sha256) VALUES ('9001_post_less.sql', 'x')")
    with pytest.raises(ConfigError, match=r"9001_post_less\.sql, which this program does not know"):
        pending(ledger_dsn)


def test_an_older_program_adds_nothing_below_what_a_newer_one_added(empty_dsn: str) -> None:
    """What is missing was tested in the newer one's order only, so that one brings it; nothing is touched."""
    migrate(empty_dsn, Stage.PRE)
    with psycopg.connect(empty_dsn) as connection:
        connection.execute("INSERT INTO migration (name, sha256) VALUES ('9000_pre_more.sql', 'x')")
    assert newer(empty_dsn) == ["9000_pre_more.sql"]
    for stage in (Stage.POST, Stage.ALL):
        with pytest.raises(ConfigError, match=rf"9000_pre_more\.sql of a newer version.*adds nothing.*{POST}"):
            migrate(empty_dsn, stage)
    assert (migrate(empty_dsn, Stage.PRE), pending(empty_dsn)) == ([], [POST])


def test_every_migration_names_its_stage() -> None:
    """A file that is of neither stage would be applied by none of the two steps of an upgrade."""
    assert all(Stage.PRE.has(name) != Stage.POST.has(name) for name in migrations.migration_files())
