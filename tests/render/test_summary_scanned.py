"""The printed page read back as a scanner would: at 150 dpi, turned, folded, by a decoder that is not ours."""

from collections.abc import Callable

import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter
from tests.render.sheets import CROWDED, FORMS, PRESCRIPTION, TYPES, VISIT, form_name

from esoz_notify.render.summary import Form, Summary, pdf

DPI = 150
BOTH = {zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.Code128}


def _scanned(document: bytes) -> Image.Image:
    page = pypdfium2.PdfDocument(document)[0]
    image: Image.Image = page.render(scale=DPI / 72, grayscale=True).to_pil().convert("L")
    return image


def _turned(image: Image.Image) -> Image.Image:
    """Laid on the glass askew by two degrees."""
    return image.rotate(2, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=255)


def _folded(image: Image.Image) -> Image.Image:
    """Folded where it hurts most: a dark crease across the marks, and one down through each of them."""
    folded = image.copy()
    drawing = ImageDraw.Draw(folded)
    width, height = image.size
    for down in (0.16, 0.18):
        drawing.line((0, height * down, width, height * down + 6), fill=90, width=2)
    drawing.line((width * 0.86, 0, width * 0.865, height), fill=200, width=2)
    return folded.filter(ImageFilter.GaussianBlur(0.4))


def _as_it_is(image: Image.Image) -> Image.Image:
    return image


def _found(image: Image.Image) -> set[tuple[zxingcpp.BarcodeFormat, str]]:
    return {(one.format, one.text) for one in zxingcpp.read_barcodes(image)}


@pytest.mark.parametrize("spoil", [_as_it_is, _turned, _folded], ids=["flat", "askew", "folded"])
@pytest.mark.parametrize("form", FORMS, ids=form_name)
def test_both_marks_are_read_from_every_form(form: Form, spoil: Callable[[Image.Image], Image.Image]) -> None:
    """QR and Code 128 give the number from every paper and wording, flat, askew by two degrees, and with folds."""
    image = spoil(_scanned(pdf([[PRESCRIPTION]], form)))
    assert _found(image) == {(mark, PRESCRIPTION.number) for mark in BOTH}


@pytest.mark.parametrize("spoil", [_turned, _folded], ids=["askew", "folded"])
@pytest.mark.parametrize("summary", [*TYPES, CROWDED["wide"]], ids=lambda one: one.kind)
def test_both_marks_are_read_from_every_type(summary: Summary, spoil: Callable[[Image.Image], Image.Image]) -> None:
    """Of every document type, also on a page that is full to the edge."""
    assert _found(spoil(_scanned(pdf([[summary]])))) == {(mark, summary.number) for mark in BOTH}


def test_the_marks_of_a_visit_do_not_disturb_each_other() -> None:
    """Two documents on one sheet: four marks, each with its own number."""
    found = _found(_turned(_scanned(pdf([VISIT]))))
    assert found == {(mark, one.number) for one in VISIT for mark in BOTH}
