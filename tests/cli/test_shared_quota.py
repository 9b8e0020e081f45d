"""Two real processes of the API on one ledger have one quota, and killing one of them gives nothing back."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import psycopg
from tests.cli.commands import run

from esoz_notify.bench.processes import Running, running
from esoz_notify.settings import environment_for_child

QUOTA = 60
UNKNOWN = "/v1/notifications/0198c0de-0000-7000-8000-00000000000f"


@contextmanager
def an_api(name: str, folder: Path, dsn: str) -> Iterator[Running]:
    """A process that answers on a port of its own."""
    smsc = "smpp://a:b@127.0.0.1:1?name=nobody"  # the policies ask for one; an API alone never calls it
    given = environment_for_child(dsn=dsn, data=str(folder), requests_per_min=str(QUOTA), port="0", smscs=smsc)
    with running(name, ["esoz_notify.cli", "api"], given, folder) as process:
        yield process


async def let_through(urls: list[str], tries: int, token: str) -> int:
    """How many of so many requests at once to each are let through."""
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {token}"}) as http:

        async def ask(url: str) -> int:
            async with http.get(f"{url}{UNKNOWN}") as reply:
                return reply.status

        statuses = await asyncio.gather(*(ask(url) for url in urls for _ in range(tries)))
    assert set(statuses) <= {404, 429}
    return statuses.count(404)


async def known_to_each_other(dsn: str) -> None:
    """Wait until every process has settled after the last one came, and so knows how many they are."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection, asyncio.timeout(60):
        (begun,) = await (await connection.execute("SELECT clock_timestamp()")).fetchone() or ()
        while True:
            cursor = await connection.execute(
                "SELECT count(*) FILTER (WHERE seen_at > %s), count(*) FILTER (WHERE seen_at > %s - interval '5 s')"
                " FROM quota_process",
                [begun, begun],
            )
            settled, living = await cursor.fetchone() or (0, 1)
            if settled == living:
                return
            await asyncio.sleep(0.05)


async def test_killing_a_process_gives_no_quota_back(ledger_dsn: str, tmp_path: Path) -> None:
    """Through both goes one quota and what is earned back meanwhile; after SIGKILL and a new start nothing is new."""
    where = {"dsn": ledger_dsn, "data": str(tmp_path)}
    made = run("clients", "create", "mis-1", "--name", "H", "--scope", "notifications:read", "--json", folder=tmp_path,
               **where)  # fmt: skip
    form = {"grant_type": "client_credentials", "client_id": "mis-1", "client_secret": made.json["client_secret"]}
    with an_api("one", tmp_path, ledger_dsn) as one, an_api("two", tmp_path, ledger_dsn) as two:
        urls = [one.ready.split()[0], two.ready.split()[0]]
        async with aiohttp.ClientSession() as http, http.post(f"{urls[0]}/oauth/token", data=form) as reply:
            token = (await reply.json())["access_token"]
        await known_to_each_other(ledger_dsn)
        began_s = time.monotonic()
        through = await let_through(urls, QUOTA, token)
        assert through >= QUOTA - 2
        await known_to_each_other(ledger_dsn)
        os.kill(two.process.pid, signal.SIGKILL)
        with an_api("three", tmp_path, ledger_dsn) as three:
            through += await let_through([three.ready.split()[0]], QUOTA, token)
            took_s = time.monotonic() - began_s
    # One is earned back in a second, and each of three processes may give one more in each.
    assert through <= QUOTA + (1 + 3) * (took_s + 1)
