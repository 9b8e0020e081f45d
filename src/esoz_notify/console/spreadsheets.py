"""Cells of files that people open in spreadsheets: none of them is ever calculated.

What belongs here: the guard of one cell. What does not: the form of a file (each export's own).
"""

BOM = "\ufeff"
"""By it spreadsheets know that the file is UTF-8."""

_FORMULAS = tuple("=+-@＝＋－＠")
_BREAKS = ("\t", "\r", "\n")


def harmless(cell: str) -> str:
    """The cell, after an apostrophe where a spreadsheet would run it as a formula (OWASP, CSV injection)."""
    runs = cell.startswith(_BREAKS) or cell.lstrip().startswith(_FORMULAS)
    return f"'{cell}" if runs else cell
