"""Searching the audit for people: a page of rows at a time, bounded whatever the ledger holds.

What belongs here: this SQL. What does not: the chain itself (``audit``), what may be asked (engine).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row

from esoz_notify.core.audit import Entry
from esoz_notify.store.ledger import Connection

_CLOCK_SET_BACK = timedelta(hours=1)
"""Rows stand in the order of their time, but for so much by which the ledger's clock may have been set back."""
_SEQ_MAX = 2**63 - 1
# The number as it stands: a number made of it would be sorted by, and not read in the order of its index.
_ROW = """
SELECT seq, CASE WHEN at BETWEEN '0001-01-02' AND '9999-12-30' THEN at END AS at, actor, action, subject, why, details,
       prev, hash
FROM audit
"""

# By letters and not by a collation: which ones there are hangs on how the database was made.
_CAPITALS = "АБВГҐДЕЄЖЗИІЇЙКЛМНОПРСТУФХЦЧШЩЬЮЯЁЪЫЭ"
_WORDS = f"position(%s IN translate(lower(why), '{_CAPITALS}', '{_CAPITALS.lower()}')) > 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which rows; None means any. ``until`` itself is left out. ``words``: of the reason, in any case of letters."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Rows, newest first, and before which row to look next; None when there is nothing further."""

    rows: Sequence[Entry]
    before: int | None


async def search(connection: Connection, wanted: Search, before: int | None, rows_max: int, looked_max: int) -> Slice:
    """Rows before one, ``rows_max`` at most, out of the newest ``looked_max`` that the best index gives."""
    after, beyond = await _bounds(connection, wanted)
    beyond = beyond if before is None else min(before, beyond)
    indexed, given = "seq > %s AND seq < %s", [after, beyond]
    checks: dict[str, object] = {"actor": wanted.actor, "action": wanted.action, "subject": wanted.subject}
    key = next((name for name in ("subject", "actor", "action") if checks[name] is not None), None)
    if key is not None:
        indexed += f" AND {key} = %s"
    bound = [*given, *([checks.pop(key)] if key is not None else []), looked_max]
    words = None if wanted.words is None else wanted.words.lower()
    conditions = [(f"{name} = %s", value) for name, value in checks.items()]
    conditions += [("at >= %s", wanted.since), ("at < %s", wanted.until), (_WORDS, words)]
    asked = [(text, value) for text, value in conditions if value is not None]
    where = " AND ".join(["true", *(text for text, _ in asked)])
    looked = f"{_ROW} WHERE {indexed} ORDER BY seq DESC LIMIT %s"
    cursor = connection.cursor(row_factory=class_row(Entry))
    await cursor.execute(
        f"SELECT * FROM ({looked}) AS looked WHERE {where} ORDER BY seq DESC LIMIT %s".encode(),
        [*bound, *(value for _, value in asked), rows_max + 1],
    )
    rows = await cursor.fetchall()
    if len(rows) > rows_max:
        return Slice(rows=rows[:rows_max], before=rows[rows_max - 1].seq)
    return Slice(rows=rows, before=await _looked_to(connection, indexed, bound))


async def _looked_to(connection: Connection, indexed: str, bound: Sequence[object]) -> int | None:
    """The last row that was looked at; None when it was the last there is."""
    query = f"SELECT count(*), min(seq) FROM (SELECT seq FROM audit WHERE {indexed} ORDER BY seq DESC LIMIT %s) looked"
    row = await (await connection.execute(query.encode(), bound)).fetchone()
    assert row is not None
    return row[1] if row[0] == bound[-1] else None


async def _bounds(connection: Connection, wanted: Search) -> tuple[int, int]:
    """Between which numbers the rows of a time stand, themselves left out."""
    after, beyond = 0, _SEQ_MAX
    if wanted.since is not None:
        query = "SELECT seq FROM audit WHERE at < %s ORDER BY at DESC LIMIT 1"
        row = await (await connection.execute(query, [wanted.since - _CLOCK_SET_BACK])).fetchone()
        after = row[0] if row else after
    if wanted.until is not None:
        query = "SELECT seq FROM audit WHERE at >= %s ORDER BY at LIMIT 1"
        row = await (await connection.execute(query, [wanted.until + _CLOCK_SET_BACK])).fetchone()
        beyond = row[0] if row else beyond
    return after, beyond
