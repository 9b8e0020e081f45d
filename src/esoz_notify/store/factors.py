"""Second factors of people: the app's secret, passkeys, recovery codes, and what a session knows of them.

What belongs here: the SQL of these tables. What does not: checking a code or a signature (engine).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from esoz_notify.store.ledger import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpRow:
    """An app's secret, sealed."""

    secret: bytes = field(repr=False)
    last_step: int
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRow:
    """A passkey."""

    id: bytes
    name: str
    public_key: bytes
    sign_count: int
    created_at: datetime
    used_at: datetime | None


async def kinds(connection: Connection, login: str) -> tuple[bool, bool]:
    """Whether a person has an app, and whether any passkey."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM totp WHERE login = %s AND confirmed_at IS NOT NULL),"
        " EXISTS (SELECT FROM passkey WHERE login = %s)",
        [login, login],
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


async def require(connection: Connection, login: str, *, required: bool) -> None:
    """Whether a person must have a second factor."""
    await connection.execute("UPDATE person SET second_factor_required = %s WHERE login = %s", [required, login])


async def forget_factors(connection: Connection, login: str) -> None:
    """Take every second factor of a person away. Idempotent."""
    for table in ("totp", "passkey", "recovery_code"):
        await connection.execute(f"DELETE FROM {table} WHERE login = %s".encode(), [login])


# --- the app ----------------------------------------------------------------------------------------------------------


async def get_totp(connection: Connection, login: str) -> TotpRow | None:
    """The app of a person, confirmed or not; it does not change until we commit."""
    cursor = connection.cursor(row_factory=class_row(TotpRow))
    await cursor.execute("SELECT secret, last_step, confirmed_at FROM totp WHERE login = %s FOR UPDATE", [login])
    return await cursor.fetchone()


async def add_totp(connection: Connection, login: str, secret: bytes) -> None:
    """Write a secret that is not confirmed yet; the first one stays."""
    await connection.execute(
        "INSERT INTO totp (login, secret) VALUES (%s, %s) ON CONFLICT (login) DO NOTHING", [login, secret]
    )


async def take_step(connection: Connection, login: str, step: int) -> None:
    """Take the code of a step, which confirms the app if nothing did before."""
    await connection.execute(
        "UPDATE totp SET last_step = %s, confirmed_at = coalesce(confirmed_at, ledger_now()) WHERE login = %s",
        [step, login],
    )


async def delete_totp(connection: Connection, login: str) -> None:
    """Forget the app of a person. Idempotent."""
    await connection.execute("DELETE FROM totp WHERE login = %s", [login])


# --- passkeys ---------------------------------------------------------------------------------------------------------


async def list_passkeys(connection: Connection, login: str) -> list[PasskeyRow]:
    """The passkeys of a person, the oldest first; they do not change until we commit."""
    cursor = connection.cursor(row_factory=class_row(PasskeyRow))
    await cursor.execute(
        "SELECT id, name, public_key, sign_count, created_at, used_at FROM passkey WHERE login = %s"
        " ORDER BY created_at, id FOR UPDATE",
        [login],
    )
    return await cursor.fetchall()


async def add_passkey(  # noqa: PLR0913, PLR0917 - the columns
    connection: Connection, key_id: bytes, login: str, name: str, public_key: bytes, sign_count: int
) -> bool:
    """Write a passkey; False when it is there already, whosever it is."""
    cursor = await connection.execute(
        "INSERT INTO passkey (id, login, name, public_key, sign_count) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO NOTHING RETURNING id",
        [key_id, login, name, public_key, sign_count],
    )
    return await cursor.fetchone() is not None


async def use_passkey(connection: Connection, key_id: bytes, sign_count: int) -> None:
    """Note that a passkey signed, and its counter."""
    await connection.execute(
        "UPDATE passkey SET sign_count = %s, used_at = ledger_now() WHERE id = %s", [sign_count, key_id]
    )


async def delete_passkey(connection: Connection, login: str, key_id: bytes) -> bool:
    """Forget a passkey of a person; False when there is none."""
    cursor = await connection.execute("DELETE FROM passkey WHERE id = %s AND login = %s RETURNING id", [key_id, login])
    return await cursor.fetchone() is not None


# --- recovery codes ---------------------------------------------------------------------------------------------------


async def replace_codes(connection: Connection, login: str, hashes: Sequence[bytes]) -> None:
    """Give a person these recovery codes and no others."""
    await connection.execute("DELETE FROM recovery_code WHERE login = %s", [login])
    await connection.execute(
        "INSERT INTO recovery_code (login, code_hash) SELECT %s, unnest(%s::bytea[])", [login, list(hashes)]
    )


async def take_code(connection: Connection, login: str, code_hash: bytes) -> bool:
    """Use a recovery code up; False when there is none such or it was used."""
    cursor = await connection.execute(
        "UPDATE recovery_code SET used_at = ledger_now() WHERE login = %s AND code_hash = %s AND used_at IS NULL"
        " RETURNING login",
        [login, code_hash],
    )
    return await cursor.fetchone() is not None


async def count_codes(connection: Connection, login: str) -> int:
    """How many recovery codes a person has left."""
    query = "SELECT count(*) FROM recovery_code WHERE login = %s AND used_at IS NULL"
    row = await (await connection.execute(query, [login])).fetchone()
    assert row is not None
    return int(row[0])


# --- what a session knows ---------------------------------------------------------------------------------------------


async def pass_second(connection: Connection, session_id: UUID, token_hash: bytes, life_s: float) -> None:
    """The second factor came: the session goes on under another token, for a whole life."""
    await connection.execute(
        "UPDATE session SET token_hash = %s, second_at = ledger_now(), fresh_at = ledger_now(),"
        " ends_at = ledger_now() + %s WHERE id = %s",
        [token_hash, timedelta(seconds=life_s), session_id],
    )


async def freshen(connection: Connection, session_id: UUID, *, by_factor: bool) -> None:
    """The person has just proved to be there, by a second factor or by what else there is."""
    await connection.execute(
        "UPDATE session SET fresh_at = ledger_now(),"
        " second_at = CASE WHEN %s THEN ledger_now() ELSE second_at END WHERE id = %s",
        [by_factor, session_id],
    )


async def put_challenge(connection: Connection, session_id: UUID, challenge: bytes) -> None:
    """Keep what a passkey is asked to sign."""
    await connection.execute("UPDATE session SET challenge = %s WHERE id = %s", [challenge, session_id])


async def take_challenge(connection: Connection, session_id: UUID) -> bytes | None:
    """What a passkey was asked to sign, once."""
    cursor = await connection.execute(
        "UPDATE session s SET challenge = NULL FROM (SELECT id, challenge FROM session WHERE id = %s FOR UPDATE) old"
        " WHERE s.id = old.id RETURNING old.challenge",
        [session_id],
    )
    row = await cursor.fetchone()
    return row[0] if row else None
