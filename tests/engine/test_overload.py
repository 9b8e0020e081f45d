"""More than can be sent: codes overtake, the rest waits or is asked to come later, and nothing dead is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from tests.engine.product import CALLER, PRESCRIPTION, REFERRAL, a_house, phone

from esoz_notify.core.channel import Channel
from esoz_notify.core.kinds import Lane
from esoz_notify.engine.intake import Asked, Intake
from esoz_notify.engine.overload import Overload, Overloaded
from esoz_notify.engine.requests import read_order
from esoz_notify.settings import read_settings
from esoz_notify.wiring import Product, running

SMSC = "smpp://nobody:nothing@127.0.0.1:1?name=smsc-a"
CODE = {"verification_code": "4821"}


@asynccontextmanager
async def without_worker(dsn: str, folder: Path) -> AsyncIterator[Product]:
    """A product that accepts and sends nothing."""
    settings = read_settings({"ESOZ_NOTIFY_DATA": str(folder), "ESOZ_NOTIFY_SMSCS": SMSC})
    async with running(settings, dsn, api=True, worker=False) as product:
        yield product


def asked(product: Product, kind: str, key: str) -> Asked:
    data = CODE if kind == "confirmation_code" else REFERRAL
    order = read_order({"kind": kind, "recipient": {"phone": phone(1)}, "data": data}, product.ledger.clock.now())
    return Asked(client_id="test", key=key, fingerprint=key.encode(), order=order)


async def test_an_old_long_backlog_lets_in_only_codes(ledger_dsn: str, tmp_path: Path) -> None:
    """Late and long together are overload: documents are asked to come later, codes are taken; then it eases."""
    async with without_worker(ledger_dsn, tmp_path) as product:
        overload = Overload(age_s=5.0, backlog=3)
        everything = frozenset({Channel.SMS})
        intake = Intake(product.ledger, product.operations.vault, product.policies, everything, lambda: None, overload)
        running_intake = asyncio.create_task(intake.run())
        steady = product.ledger.steady()
        for number in range(3):
            await intake.accept(asked(product, "referral_issued", f"early-{number}"))
        await steady.run_loose(overload.look)
        assert not overload.is_on, "a long backlog that is young is just a morning"
        with psycopg.connect(ledger_dsn, autocommit=True) as connection:
            connection.execute("UPDATE delivery SET due_at = due_at - interval '1 minute'")
            await steady.run_loose(overload.look)
            assert overload.is_on
            with pytest.raises(Overloaded) as refused:
                await intake.accept(asked(product, "referral_issued", "late"))
            assert refused.value.code == "overloaded"
            code = await intake.accept(asked(product, "confirmation_code", "code"))
            assert code.stored.state.is_code
            connection.execute(
                "DELETE FROM delivery WHERE ctid IN (SELECT ctid FROM delivery WHERE lane = 'documents' LIMIT 2)"
            )
        await steady.run_loose(overload.look)
        assert not overload.is_on
        await intake.accept(asked(product, "referral_issued", "late"))
        running_intake.cancel()
        await asyncio.gather(running_intake, return_exceptions=True)
        await steady.close()


def test_a_full_queue_says_later() -> None:
    """What is overloaded says so by its code, whoever says it."""
    overload = Overload()
    overload.refuse(Lane.DOCUMENTS)
    overload.is_on = True
    overload.refuse(Lane.CODES)
    with pytest.raises(Overloaded):
        overload.refuse(Lane.DOCUMENTS)


async def test_a_code_overtakes_two_thousand_documents(ledger_dsn: str, tmp_path: Path) -> None:
    """A code asked for when two thousand documents are waiting at a slow provider is there before most of them."""
    async with a_house(ledger_dsn, tmp_path, window_s=60) as house:
        await house.fault(provider="viber", fault="slow", delay_s=2, for_s=60)
        asks = [
            {"kind": "prescription_issued", "recipient": {"phone": phone(1000 + number)}, "data": PRESCRIPTION}
            for number in range(2000)
        ]
        await house.service.accept_batch(CALLER, asks[:1000], "first")
        await house.service.accept_batch(CALLER, asks[1000:], "second")
        code = await house.send(1, "code", "confirmation_code", data=CODE)
        await house.when(code, lambda view: any(one["outcome"] != "submitting" for one in view["attempts"]))
        there = [one["msisdn"] for one in await house.submissions("viber")]
        assert phone(1) in there
        assert len(there) < 1500, "most documents were sent before: nothing was overtaken"


async def test_a_backlog_of_ten_days_sends_nothing_dead(ledger_dsn: str, tmp_path: Path) -> None:
    """After ten days without a worker the living are delivered and the dead expired, and no provider hears of those."""
    count = 600
    async with without_worker(ledger_dsn, tmp_path) as product:
        asks = [
            {
                "kind": "confirmation_code" if number % 3 == 0 else "prescription_issued",
                "recipient": {"phone": phone(number)},
                "data": CODE if number % 3 == 0 else PRESCRIPTION,
            }
            for number in range(count)
        ]
        results = await product.service.accept_batch(CALLER, asks, "backlog")
        ids = [result[0]["id"] for result in results if isinstance(result, tuple)]
        assert len(ids) == count
    dead = [number for number in range(count) if number % 2 == 0]
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(
            "UPDATE delivery SET accepted_at = accepted_at - interval '10 days', due_at = due_at - interval '10 days',"
            " valid_until = valid_until - interval '10 days' WHERE notification_id = ANY(%s::uuid[])",
            [[ids[number] for number in dead]],
        )
        async with a_house(ledger_dsn, tmp_path) as house:
            ended = "SELECT status, count(*) FROM delivery WHERE ended_at IS NOT NULL GROUP BY status"
            found: dict[str, int] = {}
            async with asyncio.timeout(60):
                while sum((found := dict(connection.execute(ended).fetchall())).values()) < count:
                    await asyncio.sleep(0.1)
            submitted = {one["msisdn"] for one in await house.submissions("all")}
        attempts = connection.execute(
            "SELECT count(*) FROM attempt WHERE notification_id = ANY(%s::uuid[])", [[ids[number] for number in dead]]
        )
        assert attempts.fetchone() == (0,)
    assert found == {"expired": len(dead), "delivered": count - len(dead)}
    assert submitted.isdisjoint({phone(number) for number in dead})
    assert len(submitted) == count - len(dead)
