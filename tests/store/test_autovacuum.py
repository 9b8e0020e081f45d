"""Tables whose rows change or leave by the thousand are vacuumed before what is dead in them outgrows what lives."""

import psycopg

CHANGING = {"delivery", "attempt", "content", "idempotency", "verification", "verification_act", "webhook_event"}
QUEUES = {"receipt_inbox", "poll", "callback_seen", "quota"}


def test_hot_tables_have_their_own_settings(ledger_dsn: str) -> None:
    """At most a fiftieth of a table is dead, in a queue a number of rows; a queue's file is never cut under a lock."""
    with psycopg.connect(ledger_dsn) as connection:
        rows = connection.execute("SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL").fetchall()
    known = {name: dict(one.split("=") for one in options) for name, options in rows}
    for name in CHANGING | {"webhook_delivery"}:
        assert float(known[name]["autovacuum_vacuum_scale_factor"]) <= 0.02, name
    for name in QUEUES:
        assert float(known[name]["autovacuum_vacuum_scale_factor"]) == 0, name
        assert int(known[name]["autovacuum_vacuum_threshold"]) <= 5000, name
        assert known[name]["vacuum_truncate"] == "off", name
