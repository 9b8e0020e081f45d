"""The audit as people read it, on a real ledger: what is found, how far is looked, and what a look over it says."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.engine.test_anchors import a_ledger, anchors, touch

from esoz_notify.core.anchors import Fault
from esoz_notify.core.audit import Action, Deed
from esoz_notify.core.errors import InvalidInput
from esoz_notify.engine import audit, trail
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.trail import Search, Trail, read_search
from esoz_notify.store.audit_search import search

ID = "0198c0de-0000-7000-8000-000000000001"


@pytest.fixture
async def ledger(ledger_dsn: str) -> AsyncIterator[Ledger]:
    """A ledger whose audit has six rows, one of them ten days old by its time."""
    async with a_ledger(ledger_dsn) as ledger:
        deeds = [
            Deed(actor="person:o.koval", action=Action.REVEAL_PHONE, subject=f"notification:{ID}", why="Пацієнт питає"),
            Deed(actor="person:o.koval", action=Action.PRINT, subject=f"notification:{ID}", details={"no": "1"}),
            Deed(actor="caller:mis-1", action=Action.CANCEL, subject=f"notification:{ID}"),
            Deed(actor="cli:olena@host", action=Action.PERSON_ADDED, subject="person:o.koval"),
            Deed(actor="person:o.koval", action=Action.REPRINT, subject="notification:2", why="100% зіпсовано"),
            Deed(actor="person:p.bondar", action=Action.REPRINT, subject="notification:2", why="ПАЦІЄНТ загубив"),
        ]
        for deed in deeds:
            async with ledger.transaction() as connection:
                await audit.note(connection, deed)
        yield ledger


async def found(ledger: Ledger, **asked: str) -> list[int]:
    """Numbers of the rows that a form finds."""
    page = await Trail(ledger, Path("nowhere")).page(read_search(asked))
    assert page.before is None
    return [row.seq for row in page.rows]


async def test_what_is_asked_is_found(ledger: Ledger) -> None:
    """By each filter and by several, newest first; a login or an id may stand alone; words in any case of letters."""
    assert await found(ledger) == [6, 5, 4, 3, 2, 1]
    assert await found(ledger, actor="person:o.koval") == await found(ledger, actor=" O.Koval ") == [5, 2, 1]
    assert await found(ledger, subject=ID) == [3, 2, 1]
    assert await found(ledger, subject="o.koval") == [4]
    assert await found(ledger, action="reprint") == [6, 5]
    assert await found(ledger, action="reprint", actor="o.koval", subject="notification:2") == [5]
    assert await found(ledger, words="пацієнт") == [6, 1]
    assert await found(ledger, words="0%") == [5]
    assert await found(ledger, words="%") == [5], "it is no sign of a pattern"
    assert await found(ledger, words="nothing such") == []


async def test_times_are_found_by_where_they_stand(ledger: Ledger, ledger_dsn: str) -> None:
    """From a time on, before a time, and both; also where the clock was set back by less than an hour meanwhile."""
    touch(
        ledger_dsn,
        "UPDATE audit SET at = at - interval '10 days' WHERE seq <= 2",
        "UPDATE audit SET at = at - interval '3 days' WHERE seq IN (3, 5)",
        "UPDATE audit SET at = at - interval '3 days 30 minutes' WHERE seq = 4",
    )
    now = ledger.clock.now()

    async def between(since: float | None, until: float | None) -> list[int]:
        times = [None if days is None else now - timedelta(days=days) for days in (since, until)]
        page = await Trail(ledger, Path("nowhere")).page(Search(since=times[0], until=times[1]))
        return [row.seq for row in page.rows]

    assert await between(5, None) == [6, 5, 4, 3]
    assert await between(None, 5) == [2, 1]
    assert await between(5, 1) == [5, 4, 3]
    assert await between(3.01, 1) == [5, 3], "the row between them was written while the clock was set back"
    assert await between(None, 3.01) == [4, 2, 1]
    assert await between(20, 11) == []


async def test_pages_join_without_a_gap(ledger: Ledger) -> None:
    """However small pages are and however little is looked at in one go, all is found once."""
    for wanted, seqs in ((Search(), [6, 5, 4, 3, 2, 1]), (Search(words="пацієнт"), [6, 1])):
        for rows_max, looked_max in ((1, 1), (2, 3), (6, 6), (7, 2)):
            got: list[int] = []
            before: int | None = None
            for _ in range(20):
                async with ledger.transaction() as connection:
                    piece = await search(connection, wanted, before, rows_max, looked_max)
                assert len(piece.rows) <= min(rows_max, looked_max)
                got += [row.seq for row in piece.rows]
                before = piece.before
                if before is None:
                    break
            assert (got, before) == (seqs, None), (rows_max, looked_max)
    assert [row.seq async for row in Trail(ledger, Path("nowhere")).every(Search(actor="person:o.koval"))] == [5, 2, 1]


async def test_a_file_ends_at_its_limit(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more rows are taken out than that."""
    monkeypatch.setattr(trail, "EXPORTED_MAX", 4)
    assert [row.seq async for row in Trail(ledger, Path("nowhere")).every(Search())] == [6, 5, 4, 3]


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"actor": "+380000000001"}, "/trail_actor"),
        ({"subject": "patient:0000000001"}, "/trail_subject"),
        ({"subject": "notification:" + "x" * 120}, "/trail_subject"),
        ({"action": "nothing"}, "/trail_action"),
        ({"from": "yesterday"}, "/trail_from"),
        ({"to": "2026-02-30T10:00"}, "/trail_to"),
        ({"words": "0671234567"}, "/trail_words"),
        ({"words": "x" * 101}, "/trail_words"),
    ],
)
def test_what_cannot_be_asked(asked: dict[str, str], pointer: str) -> None:
    """Each field that cannot be read is named; nothing personal is searched for, as nothing personal is there."""
    with pytest.raises(InvalidInput) as refused:
        read_search(asked)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


