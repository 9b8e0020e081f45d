"""Probes inside the product: real messages through intake, cascade, worker and the lab's providers, to receipts."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.engine.product import House, a_house, phone

from esoz_notify.core.errors import NotFound, RefusedTransition
from esoz_notify.core.probe import FAILURES_ALARM
from esoz_notify.engine.probing import CLIENT, ProbeStanding, Probing
from esoz_notify.setting_values import ProbePhone
from esoz_notify.settings import Settings

NUMBER = 77


def probed(*, every_s: int = 3600, limit_s: int = 30) -> Callable[[Settings], Settings]:
    """Settings with a test phone for every provider."""
    phones = (ProbePhone("", phone(NUMBER), "0000000077"),)
    return lambda settings: replace(settings, probes=phones, probe_every_s=every_s, probe_limit_s=limit_s)


async def seen(house: House, holds: Callable[[Sequence[ProbeStanding]], bool]) -> tuple[ProbeStanding, ...]:
    """Wait until something holds of what is known of the probes."""
    async with asyncio.timeout(60):
        while not holds(known := await house.product.probing.standings()):
            await asyncio.sleep(0.05)
    return known


def all_good(known: Sequence[ProbeStanding]) -> bool:
    return all(one.last is not None and one.last.judged is not None and one.last.judged.ok for one in known)


async def asked(house: House, statement: str) -> list[tuple[object, ...]]:
    async with house.product.ledger.transaction() as connection:
        return [tuple(row) for row in await (await connection.execute(statement.encode())).fetchall()]


async def test_every_provider_is_tried_in_each_of_its_lanes(ledger_dsn: str, tmp_path: Path) -> None:
    """Each probe goes by its provider and no other, arrives, and is told with its times; people's figures know none."""
    async with a_house(ledger_dsn, tmp_path, window_s=20, change=probed(every_s=2)) as house:
        # Who has no Diia yet has it now; that is remembered of the phone, and a probe goes all the same.
        await house.phone(NUMBER, tax_id="0000000077")
        known = await seen(house, all_good)
        assert {one.provider for one in known} == set(house.product.operations.providers)
        assert ("diia", "codes") not in {(one.provider, one.lane) for one in known}, "no policy sends codes there"
        for one in known:
            assert one.last is not None
            assert one.last.judged is not None
            assert one.last.judged.handed_s is not None
            assert one.last.judged.receipt_s is not None
            assert (one.failures, one.is_alarm) == (0, False)
        went = await asked(
            house,
            "SELECT DISTINCT p.provider = a.provider, n.client_id FROM probe p"
            " JOIN attempt a USING (notification_id) JOIN notification n ON n.id = p.notification_id",
        )
        assert went == [(True, CLIENT)]
        picture = await house.product.overview.picture()
        assert picture.accepted == 0, "probes are no patients"
        assert len(house.product.probing.known) == len(known)


async def test_a_broken_provider_turns_red_and_recovers(ledger_dsn: str, tmp_path: Path) -> None:
    """Failing again and again it becomes an alarm, the others go on; when it works again one good probe clears it."""
    async with a_house(ledger_dsn, tmp_path, window_s=20, change=probed(every_s=1, limit_s=3)) as house:
        await house.fault(provider="viber", fault="refuse", reason="provider", for_s=600)
        await seen(house, lambda known: any(one.failures >= FAILURES_ALARM for one in known))
        known = await house.product.probing.standings()
        assert {one.provider for one in known if one.is_alarm} == {"infobip"}
        assert all(one.last and one.last.judged and one.last.judged.reason for one in known if one.is_alarm)
        await house.heal()
        await seen(house, lambda known: not any(one.failures for one in known if one.provider == "infobip"))
        left = await asked(
            house,
            "SELECT count(*) FROM delivery d JOIN probe p USING (notification_id) WHERE p.ok"
            " = false AND d.ended_at IS NULL",
        )
        assert left == [(0,)], "what failed is withdrawn"


async def test_a_person_asks_and_a_hold_is_respected(ledger_dsn: str, tmp_path: Path) -> None:
    """Asked for, a probe goes at once and the audit says by whom; what is held, or not known, is not probed."""
    async with a_house(ledger_dsn, tmp_path, window_s=20, change=probed()) as house:
        before = await seen(house, lambda known: all(one.last is not None for one in known))
        probing: Probing = house.product.probing
        await probing.ask("infobip", actor="person:n.nichna")
        await probing.ask("infobip", actor="person:n.nichna")  # one is under way: nothing more begins

        def again(known: Sequence[ProbeStanding]) -> bool:
            return [one.last.id for one in known if one.last] != [one.last.id for one in before if one.last]

        await seen(house, again)
        assert await asked(house, "SELECT actor, subject FROM audit WHERE action = 'provider_probed'") == [
            ("person:n.nichna", "provider:infobip")
        ]
        await house.product.operations.hold_provider("infobip", actor="person:n.nichna", why="роботи")
        with pytest.raises(RefusedTransition):
            await probing.ask("infobip", actor="person:n.nichna")
        with pytest.raises(NotFound):
            await probing.ask("nobody", actor="person:n.nichna")
