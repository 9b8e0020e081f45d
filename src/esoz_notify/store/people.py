"""People who sign in, and their prints.

What belongs here: the SQL of these small tables. What does not: their sessions (``sessions``), passwords
(engine), what a page shows (console).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from esoz_notify.store.ledger import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A person; the password as its Argon2id hash."""

    login: str
    name: str
    role: str
    client_id: str
    password_hash: str = field(repr=False)
    created_at: datetime
    disabled_at: datetime | None
    second_factor_required: bool


_ACCESS_LOCK = 7_234_145
_PERSON = (
    "SELECT p.login, p.name, p.role, p.client_id, p.password_hash, p.created_at, p.disabled_at,"
    " p.second_factor_required FROM person p"
)


async def get_person(connection: Connection, login: str) -> PersonRow | None:
    """A person by login, disabled or not."""
    cursor = connection.cursor(row_factory=class_row(PersonRow))
    await cursor.execute(f"{_PERSON} WHERE p.login = %s", [login])
    return await cursor.fetchone()


async def list_people(connection: Connection) -> list[PersonRow]:
    """Everybody, by login."""
    cursor = connection.cursor(row_factory=class_row(PersonRow))
    await cursor.execute(f"{_PERSON} ORDER BY p.login")
    return await cursor.fetchall()


async def add_person(  # noqa: PLR0913, PLR0917 - the columns
    connection: Connection, login: str, name: str, role: str, client_id: str, password_hash: str
) -> bool:
    """Write a new person; False when the login is taken."""
    cursor = await connection.execute(
        "INSERT INTO person (login, name, role, client_id, password_hash) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (login) DO NOTHING RETURNING login",
        [login, name, role, client_id, password_hash],
    )
    return await cursor.fetchone() is not None


async def set_password(connection: Connection, login: str, password_hash: str) -> None:
    """Replace a password."""
    await connection.execute("UPDATE person SET password_hash = %s WHERE login = %s", [password_hash, login])


async def set_role(connection: Connection, login: str, role: str) -> None:
    """Give a person another role."""
    await connection.execute("UPDATE person SET role = %s WHERE login = %s", [role, login])


async def lock_access(connection: Connection) -> None:
    """Nobody else changes roles or access until this transaction ends; a statement after it sees what they did."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_ACCESS_LOCK])


async def has_another(connection: Connection, login: str, role: str) -> bool:
    """Whether somebody else of a role may come in."""
    query = "SELECT EXISTS (SELECT FROM person WHERE role = %s AND disabled_at IS NULL AND login <> %s)"
    row = await (await connection.execute(query, [role, login])).fetchone()
    return bool(row and row[0])


async def enable(connection: Connection, login: str) -> None:
    """Let a disabled person in again."""
    await connection.execute("UPDATE person SET disabled_at = NULL WHERE login = %s", [login])


async def disable(connection: Connection, login: str) -> None:
    """Let a person in no more. Idempotent."""
    await connection.execute(
        "UPDATE person SET disabled_at = ledger_now() WHERE login = %s AND disabled_at IS NULL", [login]
    )


# --- for people who look at people -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRow:
    """A person as others see them. ``seen_at``: when last at a page; None when never or too long ago to be kept."""

    login: str
    name: str
    role: str
    client_id: str
    created_at: datetime
    disabled_at: datetime | None
    second_factor_required: bool
    has_second_factor: bool
    seen_at: datetime | None


_KNOWN = """
SELECT p.login, p.name, p.role, p.client_id, p.created_at, p.disabled_at, p.second_factor_required,
       EXISTS (SELECT FROM totp t WHERE t.login = p.login AND t.confirmed_at IS NOT NULL)
         OR EXISTS (SELECT FROM passkey k WHERE k.login = p.login) AS has_second_factor,
       (SELECT max(s.seen_at) FROM session s WHERE s.login = p.login) AS seen_at
