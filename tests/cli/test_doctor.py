"""The doctor: says what is wrong and what to do, and changes nothing."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.cli.commands import Done, run
from tests.security.certificates import DAY, authority, serving

from esoz_notify.cli.checks import State, check_folder, check_keys, check_port, check_providers, check_way_to_ledger
from esoz_notify.settings import read_settings


def _states(done: Done) -> dict[str, str]:
    return {one["name"]: one["state"] for one in done.json["checks"]}


def _finding(done: Done, name: str) -> Any:
    return next(one for one in done.json["checks"] if one["name"] == name)


def test_a_fresh_machine_is_ready_for_the_lab(tmp_path: Path) -> None:
    """Before the first start nothing must be mended, and nothing was made by looking."""
    done = run("doctor", "--lab", "--json", "--data", tmp_path / "data", folder=tmp_path, port="0")
    assert (done.code, done.json["ok"]) == (0, True)
    assert set(_states(done).values()) == {"ok"}
    assert not (tmp_path / "data").exists()


def test_a_machine_without_sms_promises_nothing(tmp_path: Path) -> None:
    """The guaranteed channel must have a provider; Diia and Viber may be left out."""
    done = run("doctor", "--json", folder=tmp_path, port="0")
    assert done.code == 1
    states = _states(done)
    assert (states["provider of sms"], states["provider of viber"], states["policies"]) == ("bad", "note", "ok")
    assert "ESOZ_NOTIFY_SMSCS" in _finding(done, "provider of sms")["fix"]


def test_providers_are_connected_to(tmp_path: Path) -> None:
    """A provider that takes connections is well, one that refuses them is not; no password is shown."""

    async def look() -> Done:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        smscs = f"smpp://id:secret-1@127.0.0.1:{port}?name=up smpp://id:secret-1@127.0.0.1:1?name=down"
        async with server:
            return await asyncio.to_thread(
                run,
                "doctor",
                "--json",
                folder=tmp_path,
                port="0",
                smscs=smscs,
                diia_url=f"http://127.0.0.1:{port}",
                diia_partner_token="secret-2",
            )

    done = asyncio.run(look())
    states = _states(done)
    assert (states["provider up"], states["provider down"], states["provider of diia"]) == ("ok", "bad", "ok")
    assert "secret" not in done.out + done.err


def test_a_further_provider_is_proved_and_connected_to(tmp_path: Path) -> None:
    """A table that its kind cannot use is told with the field, before the start fails by it; its key is not shown."""
    file = tmp_path / "providers.toml"
    shared = 'name = "turbo"\nkind = "turbosms"\nchannel = "sms"\nurl = "http://127.0.0.1:1"'
    file.write_text(f'[[provider]]\n{shared}\ntoken = "secret"\n', encoding="utf-8")
    file.chmod(0o600)
    done = run("doctor", "--json", folder=tmp_path, port="0", providers=str(file))
    assert _finding(done, "description of turbo")["said"] == "provider turbo: sender is missing"
    assert (_finding(done, "provider turbo")["state"], "provider of sms" in _states(done)) == ("bad", False)
    assert "secret" not in done.out + done.err


def test_viber_templates_without_ids_are_told(tmp_path: Path) -> None:
    """A Viber provider takes only templates that it approved: those without an id are told before they fail."""
    settings = {"viber_url": "http://127.0.0.1:1", "viber_api_key": "secret"}
    done = run("doctor", "--json", folder=tmp_path, port="0", **settings)
    assert _finding(done, "texts")["state"] == "bad"
    assert "ESOZ_NOTIFY_VIBER_TEMPLATES" in _finding(done, "texts")["fix"]


def test_a_broken_policies_file_is_told(tmp_path: Path) -> None:
    """The lines at fault are in the table."""
    file = tmp_path / "policies.toml"
    file.write_text("[[policy]]\n", encoding="utf-8")
    done = run("doctor", "--lab", "--json", folder=tmp_path, port="0", policies_file=str(file))
    assert (done.code, _finding(done, "policies")["state"]) == (1, "bad")
    assert f"{file}:1:" in _finding(done, "policies")["said"]


def test_broken_texts_are_told(tmp_path: Path) -> None:
    """A file of texts that breaks its rules is shown with them, square brackets and all."""
    file = tmp_path / "texts.toml"
    file.write_text('[no_such_kind.uk]\nsms = "x"\n', encoding="utf-8")
    done = run("doctor", "--lab", folder=tmp_path, port="0", texts_file=str(file))
    assert done.code == 1
    assert "[no_such_kind]" in done.out
    assert "mend what is marked" in done.out


def test_a_ledger_that_does_not_answer(tmp_path: Path) -> None:
    """An external ledger that cannot be reached is told without a traceback."""
    dsn = "postgresql://someone:secret-3@127.0.0.1:1/ledger"
    done = run("doctor", "--lab", "--json", folder=tmp_path, port="0", dsn=dsn)
    assert (done.code, _finding(done, "PostgreSQL")["state"], done.err) == (1, "bad", "")
    assert "secret-3" not in done.out


def test_a_ledger_that_is_well(tmp_path: Path, ledger_dsn: str) -> None:
    """A migrated ledger answers, lacks nothing, and its clock is compared with ours."""
    done = run("doctor", "--lab", "--json", folder=tmp_path, port="0", dsn=ledger_dsn)
    states = _states(done)
    assert (done.code, states["PostgreSQL"], states["migrations"], states["clock"]) == (0, "ok", "ok", "ok")


def test_the_data_folder(tmp_path: Path) -> None:
    """A folder that everybody may write, and a file in its place, must be mended; what is not there will be made."""
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    assert check_folder(open_folder).state is State.BAD
    assert "chmod o-w" in check_folder(open_folder).fix
    file = tmp_path / "file"
    file.write_text("")
    assert check_folder(file).state is State.BAD
    assert "will be made" in check_folder(tmp_path / "a" / "b").said


def test_the_keys_file(tmp_path: Path) -> None:
    """Missing keys are a disaster only beside a ledger; keys that others may read, or that are no keys, are told."""
    path = tmp_path / "keys.json"
    assert check_keys(path, ledger_exists=False).state is State.OK
    assert check_keys(path, ledger_exists=True).state is State.BAD
    path.write_text("{}")
    path.chmod(0o644)
    assert check_keys(path, ledger_exists=True).fix == f"chmod 600 {path}"
    path.chmod(0o600)
    assert "backup" in check_keys(path, ledger_exists=True).fix


async def test_a_port_in_use_is_noted() -> None:
    """Somebody on the port may be this service itself: it is said, and is no fault."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert (await check_port("127.0.0.1", port)).state is State.NOTE
    assert (await check_port("127.0.0.1", 0)).state is State.OK


