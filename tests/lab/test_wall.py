"""The phone wall: one page without outside help, live, on a wide and on a narrow screen."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import Page, async_playwright
from tests.lab.players import Caller

CHROMIUM = os.environ.get("ESOZ_NOTIFY_TEST_CHROMIUM", "/usr/bin/chromium")


class Stream:
    """The wall's events as they come."""

    def __init__(self, response: Any) -> None:
        self._response = response

    async def next(self) -> tuple[str, Any]:
        """The next event's name and data."""
        name = (await self._response.content.readline()).decode().removeprefix("event: ").strip()
        data = json.loads((await self._response.content.readline()).decode().removeprefix("data: "))
        await self._response.content.readline()
        return name, data


async def test_page_stands_alone(caller: Caller, http: ClientSession) -> None:
    """The page names no other host and forbids itself any."""
    async with http.get(caller.url + "/") as response:
        page = await response.text()
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert 'lang="uk"' in page
    assert "https://" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


async def test_stream_tells_what_is_and_what_changes(caller: Caller, http: ClientSession) -> None:
    """A stream begins with the picture, then tells messages with their phone, and that all is forgotten."""
    await caller.phone("380000000001", viber=False, reads=False)
    async with http.get(caller.url + "/wall/events") as response:
        stream = Stream(response)
        name, picture = await stream.next()
        assert (name, [(phone["msisdn"], phone["viber"]) for phone in picture]) == (
            "picture",
            [("+380000000001", False)],
        )
        await caller.viber("380000000002")
        name, changes = await stream.next()
        assert (name, changes[0]["event"], changes[0]["msisdn"]) == ("changes", "message", "+380000000002")
        assert changes[0]["message"]["text"] == "hello"
        assert changes[0]["phone"]["operator"] == "kyivstar"
        async with http.delete(caller.url + "/phones"):
            pass
        while not any(change["event"] == "forget" for change in changes):
            name, changes = await stream.next()
        assert name == "changes"


async def _wide(page: Page) -> bool:
    wide: bool = await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return wide


@pytest.mark.browser
@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no chromium on this machine")
async def test_wall_is_live_in_a_browser(caller: Caller) -> None:
    """Phones and messages appear without a reload, nothing overflows, nothing goes to another host."""
    asked: list[str] = []
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        await page.goto(caller.url + "/")
        await page.get_by_text("Телефонів поки немає").wait_for()
        await caller.viber(content={"type": "TEXT", "text": "<b>Код</b> 4831"})
        await page.get_by_text("<b>Код</b> 4831").wait_for()
        await page.get_by_text("прочитано").wait_for()
        assert await page.locator(".phone h2").all_inner_texts() == ["+380 00 000 00 01"]
        assert await page.locator("#n-viber").inner_text() == "1"
        await caller.fault("viber", "silent", for_s=60)
        await page.get_by_text("несправність: viber · silent").wait_for()
        assert await _wide(page)
        await page.set_viewport_size({"width": 390, "height": 844})
        assert await _wide(page)
        await page.get_by_role("button", name="English").click()
        await page.get_by_role("heading", name="Phone wall").wait_for()
        await browser.close()
    assert errors == []
    assert {url.split("/")[2] for url in asked} == {caller.url.split("/")[2]}
