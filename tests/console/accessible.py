"""Whether a page is for everybody: axe in both languages, both themes and both widths.

Findings of axe's best practices count too, not only those that WCAG 2.2 AA forbids.
"""

from itertools import product
from typing import Literal

from axe_playwright_python.async_playwright import Axe
from tests.console.test_browser import Browser

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS_PX = (1440, 390)


async def findings(browser: Browser, path: str) -> list[str]:
    """What is wrong with the page ``path`` of whoever is signed in; empty is good. Leaves the browser in Ukrainian."""
    page, found = browser.page, []
    for language, theme in product(("en", "uk"), THEMES):
        await page.emulate_media(color_scheme=theme)
        await page.goto(f"/language/{language}?back={path}")
        if page.url.partition("?")[0].rpartition("/")[2] != path.partition("?")[0].rpartition("/")[2]:
            found.append(f"{path}: went to {page.url} instead")
        for width in WIDTHS_PX:
            await page.set_viewport_size({"width": width, "height": 900})
            where = f"{path} ({language}, {theme}, {width} px)"
            if not await browser.fits():
                found.append(f"{where}: wider than the window")
            seen = await Axe().run(page)
            for one in seen.response["violations"]:
                spots = "; ".join(spot["target"][0] for spot in one["nodes"][:3])
                found.append(f"{where}: {one['id']}: {one['help']}: {spots}")
    return found
