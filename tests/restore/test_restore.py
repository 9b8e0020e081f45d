"""A ledger comes back from its backup to the moment before an accident, and nothing is sent to anybody twice."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.cli.commands import run
from tests.engine.product import PRESCRIPTION
from tests.restore.walk import Past, a_site, accept, archiving, ended, live_through, restored, serving

from esoz_notify.core.delivery import Delivery
from esoz_notify.core.history import replay
from esoz_notify.core.status import Status
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.installation import audit_files
from esoz_notify.store import reading
from esoz_notify.store.migrations import migrate
from esoz_notify.store.vault import Vault, VaultError, field_aad, load_or_create_keys

COUNT = 6


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's account may pass; pytest's own is closed to it."""
    with tempfile.TemporaryDirectory(prefix="esoz-notify-restore-") as home:
        Path(home).chmod(0o755)
        yield Path(home)


async def test_to_the_moment_before_an_accident(folder: Path) -> None:
    """What was accepted before it is there with its history, the audit tells of the restore, and none is sent twice."""
    async with a_site(folder) as site:
        with archiving(folder) as server:
            migrate(server.dsn)
            past = await live_through(site, server, COUNT)
        with restored(folder, "back", past.target) as back, restored(folder, "later", None) as later:
            await all_is_there(back.dsn, past)
            the_audit_tells_of_it(folder, back.dsn, site.settings.audit_anchors_file or audit_files(site.settings)[1])
            await nothing_opens_without_the_keys(folder, back.dsn, past.sent[0])

            before = await site.submissions()
            assert set(before.values()) == {1}
            told = settle(folder, back.dsn, "--later", later.dsn)
            assert {UUID(one["id"]) for one in told["doubtful"]} == set(past.waiting)
            assert told["untouched"] == 0
            async with serving(site, back.dsn, worker=True) as product:
                assert await ended(product, past.waiting) == Counter(cancelled=COUNT)
                again = await accept(product, range(4 * COUNT, 5 * COUNT))
                assert await ended(product, again) == Counter(delivered=COUNT)
            after = await site.submissions()
            assert set(after.values()) == {1}, "somebody got a message twice"
            assert len(after) == len(before) + COUNT


async def all_is_there(dsn: str, past: Past) -> None:
    """Nothing that was accepted before the target is missing, nothing of after it is there, histories replay."""
    ledger = Ledger(dsn, LedgerClock(), pool_size=1)
    await ledger.open()
    try:
        async with ledger.transaction() as connection:
            stored = await reading.some(connection, [*past.kept, *past.late])
            assert {one.id for one in stored} == set(past.kept)
            assert Counter(one.state.status for one in stored) == {
                Status.DELIVERED: 2 * COUNT, Status.ACCEPTED: COUNT,
            }  # fmt: skip
            for one in stored:
                facts = [fact for _, fact in await reading.history(connection, one.id)]
                start = Delivery(
                    status=Status.ACCEPTED,
                    steps=one.state.steps,
                    accepted_at=one.state.accepted_at,
                    valid_until=one.state.valid_until,
                    has_code=one.state.has_code,
                    is_code=one.state.is_code,
                )
                assert replay(start, facts) == one.state
    finally:
        await ledger.close()


def the_audit_tells_of_it(folder: Path, dsn: str, copies: Path) -> None:
    """A copy of an anchor from after the target says that the ledger is older than it; moved away, all is whole."""
    given = {"dsn": dsn, "data": str(folder)}
    done = run("audit", "verify", "--json", folder=folder, **given)
    assert done.code == 1, done.err
    said = " ".join(one["what"] for one in done.json["faults"])
    assert "is newer than the ledger" in said
    assert "restored from a backup" in said

    shutil.move(copies, copies.with_suffix(".before-the-restore"))
    whole = run("audit", "verify", "--json", folder=folder, **given)
    assert (whole.code, whole.json["faults"]) == (0, [])


async def nothing_opens_without_the_keys(folder: Path, dsn: str, notification_id: UUID) -> None:
    """The data of a notification open with the keys document of the time, and with no other."""
    ledger = Ledger(dsn, LedgerClock(), pool_size=1)
    await ledger.open()
    try:
        async with ledger.transaction() as connection:
            sealed = (await reading.sealed_contents(connection, [notification_id]))[notification_id].data
    finally:
        await ledger.close()
    aad = field_aad("content", "data", str(notification_id))
    opened = Vault(load_or_create_keys(folder / "keys.json")).open(sealed, aad=aad)
    assert PRESCRIPTION["request_number"].encode() in opened
    with pytest.raises(VaultError):
        Vault(load_or_create_keys(folder / "other-keys.json")).open(sealed, aad=aad)


def settle(folder: Path, dsn: str, *more: str) -> dict[str, Any]:
    """Withdraw what is in doubt, as an operator does; shown first, and the same is shown then."""
    shown = run("restored", "--json", *more, folder=folder, dsn=dsn, data=str(folder))
    assert shown.code == 0, shown.err
    done = run("restored", "--json", "--yes", *more, folder=folder, dsn=dsn, data=str(folder))
    assert done.code == 0, done.err
    told: dict[str, Any] = done.json
    assert told == {**shown.json, "withdrawn": True}
    return told
