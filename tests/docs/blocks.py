"""Finds every block of code in the papers, and the commands that stand in them.

What belongs here: reading Markdown and shell words. What does not: what becomes of a block (``fates``, ``session``).
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt
from tests.architecture import house

BETWEEN_COMMANDS = {"&&", "||", "|", ";", "&"}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code. ``words``: what stands after its language, such as ``shape=Problem``."""

    page: str
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def where(self) -> str:
        """File and line, for a message."""
        return f"{self.page}:{self.line}"

    def said(self, name: str) -> str | None:
        """The value of a word ``name=value``."""
        return next((word.partition("=")[2] for word in self.words if word.startswith(f"{name}=")), None)


@cache
def pages() -> tuple[str, ...]:
    """The papers whose examples are held: docs, and those of the root that tell somebody to do something."""
    names = (path.relative_to(house.ROOT).as_posix() for path in house.files(".md"))
    return tuple(name for name in names if name.startswith("docs/") or name in {"README.md", "CONTRIBUTING.md"})


@cache
def blocks() -> tuple[Block, ...]:
    """Every block of every paper, fenced or indented, in order."""
    return tuple(block for page in pages() for block in blocks_of(page, (house.ROOT / page).read_text("utf-8")))


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """The blocks of one paper."""
    for token in MarkdownIt("commonmark").parse(text):
        if token.type in {"fence", "code_block"}:
            first, *words = [*token.info.split(), ""][: max(1, len(token.info.split()))]
            yield Block(page, (token.map or [0])[0] + 1, first, tuple(words), token.content)


def spoken_commands(page: str) -> Iterator[tuple[int, str]]:
    """Commands in the middle of a sentence: line, and what stands between the backticks."""
    text = (house.ROOT / page).read_text("utf-8")
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        for child in token.children or ():
            if child.type == "code_inline" and re.match(r"(esoz-notify|make) \S", child.content):
                yield (token.map or [0])[0] + 1, child.content


def commands(script: str) -> Iterator[list[str]]:
    """The simple commands of a script: their words, without assignments before them and without redirections."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        command: list[str] = []
        around: list[list[str]] = []
        words = iter(lexer)
        for word in words:
            if word in BETWEEN_COMMANDS:
                yield from ([command] if command else [])
                command = []
            elif word == "(":
                around.append(command)
                command = []
            elif word == ")":
                yield from ([command] if command else [])
                command = around.pop()
            elif set(word) <= {"<", ">", "&"}:
                next(words, None)
            elif command or not _ASSIGNMENT.match(word):
                command.append(word)
        yield from ([command] if command else [])
