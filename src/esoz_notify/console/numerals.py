"""Numbers as readers of a language write them.

What belongs here: commas, points and spaces, and how many figures. What does not: units and words.
"""

from decimal import Decimal


def local(text: str, language: str) -> str:
    """A number that Python wrote, perhaps with commas between thousands, as the language writes it."""
    return text.replace(",", "\u00a0").replace(".", ",") if language == "uk" else text


def number(value: float, language: str) -> str:
    """A number with so many figures as a glance takes in."""
    return local(f"{value:.1f}" if value < 100 else f"{value:.0f}", language)  # noqa: PLR2004 - three figures are enough


def money(value: Decimal, language: str) -> str:
    """A sum, to the hundredth."""
    return local(f"{value:,.2f}", language)
