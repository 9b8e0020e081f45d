"""Migrations: numbered SQL files applied in order, once, under a lock; what was applied may not change afterwards.

A ``pre`` migration leaves everything working that a program before it does, so it is applied while such programs run. A
``post`` migration takes away what only they need: it is refused while one of them lives. A program that does not know
all that was applied adds nothing: it works on beside unknown ``pre``, and not at all after an unknown ``post``.
"""

import hashlib
from collections.abc import Collection
from enum import StrEnum
from importlib import resources

import psycopg

from esoz_notify import __version__
from esoz_notify.core.errors import ConfigError, Unavailable
from esoz_notify.store.connecting import enduring
from esoz_notify.store.planner import fix_plans_of_role

_LOCK = 0x45534F5A  # any constant of ours: two processes that migrate at once take turns
PROCESS_LIFE_S = 30.0
"""A process that has not said for so long that it lives is dead, or will find out that it is."""


class Stage(StrEnum):
    """Which migrations are applied: those before new processes start, those after the last old one stopped."""

    PRE = "pre"
    POST = "post"
    ALL = "all"

    def has(self, name: str) -> bool:
        """Whether a migration belongs to it."""
        return self is Stage.ALL or name.split("_")[1] == self.value


def migrate(dsn: str, stage: Stage = Stage.ALL) -> list[str]:
    """Apply what is missing of a stage and return the names applied. Idempotent.

    Raises ConfigError when an applied migration differs from its file, the ledger is newer than this program and
    something is missing all the same, or a process lives that a ``post`` migration would break; Unavailable when the
    ledger does not answer.
    """
    applied: list[str] = []
    with _connected(dsn) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migration"
            " (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        known, files = _applied(connection), migration_files()
        check_known(known, files)
        missing = [name for name in files if name not in known and stage.has(name)]
        _demand_none_newer(known, files, missing)
        _demand_none_older(connection, [name for name in missing if Stage.POST.has(name)])
        for name, text in files.items():
            if name in missing:
                with connection.transaction():
                    connection.execute(text.encode())
                    connection.execute("INSERT INTO migration (name, sha256) VALUES (%s, %s)", [name, _digest(text)])
                applied.append(name)
        fix_plans_of_role(connection)
    return applied


def _demand_none_newer(known: Collection[str], files: Collection[str], missing: Collection[str]) -> None:
    """Refuse to add below what a newer program has added: that one brings the same, in the order that was tested."""
    newer = [name for name in known if name not in files]
    if newer and missing:
        raise ConfigError(
            f"the ledger has {', '.join(newer)} of a newer version, so version {__version__} adds nothing to it: run"
            f"  esoz-notify migrate  of the newer version, which brings {', '.join(missing)} too"
        )


_OLDER = """
SELECT role, host, version, extract(epoch FROM ledger_now() - seen_at)::int FROM process
WHERE seen_at > ledger_now() - make_interval(secs => %s) AND NOT knows @> %s::text[] ORDER BY host, role
"""


def _demand_none_older(connection: psycopg.Connection, post: Collection[str]) -> None:
    """Refuse to take away what a living process still needs."""
    if not post or connection.execute("SELECT to_regclass('process')").fetchone() == (None,):
        return
    rows = connection.execute(_OLDER, [PROCESS_LIFE_S, list(post)]).fetchall()
    if rows:
        named = ", ".join(f"{role} on {host} ({version}, seen {age_s} s ago)" for role, host, version, age_s in rows)
        raise ConfigError(
            f"{', '.join(post)} would break older processes that run: {named}; stop them first"
            f" (one that was killed is forgotten after {PROCESS_LIFE_S:.0f} s), or apply  --only pre  now"
        )


def pending(dsn: str, stage: Stage = Stage.ALL) -> list[str]:
    """Names of migrations of a stage that the ledger lacks; without those of ``pre`` this program cannot work."""
    with _connected(dsn) as connection:
        if connection.execute("SELECT to_regclass('migration')").fetchone() == (None,):
            return [name for name in migration_files() if stage.has(name)]
        known = _applied(connection)
    files = migration_files()
    check_known(known, files)
    return [name for name in files if name not in known and stage.has(name)]


def newer(dsn: str) -> list[str]:
    """Names of migrations that the ledger has and this program does not know: a newer one was here."""
    with _connected(dsn) as connection:
        known, files = _applied(connection), migration_files()
    return [name for name in known if name not in files]


def _applied(connection: psycopg.Connection) -> dict[str, str]:
    """Name to digest of what the ledger has, in the order of the names."""
    return dict(connection.execute("SELECT name, sha256 FROM migration ORDER BY name").fetchall())


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
    """Refuse a ledger that this program cannot understand; what a newer one has added by ``pre`` is in nobody's way."""
    for name, sha256 in known.items():
        if name not in files and Stage.PRE.has(name):
            continue
        if name not in files:
            raise ConfigError(
                f"the ledger has migration {name}, which this program does not know (version {__version__}): a newer"
                " version has changed it so that this one cannot work on it, and nothing was touched. Run the newer"
                " version, or restore a backup of before the upgrade"
            )
        if sha256 != _digest(files[name]):
            raise ConfigError(f"migration {name} was changed after it was applied: restore the file, add a new one")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
