"""Policies on the command line: shown whole, proved with lines."""

from pathlib import Path

import psycopg
import pytest
from tests.cli.commands import run

GOOD = """\
[[policy]]
version = "one"
from = 2020-01-01
codes = [{ channel = "sms" }]
documents = [{ channel = "viber", window_s = 90 }, { channel = "sms" }]
rest = [{ channel = "sms" }]
"""
BAD = GOOD.replace('rest = [{ channel = "sms" }]', 'rest = [{ channel = "viber" }]').replace("90", "0")


def test_show_marks_the_one_in_force(tmp_path: Path) -> None:
    """Every dated policy is shown with its routes, and exactly one is in force; it ends where the next begins."""
    document = run("policy", "show", "--json", folder=tmp_path).json
    assert [one["version"] for one in document["policies"]] == ["2018-04-25", "2025-02-20", "2025-09-10"]
    assert [one["in_force"] for one in document["policies"]].count(True) == 1
    assert document["policies"][0]["until"] == document["policies"][1]["from"]
    assert document["policies"][2]["routes"]["codes"] == [
        {"channel": "viber", "window_s": 20.0},
        {"channel": "sms", "window_s": None},
    ]
    picture = run("policy", "show", folder=tmp_path)
    assert (picture.code, picture.out.count("in force")) == (0, 1)
    assert "Diia 120 s → Viber 90 s → SMS" in picture.out


def test_show_shows_the_file_of_the_settings(tmp_path: Path) -> None:
    """A policies file of the settings is what is shown; one that begins tomorrow is not in force."""
    file = tmp_path / "policies.toml"
    file.write_text(GOOD.replace("2020-01-01", "2999-01-01"), encoding="utf-8")
    document = run("policy", "show", "--json", folder=tmp_path, policies_file=str(file)).json
    assert document["source"] == str(file)
    assert [(one["version"], one["in_force"]) for one in document["policies"]] == [("one", False)]


def test_show_joins_what_the_ledger_publishes(ledger_dsn: str, tmp_path: Path) -> None:
    """What people published stands among those of the file; a ledger that does not answer takes nothing else away."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO policy_draft"
            " (id, version, from_date, codes, documents, rest, reason, proposed_by, proposed_at)"
            " VALUES (gen_random_uuid(), 'ours', '2030-01-01', 'viber:33,sms', 'sms', 'sms', 'why', 'olena', now()),"
            " (gen_random_uuid(), 'draft', '2031-01-01', 'sms', 'sms', 'sms', 'why', 'olena', now())"
        )
        connection.execute(
            "INSERT INTO policy_publication (draft_id, proposed_by, from_date, published_by, published_at)"
            " SELECT id, proposed_by, from_date, 'taras', now() FROM policy_draft WHERE version = 'ours'"
        )
    document = run("policy", "show", "--json", folder=tmp_path, dsn=ledger_dsn).json
    assert document["ledger"] == "read"
    assert [(one["version"], one["of"]) for one in document["policies"][-2:]] == [
        ("2025-09-10", "file"),
        ("ours", "ledger"),
    ]
    assert document["policies"][-2]["until"] == "2030-01-01"
    assert "Viber 33 s → SMS" in run("policy", "show", folder=tmp_path, dsn=ledger_dsn).out
    away = run("policy", "show", "--json", folder=tmp_path, dsn="host=127.0.0.1 port=1 dbname=none connect_timeout=2")
    assert (away.code, len(away.json["policies"]), away.json["ledger"].startswith("cannot be read")) == (0, 3, True)


def test_check_passes_a_good_file(tmp_path: Path) -> None:
    """A good file is told to be good, whichever providers this machine has."""
    file = tmp_path / "policies.toml"
    file.write_text(GOOD, encoding="utf-8")
    assert run("policy", "check", file, "--json", folder=tmp_path).json == {
        "file": str(file),
        "ok": True,
        "policies": ["one"],
        "in_force": "one",
    }
    shown = run("policy", "check", file, folder=tmp_path)
    assert (shown.code, "in force now: one" in shown.out, "no provider of SMS" in shown.out) == (0, True, True)


def test_check_names_the_lines_at_fault(tmp_path: Path) -> None:
    """Every broken rule is told with its line, as text and as JSON; the exit code is 1."""
    file = tmp_path / "policies.toml"
    file.write_text(BAD, encoding="utf-8")
    told = run("policy", "check", file, "--json", folder=tmp_path)
    assert (told.code, told.json["ok"]) == (1, False)
    assert [problem["line"] for problem in told.json["problems"]] == [5, 6]
    shown = run("policy", "check", file, folder=tmp_path)
    assert (shown.code, shown.out) == (1, "")
    assert f"{file}:6:" in shown.err


@pytest.mark.parametrize("content", [b"[[policy", b"\xff\xfe"])
def test_check_of_what_is_no_policy_file(tmp_path: Path, content: bytes) -> None:
    """What is not TOML, or not text, is told as a fault of the file."""
    file = tmp_path / "policies.toml"
    file.write_bytes(content)
    told = run("policy", "check", file, "--json", folder=tmp_path)
    assert (told.code, [problem["line"] for problem in told.json["problems"]]) == (1, [1])


def test_check_of_no_file_is_a_wrong_call(tmp_path: Path) -> None:
    """A file that is not there is the caller's mistake: exit code 2."""
    assert run("policy", "check", tmp_path / "none.toml", folder=tmp_path).code == 2
