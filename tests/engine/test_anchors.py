"""Verifying a real ledger whose audit somebody with full rights on the database has touched; and who makes anchors."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esoz_notify.core.anchors import Anchor, signed
from esoz_notify.core.audit import GENESIS, Action, Deed, Head, entry
from esoz_notify.core.errors import ConfigError
from esoz_notify.engine import audit
from esoz_notify.engine.anchors import Anchors, AuditTouched, Verdict, listed, read_copies, verify
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import audit as kept
from esoz_notify.store import reading
from esoz_notify.store.audit import Wanted
from esoz_notify.store.audit_key import AuditKey, create, load

ROWS = 6


@asynccontextmanager
async def a_ledger(dsn: str, *, count: int = 0) -> AsyncIterator[Ledger]:
    """A ledger with some deeds."""
    ledger = Ledger(dsn, LedgerClock(), pool_size=2)
    await ledger.open()
    try:
        for number in range(count):
            await note(ledger, number)
        yield ledger
    finally:
        await ledger.close()


async def note(ledger: Ledger, number: int) -> None:
    deed = Deed(actor="person:o.koval", action=Action.PRINT, subject=f"notification:{number}", details={"no": "1"})
    async with ledger.transaction() as connection:
        await audit.note(connection, deed)


def anchors(ledger: Ledger, folder: Path) -> Anchors:
    return Anchors(ledger, folder / "audit-key.pem", folder / "copies.jsonl")


async def verified(ledger: Ledger, folder: Path, *, copies: bool = True, own: AuditKey | None = None) -> Verdict:
    key = own or load(folder / "audit-key.pem")
    trusted = {} if key is None else {key.id: key.public}
    return await verify(ledger, trusted, read_copies(folder / "copies.jsonl") if copies else [])


def touch(dsn: str, *statements: str, table: str = "audit") -> None:
    """Do what the owner of the database can: switch the triggers and the constraints off, and write."""
    with psycopg.connect(dsn) as connection:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        if table == "audit":
            connection.execute(
                "ALTER TABLE audit DROP CONSTRAINT IF EXISTS audit_pkey, DROP CONSTRAINT IF EXISTS audit_prev_key,"
                " DROP CONSTRAINT IF EXISTS audit_prev_check, DROP CONSTRAINT IF EXISTS audit_hash_check,"
                " DROP CONSTRAINT IF EXISTS audit_seq_check"
            )
        for statement in statements:
            connection.execute(statement.encode())


async def test_an_audit_as_written_is_whole(ledger_dsn: str, tmp_path: Path) -> None:
    """Nothing is found where nothing was done; what is under no anchor yet is told, and no anchor at all too."""
    async with a_ledger(ledger_dsn, count=ROWS) as ledger:
        none = await verified(ledger, tmp_path)
        assert (none.rows, none.faults, len(none.cautions)) == (ROWS, (), 1)
        assert "no anchor" in none.cautions[0]
        await anchors(ledger, tmp_path).make()
        assert await verified(ledger, tmp_path) == Verdict(rows=ROWS, anchors=2, faults=(), cautions=())
        await note(ledger, 99)
        assert (await verified(ledger, tmp_path)).cautions == ("the last 1 rows are under no anchor yet",)


VALUES = {
    "seq": ["seq + 1", "seq + 100", "0", "-seq"],
    "at": ["at + interval '1 microsecond'", "'infinity'", "'0044-03-15 BC'"],
    "actor": ["'person:nobody'", "actor || ' '", "''"],
    "action": ["'reprint'", "''"],
    "subject": ["'notification:other'"],
    "why": ["''", "'because'"],
    "details": ["details || ' '", "'{}'"],
    "prev": ["hash", "''::bytea"],
    "hash": ["prev", "sha256(hash)"],
}
CHANGES = st.one_of(
    *(
        st.tuples(st.just(" ".join(["UPDATE audit SET", name, "=", value, "WHERE seq = $1"])), st.integers(1, ROWS))
        for name, values in VALUES.items()
        for value in values
    ),
    st.tuples(st.just("DELETE FROM audit WHERE seq = $1"), st.integers(1, ROWS)),
    st.tuples(st.just("DELETE FROM audit WHERE seq >= $1"), st.integers(1, ROWS)),
    st.tuples(st.just("INSERT INTO audit SELECT * FROM audit WHERE seq = $1"), st.integers(1, ROWS)),
    st.tuples(
        st.just("UPDATE audit SET seq = CASE seq WHEN $1 THEN $1 + 1 ELSE $1 END WHERE seq IN ($1, $1 + 1)"),
        st.integers(1, ROWS - 1),
    ),
)


async def test_any_one_change_is_found(ledger_dsn: str, tmp_path: Path) -> None:
    """Change, deletion, tail cut off, doubled row or swap: each is found, and named at the row or before it."""
    async with a_ledger(ledger_dsn, count=ROWS) as ledger:
        await anchors(ledger, tmp_path).make()
    touch(ledger_dsn, "CREATE TABLE whole AS SELECT * FROM audit")
    examples: list[tuple[str, int]] = []

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(CHANGES)
    def gather(change: tuple[str, int]) -> None:
        examples.append(change)

    gather()
    async with a_ledger(ledger_dsn) as ledger:
        for statement, seq in dict.fromkeys(examples):
            done = statement.replace("$1", str(seq))
            touch(ledger_dsn, "DELETE FROM audit", "INSERT INTO audit SELECT * FROM whole", done)
            found = await verified(ledger, tmp_path)
            assert found.faults, done
            first = found.faults[0].seq
            assert first is not None, done
            assert first <= seq + 1, done
        touch(ledger_dsn, "DELETE FROM audit", "INSERT INTO audit SELECT * FROM whole")
        assert (await verified(ledger, tmp_path)).faults == ()


def rewrite(dsn: str, subjects: Sequence[str]) -> None:
    """Write the whole chain anew with hashes that fit, as somebody can who has read our source."""
    head = GENESIS
    touch(dsn, "DELETE FROM audit")
    with psycopg.connect(dsn) as connection:
        for subject in subjects:
            deed = Deed(actor="person:nobody", action=Action.PRINT, subject=subject)
            (now,) = connection.execute("SELECT now()").fetchone() or ()
            row = entry(head, deed, now)
            connection.execute(
                "INSERT INTO audit VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [row.seq, row.at, row.actor, row.action, row.subject, row.why, row.details, row.prev, row.hash],
            )
            head = Head(row.seq, row.hash)


async def test_a_chain_written_anew_is_found(ledger_dsn: str, tmp_path: Path) -> None:
    """Full rights on the database make a chain that fits in itself; the signed anchors do not fit it."""
    async with a_ledger(ledger_dsn, count=ROWS) as ledger:
        maker = anchors(ledger, tmp_path)
        await maker.make()
        rewrite(ledger_dsn, [f"notification:{number}" for number in range(ROWS)])
        (fault,) = (await verified(ledger, tmp_path, copies=False)).faults
        assert (fault.seq, "not what anchor 1" in fault.what) == (1, True)
        with pytest.raises(AuditTouched):
            await maker.make()


async def test_anchors_cannot_be_forged_or_lost(ledger_dsn: str, tmp_path: Path) -> None:
    """An anchor by another key is found, and one that is deleted in the ledger by its copy elsewhere."""
    async with a_ledger(ledger_dsn, count=ROWS) as ledger:
        maker = anchors(ledger, tmp_path)
        await maker.make()
        await maker.make()
        rewrite(ledger_dsn, ["notification:forged"])
        touch(ledger_dsn, "DELETE FROM audit_anchor", table="audit_anchor")
        found = await verified(ledger, tmp_path)
        assert [fault.seq for fault in found.faults] == [2, None, None]
        assert found.faults[1].what.endswith("was taken out of the ledger: there is a copy")
        with pytest.raises(AuditTouched, match="move that file away"):
            await maker.make()
        (tmp_path / "copies.jsonl").unlink()
        (tmp_path / "other").mkdir()
        await anchors(ledger, tmp_path / "other").make()
        (fault,) = (await verified(ledger, tmp_path)).faults
        assert "not signed by a key that is trusted" in fault.what


async def test_an_anchor_that_was_mended_is_found(ledger_dsn: str, tmp_path: Path) -> None:
    """Whoever writes the chain anew and puts its head into the anchor has no signature over it."""
    async with a_ledger(ledger_dsn, count=ROWS) as ledger:
        await anchors(ledger, tmp_path).make()
        rewrite(ledger_dsn, ["notification:forged"])
        mended = "UPDATE audit_anchor SET seq = a.seq, hash = a.hash FROM audit a"
        touch(ledger_dsn, mended, table="audit_anchor")
        (fault,) = (await verified(ledger, tmp_path, copies=False)).faults
        assert (fault.seq, "not signed by a key that is trusted" in fault.what) == (None, True)


async def test_one_anchor_a_day(ledger_dsn: str, tmp_path: Path) -> None:
    """However many processes look, a day in Kyiv has one anchor, the next day the next; asked for, there is more."""
    async with a_ledger(ledger_dsn, count=1) as ledger:
        maker = anchors(ledger, tmp_path)
        first = await maker.make(only_if_due=True)
        assert first is not None
        assert await maker.make(only_if_due=True) is None
        touch(ledger_dsn, "UPDATE audit_anchor SET at = at - interval '1 day'", table="audit_anchor")
        second = await maker.make(only_if_due=True)
        assert second is not None
        third = await maker.make()
        assert third is not None
        assert [first.no, second.no, third.no] == [1, 2, 3]
        assert read_copies(tmp_path / "copies.jsonl") == [first, second, third]


async def test_anchors_that_stopped_are_told(ledger_dsn: str, tmp_path: Path) -> None:
    """When the newest anchor is old, newer ones were taken away or nobody makes any: a caution says so."""
    key = create(tmp_path / "audit-key.pem")
    async with a_ledger(ledger_dsn, count=1) as ledger:
        async with ledger.transaction() as connection:
            head, now = await kept.head(connection)
            at = now - timedelta(days=3)
            old = Anchor(no=1, head=head, at=at, key_id=key.id, signature=key.sign(signed(1, head, at)))
            await kept.add_anchor(connection, old)
        found = await verified(ledger, tmp_path)
        assert found.faults == ()
        assert "the newest anchor is of" in found.cautions[0]


async def test_a_lost_key_is_missed(ledger_dsn: str, tmp_path: Path) -> None:
    """A new key is made for the first anchor only: later it would hide that the old one is gone."""
    async with a_ledger(ledger_dsn) as ledger:
        await anchors(ledger, tmp_path).make()
        (tmp_path / "audit-key.pem").unlink()
        with pytest.raises(ConfigError, match="put it back"):
            await anchors(ledger, tmp_path).make()


def test_the_key_file(tmp_path: Path) -> None:
    """Of two that make it both get the same; others may not read it; what is no key is refused."""
    path = tmp_path / "keys" / "audit-key.pem"
    assert load(path) is None
    assert create(path).id == create(path).id
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        load(path)
    path.chmod(0o600)
    path.write_text("-----BEGIN NOTHING-----")
    with pytest.raises(ConfigError, match="Ed25519"):
        load(path)


async def test_deeds_are_found_by_who_what_and_when(ledger_dsn: str) -> None:
    """Each part of a list's wish narrows it; newest first."""
    async with a_ledger(ledger_dsn, count=3) as ledger:
        deed = Deed(actor="caller:mis-1", action=Action.CANCEL, subject="notification:1", why="by mistake")
        async with ledger.transaction() as connection:
            await audit.note(connection, deed)
        async with ledger.transaction() as connection:
            now = await reading.ledger_now(connection)  # this process's clock may be a moment behind it
        seqs = {}
        for name, wanted in {
            "all": Wanted(),
            "actor": Wanted(actor="caller:mis-1"),
            "action": Wanted(action="print"),
            "subject": Wanted(subject="notification:1"),
            "since": Wanted(since=now),
            "until": Wanted(until=now),
        }.items():
            seqs[name] = [row.seq for row in await listed(ledger, wanted, 10)]
        assert [row.seq for row in await listed(ledger, Wanted(), 2)] == [4, 3]
    assert seqs == {
        "all": [4, 3, 2, 1], "actor": [4], "action": [3, 2, 1], "subject": [4, 2], "since": [], "until": [4, 3, 2, 1],
    }  # fmt: skip
