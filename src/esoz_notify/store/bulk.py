"""Files of many notifications in the ledger: what is known of each, its sealed content, the answers to its rows.

What belongs here: the SQL. What does not: sealing and what a state allows (engine).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from esoz_notify.store.ledger import Connection

_COLUMNS = (
    "id, name, client_id, kind, state, brought_by, brought_at, size_bytes, digest, row_count, report,"
    " started_by, started_at, chunks, accepted, refused, leased_until, ended_at"
)
_READ = f"SELECT {_COLUMNS} FROM bulk_file"


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file, in the order of the columns."""

    id: UUID
    name: str
    client_id: str
    kind: str | None
    state: str
    brought_by: str
    brought_at: datetime
    size_bytes: int
    digest: str | None
    row_count: int
    report: Mapping[str, Any] | None = field(repr=False)
    started_by: str | None
    started_at: datetime | None
    chunks: int
    accepted: int
    refused: int
    leased_until: datetime | None
    ended_at: datetime | None


async def bring(connection: Connection, row: FileRow) -> None:
    """Write a file that begins to arrive."""
    await connection.execute(
        "INSERT INTO bulk_file (id, name, client_id, kind, state, brought_by, brought_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [row.id, row.name, row.client_id, row.kind, row.state, row.brought_by, row.brought_at],
    )


async def add_piece(connection: Connection, piece_id: UUID, file_id: UUID, no: int, content: bytes) -> None:
    """Keep the next sealed piece of its content."""
    await connection.execute(
        "INSERT INTO bulk_piece (id, file_id, no, content) VALUES (%s, %s, %s, %b)", [piece_id, file_id, no, content]
    )


async def piece(connection: Connection, file_id: UUID, no: int) -> tuple[UUID, bytes] | None:
    """A piece and its id; None after the last."""
    cursor = await connection.execute(
        "SELECT id, content FROM bulk_piece WHERE file_id = %s AND no = %s", [file_id, no]
    )
    row = await cursor.fetchone()
    return (row[0], bytes(row[1])) if row else None


async def erase(connection: Connection, file_id: UUID) -> None:
    """Erase its content."""
    await connection.execute("DELETE FROM bulk_piece WHERE file_id = %s", [file_id])


async def newest(connection: Connection, count_max: int) -> list[FileRow]:
    """The last files, the newest first."""
    cursor = await connection.execute(f"{_READ} ORDER BY id DESC LIMIT %s", [count_max])
    return [FileRow(*row) for row in await cursor.fetchall()]


async def one(connection: Connection, file_id: UUID, *, lock: bool = False) -> FileRow | None:
    """A file; with ``lock`` nobody else changes it until the transaction ends."""
    cursor = await connection.execute(f"{_READ} WHERE id = %s{' FOR UPDATE' if lock else ''}", [file_id])
    row = await cursor.fetchone()
    return FileRow(*row) if row else None


async def arrived(connection: Connection, file_id: UUID, size_bytes: int) -> None:
    """All of its content is there."""
    await connection.execute(
        "UPDATE bulk_file SET state = 'checking', size_bytes = %s WHERE id = %s AND state = 'arriving'",
        [size_bytes, file_id],
    )


async def claim(connection: Connection, lease_s: float) -> FileRow | None:
    """Take a file that waits for work and that no living process works on. ``leased_until``: as it was before."""
    cursor = await connection.execute(
        f"WITH taken AS ({_READ} WHERE state IN ('checking', 'sending')"
        " AND (leased_until IS NULL OR leased_until < ledger_now()) ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
        "), held AS (UPDATE bulk_file SET leased_until = ledger_now() + make_interval(secs => %s)"
        f" FROM taken WHERE bulk_file.id = taken.id) SELECT {_COLUMNS} FROM taken",
        [lease_s],
    )
    row = await cursor.fetchone()
    return FileRow(*row) if row else None


async def hold(connection: Connection, file_id: UUID, lease_s: float) -> None:
    """Work on it goes on."""
    await connection.execute(
        "UPDATE bulk_file SET leased_until = ledger_now() + make_interval(secs => %s) WHERE id = %s", [lease_s, file_id]
    )


async def release(connection: Connection, file_id: UUID) -> None:
    """Nobody works on it."""
    await connection.execute("UPDATE bulk_file SET leased_until = NULL WHERE id = %s", [file_id])


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What checking came to."""

    state: str
    digest: str | None
    row_count: int
    report: Mapping[str, Any]


async def checked(connection: Connection, file_id: UUID, found: Conclusion) -> bool:
    """Write what checking found. False: a file of the same content is there already, and nothing is written."""
    try:
        async with connection.transaction():
            await connection.execute(
                "UPDATE bulk_file SET state = %s, digest = %s, row_count = %s, report = %s, leased_until = NULL"
                " WHERE id = %s AND state = 'checking'",
                [found.state, found.digest, found.row_count, json.dumps(found.report, ensure_ascii=False), file_id],
            )
    except psycopg.errors.UniqueViolation:
        return False
    return True


async def let_go(connection: Connection, file_id: UUID, by: str) -> None:
    """It may be sent. Who let it go first stays on record."""
    await connection.execute(
        "UPDATE bulk_file SET state = 'sending', started_by = coalesce(started_by, %s),"
        " started_at = coalesce(started_at, ledger_now()) WHERE id = %s",
        [by, file_id],
    )


async def stop(connection: Connection, file_id: UUID) -> None:
    """It goes no further than what is on its way."""
    await connection.execute("UPDATE bulk_file SET state = 'stopped' WHERE id = %s", [file_id])


async def end(connection: Connection, file_id: UUID, state: str) -> None:
    """It is over, and its content goes."""
    await connection.execute(
        "UPDATE bulk_file SET state = %s, ended_at = ledger_now(), leased_until = NULL WHERE id = %s", [state, file_id]
    )
    await erase(connection, file_id)


async def answered(
    connection: Connection, file_id: UUID, chunk: int, lines: Sequence[Sequence[object]], accepted: int
) -> str | None:
    """Keep the answers to a chunk, and give the state of the file; None: they were kept by another process."""
    cursor = await connection.execute(
        "UPDATE bulk_file SET chunks = chunks + 1, accepted = accepted + %s, refused = refused + %s"
        " WHERE id = %s AND chunks = %s RETURNING state",
        [accepted, len(lines) - accepted, file_id, chunk],
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    await connection.execute(
        "INSERT INTO bulk_answer (file_id, chunk, lines) VALUES (%s, %s, %s)",
        [file_id, chunk, json.dumps(lines, ensure_ascii=False)],
    )
    return str(row[0])


async def answers(connection: Connection, file_id: UUID, chunk: int) -> list[list[Any]] | None:
    """The answers to a chunk; None: there are none yet."""
    cursor = await connection.execute(
        "SELECT lines FROM bulk_answer WHERE file_id = %s AND chunk = %s", [file_id, chunk]
    )
    row = await cursor.fetchone()
    return list(row[0]) if row else None


async def forgotten(connection: Connection, arriving_s: float, waiting_s: float) -> list[UUID]:
    """Files whose arrival broke off so long ago, or that have waited so long for somebody to let them go."""
    cursor = await connection.execute(
        "SELECT id FROM bulk_file WHERE (state = 'arriving' AND brought_at < ledger_now() - make_interval(secs => %s))"
        " OR (state IN ('ready', 'stopped') AND brought_at < ledger_now() - make_interval(secs => %s)) LIMIT 100"
        " FOR UPDATE SKIP LOCKED",
        [arriving_s, waiting_s],
    )
    return [row[0] for row in await cursor.fetchall()]
