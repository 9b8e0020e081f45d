"""A walk over every page in a real browser: nothing blocked, nobody else asked, nobody told in addresses."""

import re
from dataclasses import dataclass, field

from tests.api.desk import PHONE, Desk
from tests.console.test_browser import Browser, a_browser, pytestmark
from tests.console.test_passkeys import localhost
from tests.console.visitor import LOGIN, NUMBER, ON_PAPER_ID, PASSWORD, by_phone, do, on_paper

from esoz_notify.console.app import HANDLERS

__all__ = ["pytestmark"]
NAME = 'Марія <script>alert(1)</script> "Перша"'
# What no walk by links reaches: parts of pages, files, what another site sends back to, and what waits for a factor.
APART = {
    "/",
    "/assets/{name:str}",
    "/language/{chosen:str}",
    "/print/waiting",
    "/now/live",
    "/now/stream",
    "/print/{notification_id:uuid}/state",
    "/notifications/{notification_id:uuid}/live",
    "/bulk/{file_id:uuid}/live",
    "/bulk/{file_id:uuid}/stream",
    "/notifications/{notification_id:uuid}/receipts/{no:int}",
    "/print/{notification_id:uuid}/sheets/{no:int}/{form:str}",
    "/sign-in/oidc",
    "/sign-in/oidc/back",
    "/sign-in/second",
    "/account/second",
}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BLOCKED = """document.addEventListener("securitypolicyviolation", (one) => console.error("blocked", one.blockedURI))"""


@dataclass
class Walk:
    """A walk, and where it has been."""

    browser: Browser
    home: str
    seen: set[str] = field(default_factory=set)

    async def look(self, path: str | None = None) -> None:
        """Look at a page: it fits, and neither its address nor its title tells of anybody."""
        page = self.browser.page
        if path is not None:
            await page.goto(path)
        self.seen.add(_UUID.sub("UUID", re.sub(r"\?.*", "", page.url.removeprefix(self.home))))
        told = f"{page.url} {await page.title()}"
        personal = (NUMBER, "243P", PHONE, ON_PAPER_ID, "Марія", "Перша", LOGIN, "operator@", "Пацієнт питає")
        assert [one for one in personal if one in told] == [], told
        assert await self.browser.fits()

    async def press(self, name: str) -> None:
        """Press a button."""
        await self.browser.page.get_by_role("button", name=name).first.click()


async def _search(walk: Walk, paper: str) -> None:
    page = walk.browser.page
    await walk.look("/sign-in")
    await page.get_by_label("Логін").fill("operator")
    await page.get_by_label("Пароль").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Зараз").wait_for()
    await walk.look("/print")
    await page.get_by_text(NAME).first.wait_for()
    for wanted, told in (("nothing such", "Нічого не знайдено"), (NUMBER, "Знайдено: 2"), (paper, "Друк довідки")):
        await page.locator("#wanted").fill("")
        await walk.browser.find(wanted)
        await page.get_by_text(told).first.wait_for()
        await walk.look()
    await page.get_by_text(NAME).first.wait_for()


async def _reveal_and_print(walk: Walk, phone: str, paper: str) -> None:
    page = walk.browser.page
    await page.goto(f"/print/{phone}")
    await page.get_by_text("Показати номер або текст").click()
    await page.get_by_label("Навіщо?").fill("Пацієнт питає")
    await page.locator(".reveal").get_by_role("button", name="Номер телефону").click()
    await page.get_by_role("heading", name="Підтвердьте, що це ви").wait_for()
    await walk.look()
    await page.get_by_label("Пароль").fill(PASSWORD)
    await walk.press("Підтвердити")
    await page.get_by_text(PHONE).wait_for()
    await walk.look()
    await walk.look(f"/notifications/{paper}")
    await page.goto(f"/print/{paper}")
    await walk.press("Надрукувати")
    await page.frame_locator("#sheet").get_by_text("Амоксицилін").wait_for()
    await walk.look()


async def _account(walk: Walk) -> None:
    page = walk.browser.page
    await walk.look("/now")
    await walk.look("/find")
    await walk.look("/providers")
    await walk.look("/providers/carrier")
    await walk.look("/crisis")
    await walk.look("/bulk")
    file = {"name": "rows.csv", "mimeType": "text/csv", "buffer": b"kind;phone"}
    await page.locator("#file").set_input_files(file)  # type: ignore[arg-type]
    await walk.press("Перевірити")
    await page.get_by_text("Перевіряємо").first.wait_for()
    await walk.look()
    await walk.look("/policies")
    await page.get_by_role("link", name="Підготувати нову").click()
    await walk.look()
    await page.get_by_label("Навіщо ця зміна").fill("Перевірка")
    await walk.press("Перевірити й зберегти чернетку")
    await page.get_by_text("Потрібна інша людина").wait_for()
    await walk.look()
    await page.get_by_role("link", name="Спробувати на вчорашніх рішеннях").click()
    await page.get_by_role("heading", name="Проба на вчорашніх рішеннях").wait_for()
    await walk.look()
    await walk.look("/texts")
    await page.get_by_role("link", name="українською, без коду").first.click()
    await walk.look()
    for path in ("/callers", "/callers/mis-1", "/people", "/people/operator", "/audit"):
        await walk.look(path)
    await walk.look("/callers/mis-1/webhooks")
    await walk.look("/account")
    await walk.press("Додати застосунок із кодами")
    await page.get_by_role("img", name="QR-код").wait_for()
    await walk.look()
    await page.goto("/account")
    await walk.press("Додати ключ доступу")
    await page.get_by_role("button", name="Створити ключ доступу").wait_for()
    await walk.look()


def _named(path: str) -> str:
    """An address with the names of those that the walk looks at."""
    names = {
        "/texts/{name:str}": "/texts/prescription_issued.uk.without_verification_code",
        "/providers/{name:str}": "/providers/carrier",
        "{login:str}": "operator",
        "{client_id:str}": "mis-1",
    }
    for spot, name in names.items():
        path = path.replace(spot, name)
    return path


async def test_every_page(desk: Desk) -> None:
    """Signing in, searching, a card, showing a phone, printing, the account, enrolling, the switch, a mistake."""
    await desk.people.add("operator", NAME, "operator", "mis-1", PASSWORD)
    phone, paper = await by_phone(desk), await on_paper(desk, name=NAME)
    async with a_browser(desk, base_url=localhost(desk)) as browser:
        walk = Walk(browser, localhost(desk))
        await browser.page.add_init_script(_BLOCKED)
        await _search(walk, paper)
        await do(desk, "UPDATE session SET fresh_at = ledger_now() - interval '6 minutes'")
        await _reveal_and_print(walk, phone, paper)
        await _account(walk)
        assert browser.complaints == []
        assert browser.hosts == {localhost(desk).removeprefix("http://")}
        await walk.look("/print/nothing")
    pages = {min(one.paths) for one in HANDLERS if "GET" in one.http_methods} - APART
    wanted = {re.sub(r"\{\w+:int\}", "1", re.sub(r"\{\w+:uuid\}", "UUID", _named(path))) for path in pages}
    assert wanted - walk.seen == set()
