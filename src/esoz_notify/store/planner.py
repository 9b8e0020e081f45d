"""How PostgreSQL is to plan the product's statements, for connections of its own and for those behind a pooler.

What belongs here: the planner's settings, the two ways to have them, telling a pooler. What does not: connecting.
"""

from typing import Any

import psycopg
from psycopg import sql

from esoz_notify.store.ledger import Connection

_OFF = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")
"""Plans must not change for the worse while a table that was empty when last analysed fills up."""


async def fix_plans(connection: Connection) -> None:
    """Have the settings for as long as this connection lives; not for one behind a pooler, who shares it."""
    for name in _OFF:
        await connection.execute(f"SET {name} = off")


def fix_plans_of_role(connection: psycopg.Connection[Any]) -> None:
    """Have every later connection of this role to this database begin with the settings, whoever opens it.

    Changes nothing when it is so already. Not for two at once: migrations call it under their lock.
    """
    asked = connection.execute(
        "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
        " WHERE d.datname = current_database() AND s.setrole = current_user::regrole"
    ).fetchone()
    known = set(asked[0]) if asked else set()
    name = connection.execute("SELECT current_database()").fetchone()
    assert name is not None
    for setting in _OFF:
        if f"{setting}=off" not in known:
            connection.execute(
                sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET {} = off").format(
                    sql.Identifier(name[0]), sql.Identifier(setting)
                )
            )


def unfixed(connection: psycopg.Connection[Any]) -> list[str]:
    """Which of the settings a connection does not have that was opened as all are behind a pooler."""
    rows = connection.execute("SELECT name FROM pg_settings WHERE name = ANY(%s) AND setting <> 'off'", [list(_OFF)])
    return sorted(row[0] for row in rows.fetchall())


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Whether somebody between answered: who tells another number than the server's process has."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is not None and row[0] != connection.info.backend_pid
