"""Erasing what is over its time, on the command line."""

from pathlib import Path

import psycopg
from tests.cli.commands import run


def test_it_shows_first_and_erases_when_told(tmp_path: Path, ledger_dsn: str) -> None:
    """Without --yes nothing goes; with it the table tells what was there, what went and the oldest that is left."""
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "data"), "keep_days": "idempotency=2"}
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        for days in range(1, 6):
            connection.execute(
                "INSERT INTO idempotency (client_id, key, fingerprint, notification_id, created_at)"
                " VALUES ('c', %s, 'f', gen_random_uuid(), now() - make_interval(days => %s) + interval '1 hour')",
                [str(days), days],
            )
    dry = run("purge", "--json", folder=tmp_path, **where)
    shown = {one["class"]: one for one in dry.json["classes"]}["idempotency"]
    assert (dry.code, dry.json["purged"], shown["there"], shown["over"], shown["gone"]) == (0, False, 5, 3, 0)
    told = run("purge", folder=tmp_path, **where)
    assert "nothing was erased; with --yes it is" in told.out
    done = run("purge", "--yes", "--json", folder=tmp_path, **where)
    after = {one["class"]: one for one in done.json["classes"]}["idempotency"]
    assert (after["there"], after["gone"], after["left"]) == (5, 3, 2)
    assert after["oldest_left"] > shown["oldest_left"]
    again = run("purge", "--yes", folder=tmp_path, **where)
    line = next(line for line in again.out.splitlines() if line.strip().startswith("idempotency"))
    assert line.split()[1:4] == ["2", "2", "0"]


def test_a_wrong_age_is_a_wrong_call(tmp_path: Path, ledger_dsn: str) -> None:
    """A class that there is not is refused before anything is looked at."""
    wrong = run("purge", "--yes", folder=tmp_path, dsn=ledger_dsn, keep_days="texts=1")
    assert (wrong.code, "texts is no class of data" in wrong.err) == (2, True)
