"""What a measurement reads of a ledger, and the ledgers it makes for that: databases of its own in a throw-away server.

What belongs here: SQL for counts, times and synthetic rows; nothing of it runs in the product. What does not: judging
the figures (``bench``).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

Spread = dict[str, float]
"""Milliseconds by ``p50``, ``p95`` and ``p99``."""

_RANKS = (50, 95, 99)


def make_database(dsn: str, name: str, template: str | None = None) -> str:
    """Make a database, a copy of ``template`` if given (nobody may be connected to that); gives its DSN."""
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)
    return make_conninfo(dsn, dbname=name)


def drop_database(dsn: str, name: str) -> None:
    """Drop a database, whoever is still connected to it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def allow_connections(dsn: str, name: str, *, allowed: bool) -> None:
    """Have a database take connections, or none, and drop those that there are then."""
    statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.format(sql.Identifier(name), sql.Literal(allowed)))
        if not allowed:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What durability and comparability rest on."""

    version: str
    fsync: str
    synchronous_commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How much is open in a ledger. ``receipts``: in the inbox, known to belong to something."""

    codes: int
    documents: int
    receipts: int

    @property
    def nothing(self) -> bool:
        """Whether everything is over."""
        return not (self.codes or self.documents or self.receipts)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """``mb``: of the table with its indexes; ``live`` and ``dead``: rows, as PostgreSQL's statistics have them."""

    mb: float
    live: int
    dead: int


