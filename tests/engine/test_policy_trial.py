"""Trying a draft on the ledger: what is read of notifications that are over, and what is left aside."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.engine.yesterday import Attempts, write, yesterday

from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.kinds import PolicyColumn
from esoz_notify.core.policy import Policy
from esoz_notify.core.policy_trial import Shown
from esoz_notify.engine.clock import LedgerClock, first_id
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.policy_trial import HOUR_MAX, PolicyTrials, story
from esoz_notify.store import policies
from esoz_notify.store.policies import TriedRow

PRICES = {Channel.DIIA: Decimal(0), Channel.VIBER: Decimal("0.38"), Channel.SMS: Decimal("0.45")}
MINUTE = timedelta(minutes=1)
CONFIGURED = frozenset({Channel.VIBER, Channel.SMS})


@pytest.fixture
async def ledger(ledger_dsn: str) -> AsyncIterator[Ledger]:
    opened = Ledger(ledger_dsn, LedgerClock())
    await opened.open()
    yield opened
    await opened.close()


async def read(ledger: Ledger, at: datetime) -> list[TriedRow]:
    async with ledger.transaction() as connection:
        return await policies.tried(connection, first_id(at), first_id(at + timedelta(hours=1)), HOUR_MAX)


async def test_what_a_row_shows(ledger: Ledger) -> None:
    """Attempts by channel from their beginning on; what was passed over, and who has no tax number, at once in vain."""
    at = datetime.now(UTC) - timedelta(hours=3)
    async with ledger.transaction() as connection:
        attempts: Attempts = [
            ("viber", "submitted", 0.5, None),
            ("sms", "failed", 21.0, 22.0),
            ("sms", "delivered", 23.0, 27.5),
        ]
        await write(connection, at, attempts)
        await write(
            connection, at + MINUTE, [("sms", "read", 1.0, 4.0)], route="diia:9,viber:20,sms", skipped=("diia",)
        )
        await write(connection, at + 2 * MINUTE, [], route="viber:20,print", status="printed")
    late, passed, printed = (story(row) for row in reversed(await read(ledger, at)))
    assert (late.column, late.life_s, late.begun_s) == (PolicyColumn.CODES, 300.0, 0.5)
    assert (late.told_s, late.told_by) == (27.5, Channel.SMS)
    assert late.shown == {Channel.VIBER: Shown(), Channel.SMS: Shown(proved_s=6.5, parts=4)}
    assert passed.shown == {
        Channel.DIIA: Shown(refused_s=0.0),
        Channel.VIBER: Shown(refused_s=0.0),
        Channel.SMS: Shown(proved_s=3.0, parts=2),
    }
    assert (printed.told_by, printed.told_s, printed.shown) == (Channel.PRINT, 300.0, {})


async def test_what_is_left_aside(ledger: Ledger) -> None:
    """Paper from the start, what is cancelled, sent again or still open, other hours, and all beyond the bound."""
    at = datetime.now(UTC) - timedelta(hours=3)
    done: Attempts = [("sms", "delivered", 1.0, 2.0)]
    async with ledger.transaction() as connection:
        await write(connection, at, [], route="print", status="printed")
        await write(connection, at, [], status="cancelled")
        await write(connection, at - timedelta(hours=2), done)
        again = await write(connection, at, done)
        await connection.execute("UPDATE delivery SET resent_at = %s WHERE notification_id = %s", [[at], again])
        still = await write(connection, at, done)
        await connection.execute(
            "UPDATE delivery SET status = 'in_delivery', ended_at = NULL, due_at = now() WHERE notification_id = %s",
            [still],
        )
        for _ in range(3):
            await write(connection, at, done)
        assert len(await policies.tried(connection, first_id(at), first_id(at + timedelta(hours=1)), 2)) == 2
    assert len(await read(ledger, at)) == 3


async def test_a_draft_is_tried(ledger: Ledger) -> None:
    """A wider window for Viber saves SMS and costs time; a column of which nothing is known is said to be so."""
    now = datetime.now(UTC)
    async with ledger.transaction() as connection:
        await yesterday(connection, now, 200)
    steps = (Step(Channel.DIIA, 30.0), Step(Channel.VIBER, 60.0), Step(Channel.SMS))
    draft = Policy(version="x", from_date=date(2030, 1, 1), routes=dict.fromkeys(PolicyColumn, steps))
    report = await PolicyTrials(ledger, CONFIGURED, PRICES).attempt(draft)
    codes, documents, _ = report.trials
    assert (report.count, codes.count, documents.count, documents.really) == (200, 200, 0, None)
    assert codes.really is not None
    assert codes.drafted is not None  # Diia has no provider here, so that nothing need be known of it
    assert codes.really.within_life == codes.drafted.within_life == pytest.approx(0.95)
    assert codes.drafted.by[Channel.VIBER] == pytest.approx(0.7)
    assert codes.drafted.within_60s < codes.really.within_60s
    assert codes.drafted.cost_per_1000 < codes.really.cost_per_1000
