"""A number as marks that machines read: QR and Code 128, as SVG without colours, sizes or text.

What belongs here: from text to shapes. What does not: how large they are drawn and where (``summary.typ``,
``summary.html.j2``).

Code 128 (ISO/IEC 15417) is encoded here: the kept library that gives bars without drawing them loses a leading 99.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

QUIET_MODULES = 10
"""White modules that Code 128 needs at either side; they are part of the shape."""

# Widths of bar, space, bar, space, bar, space by the value of a symbol.
_WIDTHS: list[str] = re.findall(
    "[0-9]{6}",
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 "
    "123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 "
    "232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 "
    "313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 "
    "111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 "
    "111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 "
    "114311 411113 411311 113141 114131 311141 411131 211412 211214 211232",
)
_STOP = "2331112"
_TO_C, _TO_B, _START_B, _START_C = 99, 100, 104, 105
_CHECK_MODULUS = 103

# Pairs of digits take one symbol in set C; going there and back costs two, so a short run of them stays in set B.
_RUN = re.compile(r"^(?:[0-9]{2}){2,}|(?:[0-9]{2}){3,}|(?:[0-9]{2}){2,}$|[ -~]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar code. ``module_count``: its width with the quiet zones; the drawing says how wide one module is."""

    svg: str
    module_count: int


def qr_svg(text: str) -> str:
    """A QR code with error correction M, so that a fold or a stain of a seventh of it does no harm."""
    import segno

    out = io.BytesIO()
    segno.make_qr(text, error="m").save(out, kind="svg", border=0, xmldecl=False, omitsize=True, nl=False)
    return out.getvalue().decode()


def code_128(text: str) -> Bars:
    """A Code 128 of printable ASCII text, one module high: it is stretched to the height that the page has for it."""
    assert text
    assert text.isascii()
    assert text.isprintable()
    symbols = list(_symbols(text))
    check = (symbols[0] + sum(place * symbol for place, symbol in enumerate(symbols))) % _CHECK_MODULUS
    widths = "".join(_WIDTHS[symbol] for symbol in (*symbols, check)) + _STOP
    shapes, at = [], QUIET_MODULES
    for place, width in enumerate(map(int, widths)):
        if place % 2 == 0:
            shapes.append(f"M{at} 0h{width}v1h-{width}z")
        at += width
    at += QUIET_MODULES
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {at} 1" preserveAspectRatio="none"'
        f' shape-rendering="crispEdges"><path d="{"".join(shapes)}"/></svg>'
    )
    return Bars(svg, at)


def _symbols(text: str) -> Iterator[int]:
    """The start symbol and those of the text, in set C where digits come in numbers and in set B elsewhere."""
    in_c: bool | None = None
    for run in _RUN.findall(text):
        wants_c = len(run) > 1
        if in_c is None:
            yield _START_C if wants_c else _START_B
        elif wants_c != in_c:
            yield _TO_C if wants_c else _TO_B
        in_c = wants_c
        if wants_c:
            yield from (int(run[start : start + 2]) for start in range(0, len(run), 2))
        else:
            yield ord(run) - ord(" ")
