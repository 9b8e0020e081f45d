"""Patients, callers and kept values: small tables read and written one row at a time.

What belongs here: their SQL. What does not: what a patient means (``core.patient``), how a secret is checked (engine).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from esoz_notify.store.ledger import Connection


async def put_patient(connection: Connection, patient_id: UUID, document: bytes, client_id: str) -> bool:
    """Store a sealed patient, replacing an earlier one. True when there was none. Idempotent."""
    cursor = await connection.execute(
        "INSERT INTO patient (id, document, updated_by) VALUES (%s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET document = excluded.document, updated_by = excluded.updated_by,"
        " updated_at = ledger_now() RETURNING xmax = 0",
        [patient_id, document, client_id],
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def get_patients(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """Sealed documents by id; unknown ids are missing."""
    cursor = await connection.execute("SELECT id, document FROM patient WHERE id = ANY(%b::uuid[])", [list(ids)])
    return dict(await cursor.fetchall())


async def delete_patient(connection: Connection, patient_id: UUID) -> bool:
    """Forget a patient; False when there was none."""
    cursor = await connection.execute("DELETE FROM patient WHERE id = %s RETURNING id", [patient_id])
    return await cursor.fetchone() is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow:
    """A caller of the API. ``bound``: its tokens are good only together with its certificate.

    ``tokens_since``: those issued before it are over; None is none.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    disabled_at: datetime | None
    bound: bool
    tokens_since: datetime | None


_CLIENT = "SELECT id, name, scopes, created_at, disabled_at, bound, tokens_since FROM client"


async def get_client(connection: Connection, client_id: str, *, for_change: bool = False) -> ClientRow | None:
    """A caller by id. ``for_change``: nobody else changes it or its credentials until the transaction ends."""
    lock = " FOR UPDATE" if for_change else ""
    row = await (await connection.execute(f"{_CLIENT} WHERE id = %s{lock}", [client_id])).fetchone()
    return _client(row) if row else None


async def list_clients(connection: Connection) -> list[ClientRow]:
    """All callers, by id."""
    return [_client(row) for row in await (await connection.execute(f"{_CLIENT} ORDER BY id")).fetchall()]


async def clients_after(connection: Connection, after: str, count_max: int) -> list[ClientRow]:
    """Callers whose id follows one, by id."""
    cursor = await connection.execute(f"{_CLIENT} WHERE id > %s ORDER BY id LIMIT %s", [after, count_max])
    return [_client(row) for row in await cursor.fetchall()]


async def names(connection: Connection, count_max: int) -> list[tuple[str, str]]:
    """Id and name of callers that are not disabled, by id."""
    query = "SELECT id, name FROM client WHERE disabled_at IS NULL ORDER BY id LIMIT %s"
    return [(row[0], row[1]) for row in await (await connection.execute(query, [count_max])).fetchall()]


def _client(row: tuple[object, ...]) -> ClientRow:
    client_id, name, scopes, created_at, disabled_at, bound, tokens_since = row
    assert isinstance(scopes, list)
    assert isinstance(created_at, datetime)
    assert disabled_at is None or isinstance(disabled_at, datetime)
    assert tokens_since is None or isinstance(tokens_since, datetime)
    return ClientRow(
        id=str(client_id),
        name=str(name),
        scopes=tuple(scopes),
        created_at=created_at,
        disabled_at=disabled_at,
        bound=bool(bound),
        tokens_since=tokens_since,
    )


async def add_client(connection: Connection, client_id: str, name: str, scopes: Sequence[str]) -> None:
    """Create a caller, which may come in as soon as it has a credential."""
    await connection.execute(
        "INSERT INTO client (id, name, scopes) VALUES (%s, %s, %s)", [client_id, name, list(scopes)]
    )


async def enable_client(connection: Connection, client_id: str) -> None:
    """Let a disabled caller come in again."""
    await connection.execute("UPDATE client SET disabled_at = NULL WHERE id = %s", [client_id])


async def bind_client(connection: Connection, client_id: str, *, bound: bool) -> None:
    """Have a caller's new tokens hang on its certificate, or no longer."""
    await connection.execute("UPDATE client SET bound = %s WHERE id = %s", [bound, client_id])


async def disable_client(connection: Connection, client_id: str) -> bool:
    """Take a caller's access away; False when there is none."""
    cursor = await connection.execute(
        "UPDATE client SET disabled_at = ledger_now(), tokens_since = ledger_now()"
        " WHERE id = %s AND disabled_at IS NULL RETURNING id",
        [client_id],
    )
    return await cursor.fetchone() is not None


async def get_kept(connection: Connection) -> list[tuple[str, str, bytes, datetime]]:
    """Kept values of all providers that still live: provider, name, sealed value, end of life."""
    cursor = await connection.execute(
        "SELECT provider, name, value, expires_at FROM kept WHERE expires_at > ledger_now()"
    )
    return [(row[0], row[1], row[2], row[3]) for row in await cursor.fetchall()]


async def put_kept(connection: Connection, provider: str, name: str, value: bytes, ttl_s: float) -> None:
    """Keep a sealed value for a provider's dialogues."""
    await connection.execute(
        "INSERT INTO kept (provider, name, value, expires_at) VALUES (%s, %s, %s, ledger_now() + %s)"
        " ON CONFLICT (provider, name) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at",
        [provider, name, value, timedelta(seconds=ttl_s)],
    )