class Counter:
    """One connection that looks into a ledger. ``know`` names the notifications that the other questions are about."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def _row(self, statement: str) -> tuple[Any, ...]:
        row = self._connection.execute(statement.encode()).fetchone()
        assert row is not None
        return tuple(row)

    def server(self) -> ServerFacts:
        """What the server says of itself."""
        names = ("server_version", "fsync", "synchronous_commit")
        version, fsync, commit = (self._row(f"SHOW {name}")[0] for name in names)
        return ServerFacts(version=version.split()[0], fsync=fsync, synchronous_commit=commit)

    def know(self, sent: Iterable[tuple[UUID, datetime]]) -> int:
        """Take note of notifications and of when each was asked for; gives how many they are."""
        self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS sent (id uuid PRIMARY KEY, at timestamptz NOT NULL)")
        self._connection.execute("TRUNCATE sent")
        with self._connection.cursor() as cursor, cursor.copy("COPY sent (id, at) FROM STDIN") as copy:
            for one in sent:
                copy.write_row(one)
        self._connection.execute("ANALYZE sent")
        count: int = self._row("SELECT count(*) FROM sent")[0]
        return count

    def waiting(self) -> Waiting:
        """What is not over yet, in the whole ledger; ended rows that only wait for their code's erasure are over."""
        codes, documents, receipts = self._row(_WAITING)
        return Waiting(codes=codes, documents=documents, receipts=receipts)

    def wal_bytes(self) -> int:
        """What the server has written to its log since it was made."""
        written: int = self._row("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")[0]
        return written

    def size_bytes(self) -> int:
        """What the ledger takes on the disk, indexes and room for changes included."""
        size: int = self._row("SELECT pg_database_size(current_database())")[0]
        return size

    def tuned_tables(self) -> list[str]:
        """Tables whose rows change or leave: those with settings of their own for autovacuum."""
        return [name for (name,) in self._connection.execute(_TUNED_TABLES).fetchall()]

    def table_sizes(self, names: list[str]) -> dict[str, TableSize]:
        """How big these tables are."""
        rows = self._connection.execute(_TABLE_SIZES, [names]).fetchall()
        return {name: TableSize(mb=round(size / 1e6, 1), live=live, dead=dead) for name, size, live, dead in rows}

    def erased(self) -> int:
        """How many notifications were delivered and their codes erased afterwards: nothing is left to be done."""
        count: int = self._row(
            "SELECT count(*) FROM delivery WHERE status = 'delivered' AND erased AND due_at IS NULL"
        )[0]
        return count

    def index_mb(self, name: str) -> float:
        """How big an index is."""
        size = self._connection.execute("SELECT pg_relation_size(%s::regclass) / 1e6::float8", [name]).fetchone()
        assert size is not None
        return round(float(size[0]), 1)

    def vacuum_as_any_other(self) -> None:
        """Take the settings for autovacuum from every table that has its own: the server's count for all."""
        for name in self.tuned_tables():
            words = sql.SQL(", ").join(sql.SQL(one) for one in _OWN_SETTINGS)
            self._connection.execute(sql.SQL("ALTER TABLE {} RESET ({})").format(sql.Identifier(name), words))

    def total(self) -> int:
        """All notifications in the ledger."""
        count: int = self._row("SELECT count(*) FROM notification")[0]
        return count

    def known_ended(self) -> float:
        """The share of the known notifications that is over, 0 to 1."""
        return float(self._row(_KNOWN_ENDED)[0])

    def last_end(self) -> datetime | None:
        """When the last of the known notifications ended; None before one did."""
        moment: datetime | None = self._row(_LAST_END)[0]
        return moment

    def statuses(self) -> dict[str, int]:
        """How many of the known notifications have which status; those that are not there are ``missing``."""
        return dict(self._connection.execute(_STATUSES).fetchall())

    def channels(self) -> dict[str, int]:
        """How many attempts for the known notifications providers took, by channel."""
        return dict(self._connection.execute(_CHANNELS).fetchall())

    def submitted(self) -> int:
        """How many of the known notifications some provider has taken."""
        count: int = self._row(_SUBMITTED)[0]
        return count

    def span_s(self) -> float | None:
        """From the first known notification's acceptance to the end of the last, in seconds; None before one ended."""
        seconds = self._row(_SPAN)[0]
        return None if seconds is None else float(seconds)

    def handover_ms(self) -> Spread | None:
        """From acceptance to the first provider's reply as recorded."""
        return self._spread(_SUBMITTED_SINCE.format(beginning="d.accepted_at"))

    def handover_from_request_ms(self) -> Spread | None:
        """From the moment the request was sent to the same reply; the sender's clock is this machine's."""
        return self._spread(_SUBMITTED_SINCE.format(beginning="sent.at"))

    def delivered_ms(self) -> Spread | None:
        """From acceptance to the proof of delivery."""
        return self._spread(_DELIVERED)

    def delivered_after_ms(self, moment: datetime) -> Spread | None:
        """From ``moment`` to the proof of delivery."""
        return self._spread(_DELIVERED_AFTER, [moment])

    def fallback_ms(self) -> Spread | None:
        """From the first attempt's negative receipt, as the history has it, to the next provider's recorded reply."""
        return self._spread(_FALLBACK)

    def _spread(self, durations: str, parameters: list[Any] | None = None) -> Spread | None:
        """Percentiles of a query of durations; None when it gives none."""
        percentiles = ", ".join(
            f"percentile_disc({rank / 100}) WITHIN GROUP (ORDER BY extract(epoch FROM took) * 1000)" for rank in _RANKS
        )
        statement = f"SELECT {percentiles} FROM ({durations}) AS t(took)"
        row = self._connection.execute(statement.encode(), parameters).fetchone()
        assert row is not None
        if row[0] is None:
            return None
        return {f"p{rank}": round(float(value), 3) for rank, value in zip(_RANKS, row, strict=True)}

    def preload(self, count: int) -> None:
        """Put ``count`` ended notifications of last month into the ledger, as large as real ones, and analyse it.

        All rows first and their indexes afterwards, which is almost twice as fast; nobody else can use it meanwhile.
        """
        with self._connection.transaction():
            self._connection.execute("SET LOCAL maintenance_work_mem = '512MB'")
            indexes = self._connection.execute(_INDEXES.encode()).fetchall()
            for drop, _ in indexes:
                self._connection.execute(drop)
            self._fill(_PRELOAD_ENDED, {"count": count, "before": "30 days", "gap": "20 milliseconds"})
            for _, make in indexes:
                self._connection.execute(make)
        self._settle()

    def preload_waiting(self, count: int) -> None:
        """Put in ``count`` accepted ones that are to go by SMS and fall due evenly within the next hour.

        Their sealed fields cannot be opened: nothing must have them sent (``hold``).
        """
        with self._connection.transaction():
            self._fill(_PRELOAD_WAITING, {"count": count, "before": "2 hours", "gap": "1 millisecond"})
        self._settle()

    def _fill(self, statements: Iterable[str], parameters: dict[str, object]) -> None:
        for statement in statements:
            self._connection.execute(statement.encode(), parameters)

    def _settle(self) -> None:
        """What would be done sooner or later is not to be done while something is measured."""
        self._connection.execute("VACUUM (ANALYZE)")
        self._connection.execute("CHECKPOINT")

    def hold(self, providers: Iterable[str], *, by: str, why: str) -> None:
        """Have providers held from the start, as an operator does."""
        self._connection.execute(_HOLD.encode(), [by, why, list(providers)])


