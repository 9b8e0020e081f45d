"""Every fault that a provider can have, on every channel, for a code and for a document: how the notification ends.

The tables of ``fault_table`` are the tests. A call without a decision of its own in the history fails every row.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.engine.product import CALLER, PRESCRIPTION, REFERRAL, House, a_house, phone
from tests.faults.fault_table import LONG_TABLE, TABLE, End, Given

from esoz_notify.core.kinds import KINDS, NUMBER_FIELD, PUBLIC_KINDS
from esoz_notify.core.numbers import NumberFormat
from esoz_notify.lab.faults import REASONS, Fault

CODE: dict[str, Any] = {"kind": "confirmation_code", "data": {"verification_code": "5193"}}
DOCUMENT: dict[str, Any] = {"kind": "prescription_issued", "data": PRESCRIPTION}
KINDS_ASKED = {"code": CODE, "document": DOCUMENT}
TAX_IDS = {"document": "0000000001"}
CALLS = {"AttemptStarted", "AttemptRepeated"}
AFTERMATH_S = 0.3
"""So long nothing more may happen after the end: a repeat that nobody decided would come at once."""


async def ended(house: House, given: Given, kind: str, number: int) -> End:
    """Send a notification into the fault, wait for its end and a little longer, and tell how it ended."""
    tax_id = TAX_IDS[kind] if given.provider == "diia" else None
    await house.phone(number, **{"reads": False, "latency_ms": [20, 60], "tax_id": tax_id, **given.phone})
    asked: dict[str, Any] = {**KINDS_ASKED[kind], "recipient": {"phone": phone(number)}}
    if tax_id:
        asked["recipient"]["tax_id"] = tax_id
    if given.life_s:
        valid_until = house.product.ledger.clock.now() + timedelta(seconds=given.life_s)
        asked["valid_until"] = valid_until.isoformat()
    notification_id = await house.send(number, f"key-{number}", **asked)

    await house.until(notification_id, limit_s=40)
    await asyncio.sleep(AFTERMATH_S)

    view = await house.service.get(CALLER, notification_id)
    calls = [one for one in view["decisions"] if one["fact"] in CALLS]
    assert len(calls) == sum(one["calls"] for one in view["attempts"]), "a call left without a decision"
    taken = [one for one in await house.submissions("all") if one["msisdn"] == phone(number)]

    def name(provider: str) -> str:
        return provider[:4] if given.any_smsc and provider.startswith("smsc") else provider

    return End(
        status=view["status"],
        did=" ".join(f"{name(one['provider'])}={one['outcome']}" for one in view["attempts"]),
        took=" ".join(sorted(name(one["provider"]) for one in taken if one.get("part") in {None, 1})),
        shown=" ".join(sorted(one["channel"] for one in await house.shown(number))),
        why=" ".join(one["because"] for one in calls),
    )


async def check(given: Given, end: End, dsn: str, folder: Path) -> None:
    """One row of a table: every kind it names at once, in a house of its own."""
    async with a_house(dsn, folder, window_s=given.window_s) as house:
        await house.fault(provider=given.provider, fault=given.fault, **given.order)
        ends = await asyncio.gather(*(ended(house, given, kind, no) for no, kind in enumerate(given.kinds, start=1)))
        await house.fault(provider=given.provider, fault="outage")  # cuts calls that would be waited for at the end
    wrong = {kind: seen for kind, seen in zip(given.kinds, ends, strict=True) if not end.fits(seen)}
    assert wrong == {}, f"{given} must end as {end}"


@pytest.mark.parametrize(("given", "end"), [pytest.param(*row, id=str(row[0])) for row in TABLE])
async def test_every_fault_has_its_end(given: Given, end: End, ledger_dsn: str, tmp_path: Path) -> None:
    """Whatever a provider does, the person is told once by the best way left, and every call was decided."""
    await check(given, end, ledger_dsn, tmp_path)


@pytest.mark.parametrize("rows", [LONG_TABLE[:7], LONG_TABLE[7:]], ids=["unanswered", "refused by both"])
async def test_every_fault_that_takes_its_time_has_its_end(
    rows: list[tuple[Given, End]], new_ledger: Callable[[], str], tmp_path: Path
) -> None:
    """A provider that does not answer is waited for; then the repeat that its capability allows, and no other."""

    async def one(number: int, given: Given, end: End) -> None:
        (tmp_path / str(number)).mkdir()
        await check(given, end, new_ledger(), tmp_path / str(number))

    async with asyncio.TaskGroup() as group:
        for number, (given, end) in enumerate(rows):
            group.create_task(one(number, given, end))


def test_the_tables_hold_every_fault() -> None:
    """No fault that the lab can play is missing, nor any reason of a refusal."""
    rows = [given for given, _ in TABLE + LONG_TABLE]
    sides = {"viber": {"viber"}, "sms": {"sms", "smsc-a"}, "diia": {"diia"}}
    pushed_only = {fault for fault in Fault if fault.startswith("receipt")}
    for side, providers in sides.items():
        known = {row.fault for row in rows if row.provider in providers}
        assert known == set(Fault) - (pushed_only if side == "diia" else set()), side
        reasons = {row.order["reason"] for row in rows if row.provider in providers and row.fault == "refuse"}
        assert reasons == set(REASONS["smsc-a" if side == "sms" else side]) - {"bind"}, side


async def test_a_refused_bind_leaves_it_to_the_other_operator(ledger_dsn: str, tmp_path: Path) -> None:
    """An operator that takes no bind is not asked again and again, and is said to be misconfigured."""
    async with a_house(ledger_dsn, tmp_path) as house:
        await house.phone(1, viber=False)
        await house.fault(provider="smsc-a", fault="refuse", reason="bind")
        await house.fault(provider="smsc-a", fault="disconnect", for_s=0.1)
        async with asyncio.timeout(10):
            while house.product.links[0].state != "misconfigured":
                await asyncio.sleep(0.02)

        view = await house.until(await house.send(1, "a"))

        assert view["attempts"][-1]["provider"] == "smsc-b"
        assert house.product.links[0].last_error == "bind refused: 0x0000000D RBINDFAIL"


async def test_throttling_does_not_end_the_bind(ledger_dsn: str, tmp_path: Path) -> None:
    """Told to slow down, we slow down: nothing is lost of a burst, and the bind stays."""
    async with a_house(ledger_dsn, tmp_path) as house:
        for number in range(20):
            await house.phone(number, viber=False, latency_ms=[20, 60])
        await house.fault(provider="sms", fault="throttle", share=0.3, for_s=1)

        sent = [await house.send(number, f"key-{number}", **CODE) for number in range(20)]
        await asyncio.gather(*(house.until(one, "delivered", limit_s=30) for one in sent))

        assert [len(await house.shown(number)) for number in range(20)] == [1] * 20
        assert [link.state for link in house.product.links] == ["up", "up"]
        assert [link.last_error for link in house.product.links] == ["", ""]


async def test_a_connection_cut_in_mid_window(ledger_dsn: str, tmp_path: Path) -> None:
    """Submits whose answers the cut took away are unknown, and each is repeated once, by the other operator."""
    async with a_house(ledger_dsn, tmp_path) as house:
        numbers = range(10)
        for number in numbers:
            await house.phone(number, viber=False, latency_ms=[20, 60])
        await house.fault(provider="smsc-a", fault="slow", delay_s=20)
        sent = [await house.send(number, f"key-{number}", **CODE) for number in numbers]
        await asyncio.gather(*(house.when(one, lambda view: len(view["attempts"]) == 2) for one in sent))
        await house.fault(provider="smsc-a", fault="outage", for_s=30)

        views = await asyncio.gather(*(house.until(one, "delivered", limit_s=30) for one in sent))

        for view in views:
            assert [(one["provider"], one["outcome"]) for one in view["attempts"][1:]] == [
                ("smsc-a", "unknown"),
                ("smsc-b", "delivered"),
            ]
        assert [len(await house.shown(number)) for number in numbers] == [1] * 10


async def test_every_kind_passes_a_provider_that_is_busy(ledger_dsn: str, tmp_path: Path) -> None:
    """Every kind there is: tried again when Viber asks for less, and shown once with its own datum."""
    data = {name: _data(name) for name in PUBLIC_KINDS}
    async with a_house(ledger_dsn, tmp_path, window_s=28) as house:
        await house.fault(provider="viber", fault="throttle", for_s=2)
        sent = {
            name: await house.send(number, name, name, data=data[name]) for number, name in enumerate(data, start=1)
        }

        views = {name: await house.until(one, "delivered") for name, one in sent.items()}

        for number, (name, view) in enumerate(views.items(), start=1):
            shown = await house.shown(number)
            assert [one["channel"] for one in shown] == ["viber"], name
            assert all(value in shown[0]["text"] for value in data[name].values()), name
            reasons = [one["reason"] for one in view["attempts"]]
            assert (reasons[0], set(reasons[:-1]), reasons[-1]) == ("throttled", {"throttled"}, None), name


def _data(name: str) -> dict[str, str]:
    formats = {one.name: one.format for one in KINDS[name].fields}
    if NUMBER_FIELD not in formats:
        return {"verification_code": "5193"}
    return PRESCRIPTION_NUMBER if formats[NUMBER_FIELD] is NumberFormat.PRESCRIPTION else REFERRAL


PRESCRIPTION_NUMBER = {NUMBER_FIELD: PRESCRIPTION[NUMBER_FIELD]}
