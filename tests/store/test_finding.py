"""Looking for notifications costs so many rows and no more, whatever is asked of a big ledger."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import finding
from esoz_notify.store.counting import counting
from esoz_notify.store.finding import Wanted
from esoz_notify.store.ledger import Connection

HELD, LOOKED_MAX, COUNT_MAX = 3_000, 100, 20
_READ = """
SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0) FROM pg_stat_xact_user_tables
WHERE relname IN ('notification', 'delivery', 'attempt')
"""
_PER_ROW = 4
"""Three tables are looked into for a row, and its id once more to learn where the look ended."""


@pytest.fixture
async def ledger(ledger_dsn: str) -> AsyncIterator[Ledger]:
    """A ledger with HELD delivered ones."""
    with counting(ledger_dsn) as counter:
        counter.preload(HELD)
    opened = Ledger(ledger_dsn, LedgerClock())
    await opened.open()
    yield opened
    await opened.close()


async def read(connection: Connection) -> int:
    """How many rows this connection has read so far."""
    row = await (await connection.execute(_READ.encode())).fetchone()
    assert row is not None
    return int(row[0])


CASES = (
    (Wanted(), COUNT_MAX, True),
    (Wanted(statuses=("delivered",), client_id="preloaded", channel="viber"), COUNT_MAX, True),
    (Wanted(kind="referral_issued"), 0, False),
    (Wanted(kind="referral_issued", client_id="preloaded"), 0, False),
    (Wanted(channel="sms", lane="documents"), 0, False),
    (Wanted(channel="print"), 0, False),
    (Wanted(longer_than=timedelta(minutes=1)), 0, False),
    (Wanted(statuses=("expired",)), 0, False),
    (Wanted(statuses=("undelivered",)), 0, True),
    (Wanted(client_id="nobody"), 0, True),
)
"""What is wanted, how many are found in one look, and whether it came to the end or to a full page."""


@pytest.mark.parametrize("upwards", [False, True])
async def test_a_look_is_bounded(ledger: Ledger, upwards: bool) -> None:
    """Also when nothing fits, and when the plan is made for any value; it says where it stopped."""
    for case in CASES * 7:
        wanted, count, ends = case
        async with ledger.transaction() as connection:
            before = await read(connection)
            rows, end = await finding.look(connection, wanted, COUNT_MAX, LOOKED_MAX, upwards=upwards)
            assert await read(connection) - before <= _PER_ROW * LOOKED_MAX, wanted
        assert (len(rows), end is None) == (count, ends), wanted
        ids = [one.id for one in rows]
        assert ids == sorted(ids, reverse=not upwards)


async def test_looks_go_on_to_the_end(ledger: Ledger) -> None:
    """Each goes on where the one before stopped, until all were looked at once."""
    below: UUID | None = None
    looks = 0
    async with ledger.transaction() as connection:
        while True:
            wanted = Wanted(kind="referral_issued", below=below)
            _, below = await finding.look(connection, wanted, COUNT_MAX, LOOKED_MAX)
            if below is None:
                break
            looks += 1
    assert looks == HELD // LOOKED_MAX


async def test_a_search_is_bounded(ledger: Ledger) -> None:
    """What thousands have in common, as a reference, is not read through for one page."""
    async with ledger.transaction() as connection:
        await connection.execute("INSERT INTO client (id, name, scopes) VALUES ('preloaded', 'Any', '{}')")
        await connection.execute("ALTER TABLE notification DISABLE TRIGGER notification_insert_only")
        await connection.execute(
            "UPDATE notification SET reference = 'all', number_index = '\\x00', phone_index = '\\x00'"
        )
    clues = (("reference", "all"), ("number", b"\x00"), ("phone", b"\x00"), ("reference", "none"), ("number", b"\x01"))
    for what, clue in clues:
        async with ledger.transaction() as connection:
            before = await read(connection)
            rows = await finding.by_clue(connection, what, clue, COUNT_MAX)
            assert len(rows) == (0 if clue in {"none", b"\x01"} else COUNT_MAX)
            assert await read(connection) - before <= finding.SAME_REFERENCE_MAX + _PER_ROW * COUNT_MAX
