"""What every test may ask for: a real PostgreSQL, shared by the whole run, and a ledger of its own cloned in it.

The server is the product's own embedded one, in a folder that is made for the run and removed with it.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from esoz_notify.store import embedded

# How long an example takes says something about the machine, nothing about the rule.
settings.register_profile("house", deadline=None, print_blob=True)
# Continuous integration judges a change, so it tries the same examples each time; new ones are for whoever works here.
settings.register_profile("ci", settings.get_profile("house"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")

TEMPLATE = "template_ledger"
UNFINISHED = "template_ledger_unfinished"
TEMPLATE_LOCK = 7_234_001
HOME = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Name the run's folder: the first process makes it, the workers of pytest-xdist are told."""
    told = getattr(config, "workerinput", {}).get("pg_home")
    config.stash[HOME] = Path(told or tempfile.mkdtemp(prefix="esoz-notify-tests-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist the run's folder."""
    node.workerinput["pg_home"] = str(node.config.stash[HOME])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's folder when every worker has left it."""
    if not hasattr(config, "workerinput") and HOME in config.stash:
        shutil.rmtree(config.stash[HOME], ignore_errors=True)


@pytest.fixture(scope="session")
def pg_server(pytestconfig: pytest.Config) -> Iterator[embedded.RunningPostgres]:
    """The run's PostgreSQL: the first worker starts it, the last one stops it."""
    with embedded.start(pytestconfig.stash[HOME]) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            # Nothing of a test must outlive a power cut, and a ledger per test is dropped 20 times sooner so.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture(scope="session")
def template_database(pg_server: embedded.RunningPostgres) -> str:
    """The name of a database with every migration applied, made once for the run."""
    from esoz_notify.store.migrations import migrate

    with psycopg.connect(pg_server.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone()
        if known is None:
            unfinished, finished = sql.Identifier(UNFINISHED), sql.Identifier(TEMPLATE)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(unfinished))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(unfinished))
            migrate(make_conninfo(pg_server.dsn, dbname=UNFINISHED))
            connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(unfinished, finished))
    return TEMPLATE


@pytest.fixture
def ledger_dsn(pg_server: embedded.RunningPostgres, template_database: str) -> Iterator[str]:
    """The DSN of an empty ledger of this test's own; it is dropped afterwards, whoever is still connected."""
    name = f"ledger_{uuid4().hex}"
    ledger, template = sql.Identifier(name), sql.Identifier(template_database)
    with psycopg.connect(pg_server.dsn, autocommit=True) as connection:
        # By files, not through the log: half the work, and there are two thousand of these.
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(ledger, template))
    yield make_conninfo(pg_server.dsn, dbname=name)
    with psycopg.connect(pg_server.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(ledger))
