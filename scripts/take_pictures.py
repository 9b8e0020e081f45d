"""Take the pictures of pages that the README shows: starts the service with the lab, clicks, photographs.

Usage: .venv/bin/python scripts/take_pictures.py [FOLDER]   (FOLDER: docs/img unless given)
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from esoz_notify.settings import environment_for_child

CHROMIUM = os.environ.get("ESOZ_NOTIFY_TEST_CHROMIUM", "/usr/bin/chromium")
LIMIT_MS = 30_000


@contextmanager
def served() -> Iterator[tuple[str, dict[str, Any]]]:
    """The lab's address and the written caller, of a service started for the pictures."""
    with tempfile.TemporaryDirectory(prefix="esoz-notify-pictures-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, PostgreSQL's account passes through it
        command = [
            sys.executable,
            "-m",
            "esoz_notify.cli",
            "up",
            "--lab",
            "--data",
            str(folder / "data"),
            "--port",
            "0",
        ]
        with subprocess.Popen(
            command, env=environment_for_child(log_level="ERROR"), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                ready = next(line for line in process.stdout if line.startswith("ready "))
                yield ready.split("lab ")[1].split()[0], json.loads((folder / "data" / "dev-client.json").read_text())
            finally:
                process.terminate()


def wall(page: Page, lab_url: str, folder: Path) -> None:
    """The phone wall after a child, an adult, a button phone and somebody without a phone were told."""
    page.goto(lab_url)
    for name in ("Марійка", "Олена", "Дід Петро", "Баба Ганна"):
        page.locator("#patients label", has_text=name).click()
        page.get_by_role("button", name="Повідомити").click()
        page.locator("#said", has_text=name).wait_for(timeout=LIMIT_MS)
    page.locator(".phone li.sms").wait_for(timeout=LIMIT_MS)
    page.get_by_text("прочитано").nth(1).wait_for(timeout=LIMIT_MS)
    page.locator(".sheet iframe").wait_for()
    page.wait_for_timeout(2000)  # the sheet leaves the printer
    page.screenshot(path=folder / "wall.png")


def console(page: Page, told: dict[str, Any], folder: Path) -> None:
    """The console's pages, as an operator sees them after the wall's patients were told."""
    base, operator = told["base_url"].rstrip("/"), told["operator"]
    page.goto(f"{base}/sign-in")
    page.locator("#login").fill(operator["login"])
    page.locator("#password").fill(operator["password"])
    page.keyboard.press("Enter")
    page.locator(".live.on").first.wait_for(timeout=LIMIT_MS)
    page.screenshot(path=folder / "now.png")
    page.goto(f"{base}/find")
    page.screenshot(path=folder / "find.png")
    page.locator("tr", has_text="→").locator('a[href^="/notifications/"]').first.click()
    page.locator(".live.on").first.wait_for(timeout=LIMIT_MS)
    page.screenshot(path=folder / "notification.png")
    for name in ("policies", "texts", "audit"):
        page.goto(f"{base}/{name}")
        page.screenshot(path=folder / f"{name}.png")


def main() -> None:
    """Take them all."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/img")
    with served() as (lab_url, told), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1010})
        wall(page, lab_url, folder)
        console(browser.new_page(viewport={"width": 1280, "height": 860}), told, folder)
        browser.close()
    sys.stdout.write(f"taken: {', '.join(sorted(path.name for path in folder.glob('*.png')))}\n")


if __name__ == "__main__":
    main()
