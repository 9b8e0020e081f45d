"""Sessions of people, and the tries that are counted on the way to one.

What belongs here: the SQL of these two tables. What does not: tokens and waits (engine).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from esoz_notify.store.ledger import Connection

_MONTH = timedelta(days=30)
_TRY_KEPT = timedelta(days=1)
_TOUCHED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session. ``device`` and ``network``: by which its person knows it again, and no more."""

    id: UUID
    login: str
    device: str
    network: str
    created_at: datetime
    seen_at: datetime
    fresh_at: datetime
    second_at: datetime | None
    ends_at: datetime


_SESSION = "s.id, s.login, s.device, s.network, s.created_at, s.seen_at, s.fresh_at, s.second_at, s.ends_at"
_GOOD = "s.ends_at > ledger_now() AND s.seen_at > ledger_now() - %s AND s.revoked_at IS NULL"


async def begin_session(  # noqa: PLR0913 - the columns
    connection: Connection, token_hash: bytes, login: str, *, device: str, network: str, life_s: float, fresh: bool
) -> None:
    """Write a session, and forget the person's that ended a month ago and everybody's old tries.

    ``fresh``: the person has just proved to be there.
    """
    await connection.execute("DELETE FROM session WHERE login = %s AND ends_at < ledger_now() - %s", [login, _MONTH])
    await connection.execute(
        "INSERT INTO session (token_hash, login, device, network, ends_at, fresh_at)"
        " VALUES (%s, %s, %s, %s, ledger_now() + %s, ledger_now() - %s)",
        [token_hash, login, device, network, timedelta(seconds=life_s), timedelta(0) if fresh else timedelta(days=1)],
    )
    await connection.execute(
        "DELETE FROM sign_in_try WHERE login_index IN (SELECT login_index FROM sign_in_try"
        " WHERE last_at < ledger_now() - %s FOR UPDATE SKIP LOCKED)",
        [_TRY_KEPT],
    )


async def find_session(connection: Connection, token_hash: bytes, idle_s: float) -> SessionRow | None:
    """The session of a token; None when it is over, unused for too long or revoked."""
    cursor = connection.cursor(row_factory=class_row(SessionRow))
    query = f"SELECT {_SESSION} FROM session s WHERE s.token_hash = %s AND {_GOOD}"
    await cursor.execute(query, [token_hash, timedelta(seconds=idle_s)])
    return await cursor.fetchone()


async def touch_session(connection: Connection, session_id: UUID) -> None:
    """Somebody is there; written once a minute at most."""
    await connection.execute(
        "UPDATE session SET seen_at = ledger_now() WHERE id = %s AND seen_at < ledger_now() - %s",
        [session_id, _TOUCHED_EVERY],
    )


async def list_sessions(connection: Connection, login: str, idle_s: float) -> list[SessionRow]:
    """The sessions of a person that are good, the last used first."""
    cursor = connection.cursor(row_factory=class_row(SessionRow))
    query = f"SELECT {_SESSION} FROM session s WHERE s.login = %s AND {_GOOD} ORDER BY s.seen_at DESC, s.id"
    await cursor.execute(query, [login, timedelta(seconds=idle_s)])
    return await cursor.fetchall()


async def revoke_session(connection: Connection, login: str, session_id: UUID) -> bool:
    """End one session of a person. Idempotent; False when there is none to end."""
    cursor = await connection.execute(
        "UPDATE session SET revoked_at = ledger_now() WHERE id = %s AND login = %s AND revoked_at IS NULL RETURNING id",
        [session_id, login],
    )
    return await cursor.fetchone() is not None


async def revoke_sessions(connection: Connection, login: str, *, but: UUID | None = None) -> None:
    """End every session of a person, except one. Idempotent."""
    await connection.execute(
        "UPDATE session SET revoked_at = ledger_now() WHERE login = %s AND revoked_at IS NULL"
        " AND id IS DISTINCT FROM %s",
        [login, but],
    )


# --- tries ------------------------------------------------------------------------------------------------------------


async def lock_tries(connection: Connection, key: bytes) -> tuple[int, datetime, datetime]:
    """Tries so far, when the last was, and the ledger's time; nobody else may count until we commit."""
    await connection.execute(
        "INSERT INTO sign_in_try (login_index, tries, last_at) VALUES (%s, 0, ledger_now()) ON CONFLICT DO NOTHING",
        [key],
    )
    cursor = await connection.execute(
        "SELECT tries, last_at, ledger_now() FROM sign_in_try WHERE login_index = %s FOR UPDATE", [key]
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1], row[2]


async def write_tries(connection: Connection, key: bytes, tries: int) -> None:
    """Note a try, now."""
    await connection.execute(
        "UPDATE sign_in_try SET tries = %s, last_at = ledger_now() WHERE login_index = %s", [tries, key]
    )


async def forget_tries(connection: Connection, key: bytes) -> None:
    """Count from nothing again."""
    await connection.execute("DELETE FROM sign_in_try WHERE login_index = %s", [key])


async def give_back_try(connection: Connection, key: bytes) -> None:
    """Count one less."""
    await connection.execute("UPDATE sign_in_try SET tries = greatest(tries - 1, 0) WHERE login_index = %s", [key])
