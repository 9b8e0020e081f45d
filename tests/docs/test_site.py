"""The site of the docs is built without a warning, and is for everybody, from any server and from none."""

import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, async_playwright
from tests.architecture import house
from tests.console.test_browser import CHROMIUM

BUILD_S = 280
HAS_CHROMIUM = Path(CHROMIUM).exists()
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS_PX = (1440, 390)
LOOKED_AT = ("docs/index.html", "docs/uk/console.html")


class Quiet(SimpleHTTPRequestHandler):
    """Any static host."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make docs` builds it; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    made = folder / "site"
    options = ["-q", "-b", "html", "-c", "docs", "-d", str(folder / "pages"), "-E", "-n", "-W", "--keep-going"]
    command = [sys.executable, "-m", "sphinx", *options, ".", str(made)]
    done = subprocess.run(command, cwd=house.ROOT, capture_output=True, text=True, check=False, timeout=BUILD_S)
    assert done.returncode == 0, (
        f"{done.stderr}\na link leads nowhere, or a page is in no row of NAV in docs/conf.py: `make docs` says the same"
    )
    return made


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where a static host serves it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@asynccontextmanager
async def a_reader(asked: list[str], complaints: list[str]) -> AsyncIterator[Page]:
    """A browser that writes down whom it asks and what it complains of."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await chromium.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda one: complaints.append(f"{one.status} {one.url}") if one.status >= 400 else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
        yield page
        await chromium.close()


def test_make_builds_it_so() -> None:
    """`make docs` has the options that this test has: what passes here passes there."""
    text = (house.ROOT / "Makefile").read_text("utf-8")
    assert "sphinx-build -q -b html -c docs -d build/site-pages -E -n -W --keep-going . build/site" in text


async def test_the_site(site: Path, address: str) -> None:
    """It has every paper; axe finds nothing, nobody else is asked, and search works without a server.

    One test, because each process of pytest-xdist would build a site of its own.
    """
    every_paper_is_in(site)
    if not HAS_CHROMIUM:
        pytest.skip("no chromium on this machine: the pages were built and not looked at")
    await it_is_for_everybody(address)
    await search_works_from_a_folder(site)


def every_paper_is_in(site: Path) -> None:
    """Every page of docs and the papers of the root are there, and whoever opens the folder comes to the front page."""
    papers = [path for path in house.files(".md") if path.parent == house.ROOT or house.ROOT / "docs" in path.parents]
    missing = [path for path in papers if not (site / path.relative_to(house.ROOT)).with_suffix(".html").exists()]
    assert missing == []
    assert "docs/index.html" in (site / "index.html").read_text("utf-8")
    assert '<html class="no-js" lang="uk"' in (site / "docs/uk/console.html").read_text("utf-8")


async def it_is_for_everybody(address: str) -> None:
    """Axe finds nothing in both themes and both widths, nothing is too wide, and nobody else is asked."""
    asked: list[str] = []
    complaints: list[str] = []
    found = []
    async with a_reader(asked, complaints) as page:
        await page.goto(f"{address}/index.html")
        await page.wait_for_url("**/docs/index.html")
        for path, theme, width in product(LOOKED_AT, THEMES, WIDTHS_PX):
            await page.emulate_media(color_scheme=theme)
            await page.set_viewport_size({"width": width, "height": 900})
            await page.goto(f"{address}/{path}")
            where = f"{path} ({theme}, {width} px)"
            if not await page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
                found.append(f"{where}: wider than the window")
            for one in (await Axe().run(page)).response["violations"]:
                spots = "; ".join(spot["target"][0] for spot in one["nodes"][:3])
                found.append(f"{where}: {one['id']}: {one['help']}: {spots}")
    assert found == [], "\n".join(found)
    assert complaints == []
    assert [url for url in asked if not url.startswith((f"{address}/", "data:"))] == []


async def search_works_from_a_folder(site: Path) -> None:
    """Without a server, and without the network, a word of a page in Ukrainian leads to it."""
    asked: list[str] = []
    complaints: list[str] = []
    async with a_reader(asked, complaints) as page:
        await page.goto(f"{site.as_uri()}/search.html?q=призупинити")
        await page.locator("#search-results a", has_text="Консоль").first.click()
        await page.get_by_role("heading", name="Провайдери й проби").wait_for()
    assert complaints == []
    assert [url for url in asked if not url.startswith((f"{site.as_uri()}/", "data:"))] == []
