"""One-time codes in the ledger: what is kept of each, and how often codes are sent and guessed.

What belongs here: their SQL. What does not: judging a check and a window (``core``), hashing codes (``vault``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from esoz_notify.core.verification import CONFIRMATION_LIFE_S, Issued, Party
from esoz_notify.core.windows import REMEMBERED_S, Seen, Whose, Window
from esoz_notify.store.arrays import packed
from esoz_notify.store.ledger import Connection

CHECKED = "checked"
"""Recorded for a check that is not counted, so that each check writes the same."""

_LOCK_ID = 7_234_010
_ALARMS_SHOWN = 100

WhoseKeys = Mapping[Whose, bytes]
"""Keyed indexes of those by whom acts are counted; who is unknown is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A code as the ledger keeps it. ``keys``: whom it was sent to and who asked for it, its caller left out."""

    id: UUID
    client_id: str
    purpose: str
    entity_id: str
    party: Party
    subject: bytes
    keys: WhoseKeys
    code_hash: bytes = field(repr=False)
    issued: Issued


async def one_sender(connection: Connection) -> None:
    """Wait until no other transaction counts sends, so that no two take the last place of one window."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_ID])


_SEEN_OF = """
(SELECT a.at FROM verification_act a WHERE t.whose = '{whose}' AND a.{whose} = t.key AND a.act = t.act
   AND a.at > t.now - t.span ORDER BY a.at DESC LIMIT t.count_max)
"""
_SEEN = f"""
SELECT t.no, e.count, e.oldest
FROM unnest(%b::int[], %b::text[], %b::text[], %b::bytea[], %b::interval[], %b::bigint[], %b::timestamptz[])
  AS t(no, whose, act, key, span, count_max, now)
CROSS JOIN LATERAL (
  SELECT count(*) AS count, min(at) AS oldest FROM ({" UNION ALL ".join(_SEEN_OF.format(whose=one) for one in Whose)}) x
) e ORDER BY t.no
"""


async def seen(connection: Connection, asked: Sequence[tuple[Window, bytes]], now: datetime) -> list[Seen]:
    """What each window holds for its key, in order: one statement however many are asked about."""
    rows = [
        (no, one.whose.value, one.act.value, key, timedelta(seconds=one.window_s), one.count_max, now)
        for no, (one, key) in enumerate(asked)
    ]
    cursor = await connection.execute(_SEEN, packed(_SEEN, rows))
    return [Seen(count, oldest) for _, count, oldest in await cursor.fetchall()]


_RECORD = """
INSERT INTO verification_act (act, at, patient, phone, doctor, caller)
SELECT * FROM unnest(%b::text[], %b::timestamptz[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[])
"""


async def record(connection: Connection, acts: Sequence[tuple[str, WhoseKeys]], now: datetime) -> None:
    """Count acts."""
    if acts:
        rows = [(act, now, *(keys.get(whose) for whose in Whose)) for act, keys in acts]
        await connection.execute(_RECORD, packed(_RECORD, rows))


_COLUMNS = (
    "id, client_id, purpose, entity_id, party, subject, patient, phone, doctor, code_hash, life_s, attempts_max,"
    " attempts, created_at, verified_at, superseded_at"
)
_ADD = f"""
INSERT INTO verification ({_COLUMNS})
SELECT * FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::bytea[], %b::bytea[],
                     %b::bytea[], %b::bytea[], %b::int[], %b::smallint[], %b::smallint[], %b::timestamptz[],
                     %b::timestamptz[], %b::timestamptz[])
"""
_SUPERSEDE = """
UPDATE verification SET superseded_at = %s
WHERE subject = ANY(%b::bytea[]) AND id <> ALL(%b::uuid[]) AND verified_at IS NULL AND superseded_at IS NULL
RETURNING id
"""


async def add(connection: Connection, rows: Sequence[Kept], now: datetime) -> list[UUID]:
    """Keep new codes, and cancel those that each takes the place of; returns the ids of these."""
    values = [
        (
            row.id,
            row.client_id,
            row.purpose,
            row.entity_id,
            row.party.value,
            row.subject,
            *(row.keys.get(whose) for whose in (Whose.PATIENT, Whose.PHONE, Whose.DOCTOR)),
            row.code_hash,
            row.issued.life_s,
            row.issued.attempts_max,
            row.issued.attempts,
            row.issued.created_at,
            row.issued.verified_at,
            row.issued.superseded_at,
        )
        for row in rows
    ]
    await connection.execute(_ADD, packed(_ADD, values))
    cursor = await connection.execute(_SUPERSEDE, [now, [row.subject for row in rows], [row.id for row in rows]])
    return [row[0] for row in await cursor.fetchall()]


_ONE = f"""
SELECT {_COLUMNS}, (SELECT max(called_at) FROM attempt WHERE notification_id = v.id)
FROM verification v WHERE id = %s AND client_id = %s
"""


async def one(connection: Connection, verification_id: UUID, client_id: str) -> Kept | None:
    """A caller's code by its id."""
    row = await (await connection.execute(_ONE, [verification_id, client_id])).fetchone()
    return _kept(row) if row else None


async def lock(connection: Connection, verification_id: UUID, client_id: str) -> Kept | None:
    """The same, and nobody else judges it until this transaction ends."""
    row = await (await connection.execute(f"{_ONE} FOR UPDATE OF v", [verification_id, client_id])).fetchone()
    return _kept(row) if row else None


