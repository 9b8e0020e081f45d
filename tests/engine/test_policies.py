"""A publication reaches every running process, and its day brings it to what is accepted from then on."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.engine.product import a_house

from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import NotFound, Unavailable
from esoz_notify.core.kinds import PolicyColumn
from esoz_notify.core.kyiv import kyiv_date
from esoz_notify.core.policy import Policies, load_policies
from esoz_notify.core.policy_draft import DraftState
from esoz_notify.core.policy_proposal import BadDraft, Typed
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.policies import PolicyBook

CONFIGURED = frozenset({Channel.SMS, Channel.VIBER})
FILE = """
[[policy]]
version = "file"
from = 2025-01-01
codes = [{ channel = "sms" }]
documents = [{ channel = "sms" }]
rest = [{ channel = "sms" }]
"""
OLENA, TARAS = "person:olena", "person:taras"


def of_file() -> Policies:
    return load_policies(FILE, source="test", providers={Channel.SMS: ("any",)})


def typed(version: str = "new", days: int = 1) -> Typed:
    day = kyiv_date(datetime.now(UTC)) + timedelta(days=days)
    rows = {column: [("viber", "30"), ("sms", "")] for column in PolicyColumn}
    return Typed(version=version, from_date=day.isoformat(), reason="faster", rows=rows)


def pinned(dsn: str, notification_id: UUID) -> str:
    """The policy and the route of a notification."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT policy || ' ' || route FROM delivery JOIN notification ON id = notification_id WHERE id = %s",
            [notification_id],
        ).fetchone()
    assert row is not None
    return str(row[0])


async def learns(book: PolicyBook, version: str, at: datetime) -> None:
    """Wait until a book knows that a policy will be in force at a time."""
    async with asyncio.timeout(30):
        while book.in_force(at).version != version:
            await asyncio.sleep(0.05)


async def test_a_publication_reaches_another_process(ledger_dsn: str, tmp_path: Path) -> None:
    """What one process publishes a whole product beside it pins to what it accepts on that day, without a restart."""
    ledger = Ledger(ledger_dsn, LedgerClock())
    await ledger.open()
    async with a_house(ledger_dsn, tmp_path) as house:
        book = PolicyBook(ledger, house.product.policies.of_file, house.product.policies.configured)
        await book.open()
        draft = await book.draft(typed(), actor=OLENA)
        before = await house.send(1, "before")
        await book.publish(draft.id, actor=TARAS, compared_with="test")
        day = datetime.now(UTC) + timedelta(days=1)
        await learns(house.product.policies, "new", day)
        assert house.product.policies.in_force(datetime.now(UTC)).version == "test"
        # The product's clock is the ledger's again within a second: on a busy machine this may take more than one try.
        async with asyncio.timeout(60):
            while True:
                house.product.ledger.clock.set(day)
                after = await house.send(1, f"after {uuid4()}")
                if (found := pinned(ledger_dsn, after)).startswith("new"):
                    break
    await ledger.close()
    assert found == "new viber:30,sms"
    assert pinned(ledger_dsn, before).startswith("test ")


async def test_what_is_known_stays_while_the_ledger_is_away(ledger_dsn: str) -> None:
    """A ledger that does not answer takes no policy away, and the coming one begins all the same."""
    ledger = Ledger(ledger_dsn, LedgerClock())
    await ledger.open()
    try:
        one, other = PolicyBook(ledger, of_file(), CONFIGURED), PolicyBook(ledger, of_file(), CONFIGURED)
        draft = await one.draft(typed(), actor=OLENA)
        await one.publish(draft.id, actor=TARAS, compared_with="file")
        await other.open()
    finally:
        await ledger.close()
    away = Ledger("host=127.0.0.1 port=1 dbname=none", LedgerClock())
    with pytest.raises(Unavailable):
        await away.steady().run_loose(other.look)
    now = datetime.now(UTC)
    assert [other.in_force(now + timedelta(days=days)).version for days in (0, 1)] == ["file", "new"]


async def test_acts_on_drafts(ledger_dsn: str) -> None:
    """Nothing counts before it is published, nor after it is taken back; unknown ones and mistakes are refused."""
    ledger = Ledger(ledger_dsn, LedgerClock())
    await ledger.open()
    try:
        book = PolicyBook(ledger, of_file(), CONFIGURED)
        draft = await book.draft(typed(), actor=OLENA)
        with pytest.raises(BadDraft):
            await book.draft(typed(), actor=TARAS)
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert book.in_force(tomorrow).version == "file"
        await book.publish(draft.id, actor=TARAS, compared_with="file")
        assert (await book.publish(draft.id, actor=TARAS, compared_with="")).published is not None
        assert book.in_force(tomorrow).version == "new"
        assert [one.state for one in (await book.shelf()).drafts] == [DraftState.COMING]
        await book.withdraw(draft.id, actor=OLENA, why="not yet")
        assert (await book.withdraw(draft.id, actor=OLENA, why="again")).withdrawn_why == "not yet"
        assert book.in_force(tomorrow).version == "file"
        with pytest.raises(NotFound):
            await book.publish(UUID(int=1), actor=TARAS, compared_with="file")
        with psycopg.connect(ledger_dsn) as connection:
            noted = connection.execute("SELECT actor, action, subject, why FROM audit ORDER BY seq").fetchall()
    finally:
        await ledger.close()
    subject = f"policy:{draft.id}"
    assert noted == [
        (OLENA, "policy_drafted", subject, "faster"),
        (TARAS, "policy_published", subject, None),
        (OLENA, "policy_withdrawn", subject, "not yet"),
    ]


async def test_two_of_one_day_are_not_published_at_once(ledger_dsn: str) -> None:
    """Two people who publish two policies of one day at the same time: one of them is told that the day is taken."""
    ledger = Ledger(ledger_dsn, LedgerClock())
    await ledger.open()
    try:
        book = PolicyBook(ledger, of_file(), CONFIGURED)
        drafts = [await book.draft(typed(name), actor=OLENA) for name in ("a", "b")]
        acts = [book.publish(one.id, actor=TARAS, compared_with="file") for one in drafts]
        answers: list[Any] = await asyncio.gather(*acts, return_exceptions=True)
    finally:
        with contextlib.suppress(Unavailable):
            await ledger.close()
    assert sorted(getattr(one, "code", "done") for one in answers) == ["done", "policy_day_taken"]
