"""The doctor's page in a real browser: signing in, finding, printing, resending, by keyboard and on both widths."""

import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright
from pypdf import PdfReader
from tests.api.desk import Desk
from tests.console.visitor import LOGIN, NUMBER, PASSWORD, by_phone, on_paper, rows

CHROMIUM = os.environ.get("ESOZ_NOTIFY_TEST_CHROMIUM", "/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no chromium on this machine"),
]


@dataclass
class Browser:
    """A page of a browser, with what it complained of and whom it asked."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def listen(self) -> None:
        """Write complaints and hosts down."""
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda one: self.complaints.append(one.text) if one.type == "error" else None)
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))

    async def sign_in(self) -> None:
        """Sign in by the keyboard alone: the fields come one after the other."""
        await self.page.goto("/print")
        await self.page.keyboard.type(LOGIN)
        await self.page.keyboard.press("Tab")
        await self.page.keyboard.type(PASSWORD)
        await self.page.keyboard.press("Enter")
        await self.page.get_by_role("heading", name="Потрібно надрукувати").wait_for()

    async def enter(self, login: str) -> None:
        """Sign in as any person; they are where they begin then."""
        await self.page.goto("/sign-in")
        await self.page.locator("#login").fill(login)
        await self.page.locator("#password").fill(PASSWORD)
        await self.page.keyboard.press("Enter")
        await self.page.locator(".person").wait_for()

    async def find(self, wanted: str) -> None:
        """Search by the keyboard: the field has the focus already."""
        await self.page.locator("#wanted").focus()
        await self.page.keyboard.type(wanted)
        await self.page.keyboard.press("Enter")

    async def fits(self) -> bool:
        """Whether nothing is wider than the window."""
        answer: bool = await self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        return answer


@asynccontextmanager
async def a_browser(desk: Desk, **options: Any) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        given = {"viewport": {"width": 1024, "height": 768}, "base_url": desk.base_url, **options}
        context = await chromium.new_context(**given)
        # Headless browsers have no print window: it is counted instead of shown.
        await context.add_init_script("window.prints = 0; window.print = () => { window.prints += 1; };")
        browser = Browser(await context.new_page())
        browser.listen()
        yield browser
        await chromium.close()


async def _text_of(page: Page) -> tuple[int, str]:
    printed = PdfReader(io.BytesIO(await page.pdf(prefer_css_page_size=True)))
    return len(printed.pages), "".join(one.extract_text() for one in printed.pages)


async def test_find_and_print(desk: Desk) -> None:
    """Found by its number, printed on one sheet that holds the summary and nothing of the page; the trail has it."""
    await on_paper(desk, name="Марія <i>Перша</i>")
    async with a_browser(desk) as browser:
        page = browser.page
        await browser.sign_in()
        await browser.find(NUMBER.lower())
        await page.get_by_text("Немає телефону: надрукуйте").wait_for()
        await page.get_by_text("Марія <i>Перша</i>").wait_for()
        await page.get_by_role("button", name="Надрукувати").click()
        await page.get_by_role("heading", name="Довідка готова до друку").wait_for()
        sheet = page.frame_locator("#sheet")
        await sheet.get_by_text("Амоксицилін").wait_for()
        frame = page.frames[1]
        await frame.wait_for_function("window.prints === 1")
        await page.get_by_role("button", name="Надрукувати").click()
        await frame.wait_for_function("window.prints === 2")
        pages, text = await _text_of(page)
        assert pages == 1
        assert [part for part in ("4 8 2 1", "Амоксицилін", "Марія <i>Перша</i>") if part not in text] == [], text
        assert "Довідка готова" not in text
        await page.get_by_role("link", name="Великими літерами").click()
        await page.locator('#sheet[src$="variant=large"]').wait_for()
        await page.frame_locator("#sheet").get_by_text("Амоксицилін").wait_for()
        assert "Оксана Коваль" not in text
        assert browser.complaints == []
        assert browser.hosts == {desk.base_url.removeprefix("http://")}
    assert await rows(desk, "SELECT no, login, why FROM print_trail") == [(1, LOGIN, None)]


async def test_reprint_with_a_reason(desk: Desk) -> None:
    """A second print asks why, by the keyboard, and the reason is on the page and in the trail."""
    notification = await on_paper(desk)
    async with a_browser(desk) as browser:
        page = browser.page
        await browser.sign_in()
        await page.get_by_role("button", name="Надрукувати").click()
        await page.get_by_role("link", name="Назад до сповіщення").click()
        await page.get_by_text("Надруковано").first.wait_for()
        again = page.get_by_role("button", name="Надрукувати ще раз")
        await again.click()  # the browser itself asks for a reason first
        assert page.url.endswith(notification)
        await page.get_by_label("Нечіткий або зіпсований друк").focus()
        await page.keyboard.press("Space")
        await again.press("Enter")
        await page.wait_for_url("**/sheets/2")
        await page.goto(f"/print/{notification}")
        await page.locator(".prints").get_by_text("Нечіткий або зіпсований друк").wait_for()
        assert browser.complaints == []
    assert await rows(desk, "SELECT no, why FROM print_trail ORDER BY no") == [
        (1, None),
        (2, "Нечіткий або зіпсований друк"),
    ]


async def test_the_page_is_live(desk: Desk) -> None:
    """What waits appears, a delivery and a resend are seen without a reload; the focus stays; no connection is told."""
    phone = await by_phone(desk)
    await desk.start(phone)
    async with a_browser(desk) as browser:
        page = browser.page
        await browser.sign_in()
        await page.get_by_text("Наживо", exact=True).wait_for()
        first = await on_paper(desk, name="Перший")
        await page.get_by_text("Перший", exact=True).wait_for()
        await page.locator(f"#print-{first}").focus()
        await on_paper(desk, name="Другий")
        await page.get_by_text("Другий", exact=True).wait_for()
        assert await page.evaluate("document.activeElement.id") == f"print-{first}"
        await page.goto(f"/print/{phone}")
        await page.get_by_role("button", name="Надіслати ще раз: SMS").click()
        await page.get_by_text("SMS: зараз надішлемо").wait_for()
        await desk.deliver(phone)
        await page.get_by_text("доставлено").first.wait_for()
        assert browser.complaints == []
        await page.context.set_offline(True)
        await page.get_by_text("Не наживо: зв'язок втрачено о").wait_for()
        await page.context.set_offline(False)
        await page.get_by_text("Наживо", exact=True).wait_for()


async def test_without_scripts(desk: Desk) -> None:
    """With scripts off one signs in, finds, prints; the page says that it is not live and reloads by itself."""
    await on_paper(desk)
    async with a_browser(desk, java_script_enabled=False) as browser:
        page = browser.page
        await browser.sign_in()
        await page.get_by_text("Не наживо: сторінка оновлюється").wait_for()
        assert await page.locator('meta[http-equiv="refresh"]').count() == 1
        await browser.find(NUMBER)
        await page.get_by_role("button", name="Надрукувати").click()
        await page.frame_locator("#sheet").get_by_text("Амоксицилін").wait_for()
        assert (await _text_of(page))[0] == 1
        assert browser.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1024, 768])
async def test_looks(desk: Desk, width: int, scheme: str) -> None:
    """Nothing overflows, everything that is pressed is big enough for a finger, words stand out from their ground."""
    phone = await by_phone(desk)
    await desk.start(phone)
    paper = await on_paper(desk, name="Прізвище-Надзвичайнодовге " * 8)
    async with a_browser(desk, viewport={"width": width, "height": 900}, color_scheme=scheme) as browser:
        page = browser.page
        await page.goto("/sign-in")
        assert await browser.fits()
        await browser.sign_in()
        for path in ("/print", f"/print/{phone}", f"/print/{paper}"):
            await page.goto(path)
            assert await browser.fits()
            assert await page.evaluate(_SMALL) == []
            assert await page.evaluate(_FAINT) == []
        await page.get_by_role("link", name="English").click()
        await page.get_by_role("link", name="Українська").wait_for()
        assert page.url.endswith(paper)


_SMALL = """() => [...document.querySelectorAll("button, a.button, input, summary")]
  .filter((one) => one.type !== "hidden" && one.type !== "radio" && one.checkVisibility())
  .filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"""

# Contrast by WCAG 2.2 §1.4.3 against the nearest ground that is not transparent.
_FAINT = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const contrast = (one) => {
    const pair = [light(rgb(getComputedStyle(one).color).slice(0, 3)), light(ground(one))].sort((a, b) => b - a);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
  };
  const own = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.body.querySelectorAll("*")].filter((one) => own(one) && one.checkVisibility())
    .filter((one) => contrast(one) < 4.5).map((one) => one.outerHTML);
}"""
