"""What measurements read of a ledger."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from esoz_notify.store import embedded
from esoz_notify.store.counting import Waiting, counting, drop_database, make_database

AT = datetime(2026, 1, 1, tzinfo=UTC)


def _ids(dsn: str) -> list[UUID]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM notification ORDER BY id").fetchall()]


def test_preloaded_notifications_have_ended(ledger_dsn: str) -> None:
    """Preloaded rows are whole, delivered notifications: nothing of them waits, and their times can be asked."""
    with counting(ledger_dsn) as ledger:
        ledger.preload(20)
        assert ledger.total() == 20
        assert ledger.waiting() == Waiting(codes=0, documents=0, receipts=0)
        assert ledger.waiting().nothing
        assert ledger.know([(one, AT) for one in _ids(ledger_dsn)]) == 20
        assert ledger.statuses() == {"delivered": 20}
        assert ledger.channels() == {"viber": 20}
        assert ledger.submitted() == 20
        assert ledger.handover_ms() == {"p50": 0.0, "p95": 0.0, "p99": 0.0}
        assert ledger.delivered_ms() == {"p50": 2000.0, "p95": 2000.0, "p99": 2000.0}
        assert ledger.fallback_ms() is None
        assert ledger.span_s() == pytest.approx(2 + 19 * 0.02)
        assert ledger.known_ended() == 1.0
        ended_at = ledger.last_end()
        assert ended_at is not None
        assert ended_at < datetime.now(UTC)


def test_preloaded_waiting_ones_wait(ledger_dsn: str) -> None:
    """They are accepted, fall due one after another within the next hour, and the providers they need are held."""
    with counting(ledger_dsn) as ledger:
        ledger.preload_waiting(20)
        ledger.hold(["smsc-a"], by="bench", why="the test waits")
        assert ledger.waiting() == Waiting(codes=0, documents=20, receipts=0)
        ledger.know([(one, AT) for one in _ids(ledger_dsn)])
        assert ledger.statuses() == {"accepted": 20}
        assert (ledger.known_ended(), ledger.last_end()) == (0.0, None)
    with psycopg.connect(ledger_dsn) as connection:
        due = connection.execute(
            "SELECT count(DISTINCT due_at) FROM delivery WHERE due_at BETWEEN now() AND now() + interval '1 hour'"
        ).fetchone()
        held = connection.execute("SELECT provider, held_by FROM provider_health").fetchall()
    assert due == (20,)
    assert held == [("smsc-a", "bench")]


def test_what_is_not_there_is_missing(ledger_dsn: str) -> None:
    """A notification that somebody was promised and that the ledger does not have is told as missing."""
    with counting(ledger_dsn) as ledger:
        assert ledger.know([(uuid4(), AT)]) == 1
        assert ledger.statuses() == {"missing": 1}
        assert ledger.handover_from_request_ms() is None
        assert ledger.span_s() is None
        ledger.preload(1)
        assert ledger.know([(_ids(ledger_dsn)[0], AT)]) == 1
        assert ledger.statuses() == {"delivered": 1}


def test_databases_are_made_and_dropped(pg_server: embedded.RunningPostgres, template_database: str) -> None:
    """A ledger of its own is a copy of the template, and says what it rests on; nothing stays of it."""
    name = f"bench_{uuid4().hex}"
    with counting(make_database(pg_server.dsn, name, template_database)) as ledger:
        assert ledger.total() == 0
        assert ledger.server().version.split(".")[0].isdecimal()
        assert ledger.server().synchronous_commit == "on"
        drop_database(pg_server.dsn, name)
    with psycopg.connect(pg_server.dsn) as connection:
        assert connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None
