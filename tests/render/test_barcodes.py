"""QR and Code 128 as shapes, read back by a decoder that is not ours."""

import io
import re
import xml.etree.ElementTree as ET

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from esoz_notify.core.numbers import GROUPED, NumberFormat, parse
from esoz_notify.render.barcodes import QUIET_MODULES, code_128, qr_svg

CODE_128 = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.Code128)
NUMBERS = st.sampled_from(sorted(GROUPED)).flatmap(
    lambda name: st.text(
        alphabet=GROUPED[name].alphabet, min_size=GROUPED[name].length, max_size=GROUPED[name].length
    ).map(lambda symbols: parse(name, symbols))
)


def _drawn_bars(svg: str, module_count: int) -> Image.Image:
    """The shape with three pixels a module, from nothing but its path."""
    image = Image.new("L", (module_count * 3, 60), 255)
    drawing = ImageDraw.Draw(image)
    for start, width in re.findall(r"M(\d+) 0h(\d+)v1h-\d+z", svg):
        drawing.rectangle((int(start) * 3, 0, (int(start) + int(width)) * 3 - 1, 59), fill=0)
    return image


@settings(max_examples=200)
@given(NUMBERS)
def test_every_number_is_read_back_from_its_bars(number: str) -> None:
    """Whatever ESOZ's generators make, a scanner types exactly that."""
    bars = code_128(number)
    (read,) = zxingcpp.read_barcodes(_drawn_bars(bars.svg, bars.module_count))
    assert (read.format, read.text) == (zxingcpp.BarcodeFormat.Code128, number)


@settings(max_examples=200)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=24).filter(str.strip))
def test_any_printable_text_is_read_back(text: str) -> None:
    """Both sets and every way between them."""
    bars = code_128(text)
    (read,) = zxingcpp.read_barcodes(_drawn_bars(bars.svg, bars.module_count), formats=CODE_128)
    assert read.bytes == text.encode()


@pytest.mark.parametrize("number", ["9900-0000-0000", "99", "9999", "0099-9999-9999"])
def test_a_pair_that_is_also_the_way_to_another_set(number: str) -> None:
    """99 is two digits in one set and a command in the other; a leading one must not be lost."""
    bars = code_128(number)
    (read,) = zxingcpp.read_barcodes(_drawn_bars(bars.svg, bars.module_count), formats=CODE_128)
    assert read.text == number


@given(NUMBERS)
def test_bars_have_their_quiet_zones(number: str) -> None:
    """White at both sides, or a scanner finds no beginning."""
    bars = code_128(number)
    spans = [(int(start), int(width)) for start, width in re.findall(r"M(\d+) 0h(\d+)v1h", bars.svg)]
    assert spans[0][0] == QUIET_MODULES
    assert sum(spans[-1]) == bars.module_count - QUIET_MODULES
    assert ET.fromstring(bars.svg).attrib["viewBox"] == f"0 0 {bars.module_count} 1"  # noqa: S314 - our own text


def test_the_widest_number_fits_the_smallest_paper() -> None:
    """On A5, 126 mm are free; beside the QR code and the gap, 98 mm are left for bars of 0.36 mm."""
    widest = max(code_128(parse(NumberFormat.REQUISITION, letters * 16)).module_count for letters in "0AX")
    assert widest * 0.36 <= 126 - 24 - 4


def test_a_qr_code_is_one_shape_without_a_size() -> None:
    """The page says how large it is and what it means; the SVG brings nothing but squares."""
    root = ET.parse(io.StringIO(qr_svg("0000-243P-1X53-EH38"))).getroot()  # noqa: S314 - our own text
    assert "viewBox" in root.attrib
    assert "width" not in root.attrib
    assert [child.tag.rpartition("}")[2] for child in root] == ["path"]
