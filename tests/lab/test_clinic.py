"""The played clinic: its orders reach phones and paper through the real service."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright
from tests.faults.whole import Whole, a_whole
from tests.lab.players import Caller, eventually

from esoz_notify.cli.dev_client import write_dev_client
from esoz_notify.cli.lab import CALLER_FILE
from esoz_notify.core.kinds import PUBLIC_KINDS
from esoz_notify.lab.settings import LabSettings

CHROMIUM = os.environ.get("ESOZ_NOTIFY_TEST_CHROMIUM", "/usr/bin/chromium")
MOTHER = "380000009005"


@asynccontextmanager
async def open_clinic(ledger_dsn: str, folder: Path) -> AsyncIterator[Whole]:
    """The whole product with a lab whose clinic may call it."""
    lab = LabSettings(latency_ms=(5, 20), caller_file=folder / CALLER_FILE)
    async with a_whole(ledger_dsn, folder, window_s=1, lab=lab) as whole:
        product = whole.product
        await write_dev_client(product.access, product.people, folder, str(product.settings.public_url), _url(whole))
        yield whole


def _url(whole: Whole) -> str:
    return str(whole.lab._base_url).rstrip("/")


async def _order(whole: Whole, patient: str, kind: str = "prescription_issued") -> tuple[int, Any]:
    async with whole.lab.post("/clinic/orders", json={"patient": patient, "kind": kind}) as reply:
        return reply.status, await reply.json(content_type=None)


async def _channels(whole: Whole, msisdn: str) -> list[str]:
    async with whole.lab.get(f"/phones/{msisdn}/messages") as reply:
        return [message["channel"] for message in await reply.json()]


async def test_each_patient_is_told_in_their_own_way(ledger_dsn: str, tmp_path: Path) -> None:
    """Viber to who has it, SMS to a button phone and to who is offline, the mother's phone for a child, paper."""
    async with open_clinic(ledger_dsn, tmp_path) as whole:
        for patient in ("olena", "petro", "ivan", "maria"):
            assert (await _order(whole, patient))[0] == 201
        for msisdn, channel in {
            "380000009001": "viber",
            "380000009002": "sms",
            "380000009003": "sms",
            MOTHER: "viber",
        }.items():
            await eventually(partial(_channels, whole, msisdn), bool)
            assert await _channels(whole, msisdn) == [channel]
        status, made = await _order(whole, "hanna")
        assert (status, made["status"]) == (201, "print_required")
        async with whole.lab.get(f"/clinic/papers/{made['id']}") as reply:
            sheet = await reply.text()
            assert reply.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert "Баба Ганна" in sheet


async def test_every_kind_can_be_ordered(ledger_dsn: str, tmp_path: Path) -> None:
    """The doctor's orders are good data of each kind, with all that a page of it must hold."""
    async with open_clinic(ledger_dsn, tmp_path) as whole:
        for kind in PUBLIC_KINDS:
            status, made = await _order(whole, "hanna", kind)
            assert (kind, status) == (kind, 201), made
        async with whole.lab.get("/clinic") as reply:
            assert len((await reply.json())["papers"]) == len(PUBLIC_KINDS)


async def test_nonsense_is_refused_with_what_is_needed(caller: Caller) -> None:
    """Wrong orders name every field; a clinic that cannot reach a service says so; a sheet that is not there is 404."""
    url = f"{caller.url}/clinic"
    async with caller.http.post(f"{url}/orders", json={"patient": "nobody", "kind": 5, "text": "x"}) as reply:
        problem = await reply.json(content_type=None)
        assert reply.status == 400
        assert [one["pointer"] for one in problem["invalid"]] == ["/patient", "/kind", "/text"]
    async with caller.http.post(f"{url}/orders", data=b"{") as reply:
        assert reply.status == 400
    async with caller.http.post(f"{url}/orders", json={"patient": "olena", "kind": "referral_issued"}) as reply:
        assert (reply.status, "up --lab" in await reply.text()) == (503, True)
    async with caller.http.get(f"{url}/papers/none") as reply:
        assert reply.status == 404
    async with caller.http.get(url) as reply:
        assert (await reply.json())["open"] is False


async def test_a_service_that_refuses_is_quoted(ledger_dsn: str, tmp_path: Path) -> None:
    """Until the caller's file is there the clinic asks for patience; a wrong secret is told in the service's words."""
    async with open_clinic(ledger_dsn, tmp_path) as whole:
        path = tmp_path / CALLER_FILE
        told = json.loads(path.read_text())
        path.write_text("{}")
        status, problem = await _order(whole, "olena")
        assert (status, problem["detail"]) == (503, "the service is not up yet; try again in a moment")
        path.write_text(json.dumps({**told, "client_secret": "esoz_sk_wrong"}))
        status, problem = await _order(whole, "olena")
        assert (status, problem["detail"].split(",")[0]) == (503, "the service says: invalid_client")


@pytest.mark.browser
@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no chromium on this machine")
async def test_a_newcomer_clicks_through_it(ledger_dsn: str, tmp_path: Path) -> None:
    """By clicks alone: a message on a phone, Viber switched off, a provider broken and mended, a sheet of paper."""
    errors: list[str] = []
    async with open_clinic(ledger_dsn, tmp_path) as whole, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        await page.goto(_url(whole))
        await page.get_by_role("button", name="Повідомити").click()
        phone = page.locator(".phone", has_text="Олена, 34")
        await phone.locator("li.viber").wait_for()
        await phone.get_by_role("button", name="Viber", exact=True).click()
        await phone.locator('.switch.viber[aria-pressed="false"]').wait_for()
        await page.get_by_role("button", name="Повідомити").click()
        await phone.locator("li.sms").wait_for()
        await page.get_by_role("button", name="Зламати: SMS, оператор A").click()
        await page.get_by_role("button", name="Полагодити: SMS, оператор A").click()
        await page.get_by_role("button", name="Зламати: SMS, оператор A").wait_for()
        await page.get_by_text("Баба Ганна, 83").click()
        await page.get_by_role("button", name="Повідомити").click()
        await page.frame_locator(".sheet iframe").get_by_text("Баба Ганна").wait_for()
        await page.get_by_role("button", name="English").click()
        await page.get_by_text("Grandma Hanna, 83").wait_for()
        await browser.close()
    assert errors == []
