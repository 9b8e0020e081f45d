"""Callers on the command line, against a real ledger."""

import stat
from pathlib import Path

from tests.cli.commands import run

SCOPES = ("--scope", "notifications:write", "--scope", "notifications:read")


def test_a_caller_from_first_to_last(tmp_path: Path, ledger_dsn: str) -> None:
    """Create, rotate, disable and list; the secret is told once and never listed."""
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "data")}
    made = run("clients", "create", "mis-1", "--name", "Hospital [1]", *SCOPES, "--json", folder=tmp_path, **where)
    assert (made.code, made.json["client_id"]) == (0, "mis-1")
    rotated = run("clients", "rotate", "mis-1", "--json", folder=tmp_path, **where)
    assert rotated.json["client_secret"] != made.json["client_secret"]
    assert run("clients", "disable", "mis-1", "--json", folder=tmp_path, **where).json["disabled"] is True
    listed = run("clients", "list", "--json", folder=tmp_path, **where)
    assert [(one["id"], one["name"], one["scopes"]) for one in listed.json["clients"]] == [
        ("mis-1", "Hospital [1]", ["notifications:write", "notifications:read"])
    ]
    assert listed.json["clients"][0]["disabled_at"] is not None
    shown = run("clients", "list", folder=tmp_path, **where)
    assert "Hospital [1]" in shown.out
    assert rotated.json["client_secret"] not in listed.out + shown.out
    assert stat.S_IMODE((tmp_path / "data" / "keys.json").stat().st_mode) == 0o600


def test_mistakes_have_their_exit_codes(tmp_path: Path, ledger_dsn: str) -> None:
    """A wrong id or scope is a wrong call (2); an unknown or a taken id is work that failed (1)."""
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "data")}
    wrong = run("clients", "create", "MIS 1", "--name", "x", "--scope", "everything", folder=tmp_path, **where)
    assert (wrong.code, wrong.out) == (2, "")
    assert "/id" in wrong.err
    assert "/scopes" in wrong.err
    assert run("clients", "disable", "nobody", folder=tmp_path, **where).code == 1
    shown = run("clients", "create", "mis-1", "--name", "x", *SCOPES, folder=tmp_path, **where)
    assert (shown.code, shown.out.startswith("client_id      mis-1\nclient_secret  esoz_sk_")) == (0, True)
    assert run("clients", "create", "mis-1", "--name", "x", *SCOPES, folder=tmp_path, **where).code == 1


def test_a_ledger_that_is_away(tmp_path: Path) -> None:
    """One sentence, no traceback."""
    done = run("clients", "list", folder=tmp_path, dsn="postgresql://127.0.0.1:1/ledger")
    assert (done.code, done.out, "Traceback" in done.err) == (1, "", False)
    assert "does not answer" in done.err
