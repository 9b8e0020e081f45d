"""A worker whose loops no longer move says so at its door, and one that is busy, idle or without a ledger does not."""

import asyncio
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from tests.engine.product import a_house

from esoz_notify.engine import pulse as pulse_rule
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger, Steady
from esoz_notify.engine.metrics import Metrics
from esoz_notify.engine.metrics_door import metrics_door
from esoz_notify.engine.pulse import STILL_S, Pulse

NOWHERE = "host=127.0.0.1 port=1 dbname=nothing"


def test_what_has_not_moved_for_long_is_still() -> None:
    """A loop is still when it has not moved for longer than STILL_S; one that ended is no loop."""
    now = [0.0]
    pulse = Pulse(lambda: now[0])
    pulse.beat("settling")
    pulse.beat("claiming")
    now[0] = STILL_S
    assert pulse.still() == []
    pulse.beat("claiming")
    now[0] += 1
    assert pulse.still() == ["settling"]
    pulse.forget("settling")
    assert pulse.still() == []


async def test_the_door_names_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """200 while loops turn, also when each turn fails for want of a ledger; 503 with the name of one that hangs."""
    monkeypatch.setattr(pulse_rule, "STILL_S", 1.0)
    ledger, hangs = Ledger(NOWHERE, LedgerClock()), asyncio.Event()

    async def fails(steady: Steady) -> None:
        await steady.run(lambda _connection: asyncio.sleep(0))

    async def hanging(_steady: Steady) -> None:
        await hangs.wait()

    loops = [
        asyncio.create_task(ledger.turning("fails", fails, 0.1, vital=True)),
        asyncio.create_task(ledger.turning("hangs", hanging, 0.1, vital=True)),
        asyncio.create_task(ledger.turning("may hang", hanging, 0.1)),
    ]
    try:
        async with metrics_door(Metrics(), ledger.pulse, ("127.0.0.1", 0)) as url, aiohttp.ClientSession() as http:
            address = url.replace("/metrics", "/healthz")
            async with http.get(address) as reply:
                assert (reply.status, await reply.json()) == (200, {"status": "ok"})
            async with asyncio.timeout(30):
                while not ledger.pulse.still():
                    await asyncio.sleep(0.1)
            async with http.get(address) as reply:
                assert (reply.status, await reply.json()) == (503, {"status": "still", "loops": ["hangs"]})
    finally:
        for one in loops:
            one.cancel()
        for one in loops:
            with suppress(asyncio.CancelledError):
                await one
    assert ledger.pulse.still() == []


async def test_a_worker_at_rest_moves(ledger_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing to do for longer than STILL_S none of its loops is taken for one that hangs; there are four."""
    monkeypatch.setattr(pulse_rule, "STILL_S", 8.0)
    async with a_house(ledger_dsn, tmp_path) as house:
        pulse, stills = house.product.ledger.pulse, list[str]()
        for _ in range(20):
            await asyncio.sleep(0.5)
            stills += pulse.still()
        assert stills == []
        monkeypatch.setattr(pulse_rule, "STILL_S", -1.0)
        assert pulse.still() == ["agenda of codes", "agenda of documents", "heartbeat", "replies and receipts"]
