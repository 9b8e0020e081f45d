"""The audit on the command line, against a real ledger."""

import json
from pathlib import Path

import psycopg
from tests.cli.commands import Done, run

from esoz_notify.core.audit import Action, Deed
from esoz_notify.engine import audit
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger


async def note(dsn: str, *whys: str) -> None:
    ledger = Ledger(dsn, LedgerClock())
    await ledger.open()
    for why in whys:
        deed = Deed(actor="person:o.koval", action=Action.REPRINT, subject="notification:1", why=why)
        async with ledger.transaction() as connection:
            await audit.note(connection, deed)
    await ledger.close()


async def test_the_audit_from_first_to_last(ledger_dsn: str, tmp_path: Path) -> None:
    """Anchor, list, verify; after somebody touched a row, verify names it and ends with 1."""
    await note(ledger_dsn, "lost", "again \u202e lost")

    def command(*words: str) -> Done:
        return run("audit", *words, folder=tmp_path, dsn=ledger_dsn, data=str(tmp_path / "data"))

    assert "the first" in command("key").err
    made = command("anchor", "--append", str(tmp_path / "elsewhere.jsonl"))
    assert (made.code, made.json["no"], made.json["seq"]) == (0, 1, 2)
    assert (tmp_path / "elsewhere.jsonl").read_text() == made.out
    assert (tmp_path / "data" / "audit-anchors.jsonl").read_text() == made.out
    assert command("key").out.startswith("-----BEGIN PUBLIC KEY-----")
    assert command("key", "--json").json["id"] == made.json["key"]

    listed = command("list", "--actor", "person:o.koval", "--json").json["deeds"]
    assert [(one["seq"], one["action"], one["why"]) for one in listed] == [
        (2, "reprint", "again \u202e lost"),
        (1, "reprint", "lost"),
    ]
    shown = command("list", "--since", "2026-01-01")
    assert "again \\u202e lost" in shown.out
    refused = command("list", "--action", "nothing")
    assert (refused.code, "reveal_phone" in refused.err) == (2, True)
    assert command("list", "--since", "yesterday").code == 2

    well = command("verify", "--anchors", str(tmp_path / "elsewhere.jsonl"))
    assert (well.code, "2 rows, 2 anchors: nothing was touched" in well.out) == (0, True)
    with psycopg.connect(ledger_dsn) as connection:
        connection.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
        connection.execute("UPDATE audit SET why = 'found' WHERE seq = 1")
    ill = command("verify")
    assert (ill.code, "row 1: it is not what was written" in ill.out) == (1, True)
    told = command("verify", "--json")
    assert (told.code, told.json["ok"], told.json["faults"][0]["seq"]) == (1, False, 1)


def test_every_action_is_explained() -> None:
    """Each action stands in the paper on the audit with its meaning."""
    paper = (Path(__file__).parents[2] / "docs" / "security-audit.md").read_text("utf-8")
    assert [one.value for one in Action if f"| `{one.value}` | {one.meaning.rstrip('.')} |" not in paper] == []


async def test_anchors_of_another_machine(ledger_dsn: str, tmp_path: Path) -> None:
    """Where the private key is not, the public one is enough to verify; without it anchors prove nothing."""
    await note(ledger_dsn, "lost")
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "there")}
    run("audit", "anchor", folder=tmp_path, **where)
    public = tmp_path / "audit-key.pub.pem"
    public.write_text(run("audit", "key", folder=tmp_path, **where).out)
    here = {"dsn": ledger_dsn, "data": str(tmp_path / "here")}
    assert run("audit", "verify", "--public-key", str(public), folder=tmp_path, **here).code == 0
    without = run("audit", "verify", "--json", folder=tmp_path, **here)
    assert (without.code, "not signed by a key" in json.dumps(without.json["faults"])) == (1, True)
    public.write_text("nonsense")
    assert run("audit", "verify", "--public-key", str(public), folder=tmp_path, **here).code == 2
