"""Changing data keys while everything runs: who learns of a key when, what is sealed anew, what is refused."""

import ast
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from tests.engine.product import House, a_house

from esoz_notify.core.errors import ConfigError, Conflict, NotFound
from esoz_notify.engine import ledgers, rotation
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.keyring import Keyring
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.settings import environment_for_child
from esoz_notify.store import data_keys
from esoz_notify.store.data_keys import SEALED
from esoz_notify.store.vault import Keys, Vault, VaultError, field_aad, fresh_keys, load_or_create_keys

WHO = "cli:test@here"


@asynccontextmanager
async def a_process(dsn: str, document: Keys) -> AsyncIterator[tuple[Ledger, Keyring]]:
    """What a process has: a ledger and the keys that it knows."""
    ledger = Ledger(dsn, LedgerClock(), pool_size=2)
    await ledger.open()
    try:
        keyring = Keyring(ledger, document, Vault(document))
        await keyring.open()
        yield ledger, keyring
    finally:
        await ledger.close()


async def fill(ledger: Ledger, vault: Vault, count: int) -> None:
    """Rows in every sealed table, all under the key that seals now."""

    def seal(table: str, column: str, row: str) -> bytes:
        return vault.seal(f"{table} {column} {row}".encode(), aad=field_aad(table, column, row))

    async with ledger.transaction() as connection:
        await connection.execute("INSERT INTO client (id, name, scopes) VALUES ('test', 'Test', '{}')")
        for number in range(1, count + 1):
            row = str(UUID(int=number))
            await connection.execute(
                "INSERT INTO content (notification_id, phone, data, code) VALUES (%s, %s, %s, %s)",
                [row, *(seal("content", column, row) for column in ("phone", "data", "code"))],
            )
            await connection.execute(
                "INSERT INTO receipt (id, provider, received_at, raw) VALUES (%s, 'p', ledger_now(), %s)",
                [row, seal("receipt", "raw", row)],
            )
            await connection.execute(
                "INSERT INTO patient (id, document, updated_by) VALUES (%s, %s, 'test')",
                [row, seal("patient", "document", row)],
            )
            await connection.execute(
                "INSERT INTO webhook (id, client_id, url, shown, events, created_at)"
                " VALUES (%s, 'test', %s, '', '{}', ledger_now())",
                [row, seal("webhook", "url", row)],
            )
            await connection.execute(
                "INSERT INTO webhook_secret (id, webhook_id, secret, created_at) VALUES (%s, %s, %s, ledger_now())",
                [row, row, seal("webhook_secret", "secret", row)],
            )
            await connection.execute(
                "INSERT INTO kept (provider, name, value, expires_at) VALUES ('p', %s, %s, ledger_now())",
                [row, seal("kept", "p", row)],
            )
            login = f"person-{number}"
            await connection.execute(
                "INSERT INTO person (login, name, role, client_id, password_hash)"
                " VALUES (%s, 'P', 'doctor', 'test', '')",
                [login],
            )
            await connection.execute(
                "INSERT INTO totp (login, secret) VALUES (%s, %s)", [login, seal("totp", "secret", login)]
            )


async def values(ledger: Ledger) -> dict[int, int]:
    """How many sealed values rest on each key, in all tables."""
    found: dict[int, int] = {}
    async with ledger.transaction() as connection:
        for table in SEALED:
            for key_id, count in (await data_keys.count_values(connection, table)).items():
                found[key_id] = found.get(key_id, 0) + count
    return found


