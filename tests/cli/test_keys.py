"""Keys of data at rest on the command line, against a real ledger."""

import base64
import json
from pathlib import Path

from tests.cli.commands import run


def test_keys_from_first_to_last(tmp_path: Path, ledger_dsn: str) -> None:
    """List, rotate, refuse to retire too early; no key is ever shown."""
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "data")}
    listed = run("keys", "list", "--json", folder=tmp_path, **where)
    assert listed.json == {"keys": [{"id": 1, "state": "current", "added_at": None, "values": {}}]}
    rotated = run("keys", "rotate", "--json", folder=tmp_path, **where)
    assert (rotated.code, rotated.json["current"], rotated.json["rows"]) == (0, 2, {})
    shown = run("keys", "list", folder=tmp_path, **where)
    assert [line.split()[:2] for line in shown.out.splitlines() if line.strip()[:1].isdigit()] == [
        ["1", "open"],
        ["2", "current"],
    ]
    early = run("keys", "retire", "1", folder=tmp_path, **where)
    assert (early.code, "less than 10 minutes" in early.err) == (1, True)
    unknown = run("keys", "retire", "9", folder=tmp_path, **where)
    assert (unknown.code, "no data key 9" in unknown.err) == (1, True)
    document = json.loads((tmp_path / "data" / "keys.json").read_text())
    told = "".join(one.out + one.err for one in (listed, rotated, shown, early, unknown))
    assert not any(key in told for key in [*document["data_keys"].values(), document["wrapping_key"]])


def test_a_new_document_can_be_put_into_the_environment(tmp_path: Path, ledger_dsn: str) -> None:
    """What ``keys new`` prints is read from the environment by every command, and the doctor finds it right."""
    made = run("keys", "new", folder=tmp_path)
    assert made.code == 0
    keys = base64.b64encode(made.out.encode()).decode()
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "data"), "keys": keys}
    listed = run("keys", "list", "--json", folder=tmp_path, **where)
    assert listed.json["keys"][0]["id"] == 1
    assert not (tmp_path / "data" / "keys.json").exists()
    doctor = run("doctor", "--lab", "--json", folder=tmp_path, **where)
    assert keys not in doctor.out
    assert "from the environment" in doctor.out
    wrong = run("keys", "list", folder=tmp_path, **(where | {"keys": "nothing"}))
    assert (wrong.code, "nothing" in wrong.err) == (2, False)