@pytest.mark.parametrize(
    ("dsn", "state"),
    [
        ("host=/run/postgresql dbname=x", State.OK),
        ("host=127.0.0.1", State.OK),
        ("host=localhost,::1", State.OK),
        ("postgresql://db.test/x?sslmode=verify-full&sslrootcert=ca.pem", State.OK),
        ("host=db.test", State.NOTE),
        ("host=127.0.0.1,db.test", State.NOTE),
        ("hostaddr=10.0.0.1 host=localhost", State.NOTE),
        ("host=db.test sslmode=require", State.NOTE),
        ("host=db.test sslmode=verify-ca", State.NOTE),
        ("service=ours", State.NOTE),
        ("host", State.BAD),
    ],
)
def test_the_way_to_an_external_ledger_is_looked_at(dsn: str, state: State) -> None:
    """Only verify-full proves that the server on another machine is ours, so anything less is told with the fix."""
    finding = check_way_to_ledger(dsn)
    assert finding.state is state
    assert ("verify-full" in finding.fix) == (state is State.NOTE)


async def test_a_refused_certificate_is_told(tmp_path: Path) -> None:
    """An SMSC or provider whose certificate is over is bad, and why is said; with a right one it is well."""
    trusted = authority(tmp_path, "trusted")
    context = serving(trusted.issue("old", until=datetime.now(UTC) - DAY))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    settings = read_settings(
        {
            "ESOZ_NOTIFY_SMSCS": f"smpps://a:b@127.0.0.1:{port}?name=one&ca_file={trusted.path}",
            "ESOZ_NOTIFY_DIIA_URL": f"https://127.0.0.1:{port}",
            "ESOZ_NOTIFY_DIIA_PARTNER_TOKEN": "t",
            "ESOZ_NOTIFY_DIIA_CA_FILE": str(trusted.path),
        }
    )
    async with server:
        before = {one.name: one async for one in check_providers(settings)}
        context.load_cert_chain(trusted.issue("new", until=datetime.now(UTC) + DAY))
        after = {one.name: one async for one in check_providers(settings)}

    for name in ("provider one", "provider of diia"):
        assert "certificate is refused: certificate has expired" in before[name].said
        assert (before[name].state, after[name].state) == (State.BAD, State.OK)


async def test_what_goes_in_the_clear_is_told() -> None:
    """A provider on another machine that takes plain connections is noted, however it was allowed."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "0.0.0.0", 0)
    port = server.sockets[0].getsockname()[1]
    # An address of this machine by a name that does not say so.
    settings = read_settings({"ESOZ_NOTIFY_SMSCS": f"smpp://a:b@0.0.0.0:{port}?name=one&plain=vpn"})
    async with server:
        found = {one.name: one async for one in check_providers(settings)}

    assert found["provider one"].state is State.NOTE
    assert "in the clear" in found["provider one"].said


@pytest.mark.parametrize(
    ("public_url", "told"),
    [("http://notify.test", True), ("https://notify.test", False), ("http://127.0.0.1:8", False)],
)
async def test_callbacks_in_the_clear_are_told(public_url: str, told: bool) -> None:
    """A provider that is told to call back by plain http shows its credential to everybody on the way."""
    settings = read_settings(
        {
            "ESOZ_NOTIFY_VIBER_URL": "http://127.0.0.1:1",
            "ESOZ_NOTIFY_VIBER_API_KEY": "k",
            "ESOZ_NOTIFY_PUBLIC_URL": public_url,
        }
    )
    found = {one.name async for one in check_providers(settings)}

    assert ("callbacks" in found) is told


def test_a_ledger_of_a_newer_version_is_noted(tmp_path: Path, ledger_dsn: str) -> None:
    """Beside what a newer one only added this program works, and says so; after what it took away it does not."""
    for name, state, word in (("9000_pre_more.sql", "note", "newer"), ("9001_post_less.sql", "bad", "does not know")):
        with psycopg.connect(ledger_dsn) as connection:
            connection.execute("INSERT INTO migration (name, sha256) VALUES (%s, 'x')", [name])
        done = run("doctor", "--lab", "--json", folder=tmp_path, port="0", dsn=ledger_dsn)
        found = _finding(done, "migrations")
        assert (found["state"], name in found["said"], word in found["said"]) == (state, True, True)
        assert done.json["ok"] is (state == "note")
