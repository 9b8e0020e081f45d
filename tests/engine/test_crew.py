"""Many workers over one ledger: binds within the operator's cap, and nothing waits for a worker that has none."""

import asyncio
from pathlib import Path

import psycopg
from tests.engine.crew import Hand, a_crew, until
from tests.engine.product import REFERRAL

from esoz_notify.lab.faults import parse_order
from esoz_notify.lab.settings import SMSC_A, SMSC_B

CODE = {"verification_code": "4821"}
CAPS = {SMSC_A: 2, SMSC_B: 1}


def bound(hands: list[Hand]) -> list[list[str]]:
    return [one.binds for one in hands]


async def test_binds_are_shared_within_the_cap(ledger_dsn: str, tmp_path: Path) -> None:
    """A newcomer gets a bind from who has two; who is cut off from the ledger unbinds before its number is taken.

    One that stops leaves its number at once. The SMSCs never see one bind too many, and never have to refuse one.
    """
    async with a_crew(ledger_dsn, tmp_path, binds=CAPS) as crew:
        first = await crew.hire()
        await until(lambda: len(first.binds) == 2)
        second = await crew.hire()
        await until(lambda: bound([first, second]) == [[SMSC_A, SMSC_B], [SMSC_A]])
        third = await crew.hire()
        await until(lambda: sorted(map(len, bound([first, second, third]))) == [1, 1, 1])

        lost, others = third, [first, second]
        lost.relay.cut()
        await until(lambda: not lost.binds)
        await until(lambda: sum(map(len, bound(others))) == 3)
        lost.relay.mend()
        await until(lambda: len(lost.binds) == 1)

        await lost.stop()
        await until(lambda: sum(map(len, bound(others))) == 3)

        for name, cap in CAPS.items():
            counts = crew.smsc(name).counts
            assert (counts.binds_most, counts.binds_refused) == (cap, 0), name


async def test_a_worker_without_a_bind_leaves_messages_to_those_with_one(ledger_dsn: str, tmp_path: Path) -> None:
    """Codes and what Viber refuses are sent by the one worker that has the bind, with no pause and once each."""
    count = 30
    async with a_crew(ledger_dsn, tmp_path, binds={SMSC_A: 1}) as crew:
        hands = [await crew.hire() for _ in range(3)]
        await until(lambda: sum(map(len, bound(hands))) == 1)
        await asyncio.gather(*(_knows(one) for one in hands))
        # Refused in the answer itself, whose reply any worker settles, also one that cannot send the SMS that follows.
        crew.lab.faults.order(
            parse_order({"provider": "viber", "fault": "refuse", "reason": "invalid_number", "share": 1.0})
        )
        for number in range(count):
            kind, data = ("confirmation_code", CODE) if number % 2 else ("referral_issued", REFERRAL)
            await crew.send(hands[number % 3], number, kind, data)
        smsc = crew.smsc(SMSC_A)
        await until(lambda: _ended(ledger_dsn) == count)
        assert smsc.counts.submits == count
    with psycopg.connect(ledger_dsn) as connection:
        pauses = connection.execute(
            "SELECT count(*) FROM history WHERE fact = 'RetryPlanned' AND (record->>'retry_at')::timestamptz > at"
        ).fetchone()
        statuses = connection.execute("SELECT DISTINCT status FROM delivery").fetchall()
    assert (pauses, statuses) == ((0,), [("delivered",)])


async def _knows(hand: Hand) -> None:
    """Wait until a worker has the bind, or has heard that another has it."""
    worker = hand.product.worker
    assert worker is not None
    await until(lambda: bool(hand.binds) or bool(worker.away))


def _ended(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM delivery WHERE ended_at IS NOT NULL").fetchone()
    assert row is not None
    return int(row[0])
