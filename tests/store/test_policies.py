"""Policies in the ledger: what the database refuses whatever the program does."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from esoz_notify.core.crisis import Signature
from esoz_notify.core.kinds import PolicyColumn
from esoz_notify.core.policy import Policy
from esoz_notify.core.policy_draft import Draft
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import policies
from esoz_notify.store.rows import read_route

ID = UUID("0198c0de-0000-7000-8000-000000000001")
ROW: dict[str, Any] = {
    "id": ID,
    "version": "new",
    "from_date": "2026-03-02",
    "codes": "viber:20,sms",
    "documents": "sms",
    "rest": "sms,print",
    "reason": "faster",
    "proposed_by": "olena",
    "proposed_at": "2026-03-01T21:59:00Z",  # the last minute of the day in Kyiv
}
PROPOSE = (
    "INSERT INTO policy_draft (id, version, from_date, codes, documents, rest, reason, proposed_by, proposed_at) VALUES"
    " (%(id)s, %(version)s, %(from_date)s, %(codes)s, %(documents)s, %(rest)s, %(reason)s, %(proposed_by)s,"
    " %(proposed_at)s)"
)
PUBLISH = (
    "INSERT INTO policy_publication (draft_id, proposed_by, from_date, published_by, published_at) VALUES (%s, %s, %s,"
    " %s, %s)"
)
WITHDRAW = (
    "INSERT INTO policy_withdrawal (draft_id, from_date, withdrawn_by, withdrawn_at, reason)"
    " VALUES (%s, %s, 'x', %s, %s)"
)
IN_TIME, TOO_LATE = "2026-03-01T21:59:59Z", "2026-03-01T22:00:00Z"


@pytest.mark.parametrize(
    ("broken", "constraint"),
    [
        ({"codes": "sms,viber"}, "policy_ends_in_a_guaranteed_channel"),
        ({"documents": "viber:20"}, "policy_ends_in_a_guaranteed_channel"),
        ({"rest": ""}, "policy_ends_in_a_guaranteed_channel"),
        ({"rest": "notsms"}, "policy_ends_in_a_guaranteed_channel"),
        ({"proposed_at": TOO_LATE}, "policy_is_of_a_later_day"),
        ({"reason": " "}, "policy_says_why"),
    ],
)
def test_drafts_that_the_ledger_refuses(ledger_dsn: str, broken: dict[str, str], constraint: str) -> None:
    """No route without a guaranteed end, no day that has begun in Kyiv, nothing without a reason, no version twice."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            connection.execute(PROPOSE, {**ROW, **broken})
        assert refused.value.diag.constraint_name == constraint
        connection.execute(PROPOSE, ROW)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(PROPOSE, {**ROW, "id": UUID(int=2)})


@pytest.mark.parametrize(
    ("proposed_by", "from_date", "published_by", "at"),
    [
        ("olena", "2026-03-02", "olena", IN_TIME),
        ("olena", "2026-03-02", " Olena ", IN_TIME),
        ("ivan", "2026-03-02", "olena", IN_TIME),  # a lie about who prepared it
        ("olena", "2026-03-02", "taras", TOO_LATE),
        ("olena", "2026-03-09", "taras", TOO_LATE),  # a lie about its day
    ],
)
def test_the_ledger_itself_asks_for_two_before_the_day(
    ledger_dsn: str, proposed_by: str, from_date: str, published_by: str, at: str
) -> None:
    """No row says that who prepared it published it, nor that it was published on its day; it is published once."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(PROPOSE, ROW)
        with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.ForeignKeyViolation)):
            connection.execute(PUBLISH, [ID, proposed_by, from_date, published_by, at])
        connection.execute(PUBLISH, [ID, "olena", "2026-03-02", "taras", IN_TIME])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(PUBLISH, [ID, "olena", "2026-03-02", "ivan", IN_TIME])


def test_nothing_is_taken_back_on_its_day_or_without_a_reason(ledger_dsn: str) -> None:
    """What has been in force cannot be made not to have been."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(PROPOSE, ROW)
        for at, reason in ((TOO_LATE, "late"), (IN_TIME, " ")):
            with pytest.raises(psycopg.errors.CheckViolation):
                connection.execute(WITHDRAW, [ID, "2026-03-02", at, reason])
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute(WITHDRAW, [ID, "2026-03-09", TOO_LATE, "a lie about its day"])
        connection.execute(WITHDRAW, [ID, "2026-03-02", IN_TIME, "not yet"])


@pytest.mark.parametrize("table", ["policy_draft", "policy_publication", "policy_withdrawal"])
@pytest.mark.parametrize("change", ["UPDATE {} SET from_date = from_date", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_who_did_what_cannot_be_rewritten(ledger_dsn: str, table: str, change: str) -> None:
    """Drafts, publications and withdrawals are append-only for everybody."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(PROPOSE, ROW)
        connection.execute(PUBLISH, [ID, "olena", "2026-03-02", "taras", IN_TIME])
        connection.execute(WITHDRAW, [ID, "2026-03-02", IN_TIME, "not yet"])
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            connection.execute(change.format(table).encode())


async def test_what_is_written_is_read(ledger_dsn: str) -> None:
    """A draft comes back as it was, and only what is published and not taken back counts."""
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    routes = dict.fromkeys(PolicyColumn, read_route("diia:120,viber:90,sms"))
    day = (at + timedelta(days=2)).date()
    made = Draft(
        id=ID,
        policy=Policy(version="new", from_date=day, routes=routes),
        reason="faster",
        proposed=Signature("olena", at),
        published=Signature("taras", at),
        withdrawn=Signature("ivan", at),
        withdrawn_why="not yet",
    )
    ledger = Ledger(ledger_dsn, LedgerClock())
    await ledger.open()
    try:
        async with ledger.transaction() as connection:
            assert await policies.one(connection, ID) is None
            assert not await policies.is_used(connection, "new")
            await policies.propose(connection, made)
            assert await policies.published(connection) == []
            await policies.publish(connection, made)
            assert [one.policy for one in await policies.published(connection)] == [made.policy]
            await policies.withdraw(connection, made)
            assert await policies.published(connection) == []
            assert await policies.every(connection) == [await policies.one(connection, ID)] == [made]
            assert await policies.is_used(connection, "new")
    finally:
        await ledger.close()
