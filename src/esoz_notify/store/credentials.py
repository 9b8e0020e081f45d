"""What callers show when they come: hashes of secrets, public keys, and assertions that were shown.

What belongs here: their SQL. What does not: callers themselves (``registry``), what makes a credential good (engine).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from esoz_notify.store.ledger import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRow:
    """A secret that is good now, as a hash. ``ends_at`` None: until it is rotated."""

    client_id: str
    hash: bytes
    created_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A public key, by its name."""

    client_id: str
    kid: str
    added_at: datetime


_GOOD_SECRETS = (
    "SELECT client_id, hash, created_at, ends_at FROM client_secret WHERE (ends_at IS NULL OR ends_at > ledger_now())"
)


async def get_secrets(connection: Connection, client_id: str) -> list[SecretRow]:
    """The secrets of a caller that are good now, the newest first."""
    cursor = await connection.execute(f"{_GOOD_SECRETS} AND client_id = %s ORDER BY created_at DESC", [client_id])
    return [_secret(row) for row in await cursor.fetchall()]


async def list_secrets(connection: Connection) -> list[SecretRow]:
    """The secrets of all callers that are good now, the newest of each first."""
    cursor = await connection.execute(f"{_GOOD_SECRETS} ORDER BY client_id, created_at DESC")
    return [_secret(row) for row in await cursor.fetchall()]


async def secrets_of(connection: Connection, ids: Sequence[str]) -> list[SecretRow]:
    """The secrets of some callers that are good now, the newest of each first."""
    cursor = await connection.execute(
        f"{_GOOD_SECRETS} AND client_id = ANY(%s) ORDER BY client_id, created_at DESC", [list(ids)]
    )
    return [_secret(row) for row in await cursor.fetchall()]


def _secret(row: tuple[Any, ...]) -> SecretRow:
    client_id, hashed, created_at, ends_at = row
    return SecretRow(client_id=client_id, hash=hashed, created_at=created_at, ends_at=ends_at)


async def add_secret(connection: Connection, client_id: str, hashed: bytes, *, keep_old_s: float) -> None:
    """Give a caller a secret. The newest before it ends in ``keep_old_s`` at the latest, all others now."""
    await connection.execute(
        "DELETE FROM client_secret WHERE client_id = %(id)s AND hash NOT IN"
        " (SELECT hash FROM client_secret WHERE client_id = %(id)s ORDER BY created_at DESC LIMIT 1)",
        {"id": client_id},
    )
    await connection.execute(
        "UPDATE client_secret SET ends_at = least(ends_at, ledger_now() + %s) WHERE client_id = %s",
        [timedelta(seconds=keep_old_s), client_id],
    )
    await connection.execute("INSERT INTO client_secret (client_id, hash) VALUES (%s, %s)", [client_id, hashed])


async def end_secrets(connection: Connection, client_id: str) -> None:
    """End every secret of a caller now."""
    await connection.execute("DELETE FROM client_secret WHERE client_id = %s", [client_id])


async def end_old_secrets(connection: Connection, client_id: str) -> bool:
    """End every secret of a caller but the newest now; False when there was no other that was good."""
    cursor = await connection.execute(
        "DELETE FROM client_secret WHERE client_id = %(id)s AND hash NOT IN"
        " (SELECT hash FROM client_secret WHERE client_id = %(id)s ORDER BY created_at DESC LIMIT 1)"
        " RETURNING ends_at IS NULL OR ends_at > ledger_now()",
        {"id": client_id},
    )
    return any(row[0] for row in await cursor.fetchall())


async def get_keys(connection: Connection, client_id: str) -> list[dict[str, Any]]:
    """The public keys of a caller, by kid."""
    cursor = await connection.execute("SELECT jwk FROM client_key WHERE client_id = %s ORDER BY kid", [client_id])
    return [row[0] for row in await cursor.fetchall()]


async def list_keys(connection: Connection) -> list[tuple[str, str]]:
    """Caller and kid of every public key."""
    cursor = await connection.execute("SELECT client_id, kid FROM client_key ORDER BY client_id, kid")
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def keys_of(connection: Connection, ids: Sequence[str]) -> list[KeyRow]:
    """The public keys of some callers, by their names."""
    cursor = await connection.execute(
        "SELECT client_id, kid, added_at FROM client_key WHERE client_id = ANY(%s) ORDER BY client_id, kid", [list(ids)]
    )
    return [KeyRow(client_id=row[0], kid=row[1], added_at=row[2]) for row in await cursor.fetchall()]


async def put_keys(connection: Connection, client_id: str, keys: Mapping[str, Mapping[str, Any]]) -> None:
    """Give a caller these public keys, by kid, in place of those it had."""
    await connection.execute(
        "DELETE FROM client_key WHERE client_id = %s AND kid <> ALL(%s::text[])", [client_id, list(keys)]
    )
    for kid, jwk in keys.items():
        await connection.execute(
            "INSERT INTO client_key (client_id, kid, jwk) VALUES (%s, %s, %s)"
            " ON CONFLICT (client_id, kid) DO UPDATE SET jwk = excluded.jwk",
            [client_id, kid, json.dumps(jwk)],
        )


async def show_assertion(connection: Connection, client_id: str, jti_hash: bytes, ends_at: datetime) -> bool:
    """Note that an assertion was shown; False when it had been before."""
    cursor = await connection.execute(
        "INSERT INTO assertion_shown (client_id, jti_hash, ends_at) VALUES (%s, %s, %s)"
        " ON CONFLICT DO NOTHING RETURNING true",
        [client_id, jti_hash, ends_at],
    )
    return await cursor.fetchone() is not None


async def forget_assertions(connection: Connection, margin_s: float) -> None:
    """Forget assertions that ended ``margin_s`` ago: by themselves they are good no more."""
    await connection.execute(
        "DELETE FROM assertion_shown WHERE ends_at < ledger_now() - %s", [timedelta(seconds=margin_s)]
    )
