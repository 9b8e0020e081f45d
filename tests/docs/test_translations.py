"""Pages in Ukrainian say what their originals say now, in the words of the service's own pages.

A translation names its original, and the version of it that it translates, at its head.
"""

import hashlib
import re
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt
from tests.architecture import house

UK = house.ROOT / "docs" / "uk"
PAGES = sorted(path for path in UK.glob("*.md") if path.name != "index.md")
_HEAD = re.compile(r"---\n(.*?)\n---\n", re.DOTALL)
_QUOTED = re.compile(r"«([^»]+)»")


def version(original: Path) -> str:
    """The version of a page: enough of the digest of its text."""
    return hashlib.sha256(original.read_bytes()).hexdigest()[:16]


def headings(text: str) -> list[str]:
    """The levels of a page's headings, in order."""
    return [token.tag for token in MarkdownIt("commonmark").parse(text) if token.type == "heading_open"]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_translation_is_of_the_page_as_it_is(page: Path) -> None:
    """Whoever changes an original looks at its translation, and says so by the version at its head."""
    text = page.read_text("utf-8")
    head = _HEAD.match(text)
    original = house.ROOT / "docs" / page.name
    wanted = f"---\ntranslates: docs/{page.name}\nversion: {version(original)}\n---"
    told = f"docs/uk/{page.name} must begin with\n{wanted}\n"
    assert head is not None, told
    found = yaml.safe_load(head[1])
    assert found["translates"] == f"docs/{page.name}", told
    assert str(found["version"]) == version(original), (
        f"docs/{page.name} was changed and docs/uk/{page.name} was not looked at: bring the translation up to it where "
        f"the change concerns its readers; then it {told}"
    )
    same = headings(text[head.end() :]) == headings(original.read_text("utf-8"))
    assert same, f"docs/uk/{page.name} has other headings than docs/{page.name}: each part must be found in both"


def test_words_in_quotes_are_those_of_the_pages() -> None:
    """What stands in «quotes» is a word that the service shows, to the letter: a reader looks for it there."""
    shown = [
        text
        for folder in ("console", "render")
        for path in house.modules(house.SRC / folder)
        for _, text in house.texts(house.tree(path))
    ]
    strange = [
        f"docs/uk/{page.name}: «{quoted}»"
        for page in UK.glob("*.md")
        for quoted in _QUOTED.findall(" ".join(page.read_text("utf-8").split()))
        if not any(quoted in text for text in shown)
    ]
    assert strange == [], "in quotes stand only words that the pages of the service show: " + "; ".join(strange)