@contextmanager
def counting(dsn: str) -> Iterator[Counter]:
    """A counter on a connection of its own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        # The agenda's partial index has the rows of this run only; tables may hold millions besides.
        connection.execute("SET enable_seqscan = off")
        yield Counter(connection)


_OWN_SETTINGS = (
    "autovacuum_vacuum_scale_factor",
    "autovacuum_vacuum_threshold",
    "autovacuum_vacuum_cost_delay",
    "vacuum_truncate",
)
_TUNED_TABLES = """
SELECT relname FROM pg_class WHERE relkind = 'r' AND reloptions::text LIKE '%autovacuum%' ORDER BY relname
"""
_TABLE_SIZES = """
SELECT relname, pg_total_relation_size(relid), n_live_tup, n_dead_tup FROM pg_stat_user_tables
WHERE relname = ANY(%s) ORDER BY relname
"""
_WAITING = """
SELECT count(*) FILTER (WHERE lane = 'codes'), count(*) FILTER (WHERE lane = 'documents'),
       (SELECT count(*) FROM receipt_inbox WHERE NOT orphan)
FROM delivery WHERE due_at IS NOT NULL AND ended_at IS NULL
"""
_STATUSES = """
SELECT coalesce(d.status, 'missing'), count(*)
FROM sent LEFT JOIN delivery d ON d.notification_id = sent.id GROUP BY 1 ORDER BY 1
"""
_KNOWN_ENDED = """
SELECT count(d.ended_at) / greatest(count(*), 1)::float8
FROM sent LEFT JOIN delivery d ON d.notification_id = sent.id
"""
_LAST_END = """
SELECT max(d.ended_at) FROM sent JOIN delivery d ON d.notification_id = sent.id
"""
_CHANNELS = """
SELECT a.channel, count(*) FROM sent JOIN attempt a ON a.notification_id = sent.id
WHERE a.submitted_at IS NOT NULL GROUP BY 1 ORDER BY 1
"""
_SUBMITTED = """
SELECT count(DISTINCT sent.id) FROM sent JOIN attempt a ON a.notification_id = sent.id
WHERE a.submitted_at IS NOT NULL
"""
_SPAN = """
SELECT extract(epoch FROM max(d.ended_at) - min(d.accepted_at))
FROM sent JOIN delivery d ON d.notification_id = sent.id
"""
_SUBMITTED_SINCE = """
SELECT a.at - {beginning} FROM sent JOIN delivery d ON d.notification_id = sent.id
CROSS JOIN LATERAL (SELECT min(submitted_at) FROM attempt WHERE notification_id = sent.id) AS a(at)
WHERE a.at IS NOT NULL
"""
_DELIVERED = """
SELECT d.ended_at - d.accepted_at FROM sent JOIN delivery d ON d.notification_id = sent.id
WHERE d.status = 'delivered'
"""
_DELIVERED_AFTER = """
SELECT d.ended_at - %s FROM sent JOIN delivery d ON d.notification_id = sent.id WHERE d.status = 'delivered'
"""
_FALLBACK = """
SELECT taken.at - refused.at FROM sent
CROSS JOIN LATERAL (
  SELECT min(at) FROM history
  WHERE notification_id = sent.id AND fact = 'PartReported' AND (record ->> 'no')::int = 0
) AS refused(at)
CROSS JOIN LATERAL (
  SELECT min(at) FROM history
  WHERE notification_id = sent.id AND fact = 'AttemptAccepted' AND (record ->> 'no')::int > 0
) AS taken(at)
WHERE taken.at IS NOT NULL AND refused.at IS NOT NULL
"""

_OLD = """
SELECT n, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n), 19, '8'))::uuid, at
FROM (SELECT n, now() - %(before)s::interval + n * %(gap)s::interval FROM generate_series(1, %(count)s) AS n)
AS t(n, at)
"""
"""A number, an id and a time per synthetic row; ids are UUIDv7 of those times, so new ones come after them."""

_SEALED = "decode(md5('{0}' || n) || md5('{0}' || -n) || md5('{0}!' || n), 'hex')"

_INDEXES = """
SELECT CASE WHEN con.oid IS NULL THEN format('DROP INDEX %I', i.relname)
       ELSE format('ALTER TABLE %I DROP CONSTRAINT %I', t.relname, con.conname) END,
       CASE WHEN con.oid IS NULL THEN pg_get_indexdef(i.oid)
       ELSE format('ALTER TABLE %I ADD CONSTRAINT %I %s', t.relname, con.conname, pg_get_constraintdef(con.oid)) END
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
LEFT JOIN pg_constraint con ON con.conindid = i.oid AND con.contype IN ('p', 'u')
WHERE t.relnamespace = 'public'::regnamespace
  AND NOT i.relispartition
  AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.conindid = i.oid AND f.contype = 'f')
