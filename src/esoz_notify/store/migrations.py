"""Migrations: numbered SQL files applied in order, once, under a lock; what was applied may not change afterwards."""

import hashlib
from importlib import resources

import psycopg

from esoz_notify.core.errors import ConfigError, Unavailable
from esoz_notify.store.connecting import enduring

_LOCK = 0x45534F5A  # any constant of ours: two processes that migrate at once take turns


def migrate(dsn: str) -> list[str]:
    """Apply what is missing and return the names applied. Idempotent.

    Raises ConfigError when an applied migration differs from its file or the ledger is newer than this program,
    Unavailable when it does not answer.
    """
    applied: list[str] = []
    with _connected(dsn) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migration"
            " (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        known: dict[str, str] = dict(connection.execute("SELECT name, sha256 FROM migration").fetchall())
        files = migration_files()
        check_known(known, files)
        for name, text in files.items():
            if name not in known:
                with connection.transaction():
                    connection.execute(text.encode())
                    connection.execute("INSERT INTO migration (name, sha256) VALUES (%s, %s)", [name, _digest(text)])
                applied.append(name)
    return applied


def pending(dsn: str) -> list[str]:
    """Names of migrations that the ledger lacks; empty when it is ready for this program."""
    with _connected(dsn) as connection:
        if connection.execute("SELECT to_regclass('migration')").fetchone() == (None,):
            return list(migration_files())
        known: dict[str, str] = dict(connection.execute("SELECT name, sha256 FROM migration").fetchall())
    files = migration_files()
    check_known(known, files)
    return [name for name in files if name not in known]


def _connected(dsn: str) -> psycopg.Connection:
    try:
        return psycopg.connect(enduring(dsn), autocommit=True)
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Unavailable(
            f"the ledger does not answer: {reason}; check ESOZ_NOTIFY_DSN (host, port, name, password) and the server"
        ) from error


def migration_files() -> dict[str, str]:
    """File name to text of every migration, in the order of application."""
    folder = resources.files("esoz_notify.store") / "migrations_sql"
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(files, key=lambda file: file.name)}


def check_known(known: dict[str, str], files: dict[str, str]) -> None:
    """Refuse a ledger that this program cannot understand."""
    for name, sha256 in known.items():
        if name not in files:
            raise ConfigError(f"the ledger has migration {name}, which this program does not know: run a newer version")
        if sha256 != _digest(files[name]):
            raise ConfigError(f"migration {name} was changed after it was applied: restore the file, add a new one")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