async def rotate(ledger: Ledger, keyring: Keyring) -> int:
    """A whole rotation; gives the id of the key that seals then."""
    key_id = await rotation.begin(ledger, keyring, WHO)
    if key_id is not None:
        await rotation.until_current(keyring, key_id)
    await rotation.reseal(ledger, keyring, lambda _table, _rows: None)
    return keyring.vault.current_id


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks of the change, a tenth as slow: nothing here depends on their length."""
    monkeypatch.setattr(ledgers, "LOOK_S", 0.1)
    monkeypatch.setattr(rotation, "LOOK_S", 0.1)
    monkeypatch.setattr(rotation, "ANNOUNCED_S", 0.5)


def test_every_sealed_column_is_in_the_table_of_them() -> None:
    """Whatever the code seals stands in the table that rotation walks; else an old key would never come free."""
    named = set()
    for file in Path("src/esoz_notify").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "field_aad":
                table = node.args[0]
                named.add(table.value if isinstance(table, ast.Constant) else file.name)
    assert named - {"data_keys.py"} == {table.name for table in SEALED}


async def test_a_rotation_seals_everything_anew(ledger_dsn: str) -> None:
    """Afterwards every value of every table rests on the new key and opens as before; the deed is in the audit."""
    async with a_process(ledger_dsn, fresh_keys()) as (ledger, keyring):
        await fill(ledger, keyring.vault, 25)
        assert await values(ledger) == {1: 225}
        assert await rotate(ledger, keyring) == 2
        assert await values(ledger) == {2: 225}
        async with ledger.transaction() as connection:
            rows = await (await connection.execute("SELECT notification_id, phone, code FROM content")).fetchall()
            raw = await (await connection.execute("SELECT id, raw FROM receipt")).fetchall()
            noted = await (await connection.execute("SELECT actor, action, subject FROM audit")).fetchall()
        for row, sealed, code in rows:
            assert keyring.vault.open(sealed, aad=field_aad("content", "phone", row)) == f"content phone {row}".encode()
            assert keyring.vault.open(code, aad=field_aad("content", "code", row)) == f"content code {row}".encode()
        for row, sealed in raw:
            assert keyring.vault.open(sealed, aad=field_aad("receipt", "raw", row)) == f"receipt raw {row}".encode()
        assert noted == [(WHO, "key_rotated", "data_key:2")]


async def test_all_processes_can_open_before_any_seals(ledger_dsn: str) -> None:
    """A new key is known everywhere while the old one still seals; only later it seals, everywhere."""
    document = fresh_keys()
    async with a_process(ledger_dsn, document) as (ledger, mine), a_process(ledger_dsn, document) as (_, other):
        assert await rotation.begin(ledger, mine, WHO) == 2
        await other.open()
        assert sorted(other.keys.data_keys) == [1, 2]
        assert other.vault.current_id == 1
        await rotation.until_current(mine, 2)
        await other.open()
        assert (mine.vault.current_id, other.vault.current_id) == (2, 2)


async def test_a_process_that_slept_opens_what_it_has_not_heard_of(
    ledger_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It asks the ledger at once for the key that a value names; a key that nobody has is refused by its id."""
    document = fresh_keys()
    async with a_process(ledger_dsn, document) as (_, slept), a_process(ledger_dsn, document) as (ledger, mine):
        await rotate(ledger, mine)
        sealed = mine.vault.seal(b"text", aad=b"row")
        assert 2 not in slept.keys.data_keys
        assert slept.vault.open(sealed, aad=b"row") == b"text"
        assert "data key 2 was needed" in caplog.text
        with pytest.raises(VaultError, match="data key 3, which is neither"):
            slept.vault.open(b"\x01\x00\x03" + bytes(40), aad=b"row")


async def test_another_keys_document_is_noticed_at_the_start(ledger_dsn: str) -> None:
    """A process with other keys than the rest does not start; nor one whose document has another key of the same id."""
    document = fresh_keys()
    async with a_process(ledger_dsn, document) as (ledger, mine):
        await rotate(ledger, mine)
    with pytest.raises(VaultError, match="does not unwrap"):
        async with a_process(ledger_dsn, fresh_keys()):
            pass
    singles = {name: getattr(document, name) for name in ("index_key", "code_key", "token_key", "wrapping_key")}
    doubled = Keys(data_keys={**document.data_keys, 2: bytes(32)}, current_id=2, **singles)
    with pytest.raises(ConfigError, match="data key 2 of the ledger is not that"):
        async with a_process(ledger_dsn, doubled):
            pass