ORDER BY i.relname
"""
"""Statements that drop each index of the ledger and make it again as it was; one that a foreign key needs stays."""

_HOLD = """
INSERT INTO provider_health (provider, held_by, held_why, held_at)
SELECT provider, %s, %s, ledger_now() FROM unnest(%s::text[]) AS provider
"""

_PRELOAD = (
    f"""
    CREATE TEMP TABLE old ON COMMIT DROP AS SELECT * FROM ({_OLD}) AS t(n, id, at)
    """,
    """
    INSERT INTO notification (id, client_id, kind, reference, patient_id, language, policy, phone_index, recipient,
                              traceparent, created_at, first_status)
    SELECT id, 'preloaded', 'prescription_issued', NULL, NULL, 'uk', '2025-09-10', decode(md5(n::text), 'hex'),
           '{"method": null, "relation": "self", "phone": "+38000*****00", "notes": [], "skipped": [],
             "code_ground": null, "method_id": null}', NULL, at, 'accepted'
    FROM old
    """,
    f"""
    INSERT INTO content (notification_id, phone, data)
    SELECT id, {_SEALED.format("phone")}, {_SEALED.format("data")} FROM old
    """,
    """
    INSERT INTO idempotency (client_id, key, fingerprint, notification_id, created_at)
    SELECT 'preloaded', 'old-' || n, decode(md5(n::text), 'hex'), id, at FROM old
    """,
)
"""What accepted ones have in common."""

_PRELOAD_WAITING = (
    *_PRELOAD,
    """
    INSERT INTO delivery (notification_id, lane, status, route, has_code, is_code, accepted_at, valid_until, due_at)
    SELECT id, 'documents', 'accepted', 'sms', true, false, at, now() + interval '1 day',
           now() + n * (interval '1 hour' / %(count)s)
    FROM old
    """,
)

_PRELOAD_ENDED = (
    *_PRELOAD,
    """
    INSERT INTO delivery (notification_id, lane, status, route, step, version, has_code, is_code, erased, accepted_at,
                          valid_until, ended_at)
    SELECT id, 'documents', 'delivered', 'viber:90,sms', 0, 4, true, false, true, at, at + interval '1 day',
           at + interval '2 seconds'
    FROM old
    """,
    """
    INSERT INTO attempt (notification_id, no, step, channel, provider, recovery, outcome, calls, parts, started_at,
                         called_at, submitted_at, ended_at)
    SELECT id, 0, 0, 'viber', 'preloaded', 'same_key', 'delivered', 1, 'delivered', at, at, at,
           at + interval '2 seconds'
    FROM old
    """,
    """
    INSERT INTO provider_message (provider, provider_message_id, notification_id, attempt_no, part, at)
    SELECT 'preloaded', id || '.0', id, 0, 0, at FROM old
    """,
    f"""
    INSERT INTO receipt (id, provider, received_at, raw) SELECT id, 'preloaded', at, {_SEALED.format("raw")} FROM old
    """,
    """
    INSERT INTO history (notification_id, seq, at, fact, record)
    SELECT id, seq, at, fact, record FROM old CROSS JOIN (VALUES
      (1, 'AttemptStarted', '{"no": 0, "step": 0, "channel": "viber", "provider": "preloaded"}'::jsonb),
      (2, 'AttemptAccepted', '{"no": 0, "part_count": 1}'::jsonb),
      (3, 'PartReported', '{"no": 0, "part": 0, "state": "delivered"}'::jsonb),
      (4, 'Ended', '{"status": "delivered", "because": "proved"}'::jsonb)) AS fact(seq, fact, record)
    """,
)
