"""The information summary as HTML: escaping, self-containment, and the same sheets as the PDF in a real browser."""

import io
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pypdf
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pytest
import zxingcpp
from playwright.sync_api import Browser, Request, sync_playwright
from tests.render.sheets import CROWDED, FORMS, LOST, PRESCRIPTION, VISIT, form_name, sample

from esoz_notify.core.paper import CodeFate
from esoz_notify.render.summary import HTML_CSP, Form, Paper, Summary, html, pdf

CHROMIUM = os.environ.get("ESOZ_NOTIFY_TEST_CHROMIUM", "chromium")
SIZES_PX = {Paper.A4: (794, 1123), Paper.A5: (559, 794)}


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
    page = html([replace(PRESCRIPTION, details={"medication": attack}, code=attack, document_id=attack, number=attack)])
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") == 6  # the number also names its two marks


def test_nothing_is_fetched_or_run() -> None:
    """No address but the SVG namespace, no script, no form; fonts are data; the policy of all that is in the page."""
    page = html([PRESCRIPTION])
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    assert re.findall(r"<(script|link|img|iframe|form|object)\b|\bsrc=|@import", page) == []
    assert set(re.findall(r"url\((.{22})", page)) == {"data:font/woff2;base64"}
    assert HTML_CSP.replace("'", "&#39;") in page


def test_the_page_names_its_language() -> None:
    """Screen readers choose the voice by it; an unknown language is Ukrainian."""
    assert '<html lang="uk">' in html([replace(PRESCRIPTION, language="pl")])
    assert '<html lang="en">' in html([replace(PRESCRIPTION, language="en")])


def test_a_page_without_a_number_has_no_marks() -> None:
    """A confirmation code alone has nothing to scan."""
    assert "<svg" not in html([replace(sample("confirmation_code"), number=None)])
    page = html([PRESCRIPTION])
    assert 'aria-label="QR-код, у якому записано номер 0000-243P-1X53-EH38"' in page
    assert 'aria-label="Штрихкод Code 128, у якому записано номер 0000-243P-1X53-EH38"' in page


def test_documents_that_do_not_fit_are_pages_of_their_own() -> None:
    """As in the PDF: together where they fit, a page each where they do not, one heading per document."""
    together, apart = html(VISIT), html(VISIT, Form(Paper.A5))
    assert (together.count("<main"), apart.count("<main")) == (1, len(VISIT))
    assert together.count("<h1>") == apart.count("<h1>") == len(VISIT)


@pytest.mark.browser
@pytest.mark.parametrize("form", FORMS, ids=form_name)
@pytest.mark.parametrize(
    "page",
    [PRESCRIPTION, replace(LOST, code_fate=CodeFate.ERASED), *CROWDED.values()],
    ids=["usual", "no code", *CROWDED],
)
def test_the_page_prints_on_one_sheet(browser: Browser, page: Summary, form: Form) -> None:
    """Printed by a browser: one sheet, nothing wider, nothing under the closing lines, and no request made."""
    width, height = SIZES_PX[form.paper]
    tab = browser.new_page(viewport={"width": width, "height": height})
    requests: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith("data:"):
            requests.append(request.url)

    tab.on("request", note)
    tab.set_content(html([page], form))
    tab.wait_for_function("document.fonts.ready.then(() => document.fonts.check('12px \"Summary Sans\"'))")
    printed = pypdf.PdfReader(io.BytesIO(tab.pdf(prefer_css_page_size=True)))
    tab.emulate_media(media="print")
    gap = tab.evaluate("""() => { const footer = document.querySelector('footer .fraud');
        const section = document.querySelector('section');
        return footer.getBoundingClientRect().top - section.getBoundingClientRect().bottom }""")
    shown = tab.evaluate("() => document.documentElement.scrollWidth")
    tab.close()
    assert len(printed.pages) == 1
    assert gap >= 0
    assert shown <= width
    assert requests == []


def _image(document: bytes) -> object:
    return pypdfium2.PdfDocument(document)[0].render(scale=150 / 72, grayscale=True).to_pil().convert("L")


def _places(document: bytes) -> dict[str, tuple[float, float]]:
    """Where both marks are on the printed page, as shares of its width and height, by their format."""
    image = _image(document)
    width, height = image.size  # type: ignore[attr-defined]
    found = zxingcpp.read_barcodes(image)
    assert {one.text for one in found} == {PRESCRIPTION.number}
    corners = {str(one.format): (one.position.top_left, one.position.bottom_right) for one in found}
    return {
        name: ((first.x + last.x) / 2 / width, (first.y + last.y) / 2 / height)
        for name, (first, last) in corners.items()
    }


@pytest.mark.browser
@pytest.mark.parametrize("form", FORMS, ids=form_name)
def test_a_browser_prints_what_the_pdf_shows(browser: Browser, form: Form) -> None:
    """The same letters of the same font, and both marks, readable, within a hundredth of the page."""
    tab = browser.new_page()
    tab.set_content(html([PRESCRIPTION], form))
    tab.wait_for_function("document.fonts.ready.then(() => true)")
    printed = tab.pdf(prefer_css_page_size=True)
    tab.close()
    drawn = pdf([[PRESCRIPTION]], form)
    by_browser, by_us = _places(printed), _places(drawn)
    assert by_browser.keys() == by_us.keys()
    assert len(by_us) == 2
    for name, (across, down) in by_us.items():
        assert by_browser[name] == pytest.approx((across, down), abs=0.01)
    words = {
        re.sub(r"[\s\u00ad-]", "", pypdf.PdfReader(io.BytesIO(one)).pages[0].extract_text()) for one in (printed, drawn)
    }
    assert len(words) == 1
