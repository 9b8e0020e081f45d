"""The information summary as HTML: escaping, self-containment, and one printed sheet in a real browser."""

import io
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pypdf
import pytest
from playwright.sync_api import Browser, Request, sync_playwright

from esoz_notify.render.summary import HTML_CSP, Summary, html
from esoz_notify.render.summary_words import DETAILS

CHROMIUM = os.environ.get("ESOZ_NOTIFY_TEST_CHROMIUM", "chromium")
SUMMARY = Summary(
    document_id="0198c0de-0000-7000-8000-000000000001",
    kind="prescription_issued",
    number="0000-243P-1X53-EH38",
    code="4071",
    valid_until=datetime(2026, 11, 23, 10, tzinfo=UTC),
    issued_at=datetime(2026, 11, 22, 8, 5, tzinfo=UTC),
    details={"patient_name": "Ґалаґан Є. Ї.", "medication": "Амлодипін", "doctor_phone": "+380 00 000 00 12"},
)
LONG = ("Приймати по одній таблетці тричі на день після їжі, запиваючи склянкою води; " * 6)[:400]


def _full(value: str) -> Summary:
    details = {detail.key: value for detail in DETAILS if detail.belongs_to("prescription_issued")}
    return replace(SUMMARY, details=details, number="MMMM-MMMM-MMMM-MMMM", code="40717071")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, or the one that the environment names."""
    executable = shutil.which(CHROMIUM)
    if executable is None:
        pytest.skip("no chromium on this machine")
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def test_markup_in_data_is_text() -> None:
    """Strict escaping: a tag in any place a caller reaches is shown, not obeyed."""
    attack = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
    page = html(
        replace(SUMMARY, details={"medication": attack}, code=None, code_note=attack, document_id=attack, number=attack)
    )
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") == 5  # the number also names its QR code


def test_nothing_is_fetched_or_run() -> None:
    """No address but the SVG namespace, no script, no form; the policy that forbids them is in the page."""
    page = html(SUMMARY)
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    assert re.findall(r"<(script|link|img|iframe|form|object)\b|\bsrc=|url\(|@import", page) == []
    assert HTML_CSP.replace("'", "&#39;") in page


def test_the_page_names_its_language() -> None:
    """Screen readers choose the voice by it; an unknown language is Ukrainian."""
    assert '<html lang="uk">' in html(replace(SUMMARY, language="pl"))
    assert '<html lang="en">' in html(replace(SUMMARY, language="en"))


def test_a_page_without_a_number_has_no_qr_code() -> None:
    """A confirmation code alone has nothing to scan."""
    assert "<svg" not in html(replace(SUMMARY, kind="confirmation_code", number=None))
    assert 'aria-label="QR-код, у якому записано номер 0000-243P-1X53-EH38"' in html(SUMMARY)


@pytest.mark.browser
@pytest.mark.parametrize(
    "page",
    [SUMMARY, replace(SUMMARY, code=None), _full(LONG), _full("Щ" * 400), _full("ю" * 400)],
    ids=["usual", "no code", "long", "wide", "one word"],
)
def test_the_page_prints_on_one_sheet(browser: Browser, page: Summary) -> None:
    """Printed by a browser: one A4 sheet, nothing wider, nothing under the closing lines, and no request made."""
    tab = browser.new_page(viewport={"width": 673, "height": 1028})
    requests: list[str] = []

    def note(request: Request) -> None:
        requests.append(request.url)

    tab.on("request", note)
    tab.set_content(html(page))
    printed = pypdf.PdfReader(io.BytesIO(tab.pdf(prefer_css_page_size=True)))
    tab.emulate_media(media="print")
    gap = tab.evaluate("""() => { const footer = document.querySelector('footer');
        return footer.getBoundingClientRect().top - footer.previousElementSibling.getBoundingClientRect().bottom }""")
    width = tab.evaluate("() => document.documentElement.scrollWidth")
    tab.close()
    assert len(printed.pages) == 1
    assert gap >= 0
    assert width <= 673
    assert requests == []
