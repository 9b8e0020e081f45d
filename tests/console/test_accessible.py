"""Every page that stands by itself is for everybody, as far as a program can tell."""

import pytest
from tests.api.desk import Desk
from tests.console.accessible import findings
from tests.console.test_browser import a_browser
from tests.console.test_browser import pytestmark as in_a_browser
from tests.console.visitor import PASSWORD, by_phone, on_paper

from esoz_notify.console.menu import MENU

pytestmark = in_a_browser


@pytest.mark.parametrize("path", [*(one.path for one in MENU), "/account", "/sign-in"])
async def test_nothing_forbidden_on_a_page(desk: Desk, path: str) -> None:
    """Nothing that WCAG 2.2 AA forbids, in both languages, both themes and both widths; nothing is wider than these."""
    await desk.people.add("operator", "Ніна Нічна", "operator", "mis-1", PASSWORD)
    await by_phone(desk)
    await on_paper(desk)
    async with a_browser(desk) as browser:
        if path != "/sign-in":
            await browser.enter("operator")
        assert await findings(browser, path) == []
        assert browser.complaints == []