async def test_what_is_held_or_erased_meanwhile(ledger_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that somebody holds is waited for by nobody and done later; a code that was erased stays erased."""
    monkeypatch.setattr(rotation, "BATCH_ROWS", 3)
    async with a_process(ledger_dsn, fresh_keys()) as (ledger, keyring):
        await fill(ledger, keyring.vault, 10)
        held = UUID(int=4)
        async with await psycopg.AsyncConnection.connect(ledger_dsn) as sender:
            await sender.execute("UPDATE content SET code = NULL WHERE notification_id = %s", [held])
            task = asyncio.create_task(rotate(ledger, keyring))
            async with asyncio.timeout(20):
                while (await values(ledger)).get(1, 0) > 3:
                    await asyncio.sleep(0.05)
            assert not task.done()
            await sender.commit()
        async with asyncio.timeout(20):
            await task
        assert await values(ledger) == {2: 89}
        async with ledger.transaction() as connection:
            erased = await connection.execute("SELECT notification_id FROM content WHERE code IS NULL")
            assert await erased.fetchall() == [(held,)]


async def test_a_receipt_takes_no_other_change(ledger_dsn: str) -> None:
    """Of a receipt only the seal may change, to a current key: a new body, another key, time or length is refused."""
    async with a_process(ledger_dsn, fresh_keys()) as (ledger, keyring):
        await fill(ledger, keyring.vault, 1)
        await rotate(ledger, keyring)
        await announce_for_later(ledger, keyring)
        for change in (
            "provider = 'other'",
            "received_at = received_at - interval '1 hour'",
            "problem = 'none'",
            "raw = raw || '\\x00'::bytea",
            "raw = set_byte(raw, 20, get_byte(raw, 20) # 1)",
            "raw = set_byte(raw, 2, 1)",
            "raw = set_byte(raw, 2, 9)",
            "raw = set_byte(set_byte(raw, 2, 3), 0, 2)",
            "id = gen_random_uuid()",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation):
                async with ledger.transaction() as connection:
                    await connection.execute(b"UPDATE receipt SET " + change.encode())
        with pytest.raises(psycopg.errors.RestrictViolation):
            async with ledger.transaction() as connection:
                await connection.execute("DELETE FROM receipt")


async def announce_for_later(ledger: Ledger, keyring: Keyring) -> None:
    """A third key, announced and not yet current: nothing may be sealed with it."""
    await rotation.begin(ledger, keyring, WHO)
    async with ledger.transaction() as connection:
        await connection.execute("UPDATE data_key SET current_from = current_from + interval '1 hour' WHERE id = 3")


async def test_a_key_is_retired_when_nothing_rests_on_it(ledger_dsn: str) -> None:
    """Refused: a key that seals, one that did a moment ago, one that a value rests on, one that there is not."""
    async with a_process(ledger_dsn, fresh_keys()) as (ledger, keyring):
        await fill(ledger, keyring.vault, 2)
        assert await rotation.begin(ledger, keyring, WHO) == 2
        await rotation.until_current(keyring, 2)
        with pytest.raises(Conflict, match="less than 10 minutes"):
            await rotation.retire(ledger, keyring, 1, WHO)
        await long_ago(ledger)
        with pytest.raises(Conflict, match="6 values of content rest on data key 1"):
            await rotation.retire(ledger, keyring, 1, WHO)
        with pytest.raises(Conflict, match="data key 2 seals"):
            await rotation.retire(ledger, keyring, 2, WHO)
        with pytest.raises(NotFound, match="no data key 7"):
            await rotation.retire(ledger, keyring, 7, WHO)
        assert await rotate(ledger, keyring) == 2  # went on, and added none
        assert await rotation.retire(ledger, keyring, 1, WHO)
        assert await rotate(ledger, keyring) == 3
        await long_ago(ledger)
        assert not await rotation.retire(ledger, keyring, 2, WHO)
        states = {one.id: (one.state, one.in_use) for one in await rotation.states(ledger, keyring)}
        assert states == {1: ("retired", 0), 2: ("retired", 0), 3: ("current", 18)}
        await keyring.open()
        assert sorted(keyring.keys.data_keys) == [1, 3]


async def long_ago(ledger: Ledger) -> None:
    """As if every key had become current an hour ago."""
    async with ledger.transaction() as connection:
        await connection.execute("UPDATE data_key SET current_from = current_from - interval '1 hour'")


async def test_a_rotation_killed_in_the_middle_while_messages_go_out(tmp_path: Path, ledger_dsn: str) -> None:
    """The command is killed half-way and called again; meanwhile everything is delivered, and in the end all is new."""
    async with a_house(ledger_dsn, tmp_path) as house:
        ledger = house.product.ledger
        await fill(ledger, Vault(load_or_create_keys(tmp_path / "keys.json")), 3000)
        sending = asyncio.create_task(_send_all(house, 30))
        command = [sys.executable, "-m", "esoz_notify.cli", "keys", "rotate", "--data", str(tmp_path), "--json"]
        environment = environment_for_child(dsn=ledger_dsn)
        quiet = asyncio.subprocess.DEVNULL
        first = await asyncio.create_subprocess_exec(*command, env=environment, stdout=quiet, stderr=quiet)
        async with asyncio.timeout(60):
            while not (await values(ledger)).get(2, 0) > 1000:
                assert first.returncode is None, "it ended before it could be killed"
                await asyncio.sleep(0.05)
        first.kill()
        await first.wait()
        half = await values(ledger)
        assert half[1] > 1000 < half[2]
        second = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=quiet
        )
        out, _ = await asyncio.wait_for(second.communicate(), 120)
        assert (second.returncode, b'"went_on": true' in out) == (0, True)
        assert await asyncio.wait_for(sending, 60) == ["delivered"] * 30
        assert list(await values(ledger)) == [2]


async def _send_all(house: House, count: int) -> list[str]:
    """Messages one after the other, each of which must arrive once."""
    ended = []
    for number in range(1, count + 1):
        sent = await house.send(number, f"key-{number}")
        ended.append((await house.until(sent))["status"])
        assert len(await house.shown(number)) == 1
    return ended