_CONCLUDE = """
WITH judged AS (
  UPDATE verification SET attempts = attempts + %s, verified_at = CASE WHEN %s THEN %s::timestamptz END
  WHERE id = %s AND %s > 0
)
INSERT INTO verification_act (act, at, patient, phone, doctor, caller) VALUES (%s, %s, %s, %s, %s, %s)
"""


async def conclude(  # noqa: PLR0913 - the parts of one statement
    connection: Connection,
    verification_id: UUID,
    *,
    attempts: int,
    verified: bool,
    act: str,
    keys: WhoseKeys,
    now: datetime,
) -> None:
    """Record what a check came to: ``attempts`` spent, 1 or 0. One statement and one new row in every case."""
    values = [attempts, verified, now, verification_id, attempts, act, now, *(keys.get(whose) for whose in Whose)]
    await connection.execute(_CONCLUDE, values)


async def latest(connection: Connection, subject: bytes) -> UUID | None:
    """The newest code for a subject."""
    cursor = await connection.execute(
        "SELECT id FROM verification WHERE subject = %s ORDER BY created_at DESC, id DESC LIMIT 1", [subject]
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def verified(connection: Connection, subjects: Collection[bytes], now: datetime) -> set[bytes]:
    """Those of the subjects that were confirmed, not too long ago."""
    cursor = await connection.execute(
        "SELECT DISTINCT subject FROM verification WHERE subject = ANY(%b::bytea[]) AND verified_at > %s",
        [list(subjects), now - timedelta(seconds=CONFIRMATION_LIFE_S)],
    )
    return {bytes(row[0]) for row in await cursor.fetchall()}


async def unrequested(connection: Connection, phones: Collection[bytes], since: datetime) -> dict[bytes, int]:
    """How many codes went to each phone since then that nobody told rightly."""
    cursor = await connection.execute(
        "SELECT phone, count(*) FROM verification WHERE phone = ANY(%b::bytea[]) AND created_at > %s"
        " AND verified_at IS NULL GROUP BY phone",
        [list(phones), since],
    )
    return {bytes(phone): count for phone, count in await cursor.fetchall()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One person gets many codes that nobody uses. ``verification_id``: the last of them, made by ``client_id``."""

    at: datetime
    client_id: str
    verification_id: UUID
    unrequested: int


_RAISE = """
INSERT INTO verification_alarm (at, client_id, verification_id, unrequested)
SELECT * FROM unnest(%b::timestamptz[], %b::text[], %b::uuid[], %b::int[])
"""


async def raise_alarms(connection: Connection, alarms: Sequence[Alarm]) -> None:
    """Write alarms down for good."""
    if alarms:
        rows = [(one.at, one.client_id, one.verification_id, one.unrequested) for one in alarms]
        await connection.execute(_RAISE, packed(_RAISE, rows))


async def alarms(connection: Connection) -> list[Alarm]:
    """The last alarms, newest first."""
    cursor = await connection.execute(
        "SELECT at, client_id, verification_id, unrequested FROM verification_alarm ORDER BY id DESC LIMIT %s",
        [_ALARMS_SHOWN],
    )
    names = ("at", "client_id", "verification_id", "unrequested")
    return [Alarm(**dict(zip(names, row, strict=True))) for row in await cursor.fetchall()]


async def prove_phone(connection: Connection, phone: bytes, now: datetime) -> None:
    """Remember that a phone's owner told a code rightly."""
    await connection.execute(
        "INSERT INTO verified_phone (phone, verified_at) VALUES (%s, %s)"
        " ON CONFLICT (phone) DO UPDATE SET verified_at = excluded.verified_at",
        [phone, now],
    )


async def is_proved(connection: Connection, phone: bytes) -> bool:
    """Whether a phone's owner ever told a code rightly."""
    cursor = await connection.execute("SELECT 1 FROM verified_phone WHERE phone = %s", [phone])
    return await cursor.fetchone() is not None


async def forget(connection: Connection) -> None:
    """Janitor: acts that no window reaches any more, and codes that are long over."""
    await connection.execute(
        "DELETE FROM verification_act WHERE at < ledger_now() - make_interval(secs => %s)", [REMEMBERED_S]
    )
    await connection.execute(
        "DELETE FROM verification WHERE greatest(created_at, verified_at) < ledger_now() - make_interval(secs => %s)",
        [CONFIRMATION_LIFE_S],
    )


def _kept(row: tuple[Any, ...]) -> Kept:
    keys = zip((Whose.PATIENT, Whose.PHONE, Whose.DOCTOR), row[6:9], strict=True)
    life_s, attempts_max, attempts, created_at, verified_at, superseded_at, handed_over_at = row[10:]
    return Kept(
        id=row[0],
        client_id=row[1],
        purpose=row[2],
        entity_id=row[3],
        party=Party(row[4]),
        subject=bytes(row[5]),
        keys={whose: bytes(key) for whose, key in keys if key is not None},
        code_hash=bytes(row[9]),
        issued=Issued(
            life_s=life_s,
            attempts_max=attempts_max,
            attempts=attempts,
            created_at=created_at,
            verified_at=verified_at,
            superseded_at=superseded_at,
            handed_over_at=handed_over_at,
        ),
    )
