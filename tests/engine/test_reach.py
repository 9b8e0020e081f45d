"""The memory of phones: the second message to a phone without Viber does not ask Viber again."""

from pathlib import Path

import psycopg
from tests.engine.product import a_house, phone

from esoz_notify.core.phone import Phone


async def test_a_phone_without_viber_is_asked_once(ledger_dsn: str, tmp_path: Path) -> None:
    """The first message learns it, the second goes straight to SMS and says why; people can see what is remembered."""
    async with a_house(ledger_dsn, tmp_path) as house:
        await house.phone(1, viber=False)
        first = await house.until(await house.send(1, "a"))
        second = await house.until(await house.send(1, "b"))
        other = await house.until(await house.send(2, "c"))

        assert [one["channel"] for one in first["attempts"]] == ["viber", "sms"]
        assert [one["channel"] for one in second["attempts"]] == ["sms"]
        spared = [one for one in second["decisions"] if one["fact"] == "StepEnded" and one["channel"] == "viber"]
        assert [(one["because"], one["reason"]) for one in spared] == [("remembered", "not_on_channel")]
        assert [one["channel"] for one in other["attempts"]] == ["viber"]
        (seen,) = await house.product.operations.reachability(Phone(phone(1)))
        assert (seen.channel, seen.reason, (seen.until - seen.noted_at).days) == ("viber", "not_on_channel", 7)
        assert await house.product.operations.reachability(Phone(phone(2))) == []


async def test_memory_ends(ledger_dsn: str, tmp_path: Path) -> None:
    """When the time is over Viber is asked again, and a proof makes the rest forgotten."""
    async with a_house(ledger_dsn, tmp_path) as house:
        await house.phone(1, viber=False)
        await house.until(await house.send(1, "a"))
        await house.phone(1, viber=True)
        with psycopg.connect(ledger_dsn, autocommit=True) as connection:
            connection.execute("UPDATE reach SET until = now()")

            view = await house.until(await house.send(1, "b"))

            assert [one["channel"] for one in view["attempts"]] == ["viber"]
            assert connection.execute("SELECT count(*) FROM reach").fetchone() == (0,)
