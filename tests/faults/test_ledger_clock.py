"""Time is the ledger's: a host whose clock is wrong changes nothing; a ledger whose clock is set sends nothing dead.

The ledger's clock is moved by putting another ``ledger_now`` into the test's own ledger, which every session sees at
once, as it sees the clock of a database host being set.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.engine.product import CALLER, a_house
from tests.faults.whole import without_worker

CODE: dict[str, Any] = {"kind": "confirmation_code", "data": {"verification_code": "5193"}}
HOUR_S = 3600


def set_clock(dsn: str, ahead_s: float) -> None:
    """Set the ledger's clock this far ahead of the host's."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE"
            f" AS $$ SELECT clock_timestamp() + interval '{ahead_s} s' $$".encode()
        )


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S])
async def test_a_host_whose_clock_is_an_hour_wrong(ahead_s: float, ledger_dsn: str, tmp_path: Path) -> None:
    """Windows, retries, expiry and polls go by the ledger's clock alone, whatever this host believes."""
    set_clock(ledger_dsn, ahead_s)
    async with a_house(ledger_dsn, tmp_path, window_s=1) as house:
        await house.phone(1, viber_silent=True)
        await house.phone(2, viber=False, sms_absent=True)
        await house.phone(3, tax_id="0000000003")
        soon = house.product.ledger.clock.now() + timedelta(seconds=3)
        silent = await house.send(1, "1", **CODE)
        dead = await house.send(2, "2", **CODE, valid_until=soon.isoformat())
        by_diia = await house.send(3, "3", recipient={"phone": "+380000000003", "tax_id": "0000000003"})

        views = [await house.until(one) for one in (silent, dead, by_diia)]

        assert [view["status"] for view in views] == ["delivered", "expired", "delivered"]
        assert [one["because"] for one in views[0]["decisions"] if one["fact"] == "StepEnded"] == ["window_ended"]
        accepted = datetime.fromisoformat(views[0]["created_at"])
        assert abs((accepted - datetime.now(UTC)).total_seconds() - ahead_s) < 60


async def test_a_clock_set_forward_sends_nothing_dead(ledger_dsn: str, tmp_path: Path) -> None:
    """An hour is gone: what was worth sending for five minutes ends as expired, what is worth a day goes on, once."""
    async with a_house(ledger_dsn, tmp_path, window_s=60) as house:
        for number in (1, 2):
            await house.phone(number, viber_silent=True)
        code = await house.send(1, "1", **CODE)
        document = await house.send(2, "2")
        for one in (code, document):
            await house.when(one, lambda view: [each["outcome"] for each in view["attempts"]] == ["submitted"])

        set_clock(ledger_dsn, HOUR_S)
        views = [await house.until(one) for one in (code, document)]
        fresh = await house.until(await house.send(3, "3", **CODE))

        assert [view["status"] for view in views] == ["expired", "delivered"]
        assert await house.shown(1) == []
        assert [one["channel"] for one in await house.shown(2)] == ["sms"]
        assert len(await house.submissions("sms")) == 1
        assert fresh["status"] == "delivered"


async def test_a_clock_set_back_sends_nothing_twice(ledger_dsn: str, tmp_path: Path) -> None:
    """An hour comes again: what waits for its window waits, what is new goes as ever, and nobody is told twice."""
    async with a_house(ledger_dsn, tmp_path, window_s=2) as house:
        await house.phone(1, viber_silent=True)
        await house.phone(2, reads=False)
        waiting = await house.send(1, "1", **CODE)
        told = await house.send(2, "2", **CODE)
        await house.when(waiting, lambda view: [each["outcome"] for each in view["attempts"]] == ["submitted"])
        await house.until(told)

        set_clock(ledger_dsn, -HOUR_S)
        await asyncio.sleep(3)
        fresh = await house.until(await house.send(3, "3", **CODE))
        seen = await house.service.get(CALLER, waiting)
        set_clock(ledger_dsn, 0)
        ended = await house.until(waiting)

        assert [one["outcome"] for one in seen["attempts"]] == ["submitted"]
        assert (fresh["status"], ended["status"]) == ("delivered", "delivered")
        assert [[one["channel"] for one in await house.shown(number)] for number in (1, 2, 3)] == [
            ["sms"],
            ["viber"],
            ["viber"],
        ]


async def test_a_process_that_only_answers_notices_too(ledger_dsn: str, tmp_path: Path) -> None:
    """Without a worker beside it the API asks for the time on the way: a code accepted now is not already over."""
    async with without_worker(ledger_dsn, tmp_path) as product:
        set_clock(ledger_dsn, HOUR_S)
        await asyncio.sleep(1.2)
        asked = {**CODE, "recipient": {"phone": "+380000000001"}}

        answer, _ = await product.service.accept(CALLER, asked, "key")

        life = datetime.fromisoformat(answer["valid_until"]) - datetime.now(UTC) - timedelta(seconds=HOUR_S)
        assert timedelta(seconds=240) < life <= timedelta(seconds=300)
