"""The ledger goes away, refuses to write, runs out of space, or has its clock moved: the product says so and goes on.

Every test hurts a PostgreSQL of its own.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.engine.product import phone
from tests.faults.conftest import OwnServer
from tests.faults.whole import Whole, a_whole

from esoz_notify.lab.settings import LabSettings

AWAY_S = 6.0
"""Longer than a lease: whoever takes over what is in hand does so within it."""
SLOW_S = 2.0
TAX_ID = "0000000003"


async def readiness(whole: Whole) -> tuple[int, str]:
    """Status of /readyz and the state of the ledger in it."""
    status, said = await whole.call("GET", "/readyz")
    return status, said["checks"]["ledger"]["state"]


async def ready(whole: Whole, state: int, limit_s: float = 20) -> None:
    """Wait until /readyz answers with a status."""
    async with asyncio.timeout(limit_s):
        while (await whole.call("GET", "/readyz"))[0] != state:
            await asyncio.sleep(0.1)


def facts_of(view: dict[str, Any]) -> list[str]:
    """The facts of a notification's history, in order."""
    return [one["fact"] for one in view["decisions"]]


async def one_each(whole: Whole) -> dict[str, UUID]:
    """One notification on its way by each channel, its provider thinking about it."""
    await whole.phone(1, reads=False, latency_ms=[20, 60])
    await whole.phone(2, viber=False, reads=False, latency_ms=[20, 60])
    await whole.phone(3, tax_id=TAX_ID, latency_ms=[20, 60])
    by_diia = {"phone": phone(3), "tax_id": TAX_ID}
    sent = {
        "sms": await whole.send(2, "sms"),
        "diia": await whole.send(4, "warm-up", recipient={"phone": phone(4), "tax_id": "0000000004"}),
    }
    await whole.until(sent["diia"])  # Diia's bearer and template are known from here on
    await whole.until(sent["sms"])
    for provider in ("viber", "sms", "diia"):
        await whole.fault(provider=provider, fault="slow", delay_s=SLOW_S, for_s=None)
    sent = {
        "viber": await whole.send(1, "1"),
        "sms": await whole.send(2, "2"),
        "diia": await whole.send(3, "3", recipient=by_diia),
    }
    for one in sent.values():
        await whole.when(one, lambda view: [each["outcome"] for each in view["attempts"]] == ["submitting"])
    return sent


async def test_what_providers_say_meanwhile_is_recorded_afterwards(
    own_server: OwnServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While the ledger is away callers are told so; what providers say meanwhile is neither lost nor sent again."""
    caplog.set_level(logging.INFO)
    smscs = tuple(replace(one, receipt_retry_s=0.5) for one in LabSettings().smscs)
    impatient = LabSettings(latency_ms=(5, 20), callback_retry_s=0.3, callback_retries_max=12, smscs=smscs)
    async with a_whole(own_server.dsn, tmp_path, window_s=60, lab=impatient) as whole:
        sent = await one_each(whole)
        took = {name: len(await whole.submissions(name)) for name in ("viber", "sms", "diia")}

        await asyncio.to_thread(own_server.kill)
        began = asyncio.get_running_loop().time()
        status, problem = await whole.post(9, "while-away")
        away = await readiness(whole)
        report = await whole.report(f"{sent['viber']}.0")
        await asyncio.sleep(max(AWAY_S - (asyncio.get_running_loop().time() - began), 0))
        accepted_meanwhile = {name: len(await whole.submissions(name)) - took[name] for name in took}
        await asyncio.to_thread(own_server.start)
        await ready(whole, 200)
        again, answer = await whole.post(9, "while-away")
        for one in sent.values():
            await whole.until(one, "delivered", limit_s=30)
        await whole.heal()
        await whole.until(UUID(answer["id"]), "delivered", limit_s=30)
        await asyncio.sleep(1)

        assert (status, problem["code"]) == (503, "unavailable")
        assert away == (503, "away")
        assert report == 503
        assert again == 202
        assert accepted_meanwhile == {"viber": 1, "sms": 1, "diia": 1}, "providers were to answer while it was away"
        assert {name: len(await whole.submissions(name)) - took[name] for name in took} == {
            "viber": 2,  # the second is the one that was asked for afterwards
            "sms": 1,
            "diia": 1,
        }
        for one in sent.values():
            view = await whole.when(one, lambda seen: "AttemptAccepted" in facts_of(seen))
            assert [one["calls"] for one in view["attempts"]] == [1]
            assert "AttemptUnknown" not in facts_of(view)
        assert "replies and receipts: the ledger does not answer" in caplog.text


async def test_a_ledger_that_may_only_be_read(
    own_server: OwnServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A read-only ledger takes nothing: callers are told so, nothing is half-done, and work goes on when it may."""
    async with a_whole(own_server.dsn, tmp_path, window_s=60) as whole:
        await whole.fault(provider="viber", fault="slow", delay_s=1.5, for_s=None)
        on_its_way = await whole.send(1, "1")
        await whole.when(on_its_way, lambda view: [one["outcome"] for one in view["attempts"]] == ["submitting"])

        own_server.tell("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        await ready(whole, 503)
        not_ready = await readiness(whole)
        status, problem = await whole.post(2, "while-read-only")
        callback = await whole.report(f"{on_its_way}.0")
        read, _ = await whole.call("GET", f"/v1/notifications/{on_its_way}")
        await asyncio.sleep(3)
        own_server.tell(
            "SET default_transaction_read_only = off",
            "ALTER SYSTEM RESET default_transaction_read_only",
            "SELECT pg_reload_conf()",
        )
        await ready(whole, 200)
        again, answer = await whole.post(2, "while-read-only")
        for one in (on_its_way, UUID(answer["id"])):
            await whole.until(one, "delivered", limit_s=30)

        assert not_ready == (503, "read_only")
        assert (status, problem["code"]) == (503, "unavailable")
        assert "read-only" in problem["detail"]
        assert callback == 503
        assert read == 200
        assert again == 202
        assert len(await whole.submissions("viber")) == 2
        assert await whole.sql("SELECT count(*) FROM notification") == [(2,)]
        assert "read-only" in caplog.text


def fill(folder: Path) -> Path:
    """Leave no space in a file system; gives the file to remove."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 16)):
            pass
    return ballast


async def test_a_full_disk(small_server: OwnServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without space nothing more is taken, nothing taken is lost, and work goes on by itself when there is space."""
    async with a_whole(small_server.dsn, tmp_path, window_s=60) as whole:
        ballast = await asyncio.to_thread(fill, small_server.home)
        answers: list[tuple[int, Any]] = []
        async with asyncio.timeout(60):
            while not answers or answers[-1][0] == 202:
                answers.append(await whole.post(len(answers), f"key-{len(answers)}"))
        status, problem = answers.pop()
        await asyncio.sleep(1)
        attempts_then = (await whole.sql("SELECT count(*) FROM attempt"))[0][0]
        took_then = len(await whole.submissions("viber"))

        ballast.unlink()
        async with asyncio.timeout(30):
            while (await whole.post(len(answers), f"key-{len(answers)}"))[0] != 202:
                await asyncio.sleep(0.2)
        for _, answer in answers:
            await whole.until(UUID(answer["id"]), "delivered", limit_s=30)

        assert (status, problem["code"]) == (503, "unavailable")
        assert "no space left" in problem["detail"]
        assert "no space left" in caplog.text
        assert took_then <= attempts_then, "something was sent that is in no history"
        assert await whole.sql("SELECT count(*) FROM notification") == [(len(answers) + 1,)]
        assert [len(await whole.shown(number)) for number in range(len(answers))] == [1] * len(answers)
