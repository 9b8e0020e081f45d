"""The audit on a real ledger: deeds and their rows together, one after another, and nothing taken back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from esoz_notify.core.errors import InvalidInput
from esoz_notify.engine import audit
from esoz_notify.engine.audit import Action, Deed
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger

DEED = Deed(actor="person:o.koval", action=Action.REPRINT, subject="notification:1", why="lost", details={"no": "2"})


@pytest.fixture
async def ledger(ledger_dsn: str) -> AsyncIterator[Ledger]:
    """An empty ledger."""
    ledger = Ledger(ledger_dsn, LedgerClock())
    await ledger.open()
    yield ledger
    await ledger.close()


async def note(ledger: Ledger, deed: Deed = DEED) -> None:
    """A deed and nothing else."""
    async with ledger.transaction() as connection:
        await audit.note(connection, deed)


async def test_a_deed_that_fails_is_not_noted(ledger: Ledger, ledger_dsn: str) -> None:
    """The row is of the deed's own transaction, and numbers have no gap after one that was undone."""
    await note(ledger)
    with contextlib.suppress(ZeroDivisionError):
        async with ledger.transaction() as connection:
            await audit.note(connection, DEED)
            raise ZeroDivisionError
    with pytest.raises(InvalidInput):
        await note(ledger, replace(DEED, why="+380000000001"))
    await note(ledger)
    with psycopg.connect(ledger_dsn) as connection_:
        assert connection_.execute("SELECT seq FROM audit ORDER BY seq").fetchall() == [(1,), (2,)]


async def test_many_at_once_stand_in_one_row(ledger: Ledger, ledger_dsn: str) -> None:
    """Deeds of many connections make one chain without a gap or a fork."""
    await asyncio.gather(*(note(ledger) for _ in range(40)))
    with psycopg.connect(ledger_dsn) as connection:
        rows = connection.execute("SELECT seq, prev, hash FROM audit ORDER BY seq").fetchall()
    assert [seq for seq, _, _ in rows] == list(range(1, 41))
    assert [prev for _, prev, _ in rows] == [bytes(32), *(hash_ for _, _, hash_ in rows[:-1])]


@pytest.mark.parametrize("table", ["audit", "audit_anchor"])
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_the_tables_only_grow(ledger_dsn: str, table: str, role: str) -> None:
    """The database refuses to change, delete and truncate, even to sessions that switch ordinary triggers off."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO audit VALUES (1, now(), 'a:b', 'print', 'c:d', NULL, '{}', %s, %s)", [bytes(32), bytes(32)]
        )
        connection.execute("INSERT INTO audit_anchor VALUES (1, 1, %s, now(), 'k', 's')", [bytes(32)])
        connection.execute(f"SET session_replication_role = {role}")
        for statement in ("UPDATE {} SET at = now()", "DELETE FROM {}", "TRUNCATE {}"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(sql.SQL(statement).format(sql.Identifier(table)))
