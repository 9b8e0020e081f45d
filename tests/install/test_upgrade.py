"""A newer version goes on where the one before left off, on the same folder; the way back harms nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import psycopg
import pytest
from psycopg import sql
from tests.install.builds import Installed, install, up
from tests.install.earlier import OLDER, extract, previous

from esoz_notify.client import NotifyClient
from esoz_notify.store import embedded
from esoz_notify.store.migrations import Stage, migration_files

ENDED, *WAITING = (f"+38000000000{number}" for number in range(1, 5))
DATA = {"ESOZ_NOTIFY_DATA": "data"}
NUMBER = {"request_number": "0123-4567-89AB-CEIK"}
OURS = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migration'"
COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
ROWS = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM (SELECT {} FROM {}) t"
Contents = Mapping[str, Mapping[str, Any]]


@pytest.fixture
def earlier(tmp_path: Path) -> Installed:
    """The version before, from its own lock in an environment of its own."""
    code = tmp_path / "code"
    extract(previous(), code)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheels")]
    subprocess.run(build, cwd=code, check=True, capture_output=True)
    wheel = next((tmp_path / "wheels").glob("*.whl"))
    return install(tmp_path / "earlier", code / "requirements" / "runtime.txt", wheel)


@contextmanager
def ledger(folder: Path) -> Iterator[psycopg.Connection]:
    """The ledger of a folder on which nothing runs."""
    with embedded.start(folder) as server, closing(psycopg.connect(server.dsn, autocommit=True)) as connection:
        yield connection


def applied(connection: psycopg.Connection) -> set[str]:
    """What the ledger says was applied."""
    return {name for (name,) in connection.execute("SELECT name FROM migration")}


def contents(connection: psycopg.Connection, of: Contents | None = None) -> Contents:
    """Every table with its rows, in the columns that it has, or had before."""
    tables = of or {name: {} for (name,) in connection.execute(OURS)}
    found = {}
    for table in tables:
        now = [name for (name,) in connection.execute(COLUMNS, [table])]
        names = sorted(set(now) & set(of[table]["columns"])) if of else sorted(now)
        statement = sql.SQL(
            "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM (SELECT {} FROM {}) t"
        )
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        rows = connection.execute(statement.format(columns, sql.Identifier(table))).fetchone()
        found[table] = {"columns": tuple(names), "rows": rows}
    return found


def publish(connection: psycopg.Connection) -> None:
    """A policy of a later day, prepared and published by two people."""
    draft, day = uuid4(), datetime.now(UTC).date() + timedelta(days=30)
    steps = "viber:60,sms"
    connection.execute(
        "INSERT INTO policy_draft VALUES (%s, 'later', %s, %s, %s, %s, 'a test', 'o.one', now())",
        [draft, day, steps, steps, steps],
    )
    connection.execute("INSERT INTO policy_publication VALUES (%s, 'o.one', %s, 'o.two', now())", [draft, day])


async def begin(caller: dict[str, Any]) -> dict[str, str]:
    """One notification that ended, others that wait because no provider can be reached; ids by phone."""
    made = {}
    async with (
        NotifyClient(caller["base_url"], caller["client_id"], caller["client_secret"]) as service,
        aiohttp.ClientSession(caller["lab_url"]) as lab,
    ):
        for phone in (ENDED, *WAITING):
            sent = await service.send(
                "referral_issued", NUMBER, recipient={"phone": phone}, idempotency_key=f"upgrade-{phone}"
            )
            made[phone] = sent["id"]
            if phone == ENDED:
                assert (await service.wait(sent["id"]))["status"] == "delivered"
                async with lab.post("/faults", json={"provider": "all", "fault": "outage"}) as reply:
                    reply.raise_for_status()
        assert [(await service.get(made[phone]))["terminal"] for phone in made] == [True, False, False, False]
    return made


async def go_on(caller: dict[str, Any], made: Mapping[str, str]) -> None:
    """What waited is delivered once, what had ended is as it was, a repeated request is known."""
    async with (
        NotifyClient(caller["base_url"], caller["client_id"], caller["client_secret"]) as service,
        aiohttp.ClientSession(caller["lab_url"]) as lab,
    ):
        async with lab.delete("/faults") as reply:
            reply.raise_for_status()
        for phone, notification_id in made.items():
            again = await service.send(
                "referral_issued", NUMBER, recipient={"phone": phone}, idempotency_key=f"upgrade-{phone}"
            )
            assert again["id"] == notification_id
            view = await service.wait(notification_id, timeout_s=180)
            assert view["status"] == "delivered"
            async with lab.get(f"/phones/{phone}/messages") as reply:
                assert len(await reply.json()) == 1, phone


def doctor(program: Installed, folder: Path) -> dict[str, Any]:
    """What the doctor of a version says of each thing."""
    done = program.run("esoz-notify", "doctor", "--lab", "--data", "data", "--json", folder=folder)
    return {one["name"]: one for one in json.loads(done.stdout)["checks"]} | {"ok": json.loads(done.stdout)["ok"]}


async def test_it_goes_on_where_the_earlier_one_left_off(
    earlier: Installed, installed: Installed, tmp_path: Path
) -> None:
    """Nothing is lost or sent twice; people, callers, keys and policies are known; both doctors say what is so."""
    data = tmp_path / "data"
    with up(earlier, tmp_path) as caller:
        made = await begin(caller)
    with ledger(data) as connection:
        publish(connection)
        older, before = applied(connection), contents(connection)
    added = [name for name in migration_files() if name not in older]

    if added:
        assert "run  esoz-notify migrate" in doctor(installed, tmp_path)["migrations"]["fix"]
    moved = installed.run("esoz-notify", "migrate", "--data", "data", folder=tmp_path)
    assert moved.returncode == 0, moved.stderr
    assert all(name in moved.stdout for name in added)
    with ledger(data) as connection:
        assert contents(connection, before) == before

    with up(installed, tmp_path) as now:
        for known in ("client_id", "client_secret", "operator"):
            assert now[known] == caller[known], "what still opens is not made anew"
        await go_on(now, made)
    assert doctor(installed, tmp_path)["ok"]
    shown = json.loads(installed.run("esoz-notify", "policy", "show", "--json", folder=tmp_path, **DATA).stdout)
    assert [one["version"] for one in shown["policies"] if one["of"] == "ledger"] == ["later"]

    with ledger(data) as connection:
        before = contents(connection)
    back = earlier.run("esoz-notify", "migrate", "--data", "data", folder=tmp_path)
    if previous() == OLDER or any(Stage.POST.has(name) for name in added):
        assert back.returncode == 2
        assert "which this program does not know" in back.stderr
        assert not doctor(earlier, tmp_path)["ok"]
    else:
        assert back.returncode == 0, back.stderr
        with up(earlier, tmp_path) as again:
            assert again["client_secret"] == caller["client_secret"]
    with ledger(data) as connection:
        assert contents(connection, before) == before
    assert doctor(installed, tmp_path)["ok"]