FROM person p
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whom:
    """Whom a list shows; empty texts mean anybody. ``begins``: with what the login does. ``after``: a login."""

    role: str = ""
    begins: str = ""
    disabled: bool | None = None
    after: str = ""


async def known(connection: Connection, whom: Whom, count_max: int) -> list[KnownRow]:
    """People, by login."""
    conditions, given = ["p.login > %s"], [whom.after]
    if whom.role:
        conditions, given = [*conditions, "p.role = %s"], [*given, whom.role]
    if whom.begins:
        conditions, given = [*conditions, "starts_with(p.login, %s)"], [*given, whom.begins]
    if whom.disabled is not None:
        conditions.append(f"p.disabled_at IS {'NOT ' if whom.disabled else ''}NULL")
    cursor = connection.cursor(row_factory=class_row(KnownRow))
    query = f"{_KNOWN} WHERE {' AND '.join(conditions)} ORDER BY p.login LIMIT %s"
    await cursor.execute(query.encode(), [*given, count_max])
    return await cursor.fetchall()


async def known_one(connection: Connection, login: str) -> KnownRow | None:
    """One person."""
    cursor = connection.cursor(row_factory=class_row(KnownRow))
    await cursor.execute(f"{_KNOWN} WHERE p.login = %s", [login])
    return await cursor.fetchone()


async def names(connection: Connection, logins: Sequence[str]) -> dict[str, str]:
    """Names by login; those that are nobody's are missing."""
    cursor = await connection.execute("SELECT login, name FROM person WHERE login = ANY(%s)", [list(logins)])
    return {row[0]: row[1] for row in await cursor.fetchall()}


# --- prints -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """One print of a notification's summary from the page. ``why``: of a print that was not the first."""

    notification_id: UUID
    no: int
    login: str
    name: str
    at: datetime
    why: str | None


_PRINT = "SELECT t.notification_id, t.no, t.login, p.name, t.at, t.why FROM print_trail t JOIN person p USING (login)"


async def add_print(  # noqa: PLR0913, PLR0917 - the columns
    connection: Connection, notification_id: UUID, no: int, login: str, client_id: str, why: str | None
) -> bool:
    """Write a print; False when somebody else's has just taken this number."""
    cursor = await connection.execute(
        "INSERT INTO print_trail (notification_id, no, login, client_id, why) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (notification_id, no) DO NOTHING RETURNING no",
        [notification_id, no, login, client_id, why],
    )
    return await cursor.fetchone() is not None


async def prints(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, list[Print]]:
    """The prints of notifications, oldest first; those never printed are missing."""
    cursor = connection.cursor(row_factory=class_row(Print))
    await cursor.execute(f"{_PRINT} WHERE t.notification_id = ANY(%b::uuid[]) ORDER BY t.no", [list(ids)])
    found: dict[UUID, list[Print]] = {}
    for one in await cursor.fetchall():
        found.setdefault(one.notification_id, []).append(one)
    return found


async def for_paper(connection: Connection, client_id: str, age_max_s: float, count_max: int) -> list[UUID]:
    """A system's notifications that reached nobody and were not printed from the page yet, newest first."""
    cursor = await connection.execute(
        "SELECT d.notification_id FROM delivery d JOIN notification n ON n.id = d.notification_id"
        " WHERE d.status IN ('print_required', 'undelivered') AND n.client_id = %s"
        " AND d.accepted_at > ledger_now() - %s"
        " AND NOT EXISTS (SELECT FROM print_trail t WHERE t.notification_id = d.notification_id)"
        " ORDER BY d.notification_id DESC LIMIT %s",
        [client_id, timedelta(seconds=age_max_s), count_max],
    )
    return [row[0] for row in await cursor.fetchall()]


async def sealed_data(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, tuple[bytes, bytes | None]]:
    """Sealed data and details of the summary of notifications."""
    cursor = await connection.execute(
        "SELECT notification_id, data, summary FROM content WHERE notification_id = ANY(%b::uuid[])", [list(ids)]
    )
    return {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}
