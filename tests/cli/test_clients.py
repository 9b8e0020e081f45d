"""Callers on the command line, against a real ledger."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.commands import run
from tests.engine.key_pairs import pair

SCOPES = ("--scope", "notifications:write", "--scope", "notifications:read")


def test_a_caller_from_first_to_last(tmp_path: Path, ledger_dsn: str) -> None:
    """Create, rotate, disable and list; the secret is told once and never listed."""
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "data")}
    made = run("clients", "create", "mis-1", "--name", "Hospital [1]", *SCOPES, "--json", folder=tmp_path, **where)
    assert (made.code, made.json["client_id"]) == (0, "mis-1")
    rotated = run("clients", "rotate", "mis-1", "--json", folder=tmp_path, **where)
    assert rotated.json["client_secret"] != made.json["client_secret"]
    ended = run("clients", "end-old", "mis-1", "--json", folder=tmp_path, **where)
    assert ended.json == {"id": "mis-1", "old_secret": "ended"}
    assert run("clients", "end-old", "mis-1", folder=tmp_path, **where).code == 1, "there is none any more"
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


def test_changing_over(tmp_path: Path, ledger_dsn: str) -> None:
    """Two secrets with their ends, keys from a file, and the bond to a certificate are listed; nothing secret is."""
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "data")}
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [pair().jwk]}))
    run("clients", "create", "mis-1", "--name", "One", *SCOPES, folder=tmp_path, **where)
    run("clients", "rotate", "mis-1", "--keep-old", "48", folder=tmp_path, **where)
    given = run("clients", "keys", "mis-1", "--file", "jwks.json", "--json", folder=tmp_path, **where)
    bound = run("clients", "bind", "mis-1", folder=tmp_path, **where)
    (listed,) = run("clients", "list", "--json", folder=tmp_path, **where).json["clients"]

    assert given.json == {"id": "mis-1", "keys": ["key-1"]}
    assert "bound to the certificate" in bound.out
    newest, older = listed["secrets_good_until"]
    kept = datetime.fromisoformat(older) - datetime.now(UTC)
    assert newest is None
    assert timedelta(hours=47) < kept <= timedelta(hours=48)
    assert (listed["keys"], listed["bound"]) == (["key-1"], True)
    run("clients", "rotate", "mis-1", "--now", folder=tmp_path, **where)
    run("clients", "bind", "mis-1", "--off", folder=tmp_path, **where)
    (after,) = run("clients", "list", "--json", folder=tmp_path, **where).json["clients"]
    assert (after["secrets_good_until"], after["bound"]) == ([None], False)


def test_a_file_that_is_no_key_set(tmp_path: Path, ledger_dsn: str) -> None:
    """A private key, and a file that cannot be read, are wrong calls; the key is not repeated."""
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "data")}
    run("clients", "create", "mis-1", "--name", "One", *SCOPES, folder=tmp_path, **where)
    shown = pair().private_jwk
    (tmp_path / "private.json").write_text(json.dumps({"keys": [shown]}))
    wrong = run("clients", "keys", "mis-1", "--file", "private.json", folder=tmp_path, **where)
    missing = run("clients", "keys", "mis-1", "--file", "none.json", folder=tmp_path, **where)

    assert (wrong.code, missing.code) == (2, 2)
    assert "/keys/0" in wrong.err
    assert "make a new pair" in wrong.err
    assert shown["d"] not in wrong.err + wrong.out
    assert "none.json cannot be read" in missing.err


def test_a_quota_of_its_own(tmp_path: Path, ledger_dsn: str) -> None:
    """Given and taken back, each time told; one that is no quota is a wrong call, an unknown caller failed work."""
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "data")}
    run("clients", "create", "mis-1", "--name", "Hospital", *SCOPES, folder=tmp_path, **where)
    given = run("clients", "limit", "mis-1", "--per-min", "600", "--json", folder=tmp_path, **where)
    assert (given.code, given.json) == (0, {"id": "mis-1", "per_min": 600})
    assert "600 requests" in run("clients", "limit", "mis-1", "--per-min", "600", folder=tmp_path, **where).out
    assert "of the settings" in run("clients", "limit", "mis-1", folder=tmp_path, **where).out
    assert run("clients", "limit", "mis-1", "--per-min", "0", folder=tmp_path, **where).code == 2
    assert run("clients", "limit", "nobody", "--per-min", "1", folder=tmp_path, **where).code == 1
    noted = run("audit", "list", "--json", folder=tmp_path, **where)
    assert noted.out.count("client_limited") == 3
