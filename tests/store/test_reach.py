"""The memory of phones in the ledger."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from esoz_notify.core.channel import Channel
from esoz_notify.core.reach import Lesson
from esoz_notify.core.receipts import Reason
from esoz_notify.store import ledger, reach
from esoz_notify.store.ledger import Connection
from esoz_notify.store.planner import fix_plans

WEEK = Lesson(Channel.VIBER, Reason.NOT_ON_CHANNEL, 7 * 86_400)
QUARTER = Lesson(Channel.VIBER, Reason.BLOCKED_BY_USER, 90 * 86_400)
PROOF = Lesson(Channel.VIBER, None)
NOTIFICATION = (
    "INSERT INTO notification (id, client_id, kind, language, policy, phone_index, recipient, created_at, first_status)"
    " VALUES (%s, 'test', 'referral_issued', 'uk', 'test', %s, '{}', now(), 'accepted')"
)


@pytest.fixture
async def connection(ledger_dsn: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(ledger_dsn, autocommit=True) as one:
        yield one


async def to_phone(connection: Connection, index: bytes | None) -> UUID:
    """A notification to a phone, known by its blind index only."""
    notification_id = uuid4()
    await connection.execute(NOTIFICATION, [notification_id, index])
    return notification_id


async def test_what_one_message_taught_is_known_to_the_next(connection: Connection) -> None:
    """Memory is of the phone: another notification to it knows, one to another phone does not, nor one on paper."""
    first, second = await to_phone(connection, b"one"), await to_phone(connection, b"one")
    other, paper = await to_phone(connection, b"two"), await to_phone(connection, None)
    await reach.learn(connection, [(first, WEEK), (paper, WEEK)])
    assert await reach.known(connection, [first, second, other, paper]) == {
        first: {Channel.VIBER: Reason.NOT_ON_CHANNEL},
        second: {Channel.VIBER: Reason.NOT_ON_CHANNEL},
    }


async def test_several_lessons_of_one_phone_in_a_batch(connection: Connection) -> None:
    """Two messages of one batch to the same phone leave one memory, the longest; a later one replaces it."""
    first, second = await to_phone(connection, b"one"), await to_phone(connection, b"one")
    await reach.learn(connection, [(first, WEEK), (second, QUARTER)])
    (kept,) = await reach.of_phone(connection, b"one")
    assert (kept.channel, kept.reason, (kept.until - kept.noted_at).days) == (
        Channel.VIBER,
        Reason.BLOCKED_BY_USER,
        90,
    )
    await reach.learn(connection, [(second, WEEK)])
    (kept,) = await reach.of_phone(connection, b"one")
    assert kept.reason is Reason.NOT_ON_CHANNEL


async def test_a_proof_makes_it_forgotten(connection: Connection) -> None:
    """Only what concerns the channel that proved itself goes."""
    first = await to_phone(connection, b"one")
    sms = Lesson(Channel.SMS, Reason.NUMBER_INACTIVE, 86_400)
    await reach.learn(connection, [(first, WEEK), (first, sms)])
    await reach.learn(connection, [(first, PROOF)])
    assert [one.channel for one in await reach.of_phone(connection, b"one")] == [Channel.SMS]


async def test_it_ends_by_itself(connection: Connection) -> None:
    """What is over is believed no more, and the janitor removes it."""
    first = await to_phone(connection, b"one")
    await reach.learn(connection, [(first, WEEK)])
    await connection.execute("UPDATE reach SET until = now() - interval '1 second'")
    assert await reach.known(connection, [first]) == {}
    assert await reach.of_phone(connection, b"one") == []
    assert await reach.forget_over(connection) == 1


OF_PHONES: dict[str, tuple[str, list[Any]]] = {
    "claim": (ledger._CLAIM, ["documents", [], 100]),
    "known": (reach._KNOWN, [[UUID(int=1)]]),
    "forget": (reach._FORGET, [[UUID(int=1)], ["viber"]]),
}


@pytest.mark.parametrize("what", OF_PHONES)
async def test_only_the_phone_asked_for_is_looked_at(connection: Connection, what: str) -> None:
    """What was planned while nothing was remembered does not go through all that is remembered since."""
    statement, values = OF_PHONES[what]
    await connection.execute(
        "INSERT INTO notification (id, client_id, kind, language, policy, phone_index, recipient, created_at,"
        " first_status) SELECT gen_random_uuid(), 'test', 'referral_issued', 'uk', 'test', int8send(n), '{}', now(),"
        " 'accepted' FROM generate_series(1, 20000) AS n"
    )
    await connection.execute("VACUUM (ANALYZE) notification, reach")
    await fix_plans(connection)

    cursor = await connection.execute(f"EXPLAIN {statement}", values)
    plan = "\n".join(row[0] for row in await cursor.fetchall())

    looks = re.findall(r"Scan (?:using \w+ )?on reach.*\n +(.*)", plan)
    assert looks, plan
    assert all(
        one.startswith(("Index Cond: (phone_index", "Index Cond: ((phone_index", "TID Cond")) for one in looks
    ), plan
