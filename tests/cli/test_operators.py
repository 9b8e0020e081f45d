"""People of the pages on the command line, against a real ledger."""

import stat
from pathlib import Path

from tests.cli.commands import run

from esoz_notify.cli.dev_client import DEV_OPERATOR, write_dev_client
from esoz_notify.engine.access import Access
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.people import People
from esoz_notify.store.vault import Vault, load_or_create_keys

SCOPES = ("--scope", "notifications:write")


def test_a_person_from_first_to_last(tmp_path: Path, ledger_dsn: str) -> None:
    """Add, give another password, disable and list; a password is told once and never listed."""
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "data")}
    run("clients", "create", "mis-1", "--name", "Hospital", *SCOPES, folder=tmp_path, **where)
    named = ("--name", "Оксана [К]", "--system", "mis-1")
    made = run("operators", "add", "o.koval", *named, "--json", folder=tmp_path, **where)
    assert (made.code, made.json["login"]) == (0, "o.koval")
    other = run("operators", "password", "o.koval", folder=tmp_path, **where)
    assert other.out.startswith("login     o.koval\npassword  ")
    assert made.json["password"] not in other.out
    assert run("operators", "role", "o.koval", "operator", folder=tmp_path, **where).code == 0
    last = run("operators", "role", "o.koval", "auditor", folder=tmp_path, **where)
    assert (last.code, "last operator" in last.err) == (1, True)
    named_too = ("--name", "Петро", "--system", "mis-1", "--role", "operator")
    run("operators", "add", "p.bondar", *named_too, folder=tmp_path, **where)
    told = run("operators", "role", "o.koval", "doctor", folder=tmp_path, **where)
    assert (told.code, told.out) == (0, "o.koval is doctor now\n")
    assert run("operators", "disable", "p.bondar", folder=tmp_path, **where).code == 1
    assert run("operators", "disable", "o.koval", "--json", folder=tmp_path, **where).json["disabled"] is True
    listed = run("operators", "list", "--json", folder=tmp_path, **where)
    assert [(one["login"], one["name"], one["role"], one["system"]) for one in listed.json["operators"]] == [
        ("o.koval", "Оксана [К]", "doctor", "mis-1"),
        ("p.bondar", "Петро", "operator", "mis-1"),
    ]
    assert listed.json["operators"][0]["disabled_at"] is not None
    shown = run("operators", "list", folder=tmp_path, **where)
    assert "Оксана [К]" in shown.out
    assert other.out.split()[-1] not in listed.out + shown.out


def test_mistakes_have_their_exit_codes(tmp_path: Path, ledger_dsn: str) -> None:
    """A wrong login, role or system is a wrong call (2); a taken login or an unknown person is work that failed (1)."""
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "data")}
    run("clients", "create", "mis-1", "--name", "Hospital", *SCOPES, folder=tmp_path, **where)
    wrong = run(
        "operators", "add", "O K", "--name", "", "--system", "mis-1", "--role", "king", folder=tmp_path, **where
    )
    assert (wrong.code, wrong.out) == (2, "")
    assert all(pointer in wrong.err for pointer in ("/login", "/name", "/role"))
    unknown = run("operators", "add", "o.koval", "--name", "x", "--system", "mis-9", folder=tmp_path, **where)
    assert (unknown.code, "/client_id" in unknown.err) == (2, True)
    named = ("--name", "x", "--system", "mis-1")
    assert run("operators", "add", "o.koval", *named, folder=tmp_path, **where).code == 0
    assert run("operators", "add", "o.koval", *named, folder=tmp_path, **where).code == 1
    for command in (("password", "nobody"), ("disable", "nobody"), ("role", "nobody", "auditor")):
        assert run("operators", *command, folder=tmp_path, **where).code == 1
    assert run("operators", "role", "o.koval", "king", folder=tmp_path, **where).code == 2


def test_second_factors_and_single_sign_on(tmp_path: Path, ledger_dsn: str) -> None:
    """Demanded, taken back and reset by login; an identity needs a provider in the settings, and goes to one person."""
    where = {"dsn": ledger_dsn, "data": str(tmp_path / "data")}
    run("clients", "create", "mis-1", "--name", "Hospital", *SCOPES, folder=tmp_path, **where)
    for login in ("o.koval", "p.bondar"):
        run("operators", "add", login, "--name", "x", "--system", "mis-1", folder=tmp_path, **where)
    demanded = run("operators", "require-second-factor", "o.koval", "--json", folder=tmp_path, **where)
    assert demanded.json == {"login": "o.koval", "second_factor_required": True}
    off = run("operators", "require-second-factor", "o.koval", "--off", folder=tmp_path, **where)
    assert (off.code, off.out) == (0, "o.koval may have a second factor\n")
    assert run("operators", "reset-second-factor", "o.koval", folder=tmp_path, **where).code == 0
    for command in ("require-second-factor", "reset-second-factor"):
        assert run("operators", command, "nobody", folder=tmp_path, **where).code == 1
    address = ("--email", "o.koval@hospital.example")
    without = run("operators", "link", "o.koval", *address, folder=tmp_path, **where)
    assert (without.code, "OIDC_ISSUER" in without.err) == (2, True)
    there = {
        "oidc_issuer": "https://sso.example",
        "oidc_client_id": "esoz",
        "oidc_client_secret": "secret",
        "public_url": "https://notify.example",
    }
    assert run("operators", "link", "o.koval", *address, folder=tmp_path, **where, **there).code == 0
    assert run("operators", "link", "p.bondar", *address, folder=tmp_path, **where, **there).code == 1
    assert run("operators", "link", "o.koval", folder=tmp_path, **where, **there).code == 2


async def test_the_developers_person(tmp_path: Path, ledger_dsn: str) -> None:
    """A start makes a person for the pages and keeps the password that works; one that does not is replaced."""
    keys = load_or_create_keys(tmp_path / "keys.json")
    ledger = Ledger(ledger_dsn, LedgerClock())
    await ledger.open()
    access, people = Access(ledger, keys), People(ledger, Vault(keys))
    try:
        urls = ("http://127.0.0.1:1", "http://127.0.0.1:2")
        first = await write_dev_client(access, people, tmp_path, *urls)
        assert first["console_url"] == "http://127.0.0.1:1/print"
        assert await people.has_password(DEV_OPERATOR, first["operator"]["password"])
        again = await write_dev_client(access, people, tmp_path, *urls)
        assert again == first
        await people.set_password(DEV_OPERATOR)
        changed = await write_dev_client(access, people, tmp_path, *urls)
        assert changed["operator"] != first["operator"]
        assert await people.has_password(DEV_OPERATOR, changed["operator"]["password"])
        (tmp_path / "dev-client.json").write_text("[1]")
        assert (await write_dev_client(access, people, tmp_path, *urls))["operator"] != changed["operator"]
        assert stat.S_IMODE((tmp_path / "dev-client.json").stat().st_mode) == 0o600
    finally:
        await ledger.close()