async def test_how_the_chain_stands(ledger: Ledger, ledger_dsn: str, tmp_path: Path) -> None:
    """No anchor; a good one; its key not here; one that is old; a row under it that was changed; a forged one."""
    reading = Trail(ledger, tmp_path / "audit-key.pem")
    standing = await reading.standing()
    assert (standing.rows, standing.anchor, standing.unproved, standing.is_old) == (6, None, 6, True)
    await anchors(ledger, tmp_path).make()
    standing = await reading.standing()
    assert (standing.is_signed, standing.fits, standing.is_old, standing.unproved) == (True, True, False, 0)
    assert (await Trail(ledger, Path("nowhere")).standing()).is_signed is None
    touch(ledger_dsn, "UPDATE audit_anchor SET at = at - interval '3 days'", table="audit_anchor")
    standing = await reading.standing()
    assert (standing.is_signed, standing.is_old) == (False, True), "the time is signed too"
    touch(ledger_dsn, "UPDATE audit SET hash = prev WHERE seq = 6")
    assert not (await reading.standing()).fits
    (tmp_path / "audit-key.pem").chmod(0o644)
    assert (await reading.standing()).is_signed is None, "a key that others may read proves nothing"


async def test_looking_over_the_newest_rows(
    ledger: Ledger, ledger_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which rows it looked at, and names what was touched among them; of older ones it says nothing."""
    reading = Trail(ledger, tmp_path / "audit-key.pem")
    checked = await reading.check()
    assert (checked.first, checked.last, checked.anchors, checked.found, checked.is_whole) == (1, 6, 0, None, True)
    await anchors(ledger, tmp_path).make()
    assert (await reading.check()).anchors == 1
    assert (await Trail(ledger, Path("nowhere")).check()).unsigned == 1
    monkeypatch.setattr(trail, "CHECKED_MAX", 3)
    touch(ledger_dsn, "UPDATE audit SET why = 'another' WHERE seq = 2")
    checked = await reading.check()
    assert (checked.first, checked.last, checked.found, checked.is_whole) == (4, 6, None, False)
    touch(ledger_dsn, "UPDATE audit SET why = 'another' WHERE seq = 5")
    found = (await reading.check()).found
    assert (found and found.seq, found and found.what) == (5, "it is not what was written")
    monkeypatch.setattr(trail, "CHECKED_MAX", 4)
    touch(ledger_dsn, "DELETE FROM audit WHERE seq = 2")
    found = (await reading.check()).found
    assert (found and found.seq, found and found.what) == (2, "it is missing")


async def test_rows_cut_off_and_forged_anchors_are_found(ledger: Ledger, ledger_dsn: str, tmp_path: Path) -> None:
    """Rows that an anchor was signed over are missed; an anchor that the named key did not sign is told."""
    await anchors(ledger, tmp_path).make()
    reading = Trail(ledger, tmp_path / "audit-key.pem")
    touch(ledger_dsn, "DELETE FROM audit WHERE seq = 6")
    found = (await reading.check()).found
    assert found is not None
    assert found.seq == 6
    with psycopg.connect(ledger_dsn) as connection:
        connection.execute("ALTER TABLE audit_anchor DISABLE TRIGGER ALL")
        connection.execute("UPDATE audit_anchor SET at = at - interval '1 day'")
    forged = (await reading.check()).found
    assert forged == Fault(None, "anchor 1 is not signed by the key it names")


async def test_an_empty_audit(ledger_dsn: str) -> None:
    """Nothing is found, nothing is wrong."""
    async with a_ledger(ledger_dsn) as empty:
        reading = Trail(empty, Path("nowhere"))
        assert (await reading.page(Search())).rows == []
        assert (await reading.check()).found is None
        assert [row async for row in reading.every(Search())] == []
