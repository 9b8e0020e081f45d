"""How generated pages are laid out: headings, tables, and values in words.

What belongs here: form. What does not: any page.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
NOTICE = "<!-- Written by scripts/generate_docs.py from the code: change the code and run it again. -->"


def page(title: str, *parts: str) -> str:
    """A page with its title and the notice of who wrote it."""
    return "\n\n".join([f"# {title}", NOTICE, *parts]) + "\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(_line(cells) for cells in (headings, ["---"] * len(headings), *rows))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def mark(value: bool) -> str:
    """``yes``, or nothing."""
    return "yes" if value else ""


def life(seconds: int) -> str:
    """Seconds in the largest unit of which there is one."""
    for unit, length in (("d", 86_400), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:g} {unit}"
    return f"{seconds} s"
